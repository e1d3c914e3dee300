// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IRevenueSharing} from "contracts/interfaces/IRevenueSharing.sol";

/// Signer of one institution: does and signs (ERC-1271) whatever its crowd wants.
contract Puppet {
    address private immutable CROWD = msg.sender;

    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return 0x1626ba7e;
    }

    function act(address target, bytes calldata data) external returns (bool done, bytes memory answer) {
        require(msg.sender == CROWD);
        return target.call(data);
    }
}

/// Many institutions at once, and the clearing house of their register and agreements: what takes a thousand
/// transactions otherwise takes one.
contract Crowd {
    struct Act {
        uint256 puppet;
        address target;
        bytes data;
    }

    uint64 public openCycles;
    Puppet[] public puppets;

    /// An act was refused, with what it reverts with.
    event Refused(uint256 place, bytes answer);

    /// What a settlement would have moved.
    event Changed(uint256[] movements);

    function engage(uint256 count) external {
        for (uint256 i = 0; i < count; ++i) puppets.push(new Puppet());
    }

    function all() external view returns (Puppet[] memory) {
        return puppets;
    }

    function play(Act[] calldata acts) external {
        for (uint256 i = 0; i < acts.length; ++i) {
            (bool done, bytes memory answer) = puppets[acts[i].puppet].act(acts[i].target, acts[i].data);
            if (!done) emit Refused(i, answer);
        }
    }

    /// Commission as a settlement brings it; nothing moves.
    function accrue(IRevenueSharing revenue, uint16 currency, uint256[] calldata accruals) external {
        emit Changed(revenue.accrue(currency, accruals));
    }
}

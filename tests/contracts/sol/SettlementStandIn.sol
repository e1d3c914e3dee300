// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC6909} from "@openzeppelin/contracts/interfaces/IERC6909.sol";
import {IAssetRegister} from "contracts/interfaces/IAssetRegister.sol";

/// Stands where a register expects its clearing house or its revenue sharing contract, and settles whatever it is given.
contract SettlementStandIn {
    uint64 public openCycles;

    function setOpenCycles(uint64 count) external {
        openCycles = count;
    }

    function settle(IAssetRegister register, uint256[] calldata movements) external {
        register.settle(movements);
    }

    /// The balance of each owner in each id, owner by owner.
    function balances(IERC6909 register, address[] calldata owners, uint256[] calldata ids)
        external
        view
        returns (uint256[] memory found)
    {
        found = new uint256[](owners.length * ids.length);
        for (uint256 i = 0; i < owners.length; ++i) {
            for (uint256 j = 0; j < ids.length; ++j) {
                found[i * ids.length + j] = register.balanceOf(owners[i], ids[j]);
            }
        }
    }
}

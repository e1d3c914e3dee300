// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Does one of everything that a chain shows, so that engines can be compared.
contract Probe {
    uint256 public number;
    mapping(uint256 => uint256) public slots;

    event Stored(uint256 indexed slot, uint256 value, address sender);

    error Probe_Refused(uint256 code, bytes reason);

    function store(uint256 slot, uint256 value) external {
        slots[slot] = value;
        number += 1;
        emit Stored(slot, value, msg.sender);
    }

    function swallow(bytes calldata data) external {
        number = uint256(keccak256(data));
    }

    function refuse(uint256 code, bytes calldata reason) external {
        number += 1;
        revert Probe_Refused(code, reason);
    }

    function refuseWithoutData() external pure {
        assembly {
            revert(0, 0)
        }
    }

    function divide(uint256 a, uint256 b) external pure returns (uint256) {
        return a / b;
    }

    function invalid() external pure {
        assembly {
            invalid()
        }
    }

    function spin() external {
        while (true) number += 1;
    }

    function surroundings() external view returns (address, uint256, uint256, uint256, uint256, uint256, uint256) {
        return (
            msg.sender, block.number, block.timestamp, block.chainid, block.basefee, block.prevrandao, block.gaslimit
        );
    }

    function record() external {
        emit Stored(block.number, block.prevrandao, block.coinbase);
        emit Stored(block.timestamp, uint256(blockhash(block.number - 1)), tx.origin);
    }
}

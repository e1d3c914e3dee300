// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IClearingHouse} from "contracts/interfaces/IClearingHouse.sol";
import {Status} from "contracts/types/Types.sol";

/// Stands where a clearing house expects one of the contracts that keep conditions, fails and defaults.
contract Office {
    mapping(bytes32 batchHash => mapping(uint256 position => bool)) public partialAllowed;

    function allow(bytes32 batchHash, uint256 position) external {
        partialAllowed[batchHash][position] = true;
    }

    function setStatus(IClearingHouse house, bytes32 batchHash, uint256 position, Status to) external {
        house.setStatus(batchHash, position, to);
    }
}

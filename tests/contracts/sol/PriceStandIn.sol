// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IClearingHouse} from "contracts/interfaces/IClearingHouse.sol";
import {Status} from "contracts/types/Types.sol";

/// Stands where a default fund expects the contract that has prices, and says what it was told, to the clearing house too.
contract PriceStandIn {
    mapping(uint16 venue => mapping(uint32 day => mapping(uint16 currency => mapping(uint16 asset => uint128)))) public
        priceOf;

    function setPrice(uint16 venue, uint32 day, uint16 currency, uint16 asset, uint128 price) external {
        priceOf[venue][day][currency][asset] = price;
    }

    function setStatus(IClearingHouse house, bytes32 batchHash, uint256 position, Status to) external {
        house.setStatus(batchHash, position, to);
    }
}

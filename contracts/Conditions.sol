// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IClearingHouse} from "./interfaces/IClearingHouse.sol";
import {IConditions} from "./interfaces/IConditions.sol";
import {IConsortium} from "./interfaces/IConsortium.sol";
import {Joint} from "./libraries/Joint.sol";

/// @title Conditions, as IConditions says
contract Conditions is IConditions, Joint {
    IClearingHouse public immutable CLEARING_HOUSE;

    constructor(IConsortium consortium, IClearingHouse clearingHouse) Joint(consortium) {
        CLEARING_HOUSE = clearingHouse;
    }

    /// @inheritdoc IConditions
    function partialAllowed(bytes32, uint256) external pure returns (bool) {
        return false;
    }
}

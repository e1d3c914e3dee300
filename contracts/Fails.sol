// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAssetRegister} from "./interfaces/IAssetRegister.sol";
import {IClearingHouse} from "./interfaces/IClearingHouse.sol";
import {IConsortium} from "./interfaces/IConsortium.sol";
import {IFails} from "./interfaces/IFails.sol";
import {ILimits} from "./interfaces/ILimits.sol";
import {IRevenueSharing} from "./interfaces/IRevenueSharing.sol";
import {Joint} from "./libraries/Joint.sol";

/// @title Fails, as IFails says
contract Fails is IFails, Joint {
    IAssetRegister public immutable REGISTER;
    IRevenueSharing public immutable REVENUE_SHARING;
    IClearingHouse public immutable CLEARING_HOUSE;
    ILimits public immutable LIMITS;

    constructor(
        IConsortium consortium,
        IAssetRegister register,
        IRevenueSharing revenueSharing,
        IClearingHouse clearingHouse,
        ILimits limits
    ) Joint(consortium) {
        REGISTER = register;
        REVENUE_SHARING = revenueSharing;
        CLEARING_HOUSE = clearingHouse;
        LIMITS = limits;
    }

    /// @inheritdoc IFails
    function priceOf(uint16, uint32, uint16, uint16) external pure returns (uint128) {
        return 0;
    }
}

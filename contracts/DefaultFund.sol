// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAssetRegister} from "./interfaces/IAssetRegister.sol";
import {IClearingHouse} from "./interfaces/IClearingHouse.sol";
import {IConsortium} from "./interfaces/IConsortium.sol";
import {IDefaultFund} from "./interfaces/IDefaultFund.sol";
import {IFails} from "./interfaces/IFails.sol";
import {Joint} from "./libraries/Joint.sol";

/// @title DefaultFund, as IDefaultFund says
contract DefaultFund is IDefaultFund, Joint {
    IAssetRegister public immutable REGISTER;
    IClearingHouse public immutable CLEARING_HOUSE;
    IFails public immutable FAILS;

    constructor(IConsortium consortium, IAssetRegister register, IClearingHouse clearingHouse, IFails fails)
        Joint(consortium)
    {
        REGISTER = register;
        CLEARING_HOUSE = clearingHouse;
        FAILS = fails;
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title What does not settle
interface IFails {
    /// @return price of one unit, in millionths of a minor unit of `currency`, that the venue gave for that day; 0 if none
    /// @custom:access anyone
    function priceOf(uint16 venue, uint32 day, uint16 currency, uint16 asset) external view returns (uint128);
}

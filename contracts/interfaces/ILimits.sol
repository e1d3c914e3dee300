// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Limits that block
/// @notice Per institution and asset: the most that it may hold after a settlement that brings it some (position), and
/// the most that settlements of one day may take from it on balance (exposure; a net debit cap where the asset is cash).
/// An exchange and a regulator set them together. The clearing house has every settlement checked.
interface ILimits {
    /// @notice Takes account of the movements of a settlement, which the register has applied, and reverts where a limit
    /// does not allow one.
    /// @custom:access the clearing house
    function check(uint256[] calldata movements) external;

    /// @return limits in force, over all institutions and assets
    /// @custom:access anyone
    function limitCount() external view returns (uint256);

    /// @return true where the institution's limits let a settlement change its holding by `delta` now
    /// @custom:access anyone
    function allows(uint16 institution, uint16 asset, int256 delta) external view returns (bool);
}

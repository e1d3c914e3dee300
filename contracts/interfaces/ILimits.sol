// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Limits that block
/// @notice Per institution and asset: the most that it may hold after a settlement that brings it some (position), and
/// the most that settlements of one day may take from it on balance (exposure; a net debit cap where the asset is cash).
/// An exchange and a regulator set them together. The clearing house has every settlement checked, after the last of its
/// movements: where trades settle one by one (DvP model 1), each is a settlement.
///
/// Units are those of the asset. A day is one of UTC, by the block's time. What a settlement brings lowers what was taken
/// that day, also below zero. Counted is what settles while the institution has a limit in the asset; one that comes into
/// force during a day begins with what was counted before on that day, which is nothing for a first limit.
interface ILimits {
    /// @notice These limits are in force; NONE where there is none.
    event LimitSet(uint16 indexed institution, uint16 indexed asset, uint128 position, uint128 exposure);

    /// @notice Only the clearing house reports settlements.
    error Limits_NotClearingHouse(address caller);
    /// @notice No institution has this index.
    error Limits_UnknownInstitution(uint16 institution);
    /// @notice While a cycle is open limits are not lowered: what a venue has chosen to settle stays possible.
    error Limits_CycleOpen(uint16 institution, uint16 asset);
    /// @notice The settlement would bring the institution to more than it may hold.
    error Limits_Position(uint16 institution, uint16 asset, uint256 balance, uint128 limit);
    /// @notice The settlement would take more from the institution in one day than it may.
    error Limits_Exposure(uint16 institution, uint16 asset, int256 taken, uint128 limit);

    /// @notice Sets the limits of one institution in one asset, once both have asked for the same (see Joint). Raising and
    /// lifting is always possible, lowering while no cycle is open.
    /// @param position units or minor units that it may hold at most; NONE for no limit
    /// @param exposure units or minor units that a day's settlements may take from it at most; NONE for no limit
    /// @custom:access an exchange and a regulator together
    function setLimit(uint16 institution, uint16 asset, uint128 position, uint128 exposure) external;

    /// @notice Takes account of the movements of a settlement, which the register has applied, and reverts where a limit
    /// does not allow what they come to. Receiving is not refused for an exposure, nor giving for a position.
    /// @custom:access the clearing house
    function check(uint256[] calldata movements) external;

    /// @return the value of a limit that is none
    function NONE() external view returns (uint128);

    /// @return number of limits in force, an institution's in one asset counted once
    /// @custom:access anyone
    function limitCount() external view returns (uint256);

    /// @return position units or minor units, NONE where there is no limit
    /// @return exposure units or minor units, NONE where there is no limit
    /// @custom:access anyone
    function limitOf(uint16 institution, uint16 asset) external view returns (uint128 position, uint128 exposure);

    /// @return units or minor units counted as taken by settlements today, on balance; negative where they brought more
    /// @custom:access anyone
    function takenOf(uint16 institution, uint16 asset) external view returns (int256);

    /// @return true where the institution's limits let a settlement change its holding by `delta` now
    /// @custom:access anyone
    function allows(uint16 institution, uint16 asset, int256 delta) external view returns (bool);
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title What the parties of a trade say of its settlement
interface IConditions {
    /// @return true where both sides allow the trade to settle in parts
    /// @custom:access anyone
    function partialAllowed(bytes32 batchHash, uint256 position) external view returns (bool);
}

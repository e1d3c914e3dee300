// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Memory by address
/// @notice For tables and lists whose place is computed. Who uses it keeps to what it has allocated.
library Memory {
    /// @return place of `size` zeroed bytes that are now in use; `size` is a multiple of 32
    function allocate(uint256 size) internal pure returns (uint256 place) {
        place = free();
        assembly ("memory-safe") {
            calldatacopy(place, calldatasize(), size)
            mstore(0x40, add(place, size))
        }
    }

    /// @return place where memory is free from
    function free() internal pure returns (uint256 place) {
        assembly ("memory-safe") {
            place := mload(0x40)
        }
    }

    /// @notice Frees what lies from `place` on, for who has no use for it any more.
    function release(uint256 place) internal pure {
        assembly ("memory-safe") {
            mstore(0x40, place)
        }
    }

    /// @notice Says how many elements an array has; their place was allocated.
    function resize(uint256[] memory array, uint256 length) internal pure {
        assembly ("memory-safe") {
            mstore(array, length)
        }
    }

    /// @return value of the word at `place`
    function peek(uint256 place) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(place)
        }
    }

    /// @notice Writes the word at `place`.
    function poke(uint256 place, uint256 value) internal pure {
        assembly ("memory-safe") {
            mstore(place, value)
        }
    }
}

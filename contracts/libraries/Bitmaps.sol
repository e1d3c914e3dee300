// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Sets of institutions, one bit each
/// @notice In memory such a set always has 256 words, so any uint16 may be looked up without a bounds check.
library Bitmaps {
    uint256 internal constant WORDS = 256;

    function contains(uint256[] memory set, uint16 index) internal pure returns (bool) {
        return (set[index >> 8] >> (index & 0xff)) & 1 != 0;
    }

    /// @return position of the lowest bit set; `word` must not be zero
    function lowest(uint256 word) internal pure returns (uint256 position) {
        while ((word >> position) & 1 == 0) ++position;
    }
}

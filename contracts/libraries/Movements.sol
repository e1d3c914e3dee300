// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Balance changes, one word each
/// @notice `asset u16 | institution u16 | zeros | delta i128`, most significant first. The delta is in units of the
/// asset; negative takes. A list is ordered by (asset / 4, institution, asset), because four securities share a
/// storage slot. Those of one group of four must lie together; another order within it costs more, that is all.
library Movements {
    function pack(uint16 asset, uint16 institution, int128 delta) internal pure returns (uint256) {
        return (uint256(asset) << 240) | (uint256(institution) << 224) | uint128(delta);
    }

    function assetOf(uint256 movement) internal pure returns (uint16) {
        return uint16(movement >> 240);
    }

    function institutionOf(uint256 movement) internal pure returns (uint16) {
        return uint16(movement >> 224);
    }

    function deltaOf(uint256 movement) internal pure returns (int128) {
        return int128(uint128(movement));
    }
}

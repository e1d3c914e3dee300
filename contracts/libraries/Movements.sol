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

    /// @notice Appends what each institution gains of an asset, by its index, and clears the amounts. There is room.
    function append(uint256[] memory movements, int256[] memory amounts, uint16 asset) internal pure {
        assembly ("memory-safe") {
            let out := add(add(movements, 0x20), shl(5, mload(movements)))
            let head := shl(240, asset)
            let p := add(amounts, 0x20)
            for { let end := add(p, shl(5, mload(amounts))) } lt(p, end) { p := add(p, 0x20) } {
                let delta := mload(p)
                if delta {
                    mstore(out, or(head, shr(128, shl(128, delta))))
                    out := add(out, 0x20)
                    mstore(p, 0)
                }
                head := add(head, shl(224, 1))
            }
            mstore(movements, shr(5, sub(sub(out, movements), 0x20)))
        }
    }

    /// @notice Calls `to` with the list, where it lies, as the only argument. It is the longest there is, and memory behind
    /// it is dear; the two words before it are lent and given back.
    /// @param selector of a function that returns nothing
    function send(uint256[] memory movements, address to, bytes4 selector) internal {
        assembly ("memory-safe") {
            let first := sub(movements, 0x40)
            let one := mload(first)
            let other := mload(add(first, 0x20))
            mstore(first, shr(224, selector))
            mstore(add(first, 0x20), 0x20)
            if iszero(call(gas(), to, 0, add(first, 0x1c), add(0x44, shl(5, mload(movements))), 0, 0)) {
                returndatacopy(first, 0, returndatasize())
                revert(first, returndatasize())
            }
            mstore(first, one)
            mstore(add(first, 0x20), other)
        }
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

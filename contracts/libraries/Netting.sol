// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Many obligations into few
/// @notice Nets the chosen records of several slices in one pass over each. Slices are ordered by asset, so they are
/// merged a group of four securities at a time (those that share a storage slot of the register), and memory holds
/// one group's positions, not all.
/// @dev Tables lie in memory, a row of eight words an institution, row i at `table + 256 * i`.
/// The first table has `cell 0 | cell 1 | cell 2 | cell 3 | cash out, signed | - | - | -`. A cell is of one security of the
/// group at hand: the sum of `quantity * 2^128 + amount` over what the institution bought, less that over what it
/// sold; its low 128 bits are the net amount, signed. Then there is one table a slice, of whose rows the first word
/// is used: `sides u32 | commission u112 | levy u112`. Amounts are u88 and a slice has at most 2^16 records, as many
/// as a page of trade numbers, so that no field can overflow into the next.
library Netting {
    /// @notice Where things lie in memory; the assembly below knows the order of the fields.
    struct Pass {
        uint256 table; // 0x00
        uint256 size; // 0x20 of a table, bytes: (institutions + 1) * 256
        uint256 slices; // 0x40
        uint256 cursors; // 0x60 a word a slice: its next chosen record
        uint256 slabs; // 0x80 three words a slab: upTo, ratePpm, levyPpm
        uint256 out; // 0xa0 where the next movement goes
        uint256 gross; // 0xc0 minor units
    }

    uint256 private constant ROW = 0x100;
    uint256 private constant SLAB = 0x60;
    uint256 private constant CASH = 0x80;
    /// @notice Stands behind the last record of a slice: a group that no security has.
    uint256 internal constant END = type(uint256).max;
    uint256 private constant END_GROUP = 0x3fff;

    /// @notice Nets everything; movements of securities are written at `out` in the register's order.
    function run(Pass memory pass) internal pure {
        for (uint256 group = _nextGroup(pass); group != END_GROUP; group = _nextGroup(pass)) {
            for (uint256 k = 0; k < pass.slices; ++k) _net(pass, k, group);
            _flush(pass, group);
        }
    }

    /// @return what trades bring institution `i` on balance, minor units; negative where it owes
    function cashOf(Pass memory pass, uint256 i) internal pure returns (int256) {
        uint256 place = pass.table + i * ROW + CASH;
        int256 out;
        assembly ("memory-safe") {
            out := mload(place)
        }
        return -out;
    }

    /// @return sides on which institution `i` is in slice k
    /// @return commission that it earns there, minor units
    /// @return levy that it owes there, minor units
    function feesOf(Pass memory pass, uint256 k, uint256 i)
        internal
        pure
        returns (uint256 sides, uint256 commission, uint256 levy)
    {
        uint256 place = pass.table + (k + 1) * pass.size + i * ROW;
        uint256 fees;
        assembly ("memory-safe") {
            fees := mload(place)
        }
        return (fees >> 224, uint112(fees >> 112), uint112(fees));
    }

    /// @dev The lowest group of four assets that any slice is at.
    function _nextGroup(Pass memory pass) private pure returns (uint256 group) {
        assembly ("memory-safe") {
            group := END_GROUP
            let c := mload(add(pass, 0x60))
            let end := add(c, shl(5, mload(add(pass, 0x40))))
            for {} lt(c, end) { c := add(c, 0x20) } {
                let g := and(shr(154, mload(mload(c))), 0x3fff)
                if lt(g, group) { group := g }
            }
        }
    }

    /// @dev Adds slice k's records of the group to the tables. Few variables live here at a time: each one more
    /// costs every record.
    function _net(Pass memory pass, uint256 k, uint256 group) private pure {
        uint256 cursor = pass.cursors + (k << 5);
        uint256 toFees = (k + 1) * pass.size;
        assembly ("memory-safe") {
            let table := mload(pass)
            let slabs := mload(add(pass, 0x80))
            let gross := 0
            let p := mload(cursor)
            for {} 1 { p := add(p, 0x20) } {
                let r := mload(p)
                if sub(and(shr(154, r), 0x3fff), group) { break }
                let amount := and(r, 0xffffffffffffffffffffff)
                gross := add(gross, amount)
                let b := add(table, and(shr(176, r), 0xffff00))
                let s := add(table, and(shr(160, r), 0xffff00))
                {
                    let lane := and(shr(147, r), 0x60)
                    // The record has the quantity 88 bits up; 40 more make room for the sum of amounts.
                    let both := or(shl(40, and(r, 0xffffffffffffffff0000000000000000000000)), amount)
                    let cell := add(b, lane)
                    mstore(cell, add(mload(cell), both))
                    cell := add(s, lane)
                    mstore(cell, sub(mload(cell), both))
                }
                let slab := slabs
                for {} gt(amount, mload(slab)) { slab := add(slab, SLAB) } {}
                let fees := or(
                    shl(224, 1),
                    or(
                        shl(112, div(mul(amount, mload(add(slab, 0x20))), 1000000)),
                        div(mul(amount, mload(add(slab, 0x40))), 1000000)
                    )
                )
                b := add(b, toFees)
                mstore(b, add(mload(b), fees))
                s := add(s, toFees)
                mstore(s, add(mload(s), fees))
            }
            mstore(cursor, p)
            let total := add(pass, 0xc0)
            mstore(total, add(mload(total), gross))
        }
    }

    /// @dev Turns the group's cells into movements and cash, and clears them.
    function _flush(Pass memory pass, uint256 group) private pure {
        assembly ("memory-safe") {
            let out := mload(add(pass, 0xa0))
            let end := add(mload(pass), mload(add(pass, 0x20)))
            // The head of a movement: the group's first asset, then the institution, which moves on with the row.
            let head := or(shl(242, group), shl(224, 1))
            for { let row := add(mload(pass), ROW) } lt(row, end) { row := add(row, ROW) } {
                if or(or(mload(row), mload(add(row, 0x20))), or(mload(add(row, 0x40)), mload(add(row, 0x60)))) {
                    let cash := 0
                    let last := add(row, CASH)
                    let movement := head
                    for { let cell := row } lt(cell, last) { cell := add(cell, 0x20) } {
                        let both := mload(cell)
                        if both {
                            let amount := signextend(15, both)
                            cash := add(cash, amount)
                            // A net of zero is written over by the next.
                            let delta := sar(128, sub(both, amount))
                            mstore(out, or(movement, shr(128, shl(128, delta))))
                            if delta { out := add(out, 0x20) }
                            mstore(cell, 0)
                        }
                        movement := add(movement, shl(240, 1))
                    }
                    mstore(last, add(mload(last), cash))
                }
                head := add(head, shl(224, 1))
            }
            mstore(add(pass, 0xa0), out)
        }
    }
}

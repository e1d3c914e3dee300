// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Memory} from "./Memory.sol";
import {Movements} from "./Movements.sol";
import {Records} from "./Records.sol";

/// @title Many obligations into few
/// @notice Nets the chosen records of several slices in one pass over each. They lie in runs, which are ordered by asset,
/// so they are merged a group of four securities at a time (those that share a storage slot of the register), and memory
/// holds one group's positions, not all. Or it lists the movements of each trade and nets the cash only.
/// @dev Tables lie in memory, a row of eight words an institution, row i at `table + 256 * i`.
/// The first table has `cell 0 | cell 1 | cell 2 | cell 3 | cash out, signed | - | - | -`. A cell is of one security of the
/// group at hand: the sum of `quantity * 2^128 + amount` over what the institution bought, less that over what it
/// sold; its low 128 bits are the net amount, signed. Then there is one table a slice, of whose rows the first word
/// is used: `sides u32 | commission u112 | levy u112`. Amounts are u88, a commission is at most its amount and the flat
/// parts (u64) of 32 tiers, a slice has at most 2^16 records, as many as a page of trade numbers, and the parts of a
/// record sum to it, so that no field can overflow into the next.
///
/// Three words are a run: `next record | where in a row of the first table its fees go | how far behind a record the
/// fees of its sides lie, 0 where they are those of its amount`. What a part is charged is not what its amount would be:
/// who takes the part adds the charge, and what the pass makes of it goes to a word that nobody reads.
library Netting {
    using Records for bytes32;

    /// @notice Where things lie in memory; the assembly below knows the order of the fields.
    struct Pass {
        uint256 table; // 0x00
        uint256 size; // 0x20 of a table, bytes: (institutions + 1) * 256
        uint256 slices; // 0x40
        uint256 runs; // 0x60
        uint256 last; // 0x80 behind the last run
        uint256 tiers; // 0xa0 four words a tier: upTo, ratePpm, levyPpm, and what to add to amount * ratePpm
        uint256 out; // 0xc0 where the next movement goes
        uint256 gross; // 0xe0 minor units
        uint8 model; // 0x100 of DvP
    }

    uint256 internal constant RUN = 0x60;
    /// @notice Where the fees of a run of parts go.
    uint256 internal constant UNREAD = 0xa0;
    uint256 private constant ROW = 0x100;
    uint256 internal constant TIER = 0x80;
    uint256 private constant CASH = 0x80;
    /// @notice Stands behind the last record of a run: a group that no security has.
    uint256 internal constant END = type(uint256).max;
    uint256 private constant END_GROUP = 0x3fff;

    /// @notice Nets everything; movements of securities are written at `out` in the register's order.
    function run(Pass memory pass) internal pure {
        for (uint256 group = _nextGroup(pass); group != END_GROUP; group = _nextGroup(pass)) {
            for (uint256 it = pass.runs; it < pass.last; it += RUN) _net(pass, it, group);
            _flush(pass, group);
        }
    }

    /// @notice Lists the movements of every trade in the order of the runs, the seller's and then the buyer's, and nets
    /// cash. A trade of an institution with itself has none.
    function list(Pass memory pass) internal pure {
        uint256 out = pass.out;
        unchecked {
            for (uint256 it = pass.runs; it < pass.last; it += RUN) {
                for (uint256 p = Memory.peek(it); Memory.peek(p) != END; p += 0x20) {
                    bytes32 r = bytes32(Memory.peek(p));
                    uint256 amount = r.amount();
                    if (Memory.peek(it + 0x40) == 0) addFees(pass, Memory.peek(it + 0x20), r, feesOn(pass, amount));
                    pass.gross += amount;
                    _add(pass.table + r.buyer() * ROW + CASH, amount);
                    _add(pass.table + r.seller() * ROW + CASH, 0 - amount);
                    if (r.buyer() == r.seller()) continue;
                    int128 quantity = int128(uint128(r.quantity()));
                    Memory.poke(out, Movements.pack(r.asset(), r.seller(), -quantity));
                    Memory.poke(out + 0x20, Movements.pack(r.asset(), r.buyer(), quantity));
                    out += 0x40;
                }
            }
        }
        pass.out = out;
    }

    /// @notice Adds a run.
    function add(Pass memory pass, uint256 first, uint256 toFees, uint256 toOwnFees) internal pure {
        Memory.poke(pass.last, first);
        Memory.poke(pass.last + 0x20, toFees);
        Memory.poke(pass.last + 0x40, toOwnFees);
        pass.last += RUN;
    }

    /// @notice Charges both sides of a record.
    function addFees(Pass memory pass, uint256 toFees, bytes32 r, uint256 fees) internal pure {
        unchecked {
            _add(pass.table + toFees + r.buyer() * ROW, fees);
            _add(pass.table + toFees + r.seller() * ROW, fees);
        }
    }

    /// @return what a side of a trade of this amount is charged, as the tables have it: one side, commission and levy
    function feesOn(Pass memory pass, uint256 amount) internal pure returns (uint256) {
        uint256 tier = pass.tiers;
        unchecked {
            while (amount > Memory.peek(tier)) tier += TIER;
            return pack(
                (amount * Memory.peek(tier + 0x20) + Memory.peek(tier + 0x60)) / 1000000,
                amount * Memory.peek(tier + 0x40) / 1000000
            );
        }
    }

    /// @return one side with this commission and levy, as the tables have it
    function pack(uint256 commission, uint256 levy) internal pure returns (uint256) {
        return (1 << 224) | (commission << 112) | levy;
    }

    /// @return commission minor units
    /// @return levy minor units
    function unpack(uint256 fees) internal pure returns (uint256 commission, uint256 levy) {
        return (uint112(fees >> 112), uint112(fees));
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
        sides = fees >> 224;
        (commission, levy) = unpack(fees);
    }

    function _add(uint256 place, uint256 value) private pure {
        unchecked {
            Memory.poke(place, Memory.peek(place) + value);
        }
    }

    /// @dev The lowest group of four assets that any run is at.
    function _nextGroup(Pass memory pass) private pure returns (uint256 group) {
        assembly ("memory-safe") {
            group := END_GROUP
            let c := mload(add(pass, 0x60))
            for { let end := mload(add(pass, 0x80)) } lt(c, end) { c := add(c, RUN) } {
                let g := and(shr(154, mload(mload(c))), 0x3fff)
                if lt(g, group) { group := g }
            }
        }
    }

    /// @dev Adds a run's records of the group to the tables. Few variables live here at a time: each one more
    /// costs every record.
    function _net(Pass memory pass, uint256 it, uint256 group) private pure {
        assembly ("memory-safe") {
            let table := mload(pass)
            let toFees := mload(add(it, 0x20))
            let tiers := mload(add(pass, 0xa0))
            let gross := 0
            let p := mload(it)
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
                let tier := tiers
                for {} gt(amount, mload(tier)) { tier := add(tier, TIER) } {}
                let fees := or(
                    shl(224, 1),
                    or(
                        shl(
                            112,
                            div(add(mul(amount, mload(add(tier, 0x20))), mload(add(tier, 0x60))), 1000000)
                        ),
                        div(mul(amount, mload(add(tier, 0x40))), 1000000)
                    )
                )
                b := add(b, toFees)
                mstore(b, add(mload(b), fees))
                s := add(s, toFees)
                mstore(s, add(mload(s), fees))
            }
            mstore(it, p)
            let total := add(pass, 0xe0)
            mstore(total, add(mload(total), gross))
        }
    }

    /// @dev Turns the group's cells into movements and cash, and clears them.
    function _flush(Pass memory pass, uint256 group) private pure {
        assembly ("memory-safe") {
            let out := mload(add(pass, 0xc0))
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
            mstore(add(pass, 0xc0), out)
        }
    }
}

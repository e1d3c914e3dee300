// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Basis, DayCount} from "../types/Agreement.sol";
import {Calendar} from "./Calendar.sol";
import {Memory} from "./Memory.sol";

/// @title Terms of an agreement, read where they lie in memory, and what they come to
/// @notice `terms` is the place of the first word, `clause` that of a clause's. The words are laid out as
/// IAgreements says; that they are well formed was checked before they were kept.
library Terms {
    uint256 internal constant PPM = 1_000_000;
    /// @dev No pool is larger, minor units.
    uint256 internal constant MAX_POOL = type(uint96).max;
    uint256 internal constant BY_TIME = 255;
    uint256 private constant SHARES_A_WORD = 10;

    function payer(uint256 terms) internal pure returns (uint16) {
        return uint16(Memory.peek(terms) >> 240);
    }

    function currency(uint256 terms) internal pure returns (uint16) {
        return uint16(Memory.peek(terms) >> 224);
    }

    function version(uint256 terms) internal pure returns (uint32) {
        return uint32(Memory.peek(terms) >> 192);
    }

    function effectiveFrom(uint256 terms) internal pure returns (uint64) {
        return uint64(Memory.peek(terms) >> 128);
    }

    function noticeDays(uint256 terms) internal pure returns (uint16) {
        return uint16(Memory.peek(terms) >> 112);
    }

    function months(uint256 terms) internal pure returns (uint8) {
        return uint8(Memory.peek(terms) >> 104);
    }

    function parties(uint256 terms) internal pure returns (uint8) {
        return uint8(Memory.peek(terms) >> 96);
    }

    function measures(uint256 terms) internal pure returns (uint8) {
        return uint8(Memory.peek(terms) >> 88);
    }

    function clauses(uint256 terms) internal pure returns (uint8) {
        return uint8(Memory.peek(terms) >> 80);
    }

    function guarantees(uint256 terms) internal pure returns (uint8) {
        return uint8(Memory.peek(terms) >> 72);
    }

    function reserveAccount(uint256 terms) internal pure returns (uint16) {
        return uint16(Memory.peek(terms) >> 56);
    }

    function name(uint256 terms) internal pure returns (bytes32) {
        return bytes32(Memory.peek(terms + 0x20));
    }

    /// @param i from 0
    function party(uint256 terms, uint256 i) internal pure returns (uint16) {
        unchecked {
            return uint16(Memory.peek(terms + 0x40 + ((i >> 4) << 5)) >> (240 - ((i & 15) << 4)));
        }
    }

    /// @return place 0 of the payer, i + 1 of party i, above the number of parties of anybody else
    function placeOf(uint256 terms, uint16 institution) internal pure returns (uint256 place) {
        if (institution == payer(terms)) return 0;
        uint256 count = parties(terms);
        while (place < count && party(terms, place) != institution) ++place;
        ++place;
    }

    /// @param i from 0
    /// @return word of measure i: name bytes28, reporter u16, countersigner u16
    function measure(uint256 terms, uint256 i) internal pure returns (uint256 word) {
        return Memory.peek(_measures(terms) + (i << 5));
    }

    /// @return place of clause 0
    function clauseAt(uint256 terms) internal pure returns (uint256 place) {
        return _measures(terms) + (uint256(measures(terms)) << 5);
    }

    /// @return place of the clause after this one, or of the guarantees
    function next(uint256 clause) internal pure returns (uint256 place) {
        return clause + (uint256(uint8(Memory.peek(clause) >> 240)) << 5);
    }

    function basis(uint256 clause) internal pure returns (Basis) {
        return Basis(Memory.peek(clause) >> 248);
    }

    /// @param shift where in a clause's first word the field ends
    function field(uint256 clause, uint256 shift) internal pure returns (uint8) {
        return uint8(Memory.peek(clause) >> shift);
    }

    function tierBy(uint256 clause) internal pure returns (uint8) {
        return field(clause, 208);
    }

    function stepBy(uint256 clause) internal pure returns (uint8) {
        return field(clause, 192);
    }

    /// @param pool_ 2^96 at most
    /// @return part of the pool that is put aside first, minor units
    function reserveOf(uint256 clause, uint256 pool_) internal pure returns (uint256 part) {
        unchecked {
            return pool_ * uint24(Memory.peek(clause) >> 152) / PPM;
        }
    }

    /// @param x what the clause's tiers apply to
    /// @param by what picks the tier, if not x
    /// @param count of days that the tiers' result is for, and how many it is a rate for
    /// @return pool_ rounded down, the cap at most, minor units
    function pool(uint256 clause, uint256 x, uint256 by, uint256 count, uint256 ofDays)
        internal
        pure
        returns (uint256 pool_)
    {
        uint256 tier = tiersAt(clause);
        bool graduated = field(clause, 216) != 0;
        uint256 below = 0;
        uint256 scaled = 0;
        // At most 16 tiers of 2^128 * 2^64 + 2^96 * 1e6, and less than 2^24 days.
        unchecked {
            for (;; tier += 0x20) {
                uint256 word = Memory.peek(tier);
                uint256 upTo = word >> 160;
                bool last = by <= upTo || upTo == type(uint96).max;
                if (graduated || last) {
                    uint256 part = (last ? x : upTo) - below;
                    scaled += part * uint64(word >> 96) + uint96(word) * PPM;
                    if (graduated) below = upTo;
                }
                if (last) break;
            }
            pool_ = scaled * count / (ofDays * PPM);
            uint256 cap = uint128(Memory.peek(clause + 0x20));
            if (cap == 0) cap = MAX_POOL;
            if (pool_ > cap) pool_ = cap;
        }
    }

    /// @param by what the steps go by; 0 takes the first
    /// @return row place of the shares that apply
    function rowOf(uint256 terms, uint256 clause, uint256 by) internal pure returns (uint256 row) {
        uint256 size = stepSize(parties(terms));
        row = tiersAt(clause) + (uint256(field(clause, 200)) << 5);
        for (uint256 left = field(clause, 184); left > 1 && by > Memory.peek(row + size); --left) row += size;
        row += 0x20;
    }

    function share(uint256 row, uint256 i) internal pure returns (uint256 sharePpm) {
        unchecked {
            return uint24(Memory.peek(row + (i / SHARES_A_WORD << 5)) >> (232 - 24 * (i % SHARES_A_WORD)));
        }
    }

    function tiersAt(uint256 clause) internal pure returns (uint256 place) {
        return clause + (basis(clause) == Basis.PERFORMANCE ? 0x60 : 0x40);
    }

    /// @return size in bytes of a step with shares of so many parties
    function stepSize(uint256 count) internal pure returns (uint256 size) {
        return (1 + (count + SHARES_A_WORD - 1) / SHARES_A_WORD) << 5;
    }

    /// @return count of the days from a moment to another
    /// @return ofDays how many a year has
    function daysOf(DayCount dayCount, uint256 from, uint256 to) internal pure returns (uint256 count, uint256 ofDays) {
        if (dayCount == DayCount.NONE) return (1, 1);
        if (dayCount != DayCount.THIRTY_360) {
            return ((to - from) / 1 days, dayCount == DayCount.ACTUAL_365 ? 365 : 360);
        }
        (uint256 month, uint256 day) = Calendar.monthOf(from);
        (uint256 lastMonth, uint256 lastDay) = Calendar.monthOf(to);
        if (day > 30) day = 30;
        if (lastDay > 30) lastDay = 30;
        return (30 * (lastMonth - month) + lastDay - day, 360);
    }

    function _measures(uint256 terms) private pure returns (uint256 place) {
        return terms + 0x40 + ((uint256(parties(terms)) + 15) >> 4 << 5);
    }
}

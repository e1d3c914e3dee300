// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAgreements} from "../interfaces/IAgreements.sol";
import {Basis, DayCount, TermsMistake} from "../types/Agreement.sol";
import {Memory} from "./Memory.sol";
import {Terms} from "./Terms.sol";

/// @title Whether terms are well formed
/// @notice Every word is looked at, so that one meaning has one form: what is not used is zero.
library TermsCheck {
    using Terms for uint256;

    uint256 private constant MAX_WORDS = 255;
    uint256 private constant MAX_PARTIES = 24;
    uint256 private constant MAX_ENTRIES = 16;
    uint256 private constant MAX_STEPS = 8;
    /// @dev Seconds; the year 4147. Periods behind have no number.
    uint256 private constant LATEST = 2 ** 36;

    /// @dev What is checked. `at` is the party, measure, clause or guarantee that is, `end` where the words end.
    struct Check {
        uint256 terms;
        uint256 end;
        uint256 at;
        uint256 institutions;
    }

    /// @param words in memory
    /// @param institutions how many there are
    function check(uint256[] memory words, uint256 institutions) internal pure {
        Check memory it;
        it.institutions = institutions;
        if (words.length < 2 || words.length > MAX_WORDS) _refuse(it, TermsMistake.LENGTH, words.length);
        uint256 terms;
        assembly ("memory-safe") {
            terms := add(words, 0x20)
        }
        it.terms = terms;
        it.end = terms + (words.length << 5);
        uint256 header = Memory.peek(terms);
        if (header << 200 != 0) _refuse(it, TermsMistake.SURPLUS, 0);
        if (!_isName(uint256(terms.name()))) _refuse(it, TermsMistake.NAME, 0);
        uint256 months = terms.months();
        if ((months != 1 && months != 3 && months != 6 && months != 12) || terms.effectiveFrom() > LATEST) {
            _refuse(it, TermsMistake.PERIOD, months);
        }
        _checkParties(it);
        _checkMeasures(it);
        uint256 clause = terms.clauseAt();
        uint256 count = terms.clauses();
        if (count == 0 || count > MAX_ENTRIES) _refuse(it, TermsMistake.CLAUSE_COUNT, count);
        for (it.at = 0; it.at < count; ++it.at) clause = _checkClause(it, clause);
        count = terms.guarantees();
        if (count > MAX_ENTRIES || clause + (count << 6) != it.end) _refuse(it, TermsMistake.LENGTH, words.length);
        for (it.at = 0; it.at < count; ++it.at) {
            uint256 word = Memory.peek(clause + (it.at << 6));
            uint256 place = uint8(word >> 240);
            if (uint112(word >> 128) != 0) _refuse(it, TermsMistake.SURPLUS, 0);
            if (
                word >> 248 == 0 || word >> 248 > terms.measures() || place == 0 || place > terms.parties()
                    || uint128(word) == 0 || uint128(word) > type(uint64).max
                    || Memory.peek(clause + (it.at << 6) + 0x20) >> 96 == 0
            ) _refuse(it, TermsMistake.GUARANTEE, 0);
        }
    }

    function _checkParties(Check memory it) private pure {
        uint256 count = it.terms.parties();
        if (count == 0 || count > MAX_PARTIES || it.end < it.terms.clauseAt()) {
            _refuse(it, TermsMistake.PARTY_COUNT, count);
        }
        if (count & 15 != 0 && Memory.peek(it.terms + 0x20 + ((count + 15) >> 4 << 5)) << ((count & 15) << 4) != 0) {
            _refuse(it, TermsMistake.SURPLUS, 0);
        }
        if (!_known(it, it.terms.payer())) _refuse(it, TermsMistake.PARTY, count);
        uint16 keeper = it.terms.reserveAccount();
        for (it.at = 0; it.at < count; ++it.at) {
            uint16 party = it.terms.party(it.at);
            if (!_known(it, party) || party == keeper) _refuse(it, TermsMistake.PARTY, 0);
            if (it.terms.placeOf(party) != it.at + 1) _refuse(it, TermsMistake.PARTY_TWICE, 0);
        }
    }

    function _checkMeasures(Check memory it) private pure {
        uint256 count = it.terms.measures();
        if (count > MAX_ENTRIES) _refuse(it, TermsMistake.MEASURE, count);
        for (it.at = 0; it.at < count; ++it.at) {
            uint256 word = it.terms.measure(it.at);
            if (!_isName(word >> 32 << 32)) _refuse(it, TermsMistake.MEASURE_NAME, 0);
            for (uint256 k = 0; k < it.at; ++k) {
                if (it.terms.measure(k) >> 32 == word >> 32) _refuse(it, TermsMistake.MEASURE_TWICE, k);
            }
            (uint16 reporter, uint16 countersigner) = (uint16(word >> 16), uint16(word));
            bool agent = countersigner == 0 && it.terms.placeOf(reporter) > it.terms.parties();
            if (!_known(it, reporter) || reporter == countersigner || !(agent || _known(it, countersigner))) {
                _refuse(it, TermsMistake.REPORTER, 0);
            }
        }
    }

    function _checkClause(Check memory it, uint256 clause) private pure returns (uint256 next) {
        if (clause + 0x40 > it.end) _refuse(it, TermsMistake.LENGTH, 0);
        uint256 head = Memory.peek(clause);
        if (head >> 248 > uint256(type(Basis).max)) _refuse(it, TermsMistake.BASIS, 0);
        Basis basis = clause.basis();
        next = clause.next();
        uint256 parties = it.terms.parties();
        uint256 tiers = clause.field(200);
        uint256 steps = clause.field(184);
        if (tiers == 0 || tiers > MAX_ENTRIES || steps == 0 || steps > MAX_STEPS) {
            _refuse(it, TermsMistake.LENGTH, 1);
        }
        uint256 row = clause.tiersAt() + (tiers << 5);
        if (next != row + steps * Terms.stepSize(parties) || next > it.end) _refuse(it, TermsMistake.LENGTH, 2);
        bool isMeasured = basis != Basis.COMMISSION && basis != Basis.SUBSCRIPTION;
        uint256 measures = it.terms.measures();
        if (
            (clause.field(232) != 0) != isMeasured || clause.field(232) > measures || clause.field(224) > measures
                || (clause.field(224) != 0 && basis != Basis.PERFORMANCE) || clause.tierBy() > measures
                || (clause.stepBy() > measures && clause.stepBy() != Terms.BY_TIME)
        ) _refuse(it, TermsMistake.MEASURE, 0);
        if (clause.field(216) > 1 || (clause.field(216) == 1 && clause.tierBy() != 0)) {
            _refuse(it, TermsMistake.TIER_KIND, 0);
        }
        _checkTiers(it, clause, basis, tiers);
        _checkSteps(it, row, steps, clause.stepBy());
        uint256 bounds = Memory.peek(clause + 0x20);
        uint256 cap = uint128(bounds);
        if (cap > Terms.MAX_POOL || bounds >> 128 > (cap == 0 ? Terms.MAX_POOL : cap)) {
            _refuse(it, TermsMistake.BOUNDS, 0);
        }
        _checkMark(it, clause, basis);
        _checkReserve(it, head);
    }

    function _checkTiers(Check memory it, uint256 clause, Basis basis, uint256 tiers) private pure {
        uint256 place = clause.tiersAt();
        uint256 below = 0;
        for (uint256 i = 0; i < tiers; ++i) {
            uint256 word = Memory.peek(place + (i << 5));
            uint256 upTo = word >> 160;
            if ((i == tiers - 1) != (upTo == type(uint96).max) || (i != 0 && upTo <= below)) {
                _refuse(it, TermsMistake.TIER_ORDER, i);
            }
            below = upTo;
            if (basis <= Basis.PERFORMANCE && uint64(word >> 96) > Terms.PPM) _refuse(it, TermsMistake.RATE, i);
        }
        // Nothing is due on account while nothing has been earned.
        if (basis == Basis.COMMISSION && uint96(Memory.peek(place)) != 0) _refuse(it, TermsMistake.RATE, 0);
    }

    function _checkSteps(Check memory it, uint256 row, uint256 steps, uint256 by) private pure {
        uint256 parties = it.terms.parties();
        uint256 above = 0;
        for (uint256 i = 0; i < steps; ++i) {
            uint256 given = Memory.peek(row);
            if (i == 0 ? given != 0 : given <= above) _refuse(it, TermsMistake.STEP_ORDER, i);
            above = given;
            row += 0x20;
            uint256 sum = 0;
            for (uint256 k = 0; k < parties; ++k) sum += row.share(k);
            if (sum > Terms.PPM) _refuse(it, TermsMistake.SHARES, i);
            for (uint256 left = parties; left != 0;) {
                uint256 here = left < 10 ? left : 10;
                if (Memory.peek(row) << (24 * here) != 0) _refuse(it, TermsMistake.SURPLUS, i);
                left -= here;
                row += 0x20;
            }
        }
        if ((steps == 1) != (by == 0)) _refuse(it, TermsMistake.STEP_ORDER, 0);
    }

    function _checkMark(Check memory it, uint256 clause, Basis basis) private pure {
        uint256 dayCount = clause.field(176);
        bool isYearly = basis == Basis.MANAGEMENT_FEE;
        if (basis == Basis.PERFORMANCE) {
            uint256 word = Memory.peek(clause + 0x40);
            if (uint152(word) != 0) _refuse(it, TermsMistake.SURPLUS, 0);
            if (uint8(word >> 152) > 1) _refuse(it, TermsMistake.MARK, 0);
            isYearly = uint32(word >> 160) != 0;
            uint256 other = it.terms.clauseAt();
            for (uint256 k = 0; k < it.at; ++k) {
                if (other.basis() == basis && other.field(232) == clause.field(232)) _refuse(it, TermsMistake.MARK, k);
                other = other.next();
            }
        }
        if (dayCount > uint256(type(DayCount).max) || (dayCount != 0) != isYearly) {
            _refuse(it, TermsMistake.DAY_COUNT, 0);
        }
    }

    function _checkReserve(Check memory it, uint256 head) private pure {
        uint256 ratePpm = uint24(head >> 152);
        if (ratePpm > Terms.PPM || (ratePpm != 0 && it.terms.reserveAccount() == 0)) {
            _refuse(it, TermsMistake.RESERVE, 0);
        }
        uint256 measure = uint8(head >> 136);
        if (
            (ratePpm == 0 && uint152(head) != 0) || (measure == 0 && uint136(head) != 0)
                || measure > it.terms.measures() || uint8(head >> 128) > it.terms.parties()
        ) _refuse(it, TermsMistake.RELEASE, 0);
    }

    /// @dev Printable ASCII, left-aligned: nothing but zeros behind the first zero.
    function _isName(uint256 word) private pure returns (bool) {
        for (uint256 i = 0; i < 32; ++i) {
            uint256 character = (word >> (248 - 8 * i)) & 0xff;
            if (character == 0) return i != 0 && word << (8 * i) == 0;
            if (character < 0x20 || character > 0x7e) return false;
        }
        return true;
    }

    function _known(Check memory it, uint16 institution) private pure returns (bool) {
        return institution != 0 && institution <= it.institutions;
    }

    function _refuse(Check memory it, TermsMistake mistake, uint256 entry) private pure {
        revert IAgreements.Agreements_InvalidTerms(mistake, it.at, entry);
    }
}

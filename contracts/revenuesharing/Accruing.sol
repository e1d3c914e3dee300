// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IRevenueSharing} from "../interfaces/IRevenueSharing.sol";
import {Calendar} from "../libraries/Calendar.sol";
import {Memory} from "../libraries/Memory.sol";
import {Movements} from "../libraries/Movements.sol";
import {Stored} from "../libraries/Stored.sol";
import {Terms} from "../libraries/Terms.sol";
import {Basis} from "../types/Agreement.sol";
import {Reporting} from "./Reporting.sol";

/// @title Accruing: what of commission goes to whom, in the settlement that earned it
abstract contract Accruing is Reporting {
    using Terms for uint256;

    /// @dev One agreement in a settlement. `rests` are three words a commission clause: what its pool leaves the shares
    /// before and after, and the place of the shares. What changes of dues is listed as `institution u16 | due i128`.
    struct Sharing {
        uint256 terms;
        uint256 rests;
        uint256 restsEnd;
        uint256[] changes;
        uint256 count;
        uint256[] dues;
        uint256 dueCount;
        uint256 given;
        bool owing;
    }

    uint256 private constant MAX_PARTIES = 24;
    uint256 private constant MAX_TERMS = 256 * 32;
    uint256 private constant MAX_RESTS = 16 * 0x60;
    uint256 private constant MAX_TOTAL = type(uint96).max;

    mapping(uint256 idAndInstitution => int128) internal _dues;

    /// @inheritdoc IRevenueSharing
    function accrue(uint16 currency, uint256[] calldata accruals) external returns (uint256[] memory) {
        if (msg.sender != address(CLEARING_HOUSE)) revert RevenueSharing_NotClearingHouse(msg.sender);
        uint256 room = 0;
        for (uint256 i = 0; i < accruals.length; ++i) {
            room += _room(uint16(accruals[i] >> 240), currency);
        }
        Sharing memory s = _newSharing(room);
        uint256 free = Memory.free();
        for (uint256 i = 0; i < accruals.length; ++i) {
            uint16 payer = uint16(accruals[i] >> 240);
            for (uint256 place = 0; place < MAX_LIVE; ++place) {
                Memory.release(free);
                uint256 key = _liveKey(payer, currency, place);
                Live memory it = _live[key];
                if (it.agreementId == 0) break;
                if (block.timestamp >= it.until) _roll(it);
                if (it.termsNo != 0) _accrueOne(s, it, payer, currency, uint128(accruals[i]));
                _live[key] = it;
                if (!it.more) break;
            }
        }
        return _done(s);
    }

    /// @inheritdoc IRevenueSharing
    function preview(uint16 payer, uint16 currency, uint128 commission) external view returns (uint256[] memory) {
        Sharing memory s = _newSharing(_room(payer, currency));
        for (uint256 place = 0; place < MAX_LIVE; ++place) {
            Live memory it = _live[_liveKey(payer, currency, place)];
            if (it.agreementId == 0) break;
            if (block.timestamp >= it.until) _renew(it);
            if (it.termsNo != 0) _share(s, it, payer, currency, commission);
            if (!it.more) break;
        }
        return _done(s);
    }

    /// @dev For how many movements a payer's agreements need room.
    function _room(uint16 payer, uint16 currency) private view returns (uint256 room) {
        for (uint256 place = 0; place < MAX_LIVE; ++place) {
            Live storage it = _live[_liveKey(payer, currency, place)];
            if (it.agreementId == 0) break;
            // A version that takes over may have more parties.
            room += 2 + (block.timestamp < it.until ? it.parties : MAX_PARTIES);
            if (!it.more) break;
        }
    }

    function _newSharing(uint256 room) private pure returns (Sharing memory s) {
        s.changes = new uint256[](room);
        s.dues = new uint256[](MAX_PARTIES + 1);
        s.terms = Memory.allocate(MAX_TERMS);
        s.rests = Memory.allocate(MAX_RESTS);
    }

    function _done(Sharing memory s) private pure returns (uint256[] memory) {
        Memory.resize(s.changes, s.count);
        return s.changes;
    }

    function _accrueOne(Sharing memory s, Live memory it, uint16 payer, uint16 currency, uint256 commission) private {
        (uint256 before, uint256 total) = _share(s, it, payer, currency, commission);
        (it.total, it.nets) = (uint96(total), s.owing);
        for (uint256 i = 0; i < s.dueCount; ++i) {
            _setDue(it.agreementId, uint16(s.dues[i] >> 240), int128(uint128(s.dues[i])));
        }
        emit RevenueAccrued(it.agreementId, it.period, before, total);
    }

    /// @dev What earning the commission moves by one agreement: into the changes, and into the dues.
    function _share(Sharing memory s, Live memory it, uint16 payer, uint16 currency, uint256 commission)
        private
        view
        returns (uint256 before, uint256 total)
    {
        Stored.read(address(AGREEMENTS), it.termsNo, s.terms);
        before = it.total;
        total = commission > MAX_TOTAL - before ? MAX_TOTAL : before + commission;
        int256 aside = _rest(s, it.period, before, total);
        (s.dueCount, s.given, s.owing) = (0, 0, false);
        uint256 parties = s.terms.parties();
        for (uint256 i = 0; i < parties; ++i) {
            _give(s, it, currency, s.terms.party(i), _change(s, i));
        }
        if (s.terms.reserveAccount() != 0) _give(s, it, currency, s.terms.reserveAccount(), aside);
        if (s.given != 0) s.changes[s.count++] = Movements.pack(currency, payer, -int128(uint128(s.given)));
    }

    /// @dev What of all the rests' changes party i is to have. A rest is 2^96 at most.
    function _change(Sharing memory s, uint256 i) private pure returns (int256 change) {
        unchecked {
            for (uint256 at = s.rests; at != s.restsEnd; at += 0x60) {
                uint256 share = Memory.peek(at + 0x40).share(i);
                change += int256(Memory.peek(at + 0x20) * share / Terms.PPM) - int256(Memory.peek(at) * share / Terms.PPM);
            }
        }
    }

    /// @dev Fills the rests of the commission clauses.
    /// @return aside what their reserves gain
    function _rest(Sharing memory s, uint16 period, uint256 before, uint256 total) private pure returns (int256 aside) {
        uint256 clause = s.terms.clauseAt();
        uint256 at = s.rests;
        for (uint256 left = s.terms.clauses(); left != 0; --left) {
            if (clause.basis() == Basis.COMMISSION) {
                (uint256 reserve, uint256 rest) = _onAccount(clause, before);
                Memory.poke(at, rest);
                aside -= int256(reserve);
                (reserve, rest) = _onAccount(clause, total);
                Memory.poke(at + 0x20, rest);
                aside += int256(reserve);
                Memory.poke(at + 0x40, _firstRow(s.terms, clause, period));
                at += 0x60;
            }
            clause = clause.next();
        }
        s.restsEnd = at;
    }

    /// @dev What of a running total the reserve has, and the shares. Where a measure picks the tier it is the first's.
    function _onAccount(uint256 clause, uint256 total) internal pure returns (uint256 reserve, uint256 rest) {
        uint256 pool = clause.pool(total, clause.tierBy() == 0 ? total : 0, 1, 1);
        reserve = clause.reserveOf(pool);
        rest = pool - reserve;
    }

    /// @dev The shares that apply in the settlement: the period's, or the first where a measure decides.
    function _firstRow(uint256 terms, uint256 clause, uint16 period) internal pure returns (uint256 row) {
        row = terms.rowOf(clause, clause.stepBy() == Terms.BY_TIME ? Calendar.startOf(period) : 0);
    }

    function _give(Sharing memory s, Live memory it, uint16 currency, uint16 party, int256 change) private view {
        if (change < 0 || it.nets) {
            int256 due = _dues[_dueKey(it.agreementId, party)];
            if (change == 0) {
                if (due < 0) s.owing = true;
            } else if (change < 0 || due < 0) {
                due += change;
                // What is still owed, or (a claim of the party that waits to be paid) is less.
                change = change > 0 && due > 0 ? due : int256(0);
                due -= change;
                s.dues[s.dueCount++] = (uint256(party) << 240) | uint128(int128(due));
                if (due < 0) s.owing = true;
            }
        }
        if (change == 0) return;
        s.given += uint256(change);
        s.changes[s.count++] = Movements.pack(currency, party, int128(change));
    }

    function _setDue(uint32 agreementId, uint16 institution, int128 due) internal {
        _dues[_dueKey(agreementId, institution)] = due;
        emit DueChanged(agreementId, institution, due);
    }

    function _dueKey(uint32 agreementId, uint16 institution) internal pure returns (uint256) {
        return (uint256(agreementId) << 16) | institution;
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAgreements} from "../interfaces/IAgreements.sol";
import {IAssetRegister} from "../interfaces/IAssetRegister.sol";
import {IClearingHouse} from "../interfaces/IClearingHouse.sol";
import {IConsortium} from "../interfaces/IConsortium.sol";
import {IRevenueSharing} from "../interfaces/IRevenueSharing.sol";
import {Calendar} from "../libraries/Calendar.sol";
import {Memory} from "../libraries/Memory.sol";
import {Stored} from "../libraries/Stored.sol";
import {Terms} from "../libraries/Terms.sol";
import {Agreement, Basis, Version} from "../types/Agreement.sol";

/// @title Beginning: what of an agreement a settlement reads, from version to version and period to period
abstract contract Beginning is IRevenueSharing {
    using Terms for uint256;

    /// @dev What a settlement reads and writes of an agreement: one word. While `until` (seconds) has not come, terms and
    /// period are right. `more`: the payer has another behind it. `nets`: a party may owe the payer something.
    struct Live {
        uint96 total;
        uint32 termsNo;
        uint32 agreementId;
        uint16 period;
        uint40 until;
        uint8 parties;
        bool more;
        bool nets;
    }

    /// @dev A performance's mark, the period it was carried to, and in which version its measure was last.
    struct Mark {
        uint64 value;
        uint16 through;
        uint32 version;
    }

    uint256 internal constant MAX_LIVE = 8;

    IConsortium public immutable CONSORTIUM;
    IAssetRegister public immutable REGISTER;
    IClearingHouse public immutable CLEARING_HOUSE;
    IAgreements public immutable AGREEMENTS;

    /// @dev Key: payer u16 | currency u16 | place u8, without gaps.
    mapping(uint256 key => Live) internal _live;
    mapping(uint256 idAndPeriod => uint96 total) internal _totals;
    mapping(uint32 id => mapping(bytes28 measure => Mark)) internal _marks;

    constructor(IConsortium consortium, IAssetRegister register, IClearingHouse clearingHouse, IAgreements agreements) {
        CONSORTIUM = consortium;
        REGISTER = register;
        CLEARING_HOUSE = clearingHouse;
        AGREEMENTS = agreements;
    }

    /// @inheritdoc IRevenueSharing
    function object() external {
        uint16 index = CONSORTIUM.institutionOf(address(this));
        if (index == 0) revert RevenueSharing_NoAccount();
        CONSORTIUM.withdrawNomination(index);
    }

    /// @inheritdoc IRevenueSharing
    function begin(uint32 agreementId, uint32 version) external {
        if (msg.sender != address(AGREEMENTS)) revert RevenueSharing_NotAgreements(msg.sender);
        Version memory begun = AGREEMENTS.versionOf(agreementId, version);
        uint256 terms = _read(begun.termsNo);
        bool shares = false;
        uint256 clause = terms.clauseAt();
        for (uint256 left = terms.clauses(); left != 0; --left) {
            if (clause.basis() == Basis.COMMISSION) shares = true;
            if (clause.basis() == Basis.PERFORMANCE) _keepMark(agreementId, version, begun.fromPeriod, terms, clause);
            clause = clause.next();
        }
        if (shares && _liveOf(terms.payer(), terms.currency(), agreementId) == 0) {
            _makeLive(agreementId, version, terms);
        }
    }

    /// @return terms place in memory of the words that were proposed, with their count before them
    function _read(uint256 termsNo) internal view returns (uint256 terms) {
        terms = Memory.free() + 0x20;
        uint256 words = Stored.read(address(AGREEMENTS), termsNo, terms);
        Memory.poke(terms - 0x20, words);
        Memory.release(terms + (words << 5));
    }

    /// @dev The caller acts for payer or party, which is active.
    function _party(uint256 terms) internal view returns (uint16 caller, uint256 place) {
        caller = CONSORTIUM.institutionOf(msg.sender);
        place = terms.placeOf(caller);
        if (place > terms.parties() || !CONSORTIUM.isActive(caller)) revert RevenueSharing_NotParty(msg.sender);
    }

    function _liveKey(uint16 payer, uint16 currency, uint256 place) internal pure returns (uint256) {
        return (uint256(payer) << 24) | (uint256(currency) << 8) | place;
    }

    /// @return key of what a settlement reads of an agreement, 0 where that is nothing
    function _liveOf(uint16 payer, uint16 currency, uint32 agreementId) internal view returns (uint256 key) {
        for (uint256 place = 0; place < MAX_LIVE; ++place) {
            key = _liveKey(payer, currency, place);
            Live storage it = _live[key];
            if (it.agreementId == agreementId) return key;
            if (!it.more) break;
        }
        return 0;
    }

    function _periodKey(uint32 agreementId, uint16 period) internal pure returns (uint256) {
        return (uint256(agreementId) << 16) | period;
    }

    function _requireNoCycle() internal view {
        if (CLEARING_HOUSE.openCycles() != 0) revert RevenueSharing_CycleOpen();
    }

    /// @dev Brings what a settlement reads up to the time. The total of a period that has gone stays where `run` finds it.
    function _roll(Live memory it) internal {
        if (it.total != 0) _totals[_periodKey(it.agreementId, it.period)] = it.total;
        _renew(it);
    }

    /// @dev The same in memory only.
    function _renew(Live memory it) internal view {
        (uint16 period, Version memory version) = AGREEMENTS.coverAt(it.agreementId, block.timestamp);
        (it.total, it.period, it.termsNo, it.parties) = (0, period, version.termsNo, version.parties);
        // Who owed may have been no party in between.
        it.nets = true;
        if (version.termsNo != 0) {
            it.until = uint40(Calendar.startOf(uint256(period) + version.months));
        } else {
            uint40 startsAt = AGREEMENTS.versionOf(it.agreementId, 1).startsAt;
            it.until = block.timestamp < startsAt ? startsAt : type(uint40).max;
        }
    }

    /// @dev A mark lives on from version to version. Where a measure left and comes back, nobody could tell what it was.
    function _keepMark(uint32 id, uint32 version, uint16 fromPeriod, uint256 terms, uint256 clause) private {
        bytes28 measure = bytes28(bytes32(terms.measure(clause.field(232) - 1)));
        Mark storage it = _marks[id][measure];
        if (it.version == 0) {
            (it.value, it.through) = (uint64(Memory.peek(clause + 0x40) >> 192), fromPeriod);
        } else if (it.version != version - 1) {
            revert RevenueSharing_MarkLapsed(id, measure);
        }
        it.version = version;
    }

    /// @dev Behind the payer's others, or where one has ended.
    function _makeLive(uint32 id, uint32 version, uint256 terms) private {
        (uint16 payer, uint16 currency) = (terms.payer(), terms.currency());
        for (uint256 place = 0; place < MAX_LIVE; ++place) {
            uint256 key = _liveKey(payer, currency, place);
            Live memory it = _live[key];
            if (it.agreementId != 0) {
                uint40 endsAt = AGREEMENTS.agreement(it.agreementId).endsAt;
                if (endsAt == 0 || block.timestamp < endsAt) continue;
                _roll(it);
            } else if (place != 0) {
                _live[key - 1].more = true;
            }
            it.agreementId = id;
            _renew(it);
            // Before the first version nobody can owe anything.
            it.nets = version != 1;
            _live[key] = it;
            return;
        }
        revert RevenueSharing_TooMany(payer, currency);
    }
}

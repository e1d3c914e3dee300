// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IAgreements} from "./interfaces/IAgreements.sol";
import {IAssetRegister} from "./interfaces/IAssetRegister.sol";
import {IClearingHouse} from "./interfaces/IClearingHouse.sol";
import {IConsortium} from "./interfaces/IConsortium.sol";
import {IRevenueSharing} from "./interfaces/IRevenueSharing.sol";
import {Accounts} from "./libraries/Accounts.sol";
import {Allocation} from "./libraries/Allocation.sol";
import {Calendar} from "./libraries/Calendar.sol";
import {Memory} from "./libraries/Memory.sol";
import {Movements} from "./libraries/Movements.sol";
import {Terms} from "./libraries/Terms.sol";
import {Agreement, Basis, DayCount} from "./types/Agreement.sol";
import {Accruing} from "./revenuesharing/Accruing.sol";
import {Beginning} from "./revenuesharing/Beginning.sol";

/// @title RevenueSharing, as IRevenueSharing says
contract RevenueSharing is Accruing {
    using Terms for uint256;

    /// @dev One period that is computed. `dues` are the parties', in their order, and last the reserve's: kept in memory
    /// until all is computed and paid, as most of them are 0 before and after. `stood` is what they were.
    struct Run {
        uint32 id;
        uint16 period;
        uint16 payer;
        uint256 terms;
        uint256 from;
        uint256 to;
        bool owing;
        int128[] dues;
        int128[] stood;
    }

    mapping(uint256 idAndPeriod => uint256 lines) private _run;
    mapping(uint256 idAndPeriod => uint256 clauses) private _released;
    /// @dev All that is run and not released.
    mapping(uint32 id => uint256) private _kept;
    mapping(uint256 idAndPeriod => mapping(uint256 clause => uint96)) private _reserves;

    constructor(IConsortium consortium, IAssetRegister register, IClearingHouse clearingHouse, IAgreements agreements)
        Beginning(consortium, register, clearingHouse, agreements)
    {}

    /// @inheritdoc IRevenueSharing
    function run(uint32 agreementId, uint16 period, uint256 lines) external {
        _requireNoCycle();
        Run memory r = _open(agreementId, period);
        _readDues(r);
        uint256 clauses = r.terms.clauses();
        uint256 key = _periodKey(agreementId, period);
        uint256 done = _run[key];
        if (lines == 0 || lines >> (clauses + r.terms.guarantees()) != 0) {
            revert RevenueSharing_UnknownLine(agreementId, period, lines == 0 ? 255 : uint8(Math.log2(lines)));
        }
        _run[key] = done | lines;
        uint256 place = r.terms.clauseAt();
        for (uint8 line = 0; lines >> line != 0; ++line) {
            if ((lines >> line) & 1 != 0) {
                if ((done >> line) & 1 != 0) revert RevenueSharing_LineRun(agreementId, period, line);
                if (line < clauses) _runClause(r, line, place);
                else _runGuarantee(r, uint8(line - clauses), place);
            }
            place = line < clauses ? place.next() : place + 0x40;
        }
        if (r.owing) {
            uint256 live = _liveOf(r.payer, r.terms.currency(), agreementId);
            if (live != 0) _live[live].nets = true;
        }
        _payAll(r);
    }

    /// @inheritdoc IRevenueSharing
    function pay(uint32 agreementId, uint32 version) external {
        _requireNoCycle();
        uint32 termsNo = AGREEMENTS.versionOf(agreementId, version).termsNo;
        if (termsNo == 0) revert RevenueSharing_NothingDue(agreementId);
        Run memory r;
        r.id = agreementId;
        r.terms = _read(termsNo);
        r.payer = r.terms.payer();
        _readDues(r);
        if (!_payAll(r)) revert RevenueSharing_NothingDue(agreementId);
    }

    /// @inheritdoc IRevenueSharing
    function repay(uint32 agreementId) external {
        _requireNoCycle();
        Agreement memory it = AGREEMENTS.agreement(agreementId);
        uint16 caller = CONSORTIUM.institutionOf(msg.sender);
        int128 due = _dues[_dueKey(agreementId, caller)];
        if (due >= 0 || !CONSORTIUM.isActive(caller)) revert RevenueSharing_NothingDue(agreementId);
        _setDue(agreementId, caller, 0);
        _move(it.currency, caller, it.payer, -due);
    }

    /// @inheritdoc IRevenueSharing
    function release(uint32 agreementId, uint16 period, uint8 clause) external {
        _requireNoCycle();
        Run memory r = _open(agreementId, period);
        uint256 key = _periodKey(agreementId, period);
        uint96 held = _reserves[key][clause];
        if ((_run[key] >> clause) & 1 == 0) revert RevenueSharing_LineNotRun(agreementId, period, clause);
        if (held == 0 || (_released[key] >> clause) & 1 != 0) revert RevenueSharing_LineRun(agreementId, period, clause);
        uint256 place = r.terms.clauseAt();
        for (uint256 i = 0; i < clause; ++i) place = place.next();
        _requireReleasable(r, place.field(144));
        int128 unpaid = _dues[_dueKey(agreementId, r.terms.reserveAccount())];
        uint256 kept = _kept[agreementId];
        if (unpaid > 0 && kept < held + uint128(unpaid)) revert RevenueSharing_ReserveUnpaid(agreementId, uint128(unpaid));
        _kept[agreementId] = kept - held;
        _released[key] |= 1 << clause;
        _release(r, place, clause, held);
    }

    /// @inheritdoc IRevenueSharing
    function totalOf(uint32 agreementId, uint16 period) external view returns (uint256 total) {
        try AGREEMENTS.agreement(agreementId) returns (Agreement memory it) {
            total = _totalOf(agreementId, period, it.payer, it.currency);
        } catch {
            // Nothing is the total of what there is not, as all else of it is.
        }
    }

    /// @inheritdoc IRevenueSharing
    function dueOf(uint32 agreementId, uint16 institution) external view returns (int128) {
        return _dues[_dueKey(agreementId, institution)];
    }

    /// @inheritdoc IRevenueSharing
    function linesOf(uint32 agreementId, uint16 period) external view returns (uint256, uint256) {
        uint256 key = _periodKey(agreementId, period);
        return (_run[key], _released[key]);
    }

    function _open(uint32 agreementId, uint16 period) private view returns (Run memory r) {
        (r.id, r.period) = (agreementId, period);
        (r.terms, r.from, r.to) = _ended(agreementId, period);
        r.payer = r.terms.payer();
    }

    function _totalOf(uint32 agreementId, uint16 period, uint16 payer, uint16 currency)
        private
        view
        returns (uint256 total)
    {
        uint256 key = _liveOf(payer, currency, agreementId);
        if (key != 0 && _live[key].period == period) return _live[key].total;
        total = _totals[_periodKey(agreementId, period)];
    }

    function _runClause(Run memory r, uint8 line, uint256 clause) private {
        uint256 x = _basis(r, line, clause);
        uint256 pool;
        {
            uint256 by = clause.tierBy() == 0 ? x : _measured(r.id, r.period, r.terms, clause.tierBy());
            DayCount dayCount = clause.basis() == Basis.MANAGEMENT_FEE ? DayCount(clause.field(176)) : DayCount.NONE;
            (uint256 count, uint256 ofDays) = Terms.daysOf(dayCount, r.from, r.to);
            pool = clause.pool(x, by, count, ofDays);
            uint256 floor = Memory.peek(clause + 0x20) >> 128;
            if (pool < floor) pool = floor;
        }
        uint256 reserve = clause.reserveOf(pool);
        if (reserve != 0) {
            _reserves[_periodKey(r.id, r.period)][line] = uint96(reserve);
            _kept[r.id] += reserve;
        }
        uint256[] memory amounts = _allocate(r, clause, pool - reserve);
        emit ClauseRun(r.id, r.period, line, x, pool, reserve, amounts);
        bool isCommission = clause.basis() == Basis.COMMISSION;
        (uint256 aside, uint256 rest) = isCommission ? _onAccount(clause, x) : (0, 0);
        uint256 row = isCommission ? _firstRow(r.terms, clause, r.period) : 0;
        for (uint256 i = 0; i < amounts.length; ++i) {
            uint256 received = isCommission ? Allocation.floorShare(rest, row.share(i)) : 0;
            _owe(r, i, int256(amounts[i]) - int256(received));
        }
        _owe(r, amounts.length, int256(reserve) - int256(aside));
    }

    function _runGuarantee(Run memory r, uint8 guarantee, uint256 at) private {
        uint256 word = Memory.peek(at);
        uint256 place = uint8(word >> 240) - 1;
        uint256 measured = _measured(r.id, r.period, r.terms, word >> 248);
        uint256 promised = uint128(word);
        uint256 amount = 0;
        if (measured < promised) {
            word = Memory.peek(at + 0x20);
            amount = (promised - measured) * uint64(word >> 192) / Terms.PPM + uint96(word >> 96);
            uint256 cap = uint96(word);
            if (cap != 0 && amount > cap) amount = cap;
        }
        emit GuaranteeRun(r.id, r.period, guarantee, r.terms.party(place), amount);
        _owe(r, place, -int256(amount));
    }

    /// @return x what the clause's tiers apply to
    function _basis(Run memory r, uint8 line, uint256 clause) private returns (uint256 x) {
        Basis basis = clause.basis();
        if (basis == Basis.COMMISSION) return _totalOf(r.id, r.period, r.payer, r.terms.currency());
        if (basis == Basis.SUBSCRIPTION) return 1;
        uint256 measured = _measured(r.id, r.period, r.terms, clause.field(232));
        if (basis != Basis.PERFORMANCE) return measured;
        uint256 units = clause.field(224) == 0 ? 1 : _measured(r.id, r.period, r.terms, clause.field(224));
        Mark storage it = _marks[r.id][bytes28(bytes32(r.terms.measure(clause.field(232) - 1)))];
        if (it.through != r.period) revert RevenueSharing_LineNotRun(r.id, it.through, line);
        uint256 mark = it.value;
        uint256 word = Memory.peek(clause + 0x40);
        (uint256 count, uint256 ofDays) = Terms.daysOf(DayCount(clause.field(176)), r.from, r.to);
        uint256 benchmark = mark + mark * uint32(word >> 160) * count / (ofDays * Terms.PPM);
        if (measured > benchmark) x = (measured - benchmark) * units;
        if (measured > mark || uint8(word >> 152) != 0) it.value = uint64(measured);
        it.through = r.period + r.terms.months();
    }

    /// @dev By largest remainder, ties to the earlier party, the payer with what the shares leave last.
    function _allocate(Run memory r, uint256 clause, uint256 amount) private view returns (uint256[] memory amounts) {
        uint256 by = clause.stepBy();
        if (by == Terms.BY_TIME) by = Calendar.startOf(r.period);
        else if (by != 0) by = _measured(r.id, r.period, r.terms, by);
        uint256 row = r.terms.rowOf(clause, by);
        uint256 parties = r.terms.parties();
        uint256[] memory shares = new uint256[](parties);
        for (uint256 i = 0; i < parties; ++i) shares[i] = row.share(i);
        amounts = Allocation.largestRemainder(amount, shares);
        for (uint256 i = 0; i < parties; ++i) amounts[i] += Allocation.floorShare(amount, shares[i]);
    }

    function _readDues(Run memory r) private view {
        uint256 count = uint256(r.terms.parties()) + 1;
        (r.dues, r.stood) = (new int128[](count), new int128[](count));
        for (uint256 i = 0; i < count; ++i) r.dues[i] = r.stood[i] = _dues[_dueKey(r.id, _receiver(r, i))];
    }

    function _writeDues(Run memory r) private {
        for (uint256 i = 0; i < r.dues.length; ++i) {
            if (r.dues[i] != r.stood[i]) _dues[_dueKey(r.id, _receiver(r, i))] = r.dues[i];
        }
    }

    /// @param place of a party from 0, behind them the reserve's
    function _receiver(Run memory r, uint256 place) private pure returns (uint16) {
        return place < r.terms.parties() ? r.terms.party(place) : r.terms.reserveAccount();
    }

    function _owe(Run memory r, uint256 place, int256 change) private {
        if (change == 0) return;
        int128 due = int128(int256(r.dues[place]) + change);
        if (due < 0) r.owing = true;
        _makeDue(r, place, due);
    }

    function _makeDue(Run memory r, uint256 place, int128 due) private {
        r.dues[place] = due;
        emit DueChanged(r.id, _receiver(r, place), due);
    }

    /// @dev Pays what is due to the parties of these terms and their reserve; all of it, or nothing where the payer has less.
    /// What the reserve has too much goes back to the payer first: nobody else could ask it to.
    /// @return any whether something was due
    function _payAll(Run memory r) private returns (bool any) {
        uint256 keeper = r.terms.parties();
        uint16 currency = r.terms.currency();
        uint256[] memory movements = new uint256[](keeper + 2);
        uint256 n = 0;
        int128 back = r.dues[keeper] < 0 ? -r.dues[keeper] : int128(0);
        if (back != 0) _makeDue(r, keeper, 0);
        uint256 total = 0;
        for (uint256 i = 0; i <= keeper; ++i) {
            int128 due = r.dues[i];
            if (due <= 0) continue;
            total += uint128(due);
            movements[n++] = Movements.pack(currency, _receiver(r, i), due);
        }
        any = n != 0;
        if (
            any
                && (!CONSORTIUM.isActive(r.payer)
                    || REGISTER.balanceOf(Accounts.addressOf(r.payer), currency) + uint128(back) < total)
        ) {
            emit PaymentDeferred(r.id, total);
            n = 0;
        }
        for (uint256 i = 0; n != 0 && i <= keeper; ++i) if (r.dues[i] > 0) _makeDue(r, i, 0);
        _writeDues(r);
        if (back != 0) _move(currency, r.terms.reserveAccount(), r.payer, back);
        if (n == 0) return any;
        movements[n++] = Movements.pack(currency, r.payer, -int128(uint128(total)));
        Memory.resize(movements, n);
        REGISTER.settle(movements);
    }

    /// @dev The period after which a reserve is free has ended.
    function _requireReleasable(Run memory r, uint256 periods) private view {
        uint256 month = uint256(r.period) + r.terms.months() * (periods + 1);
        uint256 endsAt = Calendar.startOf(month);
        if (block.timestamp < endsAt) revert RevenueSharing_PeriodOpen(r.id, r.period, uint64(endsAt));
    }

    function _release(Run memory r, uint256 place, uint8 clause, uint256 held) private {
        uint256 measure = place.field(136);
        uint256[] memory amounts;
        if (measure != 0 && _measured(r.id, r.period, r.terms, measure) > uint128(Memory.peek(place))) {
            amounts = new uint256[](r.terms.parties());
            if (place.field(128) != 0) amounts[place.field(128) - 1] = held;
        } else {
            amounts = _allocate(r, place, held);
        }
        uint256 toPayer = held;
        for (uint256 i = 0; i < amounts.length; ++i) toPayer -= amounts[i];
        emit ReserveReleased(r.id, r.period, clause, amounts, toPayer);
        uint16 currency = r.terms.currency();
        uint256[] memory movements = new uint256[](amounts.length + 2);
        uint256 n = 0;
        for (uint256 i = 0; i < amounts.length; ++i) {
            uint16 party = r.terms.party(i);
            uint256 netted = _net(r.id, party, amounts[i]);
            toPayer += netted;
            if (amounts[i] > netted) {
                movements[n++] = Movements.pack(currency, party, int128(uint128(amounts[i] - netted)));
            }
        }
        if (toPayer != 0) movements[n++] = Movements.pack(currency, r.payer, int128(uint128(toPayer)));
        movements[n++] = Movements.pack(currency, r.terms.reserveAccount(), -int128(uint128(held)));
        Memory.resize(movements, n);
        REGISTER.settle(movements);
    }

    /// @return netted how much of the amount goes to the payer, as the party owes it that
    function _net(uint32 agreementId, uint16 party, uint256 amount) private returns (uint256 netted) {
        int128 due = _dues[_dueKey(agreementId, party)];
        if (due >= 0 || amount == 0) return 0;
        netted = uint128(-due) < amount ? uint128(-due) : amount;
        _setDue(agreementId, party, due + int128(uint128(netted)));
    }

    function _move(uint16 currency, uint16 from, uint16 to, int128 amount) private {
        uint256[] memory movements = new uint256[](2);
        movements[0] = Movements.pack(currency, from, -amount);
        movements[1] = Movements.pack(currency, to, amount);
        REGISTER.settle(movements);
    }
}

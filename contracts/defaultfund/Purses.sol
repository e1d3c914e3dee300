// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IAssetRegister} from "../interfaces/IAssetRegister.sol";
import {IClearingHouse} from "../interfaces/IClearingHouse.sol";
import {Condition, IConditions} from "../interfaces/IConditions.sol";
import {IConsortium} from "../interfaces/IConsortium.sol";
import {IDefaultFund} from "../interfaces/IDefaultFund.sol";
import {Accounts} from "../libraries/Accounts.sol";
import {Joint} from "../libraries/Joint.sol";
import {Movements} from "../libraries/Movements.sol";
import {Parts} from "../libraries/Parts.sol";
import {Records} from "../libraries/Records.sol";
import {Listed, Notice, Purse, Rates} from "../types/Fund.sol";
import {Batch, Header, Role, Status} from "../types/Types.sol";

/// @title What members have in the fund, and what they must have
abstract contract Purses is IDefaultFund, Joint {
    using Records for bytes32;
    using Records for bytes32[];

    /// @dev What a venue's call asks of a member, minor units; it counts only as long as that call is the newest, so a
    /// call need not visit whom it asks nothing of.
    struct Requirement {
        uint32 call;
        uint112 margin;
        uint112 contribution;
    }

    /// @dev Whether a party has affirmed a batch, as far as it is known.
    enum Word {
        UNASKED,
        GIVEN,
        MISSING
    }

    /// @dev By institution: its word on the batch at hand, and minor units of what is still to be settled, and of all.
    struct Sums {
        Word[] words;
        uint256[] pending;
        uint256[] all;
    }

    uint64 public constant NOTICE_PERIOD = 7 days;
    uint256 internal constant PPM = 1_000_000;

    IAssetRegister public immutable REGISTER;
    IClearingHouse public immutable CLEARING_HOUSE;
    IConditions public immutable CONDITIONS;

    uint16 public account;
    mapping(uint16 currency => uint256) public openDefaults;
    mapping(uint16 institution => mapping(uint16 currency => uint256 id)) public openDefaultOf;
    mapping(uint16 currency => Rates) private _rates;
    mapping(uint16 institution => mapping(uint16 currency => uint128[3])) private _purses;
    mapping(uint16 institution => mapping(uint16 currency => mapping(Purse => Notice))) private _notices;
    /// @dev Venues that ever called in a currency.
    mapping(uint16 currency => uint16[] venues) private _callers;
    mapping(uint16 currency => mapping(uint16 venue => uint32)) private _calls;
    mapping(uint16 currency => mapping(uint16 venue => mapping(uint16 institution => Requirement))) private
        _requirements;

    constructor(
        IConsortium consortium,
        IAssetRegister register,
        IClearingHouse clearingHouse,
        IConditions conditions
    ) Joint(consortium) {
        REGISTER = register;
        CLEARING_HOUSE = clearingHouse;
        CONDITIONS = conditions;
    }

    /// @inheritdoc IDefaultFund
    function object() external {
        uint16 index = CONSORTIUM.institutionOf(address(this));
        if (index == 0) revert DefaultFund_NoAccount();
        CONSORTIUM.withdrawNomination(index);
    }

    /// @inheritdoc IDefaultFund
    function deposit(Purse purse, uint16 currency, uint256 amount) external {
        uint16 member = purse == Purse.CAPITAL ? CONSORTIUM.actingAs(msg.sender, Role.EXCHANGE) : _member();
        _requireNoCycle();
        _requireCurrency(currency);
        _requireAmount(amount);
        uint16 fund = _receiving();
        emit Deposited(member, currency, purse, amount, _credit(member, currency, purse, amount));
        _move(currency, member, fund, amount);
    }

    /// @inheritdoc IDefaultFund
    function release(Purse purse, uint16 currency, uint256 amount) external {
        uint16 member = _member();
        _requireNoCycle();
        if (openDefaults[currency] != 0) revert DefaultFund_DefaultOpen(currency);
        _requireAmount(amount);
        uint256 free = Math.saturatingSub(purseOf(member, currency, purse), requiredOf(member, currency, purse));
        if (amount > free) revert DefaultFund_NotFree(member, currency, purse, amount, free);
        if (purse != Purse.MARGIN) {
            Notice storage notice = _notices[member][currency][purse];
            bool timely = block.timestamp >= notice.from && block.timestamp < notice.from + NOTICE_PERIOD;
            if (!timely || amount > notice.amount) {
                revert DefaultFund_NoNotice(member, currency, purse, notice.amount, notice.from);
            }
            notice.amount -= uint128(amount);
        }
        emit Released(member, currency, purse, amount, _debit(member, currency, purse, amount));
        _move(currency, account, member, amount);
    }

    /// @inheritdoc IDefaultFund
    function giveNotice(Purse purse, uint16 currency, uint128 amount) external {
        uint16 member = _member();
        if (purse == Purse.MARGIN) revert DefaultFund_NeedsNoNotice();
        uint64 from = uint64(block.timestamp) + NOTICE_PERIOD;
        _notices[member][currency][purse] = Notice(amount, from);
        emit NoticeGiven(member, currency, purse, amount, from);
    }

    /// @inheritdoc IDefaultFund
    function setRates(uint16 currency, uint24 marginPpm, uint24 contributionPpm) external {
        _requireCurrency(currency);
        if (marginPpm > PPM) revert DefaultFund_InvalidRate(marginPpm);
        if (contributionPpm > PPM) revert DefaultFund_InvalidRate(contributionPpm);
        if (!_jointly(keccak256(msg.data))) return;
        _rates[currency] = Rates(marginPpm, contributionPpm);
        emit RatesSet(currency, marginPpm, contributionPpm);
    }

    /// @inheritdoc IDefaultFund
    function callRequirements(uint16 currency, Listed[] calldata listed) external {
        uint16 venue = CONSORTIUM.actingAs(msg.sender, Role.EXCHANGE);
        _requireNoCycle();
        _requireCurrency(currency);
        uint256 rows = uint256(CONSORTIUM.institutionCount()) + 1;
        Sums memory sums = Sums(new Word[](0), new uint256[](rows), new uint256[](rows));
        bytes32[] memory hashes = new bytes32[](listed.length);
        for (uint256 k = 0; k < listed.length; ++k) {
            if (listed[k].header.venue != venue) revert DefaultFund_NotVenue(venue, listed[k].header.venue);
            (hashes[k],) = _recorded(listed[k].header, listed[k].records, currency);
            if (k != 0 && hashes[k] <= hashes[k - 1]) revert DefaultFund_BatchOrder(k);
            _add(sums, hashes[k], listed[k].records);
        }
        uint32 call = ++_calls[currency][venue];
        if (call == 1) _callers[currency].push(venue);
        emit RequirementsCalled(venue, currency, call, hashes);
        _require(_requirements[currency][venue], call, _rates[currency], sums.pending, sums.all);
        _pull(currency, _receiving(), rows);
    }

    /// @inheritdoc IDefaultFund
    function purseOf(uint16 institution, uint16 currency, Purse purse) public view returns (uint256) {
        return _purses[institution][currency][uint256(purse)];
    }

    /// @inheritdoc IDefaultFund
    function requiredOf(uint16 institution, uint16 currency, Purse purse) public view returns (uint256) {
        return _required(_venues(currency), institution, currency)[uint256(purse)];
    }

    /// @inheritdoc IDefaultFund
    function noticeOf(uint16 institution, uint16 currency, Purse purse) external view returns (Notice memory) {
        return _notices[institution][currency][purse];
    }

    /// @inheritdoc IDefaultFund
    function ratesOf(uint16 currency) external view returns (Rates memory) {
        return _rates[currency];
    }

    /// @dev Puts money into a purse's books.
    /// @return what the purse has then
    function _credit(uint16 member, uint16 currency, Purse purse, uint256 amount) internal returns (uint256) {
        // Below 2^128: more than the currency's supply is in no purse.
        return _purses[member][currency][uint256(purse)] += uint128(amount);
    }

    /// @dev Takes money, which is there, out of a purse's books.
    /// @return what the purse has then
    function _debit(uint16 member, uint16 currency, Purse purse, uint256 amount) internal returns (uint256) {
        return _purses[member][currency][uint256(purse)] -= uint128(amount);
    }

    /// @dev Nothing is required of the member by any call so far.
    function _forget(uint16 member, uint16 currency) internal {
        uint16[] storage venues = _callers[currency];
        for (uint256 i = 0; i < venues.length; ++i) delete _requirements[currency][venues[i]][member];
    }

    function _requireNoCycle() internal view {
        if (CLEARING_HOUSE.openCycles() != 0) revert DefaultFund_CycleOpen();
    }

    function _requireCurrency(uint16 currency) internal view {
        if (!REGISTER.isCurrency(currency)) revert DefaultFund_NotCurrency(currency);
    }

    /// @dev The batch that a header and records are, in this currency.
    function _recorded(Header calldata header, bytes32[] calldata records, uint16 currency)
        internal
        view
        returns (bytes32 batchHash, uint64 recordedAt)
    {
        if (header.cashAsset != currency) revert DefaultFund_OtherCurrency(header.cashAsset, currency);
        batchHash = CLEARING_HOUSE.hashOf(header, records.hash());
        Batch memory it = CLEARING_HOUSE.batch(batchHash);
        if (it.count == 0) revert DefaultFund_UnknownBatch(batchHash);
        recordedAt = it.recordedAt;
    }

    function _isOpen(Status status) internal pure returns (bool) {
        return status == Status.PENDING || status == Status.DISPUTED || status == Status.HELD;
    }

    /// @dev A dispute is said at the conditions, after both sides have affirmed; an exception is not. What a side may
    /// dispute on its own counts like any other trade, or it would dispute what it has to pay for.
    /// @return true where a side's affirmation left the trade out
    function _isExcepted(Status status, bytes32 batchHash, uint256 position) internal view returns (bool) {
        if (status != Status.DISPUTED) return false;
        return (CONDITIONS.flagsOf(batchHash, position) >> (2 * uint8(Condition.DISPUTED))) & 3 == 0;
    }

    /// @return what is left of a trade's amount when `settled` of its units have settled, minor units
    function _amountLeft(bytes32 r, uint256 settled) internal pure returns (uint256) {
        return Parts.cut(r.amount(), r.quantity(), settled, r.quantity());
    }

    /// @dev Adds the amounts of a batch to those of each party that has affirmed it: what is still to be settled, and
    /// all. This contract signs nothing, so of the fund itself, whoever names it, nothing is ever asked.
    function _add(Sums memory sums, bytes32 batchHash, bytes32[] calldata records) private view {
        sums.words = new Word[](sums.all.length);
        for (uint256 i = 0; i < records.length; ++i) {
            bytes32 r = records[i];
            Status status = CLEARING_HOUSE.statusOf(batchHash, i);
            if (r.buyer() == r.seller() || status > Status.HELD || _isExcepted(status, batchHash, i)) continue;
            uint256 left = _isOpen(status) ? _amountLeft(r, CLEARING_HOUSE.settledQuantityOf(batchHash, i)) : 0;
            _addSide(sums, batchHash, r.buyer(), r.amount(), left);
            _addSide(sums, batchHash, r.seller(), r.amount(), left);
        }
    }

    function _addSide(Sums memory sums, bytes32 batchHash, uint16 party, uint256 amount, uint256 left) private view {
        if (sums.words[party] == Word.UNASKED) {
            sums.words[party] = CLEARING_HOUSE.affirmedBy(batchHash, party) ? Word.GIVEN : Word.MISSING;
        }
        if (sums.words[party] == Word.MISSING) return;
        sums.all[party] += amount;
        sums.pending[party] += left;
    }

    /// @dev Amounts are u88 and a call has fewer than 2^24 records, so requirements fit in u112.
    function _require(
        mapping(uint16 institution => Requirement) storage requirements,
        uint32 call,
        Rates memory rates,
        uint256[] memory pending,
        uint256[] memory all
    ) private {
        uint256[] memory active = CONSORTIUM.active();
        for (uint256 i = 1; i < all.length; ++i) {
            if (all[i] == 0) continue;
            bool isActive = (active[i >> 8] >> (i & 0xff)) & 1 != 0;
            requirements[uint16(i)] = Requirement(
                call,
                uint112(Math.ceilDiv(pending[i] * rates.marginPpm, PPM)),
                isActive ? uint112(Math.ceilDiv(all[i] * rates.contributionPpm, PPM)) : 0
            );
        }
    }

    /// @dev Takes what members lack from their accounts, all in one settlement.
    function _pull(uint16 currency, uint16 fund, uint256 rows) private {
        uint16[] memory venues = _venues(currency);
        int256[] memory changes = new int256[](rows);
        for (uint256 i = 1; i < rows; ++i) {
            uint256[3] memory required = _required(venues, uint16(i), currency);
            if (required[uint256(Purse.MARGIN)] == 0 && required[uint256(Purse.CONTRIBUTION)] == 0) continue;
            uint256 cash = REGISTER.balanceOf(Accounts.addressOf(uint16(i)), currency);
            uint256 taken = _pullFor(uint16(i), currency, Purse.MARGIN, required, cash);
            taken += _pullFor(uint16(i), currency, Purse.CONTRIBUTION, required, cash - taken);
            changes[i] = -int256(taken);
            changes[fund] += int256(taken);
        }
        _settle(currency, changes);
    }

    function _pullFor(uint16 member, uint16 currency, Purse purse, uint256[3] memory requirements, uint256 cash)
        private
        returns (uint256 taken)
    {
        uint256 required = requirements[uint256(purse)];
        if (required == 0) return 0;
        uint256 missing = Math.saturatingSub(required, purseOf(member, currency, purse));
        bool frozen = (purse == Purse.MARGIN ? openDefaultOf[member][currency] : openDefaults[currency]) != 0;
        if (!frozen) {
            taken = Math.min(missing, cash);
            if (taken != 0) _credit(member, currency, purse, taken);
        }
        emit Called(member, currency, purse, required, taken, missing - taken);
    }

    /// @return sums over the venues, by purse; of CAPITAL nothing is required
    function _required(uint16[] memory venues, uint16 member, uint16 currency)
        private
        view
        returns (uint256[3] memory sums)
    {
        for (uint256 i = 0; i < venues.length; ++i) {
            Requirement memory it = _requirements[currency][venues[i]][member];
            if (it.call != _calls[currency][venues[i]]) continue;
            sums[uint256(Purse.MARGIN)] += it.margin;
            sums[uint256(Purse.CONTRIBUTION)] += it.contribution;
        }
    }

    /// @dev Venues whose requirements count: a suspended exchange's trades are still there, but nobody could ever replace
    /// what one required that is an exchange no more.
    function _venues(uint16 currency) private view returns (uint16[] memory venues) {
        venues = _callers[currency];
        uint256 n = 0;
        for (uint256 i = 0; i < venues.length; ++i) {
            uint8 roles = CONSORTIUM.institution(venues[i]).roles;
            if ((roles >> uint8(Role.EXCHANGE)) & 1 != 0) venues[n++] = venues[i];
        }
        assembly ("memory-safe") {
            mstore(venues, n)
        }
    }

    /// @dev The institution that the caller acts for.
    function _member() private view returns (uint16 member) {
        member = CONSORTIUM.institutionOf(msg.sender);
        if (member == 0 || !CONSORTIUM.isActive(member)) revert DefaultFund_NotMember(msg.sender);
    }

    /// @dev The fund's account, where money may come in: only while this contract is its signer. The first money fixes
    /// which account it is; out of it money goes to whom it belongs whatever became of the signer.
    function _receiving() private returns (uint16 fund) {
        fund = CONSORTIUM.institutionOf(address(this));
        if (fund == 0 || (account != 0 && account != fund)) revert DefaultFund_NoAccount();
        if (account == 0) account = fund;
    }

    function _requireAmount(uint256 amount) private pure {
        if (amount == 0 || amount > uint128(type(int128).max)) revert DefaultFund_AmountOutOfRange(amount);
    }

    function _move(uint16 currency, uint16 from, uint16 to, uint256 amount) private {
        uint256[] memory movements = new uint256[](2);
        movements[0] = Movements.pack(currency, from, -int128(uint128(amount)));
        movements[1] = Movements.pack(currency, to, int128(uint128(amount)));
        REGISTER.settle(movements);
    }

    /// @dev Moves what each institution, by index, gains (minor units) or gives.
    function _settle(uint16 currency, int256[] memory changes) internal {
        uint256[] memory movements = new uint256[](changes.length);
        uint256 n = 0;
        for (uint256 i = 1; i < changes.length; ++i) {
            if (changes[i] == 0) continue;
            if (changes[i] != int128(changes[i])) revert DefaultFund_AmountOutOfRange(uint256(changes[i]));
            movements[n++] = Movements.pack(currency, uint16(i), int128(changes[i]));
        }
        if (n == 0) return;
        assembly ("memory-safe") {
            mstore(movements, n)
        }
        REGISTER.settle(movements);
    }
}

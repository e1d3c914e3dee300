// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAssetRegister} from "./interfaces/IAssetRegister.sol";
import {IClearingHouse} from "./interfaces/IClearingHouse.sol";
import {IConditions} from "./interfaces/IConditions.sol";
import {IConsortium} from "./interfaces/IConsortium.sol";
import {Claim, Fail, IFails} from "./interfaces/IFails.sol";
import {ILimits} from "./interfaces/ILimits.sol";
import {IRevenueSharing} from "./interfaces/IRevenueSharing.sol";
import {Assessing} from "./fails/Assessing.sol";
import {Dates} from "./libraries/Dates.sol";
import {Fees} from "./libraries/Fees.sol";
import {Movements} from "./libraries/Movements.sol";
import {Records} from "./libraries/Records.sol";
import {Cycle, FeeSchedule, Header, Role, Status} from "./types/Types.sol";

/// @title Fails, as IFails says
contract Fails is Assessing {
    using Records for bytes32[];

    uint256 private constant MAX_RATE_A_DAY = 1_000_000;
    uint256 private constant MAX_RATE_A_YEAR = 10_000_000;
    uint256 private constant DAYS_OF_YEAR = 360;
    /// @dev The largest trade at this price is worth less than the register can move at once.
    uint128 public constant MAX_PRICE = type(uint80).max;

    uint16 public closingAfter;
    mapping(uint16 asset => uint32 ratePpm) public penaltyRateOf;
    /// @dev Key: venue u16 | day u32 | currency u16 | asset u16.
    mapping(uint256 key => uint128 price) private _prices;
    mapping(bytes32 batchHash => mapping(uint256 position => Fail)) private _fails;
    /// @dev Key: venue u16 | currency u16 | debtor u16 | creditor u16.
    mapping(uint256 key => Claim) private _claims;

    constructor(
        IConsortium consortium,
        IAssetRegister register,
        IRevenueSharing revenueSharing,
        IClearingHouse clearingHouse,
        ILimits limits,
        IConditions conditions
    ) Assessing(consortium, register, revenueSharing, clearingHouse, limits, conditions) {}

    /// @inheritdoc IFails
    function setPrices(uint32 day, uint16 currency, uint256[] calldata words) external {
        uint16 venue = CONSORTIUM.actingAs(msg.sender, Role.EXCHANGE);
        if (words.length == 0) revert Fails_Nothing();
        if (!Dates.isDate(day)) revert Fails_InvalidDay(day, 0);
        if (!REGISTER.isCurrency(currency)) revert Fails_NotCurrency(currency);
        uint16 securities = REGISTER.securityCount();
        for (uint256 i = 0; i < words.length; ++i) {
            uint16 asset = uint16(words[i] >> 240);
            uint256 price = words[i] & type(uint240).max;
            if (asset == 0 || asset > securities || price == 0 || price > MAX_PRICE) {
                revert Fails_InvalidPrice(words[i]);
            }
            uint256 key = _priceKey(venue, day, currency, asset);
            uint128 given = _prices[key];
            if (given != 0 && given != price) revert Fails_PriceGiven(asset, given);
            if (given == 0) _prices[key] = uint128(price);
        }
        emit PricesSet(venue, day, currency, words);
    }

    /// @inheritdoc IFails
    function setPenaltyRate(uint16 asset, uint32 ratePpm) external {
        // The register refuses what it does not know.
        REGISTER.asset(asset);
        uint256 most = REGISTER.isCurrency(asset) ? MAX_RATE_A_YEAR : MAX_RATE_A_DAY;
        if (ratePpm > most) revert Fails_InvalidRate(asset, ratePpm);
        if (!_jointly(keccak256(msg.data))) return;
        penaltyRateOf[asset] = ratePpm;
        emit PenaltyRateSet(asset, ratePpm);
    }

    /// @inheritdoc IFails
    function setClosingAfter(uint16 failedDays) external {
        if (!_jointly(keccak256(msg.data))) return;
        closingAfter = failedDays;
        emit ClosingAfterSet(failedDays);
    }

    /// @inheritdoc IFails
    function fail(uint32 day, Header calldata header, bytes32[] calldata records, uint32[] calldata positions) external {
        uint16 caller = CONSORTIUM.actingAs(msg.sender, Role.EXCHANGE);
        if (caller != header.venue) revert Fails_NotVenue(caller, header.venue);
        uint64 cycle = _requireCycle(caller);
        bytes32 batchHash = _requireRecorded(header, records, positions);
        if (!Dates.isDate(day) || day < header.intendedSettlementDate) {
            revert Fails_InvalidDay(day, header.intendedSettlementDate);
        }
        FeeSchedule memory fees = CLEARING_HOUSE.feeSchedule(header.feeScheduleId);
        for (uint256 i = 0; i < positions.length; ++i) {
            Rest memory rest = _rest(batchHash, records, positions[i], fees);
            rest.currency = header.cashAsset;
            Fail storage it = _fails[batchHash][positions[i]];
            if (day <= it.day) revert Fails_DayRecorded(rest.tradeNo, it.day);
            uint16 reasons = _reasons(rest, fees.levyBeneficiary);
            if (reasons == 0) revert Fails_Settleable(rest.tradeNo);
            (it.day, it.reasons) = (day, reasons);
            emit TradeFailed(
                batchHash, rest.tradeNo, day, reasons, ++it.failedDays, rest.quantity, rest.amount
            );
            _penalise(rest, header, day, reasons, cycle);
        }
    }

    /// @inheritdoc IFails
    function compensate(uint32 day, Header calldata header, bytes32[] calldata records, uint32[] calldata positions)
        external
    {
        uint16 caller = CONSORTIUM.institutionOf(msg.sender);
        if (!CONSORTIUM.isActive(caller)) revert Fails_NotActive(msg.sender);
        if (CLEARING_HOUSE.openCycles() != 0) revert Fails_CycleOpen();
        bytes32 batchHash = _requireRecorded(header, records, positions);
        uint64 cycle = CLEARING_HOUSE.cycleOf(header.venue).number;
        FeeSchedule memory fees = CLEARING_HOUSE.feeSchedule(header.feeScheduleId);
        for (uint256 i = 0; i < positions.length; ++i) {
            Rest memory rest = _rest(batchHash, records, positions[i], fees);
            rest.currency = header.cashAsset;
            if (caller != header.venue && caller != rest.parties[BUYER] && caller != rest.parties[SELLER]) {
                revert Fails_NotParty(caller, rest.tradeNo);
            }
            Fail memory it = _fails[batchHash][positions[i]];
            if (closingAfter == 0 || it.failedDays < closingAfter) {
                revert Fails_TooEarly(rest.tradeNo, it.failedDays, closingAfter);
            }
            if (day != it.day) revert Fails_NotLastDay(rest.tradeNo, it.day);
            _compensate(rest, header, it, cycle);
        }
    }

    /// @inheritdoc IFails
    function collect(uint16 currency, uint256[] calldata pairs) external {
        uint16 venue = CONSORTIUM.actingAs(msg.sender, Role.EXCHANGE);
        uint64 cycle = _requireCycle(venue);
        if (pairs.length == 0) revert Fails_Nothing();
        for (uint256 i = 0; i < pairs.length; ++i) {
            if (pairs[i] << 32 != 0) revert Fails_InvalidPair(pairs[i]);
            _collect(venue, cycle, currency, uint16(pairs[i] >> 240), uint16(pairs[i] >> 224));
        }
    }

    /// @inheritdoc IFails
    function priceOf(uint16 venue, uint32 day, uint16 currency, uint16 asset) public view returns (uint128) {
        return _prices[_priceKey(venue, day, currency, asset)];
    }

    /// @inheritdoc IFails
    function failOf(bytes32 batchHash, uint256 position) external view returns (Fail memory) {
        return _fails[batchHash][position];
    }

    /// @inheritdoc IFails
    function claimOf(uint16 venue, uint16 currency, uint16 debtor, uint16 creditor) external view returns (Claim memory) {
        return _claims[_claimKey(venue, currency, debtor, creditor)];
    }

    function _penalise(Rest memory rest, Header calldata header, uint32 day, uint16 reasons, uint64 cycle) private {
        if (_isSelfTrade(rest) || reasons & (EITHER * CLAT) != 0) return;
        uint256 rate = penaltyRateOf[header.cashAsset];
        uint256 forCash = rest.amount * rate / (DAYS_OF_YEAR * Fees.PPM);
        for (uint256 side = BUYER; side <= SELLER; ++side) {
            // The other side is owed nothing for a day on which it stood in the way itself.
            if (reasons & ((PREA | SBLO) << (1 - side)) != 0) continue;
            if (reasons & (LACK << side) != 0) {
                _accrue(rest, header, day, side, _penaltyForSecurities(rest, header, day), cycle);
            }
            if (reasons & (MONY << side) != 0) _accrue(rest, header, day, side, forCash, cycle);
        }
    }

    function _penaltyForSecurities(Rest memory rest, Header calldata header, uint32 day) private view returns (uint256) {
        uint256 rate = penaltyRateOf[rest.asset];
        if (rate == 0) return 0;
        uint256 price = priceOf(header.venue, day, header.cashAsset, rest.asset);
        if (price == 0) revert Fails_NoPrice(day, rest.asset);
        return rest.quantity * price * rate / (Fees.PPM * Fees.PPM);
    }

    function _accrue(
        Rest memory rest,
        Header calldata header,
        uint32 day,
        uint256 side,
        uint256 amount,
        uint64 cycle
    ) private {
        if (amount == 0) return;
        (uint16 payer, uint16 payee) = (rest.parties[side], rest.parties[1 - side]);
        _owe(header, payer, payee, amount, cycle);
        emit PenaltyAccrued(rest.batchHash, rest.tradeNo, payer, payee, day, header.cashAsset, amount);
    }

    function _compensate(Rest memory rest, Header calldata header, Fail memory it, uint64 cycle) private {
        bool binding = !_isSelfTrade(rest) && it.reasons & (EITHER * CLAT) == 0;
        uint16 failing = LACK | MONY | PREA;
        bool sellerFailed = binding && it.reasons & (failing << SELLER) != 0;
        bool buyerFailed = binding && it.reasons & (failing << BUYER) != 0;
        uint128 price = priceOf(header.venue, it.day, header.cashAsset, rest.asset);
        if (price == 0 && (sellerFailed || buyerFailed)) revert Fails_NoPrice(it.day, rest.asset);
        uint256 value = uint256(rest.quantity) * price / Fees.PPM;
        (uint16 payer, uint16 payee, uint256 amount) = (0, 0, 0);
        if (sellerFailed && value > rest.amount) {
            (payer, payee, amount) = (rest.parties[SELLER], rest.parties[BUYER], value - rest.amount);
        } else if (buyerFailed && value < rest.amount) {
            (payer, payee, amount) = (rest.parties[BUYER], rest.parties[SELLER], rest.amount - value);
        }
        if (amount != 0) _owe(header, payer, payee, amount, cycle);
        emit TradeCompensated(rest.batchHash, rest.tradeNo, it.day, price, payer, payee, amount);
        CLEARING_HOUSE.setStatus(rest.batchHash, rest.position, Status.COMPENSATED);
    }

    function _owe(Header calldata header, uint16 debtor, uint16 creditor, uint256 amount, uint64 cycle) private {
        Claim storage it = _claims[_claimKey(header.venue, header.cashAsset, debtor, creditor)];
        (uint256 due, uint256 accrued) = (it.due, it.accrued);
        if (it.cycle != cycle) (due, accrued) = (due + accrued, 0);
        accrued += amount;
        if (due + accrued > uint128(type(int128).max)) revert Fails_ClaimOutOfRange(debtor, creditor, due + accrued);
        (it.due, it.accrued, it.cycle) = (uint128(due), uint128(accrued), cycle);
    }

    function _collect(uint16 venue, uint64 cycle, uint16 currency, uint16 debtor, uint16 creditor) private {
        Claim storage it = _claims[_claimKey(venue, currency, debtor, creditor)];
        uint128 later = it.cycle == cycle ? it.accrued : 0;
        uint128 amount = it.due + it.accrued - later;
        if (amount == 0) return;
        uint256 balance = _balance(debtor, currency);
        if (balance < amount || !CONSORTIUM.isActive(debtor) || !CONSORTIUM.isActive(creditor)) {
            emit ClaimUnpaid(venue, currency, debtor, creditor, amount, balance);
            return;
        }
        (it.due, it.accrued) = (0, later);
        emit ClaimPaid(venue, currency, debtor, creditor, amount);
        uint256[] memory movements = new uint256[](2);
        movements[0] = Movements.pack(currency, debtor, -int128(amount));
        movements[1] = Movements.pack(currency, creditor, int128(amount));
        REGISTER.settle(movements);
    }

    /// @return number of the venue's cycle, which is open
    function _requireCycle(uint16 venue) private view returns (uint64 number) {
        Cycle memory cycle = CLEARING_HOUSE.cycleOf(venue);
        if (!cycle.open) revert Fails_NoCycle(venue);
        number = cycle.number;
    }

    function _requireRecorded(Header calldata header, bytes32[] calldata records, uint32[] calldata positions)
        private
        view
        returns (bytes32 batchHash)
    {
        batchHash = CLEARING_HOUSE.hashOf(header, records.hash());
        if (CLEARING_HOUSE.batch(batchHash).count == 0) revert Fails_UnknownBatch(batchHash);
        if (positions.length == 0) revert Fails_Nothing();
    }

    function _priceKey(uint16 venue, uint32 day, uint16 currency, uint16 asset) private pure returns (uint256) {
        return (uint256(venue) << 64) | (uint256(day) << 32) | (uint256(currency) << 16) | asset;
    }

    function _claimKey(uint16 venue, uint16 currency, uint16 debtor, uint16 creditor) private pure returns (uint256) {
        return (uint256(venue) << 48) | (uint256(currency) << 32) | (uint256(debtor) << 16) | creditor;
    }
}

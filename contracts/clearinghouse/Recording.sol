// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Bitmaps} from "../libraries/Bitmaps.sol";
import {Dates} from "../libraries/Dates.sol";
import {Records} from "../libraries/Records.sol";
import {Batch, Header, Role} from "../types/Types.sol";
import {House} from "./House.sol";

/// @title Recording: the ledger knows the trades
abstract contract Recording is House {
    using Bitmaps for uint256[];
    using Records for bytes32;
    using Records for bytes32[];

    function _record(Header calldata header, bytes32[] calldata records, bytes32 recordsHash)
        internal
        returns (bytes32 batchHash)
    {
        _checkHeader(header);
        if (records.length == 0) revert ClearingHouse_EmptyBatch();
        uint256[] memory barred = _members(Role.BROKER);
        for (uint256 i = 0; i < barred.length; ++i) barred[i] = ~barred[i];
        (uint256[] memory page, bool good) = records.scan(barred);
        if (!good) _explain(header, records, barred);
        bytes32 last = records[records.length - 1];
        if (last.asset() > REGISTER.securityCount()) {
            revert ClearingHouse_UnknownSecurity(last.tradeNo(), last.asset());
        }
        _useNumbers(header, last.tradeNo() >> 16, page);
        batchHash = hashOf(header, recordsHash);
        _batches[batchHash] = Batch(uint32(records.length), uint32(records.length), uint64(block.timestamp));
        emit BatchRecorded(batchHash, header.venue, header.tradingDay, recordsHash, records.length, header);
    }

    function _checkHeader(Header calldata h) private view {
        if (h.version != 1) revert ClearingHouse_UnknownVersion(h.version);
        if (
            !Dates.isDate(h.tradingDay) || !Dates.isDate(h.intendedSettlementDate)
                || h.intendedSettlementDate < h.tradingDay
        ) {
            revert ClearingHouse_InvalidDates(h.tradingDay, h.intendedSettlementDate);
        }
        if (!REGISTER.isCurrency(h.cashAsset)) revert ClearingHouse_NotCurrency(h.cashAsset);
        if (_feeSchedules[h.feeScheduleId].venue != h.venue) revert ClearingHouse_UnknownFeeSchedule(h.feeScheduleId);
    }

    function _useNumbers(Header calldata header, uint256 high, uint256[] memory page) internal {
        uint256 key = _numbersKey(header.venue, header.tradingDay, high << 8);
        for (uint256 i = 0; i < Records.PAGE_WORDS; ++i) {
            uint256 added = page[i];
            if (added == 0) continue;
            uint256 used = _numbers[key + i];
            if (used & added != 0) {
                uint32 tradeNo = uint32((((high << 8) | i) << 8) | Bitmaps.lowest(used & added));
                revert ClearingHouse_TradeNumberUsed(header.venue, header.tradingDay, tradeNo);
            }
            _numbers[key + i] = used | added;
        }
    }

    /// @dev Finds the first record that is wrong and says how, in the order the interface lists it.
    function _explain(Header calldata header, bytes32[] calldata records, uint256[] memory barred) internal pure {
        uint256[] memory page = new uint256[](Records.PAGE_WORDS);
        uint256 previous = type(uint32).max;
        for (uint256 i = 0; i < records.length; ++i) {
            bytes32 r = records[i];
            uint32 tradeNo = r.tradeNo();
            uint256 key = (uint256(r.asset()) << 32) | tradeNo;
            uint256 bit = 1 << (tradeNo & 0xff);
            if (r.asset() == 0) revert ClearingHouse_UnknownSecurity(tradeNo, 0);
            if (key <= previous) revert ClearingHouse_RecordOrder(i);
            if (tradeNo >> 16 != records[0].tradeNo() >> 16) revert ClearingHouse_OtherPage(tradeNo);
            if (page[uint16(tradeNo) >> 8] & bit != 0) {
                revert ClearingHouse_TradeNumberUsed(header.venue, header.tradingDay, tradeNo);
            }
            if (barred.contains(r.buyer())) revert ClearingHouse_NotBroker(tradeNo, r.buyer());
            if (barred.contains(r.seller())) revert ClearingHouse_NotBroker(tradeNo, r.seller());
            if (r.quantity() == 0) revert ClearingHouse_ZeroQuantity(tradeNo);
            if (r.amount() == 0) revert ClearingHouse_ZeroAmount(tradeNo);
            page[uint16(tradeNo) >> 8] |= bit;
            previous = key;
        }
    }
}

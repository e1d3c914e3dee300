// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IRevenueSharing} from "../interfaces/IRevenueSharing.sol";
import {Terms} from "../libraries/Terms.sol";
import {ReportStatus, Version} from "../types/Agreement.sol";
import {Beginning} from "./Beginning.sol";

/// @title Reporting: what was measured, by whom, and who does not agree
abstract contract Reporting is Beginning {
    using Terms for uint256;

    struct Report {
        ReportStatus status;
        uint64 value;
    }

    uint256 private constant MAX_REASON = 200;

    mapping(uint256 idAndPeriod => mapping(bytes28 measure => Report)) private _reports;
    /// @dev Key: keccak256 of agreement, period, line, transaction and institution.
    mapping(bytes32 key => bool) private _contested;

    /// @inheritdoc IRevenueSharing
    function report(uint32 agreementId, uint16 period, bytes28 measure, uint64 value) external {
        (Report storage it, uint16 reporter, uint16 countersigner) = _reported(agreementId, period, measure);
        if (!_actsFor(reporter)) revert RevenueSharing_NotReporter(msg.sender, measure);
        if (it.status == ReportStatus.REPORTED || it.status == ReportStatus.FINAL) {
            revert RevenueSharing_WrongStatus(measure, it.status);
        }
        it.value = value;
        it.status = countersigner == 0 ? ReportStatus.FINAL : ReportStatus.REPORTED;
        emit MeasureReported(agreementId, period, measure, value, reporter);
    }

    /// @inheritdoc IRevenueSharing
    function countersign(uint32 agreementId, uint16 period, bytes28 measure, uint64 value) external {
        (Report storage it, uint16 countersigner) = _toCountersign(agreementId, period, measure);
        if (value != it.value) revert RevenueSharing_WrongValue(measure, value, it.value);
        it.status = ReportStatus.FINAL;
        emit MeasureCountersigned(agreementId, period, measure, value, countersigner);
    }

    /// @inheritdoc IRevenueSharing
    function dispute(uint32 agreementId, uint16 period, bytes28 measure) external {
        (Report storage it, uint16 countersigner) = _toCountersign(agreementId, period, measure);
        it.status = ReportStatus.DISPUTED;
        emit MeasureDisputed(agreementId, period, measure, it.value, countersigner);
    }

    /// @inheritdoc IRevenueSharing
    function contest(uint32 agreementId, uint16 period, uint8 line, bytes32 transactionHash, string calldata reason)
        external
    {
        (Version memory version,,) = AGREEMENTS.covering(agreementId, period);
        uint256 terms = _read(version.termsNo);
        (uint16 caller,) = _party(terms);
        if (line >= uint256(terms.clauses()) + terms.guarantees()) {
            revert RevenueSharing_UnknownLine(agreementId, period, line);
        }
        uint256 length = bytes(reason).length;
        if (length == 0 || length > MAX_REASON) revert RevenueSharing_InvalidReason(length);
        bytes32 key = keccak256(abi.encode(agreementId, period, line, transactionHash, caller));
        if (_contested[key]) revert RevenueSharing_NoChange();
        _contested[key] = true;
        emit LineContested(agreementId, period, line, transactionHash, caller, reason);
    }

    /// @inheritdoc IRevenueSharing
    function resolve(uint32 agreementId, uint16 period, uint8 line, bytes32 transactionHash) external {
        uint16 caller = CONSORTIUM.institutionOf(msg.sender);
        bytes32 key = keccak256(abi.encode(agreementId, period, line, transactionHash, caller));
        if (!_contested[key]) revert RevenueSharing_NoChange();
        delete _contested[key];
        emit ContestResolved(agreementId, period, line, transactionHash, caller);
    }

    /// @inheritdoc IRevenueSharing
    function reportOf(uint32 agreementId, uint16 period, bytes28 measure)
        external
        view
        returns (ReportStatus status, uint64 value)
    {
        Report storage it = _reports[_periodKey(agreementId, period)][measure];
        return (it.status, it.value);
    }

    /// @param place of the measure, from 1
    /// @return value that is final
    function _measured(uint32 agreementId, uint16 period, uint256 terms, uint256 place)
        internal
        view
        returns (uint64 value)
    {
        bytes28 measure = bytes28(bytes32(terms.measure(place - 1)));
        Report storage it = _reports[_periodKey(agreementId, period)][measure];
        if (it.status != ReportStatus.FINAL) revert RevenueSharing_MeasureMissing(agreementId, period, measure);
        value = it.value;
    }

    /// @dev A period that has ended: the terms that cover it, and when it began and ended.
    function _ended(uint32 agreementId, uint16 period) internal view returns (uint256 terms, uint256 from, uint256 to) {
        Version memory version;
        (version, from, to) = AGREEMENTS.covering(agreementId, period);
        if (block.timestamp < to) revert RevenueSharing_PeriodOpen(agreementId, period, uint64(to));
        terms = _read(version.termsNo);
    }

    function _reported(uint32 agreementId, uint16 period, bytes28 measure)
        private
        view
        returns (Report storage it, uint16 reporter, uint16 countersigner)
    {
        (uint256 terms,,) = _ended(agreementId, period);
        it = _reports[_periodKey(agreementId, period)][measure];
        uint256 count = terms.measures();
        for (uint256 i = 0; i < count; ++i) {
            uint256 word = terms.measure(i);
            if (bytes28(bytes32(word)) == measure) return (it, uint16(word >> 16), uint16(word));
        }
        revert RevenueSharing_UnknownMeasure(agreementId, period, measure);
    }

    function _toCountersign(uint32 agreementId, uint16 period, bytes28 measure)
        private
        view
        returns (Report storage it, uint16 countersigner)
    {
        (it,, countersigner) = _reported(agreementId, period, measure);
        if (!_actsFor(countersigner)) revert RevenueSharing_NotCountersigner(msg.sender, measure);
        if (it.status != ReportStatus.REPORTED) revert RevenueSharing_WrongStatus(measure, it.status);
    }

    function _actsFor(uint16 institution) private view returns (bool) {
        return institution != 0 && CONSORTIUM.institutionOf(msg.sender) == institution && CONSORTIUM.isActive(institution);
    }
}

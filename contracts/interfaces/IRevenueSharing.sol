// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ReportStatus} from "../types/Agreement.sol";

/// @title Who receives what of whose income, and when
/// @notice Pays what the agreements say (IAgreements has their terms).
///
/// Commission is shared in the settlement: of the running total a party has received floor(rest * share / 1e6), by the
/// first tier and step where a measure decides. Once the period has ended, `run` computes each line for good, by largest
/// remainder (ties to the earlier party, the payer last), and pays the difference. Where a party has received more, it
/// owes it, as it owes what a missed guarantee comes to: that is a receivable of the payer, netted against what the party
/// is to receive next.
interface IRevenueSharing {
    /// @notice A measure of a period was reported.
    event MeasureReported(
        uint32 indexed agreementId, uint16 indexed period, bytes28 indexed measure, uint64 value, uint16 institution
    );
    /// @notice The countersigner agrees: the measure is final.
    event MeasureCountersigned(
        uint32 indexed agreementId, uint16 indexed period, bytes28 indexed measure, uint64 value, uint16 institution
    );
    /// @notice The countersigner does not agree to this value.
    event MeasureDisputed(
        uint32 indexed agreementId, uint16 indexed period, bytes28 indexed measure, uint64 value, uint16 institution
    );

    /// @notice Commission was earned. The period's total went from `totalBefore` to `totalAfter` (minor units).
    event RevenueAccrued(
        uint32 indexed agreementId, uint16 indexed period, uint256 totalBefore, uint256 totalAfter
    );
    /// @notice A clause of a period was computed for good: its basis, the pool, what the reserve and each party have of it
    /// (in the terms' order; minor units).
    event ClauseRun(
        uint32 indexed agreementId,
        uint16 indexed period,
        uint8 indexed clause,
        uint256 basis,
        uint256 pool,
        uint256 reserve,
        uint256[] amounts
    );
    /// @notice A guarantee of a period was held against what was reported; `clawback` is 0 where it was kept.
    event GuaranteeRun(
        uint32 indexed agreementId, uint16 indexed period, uint8 indexed guarantee, uint16 party, uint256 clawback
    );
    /// @notice What the agreement's payer owes an institution (negative: is owed by it) has changed to `due`, minor units:
    /// computed and not paid yet, netted, paid.
    event DueChanged(uint32 indexed agreementId, uint16 indexed institution, int128 due);
    /// @notice The payer had less than `total`; all of it stays due, until `pay` finds it.
    event PaymentDeferred(uint32 indexed agreementId, uint256 total);
    /// @notice A reserve was released: what each party received (the terms' order) and the payer, minor units, before
    /// netting.
    event ReserveReleased(
        uint32 indexed agreementId, uint16 indexed period, uint8 indexed clause, uint256[] amounts, uint256 toPayer
    );

    /// @notice A party contests what it received on a line of a period, in one transaction or (zero) in the run.
    event LineContested(
        uint32 indexed agreementId,
        uint16 indexed period,
        uint8 indexed line,
        bytes32 transactionHash,
        uint16 institution,
        string reason
    );
    /// @notice Who contested the line does so no more.
    event ContestResolved(
        uint32 indexed agreementId, uint16 indexed period, uint8 indexed line, bytes32 transactionHash, uint16 institution
    );

    /// @notice Only the clearing house reports commission.
    error RevenueSharing_NotClearingHouse(address caller);
    /// @notice The contract has no account: none was admitted with it as signer.
    error RevenueSharing_NoAccount();
    /// @notice Only the contract of agreements says that one has been concluded.
    error RevenueSharing_NotAgreements(address caller);
    /// @notice A performance is not measured by what was measured for one before, with a version in between that had none:
    /// nobody could tell its mark.
    error RevenueSharing_MarkLapsed(uint32 agreementId, bytes28 measure);
    /// @notice The caller acts for no active institution that is payer or party here.
    error RevenueSharing_NotParty(address caller);
    /// @notice The payer has as many agreements on its commission in the currency as there can be.
    error RevenueSharing_TooMany(uint16 payer, uint16 currency);
    /// @notice This was so before.
    error RevenueSharing_NoChange();
    /// @notice The period has not ended before `endsAt` (seconds).
    error RevenueSharing_PeriodOpen(uint32 agreementId, uint16 period, uint64 endsAt);
    /// @notice The terms of the period do not have this measure.
    error RevenueSharing_UnknownMeasure(uint32 agreementId, uint16 period, bytes28 measure);
    /// @notice The terms have another institution report the measure.
    error RevenueSharing_NotReporter(address caller, bytes28 measure);
    /// @notice The terms have another institution countersign the measure, or none.
    error RevenueSharing_NotCountersigner(address caller, bytes28 measure);
    /// @notice The measure was reported already, is final, or is none to countersign.
    error RevenueSharing_WrongStatus(bytes28 measure, ReportStatus status);
    /// @notice What is countersigned is not what was reported.
    error RevenueSharing_WrongValue(bytes28 measure, uint64 given, uint64 reported);
    /// @notice The line cannot be computed before this measure of the period is final.
    error RevenueSharing_MeasureMissing(uint32 agreementId, uint16 period, bytes28 measure);
    /// @notice The terms of the period do not have this line.
    error RevenueSharing_UnknownLine(uint32 agreementId, uint16 period, uint8 line);
    /// @notice The line has been computed, or its reserve released, or there is none.
    error RevenueSharing_LineRun(uint32 agreementId, uint16 period, uint8 line);
    /// @notice The line has to be computed first: to release its reserve, or (a performance) in `period`, before later ones.
    error RevenueSharing_LineNotRun(uint32 agreementId, uint16 period, uint8 line);
    /// @notice What the reserve is to have has not been paid in yet.
    error RevenueSharing_ReserveUnpaid(uint32 agreementId, uint256 due);
    /// @notice Nothing is due.
    error RevenueSharing_NothingDue(uint32 agreementId);
    /// @notice A reason is 1 to 200 bytes.
    error RevenueSharing_InvalidReason(uint256 length);
    /// @notice While a settlement cycle is open, what a settlement will take from whom does not change.
    error RevenueSharing_CycleOpen();

    /// @notice Withdraws whatever signer was nominated for the account that keeps reserves: the contract stays its signer.
    /// @custom:access anyone
    function object() external;

    /// @notice Makes a version that was concluded count: keeps its marks, and has settlements share its commission.
    /// @custom:access the contract of agreements
    function begin(uint32 agreementId, uint32 version) external;

    /// @notice Reports a measure of a period that has ended. By a calculation agent it is final, else once countersigned.
    /// @custom:access the reporter that the terms name, while active
    function report(uint32 agreementId, uint16 period, bytes28 measure, uint64 value) external;

    /// @notice Agrees to what was reported: it is final.
    /// @custom:access the countersigner that the terms name, while active
    function countersign(uint32 agreementId, uint16 period, bytes28 measure, uint64 value) external;

    /// @notice Does not agree; the reporter reports again.
    /// @custom:access the countersigner that the terms name, while active
    function dispute(uint32 agreementId, uint16 period, bytes28 measure) external;

    /// @notice Adds commission to the payers' totals and says what each institution's cash changes by.
    /// @param accruals one word a payer: `payer u16 | zeros | commission u128` in minor units
    /// @return changes Movements of `currency`: what payers give away (negative) and parties receive
    /// @custom:access the clearing house, which settles these changes in the same transaction
    function accrue(uint16 currency, uint256[] calldata accruals) external returns (uint256[] memory changes);

    /// @notice Computes lines of a period that has ended, for good, and pays what is due, while no cycle is open.
    /// @param lines bit i is line i: first the clauses, then the guarantees
    /// @custom:access anyone
    function run(uint32 agreementId, uint16 period, uint256 lines) external;

    /// @notice Pays what is still due to the parties of a version and its reserve, all of it or nothing, while no cycle is
    /// open.
    /// @custom:access anyone
    function pay(uint32 agreementId, uint32 version) external;

    /// @notice Pays the payer what the caller owes it, all of it, while no cycle is open.
    /// @custom:access who owes
    function repay(uint32 agreementId) external;

    /// @notice Releases what a clause put in reserve in a period, `releaseAfter` periods after: by the shares of that
    /// period, or, where the releaseMeasure of that period is above releaseAbove, to releaseTo.
    /// @custom:access anyone
    function release(uint32 agreementId, uint16 period, uint8 clause) external;

    /// @notice Records that the caller contests a line of a period, until it resolves that.
    /// @param transactionHash of the settlement, 0 for the run
    /// @custom:access payer or party of the period's terms, while active
    function contest(uint32 agreementId, uint16 period, uint8 line, bytes32 transactionHash, string calldata reason)
        external;

    /// @notice Takes back that the caller contests a line.
    /// @custom:access who contested
    function resolve(uint32 agreementId, uint16 period, uint8 line, bytes32 transactionHash) external;

    /// @return changes what `accrue` would say if the payer earned so much commission now
    /// @custom:access anyone
    function preview(uint16 payer, uint16 currency, uint128 commission) external view returns (uint256[] memory changes);

    /// @return total commission of the period so far, minor units
    /// @custom:access anyone
    function totalOf(uint32 agreementId, uint16 period) external view returns (uint256 total);

    /// @return due minor units that the payer owes the institution; negative: is owed by it
    /// @custom:access anyone
    function dueOf(uint32 agreementId, uint16 institution) external view returns (int128 due);

    /// @notice Where a measure of a period stands, and its value.
    /// @custom:access anyone
    function reportOf(uint32 agreementId, uint16 period, bytes28 measure)
        external
        view
        returns (ReportStatus status, uint64 value);

    /// @return run bit i is line i, computed
    /// @return released bit i is clause i, its reserve released
    /// @custom:access anyone
    function linesOf(uint32 agreementId, uint16 period) external view returns (uint256 run, uint256 released);
}

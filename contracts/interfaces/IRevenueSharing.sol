// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Agreement, Consent, ReportStatus, TermsMistake, Version} from "../types/Agreement.sol";

/// @title Who is owed what of whose income
/// @notice An agreement says what one payer gives its parties, in one currency. Every one of them has consented to every
/// word of it. It is accounted for in periods of the calendar (UTC): a period is named by its first month,
/// `year * 12 + month - 1`, and has 1, 3, 6 or 12 months. One version covers a period: the first from whenever it takes
/// effect, later ones from the beginning of a period.
///
/// Terms are words, most significant bits first; this is what is signed and what is executed:
///
///     header     payer u16 | currency u16 | version u32 | effectiveFrom u64 | noticeDays u16 | months u8 | parties u8
///                | measures u8 | clauses u8 | guarantees u8 | reserveAccount u16 | zeros u56
///     name       bytes32, ASCII, left-aligned; unique among the payer's agreements
///     parties    u16 each, 16 a word; the payer is not among them
///     measures   a word each: name bytes28 | reporter u16 | countersigner u16, 0 where the reporter is an independent
///                calculation agent, neither payer nor party
///     clauses    basis u8 | words u8 | measure u8 | units u8 | graduated u8 | tierBy u8 | tiers u8 | stepBy u8 | steps u8
///                | dayCount u8 | reservePpm u24 | releaseAfter u8 | releaseMeasure u8 | releaseTo u8 | releaseAbove u128
///                floor u128 | cap u128
///                PERFORMANCE only: mark u64 | hurdlePpm u32 | resets u8 | zeros u152
///                tiers, a word each: upTo u96 | ratePpm u64 | flat u96
///                steps, each: above u256, then a share u24 a party, 10 a word from the top, the low 16 bits zero
///     guarantees measure u8 | party u8 | zeros u112 | promised u128
///                ratePpm u64 | flat u96 | cap u96
///
/// Measures and parties are named by their place, from 1; 0 is none (of releaseTo: the payer). `words` is a clause's
/// length. tierBy 0 means the basis itself, stepBy 255 the beginning of the period in seconds.
///
/// A clause in a period: of its basis X (commission; the measure; what the value a unit exceeds the mark by, times the
/// units; 1) its tiers make the pool. By slab the tier that X, or the measure tierBy, falls in gives
/// X * ratePpm / 1e6 + flat; graduated, each tier gives that for the part of X in it, and every entered tier its flat; a
/// tier takes what is above the last bound up to and including its own. Of a management fee this is for a year, and
/// counts by its days. The pool is rounded down, is the floor at least (when the period is run, not before) and the cap
/// at most (0: none). The reserve takes floor(pool * reservePpm / 1e6) first. The rest is shared by the last step that
/// what stepBy names is above; the first step's `above` is 0 and it takes all below the second. What the shares leave is
/// the payer's.
///
/// Commission is shared in the settlement: of the running total a party has received floor(rest * share / 1e6), by the
/// first tier and step where a measure decides. Once the period has ended, `run` computes each line for good, by largest
/// remainder (ties to the earlier party, the payer last), and pays the difference. Where a party has received more, it
/// owes it, as it owes what a missed guarantee comes to: that is a receivable of the payer, netted against what the party
/// is to receive next.
interface IRevenueSharing {
    /// @notice Terms were proposed. `termsHash` is the EIP-712 digest that is consented to.
    event TermsProposed(bytes32 indexed termsHash, uint16 indexed payer, uint16 indexed institution, uint256[] terms);
    /// @notice The payer or a party consented, or took its consent back; a signature made before does not count then.
    event ConsentGiven(bytes32 indexed termsHash, uint16 indexed institution);
    event ConsentWithdrawn(bytes32 indexed termsHash, uint16 indexed institution);
    /// @notice All have consented: this version is in force from `startsAt` (seconds), first in period `fromPeriod`.
    event AgreementConcluded(
        uint32 indexed agreementId, uint32 indexed version, bytes32 indexed termsHash, uint40 startsAt, uint16 fromPeriod
    );
    /// @notice The agreement ends at `endsAt` (seconds), with the period before `endPeriod`.
    event NoticeGiven(uint32 indexed agreementId, uint16 indexed institution, uint40 endsAt, uint16 endPeriod);

    /// @notice A measure of a period was reported, countersigned, disputed. `value` of a dispute is the one disputed.
    event MeasureReported(
        uint32 indexed agreementId, uint16 indexed period, bytes28 indexed measure, uint64 value, uint16 institution
    );
    event MeasureCountersigned(
        uint32 indexed agreementId, uint16 indexed period, bytes28 indexed measure, uint64 value, uint16 institution
    );
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
    /// @notice The caller acts for no active institution that is payer or party here.
    error RevenueSharing_NotParty(address caller);
    /// @notice The terms are not well formed.
    error RevenueSharing_InvalidTerms(TermsMistake mistake, uint256 at, uint256 entry);
    /// @notice The institution is not payer or party of the terms, or nobody's.
    error RevenueSharing_UnknownParty(uint16 institution);
    /// @notice The signature is not that of the institution's signer under these terms, or the consent was withdrawn.
    error RevenueSharing_InvalidSignature(uint16 institution, bytes32 termsHash);
    /// @notice The version must be the next one.
    error RevenueSharing_WrongVersion(uint32 given, uint32 next);
    /// @notice An agreement keeps its currency.
    error RevenueSharing_WrongCurrency(uint16 given, uint16 currency);
    /// @notice The terms take effect from `earliest` on: not in the past, later versions at the beginning of a period (of
    /// both versions) that has not begun.
    error RevenueSharing_NotEffective(uint64 effectiveFrom, uint64 earliest);
    /// @notice The asset is not a currency of the register.
    error RevenueSharing_NotCurrency(uint16 asset);
    /// @notice The account for reserves is not this contract's own.
    error RevenueSharing_NotReserveAccount(uint16 institution);
    /// @notice The payer has as many agreements on its commission in the currency as there can be.
    error RevenueSharing_TooMany(uint16 payer, uint16 currency);
    /// @notice Nothing was proposed under this hash, or it has been concluded.
    error RevenueSharing_UnknownTerms(bytes32 termsHash);
    /// @notice This was so before.
    error RevenueSharing_NoChange();
    /// @notice There is no such agreement.
    error RevenueSharing_UnknownAgreement(uint32 agreementId);
    /// @notice The agreement does not cover that period, or no period begins then.
    error RevenueSharing_UnknownPeriod(uint32 agreementId, uint16 period);
    /// @notice The period has not ended before `endsAt` (seconds).
    error RevenueSharing_PeriodOpen(uint32 agreementId, uint16 period, uint64 endsAt);
    /// @notice The terms of the period do not have this measure.
    error RevenueSharing_UnknownMeasure(uint32 agreementId, uint16 period, bytes28 measure);
    /// @notice The terms have another institution report the measure, or countersign it.
    error RevenueSharing_NotReporter(address caller, bytes28 measure);
    error RevenueSharing_NotCountersigner(address caller, bytes28 measure);
    /// @notice The measure was reported already, is final, or is none to countersign.
    error RevenueSharing_WrongStatus(bytes28 measure, ReportStatus status);
    /// @notice What is countersigned is not what was reported.
    error RevenueSharing_WrongValue(bytes28 measure, uint64 given, uint64 reported);
    /// @notice The line cannot be computed before this measure of the period is final.
    error RevenueSharing_MeasureMissing(uint32 agreementId, uint16 period, bytes28 measure);
    /// @notice The terms of the period do not have this line.
    error RevenueSharing_UnknownLine(uint32 agreementId, uint16 period, uint8 line);
    /// @notice The line has been computed, or the reserve released; or (a performance clause) the period before has not.
    error RevenueSharing_LineRun(uint32 agreementId, uint16 period, uint8 line);
    error RevenueSharing_LineNotRun(uint32 agreementId, uint16 period, uint8 line);
    /// @notice What the reserve is to have has not been paid in yet.
    error RevenueSharing_ReserveUnpaid(uint32 agreementId, uint256 due);
    /// @notice Nothing is due.
    error RevenueSharing_NothingDue(uint32 agreementId);
    /// @notice A reason is 1 to 200 bytes.
    error RevenueSharing_InvalidReason(uint256 length);
    /// @notice While a settlement cycle is open, what a settlement will take from whom does not change.
    error RevenueSharing_CycleOpen();

    /// @notice Puts terms before their parties, with those consents that are there already. The caller's own, where it is
    /// payer or party, is among them. With the last one the version is concluded, while no cycle is open. Proposed again,
    /// only the consents count.
    /// @return termsHash to consent to
    /// @custom:access payer or party, while active; or who has a consent of one
    function propose(uint256[] calldata terms, Consent[] calldata consents) external returns (bytes32 termsHash);

    /// @notice Consents to proposed terms: the caller, where it is payer or party, and those whose consents are given.
    /// @custom:access payer or party, while active; or who has a consent of one
    function consent(bytes32 termsHash, Consent[] calldata consents) external;

    /// @notice Takes the caller's consent back, or refuses terms beforehand, while they are not concluded. Only the
    /// institution itself can consent again then.
    /// @custom:access payer or party, while active
    function withdrawConsent(bytes32 termsHash) external;

    /// @notice Ends the agreement with the period in which the notice that the terms in force state has run.
    /// Concluding another version takes it back.
    /// @custom:access payer or party, while active
    function giveNotice(uint32 agreementId) external;

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

    /// @notice Pays what is still due, all of it, while no cycle is open.
    /// @custom:access anyone
    function pay(uint32 agreementId) external;

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

    /// @custom:access who contested
    function resolve(uint32 agreementId, uint16 period, uint8 line, bytes32 transactionHash) external;

    /// @return EIP-712 digest that is consented to; of terms that are well formed or not
    /// @custom:access anyone
    function hashOf(uint256[] calldata terms) external view returns (bytes32);

    /// @return changes what `accrue` would say if the payer earned so much commission now
    /// @custom:access anyone
    function preview(uint16 payer, uint16 currency, uint128 commission) external view returns (uint256[] memory changes);

    /// @return id from 1, 0 where the payer has none of that name
    /// @custom:access anyone
    function agreementNamed(uint16 payer, bytes32 name) external view returns (uint32 id);

    /// @custom:access anyone
    function agreement(uint32 agreementId) external view returns (Agreement memory);

    /// @param version from 1
    /// @custom:access anyone
    function versionOf(uint32 agreementId, uint32 version) external view returns (Version memory);

    /// @return terms as they were concluded
    /// @custom:access anyone
    function termsOf(uint32 agreementId, uint32 version) external view returns (uint256[] memory terms);

    /// @return total commission of the period so far, minor units
    /// @custom:access anyone
    function totalOf(uint32 agreementId, uint16 period) external view returns (uint256 total);

    /// @return due minor units that the payer owes the institution; negative: is owed by it
    /// @custom:access anyone
    function dueOf(uint32 agreementId, uint16 institution) external view returns (int128 due);

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

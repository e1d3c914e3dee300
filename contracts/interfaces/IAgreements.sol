// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Agreement, Consent, TermsMistake, Version} from "../types/Agreement.sol";

/// @title What institutions have agreed to share, word by word, and which version counts when
/// @notice An agreement says what one payer gives its parties, in one currency. Every one of them has consented to every
/// word of it; so has who was party of the version before and is left out. It is accounted for in periods of the calendar
/// (UTC): a period is named by its first month, `year * 12 + month - 1`, and has 1, 3, 6 or 12 months. One version covers
/// a period: the first from whenever it takes effect, later ones from the beginning of a period.
///
/// Terms are words, most significant bits first; this is what is signed and what is executed:
///
///     header     payer u16 | currency u16 | version u32 | effectiveFrom u64 | noticeDays u16 | months u8 | parties u8
///                | measures u8 | clauses u8 | guarantees u8 | reserveAccount u16 | zeros u56
///     name       bytes32, printable ASCII, left-aligned; unique among the payer's agreements
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
/// Days are whole ones from the beginning of the period, of a first period the version's, to its end. The mark of a
/// performance is the terms' once, and then goes on, over versions: to any higher value of the unit, or with `resets` to
/// any value. A hurdle asks for mark + floor(mark * hurdlePpm * days / year / 1e6). No pool is above 2^96 - 1.
interface IAgreements {
    /// @notice Terms were proposed. `termsHash` is the EIP-712 digest that is consented to.
    event TermsProposed(bytes32 indexed termsHash, uint16 indexed payer, uint16 indexed institution, uint256[] terms);
    /// @notice The payer or a party consented.
    event ConsentGiven(bytes32 indexed termsHash, uint16 indexed institution);
    /// @notice Somebody took its consent back, or refused beforehand; a signature made before does not count any more.
    event ConsentWithdrawn(bytes32 indexed termsHash, uint16 indexed institution);
    /// @notice All have consented: this version is in force from `startsAt` (seconds), first in period `fromPeriod`.
    event AgreementConcluded(
        uint32 indexed agreementId, uint32 indexed version, bytes32 indexed termsHash, uint40 startsAt, uint16 fromPeriod
    );
    /// @notice The agreement ends at `endsAt` (seconds), with the period before `endPeriod`.
    event NoticeGiven(uint32 indexed agreementId, uint16 indexed institution, uint40 endsAt, uint16 endPeriod);

    /// @notice The caller acts for no active institution that is payer or party, or was and is left out.
    error Agreements_NotParty(address caller);
    /// @notice The terms are not well formed.
    error Agreements_InvalidTerms(TermsMistake mistake, uint256 at, uint256 entry);
    /// @notice The institution is not payer or party of the terms or of the version before, or nobody's.
    error Agreements_UnknownParty(uint16 institution);
    /// @notice The signature is not that of the institution's signer under these terms, or the consent was withdrawn.
    error Agreements_InvalidSignature(uint16 institution, bytes32 termsHash);
    /// @notice The version must be the next one.
    error Agreements_WrongVersion(uint32 given, uint32 next);
    /// @notice An agreement keeps its currency.
    error Agreements_WrongCurrency(uint16 given, uint16 currency);
    /// @notice The terms take effect from `earliest` on: not in the past, later versions at the beginning of a period (of
    /// both versions) that has not begun.
    error Agreements_NotEffective(uint64 effectiveFrom, uint64 earliest);
    /// @notice The agreement has ended, or will before its last version begins; another name begins a new one.
    error Agreements_Ended(uint32 agreementId, uint64 endsAt);
    /// @notice The asset is not a currency of the register.
    error Agreements_NotCurrency(uint16 asset);
    /// @notice The account for reserves is not this contract's own.
    error Agreements_NotReserveAccount(uint16 institution);
    /// @notice Nothing was proposed under this hash, or it has been concluded.
    error Agreements_UnknownTerms(bytes32 termsHash);
    /// @notice There is no such agreement.
    error Agreements_UnknownAgreement(uint32 agreementId);
    /// @notice The agreement does not cover that period, or no period begins then.
    error Agreements_UnknownPeriod(uint32 agreementId, uint16 period);
    /// @notice Who is suspended gives nothing away by new terms.
    error Agreements_PayerSuspended(uint16 payer);
    /// @notice This was so before.
    error Agreements_NoChange();
    /// @notice While a settlement cycle is open, what a settlement will take from whom does not change.
    error Agreements_CycleOpen();

    /// @notice Puts terms before their parties, with those consents that are there already. The caller's own, where it is
    /// payer or party, is among them. With the last one the version is concluded, while no cycle is open. Proposed again,
    /// only the consents count.
    /// @return termsHash to consent to
    /// @custom:access payer or party, while active; or who has a consent of one
    function propose(uint256[] calldata terms, Consent[] calldata consents) external returns (bytes32 termsHash);

    /// @notice Consents to proposed terms: the caller, where it is payer or party (of the version before is enough), and
    /// those whose consents are given.
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

    /// @return EIP-712 digest that is consented to; of terms that are well formed or not
    /// @custom:access anyone
    function hashOf(uint256[] calldata terms) external view returns (bytes32);

    /// @return id from 1, 0 where the payer has none of that name
    /// @custom:access anyone
    function agreementNamed(uint16 payer, bytes32 name) external view returns (uint32 id);

    /// @notice What is known of an agreement, over all its versions.
    /// @custom:access anyone
    function agreement(uint32 agreementId) external view returns (Agreement memory);

    /// @notice When a version counts, and where its terms lie.
    /// @param version from 1
    /// @custom:access anyone
    function versionOf(uint32 agreementId, uint32 version) external view returns (Version memory);

    /// @return terms as they were concluded
    /// @custom:access anyone
    function termsOf(uint32 agreementId, uint32 version) external view returns (uint256[] memory terms);

    /// @return period that a moment (seconds) lies in
    /// @return version that covers it; one with termsNo 0 before the agreement begins and after it has ended
    /// @custom:access anyone
    function coverAt(uint32 agreementId, uint256 moment) external view returns (uint16 period, Version memory version);

    /// @return version that covers a period; refused where none does
    /// @return from seconds, when the period begins, or the version in it
    /// @return to seconds, when it ends
    /// @custom:access anyone
    function covering(uint32 agreementId, uint16 period)
        external
        view
        returns (Version memory version, uint256 from, uint256 to);
}

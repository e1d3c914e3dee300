// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice What a clause pays a part of. COMMISSION on settled trades; MANAGEMENT_FEE on assets, a year; PERFORMANCE above
/// a mark; SUBSCRIPTION, a fixed amount a period; USAGE, an amount a unit.
enum Basis {
    COMMISSION,
    MANAGEMENT_FEE,
    PERFORMANCE,
    SUBSCRIPTION,
    USAGE
}

/// @notice How days become a part of a year; ISO 20022 A004, A005 and A001.
enum DayCount {
    NONE,
    ACTUAL_360,
    ACTUAL_365,
    THIRTY_360
}

/// @notice Where a measure of a period stands. Only FINAL is counted with.
enum ReportStatus {
    NONE,
    REPORTED,
    DISPUTED,
    FINAL
}

/// @notice What is wrong with terms. `at` in the error says which party, measure, clause or guarantee, from 0; `entry`
/// which tier, step or share of it.
enum TermsMistake {
    LENGTH,
    SURPLUS,
    NAME,
    PERIOD,
    PARTY_COUNT,
    PARTY,
    PARTY_TWICE,
    MEASURE_NAME,
    MEASURE_TWICE,
    REPORTER,
    CLAUSE_COUNT,
    BASIS,
    MEASURE,
    TIER_KIND,
    TIER_ORDER,
    RATE,
    STEP_ORDER,
    SHARES,
    DAY_COUNT,
    BOUNDS,
    RESERVE,
    RELEASE,
    MARK,
    GUARANTEE
}

/// @notice A party's word on terms, given elsewhere.
/// @param signature EIP-712 by its signer, or ERC-1271
struct Consent {
    uint16 institution;
    bytes signature;
}

/// @notice One agreement, over all its versions.
/// @param versions how many have come into force, or will at a time that is fixed
/// @param endPeriod the first period that it does not cover, 0 while nobody has given notice
/// @param endsAt seconds, when that begins
struct Agreement {
    uint16 payer;
    uint16 currency;
    uint32 versions;
    uint16 endPeriod;
    uint40 endsAt;
    bytes32 name;
}

/// @notice One version of an agreement.
/// @param termsNo which of all that were proposed its terms are; where they lie follows from it
/// @param fromPeriod the first period that it covers
/// @param months that its periods have
/// @param parties how many
/// @param startsAt seconds
struct Version {
    uint32 termsNo;
    uint16 fromPeriod;
    uint8 months;
    uint8 parties;
    uint40 startsAt;
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice What an institution may do. More than one role is allowed; as a set, role r is bit r of a uint8.
/// @dev Names follow the CPMI-IOSCO glossary where it has them (DEPOSITORY is its central securities depository).
enum Role {
    EXCHANGE,
    DEPOSITORY,
    BROKER,
    SETTLEMENT_BANK,
    PARTNER,
    REGULATOR,
    AUDITOR
}

/// @notice A participant of the consortium.
/// @param signer the key, or ERC-1271 contract, that acts for the institution's account
/// @param roles set of roles, role r at bit r
/// @param suspended true while a regulator has put the institution out
/// @param name the consortium's own short name, ASCII, left-aligned
struct Institution {
    address signer;
    uint8 roles;
    bool suspended;
    bytes32 name;
}

/// @notice A request to admit one institution.
struct Admission {
    bytes32 name;
    address signer;
    uint8 roles;
}

/// @notice An asset of the register.
/// @param code ISIN, ISO 4217 code or local code, ASCII, left-aligned
/// @param issuer index of the institution that issues and redeems it
/// @param decimals digits after the point: 0 for securities, the ISO 4217 exponent for currencies
/// @param supply units (securities) or minor units (currencies) in existence
struct Asset {
    bytes32 code;
    uint16 issuer;
    uint8 decimals;
    uint128 supply;
}

/// @notice What all records of a batch have in common.
/// @param venue index of the exchange that matched the trades
/// @param tradingDay trade date as yyyymmdd
/// @param cashAsset currency that every amount of the batch is in
/// @param intendedSettlementDate yyyymmdd, not before tradingDay
/// @param feeScheduleId schedule by which commission and levy are charged
/// @param version of the record's layout; 1
struct Header {
    uint16 venue;
    uint32 tradingDay;
    uint16 cashAsset;
    uint32 intendedSettlementDate;
    uint16 feeScheduleId;
    uint8 version;
}

/// @notice What the ledger keeps of a batch, besides bitmaps.
/// @param count of its records
/// @param pending how many of them can settle still: not settled and not barred
/// @param recordedAt seconds
struct Batch {
    uint32 count;
    uint32 pending;
    uint64 recordedAt;
}

/// @notice Where one trade stands. PENDING it can settle, whole or what is left of it; DISPUTED and HELD it is out of
/// settlement and may come back; the other four are final.
enum Status {
    UNKNOWN,
    PENDING,
    DISPUTED,
    SETTLED,
    HELD,
    CANCELLED,
    COMPENSATED,
    CLOSED_OUT
}

/// @notice What the ledger keeps of a trade that is not simply pending or settled as a whole.
/// @param settledQuantity units settled so far, in parts; 0 once all of it has settled
/// @param out where it stands while it is barred from settlement; UNKNOWN stands for an exception of an affirmation
struct Mark {
    uint64 settledQuantity;
    Status out;
}

/// @notice One institution's signature under its own trades of a batch.
/// @param institution who affirms
/// @param count how many records of the batch it is party to, a self-trade once, exceptions included
/// @param priorBlock number of a block among the last 256, whose hash is part of what was signed
/// @param clientRoot root over its clients' allocations, zero if none
/// @param exceptions positions in the batch of records it does not agree to, strictly increasing
/// @param signature EIP-712 by its signer, or ERC-1271
struct Affirmation {
    uint16 institution;
    uint32 count;
    uint64 priorBlock;
    bytes32 clientRoot;
    uint32[] exceptions;
    bytes signature;
}

/// @notice What of a batch is to settle: first its parts in the order given, then the records of the mask in theirs.
/// @param records all records of the batch, re-sent
/// @param mask bit i of the whole (word i / 256, bit i % 256) is record i, which settles whole
/// @param parts `zeros | position u32 | quantity u64`: so many units of the record at the position; 0 for all that is
/// left of it
struct Slice {
    Header header;
    bytes32[] records;
    uint256[] mask;
    uint256[] parts;
}

/// @notice A tier of a fee schedule: amounts above the last bound up to and including its own.
/// @param upTo minor units; the last tier has the largest value there is
/// @param ratePpm by slab: on the whole of an amount in the tier; graduated: on the part of an amount that is in it
/// @param flat minor units besides; by slab: on an amount in the tier; graduated: on one that enters it
struct Tier {
    uint88 upTo;
    uint24 ratePpm;
    uint64 flat;
}

/// @notice What a venue charges a side of a trade.
/// @param venue exchange that registered it
/// @param levyBeneficiary regulator that the levy goes to, whole
/// @param levyPpm levy on the amount, a side
/// @param graduated whether each tier an amount enters counts, and not only (by slab) the one it falls in
/// @param tiers commission, rounded down once all that counts is added up
struct FeeSchedule {
    uint16 venue;
    uint16 levyBeneficiary;
    uint24 levyPpm;
    bool graduated;
    Tier[] tiers;
}

/// @notice One venue's settlement cycle.
/// @param number from 1
/// @param deadline seconds, from which anyone may close it
struct Cycle {
    uint64 number;
    uint64 deadline;
    bool open;
}

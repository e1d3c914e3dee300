"""Business tables of revenue sharing that the index keeps beside the events; `entitlements` derives them."""

from __future__ import annotations

from enum import StrEnum

import pyarrow as pa

AMOUNT = pa.decimal128(38, 0)


class Kind(StrEnum):
    """What somebody became entitled by."""

    ACCRUAL = "accrual"
    """A settlement earned the payer commission."""
    CLAUSE = "clause"
    """A clause was computed for good; what was had on account is taken off."""
    GUARANTEE = "guarantee"
    """A guarantee was held against what was reported; never above zero."""
    RELEASE = "release"
    """A reserve was released."""


ENTITLEMENTS = pa.schema(
    [
        ("transaction", pa.int64()),
        ("log", pa.int32()),  # of the event that tells of it
        ("agreement", pa.uint32()),
        ("version", pa.uint32()),
        ("payer", pa.uint16()),
        ("party", pa.uint16()),
        ("place", pa.uint8()),  # among the terms' parties, from 1; 0 the account that keeps reserves
        ("currency", pa.uint16()),
        ("period", pa.int32()),  # first month: year * 12 + month - 1
        ("months", pa.uint8()),
        ("kind", pa.string()),
        ("line", pa.int16()),  # clauses first, then guarantees, from 0; null of accruals, which have them all
        ("share_ppm", pa.int32()),  # where it is a fixed one of all commission
        ("total_before", AMOUNT),  # of the payer's commission in the period; null but of accruals
        ("total_after", AMOUNT),
        ("amount", AMOUNT),  # by which the entitlement rose, below zero fell
        ("paid", AMOUNT),  # of an accrual: what of it the settlement paid; null of what is not paid alone
    ]
)
PAYMENTS = pa.schema(
    [
        ("transaction", pa.int64()),
        ("agreement", pa.uint32()),
        ("payer", pa.uint16()),
        ("institution", pa.uint16()),
        ("currency", pa.uint16()),
        ("amount", AMOUNT),  # received, below zero given; the sum of an agreement's is 0
        ("due_before", AMOUNT),  # what the payer owed it, below zero was owed; null of the payer
        ("due_after", AMOUNT),
    ]
)
PROPOSALS = pa.schema(
    [
        ("transaction", pa.int64()),
        ("terms_hash", pa.binary(32)),
        ("proposed_by", pa.uint16()),
        ("payer", pa.uint16()),
        ("name", pa.string()),
        ("version", pa.uint32()),
        ("currency", pa.uint16()),
        ("parties", pa.list_(pa.uint16())),
        ("former", pa.list_(pa.uint16())),  # parties of the version before that are left out, and consent too
        ("months", pa.uint8()),
        ("notice_days", pa.uint16()),
        ("reserve_account", pa.uint16()),  # 0: none
        ("clauses", pa.uint8()),
        ("guarantees", pa.uint8()),
        ("measures", pa.list_(pa.string())),
    ]
)
TABLES = {"entitlements": ENTITLEMENTS, "payments": PAYMENTS, "proposals": PROPOSALS}

"""What people call what a reconciliation finds: levels, kinds and reasons of breaks."""

from __future__ import annotations

from collections.abc import Mapping

from settlement.reconciliation.model import Break, Kind, Level, Side

LEVELS: Mapping[Level, str] = {
    "trade": "trades",
    "position": "positions",
    "cash": "cash",
    "revenue": "revenue",
}
"""In the order of every report."""
SIDES: tuple[Side, ...] = ("book", "ledger", "bank", "custodian")

KINDS: Mapping[Kind, tuple[str, str, str]] = {
    Kind.AMBIGUOUS: (
        "cannot be told apart",
        "Several entries fit equally well; none was picked.",
        "Give the entry the number of its trade, or one more field that tells it apart.",
    ),
    Kind.DUPLICATE: (
        "entered twice",
        "One trade has a surplus entry.",
        "Take the surplus entry out.",
    ),
    Kind.MISSING_HERE: (
        "missing in the {here}",
        "The ledger has it, and the side held against it does not.",
        "Enter it; if it was never dealt, have it disputed on the ledger.",
    ),
    Kind.MISSING_THERE: (
        "missing on the ledger",
        "The side held against the ledger has it, and the ledger does not.",
        "Find the trade that the entry stands for; if there is none, take the entry out.",
    ),
    Kind.MERGED: (
        "several trades as one",
        "Several trades are one entry.",
        "Enter the trades one by one.",
    ),
    Kind.SPLIT: (
        "parts that do not add up",
        "One trade is several entries, which do not come to it.",
        "Bring the parts to the trade's quantity and amount.",
    ),
    Kind.NUMBER: (
        "another trade number",
        "All fields agree, under another trade number.",
        "Put the ledger's trade number on the entry.",
    ),
    Kind.CURRENCY: (
        "another currency",
        "The settlement currency differs.",
        "Hold both against the contract note, and put right the side that is wrong.",
    ),
    Kind.SECURITY: (
        "another security",
        "The security differs, or nobody knows it.",
        "Hold both against the contract note, and put right the side that is wrong.",
    ),
    Kind.WRONG_SIDE: (
        "bought for sold",
        "Buyer and seller are exchanged.",
        "Turn the entry round.",
    ),
    Kind.COUNTERPARTY: (
        "another counterparty",
        "The buyer or the seller differs, or nobody knows it.",
        "Hold both against the contract note, and put right the side that is wrong.",
    ),
    Kind.QUANTITY: (
        "another quantity",
        "The quantity differs.",
        "Hold both against the contract note, and put right the side that is wrong.",
    ),
    Kind.AMOUNT: (
        "another amount",
        "The settlement amount differs.",
        "Hold both against the contract note, and put right the side that is wrong.",
    ),
    Kind.PRICE: (
        "another price",
        "The price differs.",
        "Hold both against the contract note, and put right the side that is wrong.",
    ),
    Kind.DATE: (
        "another date",
        "The trading day or the settlement date differs.",
        "Put right the date; look whether other entries of that day have it, too.",
    ),
    Kind.LATE: (
        "settled later",
        "It settled on a later day than on the ledger.",
        "Ask why it waited, and whether interest is due.",
    ),
    Kind.TIME: (
        "another time",
        "The time differs; no money does.",
        "Look at the clock or the time zone of the source.",
    ),
    Kind.FEE: (
        "another fee",
        "The commission or the levy differs.",
        "Look at the rate, and whether commission was entered gross of the levy.",
    ),
    Kind.SHARE: (
        "another revenue share",
        "A share of revenue differs.",
        "Look at the terms that applied and at where the amount was rounded.",
    ),
    Kind.OPENING: (
        "another opening",
        "The opening balance differs.",
        "Look for the last day on which both agreed; what opened the difference is there.",
    ),
    Kind.MOVEMENTS: (
        "other movements",
        "What was booked in between differs, beyond what trades explain.",
        "Look for what moved other than by trades: deposits, redemptions, fees.",
    ),
    Kind.CLOSING: (
        "another closing",
        "The closing balance differs, beyond what trades explain.",
        "Look for what moved other than by trades, and whether the statement is complete.",
    ),
    Kind.ARITHMETIC: (
        "does not add up",
        "Opening and movements of one side do not come to its closing.",
        "Have the side that does not add up sent again.",
    ),
}
"""Kind → its name, what it means, and what is to be done where no cause is proposed."""

REASONS: Mapping[str, str] = {
    "CMIS": "the other side has no instruction that matches",
    "DQUA": "the quantities do not match",
    "DMON": "the amounts do not match",
    "DSEC": "the securities do not match",
    "DDAT": "the dates do not match",
    "NCRR": "the currencies do not match",
    "LATE": "it came after the deadline",
}
"""ISO 20022 code → what it says."""


def kind_words(found: Break) -> str:
    """What is wrong, in a few words."""
    return named(found.kind).format(here=here(found))


def named(kind: Kind) -> str:
    """The kind's name, with {here} where it says the side."""
    return KINDS[kind][0]


def here(found: Break) -> str:
    """The side, or the sides, that the break holds against the ledger."""
    sides = [side for side in found.sides if side != "ledger"]
    if found.kind is Kind.MISSING_HERE:
        sides = [side for side in sides if not _has_anything(found, side)] or sides
    return " and ".join(sides) or "book"


def _has_anything(found: Break, side: Side) -> bool:
    return any(values.get(side) is not None for values in found.fields.values())

"""What can be said of a trade, apart from what saying it takes: the command line names it at once."""

from __future__ import annotations

from enum import StrEnum


class Word(StrEnum):
    """What can be said of a trade. The last two decide a dispute: exchange and regulator together."""

    HOLD = "hold"
    RELEASE = "release"
    ALLOW_PARTS = "allow-parts"
    REFUSE_PARTS = "refuse-parts"
    CANCEL = "cancel"
    KEEP = "keep"
    """Takes back one's asking to cancel."""
    DISPUTE = "dispute"
    WITHDRAW = "withdraw"
    """Takes back one's dispute."""
    STANDS = "stands"
    FALLS = "falls"


DECISIONS = frozenset({Word.STANDS, Word.FALLS})

"""Breaks that are kept: with an identity, an age, an owner and a history, until the books agree or two people
accept them.

    reconciling    `run`: one reconciliation, from what is brought to what is kept; each cycle by itself
    store          `Breaks`: what people do with breaks that are kept
    opening        those of a ledger in a directory, with who owns what
    events         the file of what happened, digest-chained
    standing       how a break stands after its events
    matching       which breaks of a run are new, changed, back or gone
    covered        what a run compared, so that it closes nothing else
    corrections    approved entries, applied to a book before it is compared
    by_hand        an entry that a person writes, as `quantity=510`
    codec          breaks as JSON and back, exactly
    errors         what cannot be done with a break
"""

from __future__ import annotations

from settlement.breaks.corrections import Correction, apply
from settlement.breaks.covered import Covered
from settlement.breaks.events import FILE, Event
from settlement.breaks.store import Breaks, Kept, Proposal

__all__ = ["FILE", "Breaks", "Correction", "Covered", "Event", "Kept", "Proposal", "apply"]

"""Breaks that are kept: with an identity, an age, an owner and a history, until the books agree or two people
accept them.
"""

from __future__ import annotations

from settlement.breaks.corrections import Correction, apply
from settlement.breaks.covered import Covered
from settlement.breaks.events import FILE, Event
from settlement.breaks.store import Breaks, Kept, Proposal

__all__ = ["FILE", "Breaks", "Correction", "Covered", "Event", "Kept", "Proposal", "apply"]

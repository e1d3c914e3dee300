"""How a break stands after all that happened to it: the events, one after the other.

pending ─ turns into a break ─▶ open ─ propose ─▶ proposed ─ approve ─▶ closed by hand, or corrected
   └─────────── the books agree ─┴───────────▶ closed ◀──────────────────────────── at the next run ┘
closed ─ it comes back ─▶ open; proposed ─ rejected, changed, or there in spite of its correction ─▶ open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from settlement.breaks.codec import break_from, substance, text_of
from settlement.breaks.events import Event
from settlement.reconciliation.model import Break

Status = Literal["open", "pending", "proposed", "closed"]
BY_ITSELF = "reconciliation"
"""Who does what nobody did by hand."""
AGREED = "the books agree"
CORRECTED = "the books agree with its correction"


@dataclass(slots=True, eq=False)
class Case:
    """One break as it stands now."""

    number: int
    found: Break
    status: Status
    first_seen: datetime
    cycle: int | None = None
    """The cycle whose run found it last; None where no run was of one cycle."""
    assigned: str | None = None
    proposal: Event | None = None
    """What waits for an approval or, approved, for the next run."""
    approved: bool = False
    accepted: bool = False
    """Closed by hand: the very same difference stays closed."""
    closed: datetime | None = None
    events: list[Event] = field(default_factory=list)
    _newest: Mapping[str, Any] = field(default_factory=dict)
    """The break as JSON has it."""

    @property
    def id(self) -> str:
        """ "B-12"."""
        return f"B-{self.number}"

    @property
    def text(self) -> str:
        """All that was found last, as one text."""
        return text_of(self._newest)

    @property
    def substance(self) -> str:
        """What makes it another break where it changes."""
        return substance(self._newest)

    def take(self, event: Event) -> None:
        """What the event makes of it."""
        self.events.append(event)
        body = event.body
        if "break" in body:
            self.found = break_from(body["break"])
            self._newest = body["break"]
            self.cycle = body["cycle"]
        if event.what in ("opened", "changed", "reopened"):
            self._stands("open")
        elif event.what == "pending":
            self._stands("pending")
        elif event.what == "assigned":
            self.assigned = body["to"]
        elif event.what == "proposed":
            self._stands("proposed")
            self.proposal = event
        elif event.what == "approved":
            self.approved = True
            if body["closes"]:
                self._stands("closed")
                self.closed, self.accepted = event.when, True
        elif event.what == "rejected":
            self._stands("open")
        elif event.what == "closed":
            self._stands("closed")
            self.closed, self.accepted = event.when, False

    def _stands(self, status: Status) -> None:
        self.status = status
        self.proposal, self.approved = None, False
        if status != "closed":
            self.closed, self.accepted = None, False


class Cases:
    """Every break that was ever kept, by its number."""

    def __init__(self) -> None:
        self.all: dict[int, Case] = {}

    def take(self, events: Iterable[Event]) -> None:
        """Events in their order."""
        for event in events:
            case = self.all.get(event.subject)
            if case is None:
                found = break_from(event.body["break"])
                case = Case(event.subject, found, "open", event.when)
                self.all[event.subject] = case
            case.take(event)

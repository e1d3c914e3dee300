"""The breaks that are kept: worked on by people, closed by the books or by two of them.

Everything is an event in `breaks.sqlite`; how a break stands follows from its events. Several processes may
have the file open at once: each change first takes in what others wrote.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ledger.clock import Clock, SystemClock
from ledger.errors import InvalidValue
from settlement.breaks import corrections as correcting
from settlement.breaks.codec import break_from, decoded
from settlement.breaks.corrections import Correction
from settlement.breaks.covered import Covered
from settlement.breaks.errors import (
    BreakClosed,
    BreakPending,
    BreakUnknown,
    NothingProposed,
    SamePerson,
)
from settlement.breaks.events import Draft, Event, EventFile
from settlement.breaks.matching import drafts, place_of
from settlement.breaks.standing import Case, Cases, Status
from settlement.reconciliation.model import Break, Result, Side


@dataclass(frozen=True, slots=True)
class Proposal:
    """What waits for another person, or is approved and waits for the next run."""

    action: str
    """`close` or `correct`."""
    by: str
    why: str
    """Of closing."""
    entry: Mapping[str, Any] | None
    """Of a correction."""
    approved: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """A break that is kept."""

    id: str
    found: Break
    """As it was found last."""
    status: Status
    first_seen: datetime
    age: int
    """Business days, Monday to Friday, that began since its trading day, or since it was first seen; until it
    was closed."""
    bucket: str
    owner: str
    history: tuple[Event, ...]
    proposal: Proposal | None = None
    accepted: bool = False
    """Closed by hand: the difference is there, and two people have accepted it."""
    cycle: int | None = None


class Breaks:
    """The breaks kept in a ledger's directory, or in memory. Times are the clock's."""

    def __init__(self, file: EventFile, clock: Clock | None, owners: Mapping[Side, str]) -> None:
        self._file = file
        self._clock = clock
        self._owners = owners
        self._cases = Cases()
        self._cases.take(file.newer())

    @classmethod
    @contextmanager
    def open(
        cls,
        folder: Path | None,
        *,
        write: bool,
        clock: Clock | None = SystemClock(),  # noqa: B008 - it has no state
        owners: Mapping[Side, str] = MappingProxyType({}),
    ) -> Iterator[Breaks]:
        """Those of the ledger in `folder`, none where it keeps none yet; every digest is checked.

        `owners` says whose task a break is whose odd side is no book. Without a clock it is the time of
        the newest event. Raises BookDamaged, FileUnreadable, FileUnwritable.
        """
        file = EventFile(folder, write=write)
        try:
            yield cls(file, clock, owners)
        finally:
            file.close()

    def now(self) -> datetime:
        """The clock's time, or that of the newest event."""
        if self._clock is not None:
            return self._clock.now()
        newest = max((case.events[-1] for case in self._cases.all.values()), key=lambda each: each.number)
        return newest.when

    def kept(self, now: datetime | None = None) -> list[Kept]:
        """Every break, closed ones too, in the order in which they were opened."""
        self._cases.take(self._file.newer())
        if not self._cases.all:
            return []
        now = now or self.now()
        return [self._kept(case, now) for case in self._cases.all.values()]

    def get(self, id: str, now: datetime | None = None) -> Kept:
        """One break. Raises BreakUnknown."""
        self._cases.take(self._file.newer())
        return self._kept(self._case(id), now or self.now())

    def sync(self, result: Result, covered: Covered | Sequence[Covered], now: datetime) -> list[Kept]:
        """Take in what a run found: open what is new, write what changed, close what agrees now.

        Returns every break that is not closed, and of the accepted ones those that were found again. The
        same result twice writes nothing the second time. Raises FileUnwritable.
        """
        runs = [covered] if isinstance(covered, Covered) else list(covered)
        with self._writing(now) as added:
            added += drafts(self._cases.all, result, runs)
        found = {place_of(each) for each in result.breaks}
        return [
            self._kept(case, now)
            for case in self._cases.all.values()
            if case.status != "closed" or (case.accepted and place_of(case.found) in found)
        ]

    def assign(self, id: str, to: str, by: str) -> Kept:
        """Make it somebody's task."""
        to = _text("person", to)
        return self._change(id, by, lambda case: ("assigned", {"to": to}))

    def explain(self, id: str, text: str, by: str) -> Kept:
        """Add a note."""
        text = _text("note", text, lines=True)
        return self._change(id, by, lambda case: ("explained", {"text": text}))

    def propose(self, id: str, entry: Mapping[str, Any], by: str) -> Kept:
        """Propose a correction of the book, which another person approves. It takes the place of what was
        proposed before. Raises CorrectionInvalid.
        """

        def proposed(case: Case) -> tuple[str, Mapping[str, Any]]:
            _no_pending(case)
            checked = correcting.checked(case.id, entry, case.found.subject, case.found.level)
            return "proposed", {"action": "correct", "entry": checked}

        return self._change(id, by, proposed)

    def close(self, id: str, why: str, by: str) -> Kept:
        """Propose to accept the difference as it is; it is closed when another person approves."""
        why = _text("reason", why, lines=True)

        def proposed(case: Case) -> tuple[str, Mapping[str, Any]]:
            _no_pending(case)
            return "proposed", {"action": "close", "why": why}

        return self._change(id, by, proposed)

    def approve(self, id: str, by: str) -> Kept:
        """Approve what another person proposed: a closing closes, a correction is in force from the next run
        on. Raises NothingProposed, SamePerson.
        """

        def approved(case: Case) -> tuple[str, Mapping[str, Any]]:
            proposal = _waiting(case)
            if _same(proposal.by, by):
                raise SamePerson(case.id, proposal.by)
            closes = proposal.body["action"] == "close"
            return "approved", {"proposal": proposal.number, "closes": closes}

        return self._change(id, by, approved)

    def reject(self, id: str, why: str, by: str) -> Kept:
        """Put it back to open. Raises NothingProposed."""
        why = _text("reason", why, lines=True)

        def rejected(case: Case) -> tuple[str, Mapping[str, Any]]:
            return "rejected", {"why": why, "proposal": _waiting(case).number}

        return self._change(id, by, rejected)

    def corrections(self, institution: str | None = None) -> tuple[Correction, ...]:
        """Those in force, of one institution or of all, in the order in which they were approved."""
        self._cases.take(self._file.newer())
        found = []
        for case in self._cases.all.values():
            proposed = {event.number: event for event in case.events if event.what == "proposed"}
            for event in case.events:
                if event.what == "approved" and not event.body["closes"]:
                    proposal = proposed[event.body["proposal"]]
                    if institution in (None, case.found.institution):
                        found.append(_correction(case, proposal, event))
        return tuple(sorted(found, key=lambda each: each.number))

    def _change(self, id: str, by: str, what: Any) -> Kept:
        by = _text("person", by)
        now = self._clock.now() if self._clock else None
        with self._writing(now) as added:
            case = self._case(id)
            if case.status == "closed":
                raise BreakClosed(case.id)
            name, body = what(case)
            added.append((case.number, name, by, body))
        return self._kept(case, now or self.now())

    @contextmanager
    def _writing(self, now: datetime | None) -> Iterator[list[Draft]]:
        """Take in what is new, then write all that is put into the list, or nothing."""
        added: list[Draft] = []
        events: list[Event] = []
        with self._file.transaction() as newer:
            self._cases.take(newer)
            yield added
            if added:
                events = self._file.add(added, now or self.now())
        self._cases.take(events)

    def _case(self, id: str) -> Case:
        text = id.strip().upper().removeprefix("B-")
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
        if number not in self._cases.all:
            raise BreakUnknown(id, len(self._cases.all))
        return self._cases.all[number]

    def _kept(self, case: Case, now: datetime) -> Kept:
        start = case.found.trading_day or case.first_seen.date()
        age = business_days(start, (case.closed or now).date())
        proposal = case.proposal
        return Kept(
            id=case.id,
            found=case.found,
            status=case.status,
            first_seen=case.first_seen,
            age=age,
            bucket=bucket(age),
            owner=case.assigned or self._whose(case.found),
            history=tuple(case.events),
            proposal=None if proposal is None else _proposal(proposal, case.approved),
            accepted=case.accepted,
            cycle=case.cycle,
        )

    def _whose(self, found: Break) -> str:
        others = (each for each in found.sides if each != "ledger")
        side: Side = next(others, "ledger") if found.odd is None else found.odd
        return self._owners.get(side) or found.institution


def business_days(start: date, end: date) -> int:
    """Mondays to Fridays after `start`, up to and with `end`; 0 where that is not later."""
    return max(0, _weekdays(end) - _weekdays(start))


def _weekdays(day: date) -> int:
    """Mondays to Fridays since the year 1 began, which it did on a Monday."""
    weeks, rest = divmod(day.toordinal(), 7)
    return 5 * weeks + min(rest, 5)


def bucket(age: int) -> str:
    """An age in words, as reports group by it."""
    if age > 1:
        return "2–5 days" if age <= 5 else "over 5 days"
    return "1 day" if age else "today"


def _proposal(event: Event, approved: bool) -> Proposal:
    body = event.body
    entry = decoded(body["entry"]) if "entry" in body else None
    return Proposal(body["action"], event.by, body.get("why", ""), entry, approved)


def _correction(case: Case, proposal: Event, approval: Event) -> Correction:
    entry = decoded(proposal.body["entry"])
    first = break_from(case.events[0].body["break"])
    return Correction(
        approval.number, case.id, first.institution, first.trading_day, entry, proposal.by, approval.by,
        approval.when,
    )  # fmt: skip


def _waiting(case: Case) -> Event:
    if case.proposal is None:
        raise NothingProposed(case.id, "nothing is proposed; propose a correction or to close it first")
    if case.approved:
        raise NothingProposed(case.id, "its correction is approved already and applied in the next run")
    return case.proposal


def _no_pending(case: Case) -> None:
    if case.status == "pending":
        raise BreakPending(case.id)


def _same(one: str, other: str) -> bool:
    """Whether two names are one person's, however they write them."""
    forms = {" ".join(unicodedata.normalize("NFKC", name).casefold().split()) for name in (one, other)}
    return len(forms) == 1


def _text(what: str, text: str, *, lines: bool = False) -> str:
    """What a person wrote, without space at its ends. Raises InvalidValue where nothing is left or it holds
    what cannot be shown.
    """
    text = text.strip()
    shown = text.replace("\n", " ").replace("\t", " ") if lines else text
    if not shown or not shown.isprintable():
        raise InvalidValue(what, text, "words are wanted, without control characters")
    return text

"""The life cycle as a state machine, in words:

- Nothing vanishes: a break that was ever found is kept, and its history only grows.
- Names are stable: what a name means, which institution's which trade, never changes.
- No one person alone closes a break, or puts a correction in force.
- Only what a run compared closes by itself; and of that all closes that it did not find.
- What a run found is open, pending, proposed, or closed by two people with exactly that difference.
- The same run again writes nothing.
- Another process that opens the file has the same.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from contextlib import ExitStack
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ledger.clock import SteppedClock
from settlement.breaks import Breaks, Covered, Kept
from settlement.breaks.errors import BreakRefused
from settlement.reconciliation.model import Break, Kind, Result
from tests.unit.breaks.kept import NOON, made, result

INSTITUTIONS, SUBJECTS, PEOPLE = ("A", "B"), ("1", "2"), ("Asha", "Bina", " ASHA ")
FOUND = st.dictionaries(
    st.tuples(st.sampled_from(INSTITUTIONS), st.sampled_from(SUBJECTS)),
    st.tuples(st.sampled_from((Kind.QUANTITY, Kind.AMOUNT)), st.integers(0, 1), st.booleans()),
)
SCOPES = st.sampled_from((None, {"A"}, {"B"}))
IDS = st.integers(1, 4).map(lambda n: f"B-{n}")


def found(drawn: dict[tuple[str, str], tuple[Kind, int, bool]], scope: set[str] | None) -> Result:
    """What a run over `scope` finds."""
    breaks: dict[bool, list[Break]] = {False: [], True: []}
    for (institution, subject), (kind, book, pending) in drawn.items():
        if scope is None or institution in scope:
            breaks[pending].append(made(subject, kind, book, institution=institution))
    return result(*breaks[False], pending=tuple(breaks[True]))


class LifeCycle(RuleBasedStateMachine):
    """Runs of the reconciliation, and people, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        clock = SteppedClock(NOON, dt.timedelta(hours=7))
        self.folder = folder
        self.breaks = self.stack.enter_context(Breaks.open(folder, write=True, clock=clock))
        self.known: dict[str, Kept] = {}
        self.proposers: dict[str, str] = {}

    def teardown(self) -> None:
        self.stack.close()

    @rule(drawn=FOUND, scope=SCOPES)
    def run(self, drawn: dict[tuple[str, str], tuple[Kind, int, bool]], scope: set[str] | None) -> None:
        run, covered = found(drawn, scope), Covered(institutions=scope)
        before = {each.id: each for each in self.breaks.kept(NOON)}
        self.breaks.sync(run, covered, NOON)
        after = {each.id: each for each in self.breaks.kept(NOON)}
        here = {(each.institution, each.subject): each for each in (*run.breaks, *run.pending)}
        for id, kept in after.items():
            place = kept.found.institution, kept.found.subject
            if place in here:
                assert kept.found.fields == here[place].fields
                if kept.status == "closed":
                    assert kept.accepted
                    assert before[id].accepted
                    assert before[id].found.fields == kept.found.fields
                assert (kept.status == "pending") == (here[place] in run.pending)
                if kept.status == "proposed":
                    assert before[id].found.fields == kept.found.fields
            elif scope is None or kept.found.institution in scope:
                assert kept.status == "closed"
            else:
                assert kept == before[id]
        assert set(here) <= {(each.found.institution, each.found.subject) for each in after.values()}
        self.breaks.sync(run, covered, NOON)
        again = {each.id: each for each in self.breaks.kept(NOON)}
        approved = {id for id, each in after.items() if each.proposal and each.proposal.approved}
        assert {id: each for id, each in again.items() if id not in approved} == {
            id: each for id, each in after.items() if id not in approved
        }

    @rule(id=IDS, by=st.sampled_from(PEOPLE), closes=st.booleans())
    def propose(self, id: str, by: str, closes: bool) -> None:
        try:
            if closes:
                self.breaks.close(id, "small", by)
            else:
                self.breaks.propose(id, {"quantity": 510}, by)
        except BreakRefused:
            assert id not in self.known or self.known[id].status in ("closed", "pending")
        else:
            self.proposers[id] = by

    @rule(id=IDS, by=st.sampled_from(PEOPLE))
    def approve(self, id: str, by: str) -> None:
        corrections = len(self.breaks.corrections())
        try:
            kept = self.breaks.approve(id, by)
        except BreakRefused:
            assert len(self.breaks.corrections()) == corrections
        else:
            assert self.known[id].status == "proposed"
            assert self.proposers[id].strip().lower() != by.strip().lower()
            assert (kept.status == "closed") != (len(self.breaks.corrections()) > corrections)

    @rule(id=IDS, by=st.sampled_from(PEOPLE))
    def reject(self, id: str, by: str) -> None:
        try:
            kept = self.breaks.reject(id, "no", by)
        except BreakRefused:
            return
        assert (self.known[id].status, kept.status) == ("proposed", "open")

    @precondition(lambda self: self.known)
    @rule(id=IDS, to=st.sampled_from(PEOPLE))
    def assign(self, id: str, to: str) -> None:
        try:
            assert self.breaks.assign(id, to, "Chandra").owner == to.strip()
        except BreakRefused:
            assert id not in self.known or self.known[id].status == "closed"

    @invariant()
    def nothing_vanishes(self) -> None:
        now = {each.id: each for each in self.breaks.kept(NOON)}
        assert list(now)[: len(self.known)] == list(self.known)
        for id, before in self.known.items():
            kept = now[id]
            assert kept.history[: len(before.history)] == before.history
            assert kept.found.institution == before.found.institution
            assert kept.found.subject == before.found.subject
            assert kept.first_seen == before.first_seen
            people = {
                event.by.strip().lower()
                for event in kept.history
                if event.what in ("proposed", "approved") and kept.accepted
            }
            assert not kept.accepted or len(people) > 1
        self.known = now

    @invariant()
    def others_have_the_same(self) -> None:
        with Breaks.open(self.folder, write=False) as other:
            assert {each.id: each for each in other.kept(NOON)} == self.known


LifeCycle.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestLifeCycle = LifeCycle.TestCase

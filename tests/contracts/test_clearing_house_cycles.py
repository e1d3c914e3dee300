"""openCycle(deadline), closeCycle(venue), clear(...): how cycles of all venues follow each other.

given a cycle is open
├── when another venue opens one        ─ it must end when the first may at the latest
├── when venues take turns              ─ still, as long as one is open throughout
└── when all are past their deadlines   ─ anybody closes them; then comes the pause
given the last was closed               ─ none opens, of no venue, for an eighth of the time that any was, a
                                          second at least; meanwhile institutions move their own
given only clear was used               ─ a second, also in between of two blocks that clear
over any turns of three venues (property) ─ as the model says; with everyone closing what is due, nobody waits
                                          longer than MAX_CYCLE, and has an eighth of it afterwards
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import reverts
from ledger.accounts import Signer
from ledger.clients.consortium import Role
from tests.contracts.clearing import Floor
from tests.contracts.clearing_model import MAX_CYCLE, Cycles, Trade, pause_after
from tests.contracts.support import Ledger, bytes32, refusal_of, refused


@pytest.fixture
def floor(ledger: Ledger) -> Floor:
    ledger.admit("V2", Role.EXCHANGE)
    ledger.issue({("B1", "S1"): 1000, ("B2", "NPR"): 10**12, ("B1", "NPR"): 10**12})
    return Floor(ledger)


def move(ledger: Ledger) -> None:
    """What waits while a cycle is open."""
    ledger.register.transfer(ledger.signers["B1"], ledger.index["B1"], ledger.index["B2"], 1, 1)


@pytest.mark.parametrize("after", [0, 1, 3600, MAX_CYCLE - 2])
def test_open_cycle_given_anothers_is_open_ends_when_that_may(
    floor: Floor, ledger: Ledger, after: int
) -> None:
    """Latest is from the first that opened, whatever deadline that one has, and also past that."""
    opened = floor.later(10)
    floor.open(seconds=60)
    latest, now = opened + MAX_CYCLE, opened + 1 + after
    second = ledger.signers["V2"]
    ledger.at(now)
    with refused(reverts.ClearingHouse_InvalidDeadline, deadline=latest + 1, latest=latest):
        ledger.clearing_house.open_cycle(second, latest + 1)
    if now + 1 < latest:
        ledger.clearing_house.open_cycle(second, latest)
        assert ledger.clearing_house.call("cycleOf", ledger.index["V2"])[1] == latest


@pytest.mark.parametrize("after", [0, 1, MAX_CYCLE])
def test_open_cycle_given_anothers_ought_to_be_closed_reverts(
    floor: Floor, ledger: Ledger, after: int
) -> None:
    """There is no deadline left that it could have."""
    opened = floor.later(10)
    floor.open(seconds=MAX_CYCLE)
    latest = opened + MAX_CYCLE
    ledger.at(latest + after)
    for deadline in (latest, latest + after + 1):
        with refused(reverts.ClearingHouse_InvalidDeadline, deadline=deadline, latest=latest):
            ledger.clearing_house.open_cycle(ledger.signers["V2"], deadline)


def test_open_cycle_given_turns_without_a_gap_ends_when_first_may(floor: Floor, ledger: Ledger) -> None:
    """Two venues always leave one cycle open, and each opens its next as late as it can."""
    house, opened = ledger.clearing_house, floor.later(10)
    latest = opened + MAX_CYCLE
    floor.open(seconds=MAX_CYCLE)
    for turn in range(1, 12):
        joins, leaves = ("V2", "V") if turn % 2 else ("V", "V2")
        ledger.at(opened + turn * 7200)
        if turn * 7200 >= MAX_CYCLE:
            break
        house.open_cycle(ledger.signers[joins], latest)
        floor.close(leaves)
        assert (house.call("openCycles"), house.call("openSince"), house.call("reopenFrom")) == (1, opened, 0)
        with refused(reverts.AssetRegister_CycleOpen):
            move(ledger)
    ledger.at(latest - 2)
    with refused(reverts.ClearingHouse_InvalidDeadline, deadline=latest + 1, latest=latest):
        house.open_cycle(ledger.signers["V"], latest + 1)
    with refused(reverts.ClearingHouse_BeforeDeadline, venue=ledger.index["V2"], deadline=latest):
        house.close_cycle(ledger.outsider, ledger.index["V2"])
    house.close_cycle(ledger.outsider, ledger.index["V2"])
    assert ledger.now == latest
    move(ledger)


def test_open_cycle_given_two_collude_transfers_wait_a_day_and_have_an_eighth(
    floor: Floor, ledger: Ledger
) -> None:
    """Both are open to the last second; anybody closes them, and neither opens in the three hours after."""
    house, opened = ledger.clearing_house, floor.later(10)
    latest, pause = opened + MAX_CYCLE, MAX_CYCLE // 8
    floor.open(seconds=MAX_CYCLE)
    ledger.at(latest - 5)
    house.open_cycle(ledger.signers["V2"], latest - 1)
    ledger.at(latest - 1)
    house.close_cycle(ledger.outsider, ledger.index["V2"])
    house.close_cycle(ledger.outsider, ledger.index["V"])
    assert ledger.now == latest
    assert house.call("reopenFrom") == latest + pause
    move(ledger)
    for time in (latest + 10, latest + pause // 2, latest + pause - 4):
        ledger.at(time)
        for venue in ("V", "V2"):
            with refused(reverts.ClearingHouse_TooSoon, reopenFrom=latest + pause):
                house.open_cycle(ledger.signers[venue], time + 60)
    ledger.register.redeem(ledger.signers["B1"], bytes32("mine"), 1, 1)
    move(ledger)
    assert ledger.now == latest + pause - 1
    floor.open("V2")
    assert house.call("openSince") == ledger.now == latest + pause
    floor.open()


@pytest.mark.parametrize("first", ["V", "V2"])
@pytest.mark.parametrize("lasted", [1, 8, 15, 16, 800])
def test_open_cycle_given_pause_reverts_for_every_venue_until_it_ends(
    floor: Floor, ledger: Ledger, first: str, lasted: int
) -> None:
    opened = floor.later(10)
    floor.open(first)
    ledger.at(opened + lasted)
    floor.close(first)
    reopens = opened + lasted + pause_after(lasted)
    for venue in ("V", "V2"):
        # A call has the newest block's time: that in which the cycle closed.
        with refused(reverts.ClearingHouse_TooSoon, reopenFrom=reopens):
            ledger.clearing_house.call("openCycle", ledger.now + 60, sender=ledger.signers[venue].address)
    for venue in ("V", "V2"):
        if ledger.now + 2 < reopens:
            ledger.at(reopens - 2 if venue == "V" else reopens - 1)
            with refused(reverts.ClearingHouse_TooSoon, reopenFrom=reopens):
                floor.open(venue)
    ledger.at(reopens)
    floor.open("V2")
    floor.open("V")
    assert ledger.clearing_house.call("openSince") == reopens


def test_clear_given_both_venues_use_it_a_second_lies_between(floor: Floor, ledger: Ledger) -> None:
    house = ledger.clearing_house
    house.register_fee_schedule(ledger.signers["V2"], ledger.index["R"], 0, [(2**88 - 1, 0, 0)])
    changes = {"venue": ledger.index["V2"], "fee_schedule_id": 2}
    batches = [floor.batch(Trade(n, "B2", "B1"), **(changes if n % 2 else {})) for n in range(4)]
    given = [floor.affirmations(batch) for batch in batches]
    start = ledger.now
    for n, (batch, words) in enumerate(zip(batches, given, strict=True)):
        floor.clear(batch, affirmations=words, venue="V2" if n % 2 else "V")
        assert (ledger.now, house.call("reopenFrom")) == (start + n + 1, start + n + 2)
    move(ledger)


@dataclass(slots=True)
class Turns:
    """What venues do, on the chain and in the model, and since when nothing of institutions' own moved."""

    floor: Floor
    model: Cycles = field(default_factory=Cycles)
    shut: int | None = None
    ended: tuple[int, int] | None = None

    def at(self, time: int) -> int:
        """The time of the next block."""
        now = max(time, self.floor.ledger.now + 1)
        self.floor.ledger.at(now)
        return now

    def open(self, venue: int, signer: Signer, deadline: int, now: int) -> None:
        house = self.floor.house
        assert refusal_of(lambda: house.open_cycle(signer, deadline)) == self.model.open(venue, deadline, now)
        self._watch(now)

    def close(self, venue: int, signer: Signer, by: int, now: int) -> None:
        house = self.floor.house
        assert refusal_of(lambda: house.close_cycle(signer, venue)) == self.model.close(venue, by, now)
        self._watch(now)

    def everyone_closes_what_is_due(self, until: int) -> None:
        """In the block of the deadline, or in the first after it where a block is taken already."""
        while due := min(((at, v) for v, at in self.model.deadlines.items() if at < until), default=None):
            deadline, venue = due
            self.close(venue, self.floor.ledger.outsider, 0, self.at(deadline))

    def _watch(self, now: int) -> None:
        house = self.floor.house
        seen = [house.call(name) for name in ("openCycles", "reopenFrom")]
        assert seen == [len(self.model.deadlines), self.model.reopen_from]
        if self.model.deadlines and self.shut is None:
            assert house.call("openSince") == now
            if self.ended is not None:
                closed, lasted = self.ended
                assert now - closed >= max(lasted // 8, 1)
            self.shut = now
        elif not self.model.deadlines and self.shut is not None:
            # On this chain a block holds one transaction: three that are due at once take three seconds.
            assert now - self.shut <= MAX_CYCLE + 2
            self.ended, self.shut = (now, now - self.shut), None


WAITS = st.integers(1, 20) | st.integers(1, MAX_CYCLE // 4) | st.sampled_from([MAX_CYCLE // 8, MAX_CYCLE])
LASTS = st.integers(-1, 20) | st.integers(1, MAX_CYCLE + 1) | st.just(MAX_CYCLE)
VENUES = ("V", "V2", "V3")
STEPS = st.lists(
    st.tuples(st.sampled_from(VENUES), st.sampled_from(["open", "open", "join", "close"]), WAITS, LASTS),
    min_size=4,
    max_size=16,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_cycles_whatever_venues_do_nobody_waits_longer_than_a_day(
    ledger: Ledger, steps: list[tuple[str, str, int, int]]
) -> None:
    """Those who join ask for the latest deadline there is; everyone else only closes what is due."""
    snapshot, seconds = ledger.chain.snapshot(), ledger.clock.seconds
    try:
        for name in VENUES[1:]:
            if name not in ledger.index:
                ledger.admit(name, Role.EXCHANGE)
        turns = Turns(Floor(ledger))
        for name, what, wait, lasts in steps:
            venue, signer = ledger.index[name], ledger.signers[name]
            time = ledger.now + wait
            turns.everyone_closes_what_is_due(time)
            now = turns.at(time)
            if what == "close":
                turns.close(venue, signer, venue, now)
                continue
            since = turns.model.since if turns.model.deadlines else now
            turns.open(venue, signer, since + MAX_CYCLE if what == "join" else now + lasts, now)
        turns.everyone_closes_what_is_due(ledger.now + 2 * MAX_CYCLE)
        assert turns.shut is None
    finally:
        ledger.chain.restore(snapshot)
        ledger.clock.seconds = seconds
        for name in VENUES[1:]:
            ledger.index.pop(name, None)

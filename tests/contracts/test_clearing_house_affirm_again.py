"""affirm(Header, bytes32[], Affirmation[]): those whose word is given already.

given an institution has affirmed
├── when it affirms again               ─ nothing happens, whatever it says now
├── when it is one of many              ─ the others' word is taken as if it were not there
├── when another of the many is wrong   ─ refused for that one
├── when it is named twice              ─ nothing happens twice
└── when it was suspended since         ─ nothing happens
given all have affirmed                 ─ a retry of the whole does nothing
given one went first, alone             ─ the bulk is taken all the same
over any batch, any order, any who went first (property)
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_utils import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import reverts
from ledger.clients.clearing_house import Status
from ledger.signatures import Affirmation
from tests.contracts.clearing import Batch, Floor
from tests.contracts.clearing_model import Trade
from tests.contracts.support import Ledger, refused

TRADES = (
    Trade(1, "B1", "B2", "S1"),
    Trade(2, "B2", "B3", "S1"),
    Trade(3, "B1", "B1", "S2"),
    Trade(4, "B3", "B1", "S2"),
    Trade(5, "B1", "B2", "S3"),
)
"""B1 has 0, 2, 3, 4 of them; B2 0, 1, 4; B3 1, 3."""
BROKERS = ("B1", "B2", "B3")
COUNTS = (0, 1, 3, 4, 5, 6, 1000, 2**31, 2**32 - 1)
FALSE: dict[str, dict[str, object]] = {
    **{f"count {count}": {"count": count} for count in COUNTS},
    "no signature": {"signature": b""},
    "garbage for a signature": {"signature": bytes(range(200)) * 5},
    "no such prior block": {"prior_block": 2**64 - 1},
    "another client root": {"client_root": keccak(text="others")},
    "an exception": {"exceptions": (0,)},
    "all excepted": {"exceptions": (0, 2, 3, 4)},
    "another's record excepted": {"exceptions": (1,)},
    "exceptions beyond the end": {"exceptions": (5, 2**32 - 1)},
    "exceptions that fall": {"exceptions": (4, 3, 2, 0, 0)},
    "everything": {
        "count": 2**32 - 1,
        "prior_block": 2**64 - 1,
        "client_root": b"\xff" * 32,
        "exceptions": (2**32 - 1, 0),
        "signature": b"\xff" * 65,
    },
}


@pytest.fixture
def floor(ledger: Ledger) -> Floor:
    return Floor(ledger)


@pytest.fixture
def batch(floor: Floor) -> Batch:
    made = floor.batch(*TRADES)
    floor.record(made)
    return made


def state(floor: Floor, batch: Batch) -> tuple[object, ...]:
    """All that affirming changes."""
    house = floor.house
    return (
        house.call("batch", batch.hash),
        [house.status_of(batch.hash, i) for i in range(len(batch.trades) + 1)],
        [house.call("affirmedBy", batch.hash, i) for i in range(12)],
    )


def told(
    floor: Floor, batch: Batch, prior: bytes, excepts: dict[str, tuple[int, ...]]
) -> list[tuple[str, dict[str, object]]]:
    """The events of these institutions' affirmations, in this order."""
    facts: list[tuple[str, dict[str, object]]] = []
    for name, excepted in excepts.items():
        own = b"".join(batch.words[i] for i in batch.own(name) if i not in excepted)
        who = {"batchHash": batch.hash, "institution": floor.ledger.index[name]}
        facts += [("TradeDisputed", who | {"tradeNo": batch.trades[i].number}) for i in excepted]
        rest = {"exceptions": len(excepted), "clientRoot": bytes(32), "priorBlockHash": prior}
        facts.append(("BatchAffirmed", who | {"recordsHash": keccak(own)} | rest))
    return facts


@pytest.mark.parametrize("change", FALSE.values(), ids=FALSE)
def test_affirm_given_it_has_affirmed_does_nothing_whatever_it_says(
    floor: Floor, batch: Batch, change: dict[str, object]
) -> None:
    first = floor.affirmation(batch, "B1", excepts=(2,))
    floor.affirm(batch, first)
    before = state(floor, batch)
    again = replace(first, **change)  # type: ignore[arg-type]
    assert floor.affirm(batch, again).logs == ()
    assert floor.affirm(batch, again, again).logs == ()
    assert state(floor, batch) == before


@pytest.mark.parametrize("excepts", [(), (0,), (0, 2, 3, 4)])
def test_affirm_given_it_has_affirmed_its_new_word_does_not_count(
    floor: Floor, ledger: Ledger, batch: Batch, excepts: tuple[int, ...]
) -> None:
    """Well signed, with the exceptions that it did not make the first time, or without those that it did."""
    floor.affirm(batch, floor.affirmation(batch, "B1", excepts=(3,)))
    before = state(floor, batch)
    assert floor.affirm(batch, floor.affirmation(batch, "B1", excepts=excepts)).logs == ()
    assert floor.affirm(batch, floor.affirmation(batch, "B1", key=ledger.outsider)).logs == ()
    assert state(floor, batch) == before


@pytest.mark.parametrize("order", [("B1", "B2", "B3"), ("B3", "B1", "B2"), ("B2", "B3", "B1")])
@pytest.mark.parametrize("change", FALSE.values(), ids=FALSE)
def test_affirm_given_one_of_many_has_affirmed_others_are_taken(
    floor: Floor, ledger: Ledger, batch: Batch, order: tuple[str, ...], change: dict[str, object]
) -> None:
    floor.affirm(batch, floor.affirmation(batch, "B1"))
    prior = ledger.chain.block()
    others: dict[str, tuple[int, ...]] = {
        name: {"B2": (1, 4), "B3": ()}[name] for name in order if name != "B1"
    }
    words = {name: floor.affirmation(batch, name, excepts=others.get(name, ())) for name in order}
    words["B1"] = replace(words["B1"], **change)  # type: ignore[arg-type]
    facts = ledger.facts(floor.affirm(batch, *(words[name] for name in order)))
    assert facts == told(floor, batch, prior.hash, others)
    assert [floor.house.call("affirmedBy", batch.hash, ledger.index[name]) for name in BROKERS] == [True] * 3
    statuses = [floor.house.status_of(batch.hash, i) for i in range(5)]
    assert [i for i, status in enumerate(statuses) if status == Status.DISPUTED] == [1, 4]


@pytest.mark.parametrize("at", range(3))
@pytest.mark.parametrize("count", COUNTS)
def test_affirm_given_one_of_many_has_affirmed_others_counts_are_checked(
    floor: Floor, ledger: Ledger, batch: Batch, count: int, at: int
) -> None:
    """Records of the one passed over lie in nobody's part of memory, so they hide no false count."""
    floor.affirm(batch, floor.affirmation(batch, "B1"))
    before = state(floor, batch)
    over = replace(floor.affirmation(batch, "B1"), count=count)
    for claims in (0, 1, 2, 4, 6, 2**32 - 1):
        given = [floor.affirmation(batch, "B2", claims=claims), floor.affirmation(batch, "B3")]
        given.insert(at, over)
        with refused(
            reverts.ClearingHouse_WrongCount, institution=ledger.index["B2"], claimed=claims, actual=3
        ):
            floor.affirm(batch, *given)
    assert state(floor, batch) == before


def test_affirm_given_one_of_many_has_affirmed_others_signatures_are_checked(
    floor: Floor, ledger: Ledger, batch: Batch
) -> None:
    floor.affirm(batch, floor.affirmation(batch, "B1"))
    wrong = floor.affirmation(batch, "B3", key=ledger.outsider)
    own = keccak(b"".join(batch.words[i] for i in batch.own("B3")))
    with refused(reverts.ClearingHouse_InvalidSignature, institution=ledger.index["B3"], recordsHash=own):
        floor.affirm(batch, floor.affirmation(batch, "B2"), floor.affirmation(batch, "B1"), wrong)
    assert not floor.house.call("affirmedBy", batch.hash, ledger.index["B2"])


def test_affirm_given_one_has_affirmed_another_named_twice_reverts(
    floor: Floor, ledger: Ledger, batch: Batch
) -> None:
    floor.affirm(batch, floor.affirmation(batch, "B1"))
    given = [floor.affirmation(batch, name) for name in ("B2", "B1", "B2", "B1")]
    with refused(reverts.ClearingHouse_AlreadyAffirmed, batchHash=batch.hash, institution=ledger.index["B2"]):
        floor.affirm(batch, *given)
    facts = ledger.facts(floor.affirm(batch, *given[1:]))
    assert [(name, fact["institution"]) for name, fact in facts] == [("BatchAffirmed", ledger.index["B2"])]


def test_affirm_given_it_has_affirmed_and_was_suspended_does_nothing(
    floor: Floor, ledger: Ledger, batch: Batch
) -> None:
    floor.affirm(batch, floor.affirmation(batch, "B1"))
    ledger.suspend("B1")
    facts = ledger.facts(floor.affirm(batch, *(floor.affirmation(batch, name) for name in BROKERS)))
    assert [fact["institution"] for _, fact in facts] == [ledger.index["B2"], ledger.index["B3"]]


def test_affirm_given_bulk_was_taken_retry_does_nothing(floor: Floor, batch: Batch) -> None:
    given = floor.affirmations(batch, {"B1": [0], "B2": [0, 1]})
    floor.affirm(batch, *given)
    before = state(floor, batch)
    assert floor.affirm(batch, *given).logs == ()
    assert floor.affirm(batch, *given[::-1], *given).logs == ()
    assert state(floor, batch) == before


@pytest.mark.parametrize("first", BROKERS)
def test_affirm_given_one_went_first_bulk_is_taken(
    floor: Floor, ledger: Ledger, batch: Batch, first: str
) -> None:
    """Whoever sees the bulk coming can send one of its signatures alone, before it."""
    excepts = {"B1": (0,), "B2": (1, 4), "B3": ()}
    bulk = floor.affirmations(batch, excepts)
    prior = ledger.chain.block()
    floor.affirm(batch, bulk[BROKERS.index(first)])
    facts = ledger.facts(floor.affirm(batch, *bulk))
    assert facts == told(
        floor, batch, prior.hash, {name: made for name, made in excepts.items() if name != first}
    )
    statuses = [floor.house.status_of(batch.hash, i) for i in range(5)]
    assert [i for i, status in enumerate(statuses) if status == Status.DISPUTED] == [0, 1, 4]


def test_affirm_given_it_affirmed_another_batch_of_the_same_records_is_taken(
    floor: Floor, ledger: Ledger, batch: Batch
) -> None:
    other = floor.batch(*TRADES, trading_day=20191122, intended_settlement_date=20191122)
    floor.record(other)
    floor.affirm(batch, floor.affirmation(batch, "B1"))
    floor.affirm(other, floor.affirmation(other, "B1"))
    assert floor.house.call("affirmedBy", other.hash, ledger.index["B1"])


ROWS = st.lists(st.tuples(st.sampled_from(BROKERS), st.sampled_from(BROKERS)), min_size=1, max_size=30)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, data=st.data())
def test_affirm_whoever_went_first_takes_others_as_they_are(
    ledger: Ledger, rows: list[tuple[str, str]], data: st.DataObject
) -> None:
    """Those who affirmed before come along with any count; the others' hashes are of their own records."""
    floor = Floor(ledger)
    snapshot = ledger.chain.snapshot()
    try:
        batch = floor.batch(*(Trade(n, *row, f"S{1 + n % 8}") for n, row in enumerate(rows)))
        floor.record(batch)
        before = data.draw(st.sets(st.sampled_from(batch.parties), min_size=1), label="went first")
        floor.affirm(batch, *(floor.affirmation(batch, name) for name in sorted(before)))
        prior = ledger.chain.block()
        order = data.draw(st.permutations(batch.parties), label="order")
        late = {name: _some(batch, name, data) for name in order if name not in before}
        given: list[Affirmation] = []
        for name in order:
            word = floor.affirmation(batch, name, excepts=late.get(name, ()))
            if name in before:
                word = replace(
                    word, count=data.draw(st.integers(0, 40) | st.sampled_from(COUNTS), label="count")
                )
            given.append(word)
        assert ledger.facts(floor.affirm(batch, *given)) == told(floor, batch, prior.hash, late)
    finally:
        ledger.chain.restore(snapshot)


def _some(batch: Batch, name: str, data: st.DataObject) -> tuple[int, ...]:
    chosen = data.draw(st.sets(st.sampled_from(batch.own(name)), max_size=4), label=f"{name} excepts")
    return tuple(sorted(chosen))

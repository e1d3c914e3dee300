"""settlement.outcomes against a real history, event by event altered, dropped and told twice.

follow
├── as it was told          ─ silent, and in one go what it was block by block
├── events moved            ─ LedgerDisagrees, where their order matters
├── one argument altered    ─ LedgerDisagrees, which names an event or a trade or a transaction
│   ├── of what contracts compute ─ quantities, amounts, reasons, days, parties, prices, steps
│   └── of what they were told    ─ prices, rates, holds and suspensions that something was computed from
├── one event dropped       ─ LedgerDisagrees
├── one event told twice    ─ LedgerDisagrees
└── steps exchanged         ─ LedgerDisagrees
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ledger.clients.conditions import Condition
from ledger.contract import Event
from settlement.errors import LedgerDisagrees
from tests.unit.outcome_history import follow, told

COMPUTED = {
    "TradeFailed": ("batchHash", "tradeNo", "day", "reasons", "failedDays", "quantity", "amount"),
    "PenaltyAccrued": ("batchHash", "tradeNo", "payer", "payee", "day", "currency", "amount"),
    "TradeCompensated": ("batchHash", "tradeNo", "day", "price", "payer", "payee", "amount"),
    "ClaimPaid": ("venue", "currency", "debtor", "creditor", "amount"),
    "ClaimUnpaid": ("venue", "currency", "debtor", "creditor", "amount", "balance"),
    "Deposited": ("institution", "currency", "purse", "amount", "balance"),
    "Released": ("institution", "currency", "purse", "amount", "balance"),
    "Called": ("institution", "currency", "purse", "required", "taken", "missing"),
    "DefaultDeclared": ("id", "institution", "currency", "day"),
    "TradeClosedOut": ("id", "batchHash", "tradeNo", "price", "value", "claimant", "loss"),
    "WaterfallStep": ("id", "step", "institution", "amount"),
    "ClaimantPaid": ("id", "claimant", "claim", "paid"),
    "DefaultFinished": ("id", "loss", "uncovered"),
}
"""Every argument of every event that is recomputed."""
TOLD_ONCE = (*(set(COMPUTED) - {"ClaimUnpaid"}),)
"""That a claim stays unpaid may be said as often as the venue asks."""


def said() -> list[Event]:
    return list(told()[1].said)


def places(name: str) -> list[int]:
    found = [i for i, event in enumerate(said()) if event.name == name]
    assert found, f"no {name} in the history"
    return found


def others(event: Event, name: str) -> Iterator[Any]:
    """Other values that an argument could have."""
    value = event[name]
    if isinstance(value, bytes):
        yield bytes(32)
        yield from (key for key in told()[1].batches if key != value)
    elif name == "purse":
        yield from ({0, 1, 2} - {value})
    elif name == "step":
        yield from ({0, 1, 2, 3, 4} - {value})
    elif name == "reasons":
        yield from (value ^ 1 << i for i in range(12))
        yield 0
    elif name == "tradeNo":
        numbers = {n for batch in told()[1].batches.values() for n in batch.records.number.tolist()}
        yield from sorted((numbers | {value + 1000}) - {value})
    else:
        yield value + 1
        yield from (value - 1, 0) if value else ()


def altered(place: int, name: str, value: object) -> list[Event]:
    events = said()
    event = events[place]
    events[place] = replace(event, arguments=event.arguments | {name: value})
    return events


def disagreement(events: list[Event]) -> str:
    with pytest.raises(LedgerDisagrees) as refused:
        follow(events)
    return refused.value.where


def test_follow_given_what_was_told_is_silent_and_finds_the_same() -> None:
    again, first = follow(said()), told()[2]
    assert again.fails.failed == first.fails.failed
    assert again.defaults.by_id == first.defaults.by_id
    assert again.advised == first.advised


@pytest.mark.parametrize(
    ("event", "name"), [(event, name) for event, names in COMPUTED.items() for name in names]
)
def test_follow_given_an_argument_altered_says_where(event: str, name: str) -> None:
    for place in places(event):
        for value in others(said()[place], name):
            assert disagreement(altered(place, name, value)), (said()[place].arguments, value)


@pytest.mark.parametrize(
    ("event", "name"),
    [("TradeFailed", "quantity"), ("TradeCompensated", "price"), ("WaterfallStep", "amount")],
)
def test_follow_given_an_argument_altered_names_the_event_and_argument(event: str, name: str) -> None:
    for place in places(event):
        one = said()[place]
        where = disagreement(altered(place, name, one[name] + 1))
        assert where.startswith(event)
        assert where.endswith(f"in 0x{one.transaction.hex()}, {name}")


@pytest.mark.parametrize("event", sorted(TOLD_ONCE))
def test_follow_given_an_event_dropped_says_so(event: str) -> None:
    for place in places(event):
        events = said()
        assert disagreement(events[:place] + events[place + 1 :]), said()[place].arguments


@pytest.mark.parametrize("event", sorted(TOLD_ONCE))
def test_follow_given_an_event_twice_says_so(event: str) -> None:
    for place in places(event):
        events = said()
        assert disagreement([*events[: place + 1], *events[place:]]), said()[place].arguments


@pytest.mark.parametrize("event", ["TradeFailed", "PenaltyAccrued", "DefaultDeclared", "TradeClosedOut"])
def test_follow_given_an_event_at_the_end_says_so(event: str) -> None:
    for place in places(event):
        events = said()
        late = replace(events[place], transaction=events[-1].transaction)
        assert disagreement([*events[:place], *events[place + 1 :], late]), said()[place].arguments


def test_follow_given_a_price_that_something_was_computed_from_altered_says_so() -> None:
    """Day 1: S1 and S3 are lacking; day 2: all three are compensated at; day 3: all are closed out at."""
    asset = told()[0].asset
    used = ((asset["S1"], asset["S3"]), tuple(asset[code] for code in ("S1", "S2", "S3")))
    for place, codes in zip(places("PricesSet"), (used[0], used[1], used[1]), strict=True):
        words = list(said()[place]["words"])
        for k, word in enumerate(words):
            if word >> 240 in codes:
                for changed in ([*words[:k], word + 10**9, *words[k + 1 :]], words[:k] + words[k + 1 :]):
                    assert disagreement(altered(place, "words", changed))
        for name in ("venue", "day", "currency"):
            assert disagreement(altered(place, name, said()[place][name] + 1))


def test_follow_given_a_rate_that_something_was_computed_from_altered_says_so() -> None:
    asset = told()[0].asset
    checked = 0
    for place in places("PenaltyRateSet"):
        if said()[place]["asset"] != asset["S2"]:  # nobody lacked it
            checked += 1
            assert disagreement(altered(place, "ratePpm", 2 * said()[place]["ratePpm"]))
            assert disagreement(said()[:place] + said()[place + 1 :])
    assert checked == 3


def test_follow_given_compensation_before_its_day_says_so() -> None:
    (place,) = places("ClosingAfterSet")
    for days in (3, 0):
        assert "failed days" in disagreement(altered(place, "failedDays", days))
    assert "failed days" in disagreement(said()[:place] + said()[place + 1 :])


def test_follow_given_no_word_of_a_hold_or_a_suspension_says_the_reasons_differ() -> None:
    holds = [place for place in places("ConditionChanged") if said()[place]["condition"] == Condition.HELD]
    for place in (*holds, places("InstitutionSuspended")[0]):
        assert disagreement(said()[:place] + said()[place + 1 :]).endswith(", reasons")
    for place in holds:
        assert disagreement(altered(place, "stands", False)).endswith(", reasons")
    (first, second) = places("InstitutionSuspended")
    assert disagreement(altered(first, "institution", told()[0].index["B1"])).endswith(", reasons")
    assert disagreement(said()[:second] + said()[second + 1 :]).startswith("DefaultDeclared")


def test_follow_given_no_limit_and_a_trade_that_one_stopped_says_so() -> None:
    (place,) = places("LimitSet")
    for events in (said()[:place] + said()[place + 1 :], altered(place, "institution", 6)):
        where = disagreement(events)
        assert where.startswith("TradeFailed of trade 8 on 2024-03-14")
        assert where.endswith(", reasons")


def test_follow_given_steps_of_a_waterfall_exchanged_between_institutions_says_so() -> None:
    steps = [place for place in places("WaterfallStep") if said()[place]["step"] == 3]
    first, second = (said()[place] for place in steps[:2])
    events = altered(steps[0], "amount", second["amount"])
    events[steps[1]] = replace(second, arguments=second.arguments | {"amount": first["amount"]})
    assert disagreement(events).endswith(", amount")

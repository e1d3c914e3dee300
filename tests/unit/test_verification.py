"""The second computation against histories that the independent one says, and with each figure of them off by
one.

verify ─ silent where all agrees, whatever the size of amounts and however many netting sets
       ─ stops at any total, accrual or movement that is off, and at anything left in transit
       ─ looks at no netting set before `since`
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.abi import Words
from ledger.clients.clearing_house import Header
from ledger.contract import Event
from ledger.history import NOBODY, History, Movements, RecordedBatch
from ledger.records import Records
from ledger.terms import Terms
from ledger.units import MAX_AMOUNT, PPM, exact
from settlement.agreements import periods
from settlement.errors import LedgerDisagrees
from settlement.market import Market
from settlement.verification import _millionths, verify
from tests import independent
from tests.independent import Rules, Trade
from tests.invariant.cases import SECURITIES, Case, case
from tests.invariant.stage import ROLES, scenario_of
from tests.sharings import PERIOD, accrual, clause, conclusion

INDEX = {name: i for i, name in enumerate(ROLES, start=1)}
ASSET = {code: i for i, code in enumerate(SECURITIES, start=1)} | {"NPR": 0x8001}
TRANSIT = 0
BEFORE = bytes(32)
"""The transaction before all settlements."""


def market_of(day: Case) -> Market:
    found = SimpleNamespace(scenario=scenario_of(day), index=INDEX, asset=ASSET, cash_asset=ASSET["NPR"])
    return cast(Market, found)


def transaction(number: int) -> bytes:
    return bytes([number + 1]) * 32


def terms_of(rules: Rules, payer: str) -> Terms:
    """All of the payer's commission, shared by the rules."""
    shares = tuple(ppm for _, ppm in rules.shares)
    parties = tuple(INDEX[party] for party, _ in rules.shares)
    return Terms(INDEX[payer], ASSET["NPR"], "commission", parties, (clause((PPM, 0), shares=shares),))


def batch_of(trades: tuple[Trade, ...], settled_in: list[int]) -> RecordedBatch:
    records = Records(
        number=np.array([t.number for t in trades], dtype=np.uint32),
        time=np.zeros(len(trades), dtype=np.uint32),
        buyer=np.array([INDEX[t.buyer] for t in trades], dtype=np.uint16),
        seller=np.array([INDEX[t.seller] for t in trades], dtype=np.uint16),
        asset=np.array([ASSET[t.security] for t in trades], dtype=np.uint16),
        quantity=np.array([t.quantity for t in trades], dtype=np.uint64),
        amount=exact([t.amount for t in trades]),
    )
    header = Header(INDEX["V"], 20191121, ASSET["NPR"], 20191121, 1)
    batch = RecordedBatch(bytes([trades[0].number % 256]) * 32, header, Words(), records, b"")
    used = sorted({k for k in settled_in if k >= 0})
    batch.settlements = [transaction(k) for k in used]
    batch.settled_in = np.array([used.index(k) if k >= 0 else -1 for k in settled_in], dtype=np.int64)
    return batch


def history_of(day: Case, sets: int = 1) -> History:
    """The day's trades settled at random in so many netting sets, some of them not at all, in two batches."""
    draw = random.Random(day.seed)
    settled_in = [draw.randint(-1, sets - 1) if sets > 1 else 0 for _ in day.trades]
    history = History()
    half = (len(day.trades) + 1) // 2
    for k, part in enumerate((slice(0, half), slice(half, None))):
        if day.trades[part]:
            batch = batch_of(day.trades[part], settled_in[part])
            history.batches[bytes([k])] = batch
    earned: dict[str, int] = {}
    for i, payer in enumerate(day.brokers if day.rules.shares else (), start=1):
        history.revenue += conclusion(terms_of(day.rules, payer), i, BEFORE)
    history.blocks[BEFORE] = 0
    columns: list[tuple[bytes, int, int, int, int]] = []
    for k in range(sets):
        trades = [t for t, where in zip(day.trades, settled_in, strict=True) if where == k]
        out = independent.settle(day.rules, trades, earned)
        for (name, code), amount in out.moved.items():
            sides = (INDEX[name], TRANSIT) if amount < 0 else (TRANSIT, INDEX[name])
            columns.append((transaction(k), *sides, ASSET[code], abs(amount)))
        for payer, commission in out.commission.items():
            before = earned.get(payer, 0)
            earned[payer] = before + commission
            if commission and day.rules.shares:
                totals_of = before, before + commission
                agreement = day.brokers.index(payer) + 1
                history.revenue.append(accrual(agreement, PERIOD, *totals_of, transaction(k)))
        history.blocks[transaction(k)], history.times[transaction(k)] = k + 1, periods.start_s(PERIOD)
        totals = {
            "model": 3,
            "grossAmount": out.gross,
            "netAmount": out.net,
            "commission": sum(out.commission.values()),
            "levy": sum(out.levy.values()),
        }
        history.netting_sets.append(Event("NettingSetSettled", totals, transaction(k)))
    history.movements = movements_of(columns)
    return history


def movements_of(rows: list[tuple[bytes, int, int, int, int]]) -> Movements:
    hashes, sender, receiver, asset, amount = list(zip(*rows, strict=True)) or [()] * 5
    narrow = [np.array(column, dtype=np.int64) for column in (sender, receiver, asset)]
    return Movements(np.frombuffer(b"".join(hashes), dtype="V32"), *narrow, exact(list(amount)))


def cases() -> Iterator[Case]:
    return (case(seed) for seed in range(60))


def test_verify_given_what_the_independent_computation_says_is_silent() -> None:
    for day in cases():
        for sets in (1, 3):
            verify(market_of(day), history_of(day, sets))


def test_verify_given_amounts_at_the_bounds_of_tiers_charges_each_by_its_own() -> None:
    """A bound belongs to the tier that it ends."""
    rules = Rules(((1_000, 100_000), (5_000, 50_000), (2**70, 20_000), (None, 1)), 7, "R", (("P1", 9),))
    for large in ((), (2**70, 2**70 + 1)):
        amounts = (999, 1_000, 1_001, 4_999, 5_000, 5_001, *large)
        trades = tuple(Trade(n, "B1", "B2", "S1", 1, amount) for n, amount in enumerate(amounts, start=1))
        day = Case(0, ("B1", "B2"), rules, trades, 10**6, ())
        verify(market_of(day), history_of(day))


def test_verify_given_no_settlement_is_silent() -> None:
    verify(market_of(case(0)), History())


def disagrees(day: Case, history: History) -> str:
    with pytest.raises(LedgerDisagrees) as refused:
        verify(market_of(day), history)
    return refused.value.where


@pytest.mark.parametrize("name", ["grossAmount", "netAmount", "commission", "levy"])
@pytest.mark.parametrize("off", [1, -1])
def test_verify_given_a_total_off_by_one_says_which(name: str, off: int) -> None:
    for day in cases():
        history = history_of(day)
        (event,) = history.netting_sets
        changed = event.arguments | {name: event[name] + off}
        history.netting_sets[0] = replace(event, arguments=changed)
        assert disagrees(day, history) == f"settlement 0x{transaction(0).hex()}, {name}"


@pytest.mark.parametrize("off", [1, -1])
def test_verify_given_any_movement_off_by_one_says_whose(off: int) -> None:
    for day in cases():
        history = history_of(day)
        moves = history.movements
        for row in random.Random(day.seed).sample(range(len(moves)), min(3, len(moves))):
            amount = moves.amount.astype(object)
            amount[row] += off
            history.movements = replace(moves, amount=exact(amount))
            holder = max(int(moves.sender[row]), int(moves.receiver[row]))
            names = {i: name for name, i in INDEX.items()}
            codes = {i: code for code, i in ASSET.items()}
            where = f"{codes[int(moves.asset[row])]} of {names[holder]}"
            assert disagrees(day, history) == f"settlement 0x{transaction(0).hex()}, {where}"


def changed_rows(day: Case) -> dict[str, Movements]:
    """The movements, wrong in other ways than by an amount."""
    moves = history_of(day).movements
    last = np.arange(len(moves)) == len(moves) - 1
    rows = [
        (transaction(0), int(s), int(r), int(a), int(n))
        for s, r, a, n in zip(moves.sender, moves.receiver, moves.asset, moves.amount.tolist(), strict=True)
    ]
    stranger = len(INDEX) + 1
    return {
        "one less": moves.take(~last),
        "one twice": movements_of([*rows, rows[-1]]),
        "to a stranger": movements_of([*rows, (transaction(0), TRANSIT, stranger, 1, 7)]),
        "issued meanwhile": movements_of([*rows, (transaction(0), NOBODY, INDEX["B1"], 1, 7)]),
        "past transit": movements_of([*rows, (transaction(0), INDEX["B1"], INDEX["B2"], 1, 7)]),
        "left in transit": movements_of([*rows, (transaction(0), NOBODY, TRANSIT, 1, 7)]),
        "another asset": replace(moves, asset=np.where(last, 0x8002, moves.asset)),
        "other sides": replace(
            moves,
            sender=np.where(last, moves.receiver, moves.sender),
            receiver=np.where(last, moves.sender, moves.receiver),
        ),
    }


@pytest.mark.parametrize("how", sorted(changed_rows(case(1))))
def test_verify_given_other_movements_stops(how: str) -> None:
    for day in cases():
        history = history_of(day)
        history.movements = changed_rows(day)[how]
        disagrees(day, history)


@pytest.mark.parametrize(
    "change",
    [
        {"totalAfter": 1},
        {"totalBefore": 1},
        {"agreementId": 1},
        {"period": 3},
        None,
    ],
)
def test_verify_given_an_accrual_that_is_off_stops(change: dict[str, int] | None) -> None:
    for day in cases():
        history = history_of(day)
        places = [i for i, event in enumerate(history.revenue) if event.name == "RevenueAccrued"]
        if places:
            first = history.revenue[places[0]]
            told = {name: value + (change or {}).get(name, 0) for name, value in first.arguments.items()}
            history.revenue[places[0] : places[0] + 1] = (
                [] if change is None else [replace(first, arguments=told)]
            )
            assert "accru" in disagrees(day, history)


def test_verify_given_other_shares_than_were_agreed_stops() -> None:
    """The whole of 1,000 is 200 for P1; by an agreement of a ppm more there would be the same, by a
    thousandth more there would be 201."""
    rules = Rules(((None, 10**6),), 0, "R", (("P1", 200_000),))
    day = Case(0, ("B1", "B2"), rules, (Trade(1, "B1", "B2", "S1", 1, 1_000),), 10**6, ())
    for ppm, fine in ((200_000, True), (200_001, True), (201_000, False)):
        history = history_of(day)
        other = Rules(rules.tiers, 0, "R", (("P1", ppm),))
        agreed = [event for i in (1, 2) for event in conclusion(terms_of(other, f"B{i}"), i, BEFORE)]
        history.revenue[: len(agreed)] = agreed
        if fine:
            verify(market_of(day), history)
        else:
            disagrees(day, history)


def test_verify_given_a_trade_that_settled_otherwise_stops() -> None:
    """One record less, one more, or another one is settled than the movements say."""
    for day in cases():
        history = history_of(day)
        batch = next(iter(history.batches.values()))
        batch.settled_in[0] = -1
        disagrees(day, history)


def test_verify_given_netting_sets_checked_before_looks_at_the_rest_only() -> None:
    for day in cases():
        history = history_of(day, sets=3)
        verified = [replace(event, arguments=dict(event.arguments)) for event in history.netting_sets]
        for wrong in range(3):
            history.netting_sets = list(verified)
            totals: Mapping[str, int] = verified[wrong].arguments
            changed = {**totals, "grossAmount": totals["grossAmount"] + 1}
            history.netting_sets[wrong] = replace(verified[wrong], arguments=changed)
            for since in range(4):
                if since > wrong:
                    verify(market_of(day), history, since)
                else:
                    with pytest.raises(LedgerDisagrees):
                        verify(market_of(day), history, since)


@given(
    st.lists(st.integers(0, 2**63 - 1) | st.integers(0, 10**7), min_size=1, max_size=20),
    st.integers(0, 10**6),
    st.booleans(),
)
def test_part_of_an_amount_is_its_floor(amounts: list[int], rate: int, large: bool) -> None:
    if large:
        amounts = [*amounts, MAX_AMOUNT, 2**63]
    whole, rest = _millionths(exact(amounts), rate)
    assert (whole + rest // 10**6).tolist() == [amount * rate // 10**6 for amount in amounts]


def test_verify_given_graduated_tiers_charges_what_is_in_each_and_rounds_once() -> None:
    """Half a unit in two tiers each is one, and rising rates begin where the tier before ended."""
    tiers = ((1, 500_000), (1_000, 500_000), (2**70, 10), (None, 10**6))
    for large, flats in (((), (0, 1, 2, 3)), ((2**63 - 1, 2**70, 2**70 + 1), (0, 0, 0, 2**64 - 1))):
        rules = Rules(tiers, 7, "R", (("P1", 9),), flats=flats, graduated=True)
        amounts = (1, 2, 3, 999, 1_000, 1_001, *large)
        trades = tuple(Trade(n, "B1", "B2", "S1", 1, amount) for n, amount in enumerate(amounts, start=1))
        day = Case(0, ("B1", "B2"), rules, trades, 10**6, ())
        verify(market_of(day), history_of(day))

"""settlement.outcomes: what three days on a real ledger came to, in figures that are worked out here by hand.

given fails of every reason ─ reasons, penalties by price and rate, nothing for PREA, SBLO, CLAT, FLIM
given a part settled        ─ penalty and compensation are of the rest
given debtors               ─ what is there is paid, what is not stays owed, later all of it
given compensation          ─ up: the seller that failed owes; down: the buyer that failed owes; else nobody
given a default             ─ five steps, pro rata by largest remainder, and what each survivor is paid
given all of it             ─ cash told is cash moved, purses are the fund's balance
"""

from __future__ import annotations

from fractions import Fraction
from math import floor

import pytest

from ledger.clients.default_fund import Purse, Step
from ledger.history import NOBODY
from tests.unit.outcome_history import (
    DAYS,
    FIRST,
    OF_B5,
    PRICES,
    RATES,
    first_day,
    number,
    opened,
    second_day,
    street,
    told,
)

ROWS = {row[0]: row for row in FIRST}
LEFT = {5: (4, 70_001 - 70_001 * 3 // 7)} | {n: row[4:] for n, row in ROWS.items() if n != 5}
REASONS = {
    1: ("LACK",),
    2: ("MONY",),
    3: ("LACK", "MONY"),
    4: ("PREA",),
    5: ("LACK",),
    6: ("SBLO",),
    7: ("CLAT",),
    8: ("FLIM",),
}


def names() -> dict[int, str]:
    return {index: name for name, index in told()[0].index.items()}


def penalty(trade: int, day: int, *, cash: bool) -> int:
    """A day's penalty by the specification: quantity x price x rate; amount x rate / 360."""
    quantity, amount = LEFT[trade]
    code = ROWS[trade][3]
    if cash:
        return floor(Fraction(amount * RATES["EUR"], 360 * 10**6))
    return floor(Fraction(quantity * PRICES[day][code] * RATES[code], 10**6))


def test_fails_given_each_reason_say_it_both_days() -> None:
    fails = told()[2].fails
    for day, date in enumerate(DAYS[:2]):
        found = {each.trade[1]: each for each in fails.failed if each.day == number(date)}
        assert {n: each.codes for n, each in found.items()} == REASONS
        assert {each.failed_days for each in found.values()} == {day + 1}
        assert {n: (found[n].quantity, found[n].amount) for n in LEFT} == LEFT


def test_fails_given_who_is_short_charge_it_by_price_and_rate() -> None:
    who = names()
    for day, date in enumerate(DAYS[:2]):
        found = {
            each.trade[1]: [(who[payer], who[payee], amount) for payer, payee, amount in each.penalties]
            for each in told()[2].fails.failed
            if each.day == number(date)
        }
        assert found == {
            1: [("B2", "B1", penalty(1, day, cash=False))],
            2: [("B3", "B2", penalty(2, day, cash=True))],
            3: [("B3", "B1", penalty(3, day, cash=True)), ("B1", "B3", penalty(3, day, cash=False))],
            5: [("B4", "B1", penalty(5, day, cash=False))],
            4: [],
            6: [],
            7: [],
            8: [],
        }
    assert penalty(1, 0, cash=False) == 10 * 12_000 // 100


def test_compensation_given_prices_up_and_down_is_owed_by_who_failed() -> None:
    """At the prices of the second day; B1 held trade 4 and the price fell."""
    who = {0: "", **names()}
    found = {e.trade[1]: (who[e.payer], who[e.payee], e.amount) for e in told()[2].fails.compensated}
    assert found == {
        1: ("B2", "B1", 10 * 13_000 - 100_000),
        2: ("B3", "B2", 50_000 - 10 * 4_000),
        3: ("B1", "B3", 10 * 3_100 - 30_000),
        4: ("B1", "B3", 25_000 - 5 * 4_000),
        5: ("B4", "B1", 4 * 13_000 - 40_001),
        **dict.fromkeys((6, 7, 8), ("", "", 0)),
    }


def test_claims_given_a_debtor_without_cash_stay_until_it_has() -> None:
    who, paid = names(), told()[2].fails.paid
    found = [(who[debtor], who[creditor], amount) for (_, _, debtor, creditor), amount in paid]
    first = [("B2", "B1", 1_200), ("B4", "B1", 480), ("B1", "B3", 300)]
    assert found[:3] == first
    compensation = {("B2", "B1"): 30_000, ("B4", "B1"): 11_999, ("B3", "B2"): 10_000, ("B1", "B3"): 6_000}
    late = {
        ("B2", "B1"): 1_300,
        ("B4", "B1"): 520,
        ("B3", "B2"): 2_000,
        ("B3", "B1"): 1_200,
        ("B1", "B3"): 310,
    }
    assert {each[:2]: each[2] for each in found[3:]} == {
        pair: late[pair] + compensation.get(pair, 0) for pair in late
    }
    assert told()[2].fails.due(told()[0].index["V"], told()[0].cash_asset) == {}


def test_claims_given_the_second_day_are_owed_in_between() -> None:
    with street() as ledger:
        first_day(ledger)
        second_day(ledger)
        ledger.read()
        market, fails = ledger.market, ledger.outcomes.fails
        who = {index: name for name, index in market.index.items()}
        due = {(who[a], who[b]): n for (a, b), n in fails.due(market.index["V"], market.cash_asset).items()}
        contract = market.clients.fails
        for (debtor, creditor), amount in due.items():
            claim = contract.claim_of(
                market.index["V"], market.cash_asset, market.index[debtor], market.index[creditor]
            )
            assert claim.due + claim.accrued == amount
    assert due == {
        ("B2", "B1"): 31_300,
        ("B4", "B1"): 12_519,
        ("B3", "B2"): 12_000,
        ("B3", "B1"): 1_200,
        ("B1", "B3"): 6_310,
    }


def largest_remainder(total: int, weights: dict[str, int]) -> dict[str, int]:
    whole = sum(weights.values())
    parts = {name: total * weight // whole for name, weight in weights.items()}
    order = sorted(weights, key=lambda name: (-(total * weights[name] % whole), name))
    for name in order[: total - sum(parts.values())]:
        parts[name] += 1
    return {name: part for name, part in parts.items() if part}


def test_default_given_a_loss_beyond_the_fund_goes_down_all_five_steps() -> None:
    """B5's trades at the third day's prices: 21 costs B1, 22 costs B2, 23 costs B3; 31 binds nobody."""
    who, default = names(), told()[2].defaults.by_id[1]
    claims = {"B1": 300_000 - 10 * 14_000, "B2": 10 * 4_500 - 20_000, "B3": 90_000 - 7 * 3_000}
    assert {who[index]: amount for index, amount in default.claims.items()} == claims
    assert sorted(trade for _, trade, _ in default.closed_out) == [21, 22, 23, 31]
    loss = sum(claims.values())
    # 1 % of what is to settle, all of what B5 has in two: 5,000 it was given; the rest is its contribution.
    margin = sum(row[5] for row in OF_B5 if "B5" in row[1:3]) // 100
    margin += 10_000 // 100
    # The first day's trades were compensated: they need no contribution any more.
    recorded = {name: sum(r[5] for r in OF_B5 if name in r[1:3]) for name in ("B1", "B2", "B3")}
    others = {name: -(-amount * 5 // 1_000) for name, amount in recorded.items()}
    own, capital = 5_000 - margin, 5_000
    uncovered = loss - margin - own - capital - sum(others.values())
    steps: dict[Step, dict[str, int]] = {}
    for step, index, amount in default.steps:
        steps.setdefault(step, {})[who[index]] = amount
    borne = largest_remainder(uncovered, claims)
    assert steps == {
        Step.MARGIN: {"B5": margin},
        Step.CONTRIBUTION: {"B5": own},
        Step.CAPITAL: {"V": capital},
        Step.MUTUAL: others,
        Step.UNCOVERED: borne,
    }
    assert {who[index]: amount for index, amount in default.paid.items()} == {
        name: claim - borne[name] for name, claim in claims.items()
    }


def test_outcomes_given_all_days_tell_of_all_cash_that_moved_apart_from_settling() -> None:
    """Issued, moved by the one part that settled, and told: that is what everybody has."""
    market, history, outcomes = told()
    cash = market.cash_asset
    (part,) = history.netting_sets
    held: dict[int, int] = {}
    apart: dict[int, int] = {}
    moves = history.movements
    for row in range(len(moves)):
        if int(moves.asset[row]) != cash:
            continue
        sides = ((int(moves.sender[row]), -1), (int(moves.receiver[row]), 1))
        for holder, sign in sides:
            change = sign * int(moves.amount[row])
            held[holder] = held.get(holder, 0) + change
            if NOBODY in (sides[0][0],) or moves.transaction[row].tobytes() == part.transaction:
                apart[holder] = apart.get(holder, 0) + change
    for name in ("B1", "B2", "B3", "B4", "B5", "B6", "V"):
        index = market.index[name]
        assert held.get(index, 0) == apart.get(index, 0) + outcomes.advised.get(index, 0), name
    purses = {key: amount for key, amount in outcomes.defaults.purses.items() if amount}
    assert sum(purses.values()) == held[market.index["DEFAULT FUND"]]
    assert {key[2] for key in purses} == {Purse.MARGIN}


@pytest.mark.parametrize("again", [False, True])
def test_collect_given_it_is_asked_again_pays_nothing_twice(again: bool) -> None:
    with street() as ledger:
        first_day(ledger)
        cycle = opened(ledger)
        market = ledger.market
        pairs = list(ledger.outcomes.fails.due(market.index["V"], market.cash_asset))
        for _ in range(1 + again):
            market.clients.fails.collect(market.venue, market.cash_asset, pairs)
        ledger.read()
        cycle.close()
        assert sorted(amount for _, amount in ledger.outcomes.fails.paid) == [300, 480, 1_200]

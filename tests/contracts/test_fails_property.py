"""Random days: reasons, penalties and claims of many trades, each reckoned again from the interfaces' prose.

- Every trade that should have settled and has not is named; the contract says why, or that it could settle.
- Penalties and compensation over all institutions sum to zero, and to what the events say.
- Collecting moves exactly what is due, and cash is neither made nor lost.
"""

from __future__ import annotations

import random
from collections import Counter
from itertools import permutations

import pytest

from ledger import reverts
from ledger.clients.fails import Reason
from tests.contracts.clearing_model import Trade, levy
from tests.contracts.failing import Desk, bit, for_cash, for_securities, give
from tests.contracts.support import DAY, Ledger

TRADES = 200
SEEDS = (1, 2)
BROKERS = ("B1", "B2", "B3")


def reasons_of(trade: Trade, has: dict[tuple[str, str], int], held: set[str]) -> int:
    """Why, by what each holds: nobody has an agreement, and nobody gets the levy."""
    charge = levy(trade.amount)
    why = sum(bit(Reason.PREA, side) for side, name in zip("bs", sides(trade), strict=True) if name in held)
    if trade.buyer == trade.seller:
        return why | (bit(Reason.MONY, "bs") if has[trade.buyer, "NPR"] < 2 * charge else 0)
    if has[trade.seller, trade.security] < trade.quantity:
        why |= bit(Reason.LACK, "s")
    if has[trade.buyer, "NPR"] < trade.amount + charge:
        why |= bit(Reason.MONY, "b")
    return why


def sides(trade: Trade) -> tuple[str, str]:
    return trade.buyer, trade.seller


@pytest.mark.parametrize("seed", SEEDS)
def test_fail_given_random_trades_owes_what_is_reckoned(ledger: Ledger, seed: int) -> None:
    chance = random.Random(seed)
    desk = Desk(ledger, bare=True)
    rates = {code: chance.choice((0, 10, 25, 50, 100, 999_999)) for code in ("S1", "S2", "S3")}
    rates["NPR"] = chance.choice((35_000, 155_001))
    for code, rate in rates.items():
        desk.rate(code, rate)
    prices = {code: chance.randrange(1, 10**13) for code in ("S1", "S2", "S3")}
    desk.prices(DAY, **prices)
    desk.closing_after(1)
    trades = [
        Trade(
            number,
            chance.choice(BROKERS),
            chance.choice(BROKERS),
            chance.choice(("S1", "S2", "S3")),
            chance.randrange(1, 10**6),
            chance.randrange(1, 10**9),
        )
        for number in range(1, TRADES + 1)
    ]
    batch = desk.floor.entered(*trades)
    give(
        ledger,
        [(name, code, chance.randrange(10**6)) for name in BROKERS for code in ("S1", "S2", "S3")]
        + [(name, "NPR", chance.randrange(10**9)) for name in BROKERS],
    )
    held: dict[int, set[str]] = {}
    for name in BROKERS:
        own = chance.sample(batch.own(name), 12)
        desk.hold(batch, name, *own)
        for i in own:
            held.setdefault(i, set()).add(name)
    has: Counter[tuple[str, str]] = Counter(desk.floor.balances())
    why = [reasons_of(trade, has, held.get(i, set())) for i, trade in enumerate(batch.trades)]
    failing = [i for i, reasons in enumerate(why) if reasons]

    owed: Counter[tuple[str, str]] = Counter()
    expected = []
    for i in failing:
        trade = batch.trades[i]
        expected.append(desk.trade_failed(batch, i, why[i]))
        if trade.buyer == trade.seller:
            continue
        poor, lacking = why[i] & bit(Reason.MONY, "b"), why[i] & bit(Reason.LACK, "s")
        due = []
        if poor and trade.seller not in held.get(i, ()):
            due.append((trade.buyer, trade.seller, for_cash(trade.amount, rates["NPR"])))
        if lacking and trade.buyer not in held.get(i, ()):
            amount = for_securities(trade.quantity, prices[trade.security], rates[trade.security])
            due.append((trade.seller, trade.buyer, amount))
        for payer, payee, amount in due:
            if amount:
                owed[payer, payee] += amount
                expected.append(desk.penalty(batch, i, payer, payee, amount))

    desk.floor.open()
    settleable = [i for i in range(TRADES) if i not in failing]
    for i in chance.sample(settleable, min(5, len(settleable))):
        with pytest.raises(reverts.Fails_Settleable):
            desk.fail(batch, [i])
    found = [
        fact for k in range(0, len(failing), 50) for fact in desk.told(desk.fail(batch, failing[k : k + 50]))
    ]
    desk.floor.close()
    assert found == expected, f"seed {seed}"
    pairs = list(permutations(BROKERS, 2))
    assert {pair: desk.owed(*pair) for pair in pairs} == {pair: owed[pair] for pair in pairs}

    chosen = chance.sample(failing, 20)
    told = desk.told(desk.compensate(batch, chosen))
    for i, (_, fact) in zip(chosen, told, strict=True):
        trade = batch.trades[i]
        difference = trade.quantity * prices[trade.security] // 10**6 - trade.amount
        wanting = {
            name
            for side, name in zip("bs", sides(trade), strict=True)
            if any(why[i] & bit(reason, side) for reason in (Reason.LACK, Reason.MONY, Reason.PREA))
        }
        payer, payee = (trade.seller, trade.buyer) if difference > 0 else (trade.buyer, trade.seller)
        amount = abs(difference) if payer in wanting and payer != payee else 0
        assert fact["amount"] == amount, f"seed {seed}, {trade}"
        if amount:
            owed[payer, payee] += amount
            assert (fact["payer"], fact["payee"]) == (ledger.index[payer], ledger.index[payee])
    net: Counter[str] = Counter()
    for payer, payee in pairs:
        amount = desk.owed(payer, payee)
        assert amount == owed[payer, payee]
        net[payer] -= amount
        net[payee] += amount
    assert sum(net.values()) == 0

    give(ledger, [(name, "NPR", 10**13) for name in BROKERS[:2]], "to pay with")
    before = desk.floor.balances()
    desk.floor.rest()
    desk.floor.open()
    order = chance.sample(pairs, len(pairs))
    expected_balances = Counter(before)
    for payer, payee in order:
        if expected_balances[payer, "NPR"] >= owed[payer, payee]:
            expected_balances[payer, "NPR"] -= owed[payer, payee]
            expected_balances[payee, "NPR"] += owed[payer, payee]
            owed[payer, payee] = 0
    desk.collect(*order)
    after = desk.floor.balances()
    assert after == {key: value for key, value in expected_balances.items() if value}
    assert {pair: desk.owed(*pair) for pair in pairs} == {pair: owed[pair] for pair in pairs}
    assert sum(v for (_, code), v in after.items() if code == "NPR") == sum(
        v for (_, code), v in before.items() if code == "NPR"
    )

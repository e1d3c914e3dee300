"""The four shared days of a real exchange, each figure against tests/independent.py.

full cover    ─ everything recorded and settled, nothing created or lost, no breaks, every figure equal
part of it    ─ what waits is what the plain rule says, each with its reason; none of it would fit
one JSON      ─ the command line's object, the same figures again
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import pytest

from ledger.chain import available, default_engine
from ledger.clients.clearing_house import Status
from settlement import netting
from settlement.day import Day, open_day, run
from settlement.intake import parse_trades
from settlement.scenario import load
from tests import independent
from tests.independent import BROKERS, NEPSE_2019, Place, Trade

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "nepse"
DAYS = ("2019-10-10", "2019-10-15", "2019-11-17", "2019-11-21")
COUNTS = {"2019-10-10": 1152, "2019-10-15": 2810, "2019-11-17": 5937, "2019-11-21": 5672}
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"the shared trading days are not there: {FOLDER}"
)


@contextmanager
def finished(day: str, cover: str = "1.0", chain: str | None = None) -> Iterator[Day]:
    """The day after all its steps."""
    data = (FOLDER / f"{day}.csv").read_bytes()
    scenario = load("nepse-2019").with_cover(cover)
    intake = parse_trades(data, scenario, source=day)
    with open_day(scenario, intake, data, chain=chain or default_engine()) as opened:
        run(opened)
        yield opened


def on_ledger(day: Day) -> dict[Place, int]:
    """Every balance by names; the transit account's would be there as that of "transit"."""
    names = {0: "transit"} | {index: name for name, index in day.market.index.items()}
    codes = {index: code for code, index in day.market.asset.items()}
    return {(names[holder], codes[asset]): amount for (holder, asset), amount in day.balances().items()}


def check_settled_in_full(day: Day, trades: list[Trade]) -> independent.Outcome:
    """Everything that the finished day says, against what the raw file comes to."""
    wanted = independent.settle(NEPSE_2019, trades)
    held = independent.opening(NEPSE_2019, trades)
    history = day.read()
    recorded = [n for batch in history.batches.values() for n in batch.records.number.tolist()]
    assert sorted(recorded) == sorted(trade.number for trade in trades)
    assert all(batch.settled.all() and not batch.disputed for batch in history.batches.values())
    for batch_hash, batch in history.batches.items():
        for position in {0, len(batch.records) // 2, len(batch.records) - 1}:
            assert day.market.clients.clearing_house.status_of(batch_hash, position) is Status.SETTLED
    assert not day.waiting
    assert not day.breaks
    assert day.intake.rows == len(trades)
    assert not day.intake.rejects
    check_totals(day, wanted)
    assert on_ledger(day) == independent.closing(held, wanted.moved)
    check_conservation(day, held)
    check_books(day, trades, held)
    return wanted


def check_totals(day: Day, wanted: independent.Outcome) -> None:
    history, market = day.read(), day.market
    names = {index: name for name, index in market.index.items()}
    (totals,) = history.netting_sets
    assert totals["grossAmount"] == wanted.gross
    assert totals["netAmount"] == wanted.net
    assert totals["commission"] == sum(wanted.commission.values())
    assert totals["levy"] == sum(wanted.levy.values())
    commission = Counter({names[a.payer]: a.after - a.before for a in history.accruals})
    assert commission == wanted.commission
    cash = netting.net_cash(day.intake.trades).tolist()
    assert +Counter(dict(zip(day.intake.trades.parties, cash, strict=True))) == +wanted.traded
    assert -Counter(dict(zip(day.intake.trades.parties, cash, strict=True))) == -wanted.traded
    for name, received in wanted.revenue.items():
        assert on_ledger(day)[name, NEPSE_2019.cash] == received
    for name, earned in wanted.commission.items():
        assert market.clients.revenue.agreement(market.index[name], market.cash_asset).total == earned


def check_conservation(day: Day, held: Mapping[Place, int]) -> None:
    issued: Counter[str] = Counter()
    for (_, asset), amount in held.items():
        issued[asset] += amount
    there: Counter[str] = Counter()
    for (name, asset), amount in on_ledger(day).items():
        assert name != "transit"
        there[asset] += amount
    assert there == issued
    register = day.market.clients.register
    supplies = {asset.code: asset.supply for asset in register.assets() if asset.supply}
    assert supplies == issued


def check_books(day: Day, trades: list[Trade], held: Mapping[Place, int]) -> None:
    """Each broker's book has its own side, opens and closes as worked out, and all of it was compared."""
    after = independent.closing(held, independent.settle(NEPSE_2019, trades).moved)
    for broker in BROKERS:
        book = day.books[broker]
        own = {trade.number for trade in trades if broker in (trade.buyer, trade.seller)}
        assert set(book.trades.number.tolist()) == own
        assert book.opening == {asset: n for (name, asset), n in held.items() if name == broker and n}
        closing = {asset: n for asset, n in book.closing.items() if n}
        assert closing == {asset: n for (name, asset), n in after.items() if name == broker}
    sides = sum(len({trade.buyer, trade.seller}) for trade in trades)
    assert (day.compared.books, day.compared.trades) == (len(BROKERS), sides)


@pytest.mark.parametrize("day", DAYS)
def test_day_given_full_cover_settles_everything_as_worked_out_independently(day: str) -> None:
    trades = independent.read_nepse(FOLDER / f"{day}.csv")
    assert len(trades) == COUNTS[day]
    with finished(day) as done:
        check_settled_in_full(done, trades)


@pytest.mark.skipif(available() == ["pyevm"], reason="pyevm is the default engine here: tested above")
def test_smallest_day_on_pyevm_settles_everything_as_worked_out_independently() -> None:
    trades = independent.read_nepse(FOLDER / f"{DAYS[0]}.csv")
    with finished(DAYS[0], chain="pyevm") as done:
        check_settled_in_full(done, trades)


@pytest.mark.parametrize(("day", "cover"), [("2019-11-21", "0.8"), ("2019-10-10", "0.3")])
def test_day_given_part_of_the_cover_leaves_waiting_what_the_plain_rule_says(day: str, cover: str) -> None:
    trades = independent.read_nepse(FOLDER / f"{day}.csv")
    held = independent.opening(NEPSE_2019, trades, Fraction(cover))
    reasons = independent.plain_rule(NEPSE_2019, held, trades)
    assert 0 < len(reasons) < len(trades)
    settled = [trade for trade in trades if trade.number not in reasons]
    assert not independent.short_of(NEPSE_2019, held, settled)
    check_none_fits(trades, reasons, held, settled)
    with finished(day, cover) as done:
        assert set(done.waiting) == set(reasons)
        for number, shortages in done.waiting.items():
            assert {(name, asset): short for name, asset, short in shortages} == reasons[number]
        on_chain = {
            number
            for batch in done.read().batches.values()
            for number in batch.records.number[batch.settled].tolist()
        }
        assert on_chain == {trade.number for trade in settled}
        assert not done.breaks
        moved = independent.settle(NEPSE_2019, settled).moved
        assert on_ledger(done) == independent.closing(held, moved)
        check_conservation(done, held)


def check_none_fits(
    trades: list[Trade], reasons: Mapping[int, object], held: Mapping[Place, int], settled: list[Trade]
) -> None:
    """Each waiting trade, put to what settled, makes one of its parties short."""
    ledger = independent.Ledger(NEPSE_2019, held, settled)
    for trade in trades:
        if trade.number in reasons:
            ledger.change(trade, 1)
            assert ledger.short(trade), f"{trade} would fit"
            ledger.change(trade, -1)

"""The four shared days of a real exchange, each figure against tests/independent.py.

full cover    ─ everything recorded and settled, nothing created or lost, no breaks, every figure equal
part of it    ─ what settles is worth more than by the plain rule, and no more than the bound, which is near;
                what waits has its reason, and none of it would fit
one JSON      ─ the command line's object, the same figures again
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest

from ledger.chain import available
from ledger.clients.clearing_house import Status
from settlement import netting
from settlement.agreements.standing import standing
from settlement.day import Ran, run
from settlement.intake import parse_trades
from settlement.liquidity import Search
from settlement.model import Intake
from settlement.operations import Ledger
from settlement.scenario import load
from tests import independent
from tests.independent import BROKERS, NEPSE_2019, Place, Trade
from tests.ledgers import in_memory, on_ledger, reasons_of
from tests.sharings import commission_totals

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "nepse"
DAYS = ("2019-10-10", "2019-10-15", "2019-11-17", "2019-11-21")
COUNTS = {"2019-10-10": 1152, "2019-10-15": 2810, "2019-11-17": 5937, "2019-11-21": 5672}
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"the shared trading days are not there: {FOLDER}"
)


@dataclass(frozen=True)
class Done:
    """A day after all its steps."""

    ledger: Ledger
    intake: Intake
    ran: Ran

    @property
    def day(self) -> dt.date:
        return self.intake.trades.trading_day


@contextmanager
def finished(
    day: str, cover: str = "1.0", engine: str | None = None, search: Search | None = None
) -> Iterator[Done]:
    data = (FOLDER / f"{day}.csv").read_bytes()
    scenario = load("nepse-2019").with_cover(cover)
    intake = parse_trades(data, scenario, source=day)
    assert str(intake.trades.trading_day) == day
    with in_memory(scenario, intake.trades.trading_day, engine=engine) as ledger:
        yield Done(ledger, intake, run(ledger, intake, data, source=day, search=search))


def check_settled_in_full(done: Done, trades: list[Trade]) -> independent.Outcome:
    """Everything that the finished day says, against what the raw file comes to."""
    ledger = done.ledger
    wanted = independent.settle(NEPSE_2019, trades)
    held = independent.opening(NEPSE_2019, trades)
    history = ledger.read()
    recorded = [n for batch in history.batches.values() for n in batch.records.number.tolist()]
    assert sorted(recorded) == sorted(trade.number for trade in trades)
    assert all(batch.settled.all() and not batch.disputed for batch in history.batches.values())
    for batch_hash, batch in history.batches.items():
        for position in {0, len(batch.records) // 2, len(batch.records) - 1}:
            assert ledger.market.clients.clearing_house.status_of(batch_hash, position) is Status.SETTLED
    assert not done.ran.settled.waiting
    assert not done.ran.reconciled.breaks
    assert done.intake.rows == len(trades)
    assert not done.intake.rejects
    check_totals(done, wanted)
    assert on_ledger(ledger) == independent.closing(held, wanted.moved)
    check_conservation(ledger, held)
    check_books(done, trades, held)
    return wanted


def check_totals(done: Done, wanted: independent.Outcome) -> None:
    history, market = done.ledger.read(), done.ledger.market
    names = {index: name for name, index in market.index.items()}
    (totals,) = history.netting_sets
    assert totals["grossAmount"] == wanted.gross
    assert totals["netAmount"] == wanted.net
    assert totals["commission"] == sum(wanted.commission.values())
    assert totals["levy"] == sum(wanted.levy.values())
    accruals = standing(history.revenue).accruals
    commission = Counter({names[each.payer]: each.after - each.before for each in accruals})
    assert commission == wanted.commission
    assert done.ran.settled.netting_sets == 1
    for trades in (done.intake.trades, done.ledger.trades_by_day()[done.day]):
        net = dict(zip(trades.parties, netting.net_cash(trades).tolist(), strict=True))
        assert +Counter(net) == +wanted.traded
        assert -Counter(net) == -wanted.traded
    held = on_ledger(done.ledger)
    for name, received in wanted.revenue.items():
        assert held[name, NEPSE_2019.cash] == received
    assert commission_totals(market, wanted.commission) == wanted.commission


def check_conservation(ledger: Ledger, held: Mapping[Place, int]) -> None:
    issued: Counter[str] = Counter()
    for (_, asset), amount in held.items():
        issued[asset] += amount
    there: Counter[str] = Counter()
    for (name, asset), amount in on_ledger(ledger).items():
        assert name != "transit"
        there[asset] += amount
    assert there == issued
    register = ledger.market.clients.register
    supplies = {asset.code: asset.supply for asset in register.assets() if asset.supply}
    assert supplies == issued


def check_books(done: Done, trades: list[Trade], held: Mapping[Place, int]) -> None:
    """Each broker's book has its own side, opens and closes as worked out, and all of it was compared."""
    after = independent.closing(held, independent.settle(NEPSE_2019, trades).moved)
    terms = done.ledger.terms()
    for broker in BROKERS:
        book = done.ledger.books[broker]
        own = {trade.number for trade in trades if broker in (trade.buyer, trade.seller)}
        numbers = [number for each in book.days.values() for number in each.number.tolist()]
        assert len(numbers) == len(own)
        assert set(numbers) == own
        assert book.opening == {asset: n for (name, asset), n in held.items() if name == broker and n}
        closed = book.close({done.day: [trade.number for trade in trades]}, terms[broker])
        closing = {asset: n for asset, n in closed.closing.items() if n}
        assert closing == {asset: n for (name, asset), n in after.items() if name == broker}
    sides = sum(len({trade.buyer, trade.seller}) for trade in trades)
    compared = done.ran.reconciled.compared
    assert (compared.books, compared.trades) == (len(BROKERS), sides)


@pytest.mark.parametrize("day", DAYS)
def test_day_given_full_cover_settles_everything_as_worked_out_independently(day: str) -> None:
    trades = independent.read_nepse(FOLDER / f"{day}.csv")
    assert len(trades) == COUNTS[day]
    with finished(day) as done:
        check_settled_in_full(done, trades)


@pytest.mark.skipif(available() == ["pyevm"], reason="pyevm is the default engine here: tested above")
def test_smallest_day_on_pyevm_settles_everything_as_worked_out_independently() -> None:
    trades = independent.read_nepse(FOLDER / f"{DAYS[0]}.csv")
    with finished(DAYS[0], engine="pyevm") as done:
        check_settled_in_full(done, trades)


@pytest.mark.parametrize(
    ("day", "cover", "gap_ppm"), [("2019-11-21", "0.8", 10_000), ("2019-10-10", "0.3", 30_000)]
)
def test_day_given_part_of_the_cover_settles_what_is_nearly_the_most(
    day: str, cover: str, gap_ppm: int
) -> None:
    trades = independent.read_nepse(FOLDER / f"{day}.csv")
    held = independent.opening(NEPSE_2019, trades, Fraction(cover))
    with finished(day, cover, search=Search(time_limit_s=3)) as done:
        chosen = done.ran.settled
        reasons = reasons_of(chosen.waiting, done.day)
        assert 0 < len(reasons) < len(trades)
        independent.check_choice(NEPSE_2019, held, trades, reasons, chosen.upper_bound)
        settled = [trade for trade in trades if trade.number not in reasons]
        assert chosen.reached == sum(trade.amount for trade in settled)
        assert (chosen.upper_bound - chosen.reached) * 1_000_000 < chosen.upper_bound * gap_ppm
        on_chain = {
            number
            for batch in done.ledger.read().batches.values()
            for number in batch.records.number[batch.settled].tolist()
        }
        assert on_chain == {trade.number for trade in settled}
        assert not done.ran.reconciled.breaks
        outcome = independent.settle(NEPSE_2019, settled)
        after = independent.closing(held, outcome.moved)
        assert on_ledger(done.ledger) == after
        check_conservation(done.ledger, held)
        rest = [trade for trade in trades if trade.number in reasons]
        now = independent.plain_rule(NEPSE_2019, after, rest, outcome.commission)
        assert reasons_of(done.ledger.waiting(), done.day) == now

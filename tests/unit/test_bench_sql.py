"""The comparison with databases ends with the balances that the texts say, worked out apart."""

from __future__ import annotations

import itertools
import json
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from settlement import sample, scenario
from settlement.intake import parse_trades
from tests import independent

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))

import bench_sql
from sql import postgresql
from sql.sqlite import SQLite
from sql.work import Work, credit, settles_without_credit

TRADES = 160
SAMPLE = scenario.load("sample")
RULES = independent.Rules(
    tiers=((5_000_00, 4_000), (50_000_00, 3_000), (500_000_00, 2_000), (None, 1_500)),
    levy_ppm=50,
    levy_to="Market Authority",
    shares=(
        ("Meridian Exchange", 150_000),
        ("Lantern Platform", 80_000),
        ("Compass Data", 30_000),
        ("Mutual Reserve", 50_000),
    ),
    cash="EUR",
)


def _day(count: int = TRADES) -> tuple[Work, list[independent.Trade]]:
    """A generated day, and its trades read apart from the package."""
    data = sample.generate(7, trades=count)
    trades = []
    for line in data.decode().splitlines()[1:]:
        number, _, _, buyer, seller, security, quantity, _, amount = line.split(",")
        minor = int(amount.replace(".", ""))
        trades.append(independent.Trade(int(number), buyer, seller, security, int(quantity), minor))
    return _work(data), trades


def _work(data: bytes) -> Work:
    return Work.of(SAMPLE, parse_trades(data, SAMPLE, source="test").trades)


def _rows(work: Work, rows: list[int]) -> Work:
    """Those trades of it, in that order; the balances stay."""
    return replace(work, trades=work.trades.take(np.array(rows, dtype=np.int64)))


def _closing(trades: list[independent.Trade]) -> dict[tuple[str, str], int]:
    """The balances after a day for which each broker opened with exactly what it takes net."""
    opening = independent.opening(RULES, trades)
    return independent.closing(opening, independent.settle(RULES, trades).moved)


@pytest.fixture(scope="module")
def server() -> Iterator[postgresql.PostgreSQL]:
    programs = postgresql.binaries()
    if programs is None:
        pytest.skip(postgresql.INSTALL)
    with postgresql.server(programs) as running:
        yield running


@pytest.fixture(params=["PostgreSQL", "SQLite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[bench_sql.Database]:
    """Each database in turn, empty."""
    found = request.getfixturevalue("server") if request.param == "PostgreSQL" else SQLite(tmp_path)
    found.create()
    yield found
    found.close()


def _settle(database: bench_sql.Database, way: str, work: Work) -> None:
    (database.settle_each if way == "trade by trade" else database.settle_batch)(work)


@pytest.mark.parametrize("way", bench_sql.WAYS)
def test_settle_given_a_generated_day_ends_as_worked_out_apart(
    database: bench_sql.Database, way: str
) -> None:
    work, trades = _day()
    assert any(trade.buyer == trade.seller for trade in trades)
    assert work.named(work.opening) == independent.opening(RULES, trades)

    database.open(work, credit(work) if way == "trade by trade" else {})
    _settle(database, way, work)

    assert work.named(database.balances()) == _closing(trades)


@pytest.mark.skipif(not bench_sql.SHARED.is_file(), reason="../shared has the real days; it is not here")
def test_settle_batch_given_the_real_day_ends_as_worked_out_apart(database: bench_sql.Database) -> None:
    scene = scenario.load("nepse-2019")
    trades = parse_trades(bench_sql.SHARED.read_bytes(), scene, source="test").trades
    apart = independent.read_nepse(bench_sql.SHARED)
    rules = independent.NEPSE_2019
    opening = independent.opening(rules, apart)
    work = Work.of(scene, trades)

    database.open(work, {})
    database.settle_batch(work)

    assert work.named(work.opening) == opening
    moved = independent.settle(rules, apart).moved
    assert work.named(database.balances()) == independent.closing(opening, moved)


def test_settle_batch_given_a_day_in_parts_shares_the_running_total(database: bench_sql.Database) -> None:
    work, trades = _day()
    database.open(work, credit(work))
    for part in (range(60), range(60, 61), range(61, TRADES)):
        database.settle_batch(_rows(work, list(part)))

    assert work.named(database.balances()) == _closing(trades)


@pytest.mark.parametrize(("way", "settled"), [("trade by trade", 1), ("one batch", 0)])
def test_settle_given_a_trade_number_twice_is_refused(
    database: bench_sql.Database, way: str, settled: int
) -> None:
    work, trades = _day(20)
    places = itertools.product(range(1, len(work.institutions) + 1), range(len(work.assets)))
    database.open(work, dict.fromkeys(places, 10**9))
    moved = independent.settle(RULES, trades[3 : 3 + settled]).moved
    with pytest.raises((RuntimeError, sqlite3.IntegrityError), match=r"(?i)unique"):
        _settle(database, way, _rows(work, [3, 3]))

    opening = independent.opening(RULES, trades)
    assert work.named(database.balances()) == independent.closing(opening, moved)


@pytest.mark.parametrize("way", bench_sql.WAYS)
def test_settle_given_a_balance_below_its_credit_is_refused(database: bench_sql.Database, way: str) -> None:
    work, _ = _day(20)
    lines = credit(work)
    place = max(work.opening)
    short = replace(work, opening={**work.opening, place: work.opening[place] - 1})
    database.open(short, lines if way == "trade by trade" else {})
    with pytest.raises((RuntimeError, sqlite3.IntegrityError), match="covered"):
        _settle(database, way, work)


def test_credit_given_goods_sold_on_before_they_are_bought_is_what_lacks_on_the_way() -> None:
    """The broker in between opens with the cash of 10 units and no unit: neither trade can go first."""
    first, middle, last, *_ = SAMPLE.brokers
    code = SAMPLE.securities.codes[0]
    head = sample.generate(1, trades=0).decode().splitlines()[0]
    bought = f"1,2024-03-14,10:00:00,{middle},{first},{code},30,1.00,30.00"
    sold = f"2,2024-03-14,10:00:00,{last},{middle},{code},20,1.00,20.00"
    forward, backward = (
        _work("\n".join([head, *rows, ""]).encode()) for rows in ((bought, sold), (sold, bought))
    )
    units = forward.institutions.index(middle) + 1, 1

    assert units not in credit(forward)
    assert credit(backward)[units] == 20
    assert settles_without_credit(forward) == settles_without_credit(backward) == (0, 0)


def test_settles_without_credit_given_a_generated_day_is_as_worked_out_apart() -> None:
    work, trades = _day()
    held = independent.opening(RULES, trades)
    ledger, waiting, counts = independent.Ledger(RULES, held, []), list(trades), []
    while len(counts) < 2 or counts[-1] != counts[-2]:
        for trade in list(waiting):
            ledger.change(trade, 1)
            if ledger.short(trade):
                ledger.change(trade, -1)
            else:
                waiting.remove(trade)
        counts.append(TRADES - len(waiting))

    assert settles_without_credit(work) == (counts[0], counts[-1])


def test_measure_given_no_postgresql_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(postgresql, "binaries", lambda: None)
    source = bench_sql.File("day", sample.generate(7, trades=50), SAMPLE)
    measured = bench_sql.measure(source, runs=1, directory=tmp_path)

    assert [row["way"] for row in measured["ways"]] == list(bench_sql.WAYS)
    assert "apt-get install postgresql" in measured["skipped"][0]
    assert json.loads(json.dumps(measured)) == measured
    assert list(tmp_path.iterdir()) == []


def test_server_given_an_error_is_stopped_and_removed() -> None:
    programs = postgresql.binaries()
    if programs is None:
        pytest.skip(postgresql.INSTALL)
    directories = []

    def fail() -> None:
        with postgresql.server(programs) as running:
            directories.append(running.directory)
            running.ask("does_not_exist", "select 1")

    with pytest.raises(RuntimeError, match="does_not_exist"):
        fail()
    assert len(directories) == 1
    assert not directories[0].exists()

"""Breaks planted in books by seed: the truth holds of the files, and reconciliation finds just that."""

from __future__ import annotations

import csv
import io
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from settlement import sample, scenario
from settlement.day import run
from settlement.reconciliation.model import NAMED, Kind
from tests import independent
from tests.ledgers import in_memory

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))

import bench_planted
from bench_chain import Source as Market
from planting import PLANTS, Book, Day, Form, Planted, Score, plant, read_day, score

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "nepse"


@pytest.fixture(scope="module")
def sample_day() -> Day:
    """The day of the shipped scenario."""
    return read_day(_sample_file(), "EUR", independent.SAMPLE.tiers)


@cache
def _sample_file() -> bytes:
    return sample.generate(1)


def _found(day: Day, seeds: Iterable[int], folder: Path, **how: Any) -> Score:
    """The score of books with breaks planted by these seeds."""
    total = Score()
    for seed in seeds:
        book = plant(day, seed, **how)
        total += score(book.truth, bench_planted.compared(day, book, folder))
    return total


def _assert_all(got: Score, least: int) -> None:
    """Every planted break was found and nothing else, each under its name and with its fields."""
    assert (got.missed, got.spurious, got.misnamed) == ((), (), ())
    assert least <= got.planted == got.found == got.right == got.named == got.valued


def test_books_given_breaks_planted_by_seed_show_them_and_no_others(sample_day: Day, tmp_path: Path) -> None:
    _assert_all(_found(sample_day, range(24), tmp_path), 60)


def test_real_books_given_breaks_planted_by_seed_show_them_and_no_others(tmp_path: Path) -> None:
    files = sorted(SHARED.glob("*.csv"))
    if not files:
        pytest.skip(f"{SHARED} is missing: no real days to plant breaks in")
    for file in (files[0], files[-1]):
        day = read_day(file.read_bytes(), "NPR", independent.NEPSE_2019.tiers)
        _assert_all(_found(day, range(8), tmp_path), 20)


def test_ledger_given_books_and_tables_with_one_unit_off_says_just_that(tmp_path: Path) -> None:
    """On each of the four levels, from the files to the breaks, on a ledger where the day has settled."""
    market = Market("a day", sample.generate(1, trades=500), scenario.load("sample"))
    day = bench_planted.read_market(market)
    with in_memory(market.scenario, sample.TRADING_DAY) as ledger:
        ran = run(ledger, market.intake(), market.data, source=market.name)
        assert ran.reconciled.breaks == ()
        known = bench_planted.figures(day, market.scenario, ran.reconciled.accounts)
        total = Score()
        for seed in range(4):
            books = [(plant(day, seed), "book"), *bench_planted.others(day, known, seed)]
            for book, side in books[seed % 2 :: 2]:
                source = bench_planted.read(day, book, tmp_path, side)
                total += score(book.truth, bench_planted.reconciled(ledger, source))
    _assert_all(total, 20)


def test_clean_books_given_any_form_show_no_break(sample_day: Day, tmp_path: Path) -> None:
    """Also where trades are rightly booked in parts or together, and the rows in any order."""
    for form in Form:
        if form is not Form.NEPSE:
            _assert_all(_found(sample_day, range(4), tmp_path, only=[], form=form), 0)


def test_plants_given_any_seed_are_where_the_truth_says(sample_day: Day) -> None:
    """Rows of a numbered book that are not exactly the ledger's are the planted ones and no others."""
    for seed in range(30):
        book = plant(sample_day, seed)
        assert plant(sample_day, seed) == book
        assert book.truth
        if book.form is Form.CANONICAL:
            named = frozenset().union(*(each.names for each in book.truth))
            odd = _odd(book)
            assert named <= odd
            assert len(odd - named) <= book.decoys


def _odd(book: Book) -> frozenset[str]:
    """The numbers under which the book does not have just what the market's file has."""
    kept, wanted = defaultdict(Counter), defaultdict(Counter)
    for row in csv.DictReader(io.StringIO(book.files[book.main].decode(), newline="")):
        if _concerns(book, row):
            kept[row["trade_no"]][tuple(row.values())] += 1
    for row in csv.DictReader(io.StringIO(_sample_file().decode(), newline="")):
        if book.institution in (row["buyer"], row["seller"]):
            wanted[row["trade_no"]][tuple(row.values())] += 1
    return frozenset(number for number in {*kept, *wanted} if kept[number] != wanted[number])


def _concerns(book: Book, row: dict[str, str]) -> bool:
    return book.institution in (row["buyer"], row["seller"])


def test_score_given_reports_counts_each_once() -> None:
    a, b, c = (
        Planted("x", "trade", kind, name, frozenset({name}), fields)
        for kind, name, fields in (
            (Kind.QUANTITY, "1", {"quantity": (3, 4)}),
            (Kind.DUPLICATE, "2", {}),
            (Kind.MISSING_HERE, "3", {}),
        )
    )
    of = {"institution": "x", "level": "trade"}
    right = {**of, "kind": "quantity", "trade": "1", "fields": {"quantity": (3, 4)}}
    told = [right, right, {**of, "kind": "split", "trade": "2"}, {**of, "kind": "duplicate", "trade": "9"}]
    found = score([a, b, c], told)
    assert (found.planted, found.found, found.right, found.named, found.valued) == (3, 4, 2, 1, 2)
    assert (found.missed, [each["trade"] for each in found.spurious]) == ((c,), ["1", "9"])
    assert (found.recall_ppm, found.precision_ppm, found.named_ppm) == (666_666, 500_000, 500_000)
    other = score([a], [{**right, "fields": {"quantity": (3, 5)}}, {**right, "institution": "y"}])
    assert (other.right, other.valued, len(other.spurious)) == (1, 0, 1)
    assert (found + other).found == 6


def test_plants_given_each_alone_can_be_planted(sample_day: Day) -> None:
    """Every plant has a trade for it in some book of the day; together they are of every kind that a book of
    trades can have.
    """
    kinds: dict[str, set[Kind]] = {}
    for name, (forms, _) in PLANTS.items():
        books = (plant(sample_day, seed, only=[name], form=min(forms)) for seed in range(9))
        kinds[name] = {each.kind for each in next(filter(None, (book.truth for book in books)), ())}
    assert all(len(found) == 1 for found in kinds.values()), kinds
    assert set.union(*kinds.values()) == {*NAMED.values(), *list(Kind)[: list(Kind).index(Kind.SHARE)]}

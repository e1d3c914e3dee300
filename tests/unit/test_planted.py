"""Breaks planted in books by seed: the truth holds of the files."""

from __future__ import annotations

import csv
import io
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from settlement import sample
from settlement.reconciliation.model import NAMED, Kind
from tests import independent

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))

from planting import PLANTS, Book, Day, Form, Planted, plant, read_day, score

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "nepse"


@pytest.fixture(scope="module")
def sample_day() -> Day:
    """The day of the shipped scenario."""
    return read_day(sample.generate(1), "EUR", independent.SAMPLE.tiers)


def _days() -> list[Path]:
    return sorted(SHARED.glob("*.csv"))


def test_plants_given_any_seed_are_where_the_truth_says(sample_day: Day) -> None:
    """Rows of a numbered book that are not exactly the ledger's are the planted ones and no others."""
    kinds = set()
    for seed in range(40):
        book = plant(sample_day, seed)
        assert plant(sample_day, seed) == book
        assert book.truth
        kinds |= {each.kind for each in book.truth}
        if book.form is Form.CANONICAL:
            named = frozenset().union(*(each.names for each in book.truth))
            assert named <= _odd(sample_day, book)
            assert len(_odd(sample_day, book) - named) <= book.decoys
    assert kinds == {*NAMED.values(), *list(Kind)[: list(Kind).index(Kind.SHARE)]} - {Kind.AMBIGUOUS}


def _odd(day: Day, book: Book) -> frozenset[str]:
    """The numbers under which the book does not have just what the market's file has."""
    kept, wanted = defaultdict(Counter), defaultdict(Counter)
    for row in csv.DictReader(io.StringIO(book.files[book.main].decode(), newline="")):
        if _concerns(book, row):
            kept[row["trade_no"]][tuple(row.values())] += 1
    for row in csv.DictReader(io.StringIO(sample.generate(1).decode(), newline="")):
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
    """Every kind of plant has a trade for it in some book of the day."""
    for name, (forms, _) in PLANTS.items():
        if name == "ambiguous, twin missing":
            continue  # the sample day, which has times, has no twins
        form = min(forms)
        assert any(plant(sample_day, seed, only=[name], form=form).truth for seed in range(5)), name

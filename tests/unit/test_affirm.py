"""Affirming from books: signed over the book's own records.

exceptions ─ where the book differs in any field, has no row, or has a number twice
who        ─ nobody twice, nobody without a book of the day, each day from its own
what       ─ over the newest final block; the smallest and the largest trades there can be
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from ledger.records import Records
from ledger.units import MAX_AMOUNT, MAX_QUANTITY
from settlement import entering
from settlement.books import Book
from tests.independent import Trade
from tests.invariant.stage import Stage, build
from tests.unit.desk import BROKERS, DAY, FREE, NEXT_DAY, columns, desk_of, limited


@pytest.fixture(scope="module")
def built() -> Iterator[Stage]:
    found = build()
    yield found
    found.chain.close()


@pytest.fixture
def stage(built: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return limited(built, monkeypatch)


def test_affirm_given_a_book_without_trades_excepts_what_names_its_owner(stage: Stage) -> None:
    """The venue's record names B3, which did not trade: B3 does not agree, and nothing else is held up."""
    desk = desk_of(stage, [Trade(1, "B1", "B2", "S1", 5, 500), Trade(2, "B1", "B2", "S2", 5, 500)])

    def alter(records: Records) -> Records:
        records.seller[np.flatnonzero(records.number == 1)] = desk.market.index["B3"]
        return records

    assert len(desk.books["B3"].days[DAY]) == 0
    desk.record(alter)
    desk.affirm()
    assert desk.disputed() == {1: {"B1", "B3"}}
    desk.settle()
    assert desk.settled() == [2]


def test_affirm_given_another_book_excepts_all_of_a_brokers_records(stage: Stage) -> None:
    desk = desk_of(stage, [Trade(1, "B1", "B2", "S1", 5, 500), Trade(2, "B3", "B2", "S2", 5, 500)])
    desk.books["B1"] = Book("B1", desk.books["B3"].days)
    desk.record()
    desk.affirm()
    assert desk.disputed() == {1: {"B1"}}
    desk.settle()
    assert desk.settled() == [2]


@pytest.mark.parametrize("name", ["number", "time", "buyer", "seller", "security", "quantity", "amount"])
def test_affirm_given_any_field_that_differs_excepts_the_trade(stage: Stage, name: str) -> None:
    """B1's book is right in the first and the last trade, wrong in one field of the one between."""
    trades = [Trade(n, "B1", "B2", "S2", 5, 500) for n in (1, 2, 3)]
    desk = desk_of(stage, trades)
    rows = desk.books["B1"].days[DAY]
    column = getattr(rows, name).copy()
    column[1] = {"number": 9, "time": 5, "buyer": 2, "seller": 2, "security": 0}.get(name, 6)
    desk.books["B1"] = Book("B1", {DAY: replace(rows, **{name: column})})
    desk.record()
    desk.affirm()
    assert desk.disputed() == {2: {"B1"}}


def test_affirm_given_a_number_twice_in_a_book_excepts_it(stage: Stage) -> None:
    """Nobody could say which of the two the book means, even where one of them is what was recorded."""
    trades = [Trade(n, "B1", "B2", "S1", 5, 500) for n in (1, 2, 3)]
    desk = desk_of(stage, trades)
    twice = columns([trades[2], Trade(2, "B1", "B2", "S1", 6, 500), *trades])
    desk.books["B1"] = Book("B1", {DAY: twice})
    desk.record()
    desk.affirm()
    assert desk.disputed() == {2: {"B1"}, 3: {"B1"}}


def test_affirm_given_some_have_asks_only_the_others(stage: Stage) -> None:
    desk = desk_of(stage, [Trade(1, "B1", "B2", "S1", 5, 500), Trade(2, "B2", "B3", "S2", 5, 500)])
    desk.record()
    desk.affirm("B1")
    (before,) = desk.batches
    first = dict(before.affirmed_in)
    assert set(first) == {desk.market.index["B1"]}
    desk.affirm()
    (after,) = desk.batches
    assert set(after.affirmed_in) == {desk.market.index[name] for name in BROKERS}
    assert first.items() <= after.affirmed_in.items()
    nonce = stage.chain.nonce(desk.market.venue.address)
    desk.affirm()
    assert stage.chain.nonce(desk.market.venue.address) == nonce


def test_affirm_given_no_book_of_the_day_gives_no_word(stage: Stage) -> None:
    desk = desk_of(stage, [Trade(1, "B1", "B2", "S1", 5, 500), Trade(2, "B2", "B3", "S2", 5, 500)])
    desk.books["B1"] = Book("B1", {NEXT_DAY: desk.books["B1"].days[DAY]})
    desk.record()
    desk.affirm()
    (batch,) = desk.batches
    assert set(batch.affirmed_in) == {desk.market.index["B2"], desk.market.index["B3"]}
    assert desk.disputed() == {}


def test_affirm_given_several_days_takes_each_from_its_own(stage: Stage) -> None:
    """The same numbers on both days; B1's book is wrong on the second."""
    first = [Trade(n, "B1", "B2", "S1", 5, 500) for n in (1, 2)]
    later = [Trade(n, "B1", "B2", "S1", 6, 700) for n in (1, 2)]
    desk = desk_of(stage, first, later=later)
    desk.books["B1"] = Book("B1", {DAY: columns(first), NEXT_DAY: columns([later[0], first[1]], NEXT_DAY)})
    desk.record()
    desk.affirm()
    found = {batch.header.trading_day: batch.disputed for batch in desk.batches}
    assert found == {20191121: {}, 20191122: {2: [desk.market.index["B1"]]}}


@pytest.mark.parametrize("quantity", [1, MAX_QUANTITY])
@pytest.mark.parametrize("amount", [1, MAX_AMOUNT])
def test_affirm_given_the_smallest_and_largest_trades_agrees(
    stage: Stage, quantity: int, amount: int
) -> None:
    desk = desk_of(stage, [Trade(2**32 - 1, "B1", "B2", "S9", quantity, amount)], FREE, held={})
    desk.record()
    desk.affirm()
    assert desk.disputed() == {}
    assert len(desk.batches[0].affirmed_in) == 2


def test_affirm_given_another_block_than_the_newest_signs_over_the_final_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A block that another can replace is nothing to sign over, unless the final one is too far back."""
    desk = desk_of(stage, [Trade(1, "B1", "B2", "S1", 5, 500)])
    desk.record()
    final = stage.chain.block(2)
    monkeypatch.setattr(stage.chain, "final_block", lambda: final)
    (batch,) = desk.batches
    found = entering.affirmations(desk.market, batch, entering.PackedBooks(desk.market, desk.books), final)
    assert {each.prior_block for each in found} == {2}
    desk.affirm()
    assert len(desk.batches[0].affirmed_in) == 2
    monkeypatch.setattr(entering, "_OLDEST_PRIOR", 0)
    assert entering._prior_block(desk.market).number == stage.chain.block().number

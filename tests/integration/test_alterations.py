"""One unit wrong in one place, on every level compared: exactly that break or that dispute, and no other.

in a book before it affirms   ─ security, quantity, amount, buyer, seller, time, number; a trade less or more
in a book after it affirmed   ─ the same, before the books close and after
in the venue's record         ─ each field
in a book's balances          ─ opening and closing, of a security and of cash
in a book's charges           ─ commission, levy, revenue share
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from ledger.clients.clearing_house import Status
from ledger.records import Records
from settlement import sample
from settlement.agreements.sharing import fixed
from settlement.books import Book, Settlement
from settlement.books.shelf import Shelf
from settlement.intake import parse_trades
from settlement.model import Trades
from settlement.operations import Ledger
from settlement.scenario import load
from tests.independent import SAMPLE, Place, opening, read_canonical
from tests.ledgers import Day, Found, credit, in_memory

DAY = sample.TRADING_DAY
COUNT = 120
CASH = "EUR"
FIELDS = ("security", "quantity", "settlement_amount", "buyer", "seller", "time", "number")
REASONS = {
    "security": "DSEC",
    "quantity": "DQUA",
    "settlement_amount": "DMON",
    "buyer": "CMIS",
    "seller": "CMIS",
    "time": "DDAT",
}
Entry = dict[str, Any]


@dataclass(frozen=True)
class Funded:
    """The market after its brokers were given what they hold, and the chain of then."""

    ledger: Ledger
    snapshot: object
    held: Mapping[Place, int]


@pytest.fixture(scope="module")
def data() -> bytes:
    return sample.generate(11, trades=COUNT)


@pytest.fixture(scope="module")
def funded(data: bytes) -> Iterator[Funded]:
    """Brokers hold more than the day takes, so that a dispute leaves nobody short.

    They are given it before anything is recorded: what `fund` would issue depends on what is recorded, and a
    record that is wrong on purpose is to be all that is odd.
    """
    scenario = load("sample")
    with in_memory(scenario, DAY) as ledger:
        codes = [*scenario.securities.codes, CASH]
        held = {(broker, code): 10_000_000 for broker in scenario.brokers for code in codes}
        for place, amount in opening(SAMPLE, read_canonical(data)).items():
            held[place] += amount
        credit(ledger, held, "plenty")
        yield Funded(ledger, ledger.market.chain.snapshot(), held)


@pytest.fixture
def day(funded: Funded, data: bytes) -> Day:
    """The market after its funding, this test's own, and the books with nothing but that."""
    market = funded.ledger.market
    market.chain.restore(funded.snapshot)
    shelf = Shelf()
    for reference, amounts in funded.ledger.shelf.deposits().items():
        shelf.deposit(reference, amounts)
    day = Day(Ledger(market, shelf), parse_trades(data, market.scenario, source="sample"), data)
    given = {(name, code): n for name, book in day.books.items() for code, n in book.opening.items()}
    assert given == funded.held
    return day


@pytest.fixture
def entry(day: Day) -> Entry:
    """A trade between two brokers, as the file has it, in the middle of the day."""
    trades = day.intake.trades
    row = next(i for i in range(COUNT // 2, COUNT) if trades.buyer[i] != trades.seller[i])
    return values(trades, row)


def values(trades: Trades, row: int) -> Entry:
    return {
        "number": int(trades.number[row]),
        "security": trades.securities[trades.security[row]],
        "quantity": int(trades.quantity[row]),
        "settlement_amount": int(trades.amount[row]),
        "buyer": trades.parties[trades.buyer[row]],
        "seller": trades.parties[trades.seller[row]],
        "time": int(trades.time[row]),
    }


def wrong(day: Day, entry: Entry, field: str) -> Entry:
    """The entry with one field a unit off, or another name."""
    parties, securities = day.intake.trades.parties, day.intake.trades.securities
    if field in ("buyer", "seller"):
        other = next(name for name in parties if name not in (entry["buyer"], entry["seller"]))
        return entry | {field: other}
    if field == "security":
        return entry | {field: next(code for code in securities if code != entry["security"])}
    if field == "number":
        used = set(day.intake.trades.number.tolist())
        return entry | {field: next(n for n in range(1, 10**6) if n not in used)}
    return entry | {field: entry[field] + 1}


def rewritten(book: Book, number: int, entries: list[Entry]) -> Book:
    """The book with these entries in place of the one numbered so."""
    trades = book.days[DAY]
    kept = [values(trades, row) for row in range(len(trades)) if int(trades.number[row]) != number]
    rows = [*kept, *entries]
    codes = list(dict.fromkeys([*trades.securities, *(row["security"] for row in rows)]))
    changed = Trades(
        trading_day=trades.trading_day,
        parties=trades.parties,
        securities=tuple(codes),
        number=np.array([row["number"] for row in rows], dtype=np.uint32),
        time=np.array([row["time"] for row in rows], dtype=np.uint32),
        buyer=np.array([trades.parties.index(row["buyer"]) for row in rows], dtype=np.int32),
        seller=np.array([trades.parties.index(row["seller"]) for row in rows], dtype=np.int32),
        security=np.array([codes.index(row["security"]) for row in rows], dtype=np.int32),
        quantity=np.array([row["quantity"] for row in rows], dtype=np.uint64),
        amount=np.array([row["settlement_amount"] for row in rows], dtype=np.int64),
        line=np.zeros(len(rows), dtype=np.int64),
    )
    return replace(book, days={DAY: changed})


def disputes(day: Day) -> dict[int, set[str]]:
    """Trade number → who disputes it, as the chain has it."""
    names = {index: name for name, index in day.ledger.market.index.items()}
    return {
        number: {names[i] for i in who}
        for batch in day.ledger.read().batches.values()
        for number, who in batch.disputed.items()
    }


def check_rest_settled(day: Day, *disputed: int) -> None:
    """All that is recorded has settled but the disputed, of which the chain says that."""
    assert day.waiting == {}
    house = day.ledger.market.clients.clearing_house
    for batch_hash, batch in day.ledger.read().batches.items():
        for position, number in enumerate(batch.records.number.tolist()):
            assert bool(batch.settled[position]) is (number not in disputed)
            if number in disputed:
                assert house.status_of(batch_hash, position) is Status.DISPUTED


def to_the_end(day: Day) -> list[Found]:
    day.affirm()
    day.settle()
    day.reconcile()
    return day.breaks


def other_than(found: Found, ledger: Entry, book: Entry) -> bool:
    """Whether the break says, field by field, how the book's entry differs from the ledger's."""
    differing = {field: (book[field], ledger[field]) for field in book if book[field] != ledger[field]}
    return dict(found.fields) == differing


def renumbered(book: Entry, ledger: Entry) -> dict[str, tuple[object, object]]:
    """The one field of a trade that two sides have under two numbers."""
    return {"trade_number": (book["number"], ledger["number"])}


def lacking(broker: str, entry: Entry) -> Found:
    """The break of a trade that only the broker has."""
    rest = {"currency": CASH, "trading_day": int(DAY.strftime("%Y%m%d"))}
    fields = {name: (value, None) for name, value in (entry | rest).items() if name != "number"}
    return Found(broker, "trade", "CMIS", str(entry["number"]), fields, DAY)


def test_nothing_altered_breaks_nothing(day: Day) -> None:
    day.record()
    assert to_the_end(day) == []
    assert not disputes(day)
    check_rest_settled(day)


@pytest.mark.parametrize("side", ["buyer", "seller"])
@pytest.mark.parametrize("field", FIELDS)
def test_book_altered_before_affirming_disputes_that_trade_only(
    day: Day, entry: Entry, side: str, field: str
) -> None:
    broker, given = entry[side], wrong(day, entry, field)
    day.record()
    day.books[broker] = rewritten(day.books[broker], entry["number"], [given])
    breaks = to_the_end(day)
    assert disputes(day) == {entry["number"]: {broker}}
    check_rest_settled(day, entry["number"])
    # Under a number that only the book has it is the same trade, which the ledger knows otherwise.
    other = Found(broker, "trade", "CMIS", str(given["number"]), renumbered(given, entry), DAY)
    assert breaks == ([other] if field == "number" else [])


@pytest.mark.parametrize("side", ["buyer", "seller"])
def test_book_that_lacks_a_trade_before_affirming_disputes_it(day: Day, entry: Entry, side: str) -> None:
    broker = entry[side]
    day.record()
    day.books[broker] = rewritten(day.books[broker], entry["number"], [])
    assert to_the_end(day) == []
    assert disputes(day) == {entry["number"]: {broker}}
    check_rest_settled(day, entry["number"])


def test_book_that_has_a_trade_more_breaks_and_holds_up_nothing(day: Day, entry: Entry) -> None:
    broker = entry["buyer"]
    more = wrong(day, entry, "number")
    day.record()
    day.books[broker] = rewritten(day.books[broker], 0, [more])
    assert to_the_end(day) == [lacking(broker, more)]
    assert not disputes(day)
    check_rest_settled(day)


def test_self_trade_altered_in_the_book_is_disputed_once(day: Day) -> None:
    trades = day.intake.trades
    row = next(i for i in range(COUNT) if trades.buyer[i] == trades.seller[i])
    entry = values(trades, row)
    broker = entry["buyer"]
    altered = wrong(day, entry, "quantity")
    day.record()
    day.books[broker] = rewritten(day.books[broker], entry["number"], [altered])
    assert to_the_end(day) == []
    assert disputes(day) == {entry["number"]: {broker}}
    check_rest_settled(day, entry["number"])


@pytest.mark.parametrize("side", ["buyer", "seller"])
@pytest.mark.parametrize("closed", [False, True], ids=["before it closes", "after it closed"])
@pytest.mark.parametrize("field", FIELDS)
def test_book_altered_after_affirming_is_that_trades_break_only(
    day: Day, entry: Entry, side: str, closed: bool, field: str
) -> None:
    broker, given = entry[side], wrong(day, entry, field)
    steps: list[Callable[[], None]] = [day.affirm, day.settle]
    day.record()
    for step in steps[: 2 if closed else 1]:
        step()
    day.books[broker] = rewritten(day.books[broker], entry["number"], [given])
    if not closed:
        day.settle()
    day.reconcile()
    check_rest_settled(day)
    assert not disputes(day)
    (found,) = day.breaks
    if field == "number":
        assert found == Found(broker, "trade", "CMIS", str(given["number"]), renumbered(given, entry), DAY)
        return
    assert (found.institution, found.level, found.reason) == (broker, "trade", REASONS[field])
    assert found.subject == str(entry["number"])
    assert other_than(found, entry, given)


@pytest.mark.parametrize("field", FIELDS)
def test_record_altered_by_the_venue_is_disputed_by_all_it_names(day: Day, entry: Entry, field: str) -> None:
    given = wrong(day, entry, field)
    day.record(alter=lambda records: altered(day, records, entry["number"], given))
    breaks = to_the_end(day)
    # Whoever the record names and who has it otherwise, or not at all.
    assert disputes(day) == {given["number"]: {given["buyer"], given["seller"]}}
    check_rest_settled(day, given["number"])
    if field == "number":
        who = [name for name in day.intake.trades.parties if name in (entry["buyer"], entry["seller"])]
        fields = renumbered(entry, given)
        assert breaks == [Found(name, "trade", "CMIS", str(entry["number"]), fields, DAY) for name in who]
    elif field in ("buyer", "seller"):
        # The broker that the record left out has a trade that the ledger does not know as its own.
        assert breaks == [lacking(entry[field], entry)]
    else:
        assert breaks == []


def altered(day: Day, records: Records, number: int, given: Entry) -> Records:
    """The records with one replaced, in a batch's order."""
    columns = {name: getattr(records, name).copy() for name in Records.__slots__}
    row = int(np.flatnonzero(records.number == number)[0])
    market = day.ledger.market
    columns["number"][row] = given["number"]
    columns["time"][row] = given["time"]
    columns["buyer"][row] = market.index[given["buyer"]]
    columns["seller"][row] = market.index[given["seller"]]
    columns["asset"][row] = market.asset[given["security"]]
    columns["quantity"][row] = given["quantity"]
    columns["amount"][row] = given["settlement_amount"]
    changed = Records(**columns)
    return changed.take(changed.order())


@pytest.mark.parametrize("off", [1, -1])
@pytest.mark.parametrize("which", ["opening", "closing"])
@pytest.mark.parametrize("level", ["position", "cash"])
def test_balance_altered_in_a_book_is_that_break_only(
    day: Day, entry: Entry, level: str, which: str, off: int
) -> None:
    broker = entry["buyer"]
    code = CASH if level == "cash" else entry["security"]
    day.record()
    day.affirm()
    day.settle()
    book = day.books[broker]
    right = getattr(book, which)[code]
    day.books[broker] = replace(book, **{which: {**getattr(book, which), code: right + off}})
    day.reconcile()
    reason = "DMON" if level == "cash" else "DQUA"
    expected = Found(broker, level, reason, code, {which: (right + off, right)})
    assert day.breaks == [expected]


@pytest.mark.parametrize("level", ["position", "cash"])
def test_opening_altered_before_the_book_closes_is_one_break_with_both_balances(
    day: Day, entry: Entry, level: str
) -> None:
    broker = entry["seller"]
    code = CASH if level == "cash" else entry["security"]
    day.record()
    book = day.books[broker]
    day.books[broker] = replace(book, opening={**book.opening, code: book.opening[code] + 1})
    (found,) = to_the_end(day)
    assert day.found is not None
    account = day.found.accounts[broker]
    assert (found.institution, found.level, found.subject) == (broker, level, code)
    assert dict(found.fields) == {
        "opening": (account.opening[code] + 1, account.opening[code]),
        "closing": (account.closing[code] + 1, account.closing[code]),
    }


def more_shared(settlement: Settlement) -> Settlement:
    """With a hundredth of the commission more for the first party."""
    (known,) = settlement.sharing.running
    shares = dict(zip(known.receivers[1:], known.lines[0].shares_ppm, strict=True))
    shares[known.receivers[1]] += 10_000
    return replace(settlement, sharing=fixed(shares, known.total))


@pytest.mark.parametrize("charge", ["commission", "levy", "share"])
def test_charge_reckoned_wrong_in_one_book_is_its_cash_break_only(
    day: Day, entry: Entry, charge: str
) -> None:
    broker = entry["buyer"]
    day.record()
    day.affirm()
    before = day.books[broker]
    day.settle()
    terms = day.ledger.terms()[broker]
    schedule = terms.schedule
    tiers = tuple(replace(tier, rate_ppm=tier.rate_ppm + 100) for tier in schedule.tiers)
    terms = {
        "commission": replace(terms, schedule=replace(schedule, tiers=tiers)),
        "levy": replace(terms, schedule=replace(schedule, levy_ppm=schedule.levy_ppm + 1)),
        "share": replace(terms, settlements=[more_shared(each) for each in terms.settlements]),
    }[charge]
    settled = {DAY: day.intake.trades.number.tolist()}
    wrongly = before.close(settled, terms)
    right = day.books[broker].closing[CASH]
    assert wrongly.closing[CASH] < right
    day.books[broker] = wrongly
    day.reconcile()
    assert day.breaks == [Found(broker, "cash", "DMON", CASH, {"closing": (wrongly.closing[CASH], right)})]


def test_two_alterations_are_two_breaks(day: Day, entry: Entry) -> None:
    """One does not hide the other, whoever's they are."""
    day.record()
    day.affirm()
    day.settle()
    buyer, seller = entry["buyer"], entry["seller"]
    altered_trade = wrong(day, entry, "quantity")
    day.books[buyer] = rewritten(day.books[buyer], entry["number"], [altered_trade])
    book = day.books[seller]
    off = {**book.closing, CASH: book.closing[CASH] - 1}
    day.books[seller] = replace(book, closing=off)
    day.reconcile()
    found = {(b.institution, b.level, b.subject) for b in day.breaks}
    assert found == {(buyer, "trade", str(entry["number"])), (seller, "cash", CASH)}
    assert len(day.breaks) == 2

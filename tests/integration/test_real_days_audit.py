"""Every question of an auditor on the four shared days, against tests/audited.py, from the raw files.

trades      ─ each column, as they stand and as they stood; every filter; page by page; a broker's own
a trade     ─ its life: who recorded, affirmed and settled it, balances around it, its commission's way
holdings    ─ positions, holders and cash at, before, between and after every settlement, by block and by time
money       ─ movements, revenue by payer, party and day, charges, agreements, totals
people      ─ institutions, approvals; breaks, of a book that is right and of one that is not
SQL, forms  ─ the same numbers by SELECT, and in each form that answers are written in
semt022     ─ what ISO's audit trail tells each side of a trade: ids, parties, statuses with their times
evidence    ─ a bundle proves exactly the trades that the files have
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from settlement.audit.access import Access
from settlement.audit.answer import Answer
from settlement.audit.filters import NONE, Filters
from settlement.audit.questions import breaks, holdings, life, movements, revenue, summary, trades
from settlement.audit.questions.semt022 import as_xml, semt022
from settlement.audit.session import Audit, opened
from tests.audited import Settlement, Told, roles_of
from tests.independent import NEPSE_2019, Trade
from tests.integration.real_days import DOCUMENT, RealDays
from tests.integration.real_days_asked import FILTERS, Row, by_institution, iso, place, place_of, rows
from tests.integration.steps import REAL_DAYS, needs_real_days

pytestmark = needs_real_days


def test_rates_given_the_document_are_those_that_other_tests_have(told: Told) -> None:
    assert told.rules == NEPSE_2019


def test_trades_given_each_filter_are_those_of_the_files(audit: Audit, every: list[Row]) -> None:
    empty = set()
    for name, (filters, chosen) in FILTERS.items():
        wanted = [row for row in every if chosen(row)]
        answer = trades.trades(audit, filters)
        assert (answer.total, answer.next) == (len(wanted), None), name
        if name in ("a currency", "settled", "from"):  # as many as there are, and all are looked at above
            assert answer.table["trade"].to_pylist() == [row["trade"] for row in wanted], name
        else:
            assert rows(answer) == wanted, name
        empty |= set() if wanted else {name}
    assert empty == {"a quiet day", "pending", "a reason"}


def test_pages_of_all_trades_have_each_once(audit: Audit, every: list[Row]) -> None:
    assert [row["trade"] for row in paged(audit, NONE, 997)] == [row["trade"] for row in every]


def test_pages_given_any_size_have_each_once(audit: Audit, every: list[Row]) -> None:
    filters = Filters(institution="58", security="NABIL", least="20000")
    wanted = [
        row
        for row in every
        if "58" in (row["buyer"], row["seller"])
        and row["security"] == "NABIL"
        and row["settlement_amount_minor"] >= 20_000_00
    ]
    assert len(wanted) > 7
    for size in (1, len(wanted) - 1, len(wanted), 20_000):
        assert list(paged(audit, filters, size)) == wanted


def paged(audit: Audit, filters: Filters, size: int) -> Iterator[Row]:
    """All rows, page by page; pages are full but for the last, and say how many rows there are."""
    after, seen = None, 0
    while True:
        answer = trades.trades(audit, replace(filters, limit=size, after=after))
        seen += answer.table.num_rows
        assert answer.total is not None
        assert answer.table.num_rows == size or answer.next is None
        assert (answer.next is None) == (seen == answer.total)
        yield from rows(answer)
        if answer.next is None:
            return
        after = answer.next


def test_trades_given_any_moment_stand_as_they_stood(days: RealDays, audit: Audit) -> None:
    """Around each recording and settlement, by block and by time: one broker's in all columns, and how many
    of all there are."""
    told, waited = days.told, 0
    own = Filters(institution="58")
    for n, mark in enumerate(each.mark for each in (*told.batches[1:2], *told.settlements)):
        early = f"{mark.at - dt.timedelta(seconds=1)}+00:00"
        for block, at in (
            (mark.block - 1, early if n % 2 else str(mark.block - 1)),
            (mark.block, str(mark.block) if n % 2 else mark.at.isoformat()),
        ):
            wanted = told.rows(days.order, block, "58")
            for status in ((), ("pending",)):
                chosen = [row for row in wanted if not status or row["status"] in status]
                answer = trades.trades(audit, replace(own, at=at, status=status))
                assert answer.as_of.block <= block
                assert rows(answer) == chosen, (at, status)
                waited += bool(status and 0 < len(chosen) < len(wanted))
            if not at.isdigit():
                continue
            recorded = [each for each in told.batches if each.mark.block <= block]
            settled = sum(len(each.trades) for each in told.settlements if each.mark.block <= block)
            count = sum(len(each.trades) for each in recorded)
            for status, many in (((), count), (("settled",), settled), (("pending",), count - settled)):
                assert trades.trades(audit, Filters(at=at, status=status, limit=1)).total == many
    assert waited > 2


def lives(told: Told) -> Iterator[tuple[Settlement, Trade]]:
    """Of each settlement the dearest trade and the first that a broker made with itself; the file's first."""
    yield told.settlements[-1], told.settlements[-1].trades[0]
    for each in told.settlements:
        yield each, max(each.trades, key=lambda trade: trade.amount)
        own = [trade for trade in each.trades if trade.buyer == trade.seller]
        yield from ((each, trade) for trade in own[:1])


def test_life_given_any_trade_is_what_the_files_come_to(
    days: RealDays, audit: Audit, every: list[Row]
) -> None:
    told, by_name = days.told, {row["trade"]: row for row in every}
    for done, trade in lives(told):
        name = f"{done.day}/{trade.number}"
        answer = life.trade(audit, name)
        assert answer.about is not None
        (about,) = rows(Answer("", answer.about, answer.as_of))
        assert about == by_name[name]
        found: dict[str, list[Row]] = {}
        for row in rows(answer):
            found.setdefault(row["step"], []).append(row)
        batch = next(each for each in told.batches if each.day == done.day)
        brokers = {trade.buyer, trade.seller}
        sides = {trade.seller: "seller"} | {trade.buyer: "buyer"}
        if len(brokers) == 1:
            sides = {trade.buyer: "both"}
        (recorded,), (settled,) = found.pop("recorded"), found.pop("settled")
        assert (recorded["institution"], place(recorded)) == ("NEPSE", place_of(batch.mark))
        assert (settled["institution"], place(settled)) == ("NEPSE", place_of(done.mark))
        assert (settled["asset"], settled["amount"]) == (trade.security, trade.quantity)
        affirmed = found.pop("affirmed")
        assert {row["institution"]: row["side"] for row in affirmed} == sides
        assert [(row["institution"], *place(row)) for row in affirmed] == [
            (who, *place_of(mark)) for who, mark in batch.affirmed.items() if who in sides
        ]
        balances = found.pop("balance")
        assert {
            (row["institution"], row["side"], row["asset"], row["before"], row["amount"], row["after"])
            for row in balances
        } == {
            (who, side, asset, before, done.outcome.moved.get((who, asset), 0), after)
            for who, side in sides.items()
            for asset in (trade.security, "NPR")
            for before, after in [(done.before.get((who, asset), 0), done.after.get((who, asset), 0))]
        }
        assert len(balances) == 2 * len(brokers)
        assert {place(row) for row in balances} == {place_of(done.mark)}
        for step, charged in (
            ("commission", told.rules.commission(trade.amount)),
            ("levy", told.rules.levy(trade.amount)),
        ):
            assert sorted((row["side"], row["institution"], row["amount"]) for row in found.pop(step)) == [
                ("buyer", trade.buyer, charged),
                ("seller", trade.seller, charged),
            ]
        check_way(told, done, sides, found.pop("revenue"))
        assert not found


def check_way(told: Told, done: Settlement, sides: Mapping[str, str], found: Sequence[Row]) -> None:
    """Where each unit of the settlement's commission went: to the parties, and the rest to the payer."""
    wanted: set[tuple[object, ...]] = set()
    for payer, side in sides.items():
        parts = [part for part in told.entitled() if (part.settlement, part.payer) == (done, payer)]
        kept = done.outcome.commission[payer] - sum(part.amount for part in parts)
        total = (parts[0].total_before, parts[0].total_after)
        wanted |= {(part.party, side, part.amount, *total, payer) for part in parts}
        wanted.add((payer, side, kept, *total, payer))
        assert sum(row["amount"] for row in found if row["side"] == side) == done.outcome.commission[payer]
    assert {
        (
            row["institution"],
            row["side"],
            row["amount"],
            row["before"],
            row["after"],
            row["detail"].split("'")[0].removeprefix("of "),
        )
        for row in found
    } == wanted
    assert {place(row) for row in found} == {place_of(done.mark)}


def leaves(element: ElementTree.Element, path: str = "") -> Iterator[tuple[str, str]]:
    """Where each is, below the message, and what it says."""
    for child in element:
        place = path + child.tag.split("}")[1]
        if len(child):
            yield from leaves(child, place + "/")
        else:
            yield place, " ".join([*child.attrib.values(), child.text or ""])


def test_semt022_is_each_sides_own_history(days: RealDays, audit: Audit) -> None:
    """One broker on all days, some of whose trades settle in the second cycle; a security with both sides."""
    told, sides = days.told, 0
    for filters in (Filters(institution="58"), Filters(security="NABIL", last=iso(REAL_DAYS[0]))):
        xml = ElementTree.fromstring(as_xml(semt022(audit, filters)))
        wanted = [
            told.message(batch, trade, owner)
            for batch in told.batches
            for trade in sorted(batch.trades, key=lambda trade: trade.number)
            for owner in dict.fromkeys((trade.buyer, trade.seller))
            if filters.institution in (None, owner) and filters.security in (None, trade.security)
            if filters.last in (None, iso(batch.day))
        ]
        assert [list(leaves(message)) for document in xml for message in document] == wanted
        sides += len(wanted)
    assert sides > 1000


def test_holdings_given_any_moment_are_what_moved_by_then(days: RealDays, audit: Audit) -> None:
    """Before, at and after each block in which anything moved; between two blocks by their times."""
    told, names = days.told, list(roles_of(DOCUMENT))
    moments = [(None, days.head.block)]
    for at, (mark, _) in enumerate(told.states):
        early = f"{mark.at - dt.timedelta(seconds=1)}"
        moments.append((early, mark.block - 1) if at % 2 else (str(mark.block - 1), mark.block - 1))
        moments.append((str(mark.block), mark.block) if at % 2 else (mark.at.isoformat() + "Z", mark.block))
    for when, block in moments:
        held, filters = told.holdings(block), Filters(at=when)
        wanted = sorted(
            (names.index(name), days.order[asset], name, asset, n) for (name, asset), n in held.items()
        )
        found = rows(holdings.positions(audit, filters))
        assert [tuple(row.values()) for row in found] == [each[2:] for each in wanted if each[3] != "NPR"], (
            when
        )
        cash = rows(holdings.cash(audit, filters))
        assert [tuple(row.values()) for row in cash] == [each[2:] for each in wanted if each[3] == "NPR"]
        for security in ("NABIL", "PCBL"):
            has = [(-n, index, name, asset, n) for index, _, name, asset, n in wanted if asset == security]
            holders = rows(holdings.holders(audit, security, filters))
            assert [tuple(row.values()) for row in holders] == [each[2:] for each in sorted(has)]
    own = rows(holdings.positions(audit, Filters(institution="58", security="NABIL")))
    assert own == [
        row
        for row in rows(holdings.positions(audit))
        if row["institution"] == "58" and row["security"] == "NABIL"
    ]


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        (holdings.positions, 999),
        (holdings.cash, 10),
        (lambda audit, filters: holdings.holders(audit, "NABIL", filters), 10),
        (movements.movements, 2500),
        (revenue.revenue, 200),
        (revenue.agreements, 49),
        (revenue.charges, 240),
        (breaks.approvals, 100),
    ],
    ids=("positions", "cash", "holders", "movements", "revenue", "agreements", "charges", "approvals"),
)
def test_pages_of_any_question_are_the_whole(
    audit: Audit, asked: Callable[[Audit, Filters], Answer], size: int
) -> None:
    whole, found, after = asked(audit, NONE), list[Row](), None
    while not found or after is not None:
        page = asked(audit, Filters(limit=size, after=after))
        assert page.total == whole.table.num_rows
        assert 0 < page.table.num_rows <= size
        found += rows(page)
        after = page.next
    assert found == rows(whole)


def test_broker_sees_what_the_files_have_of_its_own(days: RealDays, every: list[Row]) -> None:
    told, name = days.told, "58"
    index = list(roles_of(DOCUMENT)).index(name) + 1
    with opened(days.path, access=Access(name, "own", frozenset({index}))) as own:
        mine = [row for row in every if name in (row["buyer"], row["seller"])]
        assert [row["trade"] for row in rows(trades.trades(own))] == [row["trade"] for row in mine]
        assert not rows(trades.trades(own, Filters(institution="45", counterparty="17")))
        held = {asset: n for (who, asset), n in told.holdings(days.head.block).items() if who == name}
        (cash,) = rows(holdings.cash(own))
        assert (cash["institution"], cash["amount_minor"]) == (name, held.pop("NPR"))
        assert {row["security"]: row["quantity"] for row in rows(holdings.positions(own))} == held
        assert {row["institution"] for row in rows(holdings.positions(own))} == {name}
        assert [row["amount"] for row in rows(movements.movements(own, Filters(currency="NPR")))] == [
            n for _, sender, receiver, asset, n in told.moved if asset == "NPR" and name in (sender, receiver)
        ]
        shared = sum(part.amount for part in told.entitled() if part.payer == name)
        (row,) = rows(revenue.revenue(own, by=("payer",)))
        assert (row["payer"], row["amount_minor"]) == (name, shared)
        days_of = rows(summary.summary(own))
        assert [row["gross_amount_minor"] for row in days_of] == [
            sum(row["settlement_amount_minor"] for row in mine if row["trading_day"] == iso(day))
            for day in REAL_DAYS
        ]
        assert {row["net_amount_minor"] for row in days_of} == {None}, "what others moved is not its own"
        (total,) = rows(summary.summary(own, by="institution"))
        assert total == next(row for row in by_institution(told, mine, NONE) if row["institution"] == name)

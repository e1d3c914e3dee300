"""Every question of an auditor on the four shared days, against tests/audited.py, from the raw files.

trades      ─ each column, as they stand and as they stood; every filter; page by page
a trade     ─ its life: who recorded, affirmed and settled it, balances around it, its commission's way
holdings    ─ positions, holders and cash at, before, between and after every settlement, by block and by time
money       ─ movements, revenue by payer, party and day, charges, agreements, totals
people      ─ institutions, approvals; breaks, of a book that is right and of one that is not
SQL, forms  ─ the same numbers by SELECT, and in each form that answers are written in
evidence    ─ a bundle proves exactly the trades that the files have
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from settlement import cli, directory
from settlement.audit import asking
from settlement.audit.answer import Answer
from settlement.audit.filters import NONE, Filters
from settlement.audit.questions import breaks, holdings, life, movements, revenue, summary, trades
from settlement.audit.session import Audit, opened
from settlement.breaks import reconciling
from settlement.reconciliation.ledger_side import Scope
from settlement.sources.configured import Brought
from tests.audited import Settlement, Told, commission, levy, roles_of
from tests.forms import check_csv, check_json, check_parquet, check_text, check_xlsx
from tests.independent import NEPSE_2019, Trade
from tests.integration.real_days import DOCUMENT, RealDays, make
from tests.integration.steps import FOLDER, REAL_DAYS, needs_real_days
from verifier.verifying import verify

pytestmark = needs_real_days
Row = dict[str, Any]


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> RealDays:
    """The ledger of all four days."""
    return make(tmp_path_factory.mktemp("real") / "L")


@pytest.fixture(scope="module")
def told(days: RealDays) -> Told:
    return days.told


@pytest.fixture(scope="module")
def audit(days: RealDays) -> Iterator[Audit]:
    """One session, for an auditor who sees all of it."""
    with opened(days.path) as session:
        assert (session.as_of.block, f"0x{session.as_of.hash.hex()}", session.as_of.time_s) == (
            days.head.block,
            days.head.transaction,
            days.head.time_s,
        )
        yield session


@pytest.fixture(scope="module")
def every(days: RealDays) -> list[Row]:
    """All trades as they stand."""
    return days.told.rows(days.order)


def rows(answer: Answer) -> list[Row]:
    """An answer's rows, whole numbers as ints."""
    return [
        {name: int(value) if isinstance(value, Decimal) else value for name, value in row.items()}
        for row in answer.table.to_pylist()
    ]


def iso(day: str) -> dt.date:
    return dt.date.fromisoformat(day)


def test_rates_given_the_document_are_those_that_other_tests_have(told: Told) -> None:
    assert told.rules == NEPSE_2019


FILTERS: dict[str, tuple[Filters, Callable[[Row], bool]]] = {
    "nothing": (NONE, lambda row: True),
    "an institution": (Filters(institution="58"), lambda row: "58" in (row["buyer"], row["seller"])),
    "two": (
        Filters(institution="58", counterparty="45"),
        lambda row: {row["buyer"], row["seller"]} == {"58", "45"},
    ),
    "itself": (
        Filters(institution="38", counterparty="38"),
        lambda row: row["buyer"] == row["seller"] == "38",
    ),
    "a security": (Filters(security="NABIL"), lambda row: row["security"] == "NABIL"),
    "a currency": (Filters(currency="NPR"), lambda row: True),
    "from": (Filters(first=iso("2019-11-17")), lambda row: row["trading_day"] >= iso("2019-11-17")),
    "to": (Filters(last=iso("2019-10-15")), lambda row: row["trading_day"] <= iso("2019-10-15")),
    "between": (
        Filters(first=iso("2019-10-11"), last=iso("2019-11-20")),
        lambda row: str(row["trading_day"]) in REAL_DAYS[1:3],
    ),
    "a quiet day": (Filters(first=iso("2019-11-18"), last=iso("2019-11-20")), lambda row: False),
    "settled": (Filters(status=("settled",)), lambda row: True),
    "pending": (Filters(status=("pending", "held")), lambda row: False),
    "at least": (Filters(least="2000000"), lambda row: row["settlement_amount_minor"] >= 2_000_000_00),
    "at most": (Filters(most="999.99"), lambda row: row["settlement_amount_minor"] <= 999_99),
    "exactly": (
        Filters(least="4290.00", most="4290"),
        lambda row: row["settlement_amount_minor"] == 4_290_00,
    ),
    "a reason": (Filters(reason="MONY"), lambda row: False),
    "all of it": (
        Filters(
            institution="58",
            counterparty="40",
            security="AKBSL",
            first=iso("2019-10-15"),
            last=iso("2019-11-21"),
            least="1000",
            most="100000",
            status=("settled", "pending"),
        ),
        lambda row: (
            {row["buyer"], row["seller"]} == {"58", "40"}
            and row["security"] == "AKBSL"
            and str(row["trading_day"]) in REAL_DAYS[1:]
            and 1_000_00 <= row["settlement_amount_minor"] <= 100_000_00
        ),
    ),
}


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


@pytest.mark.parametrize("size", [997, 20_000])
def test_pages_of_all_trades_have_each_once(audit: Audit, every: list[Row], size: int) -> None:
    assert [row["trade"] for row in paged(audit, NONE, size)] == [row["trade"] for row in every]


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
    for size in (1, len(wanted) - 1, len(wanted)):
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
    for mark in (each.mark for each in (*told.batches[1:3], *told.settlements)):
        for block, at in (
            (mark.block - 1, str(mark.block - 1)),
            (mark.block, mark.at.isoformat()),
            (mark.block - 1, f"{mark.at - dt.timedelta(seconds=1)}+00:00"),
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
        assert (recorded["institution"], place(recorded)) == ("NEPSE", at(batch.mark))
        assert (settled["institution"], place(settled)) == ("NEPSE", at(done.mark))
        assert (settled["asset"], settled["amount"]) == (trade.security, trade.quantity)
        affirmed = found.pop("affirmed")
        assert {row["institution"]: row["side"] for row in affirmed} == sides
        assert len(affirmed) == len(brokers)
        assert {place(row) for row in affirmed} <= {at(mark) for mark in batch.affirmed}
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
        assert {place(row) for row in balances} == {at(done.mark)}
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
    assert {place(row) for row in found} == {at(done.mark)}


def place(row: Row) -> tuple[object, ...]:
    return row["block"], row["date_time"], row["transaction_hash"]


def at(mark: Any) -> tuple[object, ...]:
    return mark.block, mark.at, mark.transaction


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


def test_movements_are_issues_and_what_each_settlement_nets_to(days: RealDays, audit: Audit) -> None:
    names = {None: -1, "clearing house": 0} | {name: i for i, name in enumerate(roles_of(DOCUMENT), 1)}
    wanted = sorted(
        days.told.moved,
        key=lambda each: (each[0].block, days.order[each[3]], names[each[1]], names[each[2]]),
    )

    def those(found: Answer) -> list[tuple[object, ...]]:
        return [
            (*place(row), row["sender"], row["receiver"], row["asset"], row["amount"]) for row in rows(found)
        ]

    shown = [(*at(mark), sender, receiver, asset, n) for mark, sender, receiver, asset, n in wanted]
    assert those(movements.movements(audit)) == shown
    last = days.told.settlements[-1]
    for filters, chosen in (
        (Filters(first=iso(REAL_DAYS[1]), last=iso(REAL_DAYS[2])),
         lambda row: str(row[1].date()) in REAL_DAYS[1:3]),
        (Filters(institution="58", currency="NPR"), lambda row: "58" in row[3:5] and row[5] == "NPR"),
        (Filters(security="NABIL", at=str(last.mark.block - 1)),
         lambda row: row[5] == "NABIL" and row[0] < last.mark.block),
        (Filters(least="1000000", most="9000000.00"),
         lambda row: row[5] == "NPR" and 1_000_000_00 <= row[6] <= 9_000_000_00),
    ):  # fmt: skip
        assert those(movements.movements(audit, filters)) == [row for row in shown if chosen(row)]  # type: ignore[no-untyped-call]
    small = movements.movements(audit, Filters(limit=4000, after="4000"))
    assert (those(small), small.next, small.total) == (shown[4000:8000], "8000", len(shown))


def test_revenue_is_shared_as_the_document_says(days: RealDays, audit: Audit) -> None:
    told = days.told
    parts = list(told.entitled())
    found = rows(revenue.revenue(audit))
    assert [
        (row["block"], row["cycle"], row["payer"], row["party"], row["share_ppm"], row["total_before_minor"],
         row["total_after_minor"], row["amount_minor"], row["paid_minor"], row["period"], row["currency"])
        for row in found
    ] == [
        (part.settlement.mark.block, part.settlement.cycle, part.payer, part.party, part.share_ppm,
         part.total_before, part.total_after, part.amount, part.amount, "2019Q4", "NPR")
        for part in sorted(parts, key=lambda part: (part.settlement.cycle, int(part.payer), part.party))
    ]  # fmt: skip
    for by, key in (
        ("payer", lambda part: part.payer),
        ("party", lambda part: part.party),
        ("block", lambda part: part.settlement.mark.block),
        ("cycle", lambda part: part.settlement.cycle),
        ("period", lambda part: "2019Q4"),
    ):
        sums, count = Counter[Any](), Counter[Any]()
        for part in parts:
            sums[key(part)] += part.amount  # type: ignore[no-untyped-call]
            count[key(part)] += 1  # type: ignore[no-untyped-call]
        answer = rows(revenue.revenue(audit, by=(by,)))
        assert {row[by]: (row["amount_minor"], row["parts"]) for row in answer} == {
            each: (amount, count[each]) for each, amount in sums.items()
        }
        assert len(answer) == len(sums)
    for day in REAL_DAYS:
        one = Filters(first=iso(day), last=iso(day))
        (row,) = rows(revenue.revenue(audit, one, party="NEPSE", by=("party",)))
        assert row["amount_minor"] == sum(
            part.amount for part in parts if part.settlement.day == day and part.party == "NEPSE"
        )
    payer = [part.amount for part in parts if part.payer == "58" and part.party == "RESERVE"]
    two = rows(revenue.revenue(audit, Filters(institution="58", counterparty="RESERVE")))
    assert [row["amount_minor"] for row in two] == payer
    charged = rows(revenue.charges(audit))
    assert [
        (row["cycle"], row["payer"], row["sides"], row["commission_minor"], row["levy_minor"])
        for row in charged
    ] == [
        (each.cycle, name, sum((trade.buyer == name) + (trade.seller == name) for trade in each.trades),
         each.outcome.commission[name], each.outcome.levy[name])
        for each in told.settlements
        for name in sorted(each.outcome.commission)
    ]  # fmt: skip


def test_agreements_and_institutions_are_the_documents(audit: Audit, told: Told) -> None:
    roles = roles_of(DOCUMENT)
    found = rows(movements.institutions(audit))
    assert [(row["institution"], row["roles"], row["suspended"]) for row in found] == [
        (name, each, False) for name, each in roles.items()
    ]
    assert rows(movements.institutions(audit, Filters(institution="58"))) == [
        row for row in found if row["institution"] == "58"
    ]
    brokers = [name for name, each in roles.items() if each == "broker"]
    parties = [party for party, _ in told.rules.shares]
    agreed = rows(revenue.agreements(audit))
    assert sorted((row["payer"], row["parties"], row["status"], row["version"]) for row in agreed) == [
        (broker, parties, "in_force", 1) for broker in sorted(brokers)
    ]
    assert all(set(row["consented"]) == {row["payer"], *parties} for row in agreed)
    assert {row["currency"] for row in agreed} == {"NPR"}
    assert not rows(revenue.agreements(audit, Filters(first=iso(REAL_DAYS[1]))))


def test_approvals_are_an_affirmation_of_each_broker_and_batch(audit: Audit, told: Told) -> None:
    found = rows(breaks.approvals(audit, kind=("affirmation",)))
    wanted = {
        (broker, iso(batch.day), batch.hash, "0 exceptions")
        for batch in told.batches
        for trade in batch.trades
        for broker in (trade.buyer, trade.seller)
    }
    assert {
        (row["institution"], row["trading_day"], row["subject"], row["detail"]) for row in found
    } == wanted
    assert len(found) == len(wanted) == 47 + 50 + 49 + 50
    marks = {batch.day: {at(mark) for mark in batch.affirmed} for batch in told.batches}
    assert all(place(row) in marks[str(row["trading_day"])] for row in found)
    agreed = {row["subject"] for row in rows(breaks.approvals(audit, kind=("consent",)))}
    assert agreed == {
        f"{name}/commission version 1" for name, roles in roles_of(DOCUMENT).items() if roles == "broker"
    }
    others = Counter(row["kind"] for row in rows(breaks.approvals(audit)))
    agreements = sum(roles == "broker" for roles in roles_of(DOCUMENT).values())
    assert others == {
        "affirmation": len(wanted),
        "consent": agreements * (1 + len(told.rules.shares)),
    }
    day = Filters(institution="58", first=iso(REAL_DAYS[2]), last=iso(REAL_DAYS[2]))
    (one,) = rows(breaks.approvals(audit, day))
    assert (one["kind"], one["trading_day"]) == ("affirmation", iso(REAL_DAYS[2]))


def test_summary_is_the_sum_of_the_files(audit: Audit, told: Told, every: list[Row]) -> None:
    for name, (filters, chosen) in FILTERS.items():
        there = [row for row in every if chosen(row)]
        by_day = [
            {"trading_day": iso(day), "currency": "NPR"} | told.totals(of_day)
            for day in REAL_DAYS
            if (of_day := [row for row in there if row["trading_day"] == iso(day)])
        ]
        for row in by_day:
            moved = (each.outcome.net for each in told.settlements if iso(each.day) == row["trading_day"])
            of_all = len(there) == len(every) or name in ("from", "to", "between")
            row |= {"net_amount_minor": sum(moved) if of_all and name != "settled" else None, "breaks": 0}
        assert rows(summary.summary(audit, filters)) == by_day, name
        by_status = [{"status": "settled", "currency": "NPR"} | told.totals(there)] if there else []
        assert rows(summary.summary(audit, filters, "status")) == by_status, name
    for name in ("nothing", "an institution", "itself", "a security"):
        filters, chosen = FILTERS[name]
        assert rows(summary.summary(audit, filters, "institution")) == list(
            by_institution(told, [row for row in every if chosen(row)], filters)
        ), name


def by_institution(told: Told, chosen: Sequence[Row], filters: Filters) -> Iterator[Row]:
    """Each broker's own side of trades that have all settled."""
    for name, roles in roles_of(DOCUMENT).items():
        bought = [row["settlement_amount_minor"] for row in chosen if row["buyer"] == name]
        sold = [row["settlement_amount_minor"] for row in chosen if row["seller"] == name]
        own = sum(name in (row["buyer"], row["seller"]) for row in chosen)
        if roles == "broker" and own and filters.institution in (None, name):
            yield {
                "institution": name,
                "currency": "NPR",
                "trades": own,
                "settled_trades": own,
                "bought_amount_minor": sum(bought),
                "sold_amount_minor": sum(sold),
                "settled_amount_minor": sum(bought) + sum(sold),
                "net_amount_minor": sum(sold) - sum(bought),
                "commission_minor": sum(commission(told.rules, n) for n in (*bought, *sold)),
                "levy_minor": sum(levy(told.rules, n) for n in (*bought, *sold)),
                "breaks": 0,
            }


def test_sql_gives_the_same_totals(audit: Audit, told: Told, every: list[Row]) -> None:
    answer = asking.sql(
        audit,
        """select t.trading_day, count(*) as trades, sum(t.settlement_amount_minor) as gross,
            max(t.settlement_amount_minor) as dearest, count(distinct t.security) as securities,
            (select sum(c.commission_minor) from commissions c where c.trading_day = t.trading_day) as earned,
            (select sum(e.amount_minor) from entitlements e join cycles y using (cycle)
                where e.party = 'NEPSE' and y.closed_at::date = t.trading_day) as shared,
            (select sum(s.trades) from settlements s where s.date_time::date = t.trading_day) as settled
        from trades t group by t.trading_day order by t.trading_day""",
    )
    wanted = []
    for batch in told.batches:
        amounts = [trade.amount for trade in batch.trades]
        parts = [part for part in told.entitled() if part.settlement.day == batch.day]
        wanted.append(
            {
                "trading_day": iso(batch.day),
                "trades": len(amounts),
                "gross": sum(amounts),
                "dearest": max(amounts),
                "securities": len({trade.security for trade in batch.trades}),
                "earned": sum(2 * commission(told.rules, n) for n in amounts),
                "shared": sum(part.amount for part in parts if part.party == "NEPSE"),
                "settled": len(amounts),
            }
        )
    assert rows(answer) == wanted


ASKED = {
    "trades": ("--institution", "58", "--from", REAL_DAYS[0], "--to", REAL_DAYS[0]),
    "summary": ("--by", "institution", "--security", "NABIL"),
}


@pytest.mark.parametrize("question", ASKED)
def test_forms_of_an_answer_have_the_numbers_of_the_files(
    question: str, days: RealDays, every: list[Row], capsys: pytest.CaptureFixture[str]
) -> None:
    """Text and workbooks show amounts in rupees and paisa, the other forms what the columns hold."""

    def asked(*more: str) -> str:
        with pytest.raises(SystemExit) as left:
            cli.app(["audit", str(days.path), question, *ASKED[question], *more], prog_name="clearing")
        assert not left.value.code
        return capsys.readouterr().out

    if question == "trades":
        first = [row for row in every if row["trading_day"] == iso(REAL_DAYS[0])]
        wanted = [row for row in first if "58" in (row["buyer"], row["seller"])]
    else:
        filters, chosen = FILTERS["a security"]
        wanted = list(by_institution(days.told, [row for row in every if chosen(row)], filters))
    found = json.loads(asked("--json"))
    assert (found["as_of"]["block"], found["as_of"]["hash"]) == (days.head.block, days.head.transaction)
    check_json(found["rows"], wanted)
    check_text(asked("--all"), wanted)
    checks = {"csv": check_csv, "parquet": check_parquet, "xlsx": check_xlsx}
    for form, check in list(checks.items())[:: 1 if question == "trades" else 2]:
        file = days.path.parent / f"{question}.{form}"
        assert asked("--format", form, "-o", str(file)) == ""
        check(file, wanted)


def test_breaks_given_one_altered_book_are_the_one(days: RealDays, audit: Audit) -> None:
    assert not rows(breaks.breaks(audit))
    day, name = REAL_DAYS[3], "59"
    with (FOLDER / f"{day}.csv").open(newline="") as file:
        own = [row for row in csv.DictReader(file) if name in (row["Buyer_Broker"], row["Seller_Broker"])]
    altered = next(row for row in own if row["Buyer_Broker"] != row["Seller_Broker"])
    right = dict(altered)
    altered["Quantity"] = str(int(right["Quantity"]) + 1)
    altered["Amount"] = str(Decimal(altered["Rate"]) * int(altered["Quantity"]))
    out = io.StringIO()
    writer = csv.DictWriter(out, own[0].keys())
    writer.writeheader()
    writer.writerows(own)
    book = days.path.parent / "book.csv"
    book.write_text(out.getvalue())
    with directory.open_ledger(days.path, write=False) as ledger:
        reconciling.run(ledger, [Brought("book", name, str(book))], Scope(iso(day)))
    with opened(days.path) as now:
        trade = f"{day}/{int(right['Contract_No'][8:])}"
        (found,) = rows(breaks.breaks(now))
        assert (found["institution"], found["level"], found["status"]) == (name, "trade", "open")
        assert (found["trades"], found["security"]) == ([trade], right["Stock_Symbol"])
        fields = json.loads(found["fields"])
        assert fields["quantity"] == {"book": int(altered["Quantity"]), "ledger": int(right["Quantity"])}
        steps = [row for row in rows(life.trade(now, trade)) if row["step"] == "break"]
        assert [row["institution"] for row in steps] == [name]
        assert not rows(breaks.breaks(now, Filters(status=("closed",))))


def test_evidence_proves_exactly_the_trades_of_the_files(days: RealDays, every: list[Row]) -> None:
    """QUERY of tests/integration/real_days.py, on files and balances."""
    verdict = verify(days.evidence, trusted_head=bytes.fromhex(days.head.transaction[2:]))
    assert verdict.anchored
    assert verdict.head.number == days.head.block
    wanted = [
        row
        for row in every
        if "58" in (row["buyer"], row["seller"])
        and row["trading_day"] >= iso("2019-10-15")
        and row["settlement_amount_minor"] >= 100_000_00
    ]
    assert len(wanted) > 20
    found = [
        (f"{row.trading_day:08d}", row.number, row.buyer, row.seller, row.security, row.quantity,
         row.amount_minor, row.currency, "0x" + row.batch_hash.hex(), row.position, row.status,
         row.settled_quantity, row.recorded_in[0], row.ended_in[0])
        for row in verdict.rows
    ]  # fmt: skip
    assert sorted(found) == [
        (f"{row['trading_day']:%Y%m%d}", row["trade_number"], row["buyer"], row["seller"], row["security"],
         row["quantity"], row["settlement_amount_minor"], "NPR", row["batch"], row["position"], "settled",
         row["quantity"], row["recorded_block"], row["ended_block"])
        for row in wanted
    ]  # fmt: skip
    affirmed = {at(mark)[0] for batch in days.told.batches for mark in batch.affirmed}
    assert {block for row in verdict.rows for block, _ in row.affirmed_in} <= affirmed
    held = days.told.holdings(days.head.block)
    shown = {
        (verdict.names[each.institution], verdict.codes[each.asset]): each.amount
        for each in verdict.balances
        if each.amount
    }
    provable = days.proves_state
    assert shown == {place: n for place, n in held.items() if place[0] == "58" and provable}

"""An auditor's questions on the four shared days: money, people, totals, forms, breaks and evidence.

The figures are tests/audited.py's, from the raw files; the other questions are in test_real_days_audit.py.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from settlement import cli, directory
from settlement.audit import asking
from settlement.audit.answer import Answer
from settlement.audit.filters import Filters
from settlement.audit.questions import breaks, life, movements, revenue, summary
from settlement.audit.session import Audit, opened
from settlement.breaks import reconciling
from settlement.reconciliation.ledger_side import Scope
from settlement.sources.configured import Brought
from tests.audited import Settlement, Told, commission, roles_of
from tests.forms import check_csv, check_json, check_parquet, check_text, check_xlsx
from tests.integration.real_days import DOCUMENT, RealDays
from tests.integration.real_days_asked import FILTERS, Row, by_institution, iso, place, place_of, rows
from tests.integration.steps import FOLDER, REAL_DAYS, needs_real_days
from verifier import verify

pytestmark = needs_real_days


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

    shown = [(*place_of(mark), sender, receiver, asset, n) for mark, sender, receiver, asset, n in wanted]
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
    affirmed = {batch.day: batch.affirmed for batch in told.batches}
    assert all(place(row) == place_of(affirmed[str(row["trading_day"])][row["institution"]]) for row in found)
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


def test_summary_is_the_sum_of_the_files(days: RealDays, audit: Audit, every: list[Row]) -> None:
    """Now by every filter; by some before there is a trade, and around when some settle and some wait."""
    told = days.told
    first, second = (each.mark for each in told.settlements[:2])
    for block, at, names in (
        (days.head.block, None, FILTERS),
        (told.batches[0].mark.block - 1, str(told.batches[0].mark.block - 1), ("nothing",)),
        (first.block, first.at.isoformat(), ("nothing", "an institution", "settled", "itself")),
        (second.block - 1, str(second.block - 1), ("a security",)),
        (told.batches[1].mark.block, str(told.batches[1].mark.block), ("pending", "between")),
    ):
        then = every if at is None else told.rows(days.order, block)
        for name in names:
            filters, there = replace(FILTERS[name][0], at=at), [row for row in then if FILTERS[name][1](row)]
            check_summary(audit, told, filters, there, block)
            if name in ("nothing", "an institution", "itself", "a security"):
                found = rows(summary.summary(audit, filters, "institution"))
                assert found == list(by_institution(told, there, filters)), (name, at)


def check_summary(audit: Audit, told: Told, filters: Filters, there: list[Row], block: int) -> None:
    """Of these trades, as a block ended. What changed hands is told of all of a day's trades alone."""
    is_whole = replace(filters, at=None, first=None, last=None, currency=None) == Filters()
    done = [each for each in told.settlements if each.mark.block <= block]
    by_day = [
        {"trading_day": iso(day), "currency": "NPR"}
        | told.totals(of_day)
        | {"net_amount_minor": net_of(done, day) if is_whole else None, "breaks": 0}
        for day in REAL_DAYS
        if (of_day := [row for row in there if row["trading_day"] == iso(day)])
    ]
    by_status = [
        {"status": status, "currency": "NPR"} | told.totals(those)
        for status in ("pending", "settled")
        if (those := [row for row in there if row["status"] == status])
    ]
    for group, wanted in (("day", by_day), ("status", by_status)):
        answer = summary.summary(audit, filters, group)
        assert rows(answer) == wanted, (filters, group)
        assert answer.as_of.block <= block


def net_of(done: Sequence[Settlement], day: str) -> int | None:
    """What changed hands in a day's settlements; nothing is said where there is none."""
    return sum(each.outcome.net for each in done if each.day == day) or None


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


def test_breaks_given_one_altered_book_are_the_one(days: RealDays, audit: Audit, tmp_path: Path) -> None:
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
    book, path = tmp_path / "book.csv", tmp_path / "L"
    shutil.copytree(days.path, path)
    book.write_text(out.getvalue())
    with directory.open_ledger(path, write=False) as ledger:
        reconciling.run(ledger, [Brought("book", name, str(book))], Scope(iso(day)))
    with opened(path) as now:
        trade = f"{day}/{int(right['Contract_No'][8:])}"
        (found,) = rows(breaks.breaks(now))
        assert (found["institution"], found["level"], found["status"]) == (name, "trade", "open")
        assert (found["trades"], found["security"]) == ([trade], right["Stock_Symbol"])
        fields = json.loads(found["fields"])
        assert fields["quantity"] == {"book": int(altered["Quantity"]), "ledger": int(right["Quantity"])}
        steps = [row for row in rows(life.trade(now, trade)) if row["step"] == "break"]
        (one,) = steps
        rate = int(Decimal(right["Rate"]) * 100)
        assert found["value_at_risk_minor"] == rate
        assert (one["institution"], one["asset"], one["amount"]) == (name, "NPR", rate)
        assert not rows(breaks.breaks(now, Filters(status=("closed",))))
        for at, many in ((None, 1), (str(days.told.settlements[-1].mark.block - 1), 0)):
            of_day = Filters(first=iso(day), at=at)
            assert [row["breaks"] for row in rows(summary.summary(now, of_day))] == [many]
            (own,) = rows(summary.summary(now, Filters(institution=name, at=at), "institution"))
            assert own["breaks"] == many


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
    affirmed = {place_of(mark)[0] for batch in days.told.batches for mark in batch.affirmed.values()}
    assert {block for row in verdict.rows for block, _ in row.affirmed_in} <= affirmed
    held = days.told.holdings(days.head.block)
    shown = {
        (verdict.facts.names[each.institution], verdict.facts.codes[each.asset]): each.amount
        for each in verdict.bundle.balances
        if each.amount
    }
    provable = days.proves_state
    assert shown == {place: n for place, n in held.items() if place[0] == "58" and provable}

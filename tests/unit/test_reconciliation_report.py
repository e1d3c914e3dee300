"""The report of a reconciliation as text, CSV and JSON, and what its forms have in common.

report
├── order        most at risk first, whatever the order the breaks came in
├── sums         by level, institution and age come to the whole
├── do first     the largest groups, and the oldest where none of them is
├── values       each in its unit; where numbers differ is marked
├── nothing      a clean day says what was compared; a day without a comparison does not call itself clean
└── forms
    ├── text     the golden page; long lists are cut, and say what the rest comes to
    ├── csv      RFC 4180, a break a row, no cell a formula
    └── json     money as text, whole numbers as they are
"""

from __future__ import annotations

import csv
import io
import json
import random
import re
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console, Group

from settlement.reconciliation.model import REASONS, Break, Compared, Kind, Refused, Result
from settlement.reconciliation.units import say
from settlement.report.layout import Money, page_like, rendered
from settlement.report.mending import mend_words
from settlement.report.reconciliation import Item, View, as_csv, as_html, as_json, as_text, as_xlsx
from settlement.report.reconciliation import text as text_module
from settlement.report.reconciliation.csv import COLUMNS
from settlement.report.reconciliation.values import marked
from settlement.report.reconciliation.view import by_age, by_institution, by_level, first_steps, ordered
from settlement.report.vocabulary import KINDS
from settlement.report.vocabulary import REASONS as SAID_REASONS
from tests.unit import reconciliation_cases as cases

GOLDEN = """\
1 break, NPR 195,120.00 at risk: cycle 3 in demo. The oldest is of 2019-11-21.

At stake
  1  trades  NPR 195,120.00
  By age:
  1  1 to 3 days  NPR 195,120.00

Do first
  1. Aldersgate, trade 20191121-10114, 2019-11-21: another quantity, NPR 195,120.00 at risk
     510 is 150 with two digits exchanged; the amount follows from it.
     In the book, set trade 20191121-10114 to quantity 150 (was 510), amount 81,300.00 (was
     276,420.00)

Aldersgate: 1 break, NPR 195,120.00 at risk
  trade or asset  what is wrong                     at risk, NPR  values
  ──────────────────────────────────────────────────────────────────────────────────────────────────
  20191121-10114  another quantity (DQUA)             195,120.00  quantity: book 510, ledger 150
  2019-11-21      1 to 3 days, since 2019-11-21,                  amount: book 276,420.00, ledger
  line 17         with Maya                                       81,300.00
                                                                  510 is 150 with two digits
                                                                  exchanged; the amount follows from
                                                                  it.
"""


def shown(view: View, everything: bool = False, width: int = 100) -> str:
    page = Console(file=io.StringIO(), width=width)
    return rendered(Group(*as_text(view, everything)), page_like(page))


def table(view: View) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(as_csv(view), newline="")))


def test_text_given_one_break_is_the_golden_page() -> None:
    page = shown(cases.view([cases.kept(cases.swapped(), 1, 1)]))
    assert page[: len(GOLDEN)] == GOLDEN
    for said in ("amount ±NPR 0.01, time ±60 seconds", "31 rows of others left alone", "DQUA (ISO 20022)"):
        assert " ".join(said.split()) in " ".join(page.split())
    assert page.endswith("made 2019-11-22 06:45 UTC.\n")


def test_forms_given_a_clean_day_say_what_was_compared() -> None:
    clean = cases.view()
    for form in (shown(clean), as_html(clean)):
        said = " ".join(form.split())
        assert "No breaks" in said
        assert "2 books and 1 statement held against the ledger" in said
        assert "800 entries of trades, 96 positions, 2 cash accounts, 6 lines of revenue" in said
        assert "camt.053" in said
        assert "to the unit" in said
    assert table(clean) == []
    made = as_json(clean)
    assert (made["breaks"], made["books_compared"], made["compared"]["trades"]) == ([], 2, 800)
    nothing = replace(clean, compared=Compared(books=1), sources=())
    unread = replace(nothing, refused=(Refused("a.csv", 0, "", "", "no such file"),))
    for form in (shown(nothing), as_html(nothing), shown(unread)):
        assert "Nothing was compared" in form
        assert "No breaks" not in form
    assert "1 source could not be read and was not compared: a.csv." in shown(unread)
    # A plain result is enough.
    given = {"head": "0x", "block": 1, "scope": "everything", "money": cases.NPR, "made": cases.MADE}
    plain = View.of(Result((cases.swapped(),), (), cases.COMPARED), ledger="demo", **given)  # type: ignore[arg-type]
    assert plain.breaks == (Item(cases.swapped()),)
    assert as_json(plain)["breaks"][0]["status"] == "open"


def test_words_given_any_kind_and_reason_are_there() -> None:
    assert set(KINDS) == set(Kind)
    assert set(SAID_REASONS) >= set(REASONS.values())
    assert {each.kind for each in cases.every_kind()} == set(Kind)
    for form in (shown(cases.full(), True), as_html(cases.full())):
        said = " ".join(form.split())
        for kind in Kind:
            name, meaning, asks = KINDS[kind]
            assert name.format(here="book") in said
            assert meaning in said.replace("&#x27;", "'")
            assert asks in said.replace("&#x27;", "'")


def test_forms_given_breaks_in_any_order_are_the_same_bytes() -> None:
    view = cases.many(30)
    mixed = list(view.breaks)
    random.Random(4).shuffle(mixed)
    other = replace(view, breaks=tuple(mixed))
    assert mixed != list(view.breaks)
    assert shown(view, True) == shown(other, True)
    assert as_csv(view) == as_csv(other)
    assert as_json(view) == as_json(other)
    assert as_html(view) == as_html(other)
    assert as_xlsx(view) == as_xlsx(other)
    assert [each.found.value_at_risk for each in ordered(mixed)] == sorted(
        (each.found.value_at_risk for each in mixed), reverse=True
    )


def test_sums_given_many_breaks_come_to_the_whole() -> None:
    view = cases.many(200)
    total = sum(each.found.value_at_risk for each in view.breaks)
    for sums in (by_level(view.breaks), by_age(view.breaks)):
        assert sum(each.at_risk for each in sums.values()) == total
        assert sum(each.count for each in sums.values()) == 200
    assert list(by_age(view.breaks)) == ["today", "1 to 3 days", "4 days and more"]
    groups = by_institution(view.breaks)
    assert sum(each.found.value_at_risk for items in groups.values() for each in items) == total
    rows = table(view)
    assert sum(Decimal(row["value_at_risk"]) for row in rows) == Decimal(total).scaleb(-2)
    made = as_json(view)
    assert made["value_at_risk_minor"] == str(total)
    assert sum(int(each["value_at_risk_minor"]) for each in made["breaks"]) == total
    assert f"NPR {total // 100:,}.{total % 100:02} at risk" in shown(view)


def test_steps_given_many_breaks_are_the_largest_groups_and_the_oldest() -> None:
    items = [
        cases.kept(cases.brk(Kind.AMOUNT, {}, 10 + number, institution=f"B{number % 7}"), number, 1)
        for number in range(70)
    ]
    sums: Counter[str] = Counter()
    for each in items:
        sums[each.found.institution] += each.found.value_at_risk
    expected = [(name, amount) for name, amount in sums.most_common(5)]
    steps = first_steps(items)
    assert [(step.largest.found.institution, step.at_risk) for step in steps] == expected
    assert all(len(step.items) == 10 for step in steps)
    old = cases.kept(cases.brk(Kind.TIME, {}, 0, institution="B9"), 99, 30)
    *most, last = first_steps([*items, old])
    assert most == steps
    assert last.items == (old,)
    largest = replace(old, found=replace(old.found, value_at_risk=10**6))
    assert len(first_steps([*items, largest])) == 5  # the oldest is among the largest


def test_text_given_long_lists_shows_the_first_and_what_the_rest_comes_to() -> None:
    breaks = [cases.brk(Kind.AMOUNT, {}, 100 * n, subject=f"T{n:03}") for n in range(1, 16)]
    refused = tuple(Refused("a.csv", n, "quantity", f"x{n:03}", "digits are wanted") for n in range(1, 13))
    view = cases.view(breaks, refused=refused)
    cut, whole = shown(view), shown(view, everything=True)
    # T001 to T005 are left out: 1 + 2 + 3 + 4 + 5.
    assert "and 5 more, NPR 15.00 at risk; --all shows them" in cut
    assert "and 2 more; --all shows them" in cut
    assert "T005" not in cut
    assert "T006" in cut
    assert "x011" not in cut
    assert "--all" not in whole
    assert all(f"T{n:03}" in whole for n in range(1, 16))
    assert "x012" in whole
    assert text_module.TOP == 10


@pytest.mark.parametrize(
    ("level", "name", "value", "said"),
    [
        ("trade", "settlement_amount", 27_642_001, "276,420.01"),
        ("trade", "commission", np.int64(5), "0.05"),
        ("trade", "quantity", 2**64 - 1, "18,446,744,073,709,551,615"),
        ("trade", "price", 542_500_000, "542.50"),
        ("trade", "price", 1_000_001, "1.000001"),
        ("trade", "price", -1, "nothing"),
        ("trade", "time", 86_399, "23:59:59"),
        ("trade", "time", 0xFFFFFF, "unknown"),
        ("trade", "trading_day", 20191121, "2019-11-21"),
        ("trade", "settlement_date", date(2019, 11, 21), "2019-11-21"),
        ("trade", "settlement_date", 20191399, "20191399"),
        ("trade", "trade_number", 10114, "10114"),
        ("trade", "seller", None, "nothing"),
        ("position", "closing", -40_000, "-40,000"),
        ("cash", "closing", -40_000, "-400.00"),
        ("revenue", "movements", 7, "0.07"),
        ("trade", "root", b"\xab\xcd", "abcd"),
        ("trade", "buyer", "a\u202eb", "a\\u202eb"),
    ],
)
def test_value_given_a_field_is_in_its_unit(level: str, name: str, value: object, said: str) -> None:
    assert say(cases.NPR.exponent, level, name, value) == said  # type: ignore[arg-type]


def test_mending_entry_given_any_action_is_one_sentence() -> None:
    def said(**mend: object) -> str:
        return mend_words(mend, cases.NPR, "trade")

    assert said(action="remove", side="book", trade="T1", keep=1, was={"quantity": 5}) == (
        "In the book, take out trade T1, keep 1"
    )
    assert said(action="add", side="ledger", quantity=5, buyer="A") == (
        "On the ledger, enter a trade: quantity 5, buyer A"
    )
    parts = [{"quantity": 5, "settlement_amount": 500}, {"quantity": 6, "settlement_amount": 600}]
    assert said(action="split", side="book", trade="T1", into=parts) == (
        "In the book, split trade T1 into quantity 5, amount 5.00; quantity 6, amount 6.00"
    )
    assert said() == ""


AMOUNT = re.compile(r"-?[0-9,]+\.[0-9]{2}")
NUMBERS = st.integers(-(2**70), 2**70).map(lambda n: Money("X", 2).bare(n))
TEXTS = st.one_of(NUMBERS, st.text("abc,.1", max_size=6))


@given(st.lists(TEXTS, min_size=2, max_size=3))
@example(["1,234.00", "234.0"])
@example(["ab", "b"])
@example(["-510.00", "-150.00"])
def test_marked_given_any_texts_keeps_them_and_marks_what_differs(texts: list[str]) -> None:
    runs = marked(texts)
    assert ["".join(run for run, _ in each) for each in runs] == texts
    off = [[off for run, off in each for _ in run] for each in runs]
    if len(set(texts)) == 1:
        assert not any(map(any, off))
    else:
        assert any(map(any, off)) or "" in texts
    if len({len(text) for text in texts}) == 1 and all(AMOUNT.fullmatch(each) for each in texts):
        differ = [len({text[at] for text in texts}) > 1 for at in range(len(texts[0]))]
        assert off == [differ] * len(texts)


def test_marked_given_digits_exchanged_marks_these() -> None:
    assert marked(["510", "150"]) == [[("51", True), ("0", False)], [("15", True), ("0", False)]]
    assert marked(["1,000.00", "900.00"])[1] == [("9", True), ("00.00", False)]
    assert marked(["Brightwel", "Brightwell"]) == [
        [("Brightwel", False)],
        [("Brightwel", False), ("l", True)],
    ]
    assert marked(["510", "nothing"]) == [[("510", False)], [("nothing", False)]]


def test_csv_given_any_names_is_rfc_4180_and_no_formula() -> None:
    view = cases.hostile()
    text = as_csv(view)
    assert text.startswith(",".join(COLUMNS) + "\r\n")
    assert text.replace("\r\n", "").isprintable() or not any(
        c in text.replace("\r\n", "") for c in "\r\n\t\x00\x1b"
    )
    text.encode()  # no half of a surrogate is left
    rows = table(view)
    assert [row["list"] for row in rows] == ["break"] * 18 + ["pending"] * 18
    for row in rows:
        assert set(row) == set(COLUMNS)
        for value in row.values():
            assert value.lstrip()[:1] not in tuple("=+-@\t\r＝＋－＠"), value
    assert {row["subject"] for row in rows} >= {
        "'=cmd|' /C calc'!A0",
        "' =1+1",
        "\\u0009=1+1",
        "<script>alert(1)</script>",
    }


def test_csv_given_fields_lists_them_with_each_side() -> None:
    bank = cases.every_kind()[18]
    rows = table(cases.view([cases.kept(cases.swapped(), 7, 2), bank]))
    first, second = rows
    assert first["fields"] == (
        "quantity: book 510, ledger 150; settlement_amount: book 276420.00, ledger 81300.00"
    )
    assert (first["id"], first["lines"], first["first_seen"]) == ("B7", "17", "2019-11-20")
    assert first["mend"] == (
        "In the book, set trade 20191121-10114 to quantity 150 (was 510), amount 81,300.00 (was 276,420.00)"
    )
    assert second["fields"] == "closing: book 981450.75, ledger 981455.75, bank 981455.75"
    assert (second["odd"], second["trading_day"], second["value_at_risk"]) == ("book", "", "5.00")


def test_json_given_every_kind_has_the_shape() -> None:
    view = cases.full()
    made = json.loads(json.dumps(as_json(view)))
    assert list(made)[:6] == ["ledger", "head", "block", "scope", "made", "currency"]
    assert len(made["breaks"]) == len(Kind)
    assert len(made["pending"]) == 2
    by_kind = {each["kind"]: each for each in made["breaks"]}
    first = by_kind["quantity"]
    assert first["trade"] == "20191121-10114"
    assert first["reason"] == "DQUA"
    assert first["fields"] == {
        "quantity": {"book": 510, "ledger": 150},
        "settlement_amount_minor": {"book": "27642000", "ledger": "8130000"},
    }
    assert first["causes"][0]["mend"] == {
        "action": "replace",
        "side": "book",
        "trade": "20191121-10114",
        "quantity": 150,
        "settlement_amount_minor": "8130000",
        "was": {"quantity": 510, "settlement_amount_minor": "27642000"},
    }
    assert by_kind["price"]["fields"]["price"] == {"book": "542.000000", "ledger": "542.500000"}
    assert by_kind["late"]["fields"]["settlement_date"] == {"book": "2019-11-22", "ledger": "2019-11-21"}
    assert by_kind["closing"]["fields"]["closing_minor"]["bank"] == "98145575"
    assert by_kind["closing"]["trade"] is None
    assert by_kind["closing"]["odd"] == "book"
    assert by_kind["movements"]["fields"]["movements"] == {"book": -40, "ledger": 60}
    assert by_kind["opening"]["value_at_risk_minor"] == str(2**80)
    assert {each["status"] for each in made["breaks"]} == {"open", "proposed"}
    assert made["refused"][0] == {
        "source": "books/cobalt.csv",
        "line": 0,
        "field": "",
        "value": "",
        "reason": "no column of it is a trade's; give a mapping",
    }
    assert made["sources"][1]["tolerances"]["amount"] == 1


def test_text_given_any_names_neither_marks_up_nor_controls_the_terminal() -> None:
    page = shown(cases.hostile(), everything=True)
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "\x00" not in page
    assert "[bold]markup[/bold]" in "".join(page.split(" "))


def test_age_given_none_is_that_of_the_trading_day() -> None:
    plain = [Item(cases.swapped()), Item(replace(cases.swapped(), trading_day=cases.DAY - timedelta(9)))]
    assert by_age(plain) == {}
    assert "The oldest is of 2019-11-12." in shown(cases.view(plain))
    nameless = Break("A", "cash", Kind.CLOSING, "NPR", {}, 1)
    assert "The oldest" not in shown(cases.view([nameless]))


def test_text_given_no_source_has_no_empty_section() -> None:
    view = replace(cases.full(), breaks=(), pending=(), refused=(), sources=())
    assert "What was compared" not in "".join(
        str(getattr(part, "plain", part)) for part in as_text(view, False)
    )

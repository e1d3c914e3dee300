"""Statements: accounts that add up or are not shown, in four forms, whatever the names in them are.

statement
├── accounts that add up                         → shown
├── a line whose rounding does not fit           → LedgerDisagrees
├── lines that are not what was earned           → LedgerDisagrees
├── opening + earned − paid that is not closing  → LedgerDisagrees
├── a line of another account or period          → LedgerDisagrees
├── periods that do not join                     → LedgerDisagrees
├── one party                                    → its account only
└── forms
    ├── text   the golden page; by day above 40 settlements; colour on a terminal only
    ├── html   well formed, self-contained, bars and courses as long as what they stand for
    ├── csv    a row a line, exact; no formula
    └── json   sums and fractions as text
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser

import pytest
from rich.console import Console

from settlement.agreements.facts import Contest
from settlement.agreements.lines import PartyAccount
from settlement.agreements.statements import as_csv, as_html, as_json, as_text, statement
from settlement.agreements.statements.statement import decimal
from settlement.agreements.statements.table import COLUMNS
from settlement.agreements.statements.text import MOST
from settlement.errors import LedgerDisagrees
from settlement.report.elements import el
from tests.unit import statement_cases as cases

HOSTILE = (
    "<script>alert(1)</script>",
    '=HYPERLINK("http://x","y")',
    "+1+cmd|' /C calc'!A0",
    "@SUM(A1)",
    "-2+3",
    "\t=1",
    "＝1",
    "Quill \u202egnp.exe\u2069",
    "a\x1b]0;owned\x07b",
    "two\nlines\r\n",
    '" onload="x',
    "</title><img src=x>",
)
GOLDEN = """\
Aldersgate/platform, 2019Q4: 2019-10-01 to 2019-12-31, EUR, version 1 of the
terms

All parties
                    opening  earned   paid  closing  of all shared
  ────────────────────────────────────────────────────────────────
  Lantern Platform     0.00   18.00  30.00   -12.00         37.5 %
  Quill Advisers       1.00   50.00  51.00     0.00         62.5 %
  ────────────────────────────────────────────────────────────────
  together             1.00   68.00  81.00   -12.00        100.0 %

Who earned what by what
                                                   EUR
  ──────────────────────────────────────────────────────────────────────
  0: commission on settled trades                80.00
    Lantern Platform                             30.00  █████████▌
    Quill Advisers                               50.00  ████████████████
  1: promise of 1,000 USERS (guarantee missed)  -12.00
    Lantern Platform                            -12.00  ███▊

Lantern Platform
  opening      EUR 0.00
  + earned    EUR 18.00
  - paid      EUR 30.00
  = closing  EUR -12.00
  Lantern Platform owes Aldersgate EUR 12.00; it is netted against what Lantern
  Platform receives next.

  Line 0: commission on settled trades                                     30.00
    2019-10-03  at settlement, version 1, block 41                         20.00
      slab up to 50,000.00 at 100 %
      floor(100.01 × 20 %) = 20.002, rounded down by 0.002
      0x0000000000000000000000000000000000000000000000000000000000000029
"""


def page(*, terminal: bool = False) -> Console:
    system = "standard" if terminal else None
    return Console(file=io.StringIO(), width=80, force_terminal=terminal, color_system=system)  # type: ignore[arg-type]


def text_of(*accounts: PartyAccount, everything: bool = False) -> str:
    return as_text(cases.made(*accounts), page(), everything=everything)


def test_statement_given_lines_that_do_not_add_up_is_not_made() -> None:
    good = cases.platform()
    first, *rest = good.lines
    wrong = (
        replace(good, closing_minor=good.closing_minor + 1),
        replace(good, opening_minor=1),
        replace(good, paid_minor=good.paid_minor - 1),
        replace(good, earned_minor=good.earned_minor + 1, closing_minor=good.closing_minor + 1),
        replace(good, lines=good.lines[1:]),
        replace(good, lines=(replace(first, rounding=Fraction(0)), *rest)),
        replace(good, lines=(replace(first, party=cases.ADVISER), *rest)),
        replace(good, lines=(replace(first, period=cases.Q3), *rest)),
    )
    for account in wrong:
        with pytest.raises(LedgerDisagrees, match="Aldersgate/platform, 2019Q4, Lantern Platform"):
            cases.made(account)


def span(opening: int) -> tuple[PartyAccount, PartyAccount]:
    third = cases.account(cases.PLATFORM, 0, 5, cases.line(9, period=cases.Q3))
    return third, replace(cases.account(cases.PLATFORM, opening, 0, cases.line(1)))


def test_statement_given_several_periods_runs_from_the_first_opening_to_the_last_closing() -> None:
    head = replace(cases.HEAD, period="2019H2", periods={cases.Q3: "2019Q3", cases.Q4: "2019Q4"})
    (account,) = statement(head, [[each] for each in span(4)], cases.DAYS).accounts
    sums = (account.opening_minor, account.earned_minor, account.paid_minor, account.closing_minor)
    assert sums == (0, 10, 5, 5)
    with pytest.raises(LedgerDisagrees, match="one period ends"):
        statement(head, [[each] for each in span(3)], cases.DAYS)


def test_text_given_a_quarter_is_the_golden_page() -> None:
    assert text_of().startswith(GOLDEN)


def test_text_given_a_party_shows_its_account_only() -> None:
    text = as_text(cases.made(party=cases.ADVISER), page())
    assert "Quill Advisers" in text
    assert "Lantern" not in text
    assert "All parties" not in text


def test_text_given_many_settlements_groups_them_by_day_unless_all_are_wanted() -> None:
    count = MOST + 2
    contested = replace(cases.line(5), contested=("Quill Advisers: too little",))
    account = cases.account(cases.PLATFORM, 0, 0, *cases.settlements(count), contested)
    short = text_of(account)
    assert "2019-10-03  21 settlements, block 41, version 1" in short
    assert "2019-11-05  21 settlements, block 52, version 1" in short
    assert "rounding took 0.03\n" in short
    assert "--all shows each settlement" in short
    assert short.count("floor(0.01)") == 0
    assert "contested by Quill Advisers: too little" in short
    everything = text_of(account, everything=True)
    assert everything.count("floor(0.01)") == count
    assert "--all" not in everything
    for form in (as_csv(cases.made(account)), as_html(cases.made(account))):
        assert form.count("floor(0.01)") == count


def test_text_given_a_file_has_no_colour_and_a_terminal_has() -> None:
    assert "\x1b" not in text_of()
    assert "\x1b[" in as_text(cases.made(), page(terminal=True))


def test_text_given_amounts_of_any_size_cuts_no_figure() -> None:
    huge = 2**120
    text = text_of(cases.account(cases.PLATFORM, 0, huge, cases.line(huge, "1/3")))
    assert text.count(f"{huge // 100:,}.{huge % 100:02}") >= 4
    assert "…\n" not in text.replace("33…", "")


def test_forms_given_lines_that_no_run_has_computed_name_them() -> None:
    says = "line 2 of 2019Q4, use, by <HOURS>: Compass Data to report it"
    made = replace(cases.made(), not_computed=(says,))
    assert f"Not computed yet\n  {says}\n" in as_text(made, page())
    assert f"<li><bdi>{says.replace('<', '&lt;').replace('>', '&gt;')}</bdi></li>" in as_html(made)
    assert as_json(made)["not_computed"] == [says]


def test_text_given_nothing_says_so() -> None:
    assert "Nobody has earned" in as_text(statement(cases.HEAD, [], {}), page())
    assert "Nobody has earned" in as_html(statement(cases.HEAD, [], {}))


@pytest.mark.parametrize(
    ("minor", "exponent", "text"),
    [
        (Fraction(1, 3), 2, "0.00333333…"),
        (Fraction(-100001, 30), 2, "-33.33366666…"),
        (Fraction(123456789), 2, "1,234,567.89"),
        (Fraction(1, 8), 0, "0.125"),
        (Fraction(5), 0, "5"),
        (Fraction(1, 10**7), 2, "0.00000000…"),
    ],
)
def test_decimal_given_an_exact_amount_says_all_of_it_or_that_it_goes_on(
    minor: Fraction, exponent: int, text: str
) -> None:
    assert decimal(minor, exponent) == text


def test_csv_given_a_quarter_has_a_row_a_line_that_adds_up() -> None:
    made = cases.made()
    rows = list(csv.DictReader(io.StringIO(as_csv(made))))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == len(list(made.lines))
    for row in rows:
        exact = Fraction(int(row["exact_numerator"]), int(row["exact_denominator"]))
        rounding = Fraction(int(row["rounding_numerator"]), int(row["rounding_denominator"]))
        assert (exact - rounding) / 100 == Fraction(row["amount"])
    assert [row["amount"] for row in rows] == ["20.00", "10.00", "-12.00", "33.33", "16.67"]
    assert "1234567.89" in as_csv(cases.made(cases.account(cases.PLATFORM, 0, 0, cases.line(123456789))))


def test_json_given_a_quarter_has_amounts_as_text_and_fractions() -> None:
    shown = json.loads(json.dumps(as_json(cases.made())))
    platform = shown["accounts"][0]
    assert platform["closing_minor"] == "-1200"
    assert platform["lines"][0]["exact_minor"] == "10001/5"
    assert [each["amount_minor"] for each in platform["earned_by"]] == ["3000", "-1200"]
    assert shown["together"] == {
        "opening_minor": "100",
        "earned_minor": "6800",
        "paid_minor": "8100",
        "closing_minor": "-1200",
    }
    assert shown["party"] is None
    assert as_json(cases.made(party=cases.PLATFORM))["party"] == "Lantern Platform"


class Page(HTMLParser):
    """Elements with their attributes; each opened is closed in its order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.seen.append((tag, dict(attrs)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_given_all_parties_is_self_contained_and_draws_what_it_says() -> None:
    found = Page(as_html(cases.made()))
    names = {tag for tag, _ in found.seen}
    assert not names & {"script", "img", "iframe", "link", "object", "form", "a"}
    assert not [a for _, a in found.seen if {"src", "href", "onload", "onclick"} & set(a)]
    bars = [int(a["width"] or 0) for tag, a in found.seen if tag == "rect" and a.get("height") == "20"]
    platform, clawback, adviser = bars
    # 30.00, 12.00 and 50.00 share one scale.
    assert abs(platform * 50 - adviser * 30) <= 50
    assert abs(clawback * 50 - adviser * 12) <= 50
    courses = [a["points"] or "" for tag, a in found.seen if tag == "polyline"]
    assert len(courses) == 2
    heights = [[int(point.split(",")[1]) for point in course.split()] for course in courses]
    assert all(each == sorted(each, reverse=True) for each in heights), "what adds up only rises"
    assert "Transparency report" in as_html(cases.made())


def test_elements_given_any_text_escape_it_everywhere() -> None:
    made = el("td", '<b a="1">\u202e', title='"><script>', class_="n")
    assert made == ('<td title="&quot;&gt;&lt;script&gt;" class="n">&lt;b a=&quot;1&quot;&gt;\\u202e</td>')
    assert el("p", made) == f"<p>{made}</p>"


def test_html_given_one_party_is_its_statement() -> None:
    text = as_html(cases.made(party=cases.ADVISER))
    assert "Statement: Aldersgate/platform" in text
    assert "Lantern" not in text.replace("Lantern Platform owes", "")
    assert text.count("<figure>") == 1


@pytest.mark.parametrize("hostile", HOSTILE)
def test_forms_given_hostile_names_and_reasons_only_show_them(hostile: str) -> None:
    names = {cases.PAYER: hostile, cases.PLATFORM: hostile, cases.ADVISER: "Quill"}
    head = replace(cases.HEAD, names=names, payer=hostile, agreement=hostile)
    account = cases.platform(contested=(hostile,), basis=hostile, tier=hostile, formula=hostile)
    contest = Contest(cases.Q4, 0, bytes(32), cases.PLATFORM, hostile, bytes(32))
    made = replace(cases.made(account, cases.adviser(), head=head), contests=(contest,))
    clean = cases.made(cases.platform(contested=("x",), basis="b"), cases.adviser())
    clean = replace(clean, contests=(contest,))

    tags = Counter(tag for tag, _ in Page(as_html(made)).seen)
    assert tags == Counter(tag for tag, _ in Page(as_html(clean)).seen)
    for form in (as_html(made), as_text(made, page(terminal=True)), as_csv(made)):
        bare = re.sub(r"\x1b\[[0-9;]*m", "", form)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", bare)
    rows = list(csv.reader(io.StringIO(as_csv(made))))
    assert as_csv(made).count("\n") == len(rows) == 1 + len(list(made.lines))
    for row in rows[1:]:
        by_name = dict(zip(COLUMNS, row, strict=True))
        amount = by_name.pop("amount")
        assert re.fullmatch(r"-?[0-9]+\.[0-9]{2}", amount)
        taken = [each for each in by_name.values() if each.lstrip()[:1] in tuple("=+-@＝＋－＠")]
        assert [each for each in taken if not re.fullmatch(r"-?[0-9]+", each)] == []
    assert json.loads(json.dumps(as_json(made)))["agreement"]["payer"] == hostile

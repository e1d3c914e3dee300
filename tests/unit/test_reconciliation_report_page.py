"""The report of a reconciliation as a page and as a workbook, read back.

page
├── well formed, self-contained, without code, whatever the names
├── the digits that differ are marked, the side that stands alone is shown
├── bars as long as what they stand for
└── very many breaks: those with most at risk, and what the rest comes to
workbook
├── amounts and quantities exact to the unit; more than 15 digits are text
├── dates are dates; no cell is a formula or a link, whatever the names
└── header kept in sight, filter, print set-up
"""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from settlement.reconciliation.model import Kind
from settlement.report.layout import Money
from settlement.report.reconciliation import View, as_html, as_xlsx
from settlement.report.reconciliation import html as html_module
from settlement.report.reconciliation.view import ordered
from settlement.report.wording import plain
from tests.unit import reconciliation_cases as cases

EMPTY = {"meta"}
NAMESPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


class Page(HTMLParser):
    """A page's elements and texts; raises where an element is not closed in its place."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.marks: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.text.append(data)
        if "mark" in self.open:
            self.marks.append(data)


def opened(view: View) -> dict[str, Worksheet]:
    book = load_workbook(io.BytesIO(as_xlsx(view)))
    return {sheet.title: sheet for sheet in book}


def rows_of(sheet: Worksheet) -> list[dict[str, object]]:
    head, *rest = sheet.iter_rows(values_only=True)
    return [dict(zip(map(str, head), row, strict=True)) for row in rest]


def test_page_given_every_kind_is_well_formed_and_says_it_all() -> None:
    view = cases.full()
    page = Page(as_html(view))
    tags = Counter(tag for tag, _ in page.seen)
    assert tags["script"] == tags["link"] == tags["img"] == tags["a"] == tags["iframe"] == 0
    policies = [each["content"] for tag, each in page.seen if each.get("http-equiv")]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]
    assert not any(name.startswith("on") or name in ("src", "href") for _, each in page.seen for name in each)
    said = " ".join(" ".join(page.text).split())
    for each in view.breaks:
        assert cases.NPR.bare(each.found.value_at_risk) in said
        assert str(each.id) in said
    assert "1 source could not be read and was not compared: books/cobalt.csv." in said
    assert "1 break waits for a second person to approve." in said
    assert "2 corrections in force were applied where the source is still wrong." in said
    assert "1 difference that two people have accepted was left out." in said
    assert "Pending These are no breaks" in said


def test_page_given_values_marks_what_differs_and_who_stands_alone() -> None:
    closing = next(each for each in cases.every_kind() if each.kind is Kind.CLOSING)
    page = Page(as_html(cases.view([cases.swapped(), closing])))
    # Once among what to do first, once in the list.
    assert Counter(page.marks) == Counter(2 * ["51", "15", "276", "42", "81", "30", "0", "5", "5"])
    odd = [each for tag, each in page.seen if tag == "td" and "odd" in (each.get("class") or "")]
    assert len(odd) == 2
    assert "The book stands alone; the others agree." in " ".join(page.text)


def test_page_given_any_names_is_the_same_but_for_them() -> None:
    hostile = as_html(cases.hostile())
    page = Page(hostile)
    assert not any(tag in ("script", "img") for tag, _ in page.seen)
    assert not any(name.startswith("on") for _, each in page.seen for name in each)
    unseen = {each for each in hostile if unicodedata.category(each)[0] == "C" or each in "\u2028\u2029"}
    assert unseen == {"\n"}
    hostile.encode()
    said = "".join(page.text)
    for name in cases.HOSTILE:
        assert plain(name) in said


def test_page_given_institutions_draws_bars_as_long_as_what_they_stand_for() -> None:
    at_risk = {"A": 1_000, "B": 500, "C": 250, "D": 0}
    breaks = [cases.brk(Kind.AMOUNT, {}, each, institution=name) for name, each in at_risk.items()]
    breaks.append(replace(breaks[1], level="cash", value_at_risk=250, trading_day=None))
    bars: list[tuple[str, str]] = []
    for tag, each in Page(as_html(cases.view(breaks))).seen:
        if tag == "span" and (style := each.get("style")):
            bars.append((str(each["title"]), style.split(";")[0]))
    assert bars == [
        ("A, trades: NPR 10.00", "width: 100.0%"),
        ("B, trades: NPR 5.00", "width: 50.0%"),
        ("B, cash: NPR 2.50", "width: 25.0%"),
        ("C, trades: NPR 2.50", "width: 25.0%"),
    ]
    many = [cases.brk(Kind.AMOUNT, {}, 100 - n, institution=f"I{n:02}") for n in range(20)]
    page = Page(as_html(cases.view(many)))
    spans = [str(each["title"]) for tag, each in page.seen if tag == "span" and each.get("style")]
    assert len(spans) == 12
    assert spans[-1] == f"9 others, trades: NPR {sum(range(81, 90)) // 100}.{sum(range(81, 90)) % 100:02}"


def test_page_given_very_many_breaks_lists_the_largest_and_sums_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(html_module, "MOST", 15)
    view = cases.many(60, parties=4)
    page = as_html(view)
    assert page.count('class="subject"') == 15
    for each in ordered(view.breaks)[:15]:
        assert cases.NPR.bare(each.found.value_at_risk) in page
    rest = re.findall(r"and ([\d,]+) more, NPR ([\d,.]+) at risk", page)
    assert sum(int(count) for count, _ in rest) == 45
    left = sum(each.found.value_at_risk for each in ordered(view.breaks)[15:])
    assert sum(Decimal(amount.replace(",", "")) for _, amount in rest) == Decimal(left).scaleb(-2)


@pytest.mark.parametrize("exponent", [0, 2, 3])
def test_workbook_given_amounts_has_them_to_the_unit(exponent: int) -> None:
    money = Money("XTS", exponent)
    sizes = [0, 1, 7, 10**14 + 1, 999_999_999_999_999, 841_234_567_890_123, 10**15, 2**80 + 1, 435, 30, 29]
    breaks = [
        cases.brk(Kind.AMOUNT, {"settlement_amount": cases.two(each, -each)}, each, subject=f"T{each}")
        for each in sizes
    ]
    breaks.append(cases.brk(Kind.QUANTITY, {"quantity": cases.two(2**64 - 1, 10**15 - 1)}, 5, subject="Q"))
    view = cases.view(breaks, money=money)
    with zipfile.ZipFile(io.BytesIO(as_xlsx(view))) as parts:
        sheet = ElementTree.fromstring(parts.read("xl/worksheets/sheet2.xml"))
        strings = [
            "".join(each.itertext()) for each in ElementTree.fromstring(parts.read("xl/sharedStrings.xml"))
        ]
    found = {}
    for row in list(sheet.iter(f"{NAMESPACE}row"))[1:]:
        cells = {}
        for cell in row:
            written = "".join(cell.itertext())
            text = cell.get("t") == "s"
            column = re.sub(r"\d", "", str(cell.get("r")))
            cells[column] = (strings[int(written)] if text else written, text)
        found[cells["C"][0]] = cells
    for each in sizes:
        for column, amount in (("F", each), ("G", -each), ("J", each)):
            written, text = found[f"T{each}"][column]
            assert Decimal(written.replace(",", "")).scaleb(exponent) == amount
            assert text == (each >= 10**15)
    assert found["Q"]["F"] == (f"{2**64 - 1:,}", True)
    assert found["Q"]["G"] == ("999999999999999", False)
    summary = [str(row[0]) for row in opened(view)["Summary"].iter_rows(values_only=True)]
    assert any(each.startswith("Amounts of more than 15 digits are text") for each in summary)


def test_workbook_given_every_kind_is_read_back() -> None:
    view = cases.full()
    sheets = opened(view)
    assert list(sheets) == ["Summary", "Breaks", "Pending", "Refused", "Compared"]
    for name in list(sheets)[1:]:
        assert sheets[name].freeze_panes == "B2"
        assert sheets[name].auto_filter.ref
        assert sheets[name].print_title_rows == "$1:$1"
        assert sheets[name].page_setup.orientation == "landscape"
        assert (sheets[name].page_setup.fitToWidth, sheets[name].page_setup.fitToHeight) in (
            (1, 0),
            (None, 0),
        )
    rows = rows_of(sheets["Breaks"])
    assert [row["Id"] for row in rows] == [each.id for each in ordered(view.breaks)]
    by_id = {row["Id"]: row for row in rows}
    swapped = by_id["B0"]
    assert (swapped["Field"], swapped["Book"]) == ("quantity\namount", "510\n276,420.00")
    assert (swapped["At risk, NPR"], str(swapped["Trading day"])) == (195_120, "2019-11-21 00:00:00")
    assert swapped["Mending entry"] == (
        "In the book, set trade 20191121-10114 to quantity 150 (was 510), amount 81,300.00 (was 276,420.00)"
    )
    late = next(row for row in rows if row["What is wrong"] == "settled later")
    assert (str(late["Book"])[:10], str(late["Ledger"])[:10]) == ("2019-11-22", "2019-11-21")
    closing = next(row for row in rows if row["What is wrong"] == "another closing")
    assert (closing["Book"], closing["Bank"], closing["Stands alone"]) == (981_450.75, 981_455.75, "book")
    assert sheets["Breaks"].column_dimensions["I"].hidden
    assert not sheets["Breaks"].column_dimensions["H"].hidden
    assert [row["Line"] for row in rows_of(sheets["Refused"])] == ["all", 40]
    assert [row["Rows"] for row in rows_of(sheets["Compared"])] == [412, 388, 1204]
    summary = {str(row[0]): row for row in sheets["Summary"].iter_rows(values_only=True)}
    assert summary["23 breaks, NPR 12,089,258,196,146,292,902,298.37 at risk"]
    assert summary["cash"][1:3] == (2, Decimal("5.01")) or summary["cash"][1:3] == (2, 5.01)
    # The sums of the summary are of the rows.
    many = opened(cases.many(80))
    together = next(row for row in many["Summary"].iter_rows(values_only=True) if row[0] == "together")
    amounts = [Decimal(str(row["At risk, NPR"])) for row in rows_of(many["Breaks"])]
    assert (together[1], Decimal(str(together[2]))) == (80, sum(amounts))


def test_workbook_given_any_names_has_no_formula_and_no_link() -> None:
    made = as_xlsx(cases.hostile())
    with zipfile.ZipFile(io.BytesIO(made)) as parts:
        assert {each.date_time[:3] for each in parts.infolist()} == {(1980, 1, 1)}
        for name in parts.namelist():
            root = ElementTree.fromstring(parts.read(name))
            tags = {each.tag.rpartition("}")[2] for each in root.iter()}
            if name.startswith("xl/worksheets/"):
                assert not tags & {"f", "hyperlink", "hyperlinks", "drawing", "oleObject"}
            assert "externalLink" not in name
    book = load_workbook(io.BytesIO(made))
    for name in ("Breaks", "Pending", "Refused", "Compared"):
        texts = set()
        for row in book[name].iter_rows(min_row=2):
            for cell in row:
                assert cell.data_type in ("s", "n", "d")
                if cell.data_type == "s":
                    texts.add(cell.value)
                    # Where it is edited it stays text.
                    risky = str(cell.value).lstrip()[:1] in tuple("=+-@＝＋－＠")
                    assert cell.quotePrefix == risky
        assert texts >= {plain(each) for each in cases.HOSTILE}


def test_workbook_given_a_clean_day_or_odd_dates_is_made() -> None:
    sheets = opened(cases.view())
    assert sheets["Summary"]["A1"].value == "No breaks"
    assert rows_of(sheets["Breaks"]) == []
    old = replace(cases.swapped(), trading_day=date(1850, 1, 1), causes=())
    long = replace(cases.swapped(), institution="x" * 40_000)
    rows = rows_of(opened(cases.view([old, long]))["Breaks"])
    assert "1850-01-01" in [row["Trading day"] for row in rows]
    assert max(len(str(row["Institution"])) for row in rows) == 32_767

"""The report in words: it says what the summary has, fits its page, and never cuts a figure."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from ledger.units import format_minor
from settlement.model import Reject
from settlement.reconciliation.model import Break, Kind, Values
from settlement.report.institutions import BROKERS
from settlement.report.lists import TOP
from settlement.report.summary import Flow
from settlement.report.text import report
from settlement.report.waiting import Short, Waiting
from tests.unit.report_days import Done, run_sample


@pytest.fixture(scope="module")
def done() -> Done:
    return run_sample()


def page(width: int = 80, *, terminal: bool = False, no_color: bool = False) -> Console:
    """A console of that width; colours as a terminal's or a file's."""
    system = "standard" if terminal else None
    return Console(
        file=io.StringIO(),
        width=width,
        force_terminal=terminal,
        color_system=system,  # type: ignore[arg-type]
        no_color=no_color,
    )


@pytest.mark.parametrize("width", [76, 80, 100, 120, 200])
def test_report_given_a_width_stays_within_it(done: Done, width: int) -> None:
    lines = report(done.summary, (), page(width)).splitlines()
    assert max(len(line) for line in lines) <= width
    assert all(line == line.rstrip() for line in lines)


def test_report_given_little_width_cuts_no_figure(done: Done) -> None:
    text = report(done.summary, (), page(20))
    for flow in done.summary.flows:
        if flow.cash:
            assert format_minor(abs(flow.cash), 2) in text
        assert flow.institution in text or not (flow.value or flow.cash)
    assert "…" not in text


def test_report_given_amounts_of_any_size_cuts_no_figure(done: Done) -> None:
    huge = 2**88 - 1
    flows = (Flow("A", huge, 2**64 - 1, 2**64 - 1, -huge, huge, huge), *done.summary.flows)
    text = report(replace(done.summary, flows=flows, gross_value=huge), (), page(80))
    for figure in (f"{2**64 - 1:,}", format_minor(-huge, 2)):
        assert figure in text


def test_report_given_a_day_says_its_figures(done: Done) -> None:
    summary = done.summary
    text = report(summary, (), page())
    wanted = [
        f"{summary.recorded:,}  recorded",
        f"{summary.settled:,}  settled",
        format_minor(summary.gross_value, 2, "EUR"),
        format_minor(summary.net_value, 2, "EUR"),
        format_minor(summary.commission, 2),
        f"{format_minor(summary.levy, 2, 'EUR')}, went whole to Market Authority",
        "12 books held against the ledger",
        "Breaks: none.",
        f"{summary.gas_used:,} gas",
        *(format_minor(amount, 2) for amount in summary.revenue.values()),
    ]
    assert [figure for figure in wanted if figure not in text] == []


def test_report_given_a_file_has_no_escape_codes(done: Done) -> None:
    assert "\x1b" not in report(done.summary, (), page())


def test_report_given_a_terminal_has_colours_unless_they_are_not_wanted(done: Done) -> None:
    coloured = report(done.summary, (), page(terminal=True))
    assert re.search(r"\x1b\[[0-9;]*3[0-7]m", coloured)
    plain = report(done.summary, (), page(terminal=True, no_color=True))
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", plain)


def test_report_given_an_encoding_without_boxes_draws_with_ascii(done: Done) -> None:
    console = Console(file=io.TextIOWrapper(io.BytesIO(), encoding="ascii"), width=80)
    report(done.summary, (), console).encode("ascii")


def test_report_given_many_brokers_shows_the_largest_and_what_the_rest_comes_to(done: Done) -> None:
    flows = tuple(Flow(f"broker-{i}", 1000 - i, 10, 0, -i, i, 0) for i in range(50))
    summary = replace(done.summary, flows=flows)
    short = report(summary, (), page())
    assert f"broker-{BROKERS - 1} " in short
    assert f"broker-{BROKERS} " not in short
    assert f"{50 - BROKERS} more" in short
    assert "--all shows all" in short
    everything = report(summary, (), page(), everything=True)
    assert "broker-49 " in everything
    assert "--all" not in everything
    for text in (short, everything):
        (total,) = [line for line in text.splitlines() if line.lstrip().startswith("together")]
        assert total.split()[1] == "500"


def test_report_given_waiting_trades_says_why_and_shows_the_largest(done: Done) -> None:
    waiting = [
        Waiting(7, 5_000_000, "MONY", (Short("Aldersgate", "EUR", 123_456),)),
        Waiting(8, 4_000_000, "LACK", (Short("Dunmore", "ZZ0000010379", 1_200),)),
        Waiting(9, 3_000_000, "disputed", by=("Birchwood", "Eastlake")),
        *(Waiting(100 + i, 100 - i, "MONY", (Short("Glenside", "EUR", 1),)) for i in range(20)),
    ]
    summary = replace(done.summary, waiting=tuple(waiting))
    text = report(summary, (), page(100))
    assert "Aldersgate is short of EUR 1,234.56" in text
    assert "Dunmore is short of 1,200 ZZ0000010379" in text
    assert "disputed by Birchwood and Eastlake" in text
    assert "21 trades wait for money (MONY): EUR 50,018.10" in text
    assert f"and {len(waiting) - TOP} more; --all shows them" in text
    assert "\n  119 " in report(summary, (), page(100), everything=True)


def test_report_given_breaks_shows_both_sides(done: Done) -> None:
    fields: dict[str, Values] = {
        "settlement_amount": {"book": 90793, "ledger": None},
        "security": {"book": "A", "ledger": "B"},
    }
    found = Break("Dunmore", "trade", Kind.AMOUNT, "32", fields, 90793)
    text = report(replace(done.summary, breaks=(found,)), (), page(120))
    assert "Breaks: 1" in text
    assert "trade 32  another amount (DMON)  amount 907.93 / nothing, security A / B" in text


def test_report_given_something_created_says_what(done: Done) -> None:
    text = report(replace(done.summary, created={"EUR": -5, "ZZ0000010379": 3}), (), page())
    assert "Conservation: EUR 0.05 lost." in text
    assert "Conservation: 3 ZZ0000010379 created." in text


def test_report_given_refused_rows_names_the_first_and_the_file(done: Done) -> None:
    rejects = [Reject(i + 2, "buyer", "[bold]x[/bold]", "is not a broker") for i in range(TOP + 5)]
    summary = replace(done.summary, rejected=len(rejects), rejects_file="day.rejects.csv")
    text = report(summary, rejects, page())
    assert "15 rows of 400, listed in day.rejects.csv" in text
    assert "[bold]x[/bold]" in text
    assert "and 5 more; --all shows them" in text

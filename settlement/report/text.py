"""The report that a person reads, of a ledger or of one trading day: what was recorded, settled and netted,
who delivered what, how commission was split, what reconciled, and what waits.

It fits the width of the terminal; no figure is ever cut. Long lists show their largest rows and what the rest
comes to; `everything` shows all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ledger.units import PPM, format_quantity
from settlement.model import Reject
from settlement.report.breaks import compared_words
from settlement.report.choice import choice_line
from settlement.report.institutions import institutions_table
from settlement.report.layout import Justify, bar, columns_table, page_like, percent, plural, rendered, whole
from settlement.report.lists import breaks_table, rejects_table, waiting_rows
from settlement.report.summary import Summary

INDENT = 2


def report(summary: Summary, rejects: Sequence[Reject], like: Console, *, everything: bool = False) -> str:
    """The whole report as text, with the width, the colours and the characters that `like` has."""
    page = page_like(like)
    return rendered(_assemble(summary, rejects, page, everything), page)


def _assemble(
    summary: Summary, rejects: Sequence[Reject], console: Console, everything: bool
) -> RenderableType:
    parts: list[RenderableType] = [_headline(summary)]
    if summary.recorded:
        parts += _section("Netting", _netting(summary, console))
    if summary.settled:
        moved = institutions_table(summary, console, console.width - INDENT, everything=everything)
        parts += _section("What each institution delivered and received", moved)
        parts += _section("How the commission was split", _commission(summary, console))
    parts += _section("What reconciled", _reconciled(summary, everything))
    if summary.waiting:
        parts += _section("What waits, and why", _waiting(summary, everything))
    if summary.rejected:
        parts += _section("What was refused", _refused(summary, rejects, everything))
    parts.append(_footer(summary))
    return Group(*parts)


def _section(title: str, body: Iterable[RenderableType]) -> list[RenderableType]:
    return [Text(title, style="bold"), *(Padding(each, (0, 0, 0, INDENT)) for each in body), Text()]


def _waiting(summary: Summary, everything: bool) -> Iterator[RenderableType]:
    if summary.choice is not None and summary.choice.upper_bound:
        yield Text(choice_line(summary.choice, summary.money))
    yield from waiting_rows(summary.waiting, summary.money, everything=everything)


def _headline(summary: Summary) -> RenderableType:
    line = Text.assemble(
        (_days(summary), "bold cyan"),
        f", scenario {summary.scenario}: {plural(summary.brokers, 'broker')},"
        f" {plural(summary.securities, 'security', 'securities')}, T+0 on {summary.chain}\n",
    )
    figures = Table.grid(padding=(0, 2, 0, 0))
    for justify in ("right", "left", "right", "right"):
        figures.add_column(justify=justify, no_wrap=True)
    waits = "yellow" if summary.pending else ""
    rows = [
        (summary.recorded, Text("recorded"), summary.gross_value),
        (summary.settled, Text("settled", "green"), summary.settled_value),
        (
            summary.pending,
            Text("waiting", waits),
            summary.gross_value - summary.settled_value - summary.ended_value,
        ),
    ]
    if summary.ended:
        rows.append((summary.ended, Text("ended"), summary.ended_value))
    for number, word, value in rows:
        figures.add_row(f"{number:,}", word, summary.money.amount(value), percent(value, summary.gross_value))
    if summary.rejected:
        figures.add_row(f"{summary.rejected:,}", Text("refused", "red"))
    return Group(line, Padding(figures, (0, 0, 1, INDENT)))


def _days(summary: Summary) -> str:
    days = summary.trading_days
    if len(days) > 1:
        return f"{len(days)} trading days, {days[0]} to {days[-1]}"
    return days[0] if days else "No trading day yet"


def _netting(summary: Summary, console: Console) -> Iterator[RenderableType]:
    gross, net = summary.gross_value, summary.net_value
    amounts = [summary.money.amount(gross), summary.money.amount(net)]
    room = max(10, min(console.width, 110) - 2 - 7 - 2 - max(map(len, amounts)))
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, width=room)
    grid.add_column(no_wrap=True, justify="right", min_width=max(map(len, amounts)))
    for word, value, amount, style in (
        ("gross", gross, amounts[0], "blue"),
        ("net", net, amounts[1], "green"),
    ):
        grid.add_row(word, Text(bar(room, value, gross, console), style), amount)
    yield grid
    yield Text(
        f"{percent(net, gross)} of the money has to move; netting spares {percent(gross - net, gross)}."
    )
    if summary.pending:
        moved, settled = summary.settled_net_value, summary.settled_value
        yield Text(
            f"Of what settled: {summary.money.amount(moved)} for {summary.money.amount(settled)} of trades."
        )


def _commission(summary: Summary, console: Console) -> Iterator[RenderableType]:
    given, shares = sum(summary.shares_paid.values()), summary.shares_ppm
    rows = [("the brokers keep", PPM - sum(shares.values()), summary.commission - given)]
    rows += [(name, shares.get(name, 0), paid) for name, paid in summary.shares_paid.items()]
    column: list[tuple[str, Justify]] = [("share, ppm", "right")] if shares else []
    table = columns_table(
        "",
        *column,
        (summary.currency, "right"),
        ("", "left"),
        totals=("earned, both sides", *[f"{PPM:,}" for _ in column], summary.money.bare(summary.commission)),
    )
    for name, ppm, amount in rows:
        drawn = Text(bar(20, amount, summary.commission, console), "green")
        table.add_row(name, *[f"{ppm:,}" for _ in column], summary.money.bare(amount), drawn)
    yield whole(table)
    if given and not shares:
        yield Text(
            "Shares were not the same for every broker all the time; `clearing statement` has them.", "dim"
        )
    if summary.paid_besides:
        more = summary.money.amount(abs(summary.paid_besides))
        said = f"brought their parties {more}" if summary.paid_besides > 0 else f"gave payers {more} back"
        yield Text(f"Besides settlements, agreements {said}; `clearing statement` explains it.")
    yield Text(f"The levy, {summary.money.amount(summary.levy)}, went whole to {summary.levy_beneficiary}.")


def _reconciled(summary: Summary, everything: bool) -> Iterator[RenderableType]:
    yield Text(compared_words(summary.compared))
    if not summary.breaks:
        yield Text.assemble("Breaks: ", ("none", "green"), ".")
    else:
        yield Text.assemble("Breaks: ", (f"{len(summary.breaks):,}", "red"))
        yield breaks_table(summary.breaks, summary.money, everything=everything)
    if not summary.created:
        assets = f"{summary.currency} and each security"
        yield Text(f"Conservation: what was issued of {assets} is held, to the unit.")
    for asset, amount in summary.created.items():
        shown = summary.money.amount(abs(amount)) if asset == summary.currency else f"{abs(amount):,} {asset}"
        yield Text(f"Conservation: {shown} {'created' if amount > 0 else 'lost'}.", "bold red")


def _refused(summary: Summary, rejects: Sequence[Reject], everything: bool) -> Iterator[RenderableType]:
    rows = plural(summary.rejected, "row")
    listed = f", listed in {summary.rejects_file}" if summary.rejects_file else ""
    yield Text(f"{rows} of {summary.trades:,}{listed}")
    if rejects:
        yield rejects_table(rejects, everything=everything)


def _footer(summary: Summary) -> RenderableType:
    said = f"{plural(summary.transactions, 'transaction')}, {format_quantity(summary.gas_used)} gas"
    if summary.gas_per_trade is not None:
        said += f", {summary.gas_per_trade:,.0f} a trade"
    said += " (recording, affirming, settling)"
    if summary.seconds:
        stages = ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in summary.seconds.items())
        said += f"\nseconds: {stages}"
    return Text(said, "dim")

"""The report that a person reads: what was recorded, settled and netted, who delivered what, how commission
was split, what reconciled, and what waits.

It fits the width of the terminal; no figure is ever cut. Long lists show their largest rows and what the rest
comes to; `everything` shows all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from io import StringIO

from rich.console import Console, Group, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ledger.units import PPM, format_minor, format_quantity
from settlement.model import Reject
from settlement.report.institutions import institutions_table
from settlement.report.layout import WIDEST, bar, columns_table, percent, plural, whole
from settlement.report.summary import (
    DISPUTED,
    MONEY_SHORT,
    NOT_TRIED,
    SECURITIES_SHORT,
    UNAFFIRMED,
    Summary,
    Waiting,
)

TOP = 10
"""Rows of a list that may be long."""
INDENT = 2
_WAITS = {
    MONEY_SHORT: "for money (MONY)",
    SECURITIES_SHORT: "for securities (LACK)",
    UNAFFIRMED: "for a side's affirmation",
    DISPUTED: "because a side does not agree",
    NOT_TRIED: "for a settlement cycle",
}


def report(summary: Summary, rejects: Sequence[Reject], like: Console, *, everything: bool = False) -> str:
    """The whole report as text, with the width, the colours and the characters that `like` has."""
    page = Console(
        file=_Page(like.encoding),
        width=like.width,
        color_system=like.color_system,  # type: ignore[arg-type]
        force_terminal=like.is_terminal,
        no_color=like.no_color,
    )
    content = _assemble(summary, rejects, page, everything)
    # A terminal too narrow for the figures wraps the lines itself; cutting them would hide digits.
    free = page.options.update(max_width=WIDEST)
    page.width = max(page.width, Measurement.get(page, free, content).minimum)
    page.print(content)
    text = page.file.getvalue()  # type: ignore[attr-defined]
    return "".join(line.rstrip() + "\n" for line in text.splitlines())


class _Page(StringIO):
    """Text in memory that is going to be written with another file's encoding."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding


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
    if rejects:
        parts += _section("What was refused", _refused(summary, rejects, everything))
    parts.append(_footer(summary))
    return Group(*parts)


def _section(title: str, body: Iterable[RenderableType]) -> list[RenderableType]:
    return [Text(title, style="bold"), *(Padding(each, (0, 0, 0, INDENT)) for each in body), Text()]


def _headline(summary: Summary) -> RenderableType:
    line = Text.assemble(
        (summary.trading_day, "bold cyan"),
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
        (summary.pending, Text("waiting", waits), summary.gross_value - summary.settled_value),
    ]
    for number, word, value in rows:
        figures.add_row(f"{number:,}", word, _money(summary, value), percent(value, summary.gross_value))
    if summary.rejected:
        figures.add_row(f"{summary.rejected:,}", Text("refused", "red"))
    return Group(line, Padding(figures, (0, 0, 1, INDENT)))


def _netting(summary: Summary, console: Console) -> Iterator[RenderableType]:
    gross, net = summary.gross_value, summary.net_value
    amounts = [_money(summary, gross), _money(summary, net)]
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
        yield Text(f"Of what settled: {_money(summary, moved)} for {_money(summary, settled)} of trades.")


def _commission(summary: Summary, console: Console) -> Iterator[RenderableType]:
    given = sum(summary.shares_paid.values())
    kept_ppm = PPM - sum(summary.shares_ppm.values()) if summary.shares_ppm else None
    rows = [("the brokers keep", kept_ppm, summary.commission - given)]
    rows += [(name, summary.shares_ppm.get(name), paid) for name, paid in summary.shares_paid.items()]
    table = columns_table(
        "",
        ("share, ppm", "right"),
        (summary.currency, "right"),
        ("", "left"),
        totals=("earned, both sides", f"{PPM:,}", _bare(summary, summary.commission)),
    )
    for name, ppm, amount in rows:
        drawn = Text(bar(20, amount, summary.commission, console), "green")
        table.add_row(name, "" if ppm is None else f"{ppm:,}", _bare(summary, amount), drawn)
    yield whole(table)
    yield Text(f"The levy, {_money(summary, summary.levy)}, went whole to {summary.levy_beneficiary}.")


def _reconciled(summary: Summary, everything: bool) -> Iterator[RenderableType]:
    books, trades, positions, cash = summary.compared
    yield Text(
        f"{plural(books, 'book')} held against the ledger: {plural(trades, 'entry', 'entries')} of trades,"
        f" {plural(positions, 'position')}, {plural(cash, 'cash account')}."
    )
    if not summary.breaks:
        yield Text.assemble("Breaks: ", ("none", "green"), ".")
    else:
        yield Text.assemble("Breaks: ", (f"{len(summary.breaks):,}", "red"))
        yield _breaks(summary, everything)
    if not summary.created:
        assets = f"{summary.currency} and each security"
        yield Text(f"Conservation: what was issued of {assets} is held, to the unit.")
    for asset, amount in summary.created.items():
        shown = _money(summary, abs(amount)) if asset == summary.currency else f"{abs(amount):,} {asset}"
        yield Text(f"Conservation: {shown} {'created' if amount > 0 else 'lost'}.", "bold red")


def _breaks(summary: Summary, everything: bool) -> RenderableType:
    table = columns_table("institution", ("of", "left"), ("reason", "left"), ("book / ledger", "left"))
    shown = summary.breaks if everything else summary.breaks[:TOP]
    for each in shown:
        differing = ", ".join(
            f"{name.removesuffix('_minor')}"
            f" {_value(summary, name, two['book'])} / {_value(summary, name, two['ledger'])}"
            for name, two in each["fields"].items()
        )
        table.add_row(each["institution"], f"{each['level']} {each['subject']}", each["reason"], differing)
    return _with_rest(whole(table), len(summary.breaks) - len(shown))


def _value(summary: Summary, name: str, value: object) -> str:
    """One side of a difference; money, whose field says `_minor`, in currency units."""
    if value is None:
        return "nothing"
    return _bare(summary, int(str(value))) if name.endswith("_minor") else str(value)


def _waiting(summary: Summary, everything: bool) -> Iterator[RenderableType]:
    kinds: dict[str, list[Waiting]] = {}
    for each in summary.waiting:
        kinds.setdefault(each.reason, []).append(each)
    for reason, found in kinds.items():
        value = _money(summary, sum(each.amount for each in found))
        waits = "waits" if len(found) == 1 else "wait"
        yield Text(f"{plural(len(found), 'trade')} {waits} {_WAITS[reason]}: {value}")
    largest = sorted(summary.waiting, key=lambda each: (-each.amount, each.trade))
    shown = largest if everything else largest[:TOP]
    table = columns_table("trade", (summary.currency, "right"), ("because", "left"))
    for each in shown:
        table.add_row(str(each.trade), _bare(summary, each.amount), _why(summary, each))
    yield _with_rest(whole(table), len(largest) - len(shown))


def _why(summary: Summary, waiting: Waiting) -> str:
    if waiting.by:
        return f"{waiting.reason} by {' and '.join(waiting.by)}"
    short = [
        f"{each.institution} is short of {_money(summary, each.amount)}"
        if each.asset == summary.currency
        else f"{each.institution} is short of {format_quantity(each.amount)} {each.asset}"
        for each in waiting.short
    ]
    return ", ".join(short) or waiting.reason


def _refused(summary: Summary, rejects: Sequence[Reject], everything: bool) -> Iterator[RenderableType]:
    rows = plural(len(rejects), "row")
    yield Text(f"{rows} of {summary.trades:,}" + _written(summary.rejects_file))
    table = columns_table("line", ("field", "left"), ("value", "left"), ("reason", "left"))
    table.columns[0].justify = "right"
    shown = rejects if everything else rejects[:TOP]
    for each in shown:
        table.add_row(str(each.line), each.field, Text(each.value), Text(each.reason))
    yield _with_rest(whole(table), len(rejects) - len(shown))


def _written(path: str | None) -> str:
    return f", listed in {path}" if path else ""


def _with_rest(table: Table, more: int) -> RenderableType:
    if not more:
        return table
    return Group(table, Text(f"and {more:,} more; --all shows them", "dim"))


def _footer(summary: Summary) -> RenderableType:
    said = f"{plural(summary.transactions, 'transaction')}, {format_quantity(summary.gas_used)} gas"
    if summary.gas_per_trade is not None:
        said += f", {summary.gas_per_trade:,.0f} a trade"
    stages = ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in summary.seconds.items())
    return Text(f"{said} (recording, affirming, settling)\nseconds: {stages}", "dim")


def _money(summary: Summary, amount: int) -> str:
    return format_minor(amount, summary.exponent, summary.currency)


def _bare(summary: Summary, amount: int) -> str:
    return format_minor(amount, summary.exponent)

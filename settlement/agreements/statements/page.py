"""A statement as one HTML page: nothing is loaded from elsewhere, it prints on A4, and it runs no code.

Without a party it is the transparency report: all parties side by side, with charts.
"""

from __future__ import annotations

from collections.abc import Iterator

from settlement.agreements.lines import Line, PartyAccount
from settlement.agreements.statements.charts import cumulative_lines, legend, stacked_bars
from settlement.agreements.statements.elements import Markup, el, join
from settlement.agreements.statements.statement import (
    Statement,
    clause_of,
    contest_words,
    decimal,
    earned_by,
    income_of,
    label_of,
    owing,
    part_of_income,
    rounded,
)
from settlement.agreements.statements.wording import KINDS, plain
from settlement.report.layout import plural

# Text and percent signs only: within <style> nothing is unescaped.
_STYLE = """
:root { color-scheme: light; --ink: #1b2430; --soft: #5b6775; --rule: #d5dbe2; --tint: #f4f6f9; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 75rem; padding: 2rem 1.5rem; color: var(--ink); background: #fff;
  font: 15px/1.45 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2.25rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
header { border-bottom: 2px solid var(--ink); padding-bottom: .75rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .5rem 0 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0;
  border-bottom: 1px solid var(--rule); }
thead th { color: var(--soft); font-weight: 600; border-bottom: 1px solid var(--ink);
  vertical-align: bottom; }
tbody th { font-weight: 600; } tfoot td, tfoot th { border-top: 1px solid var(--ink); font-weight: 700; }
.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; padding-left: .6rem; }
.parties thead .n { white-space: normal; } .dense { font-size: .8em; }
.sums { width: auto; } .sums tr:last-child td, .sums tr:last-child th { font-weight: 700; }
.how { color: var(--soft); } .how div { overflow-wrap: anywhere; }
.hash { font: 11px/1.5 ui-monospace, Consolas, monospace; overflow-wrap: anywhere; }
.contested { background: #fff6e0; } .contest { color: #8a4b00; font-weight: 600; }
.note { border-left: 4px solid #e08e0b; background: #fff6e0; padding: .5rem .75rem; }
figure { margin: 0; } .chart { width: 100%; height: auto; } .chart text { font-size: 13px; fill: var(--ink); }
.chart .name { text-anchor: end; } .axis { stroke: var(--ink); } .grid { stroke: var(--rule); }
.course polyline { fill: none; stroke-width: 2.5; stroke-linejoin: round; }
.legend { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; }
footer { margin-top: 2.5rem; padding-top: .75rem; border-top: 1px solid var(--rule); color: var(--soft); }
@page { size: A4 landscape; margin: 14mm; }
@media print { body { padding: 0; max-width: none; font-size: 10pt; } .wide { overflow: visible; }
  tr, figure { break-inside: avoid; } thead { display: table-header-group; } h2, h3 { break-after: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""
_MANY = 8
"""Columns that fit across a page in letters of the usual size."""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def as_html(statement: Statement) -> str:
    """The statement as a page, every line of it. Whatever names and reasons say, it is shown and does nothing
    else."""
    title = _title(statement)
    page = el(
        "html",
        el(
            "head",
            el("meta", charset="utf-8"),
            el("meta", name="viewport", content="width=device-width, initial-scale=1"),
            el("meta", http_equiv="Content-Security-Policy", content=_POLICY),
            el("title", title),
            el("style", Markup(_STYLE)),
        ),
        el("body", _header(statement, title), el("main", *_main(statement)), _footer(statement)),
        lang="en",
    )
    return f"<!DOCTYPE html>\n{page}\n"


def _title(statement: Statement) -> str:
    head = statement.head
    of = "Transparency report" if statement.party is None else "Statement"
    return f"{of}: {head.payer}/{head.agreement}, {head.period}"


def _header(statement: Statement, title: str) -> Markup:
    head = statement.head
    of = [("Payer", head.payer), ("Agreement", f"{head.agreement} (number {head.agreement_id})")]
    if statement.party is not None:
        of.append(("Party", statement.name_of(statement.party)))
    of.append(("Period", f"{head.period}, {head.first_day} to {head.last_day}"))
    of.append(("Version of the terms", ", ".join(map(str, statement.versions)) or "none applied"))
    of.append(("Currency", head.money.currency))
    rows = (join(el("dt", name), el("dd", el("bdi", value))) for name, value in of)
    return el("header", el("h1", el("bdi", title)), el("dl", *rows))


def _main(statement: Statement) -> Iterator[Markup]:
    if statement.not_computed:
        listed = (el("li", el("bdi", plain(each))) for each in statement.not_computed)
        yield el("div", el("strong", "Not computed yet"), el("ul", *listed), class_="note")
    if not statement.accounts:
        yield el("p", "Nobody has earned, owed or been paid anything.")
        return
    if statement.contests:
        listed = (el("li", el("bdi", contest_words(statement, each))) for each in statement.contests)
        yield el("div", el("strong", "Contested and not resolved"), el("ul", *listed), class_="note")
    if statement.party is None:
        yield el("h2", "All parties side by side")
        yield el("div", _side_by_side(statement), class_="wide")
        yield el("h2", "Who earned what by what")
        labels = [label_of(clause) for clause in statement.clauses]
        yield el("figure", stacked_bars(statement), legend(labels))
    lines = cumulative_lines(statement)
    if lines is not None:
        yield el("h2", "How commission added up over the period")
        names = [statement.name_of(each.party) for each in statement.accounts]
        yield el("figure", lines, legend(names))
    for account in statement.accounts:
        yield from _account(statement, account)


def _side_by_side(statement: Statement) -> Markup:
    money, clauses, accounts = statement.head.money, statement.clauses, statement.accounts
    rows, sums = [], []
    for account in accounts:
        earned = earned_by(account)
        figures = [
            account.opening_minor,
            *(earned.get(clause, 0) for clause in clauses),
            *(account.earned_minor, account.paid_minor, account.closing_minor),
        ]
        sums.append(figures)
        name = el("th", el("bdi", _named(statement, account)), scope="row")
        part = _number(part_of_income(statement, income_of(account)))
        rows.append(el("tr", name, *(_number(money.bare(each)) for each in figures), part))
    titles = ["opening", *map(label_of, clauses), "earned", "paid", "closing", "of all shared"]
    together = [sum(column) for column in zip(*sums, strict=True)]
    part = _number(part_of_income(statement, statement.income_minor))
    return el(
        "table",
        el("thead", el("tr", el("th", money.currency), *(el("th", t, class_="n") for t in titles))),
        el("tbody", *rows),
        el("tfoot", el("tr", el("th", "together"), *(_number(money.bare(n)) for n in together), part)),
        class_="parties dense" if len(titles) > _MANY else "parties",
    )


def _named(statement: Statement, account: PartyAccount) -> str:
    name = statement.name_of(account.party)
    return f"{name} (reserve)" if account.party == statement.head.reserve else name


def _account(statement: Statement, account: PartyAccount) -> Iterator[Markup]:
    money, name = statement.head.money, _named(statement, account)
    yield el("h2", el("bdi", name))
    rows = (
        ("opening", account.opening_minor),
        ("+ earned", account.earned_minor),
        ("− paid", account.paid_minor),
        ("= closing", account.closing_minor),
    )
    sums = (el("tr", el("th", word, scope="row"), _number(money.amount(each))) for word, each in rows)
    yield el("table", el("tbody", *sums), class_="sums")
    yield el("p", owing(statement, account))
    earned = earned_by(account)
    for clause in statement.clauses:
        lines = [line for line in account.lines if clause_of(line) == clause]
        if lines:
            yield el("h3", el("bdi", f"Line {label_of(clause)}"))
            yield _lines(statement, lines, earned[clause])


def _lines(statement: Statement, lines: list[Line], total: int) -> Markup:
    money = statement.head.money
    titles = (
        *(("day", ""), ("what", ""), ("how it came about", "")),
        *((f"exact, {money.currency}", "n"), ("rounding", "n"), (f"amount, {money.currency}", "n")),
    )
    return el(
        "table",
        el("thead", el("tr", *(el("th", title, class_=kind, scope="col") for title, kind in titles))),
        el("tbody", *(_line(statement, line) for line in lines)),
        el(
            "tfoot",
            el(
                "tr", el("th", plural(len(lines), "line"), colspan=5, scope="row"), _number(money.bare(total))
            ),
        ),
    )


def _line(statement: Statement, line: Line) -> Markup:
    head, exponent = statement.head, statement.head.money.exponent
    what = f"{KINDS[line.kind]}, version {line.version}"
    if len(head.periods) > 1:
        what += f", {head.periods[line.period]}"
    how = [el("div", line.tier)] if line.tier else []
    how.append(el("div", line.formula))
    how.append(el("div", f"block {line.block:,}, 0x{line.transaction.hex()}", class_="hash"))
    how += [el("div", el("bdi", f"contested by {reason}"), class_="contest") for reason in line.contested]
    row = (
        el("td", statement.day_of(line).isoformat(), style="white-space: nowrap"),
        el("td", what),
        el("td", *how, class_="how"),
        el("td", decimal(line.exact, exponent), class_="n", title=f"{line.exact} minor units"),
        el("td", rounded(line, exponent), class_="n", title=f"{line.rounding} minor units"),
        _number(head.money.bare(line.amount_minor)),
    )
    return el("tr", *row, class_="contested") if line.contested else el("tr", *row)


def _number(text: str) -> Markup:
    return el("td", text, class_="n")


def _footer(statement: Statement) -> Markup:
    head = statement.head
    return el(
        "footer",
        el(
            "p",
            "Opening + earned − paid = closing, and the lines sum to what was earned: checked to the unit.",
        ),
        el(
            "p",
            f"Read from the ledger up to block {head.block:,}, ",
            el("span", f"0x{head.block_hash.hex()}", class_="hash"),
            ".",
        ),
    )

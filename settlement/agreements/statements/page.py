"""A statement as one HTML page: nothing is loaded from elsewhere, it prints on A4, and it runs no code.

Without a party it is the transparency report: all parties side by side, with charts.
"""

from __future__ import annotations

from collections.abc import Iterator

from settlement.agreements.lines import Line, PartyAccount
from settlement.agreements.statements.charts import cumulative_lines, stacked_bars
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
from settlement.agreements.statements.wording import KINDS
from settlement.report.drawing import legend
from settlement.report.elements import Markup, el, join
from settlement.report.layout import plural
from settlement.report.page import page
from settlement.report.wording import plain

# Text and percent signs only: within <style> nothing is unescaped.
_STYLE = """
.parties thead .n { white-space: normal; } .dense { font-size: .8em; }
.sums { width: auto; } .sums tr:last-child td, .sums tr:last-child th { font-weight: 700; }
.how { color: var(--soft); } .how div { overflow-wrap: anywhere; }
.contested { background: #fff6e0; } .contest { color: #8a4b00; font-weight: 600; }
.course polyline { fill: none; stroke-width: 2.5; stroke-linejoin: round; }
"""
_MANY = 8
"""Columns that fit across a page in letters of the usual size."""


def as_html(statement: Statement) -> str:
    """The statement as a page, every line of it. Whatever names and reasons say, it is shown and does nothing
    else."""
    title = _title(statement)
    main = el("main", *_main(statement))
    return page(title, _header(statement, title), main, _footer(statement), style=_STYLE)


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

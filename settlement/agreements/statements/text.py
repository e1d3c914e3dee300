"""A statement that a person reads on a terminal: accounts that add up, who earned what by what, and each line
with how it came about.

Settlements of one clause are many in a quarter: where an account has more than `MOST` of them a clause, they
are shown by day with their number; `everything` shows each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import groupby

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from settlement.agreements.lines import Kind, Line, PartyAccount
from settlement.agreements.statements.statement import (
    Clause,
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
from settlement.report.layout import bar, columns_table, page_like, plural, rendered, whole
from settlement.report.wording import plain

MOST = 40
"""Settlements of a clause that are shown one by one unless everything is wanted."""
INDENT, _WIDEST, _BAR = 2, 110, 16


def as_text(statement: Statement, like: Console, *, everything: bool = False) -> str:
    """The statement with the width, the colours and the characters that `like` has; no figure is cut."""
    page = page_like(like)
    return rendered(Group(*_parts(statement, page, everything)), page)


def _parts(statement: Statement, page: Console, everything: bool) -> Iterator[RenderableType]:
    yield _headline(statement)
    if statement.not_computed:
        yield from _section("Not computed yet", [Text(plain(each)) for each in statement.not_computed])
    if not statement.accounts:
        yield Text("Nobody has earned, owed or been paid anything.")
        return
    if statement.party is None:
        yield from _section("All parties", [_side_by_side(statement)])
        yield from _section("Who earned what by what", _by_clause(statement, page))
    for account in statement.accounts:
        yield from _section(_title(statement, account), _account(statement, account, page, everything))
    yield from _contests(statement)
    yield Text(f"As of block {statement.head.block:,}\n0x{statement.head.block_hash.hex()}", "dim")


def _section(title: str, body: Iterable[RenderableType]) -> list[RenderableType]:
    return [Text(title, style="bold"), *(Padding(each, (0, 0, 0, INDENT)) for each in body), Text()]


def _headline(statement: Statement) -> RenderableType:
    head = statement.head
    versions = statement.versions
    terms = "version" if len(versions) == 1 else "versions"
    of = f", {terms} {', '.join(map(str, versions))} of the terms" if versions else ""
    return Text.assemble(
        (f"{plain(head.payer)}/{plain(head.agreement)}, {plain(head.period)}", "bold cyan"),
        f": {head.first_day} to {head.last_day}, {head.money.currency}{of}\n",
    )


def _title(statement: Statement, account: PartyAccount) -> str:
    name = plain(statement.name_of(account.party))
    return f"{name}, the reserve's account" if account.party == statement.head.reserve else name


def _side_by_side(statement: Statement) -> RenderableType:
    money, accounts = statement.head.money, statement.accounts
    columns = ("opening", "earned", "paid", "closing")
    rows = [_sums(each) for each in accounts]
    totals = [money.bare(sum(column)) for column in zip(*rows, strict=True)] if len(rows) > 1 else []
    of_all = part_of_income(statement, statement.income_minor)
    table = columns_table(
        "",
        *((name, "right") for name in columns),
        ("of all shared", "right"),
        totals=["together", *totals, of_all] if totals else (),
    )
    for account, row in zip(accounts, rows, strict=True):
        part = part_of_income(statement, income_of(account))
        table.add_row(plain(statement.name_of(account.party)), *map(money.bare, row), part)
    return whole(table)


def _sums(account: PartyAccount) -> tuple[int, int, int, int]:
    return account.opening_minor, account.earned_minor, account.paid_minor, account.closing_minor


def _by_clause(statement: Statement, page: Console) -> Iterator[RenderableType]:
    money, earned = statement.head.money, [earned_by(each) for each in statement.accounts]
    largest = max((abs(amount) for each in earned for amount in each.values()), default=0)
    table = columns_table("", (money.currency, "right"), ("", "left"))
    for clause in statement.clauses:
        total = sum(each.get(clause, 0) for each in earned)
        table.add_row(Text(label_of(clause), "bold"), Text(money.bare(total), "bold"), "")
        for account, each in zip(statement.accounts, earned, strict=True):
            if clause in each:
                amount = each[clause]
                drawn = Text(bar(_BAR, abs(amount), largest, page), "green" if amount > 0 else "red")
                table.add_row(f"  {plain(statement.name_of(account.party))}", money.bare(amount), drawn)
    yield whole(table)


def _account(
    statement: Statement, account: PartyAccount, page: Console, everything: bool
) -> Iterator[RenderableType]:
    money, width = statement.head.money, min(page.width, _WIDEST) - INDENT
    sums = Table.grid(padding=(0, 2, 0, 0))
    sums.add_column(no_wrap=True)
    sums.add_column(no_wrap=True, justify="right")
    signs = zip(("opening", "+ earned", "- paid", "= closing"), _sums(account), strict=True)
    for name, amount in signs:
        style = "bold" if name == "= closing" else ""
        sums.add_row(Text(name, style), Text(money.amount(amount), style))
    yield sums
    yield Text(owing(statement, account))
    by_clause: dict[Clause, list[Line]] = {}
    for line in account.lines:
        by_clause.setdefault(clause_of(line), []).append(line)
    room = max((len(money.bare(each)) for each in (account.earned_minor, *_amounts(account))), default=0)
    for clause in sorted(by_clause, key=statement.clauses.index):
        lines = by_clause[clause]
        total = sum(line.amount_minor for line in lines)
        yield Text()
        yield _row(Text(f"Line {label_of(clause)}", "bold"), Text(money.bare(total), "bold"), width, room)
        accruals = [line for line in lines if line.kind is Kind.ACCRUAL]
        if len(accruals) > MOST and not everything:
            yield from _by_day(statement, accruals, width, room)
            lines = [line for line in lines if line.kind is not Kind.ACCRUAL or line.contested]
        for line in lines:
            yield from _line(statement, line, width, room)


def _amounts(account: PartyAccount) -> Iterator[int]:
    yield from (line.amount_minor for line in account.lines)
    yield from earned_by(account).values()


def _row(label: Text, amount: Text, width: int, room: int) -> RenderableType:
    row = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    row.add_column(overflow="fold", width=max(10, width - room - 2))
    row.add_column(no_wrap=True, justify="right", min_width=room)
    row.add_row(label, amount)
    return row


def _by_day(statement: Statement, lines: Sequence[Line], width: int, room: int) -> Iterator[RenderableType]:
    money = statement.head.money
    for (day, version), several in groupby(lines, lambda line: (statement.day_of(line), line.version)):
        found = list(several)
        blocks = sorted({line.block for line in found})
        where = f"block {blocks[0]:,}" if len(blocks) == 1 else f"blocks {blocks[0]:,} to {blocks[-1]:,}"
        left = sum((line.rounding for line in found), Fraction())
        label = f"{day}  {plural(len(found), 'settlement')}, {where}, version {version}"
        amount = money.bare(sum(line.amount_minor for line in found))
        yield _row(Text(f"  {label}"), Text(amount), width, room)
        if left:
            said = f"rounding took {decimal(left, money.exponent)}"
            yield Padding(Text(said, "dim"), (0, 0, 0, 4))
    yield Text("  --all shows each settlement", "dim")


def _line(statement: Statement, line: Line, width: int, room: int) -> Iterator[RenderableType]:
    money, head = statement.head.money, statement.head
    period = f"{plain(head.periods[line.period])}, " if len(head.periods) > 1 else ""
    label = f"  {statement.day_of(line)}  {period}{KINDS[line.kind]}"
    label += f", version {line.version}, block {line.block:,}"
    yield _row(Text(label), Text(money.bare(line.amount_minor)), width, room)
    exact = decimal(line.exact, money.exponent)
    how = [
        plain(line.tier),
        f"{plain(line.formula)} = {exact}, {rounded(line, money.exponent)}",
        f"0x{line.transaction.hex()}",
    ]
    for text in filter(None, how):
        yield Padding(Text(text, "dim"), (0, 0, 0, 4))
    for reason in line.contested:
        yield Padding(Text(f"contested by {plain(reason)}", "yellow"), (0, 0, 0, 4))


def _contests(statement: Statement) -> Iterator[RenderableType]:
    if statement.contests:
        found = [Text(contest_words(statement, each), "yellow") for each in statement.contests]
        yield from _section("Contested and not resolved", found)

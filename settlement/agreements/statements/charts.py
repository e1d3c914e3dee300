"""Charts of a statement as inline SVG: who earned what by clause, and how commission added up by party.

Coordinates are integers in the unit of the view box: what is drawn is money. Each figure also stands in a
table of the page, so that no chart has to be seen to read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from settlement.agreements.lines import Kind, PartyAccount
from settlement.agreements.statements.statement import Clause, Statement, earned_by, label_of
from settlement.report.drawing import WIDTH, colour, short, svg
from settlement.report.elements import Markup, el

_LEFT, _RIGHT = 190, 130
_ROW, _BAR = 34, 20
_HEIGHT, _TOP, _BOTTOM = 300, 14, 30


def stacked_bars(statement: Statement) -> Markup:
    """A bar a party, stacked by clause; what it owes stands left of the line."""
    clauses = statement.clauses
    earned = [earned_by(each) for each in statement.accounts]
    most = max((sum(v for v in each.values() if v > 0) for each in earned), default=0)
    least = max((-sum(v for v in each.values() if v < 0) for each in earned), default=0)
    room, span = WIDTH - _LEFT - _RIGHT, max(1, most + least)
    zero = _LEFT + least * room // span
    pieces: list[str] = []
    for row, (account, each) in enumerate(zip(statement.accounts, earned, strict=True)):
        top = row * _ROW + (_ROW - _BAR) // 2
        pieces += _bar(statement, clauses, account, each, (zero, top, room, span))
    height = max(1, len(statement.accounts)) * _ROW
    pieces.append(el("line", x1=zero, x2=zero, y1=0, y2=height, class_="axis"))
    said = "What each party earned, by clause"
    return svg(said, height, *pieces)


def _bar(
    statement: Statement,
    clauses: Sequence[Clause],
    account: PartyAccount,
    earned: dict[Clause, int],
    place: tuple[int, int, int, int],
) -> list[str]:
    zero, top, room, span = place
    name, money = statement.name_of(account.party), statement.head.money
    middle = top + _BAR - 5
    pieces: list[str] = [el("text", short(name), x=_LEFT - 10, y=middle, class_="name")]
    right = left = 0
    for at, clause in enumerate(clauses):
        amount = earned.get(clause, 0)
        # Both ends from the sums, so that pieces neither overlap nor leave a gap.
        if amount > 0:
            start, end = zero + right * room // span, zero + (right + amount) * room // span
            right += amount
        elif amount < 0:
            start, end = zero + (left + amount) * room // span, zero + left * room // span
            left += amount
        else:
            continue
        title = el("title", f"{name}, {label_of(clause)}: {money.amount(amount)}")
        width = max(1, end - start)
        pieces.append(el("g", title, el("rect", x=start, y=top, width=width, height=_BAR, fill=colour(at))))
    at_end = zero + right * room // span + 8
    pieces.append(el("text", money.bare(account.earned_minor), x=at_end, y=middle))
    return pieces


def cumulative_lines(statement: Statement) -> Markup | None:
    """How the commission of each party added up over the days of the period; None where there was none."""
    head = statement.head
    days = (head.last_day - head.first_day).days + 1
    courses: list[tuple[PartyAccount, list[int]]] = []
    for account in statement.accounts:
        by_day = [0] * days
        for line in account.lines:
            if line.kind is Kind.ACCRUAL:
                at = (statement.day_of(line) - head.first_day).days
                by_day[min(max(at, 0), days - 1)] += line.amount_minor
        courses.append((account, list(accumulate(by_day))))
    if not any(any(course) for _, course in courses):
        return None
    most = max(max(course) for _, course in courses)
    least = min(0, *(min(course) for _, course in courses))
    room, tall, span = WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM, max(1, most - least)

    def y(amount: int) -> int:
        return _TOP + tall - (amount - least) * tall // span

    pieces: list[str] = []
    for quarter in range(5):
        amount = least + (most - least) * quarter // 4
        pieces.append(el("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y(amount), y2=y(amount), class_="grid"))
        pieces.append(el("text", head.money.bare(amount), x=_LEFT - 10, y=y(amount) + 4, class_="name"))
    for place, (account, course) in enumerate(courses):
        if not any(course):
            continue
        corners, before = [f"{_LEFT},{y(0)}"], 0
        for day, amount in enumerate(course):
            if amount != before:
                x = _LEFT + day * room // days
                corners += [f"{x},{y(before)}", f"{x},{y(amount)}"]
                before = amount
        corners.append(f"{WIDTH - _RIGHT},{y(before)}")
        name = statement.name_of(account.party)
        drawn = el("polyline", points=" ".join(corners), stroke=colour(place))
        pieces.append(
            el("g", el("title", f"{name}: {head.money.amount(course[-1])}"), drawn, class_="course")
        )
    for day, anchor in ((0, "start"), (days, "end")):
        shown = head.first_day if not day else head.last_day
        x = _LEFT + day * room // days
        pieces.append(el("text", shown.isoformat(), x=x, y=_HEIGHT - 8, text_anchor=anchor))
    return svg("How commission added up, by party", _HEIGHT, *pieces)

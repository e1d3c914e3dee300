"""Charts of a reconciliation: what is at risk by institution, stacked by level, and by age."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from settlement.report.drawing import WIDTH, colour, legend, short, svg
from settlement.report.elements import Markup, el
from settlement.report.layout import Money, plural
from settlement.report.reconciliation.view import Item, Sum, at_risk, by_level
from settlement.report.reconciliation.words import LEVELS
from settlement.report.wording import plain

MOST = 12
"""Bars of a chart; the last is of all the others."""
_LEFT, _RIGHT = 190, 250
_ROW, _BAR = 30, 18

Pieces = Sequence[tuple[int, str, int]]
"""Of a bar: the place of its colour, what it is of, how much."""


def institutions_chart(groups: Mapping[str, Sequence[Item]], money: Money) -> Markup:
    """A bar an institution, most at risk first, stacked by level."""
    names = list(groups)
    shown = names if len(names) <= MOST else names[: MOST - 1]
    of = [(name, list(groups[name])) for name in shown]
    if len(names) > len(shown):
        rest = names[len(shown) :]
        of.append((f"{len(rest):,} others", [each for name in rest for each in groups[name]]))
    bars = [
        (
            name,
            [
                (place, words, sums[level].at_risk)
                for sums in [by_level(items)]
                for place, (level, words) in enumerate(LEVELS.items())
                if level in sums
            ],
            f"{money.bare(at_risk(items))}  ({len(items):,})",
        )
        for name, items in of
    ]
    return _bars(f"Value at risk by institution, {money.currency}", bars, money)


def ages_chart(ages: Mapping[str, Sum], money: Money) -> Markup:
    """A bar an age bucket, the youngest first."""
    bars = [
        (
            age,
            [(4, plural(each.count, "break"), each.at_risk)],
            f"{money.bare(each.at_risk)}  ({each.count:,})",
        )
        for age, each in list(ages.items())[:MOST]
    ]
    return _bars(f"Value at risk by age, {money.currency}", bars, money)


def levels_legend() -> Markup:
    """What the colours of the levels are."""
    return legend(list(LEVELS.values()))


def _bars(said: str, bars: Sequence[tuple[str, Pieces, str]], money: Money) -> Markup:
    most = max(1, *(sum(amount for _, _, amount in pieces) for _, pieces, _ in bars))
    room = WIDTH - _LEFT - _RIGHT
    drawn: list[str] = []
    for row, (name, pieces, total) in enumerate(bars):
        top = row * _ROW + (_ROW - _BAR) // 2
        middle = top + _BAR - 4
        drawn.append(el("text", short(plain(name)), x=_LEFT - 10, y=middle, class_="name"))
        reached = 0
        for place, words, amount in pieces:
            # Both ends from the sums, so that pieces neither overlap nor leave a gap.
            start, end = _LEFT + reached * room // most, _LEFT + (reached + amount) * room // most
            reached += amount
            title = el("title", f"{name}, {words}: {money.amount(amount)}")
            if amount > 0:
                width = max(1, end - start)
                box = el("rect", x=start, y=top, width=width, height=_BAR, fill=colour(place))
                drawn.append(el("g", title, box))
        drawn.append(el("text", total, x=_LEFT + reached * room // most + 8, y=middle))
    height = max(1, len(bars)) * _ROW
    drawn.append(el("line", x1=_LEFT, x2=_LEFT, y1=0, y2=height, class_="axis"))
    return svg(said, height, *drawn)

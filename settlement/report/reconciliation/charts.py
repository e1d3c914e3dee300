"""Bars of a reconciliation's page: what is at risk by institution, stacked by level, and by age.

Each is a row of a table with its figures, so that nobody has to see the bar to read it. Widths are per mille
of the longest bar, from integers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from settlement.report.drawing import colour, legend
from settlement.report.elements import Markup, el
from settlement.report.layout import Money, plural
from settlement.report.reconciliation.view import Item, Sum, by_level
from settlement.report.vocabulary import LEVELS
from settlement.report.wording import plain

MOST = 12
"""Bars of a chart; the last is of all the others."""
_ANY = 4
"""The colour of what is of any level."""
_FULL = 1000

Piece = tuple[int, str, int]
"""Of a bar: the place of its colour, what it is of, how much."""
Bar = tuple[str, Sequence[Piece], int]
"""What a bar is of, its pieces, and how many breaks."""


def institutions_chart(groups: Mapping[str, Sequence[Item]], money: Money) -> Markup:
    """A bar an institution, most at risk first, stacked by level."""
    of = list(groups.items())
    if len(of) > MOST:
        rest = [each for _, items in of[MOST - 1 :] for each in items]
        of = [*of[: MOST - 1], (f"{len(of) - MOST + 1:,} others", rest)]
    levels = {level: (place, words) for place, (level, words) in enumerate(LEVELS.items())}
    bars = [
        (name, [(*levels[level], each.at_risk) for level, each in by_level(items).items()], len(items))
        for name, items in of
    ]
    used = legend(list(LEVELS.values()))
    return el("figure", _bars("At risk by institution", bars, money), used)


def ages_chart(ages: Mapping[str, Sum], money: Money) -> Markup:
    """A bar an age bucket, the youngest first."""
    bars = [(age, [(_ANY, "at risk", each.at_risk)], each.count) for age, each in list(ages.items())[:MOST]]
    return el("figure", _bars("At risk by age", bars, money))


def _bars(caption: str, bars: Sequence[Bar], money: Money) -> Markup:
    most = max(1, *(sum(amount for _, _, amount in pieces) for _, pieces, _ in bars))
    rows = (
        el(
            "tr",
            el("th", el("bdi", plain(name)), scope="row"),
            el("td", *_pieces(name, pieces, most, money), class_="bar"),
            el("td", money.bare(sum(amount for _, _, amount in pieces)), class_="n"),
            el("td", plural(count, "break"), class_="n"),
        )
        for name, pieces, count in bars
    )
    return el("table", el("caption", f"{caption}, {money.currency}"), el("tbody", *rows), class_="bars")


def _pieces(name: str, pieces: Sequence[Piece], most: int, money: Money) -> Iterator[Markup]:
    reached = 0
    for place, words, amount in pieces:
        # Both ends from the sums, so that the pieces of a bar come to its length.
        start, end = reached * _FULL // most, (reached + amount) * _FULL // most
        reached += amount
        if amount > 0:
            width = max(2, end - start)
            style = f"width: {width // 10}.{width % 10}%; background: {colour(place)}"
            yield el("span", style=style, title=f"{name}, {words}: {money.amount(amount)}")

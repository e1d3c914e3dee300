"""What charts as inline SVG have in common. Coordinates are integers in the unit of the view box: what is
drawn is money. Each figure also stands in a table of its page, so that no chart has to be seen to read it.
"""

from __future__ import annotations

from collections.abc import Sequence

from settlement.report.elements import Markup, el, join

WIDTH = 960
"""Of a chart, in the unit of its view box."""
PALETTE = ("#0b5fa5", "#e08e0b", "#2a8c6a", "#b8479e", "#6b7f99", "#c0492b", "#7a5fc0", "#9a8a1f")
"""Told apart by eyes that do not see all colours, and on grey paper by their lightness."""


def colour(place: int) -> str:
    """Of the entry at `place` of a legend."""
    return PALETTE[place % len(PALETTE)]


def legend(labels: Sequence[str]) -> Markup:
    """What each colour stands for."""
    entries = (
        el(
            "li",
            el(
                "svg",
                el("rect", width=12, height=12, fill=colour(place)),
                width=12,
                height=12,
                aria_hidden="true",
            ),
            " ",
            label,
        )
        for place, label in enumerate(labels)
    )
    return el("ul", *entries, class_="legend")


def svg(said: str, height: int, *pieces: str, width: int = WIDTH) -> Markup:
    """A chart of these pieces, `said` for who does not see it."""
    return el(
        "svg",
        el("title", said),
        join(*pieces),
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_label=said,
        class_="chart",
    )


def short(name: str) -> str:
    """A name that fits beside a bar."""
    return name if len(name) <= 24 else name[:23] + "…"

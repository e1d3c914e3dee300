"""Lists and pages of breaks that are kept, for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from settlement.breaks.store import Kept
from settlement.reconciliation.model import Cause
from settlement.reconciliation.units import field_words, say
from settlement.report.breaks import besides, differs, lines_words, said, title
from settlement.report.layout import Money, columns_table, plural, whole
from settlement.report.mending import mend_words
from settlement.report.vocabulary import kind_words
from settlement.report.wording import plain

LONGEST = 40
"""Rows of a list unless all are wanted."""
STATUSES = ("open", "proposed", "pending", "closed")


def sums(kept: Sequence[Kept]) -> dict[str, tuple[int, int]]:
    """How many breaks stand how, and the value at risk in them, minor units."""
    found = {}
    for status in STATUSES:
        values = [each.found.value_at_risk for each in kept if each.status == status]
        if values:
            found[status] = len(values), sum(values)
    return found


def largest(kept: Sequence[Kept]) -> Kept:
    """The first that a list shows."""
    return min(kept, key=_order)


def _order(each: Kept) -> tuple[int, int]:
    return STATUSES.index(each.status), -each.found.value_at_risk


def kept_list(kept: Sequence[Kept], money: Money, *, everything: bool = False) -> Iterator[RenderableType]:
    """Breaks, the largest at risk first; what stands how, and what is at risk in it."""
    if not kept:
        yield Text("No breaks.")
        return
    table = columns_table(
        "break",
        ("of", "left"),
        ("what", "left"),
        ("kind", "left"),
        (f"{money.currency} at risk", "right"),
        ("age", "left"),
        ("status", "left"),
        ("owner", "left"),
        ("differs", "left"),
    )
    ordered = sorted(kept, key=_order)
    shown = ordered if everything else ordered[:LONGEST]
    for each in shown:
        found = each.found
        cells = (
            plain(found.institution),
            title(found),
            f"{kind_words(found)} ({found.reason})",
            money.bare(found.value_at_risk),
            each.bucket,
            each.status,
            plain(each.owner),
            differs(found, money),
        )
        table.add_row(each.id, *map(Text, cells))
    yield whole(table)
    if len(ordered) > len(shown):
        yield Text(f"and {len(ordered) - len(shown):,} more; --all shows them", "dim")
    totals = (
        f"{plural(count, 'break')} {status}, {money.amount(value)}"
        + (" at risk" if status != "closed" else "")
        for status, (count, value) in sums(kept).items()
    )
    yield Text("; ".join(totals) + ".")


def kept_page(kept: Kept, causes: Sequence[Cause], money: Money) -> Iterator[RenderableType]:
    """One break: what differs, why perhaps, what was done about it."""
    found = kept.found
    yield Text(f"{kept.id}  {plain(found.institution)}: {kind_words(found)} ({found.reason}), {title(found)}")
    seen = f"first seen {kept.first_seen:%Y-%m-%d %H:%M} UTC"
    state = f"{kept.status}, accepted by two people" if kept.accepted else kept.status
    at_risk = money.amount(found.value_at_risk)
    yield Text(f"{state}; {kept.bucket}, {seen}; with {plain(kept.owner)}; {at_risk} at risk")
    if found.fields:
        sides = [side for side in found.sides if any(side in values for values in found.fields.values())]
        table = columns_table("field", *((side, "right") for side in sides))
        for name, values in found.fields.items():
            cells = (
                say(money.exponent, found.level, name, values[side]) if side in values else "not asked"
                for side in sides
            )
            table.add_row(field_words(name), *map(Text, cells))
        yield Padding(whole(table), (1, 0, 1, 0))
    yield from map(Text, besides(found))
    if found.lines:
        yield Text(f"{lines_words(found)} of the source")
    yield from cause_list(kept, causes, money)
    table = columns_table("when (UTC)", ("by", "left"), ("what", "left"))
    for event in kept.history:
        words = "\n".join(map(plain, said(event, money).splitlines()))
        table.add_row(f"{event.when:%Y-%m-%d %H:%M}", Text(plain(event.by)), Text(words))
    yield Padding(whole(table), (1, 0, 0, 0))


def cause_list(kept: Kept, causes: Sequence[Cause], money: Money) -> Iterator[RenderableType]:
    """What may have made a break, numbered as `propose --cause` takes it, and what would mend it."""
    for number, cause in enumerate(causes, start=1):
        yield Text(f"cause {number}: {plain(cause.said)}")
        if cause.mend:
            yield Text(f"         {mend_words(cause.mend, money, kept.found.level)}")
    if not causes:
        yield Text("No common cause fits.")

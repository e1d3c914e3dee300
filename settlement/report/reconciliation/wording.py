"""Sentences that all forms of the report have in common."""

from __future__ import annotations

from collections.abc import Sequence

from settlement.reconciliation.model import Break
from settlement.report.layout import Money, plural
from settlement.report.reconciliation.values import mend_words, rows
from settlement.report.reconciliation.view import Item, Step, at_risk, by_level, oldest
from settlement.report.reconciliation.words import KINDS, LEVELS, REASONS, kind_words, named
from settlement.report.wording import plain

MOST = 8
"""Of a list within a sentence."""


def place(found: Break) -> str:
    """Which trade, asset or line of revenue, with its day, and the lines of the source."""
    said = plain(found.subject)
    if found.trading_day is not None:
        said += f", {found.trading_day.isoformat()}"
    return said


def lines_words(found: Break) -> str:
    """Where in the source: "line 12", "lines 12, 13"."""
    if not found.lines:
        return ""
    return f"{'line' if len(found.lines) == 1 else 'lines'} {_some([f'{line:,}' for line in found.lines])}"


def _some(names: Sequence[str]) -> str:
    """The names, of many the first."""
    more = f" and {len(names) - MOST:,} more" if len(names) > MOST else ""
    return f"{', '.join(names[:MOST])}{more}"


def standing(item: Item) -> str:
    """Age, owner and status, as far as anybody said."""
    parts = []
    if item.age:
        parts.append(plain(item.age))
    if item.first_seen is not None:
        parts.append(f"since {item.first_seen.isoformat()}")
    if item.owner:
        parts.append(f"with {plain(item.owner)}")
    if item.status and item.status != "open":
        parts.append(plain(item.status))
    return ", ".join(parts)


def differs(item: Item, money: Money) -> str:
    """What differs, in one line: "quantity: book 510, ledger 150; amount: …"."""
    return "; ".join(
        (f"{row.name}: " if row.name else "") + ", ".join(f"{side} {said}" for side, said in row.said.items())
        for row in rows(item.found, money)
    )


def cause_words(found: Break) -> list[str]:
    """What may have made it, the likeliest first; what it may be, where several fit."""
    said = [plain(cause.said) for cause in found.causes]
    if found.candidates:
        said.append(f"It may be any of {_some(list(map(plain, found.candidates)))}.")
    if found.odd is not None:
        said.append(f"The {found.odd} stands alone; the others agree.")
    return said


def mending(found: Break, money: Money) -> str:
    """The entry that would mend it, where one is proposed."""
    return mend_words(found.causes[0], money, found.level) if found.causes else ""


def to_do(found: Break, money: Money) -> str:
    """The entry that would mend it, else what its kind asks for."""
    return mending(found, money) or KINDS[found.kind][2]


def step_words(step: Step) -> str:
    """What a step is of: one break, or how many of which kind."""
    found = step.largest.found
    kind = kind_words(found)
    if len(step.items) == 1:
        what = f"trade {place(found)}" if found.level == "trade" else f"{found.level} {place(found)}"
        return f"{plain(found.institution)}, {what}: {kind}"
    return f"{plain(found.institution)}, {plural(len(step.items), 'break')} of {LEVELS[found.level]}: {kind}"


def levels_words(items: Sequence[Item], money: Money) -> str:
    """How many of each level and what is at risk in them."""
    return "; ".join(
        f"{LEVELS[level]} {each.count:,} ({money.amount(each.at_risk)})"
        for level, each in by_level(items).items()
    )


def oldest_words(items: Sequence[Item]) -> str:
    """How far back the oldest goes."""
    since = oldest(items)
    return "" if since is None else f"The oldest is of {since.isoformat()}."


def group_words(items: Sequence[Item], money: Money) -> str:
    """How many breaks an institution has, and what is at risk in them."""
    return f"{plural(len(items), 'break')}, {money.amount(at_risk(items))} at risk"


def glossary(items: Sequence[Item]) -> list[tuple[str, str]]:
    """The kinds and reasons that are used, with what each means and asks for."""
    kinds = {each.found.kind: each.found for each in items}
    reasons = {each.found.reason for each in items}
    said = []
    for kind in KINDS:
        if kind in kinds:
            _, meaning, asks = KINDS[kind]
            said.append((named(kind).format(here="book or statement"), f"{meaning} {asks}"))
    said += [(f"{code} (ISO 20022)", f"{REASONS.get(code, code).capitalize()}.") for code in sorted(reasons)]
    return said


def rest_words(items: Sequence[Item], money: Money) -> str:
    """What a list that is cut short leaves out."""
    return f"and {len(items):,} more, {money.amount(at_risk(items))} at risk"

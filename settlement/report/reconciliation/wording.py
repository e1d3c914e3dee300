"""Sentences that all forms of the report have in common."""

from __future__ import annotations

from collections.abc import Sequence

from settlement.reconciliation.model import Break
from settlement.report.breaks import besides, title
from settlement.report.layout import Money, plural
from settlement.report.mending import mend_words
from settlement.report.reconciliation.view import Item, Step, at_risk, oldest
from settlement.report.vocabulary import KINDS, LEVELS, REASONS, kind_words, named
from settlement.report.wording import plain


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


def cause_words(found: Break) -> list[str]:
    """What may have made it, the likeliest first, and what else is to be said of it."""
    return [plain(cause.said) for cause in found.causes] + besides(found)


def mending(found: Break, money: Money) -> str:
    """The entry that would mend it, where one is proposed."""
    return mend_words(found.causes[0].mend, money, found.level) if found.causes else ""


def to_do(found: Break, money: Money) -> str:
    """The entry that would mend it, else what its kind asks for."""
    return mending(found, money) or KINDS[found.kind][2]


def step_words(step: Step) -> str:
    """What a step is of: one break, or how many of which kind."""
    found = step.largest.found
    kind = kind_words(found)
    if len(step.items) == 1:
        return f"{plain(found.institution)}, {title(found)}: {kind}"
    return f"{plain(found.institution)}, {plural(len(step.items), 'break')} of {LEVELS[found.level]}: {kind}"


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

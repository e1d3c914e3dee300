"""Breaks as JSON has them, and in words; and what was compared to find them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from settlement.breaks.codec import break_from, decoded
from settlement.breaks.events import Event
from settlement.breaks.store import Kept
from settlement.reconciliation.model import Break, Cause, Compared, Level, Side
from settlement.reconciliation.units import field_words, name_json, say, value_json
from settlement.report.layout import Money, plural
from settlement.report.mending import mend_json, mend_words
from settlement.report.wording import plain

MOST = 8
"""Of a list within a sentence."""


def break_json(each: Kept | Break, causes: Sequence[Cause] = (), *, status: str = "open") -> dict[str, Any]:
    """A break as `--format json` has it. Of one that is not kept, whose `status` is given, nobody knows the
    id, the age and the owner. `causes` stand for its own where it has none.
    """
    kept = each if isinstance(each, Kept) else None
    found = each.found if isinstance(each, Kept) else each
    shown: dict[str, Any] = {
        "id": kept.id if kept else None,
        "institution": found.institution,
        "level": found.level,
        "kind": found.kind.value,
        "reason": found.reason,
        "trade": found.subject if found.level == "trade" else None,
        "trading_day": found.trading_day.isoformat() if found.trading_day else None,
        "subject": found.subject,
        "fields": {
            name_json(found.level, name): {
                side: value_json(found.level, name, value) for side, value in values.items()
            }
            for name, values in found.fields.items()
        },
        "value_at_risk_minor": str(found.value_at_risk),
        "status": kept.status if kept else status,
        "age": kept.age if kept else None,
        "age_bucket": kept.bucket if kept else None,
        "first_seen": kept.first_seen.isoformat() if kept else None,
        "owner": kept.owner if kept else None,
        "sides": list(found.sides),
        "odd": found.odd,
        "lines": list(map(int, found.lines)),
        "candidates": list(found.candidates),
        "causes": [cause_json(cause, found.level) for cause in found.causes or causes],
    }
    if kept:
        shown["accepted"] = kept.accepted
        shown["proposal"] = _proposal_json(kept)
    return shown


def cause_json(cause: Cause, level: Level = "trade") -> dict[str, Any]:
    """A cause with the entry that would mend it."""
    return {"code": cause.code, "said": cause.said, "mend": mend_json(cause.mend, level)}


def history_json(event: Event, money: Money) -> dict[str, Any]:
    """One thing that happened to a break: what, by whom, when, and in words."""
    return {
        "number": event.number,
        "when": event.when.isoformat(),
        "what": event.what,
        "by": event.by,
        "said": said(event, money),
    }


def compared_words(of: Compared) -> str:
    """What was held against what, in one sentence."""
    held = plural(of.books, "book")
    if of.statements:
        held += f" and {plural(of.statements, 'statement')}"
    parts = [
        f"{plural(of.trades, 'entry', 'entries')} of trades",
        plural(of.positions, "position"),
        plural(of.cash, "cash account"),
        plural(of.revenue, "line of revenue", "lines of revenue"),
    ]
    return f"{held} held against the ledger: {', '.join(parts)}."


def place(found: Break) -> str:
    """Which trade, asset or line of revenue, with its day: "12, 2026-11-26"."""
    day = "" if found.trading_day is None else f", {found.trading_day.isoformat()}"
    return f"{plain(found.subject)}{day}"


def title(found: Break) -> str:
    """ "trade 12, 2026-11-26", "position ACME"."""
    return f"{found.level} {place(found)}"


def lines_words(found: Break) -> str:
    """Where in the source: "line 12", "lines 12, 13"."""
    if not found.lines:
        return ""
    return f"{'line' if len(found.lines) == 1 else 'lines'} {_some([f'{line:,}' for line in found.lines])}"


def besides(found: Break) -> list[str]:
    """What else is to be said of it: what it may be, where several fit; which side stands alone."""
    said = []
    if found.candidates:
        said.append(f"It may be any of {_some(list(map(plain, found.candidates)))}.")
    if found.odd is not None:
        said.append(f"The {found.odd} stands alone; the others agree.")
    return said


def _some(names: Sequence[str]) -> str:
    """The names, of many the first."""
    more = f" and {len(names) - MOST:,} more" if len(names) > MOST else ""
    return f"{', '.join(names[:MOST])}{more}"


_BRIEF = ("security", "quantity", "settlement_amount")
"""What is said of a trade that one side lacks."""


def differs(found: Break, money: Money) -> str:
    """ "quantity 501 / 510": each field with the sides in their order; of what only one side has, what it is
    and how much.
    """

    def shown(name: str, sides: Sequence[Side]) -> str:
        values = found.fields[name]
        texts = [say(money.exponent, found.level, name, values[side]) for side in sides if side in values]
        return f"{field_words(name)} {' / '.join(texts)}"

    have = {side for values in found.fields.values() for side, value in values.items() if value is not None}
    sides = found.sides if len(have) > 1 else [side for side in found.sides if side in have]
    names = list(found.fields)
    if len(have) == 1:
        names = [name for name in names if name in _BRIEF] or names
    return ", ".join(shown(name, sides) for name in names)


def said(event: Event, money: Money) -> str:
    """What happened, in words."""
    body = event.body
    if "break" in body:
        found = break_from(body["break"])
        begin = {
            "opened": "found",
            "pending": "found; the other side's cut-off has not come",
            "changed": "differs otherwise",
            "updated": f"{money.amount(found.value_at_risk)} at risk",
            "reopened": "found again",
        }[event.what]
        differing = differs(found, money)
        return f"{begin}: {differing}" if differing else begin
    if event.what == "proposed" and body["action"] == "correct":
        return f"proposed a correction. {mend_words(decoded(body['entry']), money, 'trade')}"
    if event.what == "approved":
        return "approved; closed" if body["closes"] else "approved; in force from the next run on"
    begin, name = {
        "assigned": ("assigned to ", "to"),
        "explained": ("", "text"),
        "proposed": ("proposed to close: ", "why"),
        "rejected": ("open again: ", "why"),
        "closed": ("closed: ", "why"),
    }[event.what]
    return f"{begin}{body[name]}"


def _proposal_json(kept: Kept) -> dict[str, Any] | None:
    proposal = kept.proposal
    if proposal is None:
        return None
    entry = None if proposal.entry is None else mend_json(proposal.entry, kept.found.level)
    return {
        "action": proposal.action,
        "by": proposal.by,
        "why": proposal.why or None,
        "entry": entry,
        "approved": proposal.approved,
    }

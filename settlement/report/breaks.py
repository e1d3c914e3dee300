"""Breaks as JSON has them, and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from ledger.units import TIME_UNKNOWN, format_minor, format_quantity
from settlement.breaks.codec import break_from, decoded
from settlement.breaks.events import Event
from settlement.breaks.store import Kept
from settlement.reconciliation.model import MONEY, Break, Cause, Level, Side
from settlement.report.layout import Money

DAYS = ("trading_day", "settlement_date")
_SYSTEM = ("action", "side", "trade", "asset", "keep", "was", "into")
PRICE_DECIMALS = 6


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
            field_name(name, found.level): {
                side: value_json(name, value, found.level) for side, value in values.items()
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
        "lines": [int(line) for line in found.lines],
        "candidates": list(found.candidates),
        "causes": [cause_json(cause, found.level) for cause in found.causes or causes],
    }
    if kept:
        shown["accepted"] = kept.accepted
        shown["proposal"] = _proposal_json(kept)
    return shown


def cause_json(cause: Cause, level: Level = "trade") -> dict[str, Any]:
    """A cause with the entry that would mend it."""
    return {"code": cause.code, "said": cause.said, "mend": entry_json(cause.mend, level)}


def entry_json(entry: Mapping[str, Any], level: Level = "trade") -> dict[str, Any]:
    """An entry that corrects a book, its values as those of breaks."""
    shown: dict[str, Any] = {}
    for name, value in entry.items():
        if isinstance(value, Mapping):
            shown[name] = entry_json(value, level)
        elif name == "into":
            shown[name] = [entry_json(part, level) for part in value]
        elif name in _SYSTEM:
            shown[name] = value
        else:
            shown[field_name(name, level)] = value_json(name, value, level)
    return shown


def history_json(event: Event, money: Money) -> dict[str, Any]:
    """One thing that happened to a break: what, by whom, when, and in words."""
    return {
        "number": event.number,
        "when": event.when.isoformat(),
        "what": event.what,
        "by": event.by,
        "said": said(event, money),
    }


def field_name(name: str, level: Level) -> str:
    """The name of a field in JSON: of money it ends in `_minor`."""
    return f"{name}_minor" if is_money(name, level) else name


def value_json(name: str, value: object, level: Level) -> object:
    """One side's value: money and prices as text, days as YYYY-MM-DD, times as HH:MM:SS."""
    if isinstance(value, int) and not isinstance(value, bool):
        if is_money(name, level):
            return str(value)
        if name == "price":
            return format_minor(value, PRICE_DECIMALS).replace(",", "")
        if name in DAYS and 10**7 <= value < 10**8:
            return f"{value // 10**4:04}-{value // 100 % 100:02}-{value % 100:02}"
        if name == "time":
            return None if value == TIME_UNKNOWN else _time(value)
    if isinstance(value, date):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def value_text(name: str, value: object, level: Level, money: Money) -> str:
    """One side's value for people."""
    if value is None:
        return "nothing"
    if isinstance(value, int) and not isinstance(value, bool):
        if is_money(name, level):
            return money.bare(value)
        if name == "quantity" or level == "position":
            return format_quantity(value)
    shown = value_json(name, value, level)
    return ", ".join(map(str, shown)) if isinstance(shown, list) else plain(str(shown))


def is_money(name: str, level: Level) -> bool:
    """Whether a field is minor units of the currency."""
    return name in MONEY or (level in ("cash", "revenue") and name not in ("currency", *DAYS))


def plain(text: str) -> str:
    """What a file or a person wrote, without characters that a terminal would obey."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def title(found: Break) -> str:
    """ "trade 12 of 2026-11-26", "position ACME"."""
    day = f" of {found.trading_day}" if found.trading_day and found.level == "trade" else ""
    return f"{found.level} {plain(found.subject)}{day}"


def differs(found: Break, money: Money) -> str:
    """ "quantity 501 / 510": each field with the sides in their order; of what only one side has, what it
    has.
    """

    def shown(name: str, sides: Sequence[Side]) -> str:
        values = found.fields[name]
        texts = [value_text(name, values[side], found.level, money) for side in sides if side in values]
        return f"{name.replace('_', ' ')} {' / '.join(texts)}"

    have = {side for values in found.fields.values() for side, value in values.items() if value is not None}
    sides = found.sides if len(have) > 1 else [side for side in found.sides if side in have]
    return ", ".join(shown(name, sides) for name in found.fields)


def mend_text(entry: Mapping[str, Any], level: Level, money: Money) -> str:
    """ "replace trade 12: quantity 510 (was 501)"."""
    what = "trade" if level == "trade" else "asset"
    named = f" {what} {plain(str(entry[what]))}" if what in entry else f" a {what}"
    was = entry.get("was", {})
    parts = []
    for name, value in entry.items():
        if name not in _SYSTEM:
            before = f" (was {value_text(name, was[name], level, money)})" if name in was else ""
            parts.append(f"{name.replace('_', ' ')} {value_text(name, value, level, money)}{before}")
    if "into" in entry:
        parts += [f"into {' and '.join(_part(part, level, money) for part in entry['into'])}"]
    if "keep" in entry:
        parts += [f"keep {entry['keep']}"]
    return f"{entry.get('action', 'replace')}{named}" + (f": {', '.join(parts)}" if parts else "")


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
        return f"proposed a correction: {mend_text(decoded(body['entry']), 'trade', money)}"
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


def _part(part: Mapping[str, Any], level: Level, money: Money) -> str:
    return " ".join(
        f"{name.replace('_', ' ')} {value_text(name, value, level, money)}" for name, value in part.items()
    )


def _proposal_json(kept: Kept) -> dict[str, Any] | None:
    proposal = kept.proposal
    if proposal is None:
        return None
    entry = None if proposal.entry is None else entry_json(proposal.entry, kept.found.level)
    return {
        "action": proposal.action,
        "by": proposal.by,
        "why": proposal.why or None,
        "entry": entry,
        "approved": proposal.approved,
    }


def _time(second: int) -> str:
    return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"

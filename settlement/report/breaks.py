"""A break as JSON.

    {"id": "B12" or null, "institution", "level": trade|position|cash|revenue, "kind", "reason": ISO 20022,
     "trade": as its file names it, null unless the level is trade, "trading_day": "2019-11-21" or null,
     "subject", "fields": {name: {side: value}}, "value_at_risk_minor": "51000",
     "status": open|proposed|closed, "age", "first_seen", "owner": each null where nobody said, "sides",
     "odd": the side that stands alone, or null, "lines", "candidates",
     "causes": [{"code", "said", "mend": {"action", "side", "trade", …}}]}

A field of money ends in `_minor` and has minor units as decimal strings; `price` is a decimal string in
currency units, quantities are integers, dates YYYY-MM-DD, times HH:MM:SS. null is what a side does not have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from settlement.reconciliation.model import Break, Level
from settlement.report.fields import PRICE_DECIMALS, clock, day_of, price, unit_of, whole_number


def break_json(
    found: Break,
    *,
    id: str | None = None,
    status: str | None = None,
    age: str | None = None,
    owner: str | None = None,
    first_seen: date | None = None,
) -> dict[str, Any]:
    """The break's object; what is kept of it besides may be left out, and then it is open."""
    return {
        "id": id,
        "institution": found.institution,
        "level": found.level,
        "kind": found.kind.value,
        "reason": found.reason,
        "trade": found.subject if found.level == "trade" else None,
        "trading_day": None if found.trading_day is None else found.trading_day.isoformat(),
        "subject": found.subject,
        "fields": {
            field_key(found.level, name, values.values()): {
                side: value_json(found.level, name, value) for side, value in values.items()
            }
            for name, values in found.fields.items()
        },
        "value_at_risk_minor": str(int(found.value_at_risk)),
        "status": status or "open",
        "age": age,
        "first_seen": None if first_seen is None else first_seen.isoformat(),
        "owner": owner,
        "sides": list(found.sides),
        "odd": found.odd,
        "lines": [int(line) for line in found.lines],
        "candidates": list(found.candidates),
        "causes": [
            {"code": cause.code, "said": cause.said, "mend": _mend(found.level, cause.mend)}
            for cause in found.causes
        ],
    }


def field_key(level: Level, name: str, values: Iterable[object]) -> str:
    """The field's name as JSON has it: money says its unit."""
    if unit_of(level, name) != "money" or name.endswith("_minor"):
        return name
    return f"{name}_minor" if any(whole_number(value) is not None for value in values) else name


def value_json(level: Level, name: str, value: object) -> Any:
    """A value of that field."""
    if value is None:
        return None
    if isinstance(value, (list, tuple)):
        return [value_json(level, name, each) for each in value]
    day = day_of(level, name, value)
    if day is not None:
        return day.isoformat()
    number = whole_number(value)
    if number is None:
        return value.hex() if isinstance(value, bytes) else str(value)
    unit = unit_of(level, name)
    if unit == "money":
        return str(number)
    if unit == "price":
        return None if number < 0 else price(number, PRICE_DECIMALS).replace(",", "")
    return clock(number) if unit == "time" else number


def _mend(level: Level, entry: Mapping[str, object]) -> dict[str, Any]:
    """The mending entry, whose nested entries are written alike; `action`, `side` and `trade` stay."""
    written: dict[str, Any] = {}
    for name, value in entry.items():
        if name in ("action", "side", "trade"):
            written[name] = None if value is None else str(value)
        elif isinstance(value, Mapping):
            written[name] = _mend(level, value)
        elif isinstance(value, (list, tuple)) and value and all(isinstance(v, Mapping) for v in value):
            written[name] = [_mend(level, each) for each in value]
        else:
            written[field_key(level, name, [value])] = value_json(level, name, value)
    return written

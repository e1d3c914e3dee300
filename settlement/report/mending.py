"""Entries that mend a break, in one sentence and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from settlement.reconciliation.model import Level
from settlement.reconciliation.units import field_words, name_json, say, value_json
from settlement.report.layout import Money
from settlement.report.wording import plain

_ACTIONS = {
    "replace": ("set", " to "),
    "add": ("enter", ": "),
    "remove": ("take out", ", "),
    "split": ("split", " into "),
}
"""Action → what one does, and what stands between the trade and its fields."""
_NO_FIELDS = ("action", "side", "trade", "asset", "keep", "was", "into")


def pieces(money: Money, level: Level, fields: Mapping[str, object]) -> Iterator[str]:
    """Fields with their values in words: "quantity 510". Those that have nothing are left out."""
    for name, value in fields.items():
        if value is not None and value != "":
            yield f"{field_words(name)} {say(money.exponent, level, name, value)}"


def mend_words(entry: Mapping[str, Any], money: Money, level: Level) -> str:
    """ "In the book, set trade 12 to quantity 510 (was 501)"; nothing where there is no entry."""
    if not entry:
        return ""
    side, was = entry.get("side", "book"), entry.get("was", {})
    verb, then = _ACTIONS[entry.get("action", "replace")]
    named = entry.get("trade", entry.get("asset"))
    what = "a trade" if named is None else f"{level} {plain(str(named))}"
    parts = []
    for name, value in entry.items():
        if name not in _NO_FIELDS:
            before = f" (was {say(money.exponent, level, name, was[name])})" if name in was else ""
            parts.append(f"{field_words(name)} {say(money.exponent, level, name, value)}{before}")
    into = (", ".join(pieces(money, level, part)) for part in entry.get("into", ()))
    keep = f"keep {entry['keep']}" if "keep" in entry else ""
    said = ", ".join(parts) or "; ".join(into) or keep
    begun = f"{'On' if side == 'ledger' else 'In'} the {side}, {verb} {what}"
    return f"{begun}{then}{said}" if said else begun


def mend_json(entry: Mapping[str, Any], level: Level = "trade") -> dict[str, Any]:
    """The entry, its values as those of breaks."""
    shown: dict[str, Any] = {}
    for name, value in entry.items():
        if name == "was":
            shown[name] = mend_json(value, level)
        elif name == "into":
            shown[name] = [mend_json(part, level) for part in value]
        elif name in _NO_FIELDS:
            shown[name] = value
        else:
            shown[name_json(level, name)] = value_json(level, name, value)
    return shown

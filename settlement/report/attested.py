"""What was attested, for people and for programs: attestations with what changed since, and proofs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import RenderableType

from ledger.ids import parse_day_number
from settlement.attesting.comparing import ENTRY, Change
from settlement.attesting.signing import Standing
from settlement.report.layout import Money, columns_table, plural, whole

_AMOUNTS = ("settlement_amount", "commission", "levy", "opening", "movements", "closing")
"""Shown in JSON as decimal strings."""
_MINOR = {name: f"{name}_minor" for name in ("settlement_amount", "commission", "levy")}


def attestation_json(each: Standing, changes: Sequence[Change] | None) -> dict[str, Any]:
    """One attestation as JSON; `changes` are those since, None where nothing can be said of that."""
    return {
        "institution": each.institution,
        "cycle": each.cycle,
        "revision": each.revision,
        "root": f"0x{each.root.hex()}",
        "size": each.size,
        "signed_after_block": each.prior_block,
        "block": each.block,
        "time": time_text(each.at),
        "suspended": each.suspended,
        "kept": _kept(each),
        "damage": each.damage,
        "changes": None
        if changes is None
        else [
            {
                "level": change.level,
                "trade": change.trade,
                "field": change.field,
                "signed": value_json(change.field, change.signed),
                "present": value_json(change.field, change.present),
            }
            for change in changes
        ],
    }


def value_json(field: str, value: object) -> object:
    """A value of an entry's field as JSON, or all fields: amounts as decimal strings."""
    if isinstance(value, Mapping):
        return {_MINOR.get(name, name): value_json(name, each) for name, each in value.items()}
    return str(value) if field in _AMOUNTS and value is not None else value


def _kept(each: Standing) -> str:
    return "damaged" if each.damage else "here" if each.kept else "elsewhere"


def time_text(seconds: int) -> str:
    """A moment as ISO 8601 has it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def attestations_text(
    found: Sequence[Standing], changes: Sequence[Sequence[Change] | None]
) -> list[RenderableType]:
    """All attestations as a table, and under it what is damaged or has changed."""
    if not found:
        return ["No book was attested."]
    table = columns_table(
        "institution",
        *(("cycle", "right"), ("revision", "right"), ("leaves", "right"), ("block", "right")),
        *(("root", "left"), ("book", "left")),
    )
    parts: list[RenderableType] = [table]
    for each, changed in zip(found, changes, strict=True):
        book = _kept(each)
        if changed is not None:
            book = f"{plural(len(changed), 'change')} since" if changed else "as signed"
        cells = str(each.cycle), str(each.revision), f"{each.size:,}", f"{each.block:,}"
        table.add_row(each.institution, *cells, f"0x{each.root.hex()[:16]}…", book)
        if each.damage:
            parts.append(f"{each.institution}, cycle {each.cycle}: what is kept is damaged: {each.damage}")
        parts += [_changed(each, change) for change in changed or ()]
    whole(table)
    return parts


def _changed(each: Standing, change: Change) -> str:
    begun = f"{each.institution}, cycle {each.cycle}, {change.level} {change.trade}: "
    if change.field == ENTRY:
        return begun + ("taken out since" if change.present is None else "put in since")
    return (
        begun + f"{change.field} was {change.signed} when signed in block {each.block:,}, is {change.present}"
    )


def entry_text(said: Mapping[str, Any], money: Money) -> str:
    """An entry, or a balance, for people."""
    if said["level"] != "trade":
        amounts = (f"{name} {said[name]:,}" for name in ("opening", "movements", "closing") if said[name])
        return f"{said['holder']} {said['asset']}: {', '.join(amounts) or 'nothing'}"
    amount = said["settlement_amount"]
    known = said["currency"] == money.currency
    price = money.amount(amount) if known else f"{said['currency']} {amount:,} in minor units"
    return (
        f"trade {said['trade_number']} of {parse_day_number(said['trading_day'])}: {said['buyer']} buys "
        f"{said['quantity']:,} {said['security']} from {said['seller']} for {price}"
    )

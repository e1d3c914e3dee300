"""What was attested, for people and for programs: attestations with what changed since, and proofs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import RenderableType

from settlement.attesting.comparing import ENTRY, Change
from settlement.attesting.signing import Standing
from settlement.reconciliation.units import field_words, name_json, say, value_json
from settlement.report.layout import Money, columns_table, plural, whole
from settlement.report.mending import pieces


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
                "field": name_json(change.level, change.field),
                "signed": _value_json(change, change.signed),
                "present": _value_json(change, change.present),
            }
            for change in changes
        ],
    }


def entry_json(said: Mapping[str, Any]) -> dict[str, Any]:
    """An entry, or a balance, its values as those of breaks."""
    level = said["level"]
    return {name_json(level, name): value_json(level, name, value) for name, value in said.items()}


def _value_json(change: Change, value: object) -> object:
    return entry_json(value) if isinstance(value, Mapping) else value_json(change.level, change.field, value)


def _kept(each: Standing) -> str:
    return "damaged" if each.damage else "here" if each.kept else "elsewhere"


def time_text(seconds: int) -> str:
    """A moment as ISO 8601 has it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def attestations_text(
    found: Sequence[Standing], changes: Sequence[Sequence[Change] | None], money: Money
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
        parts += [_changed(each, change, money) for change in changed or ()]
    whole(table)
    return parts


def _changed(each: Standing, change: Change, money: Money) -> str:
    begun = f"{each.institution}, cycle {each.cycle}, {change.level} {change.trade}: "
    if change.field == ENTRY:
        return begun + ("taken out since" if change.present is None else "put in since")
    was, now = (say(money.exponent, change.level, change.field, it) for it in (change.signed, change.present))
    return f"{begun}{field_words(change.field)} was {was} when signed in block {each.block:,}, is {now}"


def entry_text(said: Mapping[str, Any], money: Money) -> str:
    """An entry, or a balance, for people."""
    level = said["level"]
    if level != "trade":
        amounts = {name: said[name] or None for name in ("opening", "movements", "closing")}
        return f"{said['holder']} {said['asset']}: {', '.join(pieces(money, level, amounts)) or 'nothing'}"
    texts = {name: say(money.exponent, level, name, value) for name, value in said.items()}
    amount = texts["settlement_amount"]
    if said["currency"] != money.currency:
        amount = f"{said['settlement_amount']} in minor units"
    return (
        f"trade {texts['trade_number']} of {texts['trading_day']}: {texts['buyer']} buys {texts['quantity']} "
        f"{texts['security']} from {texts['seller']} for {texts['currency']} {amount}"
    )

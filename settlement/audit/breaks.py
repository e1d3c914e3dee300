"""Breaks in a session: what reconciliation keeps, as tables of schema `facts`, to be joined with the ledger.

    facts.breaks_kept   a break as it stands, of all that were ever found
    facts.break_log     what happened to breaks, an event a row

They lie beside the chain, in `breaks.sqlite`: people close breaks, and no block knows of it. What a session
shows is as of when it was opened.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from settlement.audit.facts import Script, literal

if TYPE_CHECKING:
    from datetime import datetime

    from settlement.breaks import Kept

KEPT: Mapping[str, str] = {
    "number": "BIGINT",
    "institution": "INTEGER",  # index; -1 where the ledger does not have it
    "institution_name": "VARCHAR",
    "level": "VARCHAR",
    "kind": "VARCHAR",
    "reason": "VARCHAR",
    "subject": "VARCHAR",
    "trading_day": "DATE",
    "trade_numbers": "BIGINT[]",
    "security": "VARCHAR",
    "status": "VARCHAR",
    "accepted": "BOOLEAN",
    "owner": "VARCHAR",
    "first_seen": "TIMESTAMP",
    "closed_at": "TIMESTAMP",
    "age_days": "BIGINT",
    "cycle": "BIGINT",
    "value_at_risk": "DECIMAL(38, 0)",
    "sides": "VARCHAR[]",
    "odd_side": "VARCHAR",
    "fields": "VARCHAR",
    "proposed": "VARCHAR",
    "proposed_by": "VARCHAR",
}
LOG: Mapping[str, str] = {
    "event": "BIGINT",
    "date_time": "TIMESTAMP",
    "number": "BIGINT",
    "institution": "INTEGER",
    "what": "VARCHAR",
    "person": "VARCHAR",
    "text": "VARCHAR",
    "action": "VARCHAR",
    "proposed_by": "VARCHAR",
    "proposal": "BIGINT",
}
_MOST = 10**38
Row = dict[str, Any]
"""Columns and their values, as JSON has them."""


def prepare(script: Script, folder: Path, institutions: Mapping[int, str]) -> None:
    """Make both tables in a session's database; empty ones where the ledger keeps no breaks. The rows are in
    the statements, so that a database made like it has them, too, and no file is read for that.

    Raises BookDamaged, FileUnreadable.
    """
    kept, log = rows(folder, institutions)
    for name, columns, each in (("breaks_kept", KEPT, kept), ("break_log", LOG, log)):
        said = literal(json.dumps(each, ensure_ascii=True))
        shape = literal(json.dumps([columns]))
        script.run(
            f"create table facts.{name} as select x.* from (select unnest(from_json({said}, {shape})) as x)"
        )


def rows(folder: Path, institutions: Mapping[int, str]) -> tuple[list[Row], list[Row]]:
    """Breaks, and their events, in the order of their numbers; `institutions` are names by index."""
    from settlement.breaks.events import FILE

    kept: Sequence[Kept] = ()
    if (folder / FILE).exists():
        from settlement.breaks import Breaks

        # Without a clock a break's age is as of its newest event, so an answer does not change by itself.
        with Breaks.open(folder, write=False, clock=None) as breaks:
            kept = breaks.kept()
    index = {name: number for number, name in institutions.items()}
    log = [row for each in kept for row in _log(each, index)]
    return [_kept(each, index) for each in kept], sorted(log, key=lambda row: int(row["event"]))


def _kept(each: Kept, index: Mapping[str, int]) -> Row:
    found, risk = each.found, each.found.value_at_risk
    closed = next((event.when for event in reversed(each.history) if _closes(event)), None)
    proposal = each.proposal
    return {
        "number": int(each.id.removeprefix("B-")),
        "institution": index.get(found.institution, -1),
        "institution_name": found.institution,
        "level": found.level,
        "kind": found.kind.value,
        "reason": found.reason,
        "subject": found.subject,
        "trading_day": found.trading_day.isoformat() if found.trading_day else None,
        "trade_numbers": [int(number) for number in found.numbers],
        "security": _security(each),
        "status": each.status,
        "accepted": each.accepted,
        "owner": each.owner,
        "first_seen": _utc(each.first_seen),
        "closed_at": _utc(closed) if closed is not None and each.status == "closed" else None,
        "age_days": each.age,
        "cycle": each.cycle,
        "value_at_risk": str(risk) if abs(risk) < _MOST else None,
        "sides": list(found.sides),
        "odd_side": found.odd,
        "fields": json.dumps({name: dict(values) for name, values in found.fields.items()}, default=str),
        "proposed": proposal.action if proposal else None,
        "proposed_by": proposal.by if proposal else None,
    }


def _closes(event: Any) -> bool:
    return event.what == "closed" or (event.what == "approved" and bool(event.body["closes"]))


def _security(each: Kept) -> str | None:
    """The security that it is about, where the break says it."""
    found = each.found
    if found.level == "position":
        return found.subject
    for value in found.fields.get("security", {}).values():
        if isinstance(value, str):
            return value
    return None


def _log(each: Kept, index: Mapping[str, int]) -> list[Row]:
    proposals = {event.number: event for event in each.history if event.what == "proposed"}
    rows = []
    for event in each.history:
        proposal = proposals.get(event.body.get("proposal", event.number))
        rows.append(
            {
                "event": event.number,
                "date_time": _utc(event.when),
                "number": event.subject,
                "institution": index.get(each.found.institution, -1),
                "what": event.what,
                "person": event.by,
                "text": _text(event.body),
                "action": proposal.body["action"] if proposal else None,
                "proposed_by": proposal.by if proposal else None,
                "proposal": proposal.number if proposal else None,
            }
        )
    return rows


def _text(body: Mapping[str, Any]) -> str | None:
    """What somebody wrote, or what was proposed; what a run found is in the break."""
    for name in ("text", "why", "to"):
        if name in body:
            return str(body[name])
    return json.dumps(body["entry"], sort_keys=True) if "entry" in body else None


def _utc(when: datetime) -> str:
    return when.replace(tzinfo=None).isoformat(" ")

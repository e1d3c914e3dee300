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

import pyarrow as pa

if TYPE_CHECKING:
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from settlement.breaks import Kept

_TIME = pa.timestamp("us")
KEPT = pa.schema(
    [
        ("number", pa.int64()),
        ("institution", pa.int32()),  # index; -1 where the ledger does not have it
        ("institution_name", pa.string()),
        ("level", pa.string()),
        ("kind", pa.string()),
        ("reason", pa.string()),
        ("subject", pa.string()),
        ("trading_day", pa.date32()),
        ("trade_numbers", pa.list_(pa.int64())),
        ("security", pa.string()),
        ("status", pa.string()),
        ("accepted", pa.bool_()),
        ("owner", pa.string()),
        ("first_seen", _TIME),
        ("closed_at", _TIME),
        ("age_days", pa.int64()),
        ("cycle", pa.int64()),
        ("value_at_risk", pa.decimal128(38, 0)),
        ("sides", pa.list_(pa.string())),
        ("odd_side", pa.string()),
        ("fields", pa.string()),
        ("proposed", pa.string()),
        ("proposed_by", pa.string()),
    ]
)
LOG = pa.schema(
    [
        ("event", pa.int64()),
        ("at", _TIME),
        ("number", pa.int64()),
        ("institution", pa.int32()),
        ("what", pa.string()),
        ("person", pa.string()),
        ("text", pa.string()),
        ("action", pa.string()),
        ("proposed_by", pa.string()),
        ("proposal", pa.int64()),
    ]
)
_MOST = 10**38


def prepare(connection: DuckDBPyConnection, folder: Path, institutions: Mapping[int, str]) -> None:
    """Make both tables in a session's database; empty ones where the ledger keeps no breaks.

    Raises BookDamaged, FileUnreadable.
    """
    kept, log = tables(folder, institutions)
    for name, table in (("breaks_kept", kept), ("break_log", log)):
        connection.register("given", table)
        connection.execute(f"create table facts.{name} as select * from given")
        connection.unregister("given")


def tables(folder: Path, institutions: Mapping[int, str]) -> tuple[pa.Table, pa.Table]:
    """Breaks and their events, in the order of their numbers; `institutions` are names by index."""
    from settlement.breaks.events import FILE

    kept: Sequence[Kept] = ()
    if (folder / FILE).exists():
        from settlement.breaks import Breaks

        # Without a clock a break's age is as of its newest event, so an answer does not change by itself.
        with Breaks.open(folder, write=False, clock=None) as breaks:
            kept = breaks.kept()
    index = {name: number for number, name in institutions.items()}
    rows = [_kept(each, index) for each in kept]
    log = [row for each in kept for row in _log(each, index)]
    log.sort(key=lambda row: row["event"])
    return pa.Table.from_pylist(rows, schema=KEPT), pa.Table.from_pylist(log, schema=LOG)


def _kept(each: Kept, index: Mapping[str, int]) -> dict[str, Any]:
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
        "trading_day": found.trading_day,
        "trade_numbers": [int(number) for number in found.numbers],
        "security": _security(each),
        "status": each.status,
        "accepted": each.accepted,
        "owner": each.owner,
        "first_seen": _utc(each.first_seen),
        "closed_at": _utc(closed) if closed is not None and each.status == "closed" else None,
        "age_days": each.age,
        "cycle": each.cycle,
        "value_at_risk": risk if abs(risk) < _MOST else None,
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


def _log(each: Kept, index: Mapping[str, int]) -> list[dict[str, Any]]:
    proposals = {event.number: event for event in each.history if event.what == "proposed"}
    rows = []
    for event in each.history:
        proposal = proposals.get(event.body.get("proposal", event.number))
        rows.append(
            {
                "event": event.number,
                "at": _utc(event.when),
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


def _utc(when: datetime) -> datetime:
    return when.replace(tzinfo=None)

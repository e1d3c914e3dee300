"""An index held against slow readings of the same chain: `ledger.history` and the contracts' own events."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ledger.abi import type_of
from ledger.clients import Clients
from ledger.history import ENDED, History, RecordedBatch, read
from ledger.index.decoding import event_tables
from ledger.index.keeping import commit
from ledger.index.manifest import Ledger, Manifest, Segment
from ledger.units import TIME_UNKNOWN

Row = dict[str, Any]


def rows(manifest: Manifest, table: str) -> list[Row]:
    """All of a table, segment after segment."""
    return [row for path in manifest.files(table) for row in pq.read_table(path).to_pylist()]


def tables(manifest: Manifest) -> dict[str, list[pa.Table]]:
    return {name: [pq.read_table(path) for path in manifest.files(name)] for name in manifest.tables}


def require_history(manifest: Manifest, clients: Clients) -> History:
    """Trades with their changes, batches, movements and balances are what `ledger.history` reads."""
    history = read(clients)
    hashes = {row["hash"]: row["transaction"] for row in rows(manifest, "transactions")}
    assert [history.blocks[each] for each in hashes] == [
        row["block"] for row in rows(manifest, "transactions")
    ]
    trades = {row["trade"]: row for row in rows(manifest, "trades")}
    for change in rows(manifest, "changes"):
        trades[change["trade"]].update(change)
    assert list(trades) == list(range(len(trades)))
    batches = rows(manifest, "batches")
    assert [row["hash"] for row in batches] == list(history.batches)
    for row, batch in zip(batches, history.batches.values(), strict=True):
        assert hashes[batch.record_transaction] == row["transaction"]
        assert (row["venue"], row["cash_asset"], row["count"]) == (
            batch.header.venue,
            batch.header.cash_asset,
            len(batch.records),
        )
        mine = [trades[row["first_trade"] + i] for i in range(row["count"])]
        _require_trades(mine, row["batch"], batch, hashes)
    _require_movements(manifest, history, hashes)
    return history


def _require_trades(mine: list[Row], number: int, batch: RecordedBatch, hashes: Mapping[bytes, int]) -> None:
    records = batch.records
    for name in ("number", "buyer", "seller", "asset", "quantity"):
        assert [row[name] for row in mine] == getattr(records, name).tolist(), name
    times = [None if time == TIME_UNKNOWN else time for time in records.time.tolist()]
    assert [row["time_s"] for row in mine] == times
    assert [row["amount_high"] << 64 | row["amount_low"] for row in mine] == records.amount.tolist()
    assert {row["batch"] for row in mine} == {number}
    assert {int(row["trading_day"].strftime("%Y%m%d")) for row in mine} == {batch.header.trading_day}
    assert [row["status"] for row in mine] == batch.status.tolist()
    assert [row["settled_quantity"] for row in mine] == batch.settled_quantity.tolist()
    settled = [batch.settlements[at] if at >= 0 else None for at in batch.settled_in.tolist()]
    for row, transaction, status in zip(mine, settled, batch.status.tolist(), strict=True):
        if status in ENDED:
            assert row["ended_in"] is not None
        else:
            assert row["ended_in"] == (None if transaction is None else hashes[transaction])


def _require_movements(manifest: Manifest, history: History, hashes: Mapping[bytes, int]) -> None:
    moved, balances = history.movements, dict[tuple[int, int], int]()
    found = rows(manifest, "movements")
    columns = (moved.transaction.tolist(), moved.sender, moved.receiver, moved.asset, moved.amount)
    for row, (transaction, *told) in zip(found, zip(*columns, strict=True), strict=True):
        sender, receiver, asset, amount = map(int, told)
        assert row["transaction"] == hashes[bytes(transaction)]
        assert (row["sender"], row["receiver"], row["asset"]) == (sender, receiver, asset)
        assert row["amount_high"] << 64 | row["amount_low"] == amount
        for holder, by in ((sender, -amount), (receiver, amount)):
            balances[holder, asset] = balances.get((holder, asset), 0) + by
    newest = manifest.files("balances")[-1:] if "balances" in manifest.segments[-1].files else []
    kept = [row for path in newest for row in pq.read_table(path).to_pylist()]
    assert {
        (row["institution"], row["asset"]): row["amount_high"] << 64 | row["amount_low"] for row in kept
    } == {place: amount for place, amount in balances.items() if amount and place[0] >= 0}


def require_events(manifest: Manifest, clients: Clients) -> set[str]:
    """Each table of events is what the contract's own decoding of each log gives; the tables with rows."""
    chain = clients.clearing_house.chain
    expected: dict[str, list[tuple[int, int, list[Any]]]] = {}
    transaction = 0
    for mined in chain.logs(0, chain.block().number):
        own = [log for log in mined.logs if any(log.address == each.address for each in clients)]
        transaction += bool(own)
        for place, log in enumerate(own):
            contract = next(each for each in clients if each.address == log.address)
            (event,) = contract.events([log])
            entry = next(
                each
                for each in contract.artifact.abi
                if each["type"] == "event" and each["name"] == event.name
            )
            values = [_plain(event[each["name"]], type_of(each)) for each in entry["inputs"]]
            if event.name in ("TermsProposed", "PricesSet"):
                values[-1] = [
                    word.to_bytes(32, "big") for word in event["terms" if "Terms" in event.name else "words"]
                ]
            name = f"{contract.artifact.name}_{event.name}"
            expected.setdefault(name, []).append((transaction, place, values))
    moved = [row[0] for row in expected.pop("AssetRegister_Transfer", [])]
    assert [row["transaction"] for row in rows(manifest, "movements")] == moved
    assert expected.keys() == {name for name in manifest.tables if name[0].isupper()}
    for name, found in expected.items():
        got = rows(manifest, name)
        assert [list(row) for row in got] == [event_tables()[name].names] * len(found)
        assert [
            (row["transaction"], row["log"], [_shown(value) for value in list(row.values())[2:]])
            for row in got
        ] == found, name
    return set(expected)


def _plain(value: Any, kind: str) -> Any:
    """What the coder gives as the index keeps it, by another way than the index's."""
    if isinstance(value, tuple | list):
        return [_plain(each, kind) for each in value]
    if kind == "address":
        return bytes.fromhex(value[2:])
    if isinstance(value, int) and not isinstance(value, bool) and len(str(abs(value))) > 38:
        return None
    return value


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        return [_shown(each) for each in value.values()]
    if isinstance(value, list):
        return [_shown(each) for each in value]
    return int(value) if type(value).__name__ == "Decimal" else value


def altered(
    folder: Path, change: Callable[[Segment], Segment], ledger: Callable[[Ledger], Ledger] | None = None
) -> Manifest:
    """Let whoever can write the folder alter the newest segment, or which ledger it says it is of, and make
    all digests fit."""
    there = Manifest.named(folder)
    said = there.ledger if ledger is None else ledger(there.ledger)
    changed: list[Segment] = []
    for place, segment in enumerate(there.segments):
        is_newest = place == len(there.segments) - 1
        one = replace(
            change(segment) if is_newest else segment,
            previous=changed[-1].digest if changed else said.digest,
        )
        path = there.path(segment, "x").parent
        path.rename(path.with_name(one.name))
        changed.append(one)
    manifest = Manifest(folder, said, changed)
    commit(manifest)
    return manifest


def said(manifest: Manifest) -> str:
    return json.dumps([asdict(manifest.ledger), [each.as_json() for each in manifest.segments]])


def names(segments: Sequence[Segment]) -> list[str]:
    return [each.name for each in segments]

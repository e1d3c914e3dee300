"""Business tables of revenue sharing, derived from the index's events.

entitlements ─ told by hand: each row's amounts; what `replaying`, the computation apart, says (property)
payments     ─ what `account` says, and with the payer's they sum to zero
segments     ─ wherever the chain is cut, the same rows
chain        ─ in one segment or many, and verified against it
accruals     ─ random agreements, receivables netted: paid is what the naive computation moves (property)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ledger.contract import Event
from ledger.index import following
from ledger.index.following import follow
from ledger.index.verifying import verify
from settlement.agreements.account import payments
from settlement.agreements.facts import Facts, facts
from settlement.agreements.replaying import replay
from settlement.audit.entitlements import TABLES, Tables, derive, derived
from tests.unit import test_agreements_account as by_hand
from tests.unit import test_sharing_settled as settled
from tests.unit.audit.revenue_story import Story

PLATFORM, KEEPER, BROKER = by_hand.PLATFORM, by_hand.KEEPER, by_hand.BROKER
_AGREEMENTS = ("TermsProposed", "ConsentGiven", "ConsentWithdrawn", "AgreementConcluded", "NoticeGiven")
_ALL = (pa.decimal128(38, 0), pa.int64(), pa.list_(pa.binary(32)))


def indexed(events: Sequence[Event], times: dict[bytes, int], transactions: Sequence[bytes]) -> Tables:
    """The events of these transactions as the index has them; all are numbered as `times` goes."""
    number = {transaction: place for place, transaction in enumerate(times, 1)}
    rows: dict[str, list[dict[str, Any]]] = {}
    for log, event in enumerate(events):
        if event.transaction in transactions:
            contract = "Agreements" if event.name in _AGREEMENTS else "RevenueSharing"
            values = {name: _kept(name, value) for name, value in event.arguments.items()}
            at = {"transaction": number[event.transaction], "log": log}
            rows.setdefault(f"{contract}_{event.name}", []).append(at | values)
    tables = {name: _table(each) for name, each in rows.items()}
    known = [number[each] for each in transactions]
    tables["transactions"] = pa.table({"transaction": known, "block": known})
    tables["blocks"] = pa.table({"block": known, "time_s": [times[each] for each in transactions]})
    return tables.get


def _kept(name: str, value: Any) -> Any:
    if name == "terms":
        return [word.to_bytes(32, "big") for word in value]
    return list(value) if isinstance(value, tuple) else value


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    wide = {"due", "totalBefore", "totalAfter", "basis", "pool", "reserve", "clawback", "toPayer", "total"}
    amount = pa.decimal128(38, 0)
    types = dict.fromkeys(wide, amount) | {"amounts": pa.list_(amount)}
    columns = {name: pa.array([row[name] for row in rows], type=types.get(name)) for name in rows[0]}
    return pa.table(columns)


def cut(events: Sequence[Event], times: dict[bytes, int], ends: Sequence[int]) -> dict[str, list[Any]]:
    """The rows of every table, where segments end after so many transactions."""
    known, found = list(times), {name: list[Any]() for name in TABLES}
    for start, end in zip([0, *ends], [*ends, len(known)], strict=True):
        tables = derived(indexed(events, times, known[start:end]), indexed(events, times, known[:start]))
        for name, table in tables.items():
            assert table.schema == TABLES[name]
            found[name] += [{key: _plain(value) for key, value in row.items()} for row in table.to_pylist()]
    return found


def _plain(value: Any) -> Any:
    return int(value) if type(value).__name__ == "Decimal" else value


def times_of(told: by_hand.Story) -> dict[bytes, int]:
    return {transaction: by_hand.START + place for place, transaction in enumerate(told.blocks)}


def require_as_recomputed(found: dict[str, list[Any]], known: Facts, times: dict[bytes, int]) -> None:
    """Entitlements are what `replaying` makes of the facts, payments what `account` does."""
    number = {transaction: place for place, transaction in enumerate(times, 1)}
    earned, received = Counter[Any](), Counter[Any]()
    for agreement, of in known.agreements.items():
        for each in replay(of):
            for who, amount in each.earned().items():
                earned[number[each.fact.transaction], agreement, each.period, who] += amount
        for payment in payments(of):
            received[number[payment.transaction], agreement, payment.institution] += payment.amount
    rows, moved = Counter[Any](), Counter[Any]()
    for row in found["entitlements"]:
        rows[row["transaction"], row["agreement"], row["period"], row["party"]] += row["amount"]
    left = Counter[Any]()
    for row in found["payments"]:
        left[row["transaction"], row["agreement"]] += row["amount"]
        if row["institution"] != row["payer"]:
            moved[row["transaction"], row["agreement"], row["institution"]] += row["amount"]
    assert {key: amount for key, amount in rows.items() if amount} == {
        key: amount for key, amount in earned.items() if amount
    }
    assert {key: amount for key, amount in moved.items() if amount} == {
        key: amount for key, amount in received.items() if amount
    }
    assert not any(left.values())


def test_derived_given_story_by_hand_says_each_part() -> None:
    told = by_hand.deferred()
    found = cut(told.events, times_of(told), [])
    names = ("kind", "line", "party", "total_before", "total_after", "amount", "paid")
    assert [tuple(row[name] for name in names) for row in found["entitlements"]] == [
        ("accrual", None, KEEPER, 0, 1_001, 50, 50),
        ("accrual", None, PLATFORM, 0, 1_001, 285, 285),
        ("accrual", None, KEEPER, 1_001, 10_000, 450, 450),
        ("accrual", None, PLATFORM, 1_001, 10_000, 2_565, 2_565),
        ("clause", 0, PLATFORM, None, None, 475, None),
        ("accrual", None, KEEPER, 0, 2_000, 100, 100),
        ("accrual", None, PLATFORM, 0, 2_000, 570, 570),
        ("guarantee", 1, PLATFORM, None, None, -200, None),
        ("release", 0, KEEPER, None, None, -500, None),
        ("release", 0, PLATFORM, None, None, 175, None),
    ]
    assert [row["amount"] for row in found["payments"] if row["institution"] == BROKER] == [
        *(-335, -3_015, -670, -275, 325)
    ]
    (proposal,) = found["proposals"]
    assert (proposal["name"], proposal["parties"], proposal["measures"]) == (
        "platform",
        [PLATFORM],
        ["USERS"],
    )


@pytest.mark.parametrize("told", [by_hand.deferred(), by_hand.receivable()], ids=["deferred", "receivable"])
def test_derived_given_any_segments_is_what_is_recomputed(told: by_hand.Story) -> None:
    times = times_of(told)
    whole = cut(told.events, times, [])
    require_as_recomputed(whole, told.facts(), times)
    for end in range(1, len(times)):
        assert cut(told.events, times, [end]) == whole
    assert cut(told.events, times, list(range(1, len(times)))) == whole


@pytest.mark.parametrize("seed", range(12))
def test_derived_given_random_accruals_pays_what_the_naive_computation_moves(seed: int) -> None:
    story, draw = settled.Story(seed), Random(seed)
    times = {b"begin": settled.START} | story.history.times
    ends = sorted(draw.sample(range(1, len(times)), draw.randint(0, len(times) - 1)))
    found = cut(story.history.revenue, times, ends)
    number = {transaction: place for place, transaction in enumerate(times, 1)}
    for transaction, _, moved in story.settlements:
        paid, payer = Counter[int](), Counter[int]()
        for row in found["entitlements"]:
            if row["transaction"] == number[transaction]:
                paid[row["party"]] += row["paid"]
                paid[row["payer"]] -= row["paid"]
        for row in found["payments"]:
            if row["transaction"] == number[transaction]:
                payer[row["institution"]] += row["amount"]
        assert {who: amount for who, amount in paid.items() if amount} == moved
        assert {who: amount for who, amount in payer.items() if amount} == moved
    blocks = {transaction: place for place, transaction in enumerate(times)}
    require_as_recomputed(found, facts(story.history.revenue, blocks), times)


def test_derive_given_a_chain_in_small_segments_is_the_same_and_is_verified(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = story.ledger.market.clients
    whole = follow(clients, story.folder, derive=derive)
    monkeypatch.setattr(following, "LARGEST_ROWS", 60)
    parts = follow(clients, tmp_path, derive=derive)
    assert len(parts.segments) > 3
    for name, schema in TABLES.items():
        one, several = (
            [row for path in manifest.files(name) for row in pq.read_table(path).to_pylist()]
            for manifest in (whole, parts)
        )
        assert one == several
        assert pq.read_schema(whole.files(name)[0]).names == schema.names
    assert verify(clients, tmp_path, derive) == []

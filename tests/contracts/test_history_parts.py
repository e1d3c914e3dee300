"""ledger.history and settlement.verification over parts, statuses and the three models, on a chain.

given trades settled by masks and in parts      ─ units, transactions and parts are what was sent
given offices said something                    ─ where each trade stands is what the contract says
when verified                                   ─ every settlement is recomputed, by each model
when a part, its start, or the model is told otherwise ─ the check stops
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ledger.clients.clearing_house import Status
from ledger.contract import Event
from ledger.history import History, SettledPart, read
from settlement.errors import LedgerDisagrees
from settlement.market import Market
from settlement.verification import verify
from tests.contracts.clearing import slice_of
from tests.contracts.clearing_model import Trade
from tests.contracts.office import Office
from tests.contracts.support import LEVY_PPM, SECURITIES, TIERS

RICH = {(name, code): 10**12 for name in ("B1", "B2", "B3") for code in (*SECURITIES, "NPR")}
SHARES = (("V", 200_000), ("P", 50_000))
TRADES = (
    Trade(1, "B1", "B2", "S1", 10, 1_000_003),
    Trade(2, "B2", "B3", "S2", 7, 5_000_001),
    Trade(3, "B3", "B1", "S5", 3, 60_000_007),
    Trade(4, "B3", "B3", "S8", 5, 777_777),
    Trade(5, "B1", "B3", "S8", 9, 41_234_567),
    Trade(6, "B2", "B1", "S8", 1, 17),
)


@pytest.fixture
def past(office: Office) -> tuple[Office, list[bytes], History]:
    """Six settlements by all models, with masks, parts, and both."""
    floor = office.floor
    office.ledger.issue(RICH)
    for payer in ("B1", "B2", "B3"):
        floor.agree(payer, SHARES)
    batch = floor.entered(*TRADES)
    late = floor.entered(*(replace(t, number=70_000 + t.number) for t in TRADES))
    office.allow(batch)
    office.allow(late)
    floor.open()
    sent = [
        floor.settle(slice_of(batch, [1], [(0, 3), (4, 2)]), slice_of(late, [0, 3])),
        floor.settle(slice_of(batch, parts=[(4, 3), (0, 1), (4, 1)]), model=1),
        floor.settle(slice_of(batch, [2], [(4, 0), (0, 5)]), slice_of(late, [1, 2]), model=2),
        floor.settle(slice_of(batch, parts=[(0, 0)]), slice_of(batch, [3]), model=1),
        floor.settle(slice_of(late, parts=[(4, 0)]), model=2),
        floor.settle(slice_of(late, parts=[(5, 1)]), model=3),
    ]
    return office, [receipt.transaction_hash for receipt in sent], read(office.ledger.clients)


def market(office: Office) -> Market:
    ledger = office.ledger
    bounds = [f"{up_to // 100}.{up_to % 100:02}" for up_to, _, _ in TIERS[:-1]]
    tiers = [
        SimpleNamespace(up_to=bound, rate_ppm=ppm, flat=f"0.{flat:02}")
        for bound, (_, ppm, flat) in zip([*bounds, None], TIERS, strict=True)
    ]
    fees = SimpleNamespace(kind="slab", tiers=tiers, levy=SimpleNamespace(beneficiary="R", rate_ppm=LEVY_PPM))
    scenario = SimpleNamespace(exponent=2, fees=fees, agreements=SimpleNamespace(shares=SHARES))
    found = SimpleNamespace(scenario=scenario, index=ledger.index, asset=ledger.asset, cash_asset=ledger.cash)
    return cast(Market, found)


def test_history_given_parts_has_units_and_transactions(past: tuple[Office, list[bytes], History]) -> None:
    office, sent, history = past
    batch, late = history.batches.values()
    assert batch.settled_quantity.tolist() == [10, 7, 3, 5, 9, 0]
    assert batch.settled.tolist() == [True] * 5 + [False]
    numbers = batch.records.number.tolist()
    at = {number: batch.position_of(number) for number in numbers}
    cuts = [(0, 1, 0, 3), (0, 5, 0, 2), (1, 5, 2, 5), (1, 1, 3, 4), (1, 5, 5, 6), (2, 5, 6, 9), (2, 1, 4, 9)]
    cuts.append((3, 1, 9, 10))
    assert batch.parts == [SettledPart(sent[k], at[n], start, end) for k, n, start, end in cuts]
    whole = {2: 0, 3: 2, 4: 3, 1: 3, 5: 2}
    assert {n: sent.index(batch.settlements[batch.settled_in[at[n]]]) for n in whole} == whole
    assert len(late.parts) == 2
    for each in (batch, late):
        for position, settled in enumerate(each.settled.tolist()):
            assert settled is (office.floor.house.status_of(each.batch_hash, position) == Status.SETTLED)


def test_history_given_part_only_has_units_and_is_not_settled(office: Office) -> None:
    office.ledger.issue(RICH)
    batch = office.floor.entered(*TRADES)
    office.allow(batch)
    office.floor.open()
    office.floor.settle(slice_of(batch, parts=[(0, 4), (1, 0)]))
    (found,) = read(office.ledger.clients).batches.values()
    assert found.settled_quantity.tolist() == [4, 7, 0, 0, 0, 0]
    assert found.settled.tolist() == [False, True, False, False, False, False]


def test_history_given_statuses_is_what_the_contract_says(office: Office) -> None:
    batch = office.floor.entered(*TRADES, excepts={"B1": [0]})
    for position, status in ((0, 5), (1, 4), (2, 4), (2, 1), (3, 7), (4, 4), (4, 6)):
        office.set_status(batch, position, Status(status))
    (found,) = read(office.ledger.clients).batches.values()
    assert found.out == {0: Status.CANCELLED, 1: Status.HELD, 3: Status.CLOSED_OUT, 4: Status.COMPENSATED}
    pending = [status == Status.PENDING for status in office.statuses(batch)]
    assert (~found.barred).tolist() == pending


def test_verify_given_all_models_and_parts_agrees(past: tuple[Office, list[bytes], History]) -> None:
    office, _, history = past
    assert len(history.netting_sets) == 6
    verify(market(office), history)


@pytest.mark.parametrize("name", ["grossAmount", "netAmount", "commission", "levy"])
@pytest.mark.parametrize("at", range(6))
def test_verify_given_a_total_is_off_stops(
    past: tuple[Office, list[bytes], History], name: str, at: int
) -> None:
    office, _, history = past
    event = history.netting_sets[at]
    changed: dict[str, Any] = {**event.arguments, name: event[name] + 1}
    history.netting_sets[at] = Event(event.name, changed, event.transaction)
    with pytest.raises(LedgerDisagrees, match=name):
        verify(market(office), history)


@pytest.mark.parametrize("at", range(8))
@pytest.mark.parametrize("change", ["longer", "moved", "gone"])
def test_verify_given_a_part_is_told_otherwise_stops(
    past: tuple[Office, list[bytes], History], at: int, change: str
) -> None:
    office, _, history = past
    batch = next(iter(history.batches.values()))
    part = batch.parts[at]
    if change == "longer":
        batch.parts[at] = replace(part, end=part.end + 1)
    elif change == "moved":
        batch.parts[at] = replace(part, position=3 if part.position != 3 else 2)
    else:
        batch.parts.pop(at)
    with pytest.raises(LedgerDisagrees):
        verify(market(office), history)


def test_verify_given_model_is_told_otherwise_stops(past: tuple[Office, list[bytes], History]) -> None:
    office, _, history = past
    event = history.netting_sets[2]
    history.netting_sets[2] = Event(event.name, {**event.arguments, "model": 1}, event.transaction)
    with pytest.raises(LedgerDisagrees, match="netAmount"):
        verify(market(office), history)

"""setStatus(batchHash, position, status): what offices say of a trade.

when the caller is no office                    ─ refused, whoever it is
given every status, when every other is to come ─ only what has not ended changes, to anything but UNKNOWN
                                                  and SETTLED; what a side excepted can only end
when the position is beyond the batch           ─ refused
given a trade is held, or ended                 ─ out of settlement, counted as such; masks and parts refused
given all others have settled                   ─ a held trade comes back alone, the others stay settled
given a trade settled in part                   ─ held and let back it goes on where it stood
"""

from __future__ import annotations

import pytest

from ledger import reverts
from ledger.clients.clearing_house import Status
from tests.contracts.clearing import Floor, slice_of
from tests.contracts.clearing_model import Trade
from tests.contracts.office import Office
from tests.contracts.support import Ledger, refused

PLENTY = {(name, code): 10**12 for name in ("B1", "B2", "B3") for code in ("S1", "S2", "S5", "NPR")}
ENDED = (Status.CANCELLED, Status.COMPENSATED, Status.CLOSED_OUT)
OUT = (Status.DISPUTED, Status.HELD)


def many(count: int) -> list[Trade]:
    return [Trade(n, "B1", "B2", "S1", 10, 1_000) for n in range(1, count + 1)]


@pytest.fixture
def floor(office: Office) -> Floor:
    office.ledger.issue(PLENTY)
    return office.floor


def test_set_status_when_caller_is_no_office_reverts(ledger: Ledger) -> None:
    floor = Floor(ledger)
    batch = floor.entered(*many(2))
    for name, signer in ledger.everyone_but():
        with refused(reverts.ClearingHouse_NotOffice, caller=signer.address):
            floor.house.send(signer, "setStatus", batch.hash, 0, Status.HELD)
        assert floor.house.status_of(batch.hash, 0) == Status.PENDING, name


def test_set_status_when_another_contract_asks_reverts(office: Office, ledger: Ledger) -> None:
    """The office of one clearing house is nobody to another."""
    batch = Floor(ledger).entered(*many(1))
    with refused(reverts.ClearingHouse_NotOffice, caller=office.contract.address):
        office.contract.send(
            ledger.outsider, "setStatus", ledger.clearing_house.address, batch.hash, 0, Status.HELD
        )


@pytest.mark.parametrize("target", Status)
@pytest.mark.parametrize("source", [*Status, "excepted"])
def test_set_status_from_any_to_any(
    office: Office, floor: Floor, source: Status | str, target: Status
) -> None:
    excepts = {"B1": [1]} if source == "excepted" else {}
    batch = floor.entered(*many(3), excepts=excepts)
    position = 3 if source == Status.UNKNOWN else 1
    if source == Status.SETTLED:
        floor.open()
        floor.settle(slice_of(batch, [1]))
    elif isinstance(source, Status) and source not in (Status.UNKNOWN, Status.PENDING):
        office.set_status(batch, 1, source)
    before = Status.DISPUTED if source == "excepted" else source
    assert floor.house.status_of(batch.hash, position) == before
    pending = office.pending(batch)
    assert pending == (3 if source in (Status.UNKNOWN, Status.PENDING) else 2)
    possible = before in (Status.PENDING, *OUT) and target in ENDED
    possible |= source in (Status.PENDING, *OUT) and target in OUT
    possible |= target == Status.PENDING and source in OUT
    if not possible:
        with refused(
            reverts.ClearingHouse_Transition,
            **{"batchHash": batch.hash, "position": position, "from": before, "to": target},
        ):
            office.set_status(batch, position, target)
        assert (floor.house.status_of(batch.hash, position), office.pending(batch)) == (before, pending)
        return
    facts = office.ledger.facts(office.set_status(batch, position, target))
    told = {"batchHash": batch.hash, "position": 1, "from": before, "to": target}
    assert facts == [("StatusChanged", told)]
    assert office.statuses(batch) == [Status.PENDING, target, Status.PENDING]
    assert office.pending(batch) == 2 + (target == Status.PENDING)


@pytest.mark.parametrize("status", [*OUT, *ENDED])
def test_settle_given_trade_is_out_reverts_and_others_settle(
    office: Office, floor: Floor, status: Status
) -> None:
    batch = floor.entered(*many(3))
    office.allow(batch)
    office.set_status(batch, 1, status)
    floor.open()
    for chosen in (slice_of(batch), slice_of(batch, [1]), slice_of(batch, parts=[(0, 0), (1, 0)])):
        with refused(reverts.ClearingHouse_NotPending, tradeNo=2, status=status):
            floor.settle(chosen)
    floor.settle(slice_of(batch, [0, 2]))
    assert office.statuses(batch) == [Status.SETTLED, status, Status.SETTLED]


@pytest.mark.parametrize("count", [3, 300])
@pytest.mark.parametrize("in_parts", [False, True])
def test_set_status_given_all_others_settled_lets_one_back_alone(
    office: Office, floor: Floor, count: int, in_parts: bool
) -> None:
    """Nothing was pending any more, and the last masks were not written down."""
    batch = floor.entered(*many(count))
    for position in (0, 1, count - 1):
        office.set_status(batch, position, Status.HELD)
    rest = range(2, count - 1)
    floor.open()
    if in_parts:
        floor.settle(slice_of(batch, parts=[(i, 0) for i in rest])) if rest else None
    elif rest:
        floor.settle(slice_of(batch, rest))
    assert office.pending(batch) == 0
    office.set_status(batch, 1, Status.PENDING)
    assert office.pending(batch) == 1
    held, settled = [Status.HELD], [Status.SETTLED] * len(rest)
    assert office.statuses(batch) == [*held, Status.PENDING, *settled, *held][:count]
    for position in rest:
        with refused(reverts.ClearingHouse_NotPending, tradeNo=position + 1, status=Status.SETTLED):
            floor.settle(slice_of(batch, [1, position]))
        break
    with refused(reverts.ClearingHouse_NotPending, tradeNo=1, status=Status.HELD):
        floor.settle(slice_of(batch, [0, 1]))
    floor.settle(slice_of(batch, parts=[(1, 0)]) if in_parts else slice_of(batch, [1]))
    assert office.statuses(batch) == [*held, Status.SETTLED, *settled, *held][:count]
    office.set_status(batch, 0, Status.PENDING)
    office.set_status(batch, count - 1, Status.PENDING)
    assert office.pending(batch) == 2
    floor.settle(slice_of(batch, [0, count - 1]))
    assert office.statuses(batch) == [Status.SETTLED] * count


def test_set_status_given_trade_settled_in_part_goes_on_where_it_stood(office: Office, floor: Floor) -> None:
    batch = floor.entered(*many(2))
    office.allow(batch)
    floor.open()
    floor.settle(slice_of(batch, parts=[(0, 4)]))
    office.set_status(batch, 0, Status.HELD)
    assert (office.pending(batch), office.settled_quantity(batch, 0)) == (1, 4)
    floor.settle(slice_of(batch, [1]))
    assert office.statuses(batch) == [Status.HELD, Status.SETTLED]
    with refused(reverts.ClearingHouse_NotPending, tradeNo=1, status=Status.HELD):
        floor.settle(slice_of(batch, parts=[(0, 1)]))
    office.set_status(batch, 0, Status.PENDING)
    assert office.statuses(batch) == [Status.PENDING, Status.SETTLED]
    with refused(reverts.ClearingHouse_NotPending, tradeNo=1, status=Status.PENDING):
        floor.settle(slice_of(batch, [0]))
    with refused(reverts.ClearingHouse_PartTooLarge, tradeNo=1, quantity=7, left=6):
        floor.settle(slice_of(batch, parts=[(0, 7)]))
    floor.settle(slice_of(batch, parts=[(0, 6)]))
    assert office.statuses(batch) == [Status.SETTLED, Status.SETTLED]
    assert (office.pending(batch), office.settled_quantity(batch, 0)) == (0, 0)


def test_set_status_given_trade_settled_in_part_ends_it(office: Office, floor: Floor) -> None:
    batch = floor.entered(*many(1))
    office.allow(batch)
    floor.open()
    floor.settle(slice_of(batch, parts=[(0, 4)]))
    office.set_status(batch, 0, Status.CLOSED_OUT)
    assert (office.pending(batch), office.settled_quantity(batch, 0)) == (0, 4)
    with refused(reverts.ClearingHouse_NotPending, tradeNo=1, status=Status.CLOSED_OUT):
        floor.settle(slice_of(batch, parts=[(0, 0)]))

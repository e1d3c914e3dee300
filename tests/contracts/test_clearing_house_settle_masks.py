"""settle(Slice[]): which records may be chosen.

when the mask is too short, too long, empty, or has bits beyond the last record ─ refused
when it has several words                       ─ exactly its records settle
given the trade is settled, disputed, or chosen twice in one call ─ refused, with its number
given a party has not affirmed, or is suspended ─ refused; its other batches and trades of others settle
given a beneficiary is suspended                ─ it is paid
"""

from __future__ import annotations

import pytest

from ledger import reverts
from ledger.clients.clearing_house import Slice, Status
from tests.contracts.clearing import Floor, mask, others, slice_of
from tests.contracts.clearing_model import Trade
from tests.contracts.support import Ledger, refused

PLENTY = {(name, code): 10**12 for name in ("B1", "B2", "B3") for code in ("S1", "S2", "S5", "NPR")}


@pytest.fixture
def floor(ledger: Ledger) -> Floor:
    ledger.issue(PLENTY)
    return Floor(ledger)


def three(start: int = 1) -> list[Trade]:
    return [
        Trade(start, "B1", "B2", "S1"),
        Trade(start + 1, "B2", "B3", "S2"),
        Trade(start + 2, "B3", "B1", "S5"),
    ]


def many(count: int) -> list[Trade]:
    return [Trade(n, "B1", "B2", "S1", 1, 100) for n in range(1, count + 1)]


@pytest.mark.parametrize(
    ("count", "words"), [(3, 0), (3, 2), (255, 2), (256, 0), (256, 2), (257, 1), (257, 3)]
)
def test_settle_when_mask_has_another_length_reverts(floor: Floor, count: int, words: int) -> None:
    batch = floor.entered(*many(count))
    other = floor.entered(*three(60_001))
    floor.open()
    wrong = Slice(batch.header, batch.records, mask(256 * words, range(1) if words else ()))
    with refused(reverts.ClearingHouse_MaskLength, slice=1, given=words, words=1 if count <= 256 else 2):
        floor.settle(slice_of(other), wrong)


@pytest.mark.parametrize(("count", "beyond"), [(1, 1), (1, 255), (3, 3), (255, 255), (257, 257), (257, 511)])
def test_settle_when_surplus_bit_is_set_reverts(floor: Floor, count: int, beyond: int) -> None:
    batch = floor.entered(*many(count))
    floor.open()
    for chosen in ([0, beyond], [beyond]):
        surplus = Slice(batch.header, batch.records, mask(-(-count // 256) * 256, chosen))
        with refused(reverts.ClearingHouse_SurplusBits, slice=0):
            floor.settle(surplus)


@pytest.mark.parametrize("count", [3, 256, 257])
def test_settle_when_mask_is_empty_reverts(floor: Floor, count: int) -> None:
    batch = floor.entered(*many(count))
    other = floor.entered(*three(60_001))
    floor.open()
    with refused(reverts.ClearingHouse_EmptyMask, slice=1):
        floor.settle(slice_of(other), slice_of(batch, []))


@pytest.mark.parametrize(
    "chosen", [range(256), range(256, 300), [255, 256], range(300), range(0, 300, 7), [299]]
)
def test_settle_when_mask_has_several_words_settles_its_records(
    floor: Floor, ledger: Ledger, chosen: list[int] | range
) -> None:
    batch = floor.entered(*many(300))
    floor.open()
    facts = others(ledger.facts(floor.settle(slice_of(batch, chosen))))
    assert facts[0][1]["count"] == len(chosen)
    assert ledger.balance("B1", "S1") == 10**12 + len(chosen)
    settled = {i for i in range(300) if ledger.clearing_house.status_of(batch.hash, i) == Status.SETTLED}
    assert settled == set(chosen)


@pytest.mark.parametrize("then", [[1], [0, 1, 2]])
@pytest.mark.parametrize("before", [[1], [0, 1], [0, 1, 2]])
def test_settle_given_trade_is_settled_reverts_with_lowest(
    floor: Floor, before: list[int], then: list[int]
) -> None:
    batch = floor.entered(*three())
    floor.open()
    floor.settle(slice_of(batch, before))
    lowest = min(set(before) & set(then))
    with refused(
        reverts.ClearingHouse_NotPending, tradeNo=batch.trades[lowest].number, status=Status.SETTLED
    ):
        floor.settle(slice_of(batch, then))


@pytest.mark.parametrize(
    ("first", "second", "twice"),
    [([0, 1], [1, 2], 1), ([0, 1, 2], [2], 2), ([0, 1, 2], [0, 1, 2], 0), ([2], [0, 1, 2], 2)],
)
def test_settle_when_slices_overlap_in_one_call_reverts(
    floor: Floor, first: list[int], second: list[int], twice: int
) -> None:
    batch = floor.entered(*three())
    floor.open()
    with refused(reverts.ClearingHouse_NotPending, tradeNo=batch.trades[twice].number, status=Status.SETTLED):
        floor.settle(slice_of(batch, first), slice_of(batch, second))
    assert {floor.house.status_of(batch.hash, i) for i in range(3)} == {Status.PENDING}


def test_settle_when_slices_of_one_batch_are_disjoint_settles_both(floor: Floor, ledger: Ledger) -> None:
    batch = floor.entered(*three())
    floor.open()
    facts = others(ledger.facts(floor.settle(slice_of(batch, [2]), slice_of(batch, [0, 1]))))
    assert [fact.get("count") for _, fact in facts] == [1, 2, None]
    assert [floor.house.status_of(batch.hash, i) for i in range(3)] == [Status.SETTLED] * 3


@pytest.mark.parametrize("excepts", [{"B1": [0]}, {"B2": [0]}, {"B1": [0], "B2": [0]}])
def test_settle_given_trade_is_disputed_reverts_and_rest_settles(
    floor: Floor, excepts: dict[str, list[int]]
) -> None:
    batch = floor.entered(*three(), excepts=excepts)
    floor.open()
    for chosen in ([0], [0, 1, 2]):
        with refused(reverts.ClearingHouse_NotPending, tradeNo=1, status=Status.DISPUTED):
            floor.settle(slice_of(batch, chosen))
    floor.settle(slice_of(batch, [1, 2]))
    with refused(reverts.ClearingHouse_NotPending, tradeNo=1, status=Status.DISPUTED):
        floor.settle(slice_of(batch, [0]))
    with refused(reverts.ClearingHouse_NotPending, tradeNo=2, status=Status.SETTLED):
        floor.settle(slice_of(batch, [1]))
    assert [floor.house.status_of(batch.hash, i) for i in range(3)] == [
        Status.DISPUTED,
        Status.SETTLED,
        Status.SETTLED,
    ]


def test_settle_given_all_trades_are_disputed_reverts(floor: Floor) -> None:
    batch = floor.entered(*three(), excepts={"B1": [0, 2], "B2": [0, 1], "B3": [1, 2]})
    floor.open()
    for i in range(3):
        with refused(reverts.ClearingHouse_NotPending, tradeNo=i + 1, status=Status.DISPUTED):
            floor.settle(slice_of(batch, [i]))


def test_settle_given_party_has_not_affirmed_reverts_and_others_settle(floor: Floor, ledger: Ledger) -> None:
    batch = floor.batch(*three())
    floor.record(batch)
    floor.affirm(batch, floor.affirmation(batch, "B1"), floor.affirmation(batch, "B2"))
    floor.open()
    for chosen in ([1], [2], [0, 1, 2]):
        with refused(reverts.ClearingHouse_Unaffirmed, slice=0, institution=ledger.index["B3"]):
            floor.settle(slice_of(batch, chosen))
    floor.settle(slice_of(batch, [0]))


def test_settle_given_party_affirmed_another_batch_only_reverts(floor: Floor, ledger: Ledger) -> None:
    affirmed, other = floor.entered(*three()), floor.batch(*three(11))
    floor.record(other)
    floor.open()
    with refused(reverts.ClearingHouse_Unaffirmed, slice=1, institution=ledger.index["B1"]):
        floor.settle(slice_of(affirmed), slice_of(other))


def test_settle_given_self_trade_is_not_affirmed_reverts(floor: Floor, ledger: Ledger) -> None:
    batch = floor.batch(Trade(1, "B2", "B2"))
    floor.record(batch)
    floor.open()
    with refused(reverts.ClearingHouse_Unaffirmed, slice=0, institution=ledger.index["B2"]):
        floor.settle(slice_of(batch))


def test_settle_given_suspended_party_reverts_and_others_settle(floor: Floor, ledger: Ledger) -> None:
    batch = floor.entered(*three())
    floor.open()
    ledger.suspend("B3")
    for slices in ([slice_of(batch, [1])], [slice_of(batch, [0]), slice_of(batch, [1, 2])]):
        with refused(reverts.ClearingHouse_Suspended, slice=len(slices) - 1, institution=ledger.index["B3"]):
            floor.settle(*slices)
    floor.settle(slice_of(batch, [0]))
    ledger.consortium.reinstate(ledger.signers["R"], ledger.index["B3"])
    floor.settle(slice_of(batch, [1, 2]))


def test_settle_given_beneficiaries_are_suspended_pays_them(floor: Floor, ledger: Ledger) -> None:
    """Nobody stops the market by being put out: levy and revenue shares are owed all the same."""
    floor.agree("B1", [("P", 500_000)])
    batch = floor.entered(*three())
    floor.open()
    ledger.suspend("P")
    ledger.suspend("R", by="R2")
    floor.settle(slice_of(batch))
    assert ledger.balance("P", "NPR") == 6_000
    assert ledger.balance("R", "NPR") == 6 * 150

"""settle(model, Slice[]) with parts: trades that settle by quantity. Random ones are in _parts_property.

when a word has bits above the position, or a position beyond the records ─ refused, with the part's place
when more is asked for than is left             ─ refused, with what is left
given the sides do not allow it                 ─ only all that is left settles
given they do                                   ─ amount, commission, levy and shares by floors of the whole
        and tiers are graduated                 ─ the same: what the whole is charged is cut
when a trade is named in parts and in the mask, twice in full, or in two slices ─ refused
when it is named twice in part                  ─ both count
given it is settled in part                     ─ a mask cannot name it, in this call or later
given it is settled, disputed, or of a batch that is not affirmed ─ refused
when parts lie in any order of assets           ─ netted by model 3 as if they were sorted
when one settlement has parts only              ─ the mask is there all the same, with no bit
"""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from ledger import reverts
from ledger.abi import Words
from ledger.clients.clearing_house import Slice, Status
from tests.contracts.clearing import Floor, mask, others, slice_of, transfers_in
from tests.contracts.clearing_model import Model, Piece, Trade, commission, levy
from tests.contracts.office import Office
from tests.contracts.support import MAX_AMOUNT, SECURITIES, Ledger, bytes32, refused

SHARES = (("V", 200_000), ("P", 50_000))
RICH = {(name, code): 10**12 for name in ("B1", "B2", "B3") for code in (*SECURITIES, "NPR")}
TRADES = (
    Trade(1, "B1", "B2", "S1", 10, 1_000_003),
    Trade(2, "B2", "B3", "S2", 7, 5_000_001),
    Trade(3, "B3", "B1", "S5", 3, 60_000_007),
    Trade(4, "B3", "B3", "S8", 5, 777_777),
)
MODELS = (1, 2, 3)


@pytest.fixture
def floor(office: Office) -> Floor:
    office.ledger.issue(RICH)
    return office.floor


def word_slice(floor: Floor, batch: object, *words: int, chosen: tuple[int, ...] = ()) -> Slice:
    count = len(batch.trades)  # type: ignore[attr-defined]
    parts = Words(b"".join(word.to_bytes(32, "big") for word in words))
    return Slice(batch.header, batch.records, mask(count, chosen), parts)  # type: ignore[attr-defined]


@pytest.mark.parametrize("bit", [66, 67, 95, 96, 97, 128, 255])
def test_settle_when_part_has_bits_beyond_the_records_reverts(floor: Floor, office: Office, bit: int) -> None:
    """Positions of four records have two bits; above them everything is beyond."""
    batch, other = floor.entered(*TRADES), floor.entered(Trade(70_000, "B1", "B2"))
    office.allow(batch)
    floor.open()
    for quantity in (0, 1):
        with refused(reverts.ClearingHouse_InvalidPart, slice=1, part=1):
            wrong = word_slice(floor, batch, 1 << 64, 1 << bit | quantity, chosen=(0,))
            floor.settle(slice_of(other), wrong)
    assert office.statuses(batch) == [Status.PENDING] * 4


def test_settle_when_part_is_more_than_is_left_reverts(floor: Floor, office: Office) -> None:
    batch = floor.entered(*TRADES)
    office.allow(batch)
    floor.open()
    for quantity in (11, 2**63, 2**64 - 1):
        with refused(reverts.ClearingHouse_PartTooLarge, tradeNo=1, quantity=quantity, left=10):
            floor.settle(slice_of(batch, parts=[(0, quantity)]))
    floor.settle(slice_of(batch, parts=[(0, 4)]))
    for quantity in (7, 2**64 - 4):
        with refused(reverts.ClearingHouse_PartTooLarge, tradeNo=1, quantity=quantity, left=6):
            floor.settle(slice_of(batch, parts=[(0, quantity)]))
    with refused(reverts.ClearingHouse_PartTooLarge, tradeNo=1, quantity=4, left=3):
        floor.settle(slice_of(batch, parts=[(0, 3), (0, 4)]))
    assert office.settled_quantity(batch, 0) == 4


@pytest.mark.parametrize("model", MODELS)
def test_settle_given_parts_are_not_allowed_settles_all_that_is_left_only(
    floor: Floor, office: Office, model: int
) -> None:
    batch = floor.entered(*TRADES)
    office.allow(batch, 1)
    floor.open()
    for quantity in (1, 9):
        with refused(reverts.ClearingHouse_PartialNotAllowed, tradeNo=1):
            floor.settle(slice_of(batch, parts=[(1, 2), (0, quantity)]), model=model)
    assert office.settled_quantity(batch, 1) == 0
    floor.settle(slice_of(batch, parts=[(0, 10), (2, 0)]), model=model)
    assert office.statuses(batch) == [Status.SETTLED, Status.PENDING, Status.SETTLED, Status.PENDING]


def test_settle_given_nobody_says_anything_allows_no_part(ledger: Ledger) -> None:
    floor = Floor(ledger)
    ledger.issue(RICH)
    batch = floor.entered(*TRADES)
    floor.open()
    with refused(reverts.ClearingHouse_PartialNotAllowed, tradeNo=2):
        floor.settle(slice_of(batch, parts=[(1, 1)]))
    floor.settle(slice_of(batch, parts=[(1, 0), (0, 10)]))


@pytest.mark.parametrize("model", MODELS)
def test_settle_in_parts_moves_and_tells_by_floors_of_the_whole(
    floor: Floor, office: Office, model: int
) -> None:
    """Three parts of each trade: 1, then some, then all that is left."""
    ledger = office.ledger
    floor.agree("B3", SHARES)
    batch = floor.entered(*TRADES)
    office.allow(batch)
    floor.open()
    book = Model({"B3": SHARES})
    before = floor.balances()
    cuts = [[0, 1, t.quantity - 1, t.quantity] for t in batch.trades]
    for step in range(3):
        given = [(i, 0 if step == 2 else cuts[i][step + 1] - cuts[i][step]) for i in range(4)]
        pieces = [Piece(t, cut[step], cut[step + 1]) for t, cut in zip(batch.trades, cuts, strict=True)]
        facts = ledger.facts(floor.settle(slice_of(batch, parts=given), model=model))
        outcome = book.settle(pieces, model)
        assert transfers_in(facts) == floor.expected_transfers(outcome)
        told = [fact for name, fact in others(facts) if name == "TradeSettledInPart"]
        assert told == [
            {
                "batchHash": batch.hash,
                "tradeNo": piece.trade.number,
                "quantity": piece.end - piece.start,
                "amount": piece.cut(piece.trade.amount),
                "settledQuantity": piece.end,
            }
            for piece in pieces
        ]
        (sums,) = [fact for name, fact in facts if name == "NettingSetSettled"]
        assert (sums["model"], sums["grossAmount"], sums["netAmount"]) == (model, outcome.gross, outcome.net)
        assert (sums["commission"], sums["levy"]) == (outcome.commission.total(), outcome.levy.total())
        expected = [Status.PENDING if step < 2 else Status.SETTLED] * 4
        assert (office.statuses(batch), office.pending(batch)) == (expected, 4 if step < 2 else 0)
        units = [0 if step == 2 else cut[step + 1] for cut in cuts]
        assert [office.settled_quantity(batch, i) for i in range(4)] == units
    whole = Model({"B3": SHARES}).settle(TRADES)
    moved = {key: floor.balances().get(key, 0) - before.get(key, 0) for key in whole.deltas}
    assert moved == whole.deltas


def test_settle_in_parts_charges_by_the_tier_of_the_whole(floor: Floor, office: Office) -> None:
    """A tenth of the amount would be charged at a higher rate."""
    trade = Trade(1, "B1", "B2", "S1", 10, 40_000_000)
    batch = floor.entered(trade)
    office.allow(batch)
    floor.open()
    assert commission(4_000_000) > commission(40_000_000) // 10
    facts = office.ledger.facts(floor.settle(slice_of(batch, parts=[(0, 1)])))
    (sums,) = [fact for name, fact in facts if name == "NettingSetSettled"]
    assert (sums["commission"], sums["levy"]) == (
        commission(40_000_000) // 10 * 2,
        levy(40_000_000) // 10 * 2,
    )


@pytest.mark.parametrize("model", MODELS)
def test_settle_in_parts_given_graduated_tiers_cuts_what_the_whole_is_charged(
    floor: Floor, office: Office, model: int
) -> None:
    """Two parts and a whole trade; flat parts are charged once a trade, and a cut is rounded down."""
    tiers = ((1_000, 300_001, 7), (5_000, 100_003, 11), (2**88 - 1, 50_001, 2**64 - 1))
    ledger = office.ledger
    receipt = floor.house.register_fee_schedule(ledger.signers["V"], ledger.index["R"], 150, tiers, True)
    schedule = ledger.facts(receipt)[0][1]["feeScheduleId"]
    cut, whole = Trade(1, "B1", "B2", "S1", 7, 4_999), Trade(2, "B2", "B3", "S1", 3, 5_001)
    floor.agree("B2", SHARES)
    rules = Model({"B2": SHARES}, tiers=tiers, graduated=True)
    batch = floor.entered(cut, whole, fee_schedule_id=schedule)
    floor.fund(cut, whole, model=Model({"B2": SHARES}, tiers=tiers, graduated=True), reference="graduated")
    office.allow(batch)
    floor.open()
    charged = 0
    first, rest = [Piece(cut, 0, 3)], [Piece(cut, 3, 7), whole]
    for part, positions, settled in (((0, 3), [], first), ((0, 0), [1], rest)):
        outcome = rules.settle(settled, model)
        facts = ledger.facts(floor.settle(slice_of(batch, positions, [part]), model=model))
        assert transfers_in(facts) == floor.expected_transfers(outcome)
        (sums,) = [fact for name, fact in facts if name == "NettingSetSettled"]
        assert sums["commission"] == outcome.commission.total()
        charged += sums["commission"]
    # 300.001 + 399.911997 + 7 + 11 a side, and 300.001 + 400.012 + 0.050001 + 7 + 11 + (2^64 - 1).
    assert charged == 2 * 717 + 2 * (717 + 2**64)


def test_settle_in_parts_of_the_largest_numbers_is_exact(floor: Floor, office: Office) -> None:
    whole = 2**64 - 1 - 2 * 10**12
    trade = Trade(1, "B1", "B2", "S1", whole, MAX_AMOUNT)
    office.ledger.issue({("B2", "S1"): whole - 10**12, ("B1", "NPR"): 2**90, ("B2", "NPR"): 2**90}, "more")
    batch = floor.entered(trade)
    office.allow(batch)
    floor.open()
    before, cuts = floor.balances(), [0, 1, whole // 3, whole - 1, whole]
    for start, end in pairwise(cuts):
        facts = office.ledger.facts(floor.settle(slice_of(batch, parts=[(0, end - start)])))
        outcome = Model().settle([Piece(trade, start, end)])
        assert transfers_in(facts) == floor.expected_transfers(outcome)
    deltas = Model().settle([trade]).deltas
    assert {key: floor.balances().get(key, 0) - before.get(key, 0) for key in deltas} == deltas


@pytest.mark.parametrize("model", MODELS)
def test_settle_when_trade_is_named_twice_reverts(floor: Floor, office: Office, model: int) -> None:
    batch = floor.entered(*TRADES)
    office.allow(batch)
    floor.open()
    settled, pending = Status.SETTLED, Status.PENDING
    for slices, status in (
        ([slice_of(batch, [0, 1], [(1, 0)])], settled),
        ([slice_of(batch, [0, 1], [(1, 3)])], pending),
        ([slice_of(batch, parts=[(1, 0), (1, 0)])], settled),
        ([slice_of(batch, parts=[(1, 0), (1, 1)])], settled),
        ([slice_of(batch, [1]), slice_of(batch, parts=[(1, 0)])], settled),
        ([slice_of(batch, [1]), slice_of(batch, parts=[(1, 2)])], settled),
        ([slice_of(batch, parts=[(1, 2)]), slice_of(batch, [1])], pending),
        ([slice_of(batch, parts=[(1, 0)]), slice_of(batch, [1])], settled),
        ([slice_of(batch, range(4), [(i, 0) for i in range(4)])], settled),
        ([slice_of(batch), slice_of(batch, parts=[(1, 0)])], settled),
    ):
        number = 1 if len(slices[0].parts) == 4 * 32 else 2
        with refused(reverts.ClearingHouse_NotPending, tradeNo=number, status=status):
            floor.settle(*slices, model=model)
        assert (office.statuses(batch), office.pending(batch)) == ([pending] * 4, 4)
        assert office.settled_quantity(batch, 1) == 0


@pytest.mark.parametrize("model", MODELS)
def test_settle_when_trade_is_named_twice_in_part_counts_both(
    floor: Floor, office: Office, model: int
) -> None:
    batch = floor.entered(*TRADES)
    office.allow(batch)
    floor.open()
    facts = office.ledger.facts(floor.settle(slice_of(batch, parts=[(0, 3), (1, 7), (0, 4)]), model=model))
    first, second = batch.trades[:2]
    outcome = Model().settle([Piece(first, 0, 3), second, Piece(first, 3, 7)], model)
    assert transfers_in(facts) == floor.expected_transfers(outcome)
    assert [fact["count"] for name, fact in facts if name == "SliceSettled"] == [3]
    assert office.settled_quantity(batch, 0) == 7


def test_settle_given_trade_is_settled_in_part_refuses_masks(floor: Floor, office: Office) -> None:
    batch = floor.entered(*TRADES)
    office.allow(batch)
    floor.open()
    floor.settle(slice_of(batch, [1], [(0, 9)]))
    for chosen in ([0], [0, 2]):
        with refused(reverts.ClearingHouse_NotPending, tradeNo=1, status=Status.PENDING):
            floor.settle(slice_of(batch, chosen))
    floor.settle(slice_of(batch, [2, 3]))
    assert office.statuses(batch) == [Status.PENDING, *[Status.SETTLED] * 3]
    assert office.pending(batch) == 1
    with refused(reverts.ClearingHouse_NotPending, tradeNo=1, status=Status.PENDING):
        floor.settle(slice_of(batch, [0]))
    floor.settle(slice_of(batch, parts=[(0, 1)]))
    for chosen in (slice_of(batch, [0]), slice_of(batch, parts=[(0, 0)]), slice_of(batch, parts=[(0, 1)])):
        with refused(reverts.ClearingHouse_NotPending, tradeNo=1, status=Status.SETTLED):
            floor.settle(chosen)


def test_settle_given_trade_cannot_settle_refuses_its_parts(floor: Floor, office: Office) -> None:
    batch = floor.entered(*TRADES, excepts={"B2": [1]})
    unaffirmed = floor.batch(Trade(70_000, "B1", "B2"))
    floor.record(unaffirmed)
    office.allow(batch)
    office.allow(unaffirmed)
    floor.open()
    floor.settle(slice_of(batch, [0]))
    for position, status in ((0, Status.SETTLED), (1, Status.DISPUTED)):
        for quantity in (0, 1):
            with refused(reverts.ClearingHouse_NotPending, tradeNo=position + 1, status=status):
                floor.settle(slice_of(batch, [2], [(position, quantity)]))
    for quantity in (0, 1):
        with refused(reverts.ClearingHouse_Unaffirmed, slice=0, institution=office.ledger.index["B1"]):
            floor.settle(slice_of(unaffirmed, parts=[(0, quantity)]))


def test_settle_when_there_is_neither_mask_nor_part_reverts(floor: Floor) -> None:
    batch = floor.entered(*TRADES)
    floor.open()
    with refused(reverts.ClearingHouse_EmptyMask, slice=0):
        floor.settle(slice_of(batch, [], []))
    short = Slice(batch.header, batch.records, Words(), slice_of(batch, parts=[(0, 0)]).parts)
    with refused(reverts.ClearingHouse_MaskLength, slice=0, given=0, words=1):
        floor.settle(short)


def test_settle_by_model_3_when_parts_are_in_any_order_nets_them_all(floor: Floor, office: Office) -> None:
    """Circles: nobody owns what it sells, so that each security must be netted in one place."""
    chance = random.Random(3)
    names = ("B1", "B2", "B3")
    for name in names:
        for code in SECURITIES:
            reference = bytes32(f"{name} {code}")
            asset = office.ledger.asset[code]
            office.ledger.register.redeem(office.ledger.signers[name], reference, asset, 10**12)
    trades = [
        Trade(1 + 3 * i + k, names[k], names[(k + 1) % 3], code, 6, 1_000 + i)
        for i, code in enumerate(SECURITIES)
        for k in range(3)
    ]
    batch = floor.entered(*trades)
    office.allow(batch)
    floor.open()
    for quantity in (2, 1, 0):
        order = chance.sample(range(len(trades)), len(trades))
        facts = office.ledger.facts(floor.settle(slice_of(batch, parts=[(i, quantity) for i in order])))
        assert {asset for _, _, asset, _ in transfers_in(facts)} <= {office.ledger.cash}
    assert office.statuses(batch) == [Status.SETTLED] * len(trades)

"""Calldata as an enemy writes it: what the ABI's own encoder would never send.

when arrays share their bytes, or lie in another order  ─ read as any other encoding of the same values
when bytes follow the last                              ─ ignored
when an offset or a length points outside, or wraps     ─ refused
when calldata ends early, at any word                   ─ refused
when a value has bits above its type                    ─ refused
when any one or two words are others (property)         ─ refused, or whole: conserved, transit empty, gross
                                                          the amount of exactly what is settled
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.chain import Receipt
from ledger.clients.clearing_house import Status
from tests.contracts.clearing import Batch, Floor, slice_of
from tests.contracts.clearing_model import Trade
from tests.contracts.support import Ledger

TRADES = (Trade(1, "B1", "B2"), Trade(2, "B2", "B3", "S2"), Trade(3, "B3", "B1", "S5"))
HOSTILE = (2**256 - 1, 2**256 - 32, 2**255, 2**64, 2**64 - 1, 2**64 - 32, 2**63, 2**32, 0xFFFFFFE0, 10**5)

BEFORE_EVERYTHING = 2**255


@pytest.fixture
def floor(ledger: Ledger) -> Floor:
    ledger.issue({(name, code): 10**9 for name in ("B1", "B2", "B3") for code in ("S1", "S2", "S5", "NPR")})
    return Floor(ledger)


@pytest.fixture
def batches(floor: Floor) -> list[Batch]:
    """Two, affirmed, in an open cycle."""
    made = [floor.entered(*TRADES), floor.entered(Trade(9, "B1", "B1"), Trade(11, "B2", "B1", "S2"))]
    floor.open()
    return made


def word(value: int) -> bytes:
    return (value % 2**256).to_bytes(32, "big")


def words(*values: int | bytes) -> bytes:
    return b"".join(value if isinstance(value, bytes) else word(value) for value in values)


def send(floor: Floor, function: str, body: bytes, gas: int = 30_000_000, by: str = "V") -> Receipt:
    """The function with this body, sent by a venue for no more gas than a block usually has."""
    ledger = floor.ledger
    selector = floor.house.encode("settle", 3, [])[:4] if function == "settle" else _selector(floor, function)
    signer = ledger.signers[by]
    nonce = ledger.chain.nonce(signer.address)
    return ledger.chain.send(signer.sign_transaction(31337, nonce, floor.house.address, selector + body, gas))


def _selector(floor: Floor, function: str) -> bytes:
    header = floor.ledger.header().as_tuple()
    arguments = {"record": (header, []), "affirm": (header, [], []), "clear": (3, [], [])}
    return floor.house.encode(function, *arguments[function])[:4]


def header_of(batch: Batch) -> bytes:
    return words(*batch.header.as_tuple())


def settled(floor: Floor, batch: Batch) -> list[int]:
    return [i for i in range(3) if floor.house.status_of(batch.hash, i) == Status.SETTLED]


def test_settle_when_slices_share_records_settles_both(floor: Floor) -> None:
    """Two slices, masks first, then one copy of the records that both point to."""
    batch = floor.entered(*TRADES)
    floor.open()
    head = words(3, 0x40, 2, 0x40, 0x1C0)
    first = header_of(batch) + words(0x300, 0x120, 0x160, 1, 0b001, 0)
    second = header_of(batch) + words(0x180, 0x120, 0x160, 1, 0b110, 0)
    assert len(first) == len(second) == 0x180
    body = head + first + second + words(3) + batch.records
    # Offsets of a slice count from its own start.
    assert send(floor, "settle", body).status == 1
    assert settled(floor, batch) == [0, 1, 2]


def test_settle_when_slices_are_one_and_the_same_reverts(floor: Floor) -> None:
    """Both offsets of the array name the same slice: its records would settle twice."""
    batch = floor.entered(*TRADES)
    floor.open()
    body = (
        words(3, 0x40, 2, 0x40, 0x40)
        + header_of(batch)
        + words(0x120, 0x1A0, 0x1E0, 3)
        + batch.records
        + words(1, 0b111, 0)
    )
    receipt = send(floor, "settle", body)
    assert (receipt.status, settled(floor, batch)) == (0, [])
    alone = words(3, 0x40, 1, 0x20) + body[0xA0:]
    assert send(floor, "settle", alone).status == 1


def test_settle_when_mask_lies_in_records_reverts(floor: Floor) -> None:
    """A batch of one record whose length and record serve as mask too: bits beyond the last are set."""
    batch = floor.entered(TRADES[0])
    floor.open()
    body = (
        words(3, 0x40, 1, 0x20) + header_of(batch) + words(0x120, 0x120, 0x160, 1) + batch.records + word(0)
    )
    receipt = send(floor, "settle", body)
    assert receipt.status == 0
    assert floor.house.status_of(batch.hash, 0) == Status.PENDING


def test_settle_when_bytes_follow_settles(floor: Floor, ledger: Ledger) -> None:
    batch = floor.entered(*TRADES)
    floor.open()
    data = floor.house.encode("settle", 3, [slice_of(batch).as_tuple()])[4:]
    assert send(floor, "settle", data + bytes(range(256)) * 9).status == 1
    assert settled(floor, batch) == [0, 1, 2]


@pytest.mark.parametrize("function", ["record", "affirm", "settle", "clear"])
def test_when_calldata_ends_early_reverts(floor: Floor, ledger: Ledger, function: str) -> None:
    """Cut at every word, and a byte beside; the whole works."""
    batch = floor.batch(*TRADES)
    given = [each.as_tuple() for each in floor.affirmations(batch)]
    header, records = batch.header.as_tuple(), batch.records
    if function != "record" and function != "clear":
        floor.record(batch)
    if function == "settle":
        floor.affirm(batch, *floor.affirmations(batch))
        floor.open()
    whole = {
        "record": lambda: floor.house.encode("record", header, records),
        "affirm": lambda: floor.house.encode("affirm", header, records, given),
        "settle": lambda: floor.house.encode("settle", 3, [slice_of(batch).as_tuple()]),
        "clear": lambda: floor.house.encode("clear", 3, [slice_of(batch).as_tuple()], given),
    }[function]()[4:]
    # A signature's last word is filled up with 31 bytes that nobody reads.
    needed = len(whole) - (31 if function in ("affirm", "clear") else 0)
    cuts = {max(0, cut) for end in range(0, needed, 32) for cut in (end, end - 1, end + 1) if cut < needed}
    for cut in sorted(cuts):
        receipt = send(floor, function, whole[:cut])
        assert receipt.status == 0, f"{cut} of {len(whole)} bytes"
    assert send(floor, function, whole).status == 1


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("function", ["record", "affirm", "settle", "clear"])
def test_when_offset_or_length_points_outside_reverts(
    floor: Floor, ledger: Ledger, function: str, value: int
) -> None:
    batch = floor.batch(*TRADES)
    given = [each.as_tuple() for each in floor.affirmations(batch, {"B1": [0]})]
    header, records = batch.header.as_tuple(), batch.records
    if function not in ("record", "clear"):
        floor.record(batch)
    if function == "settle":
        floor.affirm(batch, *floor.affirmations(batch))
        floor.open()
    whole = {
        "record": lambda: floor.house.encode("record", header, records),
        "affirm": lambda: floor.house.encode("affirm", header, records, given),
        "settle": lambda: floor.house.encode("settle", 3, [slice_of(batch).as_tuple()]),
        "clear": lambda: floor.house.encode("clear", 3, [slice_of(batch, [1, 2]).as_tuple()], given),
    }[function]()[4:]
    # Words by their place: those that are offsets or lengths are small multiples of 32, or small counts.
    pointers = {
        "record": [6, 7],
        "affirm": [6, 7, 8, 12, 13],
        "settle": [0, 1, 2, 3, 10, 11, 12, 13, 17, 19],
        "clear": [1, 2, 3, 4, 11, 12, 13, 14, 18, 20, 21, 22],
    }
    for at in pointers[function]:
        if (function, at, value) in (("settle", 12, BEFORE_EVERYTHING), ("clear", 13, BEFORE_EVERYTHING)):
            continue
        hostile = whole[: 32 * at] + word(value) + whole[32 * at + 32 :]
        receipt = send(floor, function, hostile)
        assert receipt.status == 0, f"word {at}"
    assert send(floor, function, whole).status == 1


def test_settle_when_parts_lie_before_all_memory_reads_none(floor: Floor) -> None:
    """Solidity compares offsets with their sign and finds nothing there: a list of nothing, as any other."""
    batch = floor.entered(*TRADES)
    floor.open()
    whole = floor.house.encode("settle", 3, [slice_of(batch, [1]).as_tuple()])[4:]
    assert send(floor, "settle", whole[: 32 * 12] + word(BEFORE_EVERYTHING) + whole[32 * 13 :]).status == 1
    assert settled(floor, batch) == [1]


@pytest.mark.parametrize("at", range(6))
@pytest.mark.parametrize("function", ["record", "affirm", "settle", "clear"])
def test_when_header_has_bits_above_its_types_reverts(floor: Floor, function: str, at: int) -> None:
    """Two encodings of one header would be two names of one batch."""
    batch = floor.batch(*TRADES)
    if function in ("affirm", "settle"):
        floor.record(batch)
        floor.open()
    width = (16, 32, 16, 32, 16, 8)[at]
    fields = list(batch.header.as_tuple())
    fields[at] |= 1 << width
    dirty = words(*fields)
    body = {
        "record": dirty + words(0xE0, 3) + batch.records,
        "affirm": dirty + words(0x100, 0x180, 3) + batch.records + words(0),
        "settle": words(3, 0x40, 1, 0x20)
        + dirty
        + words(0x120, 0x1A0, 0x1E0, 3)
        + batch.records
        + words(1, 7, 0),
        "clear": dirty + words(0x120, 0x1A0, 0x1C0, 3) + batch.records + words(0, 1, 7),
    }[function]
    receipt = send(floor, function, body)
    assert (receipt.status, receipt.revert_data) == (0, b"")


def test_affirm_when_exceptions_have_bits_above_their_type_reverts(floor: Floor) -> None:
    batch = floor.batch(*TRADES)
    floor.record(batch)
    given = floor.affirmation(batch, "B1", excepts=[0])
    whole = floor.house.encode("affirm", batch.header.as_tuple(), batch.records, [given.as_tuple()])[4:]
    at = 8 + 4 + 1 + 1 + 6 + 1
    assert whole[32 * (at - 1) : 32 * (at + 1)] == words(1, 0)
    dirty = whole[: 32 * at] + word(1 << 32) + whole[32 * at + 32 :]
    assert send(floor, "affirm", dirty).status == 0
    assert send(floor, "affirm", whole).status == 1


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_settle_when_any_word_is_another_is_refused_or_whole(
    floor: Floor, batches: list[Batch], data: st.DataObject
) -> None:
    parts = [slice_of(batches[0], [0, 2]), slice_of(batches[1])]
    whole = floor.house.encode("settle", 3, [part.as_tuple() for part in parts])[4:]
    for _ in range(data.draw(st.integers(1, 2))):
        at = 32 * data.draw(st.integers(0, len(whole) // 32 - 1), label="word")
        off = 32 * data.draw(st.integers(-12, 12), label="bytes off")
        near = st.just(int.from_bytes(whole[at : at + 32], "big") + off)
        value = data.draw(near | st.integers(0, 40) | st.sampled_from(HOSTILE), label="value")
        whole = whole[:at] + word(value) + whole[at + 32 :]
    snapshot = floor.ledger.chain.snapshot()
    try:
        before = floor.balances()
        _check_whole(floor, batches, send(floor, "settle", whole), before)
    finally:
        floor.ledger.chain.restore(snapshot)


def _check_whole(
    floor: Floor, batches: list[Batch], receipt: Receipt, before: dict[tuple[str, str], int]
) -> None:
    chosen = [
        trade
        for batch in batches
        for i, trade in enumerate(batch.trades)
        if floor.house.status_of(batch.hash, i) == Status.SETTLED
    ]
    after = floor.balances()
    if not receipt.status:
        assert (chosen, after) == ([], before)
        return
    facts = floor.ledger.facts(receipt)
    (told,) = [fact for name, fact in facts if name == "NettingSetSettled"]
    assert told["grossAmount"] == sum(trade.amount for trade in chosen)
    for code in {code for _, code in before}:
        assert sum(n for (_, c), n in after.items() if c == code) == sum(
            n for (_, c), n in before.items() if c == code
        )
    assert "transit" not in {name for name, _ in after}

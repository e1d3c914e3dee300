"""What a transaction can carry.

records_limit     ─ the most that fits: real calldata and real gas of a batch of that size keep within
affirmed_together ─ all in one where it fits, several where not, left out what no transaction carries
next_netting_set  ─ every record in exactly one set, sizes within the limits, as many as fit; real gas within
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime

import numpy as np
import pytest
from eth_utils import keccak

from ledger.abi import Words
from ledger.chain import LocalChain, connect, default_engine
from ledger.chain.base import Limits
from ledger.clients.clearing_house import Header, Slice
from ledger.clock import SteppedClock
from ledger.history import RecordedBatch, read
from ledger.records import Records, pack, pack_mask
from ledger.signatures import NO_CLIENTS, Affirmation
from settlement import cycle, entering
from settlement.books import Book
from settlement.limits import (
    BATCH_RECORDS,
    SLICES,
    Extent,
    Part,
    affirmed_together,
    next_netting_set,
    records_limit,
)
from settlement.market import Market, establish
from settlement.model import Trades
from settlement.scenario import load

DAY = date(2019, 11, 21)
HEADER = Header(1, 20191121, 0x8001, 20191121, 1)
SECURITIES = tuple(f"X{i}" for i in range(1_500))
EXTENT = Extent(institutions=56, assets=len(SECURITIES), tiers=5, agreements=1, shares=3)
LOCAL = Limits(30_000_000_000)
GETH = Limits(30_000_000, 131_072)


@pytest.fixture(scope="module")
def market() -> Iterator[Market]:
    """The market of `nepse-2019` with 1,500 securities, brokers with plenty of cash."""
    with connect(default_engine(), clock=SteppedClock(datetime(2019, 11, 21, 9, tzinfo=UTC))) as chain:
        found = establish(chain, load("nepse-2019"))
        found.list_securities(SECURITIES)
        found.issue("BANK", keccak(text="cash"), {(name, "NPR"): 10**15 for name in found.scenario.brokers})
        yield found


def unsettled(count: int, seed: int, securities: int = 300, brokers: int = 50, first: int = 1) -> Records:
    """Random records of a batch."""
    draw = np.random.default_rng(seed)
    records = Records(
        number=np.arange(first, first + count, dtype=np.uint32),
        time=np.full(count, 0xFEFEFE, dtype=np.uint32),
        buyer=draw.integers(1, brokers + 1, count).astype(np.uint16),
        seller=draw.integers(1, brokers + 1, count).astype(np.uint16),
        asset=draw.integers(1, securities + 1, count).astype(np.uint16),
        quantity=draw.integers(1, 5_000, count).astype(np.uint64),
        amount=draw.integers(1_000, 10**9, count),
    )
    return records.take(records.order())


def batch_of(records: Records) -> RecordedBatch:
    words = pack(records)
    return RecordedBatch(keccak(words), HEADER, words, records, b"")


def signed(institution: int, count: int, exceptions: int = 0) -> Affirmation:
    return Affirmation(institution, count, 1, NO_CLIENTS, tuple(range(exceptions)), bytes([255]) * 65)


def sent(market: Market, function: str, *arguments: object) -> int:
    """Bytes of the signed transaction of a call."""
    data = market.clients.clearing_house.encode(function, *arguments)
    signer, highest = market.venue, 2**40
    return len(signer.sign_transaction(highest, highest, "0x" + "ff" * 20, data, highest, highest, highest))


def test_records_limit_given_a_local_chain_is_the_contracts() -> None:
    assert records_limit(LOCAL, 56) == BATCH_RECORDS == 8_192


@pytest.mark.parametrize("limits", [GETH, Limits(16_777_216, 131_072), Limits(10**9, 60_000)])
@pytest.mark.parametrize("institutions", [2, 56])
def test_records_limit_given_bytes_is_what_every_steps_calldata_fits(
    market: Market, limits: Limits, institutions: int
) -> None:
    assert limits.transaction_bytes is not None
    largest = records_limit(limits, institutions)

    def sizes(count: int) -> list[int]:
        words, mask = Words(b"\xff" * 32 * count), Words(b"\xff" * 32 * -(-count // 256))
        header = HEADER.as_tuple()
        everyone = [signed(i, count).as_tuple() for i in range(1, institutions + 1)]
        return [
            sent(market, "record", header, words),
            sent(market, "affirm", header, words, everyone),
            sent(market, "affirm", header, words, [signed(1, count, count).as_tuple()]),
            sent(market, "settle", 3, [Slice(HEADER, words, mask).as_tuple()] * 2),
        ]

    assert max(sizes(largest)) <= limits.transaction_bytes
    assert max(sizes(largest + 8)) > limits.transaction_bytes


def test_records_limit_rises_with_the_limits_and_is_one_at_least() -> None:
    by_gas = [records_limit(Limits(gas), 56) for gas in range(1_000_000, 60_000_000, 1_000_000)]
    by_size = [records_limit(Limits(30_000_000, size), 56) for size in range(1_000, 600_000, 9_000)]
    for found in (by_gas, by_size):
        assert found == sorted(found)
        assert found[0] == 1
        assert found[-1] == BATCH_RECORDS


def test_affirmed_together_given_room_is_one_transaction() -> None:
    words = [signed(i, 10) for i in range(1, 57)]
    assert affirmed_together(LOCAL, 8_192, words) == [words]
    assert affirmed_together(GETH, 2_000, words) == [words]
    assert affirmed_together(LOCAL, 10, []) == []


def test_affirmed_together_given_little_room_is_several_that_fit(market: Market) -> None:
    draw = random.Random(1)
    words = [signed(i, 500, draw.choice((0, 3, 200))) for i in range(1, 57)]
    limits = Limits(9_000_000, 30_000)
    groups = affirmed_together(limits, 500, words)
    assert len(groups) > 2
    assert [each for group in groups for each in group] == words
    records = Words(b"\xff" * 32 * 500)
    for group in groups:
        given = [each.as_tuple() for each in group]
        assert sent(market, "affirm", HEADER.as_tuple(), records, given) <= 30_000


def test_affirmed_together_leaves_out_what_no_transaction_carries() -> None:
    """Its institution's trades wait; everybody else's word is heard."""
    words = [signed(1, 900), signed(2, 900, 900), signed(3, 900)]
    assert affirmed_together(Limits(30_000_000, 50_000), 900, words) == [[words[0], words[2]]]


@pytest.mark.parametrize("seed", range(40))
def test_next_netting_set_given_any_parts_takes_each_record_once_within_the_limits(seed: int) -> None:
    draw = random.Random(seed)
    batches = [batch_of(unsettled(draw.randint(1, 400), seed * 99 + k)) for k in range(draw.randint(1, 9))]
    rows = [np.array([draw.random() < 0.7 for _ in range(len(b.records))], dtype=bool) for b in batches]
    parts = [Part(batch, mask) for batch, mask in zip(batches, rows, strict=True) if mask.any()]
    limits = Limits(draw.choice((10**6, 5 * 10**6, 10**8)), draw.choice((None, 15_000, 60_000)))
    balances = {(draw.randint(0, 56), draw.randint(1, 300)): draw.randint(0, 1) for _ in range(900)}
    taken = {batch.batch_hash: np.zeros(len(batch.records), dtype=int) for batch in batches}
    rest, last = parts, -1
    while rest:
        found, rest = next_netting_set(rest, balances, EXTENT, limits)
        assert 1 <= len(found) <= SLICES
        size = 68 + sum(352 + len(p.batch.words) + 32 * -(-len(p.rows) // 256) for p in found)
        assert limits.transaction_bytes is None or size <= limits.transaction_bytes
        for part in found:
            assert part.rows.any()
            taken[part.batch.batch_hash] += part.rows
            place = batches.index(part.batch)
            assert place >= last
            last = place
    for batch, mask in zip(batches, rows, strict=True):
        assert (taken[batch.batch_hash] == mask).all()


def test_next_netting_set_given_a_local_chain_is_one_of_so_many_slices() -> None:
    parts = [Part(batch_of(unsettled(2, k)), np.ones(2, dtype=bool)) for k in range(SLICES + 1)]
    found, rest = next_netting_set(parts, {}, EXTENT, LOCAL)
    assert (len(found), len(rest)) == (SLICES, 1)
    large = [Part(batch_of(unsettled(8_192, k)), np.ones(8_192, dtype=bool)) for k in range(12)]
    assert len(next_netting_set(large, {}, EXTENT, LOCAL)[0]) == 12


def test_next_netting_set_given_hardly_any_gas_takes_one_record() -> None:
    parts = [Part(batch_of(unsettled(5, k)), np.ones(5, dtype=bool)) for k in range(2)]
    found, rest = next_netting_set(parts, {}, EXTENT, Limits(21_000))
    assert [int(part.rows.sum()) for part in found] == [1]
    assert [int(part.rows.sum()) for part in rest] == [4, 5]


def test_next_netting_set_given_filled_slots_takes_more() -> None:
    """A security that is there already costs a slot changed and not a slot filled."""
    part = Part(batch_of(unsettled(2_000, 1)), np.ones(2_000, dtype=bool))
    everything = {(holder, asset): 1 for holder in range(1, 57) for asset in range(1, 301)}
    fresh, held = (
        int(next_netting_set([part], balances, EXTENT, GETH)[0][0].rows.sum())
        for balances in ({}, everything)
    )
    assert 300 < fresh < held


SHAPES = {
    "two records": [(2, 1, 2)],
    "few": [(30, 300, 50)],
    "many securities": [(2_000, 1_500, 50)],
    "few securities": [(2_000, 4, 50)],
    "few brokers": [(600, 300, 3)],
    "small slices": [(20, 1_500, 50)] * 40,
    "large slices": [(1_500, 300, 50)] * 3,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_settle_given_as_little_gas_as_its_bound_is_not_refused(
    market: Market, shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound of what settles together is at least what it uses, and not twice as much, but that of each
    payer it allows for a period's first settlement, which costs some 25,000 more.
    """
    chain, house = market.chain, market.clients.clearing_house
    assert isinstance(chain, LocalChain)
    before = chain.snapshot()
    try:
        parts, balances = affirmed(market, shape)
        least = smallest(market, parts, balances)
        house.open_cycle(market.venue, chain.block().timestamp + 60)
        monkeypatch.setattr(chain, "gas_for", lambda *_: least)
        slices = [Slice(part.batch.header, part.batch.words, pack_mask(part.rows)) for part in parts]
        used = house.settle(market.venue, 3, slices).gas_used
        assert used <= least < 2 * used + 25_000 * len(market.scenario.brokers)
    finally:
        chain.restore(before)


def affirmed(market: Market, shape: str) -> tuple[list[Part], dict[tuple[int, int], int]]:
    """Batches of a shape, recorded, affirmed by all, what they take issued; and what everybody holds."""
    history = read(market.clients)
    days = [
        day_of(market, unsettled(count, k, securities, brokers, first=1 + (k << 16)))
        for k, (count, securities, brokers) in enumerate(SHAPES[shape])
    ]
    for k, trades in enumerate(days):
        entering.record(market, entering.batches_of(market, trades))
        sold = {
            (trades.parties[s], trades.securities[c]): 2**32
            for s, c in zip(trades.seller.tolist(), trades.security.tolist(), strict=True)
        }
        market.issue(market.scenario.securities.issuer, keccak(text=f"{k}"), sold)
    books = {
        name: Book(name, {DAY: joined([own(trades, i) for trades in days])})
        for i, name in enumerate(market.scenario.brokers)
    }
    entering.affirm(market, list(read(market.clients, history).batches.values()), books, market.venue)
    parts = cycle.open_parts(read(market.clients, history))
    assert sum(int(part.rows.sum()) for part in parts) == sum(len(trades) for trades in days)
    return parts, market.clients.register.balances(history.movements.places())


def smallest(market: Market, parts: list[Part], balances: dict[tuple[int, int], int]) -> int:
    """The least gas with which all parts go into one netting set."""
    extent = Extent(len(market.index), len(SECURITIES), len(market.scenario.fees.tiers), 1, 3)
    low, high = 21_000, LOCAL.transaction_gas
    while low < high:
        middle = (low + high) // 2
        rest = next_netting_set(parts, balances, extent, Limits(middle))[1]
        low, high = (middle + 1, high) if rest else (low, middle)
    return low


def day_of(market: Market, records: Records) -> Trades:
    """Records whose parties and securities are counted from 1 as trades of the market."""
    return Trades(
        trading_day=DAY,
        parties=market.scenario.brokers,
        securities=SECURITIES,
        number=records.number,
        time=records.time,
        buyer=records.buyer.astype(np.int32) - 1,
        seller=records.seller.astype(np.int32) - 1,
        security=records.asset.astype(np.int32) - 1,
        quantity=records.quantity,
        amount=records.amount,
        line=np.zeros(len(records)),
    )


def own(trades: Trades, party: int) -> Trades:
    return trades.take((trades.buyer == party) | (trades.seller == party))


def joined(parts: list[Trades]) -> Trades:
    names = ("number", "time", "buyer", "seller", "security", "quantity", "amount", "line")
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Trades(DAY, parts[0].parties, parts[0].securities, **columns)

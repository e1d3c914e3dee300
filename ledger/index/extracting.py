"""The chain's events and calldata as tables, in bulk: `Extractor` takes transactions as they come and gives
the tables of a segment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from eth_utils import keccak

from ledger.abi import WORD, Words
from ledger.calldata import Data, records_in, slices_in
from ledger.chain.base import Block, Mined
from ledger.chain.logs import Logs
from ledger.clients import Clients
from ledger.clients.clearing_house import Header
from ledger.clients.consortium import account_of
from ledger.errors import EngineFailed, InvalidValue
from ledger.history import NOBODY
from ledger.ids import parse_day_number
from ledger.index.columns import balances_table, blocks_table, joined, picked, stood, trade_columns
from ledger.index.decoding import EventKind, event_kinds, event_tables, high, low
from ledger.index.schema import BATCHES, CHANGES, MOVEMENTS, TABLES, TRADES, TRANSACTIONS
from ledger.index.sent import InOrder, Sent
from ledger.index.standing import STANDS, Standing
from ledger.records import unpack, unpack_mask
from ledger.units import exact_add, exact_words

_HOUSE = ("BatchRecorded", "TradeDisputed", "TradeSettledInPart", "StatusChanged", "SliceSettled")
"""Events of the clearing house that say where trades stand."""
_LARGE = 1_000
"""Trades of a batch, on average, with which the tables of batches are read as fast as one of them all."""


@dataclass
class Counted:
    """How far the numbers of an index have come: the next transaction, batch and trade, and every balance
    that is not zero, by (institution << 16 | asset)."""

    transaction: int = 1
    batch: int = 0
    trade: int = 0
    balances: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Extracted:
    """A segment: its tables by name, those of TABLES always, those of events where there are any; and the
    batches recorded in it, by their hashes, as they stand at its end. One that is `full` ends where it has
    to, whatever the chain has after it."""

    first_block: int
    last: Block
    full: bool
    tables: Mapping[str, pa.Table]
    recorded: Mapping[bytes, Standing]


@dataclass
class _Recorded:
    """A batch of the segment; `columns` are those of its trades that never change."""

    standing: Standing
    columns: list[pa.Array]


class Extractor:
    """Makes the tables of one segment after another.

    `sent` says who sent a transaction and its calldata; `block` gives a block; `earlier` a batch of an
    earlier segment, by its hash, as it stood when that ended, and `batches_of` the batches that changes of
    trades are of, with those of each. `counted` goes on with what is taken.
    """

    def __init__(
        self,
        clients: Clients,
        *,
        sent: Sent,
        block: Callable[[int], Block],
        earlier: Callable[[bytes], Standing],
        batches_of: Callable[[pa.Table], Iterable[tuple[bytes, pa.Table]]],
        counted: Counted,
    ) -> None:
        self.counted = counted
        self._house = clients.clearing_house
        self._sent, self._block, self._earlier, self._batches_of = sent, block, earlier, batches_of
        contracts = dict(zip(_names(clients), clients, strict=True))
        self._addresses = [
            (name, np.frombuffer(bytes.fromhex(contracts[name].address[2:]), dtype=np.uint8))
            for name in contracts
        ]
        self._kinds = {(kind.contract, kind.topic): kind for kind in event_kinds()}
        self._topic = {kind.name: kind.topic for kind in event_kinds() if kind.contract == "ClearingHouse"}
        self._prefix = np.frombuffer(bytes.fromhex(account_of(0)[2:])[:18], dtype=np.uint8)
        self._begin()

    def _begin(self) -> None:
        self.rows = 0
        self._pieces: dict[str, list[pa.Table]] = {}
        self._recorded: dict[bytes, _Recorded] = {}
        self._changed: dict[bytes, Standing] = {}
        self._last_block = -1

    def take(self, mined: Sequence[Mined]) -> None:
        """Transactions that come next, in the chain's order. Raises EngineFailed where the calldata is not
        what the contracts recorded.
        """
        logs, owner = joined(mined)
        contract = self._contracts(logs)
        rows = np.flatnonzero(contract >= 0)
        if not len(rows):
            return
        if len(rows) != len(logs):
            logs, owner, contract = picked(logs, rows), owner[rows], contract[rows]
        of, transaction = np.unique(owner, return_inverse=True)
        place = (np.arange(len(owner)) - np.searchsorted(owner, owner)).astype(np.int32)
        number = transaction + self.counted.transaction
        said = np.zeros(len(owner), dtype=np.int8)
        for kind, chosen in self._by_kind(logs, contract):
            self.rows += len(chosen)
            if kind.table in event_tables():
                columns = [pa.array(number[chosen]), pa.array(place[chosen]), *kind.decode(logs, chosen)]
                self._add(kind.table, pa.Table.from_arrays(columns, schema=kind.schema))
            else:
                self._movements(logs, chosen, number[chosen])
            if kind.contract == "ClearingHouse" and kind.name in _HOUSE:
                said[chosen] = 1 + _HOUSE.index(kind.name)
        own = [mined[which] for which in of.tolist()]
        sent = InOrder(self._sent(own))
        self._trades(logs, np.flatnonzero(said), said, number, sent)
        self._transactions(own, sent.rest())
        self.counted.transaction += len(of)

    def resume(self, tables: Mapping[str, pa.Table], rows: int) -> None:
        """Go on with a segment that was not full, of which this is the first that is taken: its tables, and
        its rows that count."""
        self.rows = rows
        seen = tables["transactions"]["block"].to_pylist()[-1:] or [-1]
        self._last_block = seen[0]
        blocks = tables["blocks"]
        self._add("blocks", blocks.filter(pc.field("block") <= seen[0]))
        for name in tables.keys() - {"blocks", "trades", "changes", "balances"}:
            # Parquet calls the items of a list otherwise, and the bytes of a file would be others.
            self._add(name, tables[name].cast(TABLES.get(name) or event_tables()[name]))
        batches = tables["batches"].select(["hash", "first_trade", "count"]).to_pylist()
        for row in batches:
            first = row["first_trade"]
            trades = tables["trades"].slice(first - batches[0]["first_trade"], row["count"]).combine_chunks()
            fixed = [column.chunk(0) for column in trades.columns[: -len(STANDS)]]
            self._recorded[row["hash"]] = _Recorded(Standing.of(first, trades), fixed)
        for batch_hash, changed in self._batches_of(tables["changes"]):
            self._standing(batch_hash).apply(changed)

    def finish(self, first_block: int, last: Block, *, full: bool) -> Extracted:
        """The segment of all that was taken, whose last block is `last`; a next one can begin."""
        if self._last_block != last.number:
            self._add("blocks", blocks_table([last]))
        self._add("changes", self._changes_table())
        self._add("balances", balances_table(self.counted.balances))
        tables = {name: pa.concat_tables(pieces).combine_chunks() for name, pieces in self._pieces.items()}
        tables["trades"] = self._trades_table()
        tables |= {name: schema.empty_table() for name, schema in TABLES.items() if name not in tables}
        for standing in self._standings():
            standing.touched[:] = False
        recorded = {batch_hash: each.standing for batch_hash, each in self._recorded.items()}
        self._begin()
        return Extracted(first_block, last, full, dict(sorted(tables.items())), recorded)

    def cut(self, mined: Sequence[Mined], enough: int, most: int) -> int | None:
        """How many of these transactions to take until the segment is full: at the end of a block that
        closes a cycle where there are `enough` rows, of any where there are `most`; None where there are not.

        Most trades that were recorded have settled where a cycle closes, and will not change any more.
        """
        logs, owner = joined(mined)
        house = [name for name, _ in self._addresses].index("ClearingHouse")
        contract = self._contracts(logs)
        recorded = np.flatnonzero((contract == house) & logs.named(self._topic["BatchRecorded"]))
        closed = owner[(contract == house) & logs.named(self._topic["CycleClosed"])]
        rows = np.bincount(owner[contract >= 0], minlength=len(mined))
        np.add.at(rows, owner[recorded], low(logs.words(recorded, 1)).astype(np.int64))
        blocks = np.array([each.block_number for each in mined], dtype=np.int64)
        ends = np.append(blocks[1:] != blocks[:-1], True)[: len(mined)]
        closes = np.isin(blocks, blocks[closed])
        total = self.rows + np.cumsum(rows)
        full = np.flatnonzero(ends & ((closes & (total >= enough)) | (total >= most)))
        return int(full[0]) + 1 if len(full) else None

    def _add(self, name: str, table: pa.Table) -> None:
        self._pieces.setdefault(name, []).append(table)

    def _standings(self) -> Iterator[Standing]:
        yield from (each.standing for each in self._recorded.values())
        yield from self._changed.values()

    def _contracts(self, logs: Logs) -> npt.NDArray[np.int8]:
        """Which contract emitted each event: its place among the addresses, -1 for none of them."""
        found = np.full(len(logs), -1, dtype=np.int8)
        head = np.ascontiguousarray(logs.addresses[:, :8]).view(np.uint64).reshape(-1)
        for k, (_, address) in enumerate(self._addresses):
            rows = np.flatnonzero(head == address[:8].view(np.uint64)[0])
            found[rows[(logs.addresses[rows] == address).all(axis=1)]] = k
        return found

    def _by_kind(
        self, logs: Logs, contract: npt.NDArray[np.int8]
    ) -> Iterator[tuple[EventKind, npt.NDArray[np.int64]]]:
        """The rows of each kind of event that is there."""
        head = np.ascontiguousarray(logs.topics[:, 0, :8]).view(np.uint64).reshape(-1)
        left = np.ones(len(head), dtype=bool)
        places = {name: k for k, (name, _) in enumerate(self._addresses)}
        for (name, topic), kind in self._kinds.items():
            same = (head == np.frombuffer(topic[:8], dtype=np.uint64)[0]) & (contract == places[name])
            rows = np.flatnonzero(same)
            if len(rows):
                left[rows] = False
                yield kind, rows
        if left.any():
            log = logs[int(np.flatnonzero(left)[0])]
            raise EngineFailed(self._house.chain.url, "logs", f"no known event of {log.address}")

    def _transactions(self, mined: Sequence[Mined], senders: Sequence[bytes]) -> None:
        numbers = [each.block_number for each in mined]
        first = self.counted.transaction
        columns = [
            pa.array(range(first, first + len(mined)), pa.int64()),
            pa.array(numbers, pa.int64()),
            pa.array([each.transaction_hash for each in mined], pa.binary(WORD)),
            pa.array(senders, pa.binary(20)),
        ]
        self._add("transactions", pa.Table.from_arrays(columns, schema=TRANSACTIONS))
        new = [number for number in dict.fromkeys(numbers) if number > self._last_block]
        self._add("blocks", blocks_table([self._block(number) for number in new]))
        self._last_block = numbers[-1]

    def _movements(self, logs: Logs, rows: npt.NDArray[np.int64], transaction: npt.NDArray[np.int64]) -> None:
        topics, amount = logs.topics[rows], logs.words(rows, 1)
        if amount[:, :16].any():
            raise EngineFailed(self._house.chain.url, "logs", "an amount of more than 128 bits moved")
        sender, receiver = self._holders(topics[:, 1]), self._holders(topics[:, 2])
        asset = low(topics[:, 3]).astype(np.int64)
        columns = [
            pa.array(transaction),
            pa.array(sender.astype(np.int32)),
            pa.array(receiver.astype(np.int32)),
            pa.array(asset.astype(np.uint16)),
            pa.array(low(amount)),
            pa.array(high(amount)),
        ]
        self._add("movements", pa.Table.from_arrays(columns, schema=MOVEMENTS))
        values = exact_words(amount)
        place = np.concatenate([receiver << 16 | asset, sender << 16 | asset])
        moved = place >= 0
        found, cell = np.unique(place[moved], return_inverse=True)
        change = exact_add(len(found), cell, np.concatenate([values, -values])[moved])
        balances = self.counted.balances
        for key, by in zip(found.tolist(), change.tolist(), strict=True):
            total = balances.pop(key, 0) + by
            if total < 0:
                raise EngineFailed(self._house.chain.url, "logs", "more was moved than was there")
            if total:
                balances[key] = total

    def _holders(self, addresses: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        own = (addresses[:, 12:30] == self._prefix).all(axis=1)
        index = addresses[:, 30].astype(np.int64) << 8 | addresses[:, 31]
        return np.where(own, index, NOBODY)

    def _trades(
        self,
        logs: Logs,
        rows: npt.NDArray[np.int64],
        said: npt.NDArray[np.int8],
        number: npt.NDArray[np.int64],
        sent: InOrder,
    ) -> None:
        """Apply what the clearing house said: runs of events of one kind, batch and transaction at once."""
        if not len(rows):
            return
        slices: Iterator[tuple[int, Words]] = iter(())
        sliced = 0  # the transaction whose slices those are
        for run in _runs(logs, rows, said, number):
            first = int(run[0])
            name, transaction = _HOUSE[int(said[first]) - 1], int(number[first])
            batch_hash = logs.topics[first, 3 if name == "SliceSettled" else 1].tobytes()
            calldata = sent.calldata(transaction - self.counted.transaction)
            if name == "BatchRecorded":
                self._record(batch_hash, logs, run, transaction, calldata)
                continue
            standing = self._standing(batch_hash)
            if name == "TradeDisputed":
                standing.except_(low(logs.topics[run, 2]).astype(np.uint32))
            elif name == "StatusChanged":
                to = low(logs.words(run, 1)).astype(np.uint8)
                standing.change(low(logs.topics[run, 2]).astype(np.int64), to, transaction)
            elif name == "TradeSettledInPart":
                numbers = low(logs.topics[run, 2]).astype(np.uint32)
                standing.settle_parts(numbers, low(logs.words(run, 2)), transaction)
            else:
                if sliced != transaction:
                    sliced, slices = transaction, slices_in(calldata)
                for _ in run.tolist():
                    standing.settle(self._mask(next(slices, None), batch_hash, len(standing)), transaction)

    def _mask(self, given: tuple[int, Words] | None, batch_hash: bytes, count: int) -> npt.NDArray[np.bool_]:
        """Which trades a slice chose. Slices are settled, and so told of, in the order of the calldata."""
        if given is None or given[0] != count or len(given[1]) != -(-count // 256) * WORD:
            raise EngineFailed(self._house.chain.url, "calldata", f"no slice of batch {batch_hash.hex()}")
        return unpack_mask(given[1], count)

    def _record(
        self,
        batch_hash: bytes,
        logs: Logs,
        rows: npt.NDArray[np.int64],
        transaction: int,
        calldata: Data,
    ) -> None:
        words = records_in(calldata, self._house)
        said = [logs.words(rows, k)[0] for k in range(8)]
        if keccak(words) != said[0].tobytes() or len(rows) != 1:
            raise EngineFailed(self._house.chain.url, "calldata", f"not batch {batch_hash.hex()}")
        header = Header(*(int.from_bytes(each.tobytes(), "big") for each in said[2:]))
        counted, records = self.counted, unpack(words)
        count, day = len(records), _day(header.trading_day)
        row = [counted.batch, batch_hash, transaction, header.venue, day, header.cash_asset]
        row += [_day(header.intended_settlement_date), header.fee_schedule_id, count, counted.trade]
        columns = [pa.array([value], kind.type) for value, kind in zip(row, BATCHES, strict=True)]
        self._add("batches", pa.Table.from_arrays(columns, schema=BATCHES))
        fixed = trade_columns(counted.trade, counted.batch, day, words, records)
        standing = Standing.recorded(counted.trade, records.number, records.quantity)
        self._recorded[batch_hash] = _Recorded(standing, fixed)
        self.rows += count
        counted.batch += 1
        counted.trade += count

    def _standing(self, batch_hash: bytes) -> Standing:
        if batch_hash in self._recorded:
            return self._recorded[batch_hash].standing
        if batch_hash not in self._changed:
            self._changed[batch_hash] = self._earlier(batch_hash)
        return self._changed[batch_hash]

    def _trades_table(self) -> pa.Table:
        batches = [
            pa.Table.from_arrays([*each.columns, *stood(each.standing, slice(None))], schema=TRADES)
            for each in self._recorded.values()
        ]
        if not batches:
            return TRADES.empty_table()
        trades = pa.concat_tables(batches)
        # Most of a segment is here. Where batches are large nothing is gained by putting it together again.
        return trades if len(trades) >= _LARGE * len(batches) else trades.combine_chunks()

    def _changes_table(self) -> pa.Table:
        found = [CHANGES.empty_table()]
        for standing in sorted(self._changed.values(), key=lambda each: each.first_trade):
            rows = np.flatnonzero(standing.touched)
            columns = [pa.array(standing.first_trade + rows), *stood(standing, rows)]
            found.append(pa.Table.from_arrays(columns, schema=CHANGES))
        return pa.concat_tables(found)


def _names(clients: Clients) -> list[str]:
    return [each.artifact.name for each in clients]


def _day(number: int) -> date | None:
    try:
        return parse_day_number(number)
    except InvalidValue:
        return None


def _runs(
    logs: Logs, rows: npt.NDArray[np.int64], said: npt.NDArray[np.int8], number: npt.NDArray[np.int64]
) -> Iterator[npt.NDArray[np.int64]]:
    """Rows that follow each other and are of one kind, transaction and batch; a recorded batch is alone."""
    place = np.where(said[rows] == 1 + _HOUSE.index("SliceSettled"), 3, 1)
    batch = logs.topics[rows, place]
    same = (batch[1:] == batch[:-1]).all(axis=1)
    same &= (said[rows][1:] == said[rows][:-1]) & (number[rows][1:] == number[rows][:-1])
    same &= said[rows][1:] != 1 + _HOUSE.index("BatchRecorded")
    yield from np.split(rows, np.flatnonzero(~same) + 1)

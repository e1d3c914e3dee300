"""`--export DIR`: a ledger, or one day of it, as four Parquet files, each row with its transactions.

    trades.parquet       a row a recorded trade
    positions.parquet    a row an institution and asset: opening + movements = closing
    commissions.parquet  a row a side of a settled trade
    shares.parquet       a row a party's part of a broker's commission in one settlement, an agreement

Amounts and quantities are DECIMAL(38, 0), so that sums stay exact; amounts are minor units of `currency`.
Transactions and batches are 0x and 64 hexadecimal digits. No file is ever there in part: all four are written
under other names first and take their own when they are complete.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ledger.clients.clearing_house import Status
from ledger.clients.consortium import TRANSIT
from ledger.history import NOBODY
from ledger.ids import parse_day_number
from ledger.units import TIME_UNKNOWN, exact
from settlement.errors import FileUnwritable
from settlement.fees import tiers_of
from settlement.report.facts import Facts, gather

if TYPE_CHECKING:
    from settlement.operations import Ledger

_EXACT = pa.decimal128(38, 0)
_HASH = pa.string()
_STATUSES = [each.name.lower() for each in Status]

TRADES = pa.schema(
    [
        ("trading_day", pa.date32()),
        ("trade_no", pa.uint32()),
        ("trade_time_s", pa.uint32()),  # seconds of the day, null where unknown
        ("buyer", pa.string()),
        ("seller", pa.string()),
        ("security", pa.string()),
        ("quantity", _EXACT),
        ("settlement_amount_minor", _EXACT),
        ("currency", pa.string()),
        ("intended_settlement_date", pa.date32()),
        ("status", pa.string()),  # settled, pending, disputed, held, cancelled, compensated or closed_out
        ("batch", _HASH),
        ("position", pa.uint32()),  # in the batch, from 0
        ("record_transaction", _HASH),
        ("buyer_affirm_transaction", _HASH),
        ("seller_affirm_transaction", _HASH),
        ("settle_transaction", _HASH),  # null while not settled
    ]
)
POSITIONS = pa.schema(
    [
        ("institution", pa.string()),
        ("asset", pa.string()),
        ("kind", pa.string()),  # security (whole units) or cash (minor units)
        ("opening", _EXACT),
        ("movements", _EXACT),
        ("closing", _EXACT),
        ("transactions", pa.list_(_HASH)),  # all that moved it, issues included, in order
    ]
)
COMMISSIONS = pa.schema(
    [
        ("trading_day", pa.date32()),
        ("trade_no", pa.uint32()),
        ("side", pa.string()),  # buyer or seller
        ("broker", pa.string()),
        ("settlement_amount_minor", _EXACT),
        ("rate_ppm", pa.uint32()),  # of the tier that the amount falls in
        ("commission_minor", _EXACT),
        ("levy_minor", _EXACT),
        ("currency", pa.string()),
        ("settle_transaction", _HASH),
    ]
)
SHARES = pa.schema(
    [
        ("payer", pa.string()),
        ("party", pa.string()),
        ("agreement", pa.uint32()),
        ("period", pa.uint16()),  # its first month, year * 12 + month - 1
        ("share_ppm", pa.uint32()),  # null where it is not a fixed share of all commission
        ("total_before_minor", _EXACT),  # the payer's running total of commission in the period
        ("total_after_minor", _EXACT),
        ("amount_minor", _EXACT),  # what the party received
        ("currency", pa.string()),
        ("settle_transaction", _HASH),
    ]
)


def prepare(directory: str | os.PathLike[str]) -> Path:
    """`directory`, made where it is missing. Raises FileUnwritable where nothing can be written there."""
    path = Path(directory)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise FileUnwritable(str(path), "a directory is wanted, and a file is in its place") from None
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL byte
        raise FileUnwritable(str(path), _said(error)) from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise FileUnwritable(str(path), "the directory does not take files")
    return path


def export(
    ledger: Ledger, directory: str | os.PathLike[str], day: date | None = None, *, facts: Facts | None = None
) -> tuple[Path, ...]:
    """Write the four files of a ledger, or of one trading day, into `directory`, replacing earlier ones;
    their paths. `facts` are those of the ledger or the day, where they are gathered already.

    Raises FileUnwritable.
    """
    path = prepare(directory)
    found = facts or gather(ledger, day)
    currency = ledger.market.scenario.cash.currency
    tables = {
        "trades": _trades(found, currency),
        "positions": _positions(found, currency),
        "commissions": _commissions(found, currency),
        "shares": _shares(found, currency),
    }
    waiting: dict[Path, Path] = {}
    try:
        for name, table in tables.items():
            target = path / f"{name}.parquet"
            waiting[target] = path / f".{target.name}.{os.getpid()}"
            pq.write_table(table, waiting[target])
        for target, temporary in waiting.items():
            os.replace(temporary, target)
    except OSError as error:
        raise FileUnwritable(str(path), _said(error)) from None
    finally:
        for temporary in waiting.values():
            temporary.unlink(missing_ok=True)
    return tuple(waiting)


def _trades(facts: Facts, currency: str) -> pa.Table:
    records, batches, batch = facts.records, facts.batches, facts.batch
    due = [parse_day_number(each.header.intended_settlement_date) for each in batches]
    return _table(
        TRADES,
        trading_day=_picked(facts.days, facts.day, pa.date32()),
        trade_no=records.number,
        trade_time_s=pa.array(records.time, mask=records.time == TIME_UNKNOWN),
        buyer=_named(facts.names, records.buyer),
        seller=_named(facts.names, records.seller),
        security=_named(facts.codes, records.asset),
        quantity=_decimals(records.quantity),
        settlement_amount_minor=_decimals(records.amount),
        currency=pa.repeat(currency, len(records)),
        intended_settlement_date=_picked(due, batch, pa.date32()),
        status=_picked(_STATUSES, facts.status, pa.string()),
        batch=_picked([_hex(each.batch_hash) for each in batches], batch, _HASH),
        position=facts.position,
        record_transaction=_picked([_hex(each.record_transaction) for each in batches], batch, _HASH),
        buyer_affirm_transaction=_affirmed(facts, "buyer"),
        seller_affirm_transaction=_affirmed(facts, "seller"),
        settle_transaction=_settle_transactions(facts),
    )


def _affirmed(facts: Facts, side: str) -> pa.Array:
    """The transactions that brought the affirmations of the parties on one side."""
    known: dict[bytes, int] = {}
    none = np.zeros(0, dtype=np.int64)
    columns = [none]
    for batch in facts.batches:
        place = np.full(max(facts.names, default=0) + 1, -1, dtype=np.int64)
        for institution, transaction in batch.affirmed_in.items():
            place[institution] = known.setdefault(transaction, len(known))
        columns.append(place[getattr(batch.records, side)])
    return _picked([_hex(each) for each in known], np.concatenate(columns), _HASH)


def _settle_transactions(facts: Facts) -> pa.Array:
    return _picked([_hex(each) for each in facts.settlements], facts.settled_in, _HASH)


def _positions(facts: Facts, currency: str) -> pa.Table:
    """An (institution, asset) that anything ever moved, by name and code."""
    moves = facts.movements
    sides = [(holder.astype(np.int64) << 16 | moves.asset) for holder in (moves.sender, moves.receiver)]
    place = np.concatenate(sides)
    changes = np.ones(len(moves), dtype=np.bool_)
    changes[1:] = moves.transaction[1:] != moves.transaction[:-1]
    hashes = [_hex(each) for each in moves.transaction[changes].tolist()]
    transaction = np.tile(np.cumsum(changes) - 1, 2)
    kept = ~np.isin(np.concatenate([moves.sender, moves.receiver]), (NOBODY, TRANSIT))
    pairs = np.unique(place[kept] << 31 | transaction[kept])  # both in one number, the place above
    places, starts = np.unique(pairs >> 31, return_index=True)
    named = [hashes[k] for k in (pairs & 0x7FFFFFFF).tolist()]
    ends = [*starts.tolist()[1:], len(pairs)]
    rows = []
    for at, start, end in zip(places.tolist(), starts.tolist(), ends[: len(places)], strict=True):
        name, asset = facts.names[at >> 16], facts.codes[at & 0xFFFF]
        account = facts.accounts[name]
        kind = "cash" if asset == currency else "security"
        amounts = [side.get(asset, 0) for side in (account.opening, account.moved, account.closing)]
        rows.append((name, asset, kind, *amounts, named[start:end]))
    return _of_rows(POSITIONS, sorted(rows))


def _commissions(facts: Facts, currency: str) -> pa.Table:
    """Both sides of every settled trade, by trade, the buyer's first."""
    rows = np.repeat(np.flatnonzero(facts.settled), 2)
    records = facts.records.take(rows)
    brokers = np.where(np.arange(len(rows)) % 2 == 0, records.buyer, records.seller)
    rates = np.array([tier.rate_ppm for tier in facts.schedule.tiers], dtype=np.int64)
    return _table(
        COMMISSIONS,
        trading_day=_picked(facts.days, facts.day[rows], pa.date32()),
        trade_no=records.number,
        side=_picked(["buyer", "seller"], np.arange(len(rows)) % 2, pa.string()),
        broker=_named(facts.names, brokers),
        settlement_amount_minor=_decimals(records.amount),
        rate_ppm=rates[tiers_of(facts.schedule, records.amount)],
        commission_minor=_decimals(facts.commission[rows]),
        levy_minor=_decimals(facts.levy[rows]),
        currency=pa.repeat(currency, len(rows)),
        settle_transaction=_picked([_hex(each) for each in facts.settlements], facts.settled_in[rows], _HASH),
    )


def _shares(facts: Facts, currency: str) -> pa.Table:
    rows = [
        (
            each.payer,
            each.party,
            each.agreement_id,
            each.period,
            each.share_ppm,
            each.total_before,
            each.total_after,
            each.amount,
            currency,
            _hex(each.transaction),
        )
        for each in facts.shared
    ]
    return _of_rows(SHARES, rows)


def _table(schema: pa.Schema, **columns: Any) -> pa.Table:
    arrays = []
    for field in schema:
        column = columns[field.name]
        arrays.append(
            column.cast(field.type) if isinstance(column, pa.Array) else pa.array(column, field.type)
        )
    return pa.Table.from_arrays(arrays, schema=schema)


def _of_rows(schema: pa.Schema, rows: Sequence[Sequence[Any]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return _table(schema, **{name: list(column) for name, column in zip(schema.names, columns, strict=True)})


def _picked(values: Sequence[Any], places: npt.NDArray[Any], kind: pa.DataType) -> pa.Array:
    """The value at each place; null at -1."""
    return pa.array(values, type=kind).take(pa.array(places, type=pa.int64(), mask=places < 0))


def _named(names: Mapping[int, str], indexes: npt.NDArray[Any]) -> pa.Array:
    place = np.zeros(max(names, default=0) + 1, dtype=np.int64)
    place[list(names)] = np.arange(len(names))
    return _picked(list(names.values()), place[indexes], pa.string())


def _decimals(column: npt.NDArray[Any]) -> pa.Array:
    """Integers, whatever their size."""
    whole = exact(column)
    if whole.dtype == object:
        return pa.array(whole.tolist(), type=_EXACT)
    return pa.array(whole).cast(_EXACT)


def _hex(value: bytes) -> str:
    return f"0x{value.hex()}"


def _said(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)

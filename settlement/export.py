"""`--export DIR`: the day as four Parquet files, each row with the transaction that says so.

    trades.parquet       a row a recorded trade
    positions.parquet    a row an institution and asset: opening + movements = closing
    commissions.parquet  a row a side of a settled trade
    shares.parquet       a row a party's part of a broker's commission in one settlement

Amounts and quantities are DECIMAL(38, 0), so that sums stay exact; amounts are minor units of `currency`.
Transactions and batches are 0x and 64 hexadecimal digits. No file is ever there in part: all four are written
under other names first and take their own when they are complete.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ledger.clients.consortium import TRANSIT
from ledger.history import NOBODY
from ledger.ids import parse_day_number
from ledger.units import TIME_UNKNOWN
from settlement.day import Day
from settlement.errors import FileUnwritable
from settlement.market import Market
from settlement.report.facts import Facts, gather

_EXACT = pa.decimal128(38, 0)
_HASH = pa.string()

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
        ("status", pa.string()),  # settled, pending or disputed
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
        ("trade_no", pa.uint32()),
        ("side", pa.string()),  # buyer or seller
        ("broker", pa.string()),
        ("settlement_amount_minor", _EXACT),
        ("rate_ppm", pa.uint32()),
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
        ("share_ppm", pa.uint32()),
        ("total_before_minor", _EXACT),  # the payer's running total of commission
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


def export(day: Day, directory: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Write the four files of a reconciled day into `directory`, replacing earlier ones; their paths.

    Raises FileUnwritable.
    """
    path, facts = prepare(directory), gather(day)
    tables = {
        "trades": _trades(day, facts),
        "positions": _positions(day.market, facts),
        "commissions": _commissions(day, facts),
        "shares": _shares(day, facts),
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


def _trades(day: Day, facts: Facts) -> pa.Table:
    trades, market = facts.trades, day.market
    batch = [facts.batches[k] for k in facts.batch.tolist()]
    parties = [market.index[name] for name in trades.parties]
    settled = np.where(facts.settled, "settled", np.where(facts.disputed, "disputed", "pending"))
    times = [None if second == TIME_UNKNOWN else second for second in trades.time.tolist()]
    return _table(
        TRADES,
        trading_day=[parse_day_number(each.header.trading_day) for each in batch],
        trade_no=trades.number,
        trade_time_s=times,
        buyer=_named(trades.parties, trades.buyer),
        seller=_named(trades.parties, trades.seller),
        security=_named(trades.securities, trades.security),
        quantity=trades.quantity.tolist(),
        settlement_amount_minor=trades.amount.tolist(),
        currency=[market.scenario.cash.currency] * len(trades),
        intended_settlement_date=[parse_day_number(each.header.intended_settlement_date) for each in batch],
        status=settled.tolist(),
        batch=[_hex(each.batch_hash) for each in batch],
        position=facts.position,
        record_transaction=[_hex(each.record_transaction) for each in batch],
        buyer_affirm_transaction=_affirmed(facts, parties, trades.buyer.tolist()),
        seller_affirm_transaction=_affirmed(facts, parties, trades.seller.tolist()),
        settle_transaction=_settle_transactions(facts),
    )


def _affirmed(facts: Facts, parties: Sequence[int], side: Sequence[int]) -> list[str | None]:
    """The transactions that brought the affirmations of the parties on one side."""
    return [
        _hex(facts.batches[k].affirmed_in.get(parties[party]))
        for k, party in zip(facts.batch.tolist(), side, strict=True)
    ]


def _settle_transactions(facts: Facts) -> list[str | None]:
    found: list[str | None] = []
    for batch in facts.batches:
        hashes = [_hex(transaction) for transaction in batch.settlements]
        found += [None if k < 0 else hashes[k] for k in batch.settled_in.tolist()]
    return found


def _positions(market: Market, facts: Facts) -> pa.Table:
    codes = {index: code for code, index in market.asset.items()}
    names = {index: name for name, index in market.index.items()}
    moved: dict[tuple[str, str], dict[str, None]] = {}
    moves = facts.history.movements
    columns = (
        moves.sender.tolist(),
        moves.receiver.tolist(),
        moves.asset.tolist(),
        moves.transaction.tolist(),
    )
    for sender, receiver, asset, transaction in zip(*columns, strict=True):
        for holder in {sender, receiver} - {NOBODY, TRANSIT}:
            moved.setdefault((names[holder], codes[asset]), {})[f"0x{transaction.hex()}"] = None
    rows = []
    for (name, asset), transactions in sorted(moved.items()):
        account = facts.accounts[name]
        kind = "cash" if asset == market.scenario.cash.currency else "security"
        sides = [side.get(asset, 0) for side in (account.opening, account.moved, account.closing)]
        rows.append((name, asset, kind, *sides, list(transactions)))
    return _of_rows(POSITIONS, rows)


def _commissions(day: Day, facts: Facts) -> pa.Table:
    """Both sides of every settled trade, by trade, the buyer's first."""
    kept = np.repeat(facts.settled, 2)
    trades = facts.trades
    amounts = trades.amount.tolist()
    rates = [facts.schedule.rate_ppm(amount) for amount in amounts]
    parties = np.stack([trades.buyer, trades.seller], axis=1).reshape(-1)[kept]
    count = len(parties)

    def both(values: Iterable[Any]) -> list[Any]:
        doubled = [value for value in values for _ in range(2)]
        return [value for value, keep in zip(doubled, kept.tolist(), strict=True) if keep]

    return _table(
        COMMISSIONS,
        trade_no=both(trades.number.tolist()),
        side=["buyer", "seller"] * (count // 2),
        broker=_named(trades.parties, parties),
        settlement_amount_minor=both(amounts),
        rate_ppm=both(rates),
        commission_minor=both(facts.commission.tolist()),
        levy_minor=both(facts.levy.tolist()),
        currency=[day.market.scenario.cash.currency] * count,
        settle_transaction=both(_settle_transactions(facts)),
    )


def _shares(day: Day, facts: Facts) -> pa.Table:
    currency = day.market.scenario.cash.currency
    rows = [
        (
            each.payer,
            each.party,
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
    arrays = [pa.array(columns[field.name], type=field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _of_rows(schema: pa.Schema, rows: Sequence[Sequence[Any]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return _table(schema, **{name: list(column) for name, column in zip(schema.names, columns, strict=True)})


def _named(names: Sequence[str], codes: npt.NDArray[Any]) -> list[str]:
    return [names[code] for code in codes.tolist()]


def _hex(value: bytes | None) -> str | None:
    return None if value is None else f"0x{value.hex()}"


def _said(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)

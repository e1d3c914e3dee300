"""SQLite, durable: a write-ahead log, synced at every commit."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from ledger.units import PPM

from .work import CASH, COLUMNS, Place, Work, text

_INSERT = """
insert into trade (trading_day, number, time, buyer, seller, security, quantity, amount, commission, levy)
select ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,
    ?8 / 1000000 * slab.rate_ppm + ?8 % 1000000 * slab.rate_ppm / 1000000,
    ?8 / 1000000 * levy.rate_ppm + ?8 % 1000000 * levy.rate_ppm / 1000000
from (select rate_ppm from slab where ?8 <= up_to order by up_to limit 1) as slab, levy
returning commission, levy
"""
_CHANGE = "update balance set amount = amount + ? where holder = ? and asset = ?"
_FIRST = "insert into balance (holder, asset, amount) values (?, ?, ?)"
_EARN = """
insert into earned (broker, commission) values (?1, ?2)
on conflict (broker) do update set commission = commission + ?2 returning commission
"""


class SQLite:
    """One database file in a directory; `open` makes it anew."""

    name = f"SQLite {sqlite3.sqlite_version}"

    def __init__(self, directory: Path) -> None:
        self._path = directory / "bench.sqlite"
        self._connection: sqlite3.Connection | None = None

    def create(self) -> None:
        """An empty database, durable."""
        self.close()
        self._connection = sqlite3.connect(self._path, isolation_level=None)
        self._run("pragma journal_mode = wal")
        self._run("pragma synchronous = full")

    def open(self, work: Work, credit: Mapping[Place, int]) -> None:
        """Tables, institutions, rules, opening balances and credit lines."""
        schema = text("schema").replace(" bigint", " integer").replace("\n);", "\n) strict;")
        self._db.executescript(schema)
        with self._db:
            self._run("begin immediate")
            many = self._db.executemany
            many("insert into institution values (?, ?)", enumerate(work.institutions, start=1))
            many("insert into asset values (?, ?)", enumerate(work.assets))
            many("insert into slab values (?, ?, ?)", work.slabs())
            many("insert into levy values (?, ?)", [(work.schedule.levy_ppm, work.beneficiary)])
            many("insert into share values (?, ?)", work.shares.items())
            places = work.opening.keys() | credit.keys()
            rows = [(*place, work.opening.get(place, 0), credit.get(place, 0)) for place in sorted(places)]
            many("insert into balance values (?, ?, ?, ?)", rows)
        self._run("analyze")

    def settle_each(self, work: Work) -> None:
        """A durable transaction a trade; at the end the credit lines are withdrawn."""
        beneficiary, shares = work.beneficiary, list(work.shares.items())
        for row in zip(*(column.tolist() for column in work.columns().values()), strict=True):
            _, _, _, buyer, seller, security, quantity, amount = row
            with self._db:
                self._run("begin immediate")
                ((commission, levy),) = self._db.execute(_INSERT, row).fetchall()
                ((bought,),) = self._db.execute(_EARN, (buyer, commission)).fetchall()
                ((sold,),) = self._db.execute(_EARN, (seller, commission)).fetchall()
                buyer_gives = seller_gives = 0
                for party, ppm in shares:
                    from_buyer = bought * ppm // PPM - (bought - commission) * ppm // PPM
                    from_seller = sold * ppm // PPM - (sold - commission) * ppm // PPM
                    buyer_gives += from_buyer
                    seller_gives += from_seller
                    self._receive(party, CASH, from_buyer + from_seller)
                self._receive(beneficiary, CASH, 2 * levy)
                self._receive(buyer, security, quantity)
                self._receive(seller, CASH, amount - levy - seller_gives)
                self._deliver(seller, security, quantity)
                self._deliver(buyer, CASH, amount + levy + buyer_gives)
        self._run("update balance set credit = 0 where credit > 0")

    def settle_batch(self, work: Work) -> None:
        """All trades in one durable transaction of set-based statements."""
        with self._db:
            self._run("begin immediate")
            self._run(text("incoming").replace(" bigint", " integer"))
            marks = ", ".join("?" * len(COLUMNS))
            columns = (column.tolist() for column in work.columns().values())
            self._db.executemany(f"insert into incoming values ({marks})", zip(*columns, strict=True))
            for statement in _statements(text("batch")):
                self._run(statement)

    def balances(self) -> dict[Place, int]:
        """Every balance that is not zero."""
        rows = self._db.execute("select holder, asset, amount from balance where amount <> 0")
        return {(holder, asset): amount for holder, asset, amount in rows}

    def bytes_on_disk(self) -> dict[str, int]:
        """Of the file, its log written back into it."""
        self._run("pragma wal_checkpoint(truncate)")
        return {"database": self._path.stat().st_size}

    def settings(self) -> dict[str, str]:
        """What makes it durable, as the database says it."""
        names = ("journal_mode", "synchronous")
        return {name: str(self._db.execute(f"pragma {name}").fetchone()[0]) for name in names}

    def close(self) -> None:
        """Close and remove the database."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        for end in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + end).unlink(missing_ok=True)

    @property
    def _db(self) -> sqlite3.Connection:
        assert self._connection is not None
        return self._connection

    def _run(self, statement: str) -> None:
        self._db.execute(statement)

    def _receive(self, holder: int, asset: int, amount: int) -> None:
        if not self._db.execute(_CHANGE, (amount, holder, asset)).rowcount:
            self._db.execute(_FIRST, (holder, asset, amount))

    def _deliver(self, holder: int, asset: int, amount: int) -> None:
        if not self._db.execute(_CHANGE, (-amount, holder, asset)).rowcount:
            raise sqlite3.IntegrityError(f"{holder} holds nothing of {asset}")


def _statements(script: str) -> list[str]:
    """The statements apart, as executescript would commit first."""
    return [statement for statement in script.split(";\n") if statement.strip()]

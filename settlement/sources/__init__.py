"""Sources: what institutions, banks and custodians bring to be held against the ledger.

`read_source(where, context)` comes to one `Source`: entries, balances, movements, and the rows refused.

    configured                          which sources belong to a ledger: named, or kept in sources.yaml
    gathering                           reads all that is brought to one reconciliation
    reading                             finds out what a source is, and reads it
    csv_table, parquet_table, database  a file or a database's table as a `table` of text and numbers
    trade_rows, balance_rows            rows of a table into entries, balances and movements
    both_sides                          a trade of a book's owner with itself, in two rows
    numbers, words                      a table's columns read: exact numbers; names, days and times
    mapping, mapping_checks, mapped     what somebody's own columns are, in YAML; a table read by it
    guessing, evidence, synonyms        which column may be which field, and how sure that is
    proposing                           the mapping that was guessed, as YAML that loads
    messages                            what readers of messages share
    fix/                                FIX 4.4: execution reports and trade capture reports
    iso/                                ISO 20022: sese.025, semt.002, camt.053, read and written
    errors                              what is refused of a source as a whole
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from settlement.reconciliation.entries import Entries
from settlement.reconciliation.model import Level, Refused, Side

if TYPE_CHECKING:
    from settlement.sources.guessing import Guess


@dataclass(frozen=True, slots=True)
class Balance:
    """What a source says a holder has of an asset; None is what it does not say."""

    level: Level
    """position, cash or revenue."""
    holder: str
    asset: str
    """A security's or currency's code; of revenue `commission`, `levy` or `share PAYER → PARTY`."""
    opening: int | None
    movements: int | None
    closing: int | None
    day: int = 0
    """As of, yyyymmdd; 0 where the source does not say."""
    line: int = 0


@dataclass(frozen=True, slots=True)
class CashMovement:
    """One booked entry of a cash account; `amount` is signed minor units."""

    holder: str
    currency: str
    amount: int
    reference: str
    day: int
    line: int = 0


@dataclass(frozen=True, slots=True)
class Tolerances:
    """By how much a field may differ before it is a break; stated in every report."""

    quantity: int = 0
    amount: int = 0
    """Minor units."""
    price: int = 0
    """Millionths of a currency unit."""
    time: int = 0
    """Seconds."""
    commission: int = 0
    levy: int = 0


EXACT = Tolerances()


@dataclass(frozen=True, slots=True)
class Context:
    """What a reader has to know besides the source itself."""

    side: Side
    owner: str | None
    """Whose book; None for a statement of many accounts."""
    currency: str
    exponent: int
    institutions: tuple[str, ...]
    securities: tuple[str, ...]
    """Those that the ledger knows, for guessing; a source may name others."""
    day: int = 0
    """The trading day that is asked for, yyyymmdd; 0 is any."""
    undated: int = 0
    """The day of trades that say none, if no day is asked for; 0 refuses them."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a source holds, on whichever levels it has anything."""

    name: str
    side: Side
    owner: str | None
    format: str
    """`canonical`, `nepse`, `mapped`, `fix`, `sese.025`, `semt.002`, `camt.053`."""
    rows: int
    entries: Entries | None = None
    balances: tuple[Balance, ...] = ()
    movements: tuple[CashMovement, ...] = ()
    refused: tuple[Refused, ...] = ()
    tolerances: Tolerances = EXACT
    cut_off: str | None = None
    """HH:MM UTC of the trading day until which what it lacks is pending; None: it is complete."""
    others: int = 0
    """Rows that are of other institutions, and were left alone."""
    accounts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Institution → the rows of `entries` that are of its account, where the source says whose each is."""
    notes: Mapping[str, str] = field(default_factory=dict)

    def trades_of(self, institution: str) -> Entries:
        """The entries of an institution's account; of a book all of them."""
        entries = Entries.nothing() if self.entries is None else self.entries
        if self.owner is not None:
            return entries
        if self.accounts:
            return entries.take(np.array(self.accounts.get(institution, ()), dtype=np.int64))
        return entries.take(entries.of(institution))


def read_source(
    where: str, context: Context, *, mapping: Path | None = None, default: Path | None = None
) -> Source:
    """What `where` holds: a file (CSV, Parquet, FIX, ISO 20022, or a mapping in YAML that names its data) or
    a database's table (`sqlite:PATH#TABLE`, `postgresql://user@host:port/db#TABLE`).

    What the columns of a table are, and whose an id in a message is, says `mapping`. Without it, a table in a
    known trade format is read by that, messages and any other table by `default`, if it is of them. Raises
    FileRefused (SourceRefused among its kinds) where the source cannot be held against the ledger at all, and
    MappingInvalid; rows that cannot be read are in `refused`.
    """
    from settlement.sources import reading

    return reading.read(where, context, mapping, default)


def guess_mapping(where: str, context: Context) -> tuple[str, list[Guess]]:
    """A mapping proposed for a table: YAML that loads, and for each field of its level the column it may be
    in, how sure that is in whole percent, and why; "" and 0 where no column looks like it.

    Raises FileRefused where the table cannot be opened or has no rows.
    """
    from settlement.sources import proposing

    return proposing.guess_mapping(where, context)

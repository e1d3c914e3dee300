"""What intake made of the files that were recorded, as the shelf of books has it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from ledger.ids import parse_day_number
from settlement.errors import NameUnknown, TradingDayNeeded

if TYPE_CHECKING:
    from settlement.books.shelf import ShelfFile
    from settlement.operations import Ledger


@dataclass(frozen=True, slots=True)
class Read:
    """Rows read and refused, where the last that were refused were written, and the files' trading days."""

    rows: int
    rejected: int
    rejects_file: str | None
    days: tuple[date, ...]


def intake_of(ledger: Ledger, day: date | None) -> Read:
    """What was read for one trading day, or for all; a file that was recorded twice counts once."""
    files = [each for each in _files(ledger) if day in (None, each.trading_day)]
    written = [file.rejects_file for file in files if file.rejects_file is not None]
    return Read(
        rows=sum(file.rows for file in files),
        rejected=sum(file.rejected for file in files),
        rejects_file=written[-1] if written else None,
        days=tuple(sorted({file.trading_day for file in files})),
    )


def known_day(ledger: Ledger, day: date | None) -> date | None:
    """The day, where the ledger has heard of it; raises NameUnknown otherwise."""
    known = {parse_day_number(batch.header.trading_day) for batch in ledger.read().batches.values()}
    known |= {each.trading_day for each in _files(ledger)}
    if day is not None and day not in known:
        raise NameUnknown("trading day", str(day), [str(each) for each in sorted(known)] or ["none yet"])
    return day


def only_day(ledger: Ledger) -> date:
    """The trading day of all that is recorded; raises TradingDayNeeded where there are several, or none."""
    known = sorted({parse_day_number(b.header.trading_day) for b in ledger.read().batches.values()})
    if len(known) != 1:
        raise TradingDayNeeded([str(each) for each in known])
    return known[0]


def _files(ledger: Ledger) -> list[ShelfFile]:
    """The files that the venue recorded, not those that an institution keeps for itself."""
    return [each for each in ledger.shelf.files() if each.owner is None]

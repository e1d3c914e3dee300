"""Reading all that is brought to one reconciliation: what cannot be read is said, and the others go on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ledger.errors import LedgerError
from ledger.ids import day_number, parse_day_number
from settlement.errors import SettlementError
from settlement.reconciliation.ledger_side import Scope
from settlement.reconciliation.model import Refused
from settlement.sources import Context, Source, read_source
from settlement.sources.configured import Brought
from settlement.sources.errors import SourceRefused
from settlement.sources.reading import beside, is_mapping

if TYPE_CHECKING:
    from settlement.operations import Ledger

_DATE = "{date}"
READERS = 2
"""Sources that are read at a time."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What could be read; and of what could not, why."""

    sources: tuple[Source, ...]
    refused: tuple[Refused, ...]
    unread: frozenset[str]
    """Institutions of whose own books some could not be read."""


@dataclass(frozen=True, slots=True)
class _Place:
    name: str
    """As it was brought."""
    where: str
    own: Path | None
    default: Path | None
    day: date | None
    """Of what it has without a day."""


def gather(
    ledger: Ledger,
    brought: Iterable[Brought],
    scope: Scope,
    progress: Callable[[str], None] | None = None,
) -> Gathered:
    """Read them for that scope. `{date}` in where one is stands for each trading day of the scope."""
    days = trading_days(ledger, scope)
    known = _days_of_statements(ledger, days)
    asked = [(each, place) for each in brought for place in _places(each, days)]

    def read(one: tuple[Brought, _Place | Refused]) -> Source | Refused:
        each, place = one
        if isinstance(place, Refused):
            return place
        if progress is not None:
            progress(place.name)
        try:
            there = context(ledger, each, place.day)
            source = read_source(place.where, there, mapping=place.own, default=place.default)
            _check_any(source)
            _check_day(source, days, known)
        except (SettlementError, LedgerError) as error:
            return _refused(place.name, error)
        return replace(source, name=place.name)

    # Most of reading a large table is outside of Python's lock.
    with ThreadPoolExecutor(READERS) as pool:
        outcomes = list(pool.map(read, asked))
    refused = [each for each in outcomes if isinstance(each, Refused)]
    pairs = zip(asked, outcomes, strict=True)
    unread = {each.owner for (each, _), found in pairs if isinstance(found, Refused) and each.owner}
    sources = tuple(each for each in outcomes if isinstance(each, Source))
    return Gathered(sources, tuple(refused), frozenset(unread))


def _refused(where: str, error: Exception) -> Refused:
    return Refused(where, 0, "", "", str(error).removeprefix(f"{where}: "))


def context(ledger: Ledger, brought: Brought, undated: date | None = None) -> Context:
    """What a reader has to know of the ledger; `undated` is the day of what says none."""
    market = ledger.market
    cash = market.scenario.cash
    return Context(
        side=brought.side,
        owner=brought.owner,
        currency=cash.currency,
        exponent=market.scenario.exponent,
        institutions=tuple(market.index),
        securities=tuple(code for code in market.asset if code != cash.currency),
        undated=0 if undated is None else day_number(undated),
    )


def trading_days(ledger: Ledger, scope: Scope) -> list[date]:
    """The trading days of a scope, rising."""
    if scope.day is not None:
        return [scope.day]
    history = ledger.read()
    if scope.cycle is not None:
        venue = ledger.market.index[ledger.market.scenario.venue]
        told = ledger.told()
        within = [told[each] for each in history.cycles.get((venue, scope.cycle), ()) if each in told]
        return sorted({day for each in within for day in (*each.settled, *each.parts)})
    return sorted({parse_day_number(batch.header.trading_day) for batch in history.batches.values()})


def _places(brought: Brought, days: list[date]) -> list[_Place | Refused]:
    """Where it is, or where the mapping that is brought says; of each day, where {date} is in it."""
    where, own = brought.where, None if brought.mapping is None else Path(brought.mapping)
    default = None if brought.default is None else Path(brought.default)
    if own is None and is_mapping(where):
        own = Path(where)
        try:
            where = beside(own)
        except SettlementError as error:
            return [_refused(brought.where, error)]
    if _DATE in where:
        dated = [(where.replace(_DATE, day.isoformat()), day) for day in days]
        return [_Place(there, there, own, default, day) for there, day in dated]
    return [_Place(brought.where, where, own, default, days[0] if len(days) == 1 else None)]


def _check_any(source: Source) -> None:
    """Raises SourceRefused where not one row could be read: it is the source, then, and not what it lacks. So
    it is where a list of balances has no rows, of which nobody can say what it is complete for.
    """
    has_any = source.balances or source.movements or (source.entries is not None and len(source.entries))
    if source.refused and not has_any:
        first = source.refused[0]
        what = f"{first.field} {first.value!r}" if first.field else first.value
        reason = f"none of its {source.rows:,} rows could be read; the first, line {first.line}: {what} "
        raise SourceRefused(source.name, reason + first.reason)
    if source.entries is None and not has_any:
        raise SourceRefused(source.name, "has no rows: nothing in it can be compared")


def _days_of_statements(ledger: Ledger, days: list[date]) -> set[int]:
    """The days that a statement can be of: the last trading day of the scope, its settlement date, and the
    day on which it settled by the chain's time.
    """
    if not days:
        return set()
    history, last = ledger.read(), day_number(days[-1])
    batches = [batch for batch in history.batches.values() if batch.header.trading_day == last]
    moments = {history.times[each] for batch in batches for each in batch.settlements}
    found = {last, *(batch.header.intended_settlement_date for batch in batches)}
    return found | {day_number(datetime.fromtimestamp(at_s, UTC).date()) for at_s in moments}


def _check_day(source: Source, days: list[date], known: set[int]) -> None:
    """Raises SourceRefused where it is of other days than those that are reconciled."""
    for balance in source.balances:
        if balance.day and known and balance.day not in known:
            raise SourceRefused(source.name, _other_day([balance.day], known))
    if source.entries is not None and len(source.entries) and days:
        there = np.unique(source.entries.day).tolist()
        if not set(there) & {day_number(day) for day in days}:
            raise SourceRefused(source.name, _other_day(there, {day_number(day) for day in days}))


def _other_day(found: list[int], wanted: set[int]) -> str:
    there, ours = (
        " and ".join(str(parse_day_number(day)) for day in sorted(each)[:3]) for each in (found, wanted)
    )
    return f"it is of {there}; {ours} is wanted"

"""Reading all that is brought to one reconciliation: what cannot be read is said, and the others go on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
from settlement.sources import Context, Source, database, read_source
from settlement.sources.configured import Brought
from settlement.sources.errors import SourceRefused
from settlement.sources.mapping import load

if TYPE_CHECKING:
    from settlement.operations import Ledger

_DATE = "{date}"


@dataclass(frozen=True, slots=True)
class Gathered:
    """What could be read; and of what could not, why."""

    sources: tuple[Source, ...]
    refused: tuple[Refused, ...]
    unread: frozenset[str]
    """Institutions of whose own books some could not be read."""


def gather(
    ledger: Ledger,
    brought: Iterable[Brought],
    scope: Scope,
    progress: Callable[[str], None] | None = None,
) -> Gathered:
    """Read them for that scope. `{date}` in where one is stands for each trading day of the scope."""
    sources: list[Source] = []
    refused: list[Refused] = []
    unread: set[str] = set()
    days = trading_days(ledger, scope)
    known = _days_of_statements(ledger, days)
    for each in brought:
        try:
            places = _places(each, days, scope)
        except SettlementError as error:
            refused.append(_unread(each.where, error))
            unread.update({each.owner} if each.owner else ())
            continue
        for where, mapping, day in places:
            if progress is not None:
                progress(where)
            try:
                source = read_source(where, context(ledger, each, day), mapping=mapping)
                _check_any(source)
                _check_day(source, days, known)
            except (SettlementError, LedgerError) as error:
                refused.append(_unread(where, error))
                unread.update({each.owner} if each.owner else ())
            else:
                sources.append(replace(source, name=where))
    return Gathered(tuple(sources), tuple(refused), frozenset(unread))


def context(ledger: Ledger, brought: Brought, day: date | None = None) -> Context:
    """What a reader has to know of the ledger; `day` is that of trades in a table that does not say."""
    market = ledger.market
    cash = market.scenario.cash
    return Context(
        side=brought.side,
        owner=brought.owner,
        currency=cash.currency,
        exponent=market.scenario.exponent,
        institutions=tuple(market.index),
        securities=tuple(code for code in market.asset if code != cash.currency),
        day=0 if day is None else day_number(day),
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


def _places(each: Brought, days: list[date], scope: Scope) -> list[tuple[str, Path | None, date | None]]:
    """Where what is brought is to be read, by which mapping, and of which day trades are that do not say:
    the one that is asked for, or that the name of their file has. Raises FileRefused and MappingInvalid.
    """
    path, where = None if each.mapping is None else Path(each.mapping), each.where
    if path is None and not database.is_database(where) and where.endswith((".yaml", ".yml")):
        path = Path(where)
    if path is None:
        dated = [where.replace(_DATE, day.isoformat()) for day in days] if _DATE in where else [where]
        return [(place, None, None) for place in dated]
    columns = load(path)
    dayless = columns.level == "trades" and columns.columns.trading_day is None
    found = where
    if each.mapping is None and columns.source is not None and _DATE in columns.source:
        found = columns.source
        found = (
            database.beside(found, path.parent) if database.is_database(found) else str(path.parent / found)
        )
    if _DATE in found:
        places = [(found.replace(_DATE, day.isoformat()), day) for day in days]
        return [(place, path, day if dayless else None) for place, day in places]
    mapping = None if each.mapping is None else path
    return [(where, mapping, scope.day if dayless else None)]


def _unread(where: str, error: Exception) -> Refused:
    return Refused(where, 0, "", "", str(error).removeprefix(f"{where}: "))


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

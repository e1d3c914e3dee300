"""One reconciliation: every book and statement against the ledger, on four levels, within a scope."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ledger.ids import day_number, parse_day_number
from settlement.books import Book
from settlement.errors import NameUnknown
from settlement.model import Trades
from settlement.reconciliation.at_risk import Stated, balance_break, trade_break
from settlement.reconciliation.causes import causes
from settlement.reconciliation.days import asked, concerning, covered, every_day, listed, misdated
from settlement.reconciliation.entries import BY_NUMBER, Entries
from settlement.reconciliation.flows import COMMISSION, Place
from settlement.reconciliation.ledger_side import (
    EVERYTHING,
    NAMINGS,
    Account,
    Scope,
    entries_of,
    trades_of,
)
from settlement.reconciliation.ledger_view import LedgerView, view
from settlement.reconciliation.model import Break, Compared, Kind, Level, Refused, Result, Side
from settlement.reconciliation.source_rows import source_row, with_unread
from settlement.reconciliation.statements import match_movements
from settlement.reconciliation.three_sides import Seen, has, key_of, keys_of, merged
from settlement.reconciliation.trades import Difference, compare
from settlement.sources import EXACT, Source, Tolerances

if TYPE_CHECKING:
    from settlement.operations import Ledger

SIDES: tuple[Side, ...] = ("book", "bank", "custodian")
LEVELS: tuple[Level, ...] = ("trade", "position", "cash", "revenue")
_FIRST = ("revenue", "position", "cash")
"""What of revenue differs explains cash."""


@dataclass(frozen=True, slots=True)
class Reconciled(Result):
    """What came of holding every book and statement against the ledger."""

    accounts: Mapping[str, Account] = field(default_factory=dict)
    """What the ledger says that each institution holds; of a cycle in the assets that it moved."""
    held: tuple[HeldAgainst, ...] = ()
    """What was compared, so that a later run knows what this one would have found."""
    entries: Mapping[str, Entries] = field(default_factory=dict, compare=False)
    """The books' trades, by institution, as they were read: nothing corrected."""


@dataclass(frozen=True, slots=True)
class HeldAgainst:
    """One side of one institution on one level; `days` are trading days, None all. `shelf` says that the book
    was that of the ledger's own shelf.
    """

    institution: str
    side: Side
    level: Level
    days: frozenset[date] | None = None
    shelf: bool = False


Amend = Callable[[str, Entries], Entries]
"""An institution's entries as its corrections make them."""


def as_it_is(_: str, entries: Entries) -> Entries:
    """Where nobody has corrected anything."""
    return entries


def reconcile(
    ledger: Ledger,
    scope: Scope = EVERYTHING,
    sources: Sequence[Source] = (),
    refused: Sequence[Refused] = (),
    amend: Amend = as_it_is,
    unread: Collection[str] = (),
) -> Reconciled:
    """Hold books and statements against the ledger: the `sources`, and of every broker that brings none of
    its own its records on the shelf. `refused` are sources that could not be read; `amend` applies
    corrections to books. An institution whose own book is `unread` is not held against its records instead.

    Raises NameUnknown where there is no such cycle, or a source is of an institution that does not take part.
    """
    there = view(ledger, scope)
    dated = view(ledger, scope, closing=True) if scope.day and sources else there
    run = _Run(ledger, scope, there, dated, ledger.closed_books() if there.whole else {}, amend)
    brought: dict[tuple[str, Side], list[Source]] = defaultdict(list)
    for source in sources:
        for name in run.holders(source):
            brought[name, source.side].append(source)
    for name in ledger.market.index:
        has_own = (name, "book") in brought or name in unread
        if name in ledger.market.scenario.brokers and not has_own:
            run.shelf_book(name)
        for side in SIDES:
            if (name, side) in brought:
                run.brought(name, side, brought[name, side])
    breaks, pending = (with_unread(each, sources) for each in run.outcome())
    statements = sum(source.owner is None for source in sources)
    could_not = (*refused, *(each for source in sources for each in source.refused), *run.refused)
    shown = tuple(source_row(source, run.notes.get((source.owner, source.side), {})) for source in sources)
    compared = run.compared + Compared(statements=statements)
    held = tuple(dict.fromkeys(run.held))
    return Reconciled(breaks, pending, compared, could_not, shown, there.accounts, held, run.entries)


@dataclass(slots=True)
class _Run:
    """What one run has found so far."""

    ledger: Ledger
    scope: Scope
    side: LedgerView
    dated: LedgerView
    """The ledger as what is brought of a day knows it, at its end; a book on the shelf closes as of now."""
    books: Mapping[str, Book]
    """Brokers' own records, closed; of a cycle none, which reads its days itself."""
    amend: Amend
    found: list[Break] = field(default_factory=list)
    compared: Compared = field(default_factory=Compared)
    refused: list[Refused] = field(default_factory=list)
    seen: Seen = field(default_factory=Seen)
    deposited: dict[tuple[str, Side], int] = field(default_factory=dict)
    """(institution, side) → what was issued to it and the side booked as movements."""
    held: list[HeldAgainst] = field(default_factory=list)
    entries: dict[str, Entries] = field(default_factory=dict)
    notes: dict[tuple[str | None, Side], dict[str, object]] = field(default_factory=dict)
    """(institution, side) → what of its trades was not compared."""
    cut_offs: dict[tuple[str, Side], str] = field(default_factory=dict)
    """(institution, side) → until when what it lacks is only pending."""

    def holders(self, source: Source) -> list[str]:
        """The institutions that a source is about. Raises NameUnknown where its owner is none."""
        known = self.ledger.market.index
        if source.owner is not None:
            if source.owner not in known:
                raise NameUnknown("institution", source.owner, tuple(known))
            return [source.owner]
        named = dict.fromkeys(each.holder for each in source.balances)
        named |= dict.fromkeys(each.holder for each in source.movements)
        named |= dict.fromkeys(source.accounts)
        for name in named:
            if name not in known:
                reason = "is no institution of this ledger"
                self.refused.append(Refused(source.name, 0, "account", name, reason))
        if source.entries is not None and not source.accounts:
            named |= dict.fromkeys(source.entries.parties)
        return [name for name in named if name in known]

    def shelf_book(self, name: str) -> None:
        """A broker's own records: all trades, what was issued to it, and what it closes with."""
        scenario, currency = self.ledger.market.scenario, self.side.currency
        book = self.books[name] if self.side.whole else Book(name, self._days_of(name))
        mine = Entries.joined([entries_of(each, currency) for _, each in sorted(book.days.items())])
        mine = replace(mine, naming=NAMINGS.get(scenario.format, BY_NUMBER))
        delta = self._trades(name, "book", mine, shelf=True)
        stated = {}
        if self.side.whole:
            for asset in {*book.opening, *book.closing, currency}:
                opening, closing = book.opening.get(asset, 0), book.closing.get(asset, 0)
                stated[self.side.place(asset)] = Stated(opening, None, closing)
        self._balances(self.side, name, "book", stated, delta, self.side.expected(name), shelf=True)
        self.held += [HeldAgainst(name, "book", level, shelf=True) for level in LEVELS[1:]]

    def brought(self, name: str, side: Side, sources: Sequence[Source]) -> None:
        """What an institution itself, its bank or its custodian brings of it."""
        delta: dict[Place, int] = {}
        stated: dict[Place, Stated] = {}
        own = self.dated.expected(name) if side == "book" else None
        for source in sources:
            if source.cut_off:
                self.cut_offs[name, side] = source.cut_off
        trading = [each for each in sources if each.entries is not None]
        if trading:
            mine = Entries.joined([each.trades_of(name) for each in trading])
            days = self._covered(name, mine)
            if self.scope.day is None:
                own_days = np.unique(self.side.trades.entries.day[self.side.rows(name)])
                if left := np.setdiff1d(own_days, days).tolist():
                    self.notes[name, side] = {"days_not_compared": listed(left)}
            delta = self._trades(name, side, mine, days, trading[0].tolerances)
        own_rows = [each for source in sources for each in source.balances if each.holder == name]
        whole = {_listing(each.level, each.asset) for each in own_rows}
        for balance in own_rows:
            place: Place = balance.level, balance.asset
            if place in stated:
                where = next(each.name for each in sources if balance in each.balances)
                twice = Refused(where, balance.line, balance.level, balance.asset, "is there twice")
                self.refused.append(twice)
                continue
            stated[place] = Stated(balance.opening, balance.movements, balance.closing)
        self.held += [HeldAgainst(name, side, level) for level in LEVELS if level in dict(whole)]
        booked = [each for source in sources for each in source.movements if each.holder == name]
        if booked:
            found = match_movements(booked, self.dated.cash_movements(name), name, side)
            self.found += found.breaks
            place = "cash", self.side.currency
            delta[place] = delta.get(place, 0) + found.explained
            self.deposited[name, side] = found.deposits
        self._balances(self.dated, name, side, stated, delta, own, whole)

    def outcome(self) -> tuple[tuple[Break, ...], tuple[Break, ...]]:
        """Breaks and what is only pending, three sides together; in an order that says nothing of chance."""
        breaks: list[Break] = []
        pending: list[Break] = []
        for each in merged(self.found, self.seen):
            explained = replace(each, causes=causes(each, self.side.known(each)))
            (pending if self._waits(each) else breaks).append(explained)
        return tuple(sorted(breaks, key=_order)), tuple(sorted(pending, key=_order))

    def _waits(self, each: Break) -> bool:
        """Whether the side that lacks it still has time."""
        until = self.cut_offs.get((each.institution, each.sides[0]))
        if each.kind is not Kind.MISSING_HERE or until is None or each.trading_day is None:
            return False
        moment = datetime.combine(each.trading_day, time.fromisoformat(until), UTC)
        return self.ledger.moment < moment

    def _days_of(self, name: str) -> dict[date, Trades]:
        days = [parse_day_number(day) for day in np.unique(self.side.trades.entries.day).tolist()]
        return self.ledger.shelf.days(name, self.ledger.market.scenario, only=days)

    def _covered(self, name: str, mine: Entries) -> npt.NDArray[np.int32]:
        """The trading days that entries are taken to be complete for: the one that is asked for, else all
        from their first to their last.
        """
        if self.scope.day is not None:
            return np.array([day_number(self.scope.day)], dtype=np.int32)
        days = np.unique(self.side.trades.entries.day)
        if self.scope.cycle is None and len(mine):
            entries = self.side.trades.entries
            days = days[covered(days, mine, entries, self.side.rows(name), name)]
        return days

    def _trades(
        self,
        name: str,
        side: Side,
        mine: Entries,
        days: npt.NDArray[np.int32] | None = None,
        tolerances: Tolerances = EXACT,
        *,
        shelf: bool = False,
    ) -> dict[Place, int]:
        """Hold entries against the ledger's of those days; by place, what of a balance differs with them."""
        rows = self.side.rows(name, days)
        if side == "book":
            self.entries[name] = mine
            mine = self.amend(name, mine)
        own_days, ledger = len(rows), self.side.trades.entries
        if days is not None:
            astray, others = misdated(mine, ledger, self.side.rows(name), name)
            others = np.setdiff1d(others, rows)
            between = self.scope == EVERYTHING
            taken = concerning(mine, ledger, rows, others, astray, days, between=between)
            left_out = np.count_nonzero(~taken & mine.of(name))
            if between and left_out:
                self.notes.setdefault((name, side), {})["rows_of_days_not_on_the_ledger"] = int(left_out)
            mine, rows = mine.take(taken), np.concatenate([rows, others])
        if side == "custodian":
            settled = self.side.trades.settled[rows]
            own_days, rows = int(settled[:own_days].sum()), rows[settled]
        theirs = self.side.seen_by(side, name, rows, mine)
        matched = compare(mine, theirs, owner=name, tolerances=tolerances)
        differences = matched.differences
        if days is not None:
            differences = asked(differences, mine, own_days, days)
        kept = {id(each) for each in differences}
        unasked = {row for each in matched.differences if id(each) not in kept for row in each.theirs}
        within = self.side.trades.within[rows]
        within[own_days:] = False
        numbers = keys_of(theirs.take(within))
        disputed = self.side.trades.disputed.get(name, frozenset()) if side == "book" else frozenset()
        exponent = self.ledger.market.scenario.exponent
        lacking = 0
        for each in differences:
            keys = _keys(each, mine, theirs)
            there = any(has(numbers, key_of(*key)) for key in keys)
            if not keys <= disputed and (there or self._is_asked(keys)):
                found = trade_break(each, mine, theirs, institution=name, side=side, exponent=exponent)
                self.found.append(replace(found, shelf=shelf))
            elif not each.theirs:
                lacking += len(each.mine)
        if lacking:
            self.notes.setdefault((name, side), {})["rows_that_the_ledger_lacks"] = lacking
        compared = int(within.sum()) if self.scope != EVERYTHING else matched.compared - len(unasked)
        self.compared += Compared(books=side == "book", trades=compared)
        self.seen.trades(name, side, numbers)
        closed = None if days is None else every_day(days)
        self.held.append(HeldAgainst(name, side, "trade", closed, shelf))
        if not differences:
            return {}
        # Records on the shelf close by what was told of their own numbers.
        own = trades_of(mine) if shelf else trades_of(mine, matched.held, theirs)
        looked_at = np.setdiff1d(np.arange(len(theirs)), list(unasked))
        return self._delta(name, own, trades_of(theirs.take(looked_at)))

    def _is_asked(self, keys: set[tuple[int, int]]) -> bool:
        """Whether trades that the ledger lacks are within the scope."""
        if self.scope.cycle is not None:
            return False
        return self.scope.day is None or any(day == day_number(self.scope.day) for day, _ in keys)

    def _delta(
        self, name: str, own: Mapping[date, Trades], ledgers: Mapping[date, Trades]
    ) -> dict[Place, int]:
        charges, done = self.side.charges, self.side.done
        kept, expected = (charges.places(name, charges.flows(name, days, done)) for days in (own, ledgers))
        places = kept.keys() | expected.keys()
        return {place: kept.get(place, 0) - expected.get(place, 0) for place in places}

    def _balances(
        self,
        view: LedgerView,
        name: str,
        side: Side,
        stated: Mapping[Place, Stated],
        delta: Mapping[Place, int],
        expected: Mapping[Place, int] | None,
        whole: Collection[tuple[Level, str]] = (),
        *,
        shelf: bool = False,
    ) -> None:
        """Hold balances against the ledger's: those that are `stated`, those of the listings that are stated
        as a `whole`, and where it is known what is `expected` of the ledger, all.
        """
        there = view.stated(name, self.deposited.get((name, side), 0))
        wrong = 0
        places = {
            *stated,
            *(place for place in there if _listing(*place) in whole),
            *(there if expected else ()),
        }
        for place in sorted({*places, *(expected or ())}, key=lambda each: (_FIRST.index(each[0]), each[1])):
            level, asset = place
            known, here = there.get(place), stated.get(place)
            if here is None and _listing(*place) in whole:
                here = Stated(None, None, 0)
            wanted = None if expected is None else expected.get(place, 0)
            if wanted is not None and level == "cash":
                wanted -= wrong
            found = balance_break(
                name,
                level,
                asset,
                here or Stated(),
                known or Stated(0, 0, 0),
                side=side,
                explained=delta.get(place, 0),
                expected=wanted,
                price=self.side.price(asset),
            )
            if found is not None:
                if known is None and place not in (expected or ()):
                    found = replace(found, kind=Kind.MISSING_THERE)
                elif place not in stated and _listing(*place) in whole:
                    found = replace(found, kind=Kind.MISSING_HERE)
                self.found.append(replace(found, shelf=shelf))
            if level == "revenue" and asset != COMMISSION and wanted is not None and known is not None:
                wrong += (known.movements or 0) - wanted
            self.seen.balance(name, side, place)
            counted = {"position": "positions"}.get(level, level)
            self.compared += Compared(**{counted: 1})


def _listing(level: Level, asset: str) -> tuple[Level, str]:
    """The list that a balance is of: who states one of it states all. Holdings are one, shares another."""
    return level, "" if level == "position" else asset.split(" ")[0]


def _keys(found: Difference, mine: Entries, theirs: Entries) -> set[tuple[int, int]]:
    """Trading day and number of each trade that a difference is about."""
    pairs = [(mine, row) for row in found.mine] + [(theirs, row) for row in found.theirs]
    pairs += [(theirs if found.mine else mine, row) for row in found.candidates]
    return {(int(entries.day[row]), int(entries.number[row])) for entries, row in pairs}


def _order(each: Break) -> tuple[object, ...]:
    """By institution, level, day and trade."""
    number = each.numbers[0] if each.numbers else 0
    day = each.trading_day or date.min
    return each.institution, LEVELS.index(each.level), day, number, each.subject, each.sides, each.kind

"""Days one after the other on a ledger, each as the scenario's `day` says.

The day's file is recorded when the day begins, affirmed and funded; a trade takes part from when it comes. At
each of the day's times there is one cycle: claims of earlier cycles are collected, what has come settles one
by one where the scenario lets it, what is left is netted, and then parts of trades where their sides allow
them. In the last cycle what should have settled fails. Days between trading days are not counted as days of
fails.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

import numpy as np

from ledger.errors import InvalidValue, Reverted
from ledger.history import History, RecordedBatch
from ledger.ids import day_number
from settlement import conditions, defaulting, ending
from settlement.cycle import Cycle, open_parts
from settlement.errors import NameUnknown
from settlement.limits import Part
from settlement.liquidity import Instructions, Objective, Search
from settlement.model import Intake
from settlement.operations import Ledger
from settlement.report.standing import Mark
from settlement.scenario import Scenario
from settlement.scenario_day import Day, Happening
from settlement.simulation.arrivals import arrivals, by_interval, priorities


@dataclass(frozen=True, slots=True)
class DayFile:
    """A trade file of one trading day: what intake made of it, and its bytes."""

    intake: Intake
    data: bytes
    source: str
    rejects_file: str | None = None


@dataclass(slots=True)
class DayRan:
    """What came of one day. Amounts are minor units; counts are trades, of this day and of earlier ones."""

    trading_day: date
    recorded: int = 0
    value: int = 0
    """Of the trades recorded."""
    rejected: int = 0
    """Rows of the file that were refused: a party is suspended."""
    one_by_one: int = 0
    netted: int = 0
    in_parts: int = 0
    """Trades that settled whole: by entering, in netting cycles, by their last part."""
    settled_value: int = 0
    """Of everything that settled, parts included."""
    failed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """Why, by ISO 20022's codes as the one who is short or in the way is told them."""
    penalties: int = 0
    compensated: int = 0
    compensation: int = 0
    collected: int = 0
    defaults: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """What was to happen and the ledger refused, with its reason."""
    pending: int = 0
    """At the end of the day, of all days."""
    ended: int = 0
    """Cancelled, compensated or closed out by the end of the day, of all days."""
    breaks: int = 0


def check(scenario: Scenario, files: Sequence[DayFile]) -> None:
    """Whether the days can be run, as far as that can be said before. Raises InvalidValue where two files are
    of one day, and NameUnknown where something is to happen to a trade that its day does not have.
    """
    known: dict[date, DayFile] = {}
    for file in files:
        day = file.intake.trades.trading_day
        if day in known:
            reason = f"is of {day} as {known[day].source} is; a day is one file"
            raise InvalidValue("trade file", file.source, reason)
        known[day] = file
    for happening in scenario.happenings:
        day = happening.moment.date()
        if day in known and happening.trades:
            numbers = set(known[day].intake.trades.number.tolist())
            for trade in happening.trades:
                if trade not in numbers:
                    raise NameUnknown("trade", f"{trade} of {day}", [f"{len(numbers)} trades of that day"])


def simulate(
    ledger: Ledger, files: Iterable[DayFile], *, cover_ppm: int | None = None, search: Search | None = None
) -> Iterator[DayRan]:
    """Run the files' days, in their order. Raises LedgerDisagrees where the contracts and this program
    differ.
    """
    day = ledger.market.scenario.day
    wanted = search or Search(Objective(day.objective))
    for file in files:
        admitted = replace(file, intake=ledger.admitted(file.intake))
        yield _Running(ledger, admitted, wanted, cover_ppm).run()


class _Running:
    """One day while it goes on."""

    def __init__(self, ledger: Ledger, file: DayFile, search: Search, cover_ppm: int | None) -> None:
        self._ledger, self._file, self._search, self._cover_ppm = ledger, file, search, cover_ppm
        self._trades = file.intake.trades
        self._day: Day = ledger.market.scenario.day
        self._date = self._trades.trading_day
        self._interval: dict[bytes, int] = {}
        """Batch of this day → which of the day's cycles it can take part in first."""
        self._now = 0
        refused = len(file.intake.rejects)
        self._ran = DayRan(self._date, len(self._trades), self._trades.gross_value_minor, refused)

    def run(self) -> DayRan:
        """All of the day."""
        ledger, outcomes = self._ledger, self._ledger.outcomes
        self._enter()
        began = self._at("00:00") - timedelta(minutes=1)
        known = len(outcomes.fails.failed), len(outcomes.fails.compensated), len(outcomes.fails.paid)
        for now, opens in enumerate(self._day.cycles):
            self._now, until = now, self._at(opens)
            for happening in ledger.market.scenario.happenings:
                last = until if now + 1 < len(self._day.cycles) else self._at("23:59")
                if happening.moment.date() == self._date and began < happening.moment <= last:
                    self._happen(happening)
            began = until
            self._cycle(until, last=now + 1 == len(self._day.cycles))
        ending.compensate(ledger.market, ledger.read(), outcomes.fails)
        ledger.read()
        self._count(*known)
        self._ran.breaks = len(ledger.reconcile().breaks)
        return self._ran

    def _enter(self) -> None:
        """Record the day, each interval's trades as batches of their own; affirm, fund, call."""
        ledger, file = self._ledger, self._file
        ledger.keep(file.intake, file.data, source=file.source, rejects_file=file.rejects_file)
        for k, rows in enumerate(by_interval(self._trades, self._day)):
            if len(rows):
                before = set(ledger.read().batches)
                ledger.enter(self._trades.take(np.sort(rows)))
                self._interval |= dict.fromkeys(ledger.read().batches.keys() - before, k)
        ledger.affirm()
        ledger.fund(self._cover_ppm)
        if self._day.parts == "always":
            self._allow_parts()

    def _allow_parts(self) -> None:
        """Every broker lets all of its new trades settle in parts."""
        market, history = self._ledger.market, self._ledger.read()
        calls = []
        for batch_hash in self._interval:
            batch = history.batches[batch_hash]
            for name in market.scenario.brokers:
                index = market.index[name]
                own = (batch.records.buyer == index) | (batch.records.seller == index)
                rows = np.flatnonzero(own).tolist()
                if rows and index not in history.suspended:
                    calls.append((market.signers[name], batch.header, batch.words, rows, True))
        for call in calls:
            market.clients.conditions.allow_partial(*call)

    def _cycle(self, opens: datetime, *, last: bool) -> None:
        ledger, market = self._ledger, self._ledger.market
        cycle = Cycle(market, ledger.read, ledger.balances, self._able, int(opens.timestamp()))
        outcomes = ledger.outcomes
        owing = outcomes.fails.due(market.index[market.scenario.venue], market.cash_asset)
        if owing or (last and market.scenario.fails is not None):
            cycle.open()
        cycle.receipts += ending.collect(market, outcomes.fails)
        marks = [Mark.of(ledger.read()).settled]
        if self._day.entry != "none":
            cycle.enter(self._order, bypass=self._day.entry == "fifo_bypass")
        marks.append(Mark.of(ledger.read()).settled)
        for rank in range(len(self._day.priority_above) + 1):
            cycle.able = partial(self._able, rank=rank)
            cycle.settle(self._search, self._day.model)
        marks.append(Mark.of(ledger.read()).settled)
        cycle.fill(self._may_settle_in_parts)
        marks.append(Mark.of(ledger.read()).settled)
        if last and market.scenario.fails is not None:
            cycle.able = self._able
            cycle.sweep()
        marks.append(Mark.of(ledger.read()).settled)
        if last and market.scenario.fails is not None:
            self._fail(cycle)
        cycle.close()
        sets = len(ledger.read().netting_sets) - cycle.netting_sets
        ledger.settled_by(cycle.receipts)
        ran = self._ran
        ran.settled_value += sum(event["grossAmount"] for event in ledger.read().netting_sets[sets:])
        ran.one_by_one += marks[1] - marks[0] + marks[4] - marks[3]
        ran.netted += marks[2] - marks[1]
        ran.in_parts += marks[3] - marks[2]

    def _fail(self, cycle: Cycle) -> None:
        """What should have settled by today has not."""
        ledger, market = self._ledger, self._ledger.market
        history = ledger.read()
        cycle.receipts += ending.give_prices(market, self._date, ending.closing_prices(history, self._date))
        cycle.receipts += ending.fail(market, history, ledger.outcomes.fails, self._date)

    def _able(self, history: History, rank: int | None = None) -> list[Part]:
        """What can settle now of what has come; up to a priority where one is given."""
        come = [
            part for part in open_parts(history) if self._interval.get(part.batch.batch_hash, 0) <= self._now
        ]
        if rank is None or not self._day.priority_above:
            return come
        exponent = self._ledger.market.scenario.exponent
        found = []
        for part in come:
            ranks = priorities(part.batch.records.amount, self._day.priority_above, exponent)
            rows = part.rows & (ranks <= rank)
            if rows.any():
                found.append(Part(part.batch, rows))
        return found

    def _order(self, trades: Instructions) -> list[int]:
        """Rows by priority, then in the order in which they came."""
        exponent = self._ledger.market.scenario.exponent
        today = trades.day == day_number(self._date)
        times = dict(
            zip(self._trades.number.tolist(), arrivals(self._trades, self._day).tolist(), strict=True)
        )
        came = np.array(
            [times[n] if now else 0 for n, now in zip(trades.number.tolist(), today.tolist(), strict=True)],
            dtype=np.int64,
        )
        ranks = priorities(trades.amount, self._day.priority_above, exponent)
        return [int(row) for row in np.lexsort((trades.number, came, trades.day, ranks))]

    def _may_settle_in_parts(self, part: Part, row: int) -> bool:
        """Whether both sides allow it, as the ledger has it."""
        return self._ledger.outcomes.parts_allowed(part.batch, row)

    def _happen(self, happening: Happening) -> None:
        ledger = self._ledger
        if happening.institution is not None:
            deed = {"suspend": defaulting.suspend, "reinstate": defaulting.reinstate}.get(happening.do)
            if deed is not None:
                deed(ledger, happening.institution)
            else:
                defaulting.default(ledger, happening.institution, self._date)
                self._ran.defaults.append(happening.institution)
            return
        word = conditions.Word(happening.do)
        try:
            conditions.say(ledger, word, self._date, happening.trades, happening.by)
        except (Reverted, NameUnknown) as refused:  # a trade that is not known was turned away
            self._ran.refused.append(f"{happening.at} {happening.do}: {refused}")

    def _at(self, hour: str) -> datetime:
        return datetime.combine(self._date, time.fromisoformat(hour), UTC)

    def _count(self, failed: int, compensated: int, paid: int) -> None:
        fails, ran = self._ledger.outcomes.fails, self._ran
        for each in fails.failed[failed:]:
            ran.failed += 1
            ran.reasons.update(each.codes)
            ran.penalties += sum(amount for _, _, amount in each.penalties)
        ran.compensated = len(fails.compensated) - compensated
        ran.compensation = sum(each.amount for each in fails.compensated[compensated:])
        ran.collected = sum(amount for _, amount in fails.paid[paid:])
        batches: Iterable[RecordedBatch] = self._ledger.read().batches.values()
        for batch in batches:
            ran.pending += int((~batch.settled & ~batch.ended).sum())
            ran.ended += int(batch.ended.sum())

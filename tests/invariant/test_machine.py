"""Runs of many days on one ledger, whatever comes next: each invariant of README.md that several days can
show.

Hypothesis draws the runs and shortens one that fails. A failure says its seed: `CLEARING_TEST_SEED=<seed>`
makes the same runs again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ledger.clients.clearing_house import Status
from ledger.clients.default_fund import Purse
from ledger.ids import parse_day_number
from settlement import conditions, defaulting, ending
from settlement.conditions import Word
from settlement.cycle import Cycle
from settlement.liquidity import Objective, Search
from settlement.rules import call_requirements
from tests.invariant.checked import SEEN, Checked
from tests.invariant.floor import BROKERS, CLOSING_AFTER, SECURITIES, Floor
from tests.invariant.ought import HELD, OPEN, PENDING, Trade

DAYS = int(os.environ.get("CLEARING_TEST_DAYS", "150"))
AT_ONCE, STEPS = 10, 40
SEEDS = [int(n) for n in os.environ.get("CLEARING_TEST_SEED", "").split()] or range(max(1, DAYS // 150))
SHORTENED = "CLEARING_TEST_SEED" in os.environ
"""Shortening a run that failed takes minutes."""
NEEDED = {"SETTLED", "in part", "COMPENSATED", "CLOSED_OUT", "default"}
"""What every round has had to show by its end."""
BRIEFLY = Search(Objective.VALUE, time_limit_s=0.5)
SAID = {
    Word.HOLD: ("hold", True),
    Word.RELEASE: ("hold", False),
    Word.ALLOW_PARTS: ("part", True),
    Word.REFUSE_PARTS: ("part", False),
    Word.CANCEL: ("cancel", True),
    Word.KEEP: ("cancel", False),
    Word.DISPUTE: ("dispute", True),
    Word.WITHDRAW: ("dispute", False),
}

brokers, which = st.sampled_from(BROKERS), st.integers(0, 60)
quantities = st.one_of(st.sampled_from((1, 7, 100, 300)), st.integers(1, 500))
amounts = st.one_of(st.sampled_from((1, 333, 1_000_000, 1_000_001)), st.integers(1, 20_000_000))
rows = st.tuples(brokers, brokers, st.sampled_from(SECURITIES), quantities, amounts)
batches = st.lists(rows, min_size=3, max_size=8)
mostly = st.sampled_from((True, True, True, False))
words = st.sampled_from(list(SAID))


@pytest.fixture(scope="module")
def floor() -> Iterator[Floor]:
    floor = Floor()
    yield floor
    floor.chain.close()


@pytest.mark.parametrize("first", SEEDS)
def test_days_one_after_the_other_keep_every_invariant(floor: Floor, first: int) -> None:
    machine = seed(first)(partial(Days, floor))
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=AT_ONCE,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                print_blob=True,
                report_multiple_bugs=False,
                phases=(Phase.generate, Phase.shrink) if SHORTENED else (Phase.generate,),
                suppress_health_check=list(HealthCheck),
            ),
        )
        assert SEEN.keys() >= NEEDED
    except BaseException as error:
        error.add_note(f"CLEARING_TEST_SEED={first} makes these runs again")
        raise


class Days(Checked):
    """The rules are what may happen next, on any day and in any order."""

    # Rules

    @initialize(batch=batches, some=st.integers(0, 3), part=st.sampled_from((0, 37, 37, 50)))
    def begin(self, batch: list[Any], some: int, part: int) -> None:
        """A first batch, affirmed, some of it settled in part; what the rest takes may be there."""
        self.run.record(batch)
        for name in BROKERS:
            self.affirm_some(name, self.run.day, 0)
        for i in range(len(batch) if part else 0):
            self.settle_a_part(4 * i, 1 + i % 3, part, allowed=True, funded=True)
        self.run.issue({(name, code): 150 * some for name in BROKERS for code in SECURITIES if some})
        self.run.issue({(name, "NPR"): 7_000_000 * some for name in BROKERS if some})

    @rule(batch=batches, active=mostly, affirmed=mostly)
    def record(self, batch: list[Any], active: bool, affirmed: bool) -> None:
        free = [name for name in BROKERS if name not in self.ought.suspended]
        if active:
            turn = {name: name if name in free else free[i % len(free)] for i, name in enumerate(BROKERS)}
            batch = [(turn[buyer], turn[seller], *rest) for buyer, seller, *rest in batch]
        out = any(name not in free for row in batch for name in row[:2])
        with self.run.refused("ClearingHouse_NotBroker" if out else None):
            self.run.record(batch)
            for name in free if affirmed else ():
                self.affirm_some(name, self.run.day, 0)

    @rule(i=which)
    def record_again(self, i: int) -> None:
        batch = self.run.ledger.read().batches[self.run.pick(i).batch]
        parties = {self.run.name(n) for n in (*batch.records.buyer.tolist(), *batch.records.seller.tolist())}
        names = {"ClearingHouse_TradeNumberUsed"}
        names |= {"ClearingHouse_NotBroker"} if parties & self.ought.suspended else set()
        with self.run.refused(names):
            self.clients.clearing_house.record(self.run.market.venue, batch.header, batch.words)

    @rule(who=brokers, i=which, without=st.one_of(st.just(0), st.integers(0, 63)))
    def affirm(self, who: str, i: int, without: int) -> None:
        self.affirm_some(who, self.run.pick(i).day, without)

    @rule(i=which)
    def affirm_both(self, i: int) -> None:
        trade = self.run.pick(i)
        for name in dict.fromkeys(trade.sides):
            self.affirm_some(name, trade.day, 0)

    def affirm_some(self, who: str, day: int, without: int) -> None:
        """All of a day from its book, which lacks some of the trades."""
        new = [t for t in self.ought.trades if t.day == day and who in t.sides and who not in t.affirmed]
        if not new:
            return
        ledger = self.run.ledger
        lacks = [trade for k, trade in enumerate(new) if without >> (k % 6) & 1]
        days = {d: rows for d, rows in ledger.books[who].days.items() if int(f"{d:%Y%m%d}") == day}
        keep = {d: ~np.isin(rows.number, [t.number for t in lacks]) for d, rows in days.items()}
        book = {d: days[d].take(np.flatnonzero(rows)) for d, rows in keep.items()}
        with self.run.refused("ClearingHouse_Inactive" if who in self.ought.suspended else None):
            found = ledger.affirm(who, book)
            assert {(e.institution, e.trade) for e in found} == {(who, t.number) for t in lacks}
            for trade in new:
                trade.affirmed.add(who)
            for trade in lacks:
                trade.excepted.add(who)
                trade.status = trade.place() if trade.status in OPEN else trade.status

    @rule(who=brokers, code=st.sampled_from((*SECURITIES, "NPR", "NPR")), part=st.integers(1, 120))
    def issue(self, who: str, code: str, part: int) -> None:
        """Some of what the broker's open trades take, so that often a little is short."""
        trades = [t for t in self.run.open_trades() if who in t.sides]
        amount = sum(t.amount_left if code == "NPR" else t.units_left for t in trades)
        with self.run.refused("AssetRegister_Inactive" if who in self.ought.suspended else None):
            self.run.issue({(who, code): max(1, amount * part // 100)})

    @rule(model=st.sampled_from((1, 2, 3)), entry=st.sampled_from((None, False, True)), parts=st.booleans())
    def settle(self, model: int, entry: bool | None, parts: bool) -> None:
        """As the program chooses; a limit it does not know of may stop it."""
        cycle = self.choosing()
        with self.run.limited():
            if entry is not None:
                cycle.enter(lambda trades: np.argsort(trades.number, kind="stable").tolist(), bypass=entry)
            cycle.settle(BRIEFLY, model)
            if parts:
                allowed = self.run.ledger.outcomes.parts_allowed
                cycle.fill(lambda part, row: allowed(part.batch, row))
        cycle.close()
        self.ought.cycle = self.clients.clearing_house.call("cycleOf", self.run.market.index["V"])[0]
        self.run.see_settled()
        self.run.ledger.settled_by(cycle.receipts)

    def choosing(self) -> Cycle:
        ledger = self.run.ledger
        return Cycle(ledger.market, ledger.read, ledger.balances, opens_at=self.run.now)

    @rule(i=which, model=st.sampled_from((1, 2, 3)), masked=st.booleans())
    def settle_one(self, i: int, model: int, masked: bool) -> None:
        """The venue tries a trade by itself, whatever it is: it settles just where it ought to."""
        trade = self.run.pick_open(i)
        with self.run.cycle(), self.run.refused(self.ought.refusals(trade, masked=masked)):
            self.run.settle_alone(trade, model, masked=masked)
        self.run.ledger.settled_by([])

    @rule(i=which, model=st.sampled_from((1, 2, 3)), part=st.integers(1, 110), allowed=mostly, funded=mostly)
    def settle_a_part(self, i: int, model: int, part: int, allowed: bool, funded: bool) -> None:
        trade = self.run.pick(i) if not i % 4 else self.run.pick_open(i)
        if allowed:
            self.both_say_of(trade, Word.ALLOW_PARTS)
        if funded and not self.ought.suspended.intersection(trade.sides):
            lacks = {place: -amount for place, amount in self.ought.rest(trade).items() if amount < 0}
            self.run.issue({place: n for place, n in lacks.items() if place[0] in BROKERS})
        units = max(1, trade.units_left * part // 100)
        with self.run.cycle(), self.run.refused(self.ought.refusals(trade, units)):
            self.run.settle_alone(trade, model, units)
        self.run.ledger.settled_by([])

    @rule(word=words, i=which, side=st.sampled_from((0, 1, 0, 1, 2)), other=brokers)
    def say(self, word: Word, i: int, side: int, other: str) -> None:
        """A side says something of a trade, or somebody who is none."""
        trade = self.run.pick_open(i)
        self.say_by((*trade.sides, other)[side], word, trade)

    @rule(word=st.sampled_from((Word.ALLOW_PARTS, Word.ALLOW_PARTS, Word.CANCEL)), i=which)
    def both_say(self, word: Word, i: int) -> None:
        self.both_say_of(self.run.pick_open(i), word)

    def both_say_of(self, trade: Trade, word: Word) -> None:
        for name in dict.fromkeys(trade.sides):
            self.say_by(name, word, trade)

    @rule(i=which, side=st.integers(0, 1), disputed=st.booleans(), settled=st.booleans())
    def keep_out_for_a_while(self, i: int, side: int, disputed: bool, settled: bool) -> None:
        """A side holds or disputes a trade, which then does not settle, and lets it back in."""
        trade = self.run.pick_open(i)
        out, back = (Word.DISPUTE, Word.WITHDRAW) if disputed else (Word.HOLD, Word.RELEASE)
        self.say_by(trade.sides[side], out, trade)
        self.settle_a_part(i, 3, 100, allowed=False, funded=True)
        self.say_by(trade.sides[side], back, trade)
        if settled:
            self.settle_a_part(i, 3, 100, allowed=False, funded=True)

    @rule(word=words, i=which, side=st.integers(0, 1))
    def say_during_a_cycle(self, word: Word, i: int, side: int) -> None:
        trade = self.run.pick_open(i)
        with self.run.cycle():
            self.say_by(trade.sides[side], word, trade, cycle_open=True)

    def say_by(self, who: str, word: Word, trade: Trade, *, cycle_open: bool = False) -> None:
        error = self.ought.say(*SAID[word], who, trade, cycle_open=cycle_open)
        with self.run.refused(error):
            conditions.say(self.run.ledger, word, parse_day_number(trade.day), [trade.number], who)

    @rule(i=which, stands=st.booleans(), by=st.sampled_from((None, None, "B1", "P1")))
    def decide(self, i: int, stands: bool, by: str | None) -> None:
        trade = self.run.pick(i)
        disputed = [t for t in self.ought.trades if t.status == "DISPUTED"]
        trade = disputed[i % len(disputed)] if disputed and i % 4 else trade
        word = Word.STANDS if stands else Word.FALLS
        if by is not None:
            names = {"Conditions_NotDisputed", "Conditions_Excepted", "Joint_NeitherRole"}
            with self.run.refused(names):
                conditions.say(self.run.ledger, word, parse_day_number(trade.day), [trade.number], by)
            return
        with self.run.refused(self.ought.decide(trade, stands)):
            conditions.say(self.run.ledger, word, parse_day_number(trade.day), [trade.number])

    @rule(who=brokers, to=st.integers(1, 7), i=which)
    def set_status(self, who: str, to: int, i: int) -> None:
        trade = self.run.pick(i)
        with self.run.refused("ClearingHouse_NotOffice"):
            signer = self.run.signers[who]
            self.clients.clearing_house.send(signer, "setStatus", trade.batch, trade.position, Status(to))

    @precondition(lambda self: len(self.ought.suspended) < 2)
    @rule(who=brokers)
    def suspend(self, who: str) -> None:
        defaulting.suspend(self.run.ledger, who)
        self.ought.suspended.add(who)

    @precondition(lambda self: self.ought.suspended)
    @rule(i=which)
    def reinstate(self, i: int) -> None:
        who = sorted(self.ought.suspended)[i % len(self.ought.suspended)]
        defaulting.reinstate(self.run.ledger, who)
        self.ought.suspended.discard(who)

    @rule(
        factor=st.sampled_from((1, 2, 3)), model=st.sampled_from((1, 2, 3)), days=st.sampled_from((1, 1, 8))
    )
    def end_day(self, factor: int, model: int, days: int) -> None:
        """What is owed is collected, what can settles, the rest fails; what failed too often is closed."""
        run, day, cycle = self.run, self.run.day, self.choosing()
        cycle.open()
        self.ought.cycle += 1
        self.collect()
        with self.run.limited():
            cycle.settle(BRIEFLY, model)
        run.see_settled()
        going_on = True
        while going_on:  # what a limit kept from settling together may settle alone
            found = [t for t in run.open_trades() if not self.ought.refusals(t, masked=False)]
            for trade in found[:1]:
                run.settle_alone(trade, model, masked=False)
            going_on = bool(found)
        prices = {c: p * factor // 2 for c, p in ending.closing_prices(run.ledger.read(), run.today).items()}
        ending.give_prices(run.market, run.today, {code: price for code, price in prices.items() if price})
        self.see_prices(day)
        self.fail(day)
        cycle.close()
        run.ledger.settled_by([])
        self.compensate(day)
        run.next_day(days)

    @rule(i=which)
    def end_otherwise(self, i: int) -> None:
        """A trade ends by nobody's word before its time, nor once it has ended."""
        run, trade = self.run, self.run.pick(i)
        batch = run.ledger.read().batches[trade.batch]
        gone = trade.status not in (PENDING, HELD)
        if gone or trade.failed_days < CLOSING_AFTER:
            with run.refused("Fails_NotInSettlement" if gone else "Fails_TooEarly"):
                self.clients.fails.compensate(
                    run.market.venue, run.day, batch.header, batch.words, [trade.position]
                )
        error = "Fails_NotInSettlement" if gone else "Fails_DayRecorded"
        if gone or trade.failed_on == trade.day:
            with run.cycle(), run.refused(error):
                self.clients.fails.fail(
                    run.market.venue, trade.day, batch.header, batch.words, [trade.position]
                )

    @rule()
    def call_requirements(self) -> None:
        receipts = call_requirements(self.run.ledger.market, self.run.ledger.read())
        events = self.run.events(receipts, self.clients.default_fund, "Called")
        told = {(self.run.name(e["institution"]), e["purse"]): (e["required"], e["taken"]) for e in events}
        assert told == self.ought.call()

    @rule(who=brokers, purse=st.sampled_from((Purse.MARGIN, Purse.CONTRIBUTION)), part=st.integers(1, 100))
    def deposit(self, who: str, purse: Purse, part: int) -> None:
        amount = self.ought.held[who, "NPR"] * part // 200
        error = "DefaultFund_NotMember" if who in self.ought.suspended else None
        if amount:
            with self.run.refused(error):
                self.clients.default_fund.deposit(self.run.signers[who], purse, self.cash, amount)
                self.ought.purses[who, purse] += amount
                self.ought.move(who, "FUND", amount)

    @rule(who=st.sampled_from((*BROKERS, "V")), part=st.integers(1, 120))
    def give_notice(self, who: str, part: int) -> None:
        purse = Purse.CAPITAL if who == "V" else Purse.CONTRIBUTION
        amount = self.ought.purses[who, purse] * part // 100
        start = self.run.now + 7 * 86_400
        with self.run.refused("DefaultFund_NotMember" if who in self.ought.suspended else None):
            self.clients.default_fund.give_notice(self.run.signers[who], purse, self.cash, amount)
            self.ought.notices[who, purse] = amount, start

    @rule(who=st.sampled_from((*BROKERS, "V")), purse=st.sampled_from(Purse), part=st.integers(1, 120))
    def release(self, who: str, purse: Purse, part: int) -> None:
        amount = max(1, self.ought.purses[who, purse] * part // 100)
        with self.run.refused(self.ought.release(who, purse, amount, self.run.now)):
            self.clients.default_fund.release(self.run.signers[who], purse, self.cash, amount)

    @precondition(lambda self: not self.ought.suspended and self.run.open_trades())
    @rule(i=which, other=st.one_of(st.none(), brokers), called=mostly)
    def default(self, i: int, other: str | None, called: bool) -> None:
        """One or two members cannot pay."""
        if called:
            self.call_requirements()
        run, ledger = self.run, self.run.ledger
        trades = [t for t in run.open_trades() if t.irrevocable and t.buyer != t.seller] or self.ought.trades
        who = trades[i % len(trades)].sides[i % 2]
        out = list(dict.fromkeys(name for name in (who, other) if name))
        alone = len(out) == 1
        receipts = defaulting.default(ledger, who, run.today) if alone else self.default_together(out)
        self.ought.suspended.update(out)
        self.see_prices(run.day)
        fund, ids = self.clients.default_fund, {}
        for event in run.events(receipts, fund, "DefaultDeclared"):
            ids[run.name(event["institution"])] = event["id"]
        assert list(ids) == out
        losses = {name: self.ought.close_out(name, run.day, out) for name in out}
        for n, name in enumerate(out):
            self.check_default(receipts, ids[name], name, losses[name], out[n + 1 :])

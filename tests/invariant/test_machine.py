"""Runs of many days on one ledger, whatever comes next: each invariant of README.md that several days can
show.

Hypothesis draws the runs and shortens one that fails. A failure says its seed: `CLEARING_TEST_SEED=<seed>`
makes the same runs again.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import pytest
from eth_utils import keccak
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ledger.clients.clearing_house import Status
from ledger.clients.default_fund import Purse, Step
from ledger.errors import Reverted
from settlement import conditions, defaulting, ending
from settlement.conditions import Word
from settlement.cycle import Cycle
from settlement.liquidity import Objective, Search
from settlement.rules import jointly
from tests.invariant.floor import BROKERS, CLOSING_AFTER, SECURITIES, Floor, Run
from tests.invariant.ought import CAPITAL, CONTRIBUTION, HELD, MARGIN, MOVES, OPEN, PENDING, Trade

DAYS = int(os.environ.get("CLEARING_TEST_DAYS", "300"))
AT_ONCE, STEPS = 25, 50
SEEDS = [int(n) for n in os.environ.get("CLEARING_TEST_SEED", "").split()] or range(max(1, DAYS // 150))
SEEN: Counter[str] = Counter()
SHORTENED = "CLEARING_TEST_SEED" in os.environ
"""Shortening a run that failed takes minutes."""
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
batches = st.lists(rows, min_size=1, max_size=6)
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
        print(SEEN)
    except BaseException as error:
        error.add_note(f"CLEARING_TEST_SEED={first} makes these runs again")
        raise


class Days(RuleBasedStateMachine):
    """The rules are what may happen next, on any day and in any order."""

    def __init__(self, floor: Floor) -> None:
        super().__init__()
        self.run: Run = floor.enter()
        self.ought, self.clients = self.run.ought, self.run.clients
        self.finals: dict[int, tuple[str, int]] = {}
        self.before: dict[int, str] = {}

    # Rules

    @initialize(batch=batches, some=st.integers(0, 3))
    def begin(self, batch: list[Any], some: int) -> None:
        """A first batch, affirmed; most of what it takes is there."""
        self.run.record(batch)
        for name in BROKERS:
            self.affirm_some(name, self.run.day, 0)
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
        try:
            if entry is not None:
                cycle.enter(lambda trades: np.argsort(trades.number, kind="stable").tolist(), bypass=entry)
            cycle.settle(BRIEFLY, model)
            if parts:
                allowed = self.run.ledger.outcomes.parts_allowed
                cycle.fill(lambda part, row: allowed(part.batch, row))
        except Reverted as error:
            assert type(error).__name__ in ("Limits_Position", "Limits_Exposure")
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
        trade = self.run.pick(i)
        with self.run.cycle(), self.run.refused(self.ought.refusals(trade, masked=masked)):
            self.run.settle_alone(trade, model, masked=masked)
        self.run.ledger.settled_by([])

    @rule(word=words, i=which, side=st.sampled_from((0, 1, 0, 1, 2)), other=brokers)
    def say(self, word: Word, i: int, side: int, other: str) -> None:
        """A side says something of a trade, or somebody who is none."""
        trade = self.run.pick(i)
        self.say_by((*trade.sides, other)[side], word, trade)

    @rule(word=st.sampled_from((Word.ALLOW_PARTS, Word.ALLOW_PARTS, Word.CANCEL)), i=which)
    def both_say(self, word: Word, i: int) -> None:
        trade = self.run.pick(i)
        for name in dict.fromkeys(trade.sides):
            self.say_by(name, word, trade)

    @rule(word=words, i=which, side=st.integers(0, 1))
    def say_during_a_cycle(self, word: Word, i: int, side: int) -> None:
        trade = self.run.pick(i)
        with self.run.cycle():
            self.say_by(trade.sides[side], word, trade, cycle_open=True)

    def say_by(self, who: str, word: Word, trade: Trade, *, cycle_open: bool = False) -> None:
        error = self.ought.say(*SAID[word], who, trade, cycle_open=cycle_open)
        with self.run.refused(error):
            conditions.say(self.run.ledger, word, self.date(trade.day), [trade.number], who)

    @rule(i=which, stands=st.booleans(), by=st.sampled_from((None, None, "B1", "P1")))
    def decide(self, i: int, stands: bool, by: str | None) -> None:
        trade = self.run.pick(i)
        disputed = [t for t in self.ought.trades if t.status == "DISPUTED"]
        trade = disputed[i % len(disputed)] if disputed and i % 4 else trade
        word = Word.STANDS if stands else Word.FALLS
        if by is not None:
            names = {"Conditions_NotDisputed", "Conditions_Excepted", "Joint_NeitherRole"}
            with self.run.refused(names):
                conditions.say(self.run.ledger, word, self.date(trade.day), [trade.number], by)
            return
        with self.run.refused(self.ought.decide(trade, stands)):
            conditions.say(self.run.ledger, word, self.date(trade.day), [trade.number])

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

    @rule(factor=st.sampled_from((1, 2, 3)), model=st.sampled_from((1, 2, 3)), days=st.sampled_from((1, 1, 8)))
    def end_day(self, factor: int, model: int, days: int) -> None:
        """What is owed is collected, what can settles, the rest fails; what failed too often is closed."""
        run, day, cycle = self.run, self.run.day, self.choosing()
        cycle.open()
        self.ought.cycle += 1
        self.collect()
        try:
            cycle.settle(BRIEFLY, model)
        except Reverted as error:
            assert type(error).__name__ in ("Limits_Position", "Limits_Exposure")
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

    def see_prices(self, day: int) -> None:
        market, fails = self.run.market, self.clients.fails
        for code in SECURITIES:
            price = fails.price_of(market.index["V"], day, market.cash_asset, market.asset[code])
            known = self.ought.prices.setdefault((day, code), price) if price else 0
            assert known == price

    def collect(self) -> None:
        run, ledger = self.run, self.run.ledger
        receipts = ending.collect(run.market, ledger.outcomes.fails)
        for event in run.events(receipts, self.clients.fails, "ClaimPaid", "ClaimUnpaid"):
            paid, due = self.ought.collect(run.name(event["debtor"]), run.name(event["creditor"]))
            run.seen[event.name] += 1
            assert (event.name, event["amount"]) == ("ClaimPaid" if paid else "ClaimUnpaid", due)
        assert run.balances() == +self.ought.held

    def fail(self, day: int) -> None:
        """Every reason and every penalty is what ought to be."""
        run, ledger = self.run, self.run.ledger
        by_place = {(t.batch, t.number): t for t in run.open_trades()}
        should = [t for t in run.open_trades() if t.status in (PENDING, HELD) and t.failed_on < day]
        receipts = ending.fail(run.market, ledger.read(), ledger.outcomes.fails, run.today)
        told = run.events(receipts, self.clients.fails, "TradeFailed", "PenaltyAccrued")
        failed, found = [], Counter[tuple[str, str, int]]()
        wanted, net = Counter[tuple[str, str, int]](), Counter[str]()
        for event in told:
            if event.name == "PenaltyAccrued":
                payer, payee = run.name(event["payer"]), run.name(event["payee"])
                found[payer, payee, event["amount"]] += 1
                net[payer] -= event["amount"]
                net[payee] += event["amount"]
                continue
            trade = by_place[event["batchHash"], event["tradeNo"]]
            failed.append(trade)
            wanted.update(self.ought.fail(trade, day))
            assert event["reasons"] == trade.reasons
            run.seen.update(f"reason {r}" for r in range(6) if trade.reasons >> 2 * r & 3)
            assert (event["quantity"], event["amount"]) == (trade.units_left, trade.amount_left)
            assert event["failedDays"] == trade.failed_days
        assert set(failed) == set(should)
        assert len(failed) == len(should)
        assert found == wanted
        assert net.total() == 0

    def compensate(self, day: int) -> None:
        run, ledger = self.run, self.run.ledger
        many = [
            t for t in run.open_trades() if t.status in (PENDING, HELD) and t.failed_days >= CLOSING_AFTER
        ]
        by_place = {(t.batch, t.number): t for t in many}
        receipts = ending.compensate(run.market, ledger.read(), ledger.outcomes.fails)
        for event in run.events(receipts, self.clients.fails, "TradeCompensated"):
            told = run.name(event["payer"]), run.name(event["payee"]), event["amount"]
            run.seen["compensated with cash"] += bool(told[2])
            assert told == self.ought.compensate(by_place.pop((event["batchHash"], event["tradeNo"])))
        assert not by_place

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
        receipts = defaulting.call_requirements(self.run.ledger)
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

    @precondition(lambda self: self.steps > 8 and len(self.ought.suspended) < 2)
    @rule(who=brokers, other=st.one_of(st.none(), brokers))
    def default(self, who: str, other: str | None) -> None:
        """One or two members cannot pay."""
        run, ledger = self.run, self.run.ledger
        out = list(dict.fromkeys(name for name in (who, other) if name))
        if len(out) == 1:
            receipts = defaulting.default(ledger, who, run.today)
        else:
            receipts = self.default_together(out)
        self.ought.suspended.update(out)
        self.see_prices(run.day)
        fund, ids = self.clients.default_fund, {}
        for event in run.events(receipts, fund, "DefaultDeclared"):
            ids[run.name(event["institution"])] = event["id"]
        assert list(ids) == out
        losses = {name: self.ought.close_out(name, run.day, out) for name in out}
        for n, name in enumerate(out):
            self.check_default(receipts, ids[name], name, losses[name], out[n + 1 :])

    def default_together(self, out: list[str]) -> list[Any]:
        """Both are declared before either is closed out."""
        run, ledger, fund = self.run, self.run.ledger, self.clients.default_fund
        for name in out:
            defaulting.suspend(ledger, name)
        ending.give_prices(run.market, run.today, ending.closing_prices(ledger.read(), run.today))
        done = []
        for name in out:
            index = run.market.index[name]
            done += jointly(run.market, fund, "declareDefault", index, self.cash, run.day)
        ids = {name: fund.open_default_of(run.market.index[name], self.cash) for name in out}
        for name in out:
            for batch in ledger.read().batches.values():
                rows = [
                    t.position
                    for t in self.ought.trades
                    if t.batch == batch.batch_hash and name in t.sides and t.status in OPEN
                    if ledger.read().batches[t.batch].status[t.position] in (Status.PENDING, Status.HELD, Status.DISPUTED)
                ]  # fmt: skip
                if rows:
                    done.append(fund.close_out(run.market.venue, ids[name], batch.header, batch.words, rows))
        for name in out:
            done += jointly(run.market, fund, "finish", ids[name], fund.default_of(ids[name]).loss)
        return done

    def check_default(
        self, receipts: list[Any], number: int, who: str, losses: list[Any], still_open: list[str]
    ) -> None:
        """Each loss, each step and each payment is what ought to be; the steps sum to the loss."""
        run, fund = self.run, self.clients.default_fund

        def told(name: str) -> list[Any]:
            return [e for e in run.events(receipts, fund, name) if e["id"] == number]

        closed = Counter(
            (e["batchHash"], e["tradeNo"], run.name(e["claimant"]), e["loss"]) for e in told("TradeClosedOut")
        )
        assert closed == Counter((t.batch, t.number, claimant, loss) for t, claimant, loss in losses)
        out = self.ought.waterfall(who, losses, still_open)
        steps = [
            (Step(e["step"]).name, run.name(e["institution"]), e["amount"]) for e in told("WaterfallStep")
        ]
        assert Counter(steps) == Counter(out.steps)
        run.seen.update(step for step, _, _ in steps)
        run.seen["default"] += 1
        assert [step for step, _, _ in steps] == sorted((s for s, _, _ in steps), key=lambda s: Step[s])
        (finished,) = told("DefaultFinished")
        loss = sum(each for _, _, each in losses)
        assert finished["loss"] == loss == sum(amount for _, _, amount in steps)
        paid = {run.name(e["claimant"]): e["paid"] for e in told("ClaimantPaid")}
        assert paid == out.paid
        assert sum(paid.values()) == sum(amount for step, _, amount in steps if step != "UNCOVERED")
        assert finished["uncovered"] == loss - sum(paid.values())

    # Invariants

    @invariant()
    def everything_is_where_it_ought_to_be(self) -> None:
        """Nothing made, nothing lost, nobody below zero, nothing in transit, the fund has what its purses
        are."""
        self.steps += 1
        held = self.run.balances()
        assert held == +self.ought.held
        assert min(self.ought.held.values()) >= 0
        assert not any(name == "transit" for name, _ in held)
        sums: Counter[str] = Counter()
        for (_, code), amount in held.items():
            sums[code] += amount
        assert sums == +self.ought.issued
        register, asset = self.clients.register, self.run.market.asset
        assert {code: register.call("totalSupply", asset[code]) for code in sums} == sums
        purses = self.run.purses()
        assert purses == +self.ought.purses
        assert purses.total() == held.get(("FUND", "NPR"), 0)

    @invariant()
    def every_trade_stands_where_it_ought_to(self) -> None:
        """And where it may have come to; what is final stays."""
        trades = self.ought.trades
        now = self.run.known_statuses() if trades else []
        assert now == [trade.status for trade in trades]
        some = [trade for trade in trades if trade.status in OPEN or id(trade) not in self.finals]
        assert self.run.statuses(some) == [trade.status for trade in some]
        for trade in trades:
            old = self.before.get(id(trade), trade.status)
            if old != trade.status:
                assert self.finals.get(id(trade)) is None
                assert trade.status in MOVES[old] or (old == HELD and trade.status == "SETTLED")
            self.before[id(trade)] = trade.status
            if trade.status not in OPEN:
                assert self.finals.setdefault(id(trade), (trade.status, trade.settled)) == (
                    trade.status,
                    trade.settled,
                )

    @invariant()
    def what_is_owed_is_what_ought_to_be(self) -> None:
        market, fails = self.run.market, self.clients.fails
        venue, cash = market.index["V"], market.cash_asset
        for (debtor, creditor), claim in self.ought.claims.items():
            found = fails.claim_of(venue, cash, market.index[debtor], market.index[creditor])
            assert found.due + found.accrued == claim.total()
        for (name, purse), required in self.ought.required.items():
            assert self.clients.default_fund.required_of(market.index[name], cash, Purse(purse)) == required
        for (name, code), taken in self.ought.taken.items():
            assert self.clients.limits.taken_of(market.index[name], market.asset[code]) == taken

    steps = 0

    def teardown(self) -> None:
        """Books agree, and who reads the chain from nothing comes to the same."""
        run = self.run
        if not self.ought.trades:
            return
        assert run.statuses(self.ought.trades) == [trade.status for trade in self.ought.trades]
        SEEN.update(trade.status for trade in self.ought.trades)
        SEEN.update("in part" for t in self.ought.trades if 0 < t.settled < t.quantity)
        SEEN.update("parts" for t in self.ought.trades if len(set(p.position for p in run.ledger.read().batches[t.batch].parts))>0)
        SEEN["runs"] += 1
        SEEN["steps"] += self.steps
        SEEN.update(run.seen)
        ledger = run.ledger
        ledger.read()
        anew = run.anew()
        for each in (ledger, anew):
            assert not each.reconcile().breaks
        one, other = ledger.read(), anew.read()
        assert facts(one) == facts(other)
        assert outcomes(ledger) == outcomes(anew)
        self.check_totals(anew)

    def check_totals(self, anew: Any) -> None:
        """What has settled of every trade sums to what it costs; commissions to what was earned."""
        history, market = anew.read(), self.run.market
        gross = sum(event["grossAmount"] for event in history.netting_sets)
        assert gross == sum(t.cut(t.amount, 0, t.settled) for t in self.ought.trades)
        earned = {self.run.name(n): amount for n, amount in history.earned(market.cash_asset).items()}
        assert Counter(earned) == +self.ought.earned
        for trade in self.ought.trades:
            assert int(history.batches[trade.batch].settled_quantity[trade.position]) == trade.settled

    @property
    def cash(self) -> int:
        return self.run.market.cash_asset

    def date(self, day: int) -> Any:
        from ledger.ids import parse_day_number

        return parse_day_number(day)


def facts(history: Any) -> tuple[Any, ...]:
    """What a history says, to be compared."""
    moves = history.movements
    return (
        history.head,
        [
            (
                key,
                batch.header,
                batch.status.tolist(),
                batch.settled_in.tolist(),
                batch.settlements,
                batch.parts,
                batch.disputed,
                batch.affirmed_in,
                batch.out,
            )
            for key, batch in history.batches.items()
        ],
        [getattr(moves, name).tolist() for name in moves.__slots__],
        history.accruals,
        history.netting_sets,
        history.said,
        history.suspended,
        history.totals,
        history.cycles,
        history.open_cycles,
    )


def outcomes(ledger: Any) -> tuple[Any, ...]:
    """What comes of it, to be compared."""
    found = ledger.outcomes
    return (
        found.fails.failed,
        found.fails.compensated,
        found.fails.paid,
        {key: owed for key, owed in found.fails.claims.items() if owed},
        found.fails.prices,
        +Counter(found.defaults.purses),
        [asdict(each) for each in found.defaults.by_id.values()],
        found.limits,
        {key: who for key, who in found.conditions.items() if who},
        {name: amount for name, amount in found.advised.items() if amount},
        keccak(text=""),
    )


_ = (CAPITAL, CONTRIBUTION, MARGIN)

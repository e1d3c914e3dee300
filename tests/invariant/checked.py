"""What is checked of a run: after every step, where something fails or is paid, and at its end."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine, invariant

from ledger.clients.clearing_house import Status
from ledger.clients.default_fund import Step
from ledger.history import History
from settlement import defaulting, ending
from settlement.operations import Ledger
from settlement.rules import jointly
from tests.invariant.floor import CLOSING_AFTER, SECURITIES, Floor, Run
from tests.invariant.ought import HELD, MOVES, OPEN, PENDING
from tests.quick import calls
from tests.sharings import earned

SEEN: Counter[str] = Counter()
"""What came about in any run, how often."""


class Checked(RuleBasedStateMachine):
    """A run beside what ought to be, and what must be the same of both."""

    def __init__(self, floor: Floor) -> None:
        super().__init__()
        self.run: Run = floor.enter()
        self.ought, self.clients = self.run.ought, self.run.clients
        self.finals: dict[int, tuple[str, int]] = {}
        self.before: dict[int, str] = {}

    @property
    def cash(self) -> int:
        return self.run.market.cash_asset

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
                    if t.batch == batch.batch_hash and name in t.sides
                    if Status(batch.status[t.position]).name in OPEN
                ]
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

    # Always

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
        supplies = calls(register, "totalSupply", [(asset[code],) for code in sums])
        assert dict(zip(sums, supplies, strict=True)) == sums
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
        places = [(market.index[name], cash, purse) for name, purse in self.ought.required]
        required = calls(self.clients.default_fund, "requiredOf", places)
        assert required == list(self.ought.required.values())
        limited = [(market.index[name], market.asset[code]) for name, code in self.ought.taken]
        assert calls(self.clients.limits, "takenOf", limited) == list(self.ought.taken.values())

    steps = 0

    def teardown(self) -> None:
        """Books agree, and who reads the chain from nothing comes to the same."""
        run = self.run
        if not self.ought.trades:
            return
        assert run.statuses(self.ought.trades) == [trade.status for trade in self.ought.trades]
        SEEN.update(trade.status for trade in self.ought.trades)
        SEEN.update("in part" for trade in self.ought.trades if 0 < trade.settled < trade.quantity)
        SEEN["runs"] += 1
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

    def check_totals(self, anew: Ledger) -> None:
        """What has settled of every trade sums to what it costs; commissions to what was earned."""
        history, market = anew.read(), self.run.market
        gross = sum(event["grossAmount"] for event in history.netting_sets)
        assert gross == sum(t.cut(t.amount, 0, t.settled) for t in self.ought.trades)
        totals = earned(history, market.cash_asset)
        named = {self.run.name(n): amount for n, amount in totals.items()}
        assert Counter(named) == +self.ought.earned
        for trade in self.ought.trades:
            assert int(history.batches[trade.batch].settled_quantity[trade.position]) == trade.settled


def facts(history: History) -> tuple[Any, ...]:
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
        history.revenue,
        history.times,
        history.netting_sets,
        history.said,
        history.suspended,
        history.cycles,
        history.open_cycles,
    )


def outcomes(ledger: Ledger) -> tuple[Any, ...]:
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
    )

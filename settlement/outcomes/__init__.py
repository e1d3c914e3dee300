"""What did not settle and what that came to: fails, penalties, claims, the default fund, defaults.

All of it is recomputed from the ledger's facts as they are read; where the contracts have come to something
else, LedgerDisagrees says where.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from ledger.clients.clearing_house import Status
from ledger.clients.conditions import Condition
from ledger.clients.fails import Reason
from ledger.clients.limits import NONE
from ledger.contract import Event
from ledger.history import History, RecordedBatch
from settlement.agreements.advice import Advice
from settlement.errors import LedgerDisagrees
from settlement.fees import VenueSchedule
from settlement.market import Market
from settlement.outcomes.defaults import Defaults
from settlement.outcomes.fails import Fails, bit, where
from settlement.outcomes.moment import Moment

__all__ = ["Outcomes"]

_ENDS = {Status.COMPENSATED: "TradeCompensated", Status.CLOSED_OUT: "TradeClosedOut"}


@dataclass(slots=True)
class Outcomes:
    """Follows a history of one market."""

    market: Market
    fails: Fails = field(default_factory=Fails)
    defaults: Defaults = field(default_factory=Defaults)
    limits: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    """(institution, asset) → the newest limits: position, exposure."""
    conditions: dict[tuple[bytes, int, Condition], set[int]] = field(default_factory=dict)
    """(batch's hash, trade number, condition) → the institutions that say so."""
    advised: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    """Institution → cash in minor units that moved otherwise than by settling trades, as it was told: claims
    collected, what went to the fund and came from it, and what agreements brought it and cost it.
    """
    _seen: int = 0
    _now: bytes = b""
    _told: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    """Of `advised`, what the transaction at hand told."""
    _moment: Moment | None = None
    _sharing: Advice | None = None

    def parts_allowed(self, batch: RecordedBatch, row: int) -> bool:
        """Whether both sides of a trade let it settle in parts."""
        records = batch.records
        key = batch.batch_hash, int(records.number[row]), Condition.PARTIAL
        return {int(records.buyer[row]), int(records.seller[row])} <= self.conditions.get(key, set())

    def follow(self, history: History) -> None:
        """Take what is new. Raises LedgerDisagrees."""
        self._follow_agreements(history)
        if self._seen == len(history.said):
            return
        if self._moment is None:
            scenario = self.market.scenario
            beneficiary = self.market.index[scenario.fees.levy.beneficiary]
            self._moment = Moment(history, VenueSchedule.of(scenario), beneficiary)
        for event in history.said[self._seen :]:
            if event.transaction != self._now:
                self._complete(history)
                self._now = event.transaction
            if event.name == "LimitSet":
                place = event["institution"], event["asset"]
                self.limits[place] = event["position"], event["exposure"]
            elif event.name == "ConditionChanged":
                key = event["batchHash"], event["tradeNo"], Condition(event["condition"])
                said = self.conditions.setdefault(key, set())
                (said.add if event["stands"] else said.discard)(event["institution"])
            self.fails.apply(event, history, self._moment)
            self.defaults.apply(event, history, self._moment, self.fails)
            if event.name == "TradeFailed":
                self._check_limits(event, history)
            for institution, amount in _advised(event.name, event.arguments):
                self.advised[institution] += amount
                self._told[institution] += amount
        self._complete(history)
        self._seen = len(history.said)
        self._check_ended(history)
        self._check_fund(history)

    def _follow_agreements(self, history: History) -> None:
        if not history.revenue:
            return
        if self._sharing is None:
            self._sharing = Advice(self.market.cash_asset)
        brokers = {self.market.index[name] for name in self.market.scenario.brokers}
        for institution, amount in self._sharing.follow(history, brokers).items():
            self.advised[institution] += amount

    def _complete(self, history: History) -> None:
        """All of a transaction is there, and what it told of cash is what moved; the fund has the rest."""
        at = f"transaction 0x{self._now.hex()}"
        self.fails.complete(at)
        self.defaults.complete(at)
        told = {who: amount for who, amount in self._told.items() if amount}
        if self._told:
            moved = _cash_moved(history, self._now, self.market.cash_asset)
            fund = {who: amount for who, amount in moved.items() if who not in self._told}
            without = {who: amount for who, amount in moved.items() if who in self._told}
            if told != without or list(fund.values()) != [-sum(told.values())] * bool(sum(told.values())):
                raise LedgerDisagrees(f"{at}, cash", told, moved)
        self._told = defaultdict(int)

    def _check_limits(self, event: Event, history: History) -> None:
        """Who is at its limit has one."""
        batch = history.batches[event["batchHash"]]
        row = batch.position_of(event["tradeNo"])
        assets = batch.header.cash_asset, int(batch.records.asset[row])
        for side, party in enumerate((batch.records.buyer[row], batch.records.seller[row])):
            limits = [self.limits.get((int(party), asset), (NONE, NONE)) for asset in assets]
            if event["reasons"] & bit(Reason.FLIM, side) and set(limits) == {(NONE, NONE)}:
                raise LedgerDisagrees(f"{where(event)}, reasons", event["reasons"], "no limit")

    def _check_ended(self, history: History) -> None:
        """What stands as compensated or closed out was told to be, and the other way round."""
        found = {
            (batch.batch_hash, int(batch.records.number[row])): _ENDS[status]
            for batch in history.batches.values()
            for row, status in batch.out.items()
            if status in _ENDS
        }
        for trade in found.keys() | self.fails.ended.keys():
            told, stands = self.fails.ended.get(trade), found.get(trade)
            if told != stands:
                raise LedgerDisagrees(f"trade {trade[1]}, how it ended", told, stands)

    def _check_fund(self, history: History) -> None:
        """What purses have is there: anyone may pay into the fund's account, and only the fund out of it."""
        scenario, cash = self.market.scenario, self.market.cash_asset
        if scenario.default_fund is None:
            return
        fund, moves = self.market.index[scenario.default_fund.account], history.movements
        come = moves.amount[(moves.receiver == fund) & (moves.asset == cash)].tolist()
        gone = moves.amount[(moves.sender == fund) & (moves.asset == cash)].tolist()
        purses = sum(amount for key, amount in self.defaults.purses.items() if key[1] == cash)
        if purses > sum(come) - sum(gone):
            raise LedgerDisagrees("the fund's account", sum(come) - sum(gone), purses)


def _cash_moved(history: History, transaction: bytes, currency: int) -> dict[int, int]:
    """Institution → what a transaction moved to it, in minor units, zeros left out."""
    moves, change = history.movements.of(transaction), defaultdict[int, int](int)
    columns = (moves.sender, moves.receiver, moves.asset, moves.amount)
    for sender, receiver, asset, amount in zip(*(each.tolist() for each in columns), strict=True):
        if asset == currency:
            change[sender] -= amount
            change[receiver] += amount
    return {who: amount for who, amount in change.items() if amount}


def _advised(name: str, told: dict[str, int]) -> list[tuple[int, int]]:
    """Institution → what an event tells it of its cash."""
    match name:
        case "ClaimPaid":
            return [(told["debtor"], -told["amount"]), (told["creditor"], told["amount"])]
        case "Deposited":
            return [(told["institution"], -told["amount"])]
        case "Released":
            return [(told["institution"], told["amount"])]
        case "Called":
            return [(told["institution"], -told["taken"])]
        case "ClaimantPaid":
            return [(told["claimant"], told["paid"])]
    return []

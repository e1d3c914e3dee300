"""What members have in the default fund, and what defaults came to: recomputed event by event.

The contract `DefaultFund` has computed the same. Where the two differ, LedgerDisagrees says where.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from ledger.clients.default_fund import Purse, Step
from ledger.contract import Event
from ledger.history import History, RecordedBatch
from settlement.errors import LedgerDisagrees
from settlement.outcomes.fails import Fails, agree, where
from settlement.outcomes.moment import Left, Moment
from settlement.penalties import PRICE
from settlement.waterfall import Resources, Waterfall, run


@dataclass(slots=True)
class Default:
    """One institution's default. Prices are those of `day` (yyyymmdd), `claims` minor units by claimant."""

    institution: int
    currency: int
    day: int
    claims: dict[int, int] = field(default_factory=dict)
    closed_out: list[tuple[bytes, int, int]] = field(default_factory=list)
    """(batch's hash, trade number, loss in minor units)."""
    steps: list[tuple[Step, int, int]] = field(default_factory=list)
    """(step, institution, minor units), as the ledger told them."""
    paid: dict[int, int] = field(default_factory=dict)
    waterfall: Waterfall | None = None
    """What it came to, once it is finished."""


@dataclass(slots=True)
class Defaults:
    """What has come of the fund so far. `apply` takes the next event."""

    purses: dict[tuple[int, int, Purse], int] = field(default_factory=lambda: defaultdict(int))
    """(institution, currency, purse) → minor units."""
    missing: dict[tuple[int, int, Purse], int] = field(default_factory=dict)
    """What the last call did not find."""
    by_id: dict[int, Default] = field(default_factory=dict)
    _expected: Waterfall | None = None

    def apply(self, event: Event, history: History, moment: Moment, fails: Fails) -> None:
        """Take the next event in the chain's order. Raises LedgerDisagrees."""
        match event.name:
            case "Deposited" | "Released":
                sign = 1 if event.name == "Deposited" else -1
                self._move(_purse(event), sign * event["amount"])
                agree(event, "balance", self.purses[_purse(event)])
            case "Called":
                self._move(_purse(event), event["taken"])
                self.missing[_purse(event)] = event["missing"]
            case "DefaultDeclared":
                self.by_id[event["id"]] = Default(event["institution"], event["currency"], event["day"])
            case "TradeClosedOut":
                self._close_out(event, history.batches[event["batchHash"]], moment, fails)
            case "WaterfallStep":
                self._step(event)
            case "ClaimantPaid":
                default = self.by_id[event["id"]]
                agree(event, "claim", default.claims.get(event["claimant"], 0))
                default.paid[event["claimant"]] = event["paid"]
            case "DefaultFinished":
                self._finish(event)

    def open(self) -> list[Default]:
        """Those that are not finished."""
        return [each for each in self.by_id.values() if each.waterfall is None]

    def _move(self, purse: tuple[int, int, Purse], amount: int) -> None:
        self.purses[purse] += amount

    def _close_out(self, event: Event, batch: RecordedBatch, moment: Moment, fails: Fails) -> None:
        moment.at(event.transaction)
        default = self.by_id[event["id"]]
        left = moment.left(batch, moment.row(batch, event["tradeNo"]))
        default.closed_out.append((event["batchHash"], event["tradeNo"], event["loss"]))
        if not event["claimant"]:
            for name in ("price", "value", "loss"):
                agree(event, name, 0)
            return
        agree(event, "claimant", left.seller if left.buyer == default.institution else left.buyer)
        price = fails.prices[batch.header.venue, default.day, default.currency, left.asset]
        agree(event, "price", price)
        agree(event, "loss", _loss(left, default.institution, price))
        claimant = event["claimant"]
        default.claims[claimant] = default.claims.get(claimant, 0) + event["loss"]

    def _step(self, event: Event) -> None:
        """The first step of a waterfall finds what there is; each is held against what comes out of that."""
        default = self.by_id[event["id"]]
        if self._expected is None:
            self._expected = run(default.claims, self._resources(default))
        step, who, amount = Step(event["step"]), event["institution"], event["amount"]
        drawn = self._expected
        wanted = {
            Step.MARGIN: drawn.margin,
            Step.CONTRIBUTION: drawn.contribution,
            Step.CAPITAL: drawn.capital,
            Step.MUTUAL: drawn.drawn.get(who, 0),
            Step.UNCOVERED: drawn.uncovered.get(who, 0),
        }[step]
        agree(event, "amount", wanted)
        default.steps.append((step, who, amount))
        if step is not Step.UNCOVERED:
            purse = {Step.MARGIN: Purse.MARGIN, Step.CAPITAL: Purse.CAPITAL}.get(step, Purse.CONTRIBUTION)
            self._move((who, default.currency, purse), -amount)

    def _finish(self, event: Event) -> None:
        default = self.by_id[event["id"]]
        expected = self._expected or run(default.claims, self._resources(default))
        self._expected = None
        agree(event, "loss", sum(default.claims.values()))
        agree(event, "uncovered", sum(expected.uncovered.values()))
        told = sum(amount for _, _, amount in default.steps)
        if told != event["loss"]:
            raise LedgerDisagrees(f"{where(event)}, steps of the waterfall", told, event["loss"])
        paid = {who: amount for who, amount in default.paid.items() if amount}
        if paid != dict(expected.paid):
            raise LedgerDisagrees(f"{where(event)}, paid", paid, dict(expected.paid))
        default.waterfall = expected

    def _resources(self, default: Default) -> Resources:
        """What there is for a default: of the others not what those have in whose own default is open."""
        who, currency = default.institution, default.currency
        defaulters = {each.institution for each in self.open() if each.currency == currency}
        there = {key: amount for key, amount in self.purses.items() if key[1] == currency and amount}
        return Resources(
            margin=there.get((who, currency, Purse.MARGIN), 0),
            contribution=there.get((who, currency, Purse.CONTRIBUTION), 0),
            capital=sum(amount for (_, _, purse), amount in there.items() if purse is Purse.CAPITAL),
            contributions={
                member: amount
                for (member, _, purse), amount in there.items()
                if purse is Purse.CONTRIBUTION and member not in defaulters
            },
        )


def _purse(event: Event) -> tuple[int, int, Purse]:
    return event["institution"], event["currency"], Purse(event["purse"])


def _loss(left: Left, defaulter: int, price: int) -> int:
    """What replacing the rest of a trade costs the other side, rounded down; nothing where it gains."""
    worth = left.quantity * price
    if left.seller == defaulter:
        return max(0, worth // PRICE - left.amount)
    return max(0, left.amount - -(-worth // PRICE))

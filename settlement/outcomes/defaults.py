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
from settlement.outcomes.fails import Fails, agree, batch_of, left_of, where
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
    _called: set[tuple[int, int, Purse]] = field(default_factory=set)
    """Purses that the transaction at hand has called for."""
    _taken: dict[int, int] = field(default_factory=dict)
    """Institution → minor units that it has taken."""
    _now: bytes = b""

    def apply(self, event: Event, history: History, moment: Moment, fails: Fails) -> None:
        """Take the next event in the chain's order. Raises LedgerDisagrees."""
        if event.transaction != self._now:
            self._now, self._called, self._taken = event.transaction, set(), defaultdict(int)
        match event.name:
            case "Deposited" | "Released":
                sign = 1 if event.name == "Deposited" else -1
                self._move(event, _purse(event), sign * event["amount"])
                agree(event, "balance", self.purses[_purse(event)])
            case "Called":
                self._call(event, moment)
            case "DefaultDeclared":
                agree(event, "id", len(self.by_id) + 1)
                default = Default(event["institution"], event["currency"], event["day"])
                own = [each for each in self._open_in(default.currency) if each == default.institution]
                if own or default.institution not in fails.suspended:
                    raise LedgerDisagrees(where(event), "declared", "in default already" if own else "active")
                self.by_id[event["id"]] = default
            case "TradeClosedOut":
                self._close_out(event, batch_of(event, history), moment, fails)
            case "WaterfallStep":
                self._step(event)
            case "ClaimantPaid":
                default, who = self._default(event), event["claimant"]
                if who in default.paid or who not in default.claims:
                    raise LedgerDisagrees(f"{where(event)}, claimant", who, "paid once, what it claims")
                agree(event, "claim", default.claims[who])
                default.paid[who] = event["paid"]
            case "DefaultFinished":
                self._finish(event)

    def open(self) -> list[Default]:
        """Those that are not finished."""
        return [each for each in self.by_id.values() if each.waterfall is None]

    def complete(self, at: str) -> None:
        """Raises LedgerDisagrees where a waterfall that began was not told to its end."""
        if self._expected is not None:
            raise LedgerDisagrees(at, "no end", "a waterfall's end")

    def _default(self, event: Event) -> Default:
        """The default that an event is about, which is open."""
        found = self.by_id.get(event["id"])
        if found is None or found.waterfall is not None:
            why = "not declared" if found is None else "finished"
            raise LedgerDisagrees(f"{where(event)}, id", event["id"], why)
        return found

    def _open_in(self, currency: int) -> set[int]:
        """Institutions whose default in a currency is open."""
        return {each.institution for each in self.open() if each.currency == currency}

    def _call(self, event: Event, moment: Moment) -> None:
        """What the purse lacks is taken as far as the account has it; while a default is open, margin of the
        others only. What is required is not recomputed.
        """
        moment.at(event.transaction)
        purse = who, currency, of = _purse(event)
        if purse in self._called or of is Purse.CAPITAL:
            raise LedgerDisagrees(f"{where(event)}, purse", of.name, "each once, but for capital")
        self._called.add(purse)
        open_in = self._open_in(currency)
        frozen = who in open_in if of is Purse.MARGIN else bool(open_in)
        lacks = max(0, event["required"] - self.purses[purse])
        there = moment.balances.get((who, currency), 0) - self._taken[who]
        taken = 0 if frozen else min(lacks, there)
        agree(event, "taken", taken)
        agree(event, "missing", lacks - taken)
        self._taken[who] += taken
        self._move(event, purse, taken)
        self.missing[purse] = event["missing"]

    def _move(self, event: Event, purse: tuple[int, int, Purse], amount: int) -> None:
        if self.purses[purse] + amount < 0:
            raise LedgerDisagrees(f"{where(event)}, amount", -amount, f"{self.purses[purse]} at most")
        self.purses[purse] += amount

    def _close_out(self, event: Event, batch: RecordedBatch, moment: Moment, fails: Fails) -> None:
        default = self._default(event)
        left = left_of(event, batch, moment)
        if default.institution not in (left.buyer, left.seller):
            raise LedgerDisagrees(where(event), "closed out", "not the defaulter's")
        fails.end(event)
        default.closed_out.append((event["batchHash"], event["tradeNo"], event["loss"]))
        other = left.seller if left.buyer == default.institution else left.buyer
        excepted = event["tradeNo"] in batch.disputed
        bound = not excepted and all(moment.affirmed(batch, each) for each in (left.buyer, left.seller))
        agree(event, "claimant", other if bound and other not in self._open_in(default.currency) else 0)
        if not event["claimant"]:
            for name in ("price", "value", "loss"):
                agree(event, name, 0)
            return
        price = fails.price(event, batch.header.venue, default.day, default.currency, left.asset)
        agree(event, "price", price)
        worth = left.quantity * price
        agree(event, "value", worth // PRICE if left.seller == default.institution else -(-worth // PRICE))
        agree(event, "loss", _loss(left, default.institution, price))
        claimant = event["claimant"]
        default.claims[claimant] = default.claims.get(claimant, 0) + event["loss"]

    def _step(self, event: Event) -> None:
        """The first step of a waterfall finds what there is; each is held against what comes out of that."""
        default = self._default(event)
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
        if step in (Step.MARGIN, Step.CONTRIBUTION):
            agree(event, "institution", default.institution)
        default.steps.append((step, who, amount))
        if step is not Step.UNCOVERED:
            purse = {Step.MARGIN: Purse.MARGIN, Step.CAPITAL: Purse.CAPITAL}.get(step, Purse.CONTRIBUTION)
            self._move(event, (who, default.currency, purse), -amount)

    def _finish(self, event: Event) -> None:
        default = self._default(event)
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
        defaulters = self._open_in(currency)
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

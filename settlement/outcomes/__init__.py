"""What did not settle and what that came to: fails, penalties, claims, the default fund, defaults.

All of it is recomputed from the ledger's facts as they are read; where the contracts have come to something
else, LedgerDisagrees says where.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from ledger.clients.conditions import Condition
from ledger.history import History, RecordedBatch
from settlement.fees import Schedule
from settlement.market import Market
from settlement.outcomes.defaults import Defaults
from settlement.outcomes.fails import Fails
from settlement.outcomes.moment import Moment

__all__ = ["Outcomes"]


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
    collected, and what went to the fund and came from it.
    """
    _seen: int = 0
    _moment: Moment | None = None

    def parts_allowed(self, batch: RecordedBatch, row: int) -> bool:
        """Whether both sides of a trade let it settle in parts."""
        records = batch.records
        key = batch.batch_hash, int(records.number[row]), Condition.PARTIAL
        return {int(records.buyer[row]), int(records.seller[row])} <= self.conditions.get(key, set())

    def follow(self, history: History) -> None:
        """Take what is new. Raises LedgerDisagrees."""
        if self._seen == len(history.said):
            return
        if self._moment is None:
            scenario = self.market.scenario
            beneficiary = self.market.index[scenario.fees.levy.beneficiary]
            self._moment = Moment(history, Schedule.of(scenario), beneficiary)
        for event in history.said[self._seen :]:
            if event.name == "LimitSet":
                place = event["institution"], event["asset"]
                self.limits[place] = event["position"], event["exposure"]
            elif event.name == "ConditionChanged":
                key = event["batchHash"], event["tradeNo"], Condition(event["condition"])
                said = self.conditions.setdefault(key, set())
                (said.add if event["stands"] else said.discard)(event["institution"])
            self.fails.apply(event, history, self._moment)
            self.defaults.apply(event, history, self._moment, self.fails)
            for institution, amount in _advised(event.name, event.arguments):
                self.advised[institution] += amount
        self._seen = len(history.said)


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

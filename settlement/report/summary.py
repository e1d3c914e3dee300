"""A ledger, or one trading day of it, in figures: what `--json` prints and the report in words is made of.

Amounts are minor units of the scenario's currency, in JSON decimal strings; quantities are whole units and
counts, both JSON integers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from ledger.clients.clearing_house import Status
from ledger.history import ENDED
from ledger.units import exact_sum
from settlement.reconciliation.ledger_side import Scope
from settlement.reconciliation.model import Break, Compared
from settlement.reconciliation.running import Reconciled
from settlement.report import sources, split
from settlement.report.breaks import break_json
from settlement.report.choice import CHOICE_KEYS, choice_json
from settlement.report.costs import spent
from settlement.report.facts import Facts, gather
from settlement.report.layout import Money
from settlement.report.waiting import Shortages, Waiting, waiting, waiting_json

if TYPE_CHECKING:
    from settlement.cycle import Settled
    from settlement.operations import Ledger


@dataclass(frozen=True, slots=True)
class Flow:
    """What the day moved for one institution, by the ledger. Units of all securities; minor units of cash."""

    institution: str
    value: int
    """The settled trades on its side, a trade with itself twice."""
    delivered: int
    received: int
    cash: int
    """Signed; net of levy and revenue shares."""
    commission: int
    given_away: int


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything that a report says. Amounts in minor units."""

    scenario: str
    trading_days: tuple[str, ...]
    chain: str
    currency: str
    exponent: int
    brokers: int
    """That are party to recorded trades, in so many `securities`."""
    securities: int
    trades: int
    rejected: int
    recorded: int
    settled: int
    disputed: int
    ended: int
    """Cancelled, compensated or closed out."""
    gross_value: int
    net_value: int
    settled_value: int
    ended_value: int
    settled_net_value: int
    commission: int
    levy: int
    levy_beneficiary: str
    revenue: Mapping[str, int]
    shares_ppm: Mapping[str, int]
    """Party → its share of every broker's commission, where it was the same for all; else empty."""
    shares_paid: Mapping[str, int]
    paid_besides: int
    """By agreements, otherwise than in settlements; nothing of one day among several."""
    positions: Mapping[str, Mapping[str, int]]
    cash: Mapping[str, int]
    flows: tuple[Flow, ...]
    transactions: int
    gas_used: int
    compared: Compared
    breaks: tuple[Break, ...]
    created: Mapping[str, int]
    """Asset → what exists with nobody having issued it (negative: lost). Only what does not balance."""
    waiting: tuple[Waiting, ...]
    seconds: Mapping[str, float]
    rejects_file: str | None = None
    choice: Settled | None = None
    """What was chosen to settle just now, where something was."""

    @property
    def money(self) -> Money:
        """The currency, for people."""
        return Money(self.currency, self.exponent)

    @property
    def trading_day(self) -> str | None:
        """The trading day; None where there are several, or none."""
        return self.trading_days[0] if len(self.trading_days) == 1 else None

    @property
    def pending(self) -> int:
        """Recorded, and neither settled nor ended; disputed and held ones included."""
        return self.recorded - self.settled - self.ended

    @property
    def needs_attention(self) -> bool:
        """Whether anything is not as on a day on which all goes well."""
        return bool(self.rejected or self.pending or self.breaks or self.created)

    @property
    def netting_efficiency(self) -> float | None:
        """1 - net / gross: the part of the money that need not move. None where nothing was recorded."""
        return (self.gross_value - self.net_value) / self.gross_value if self.gross_value else None

    @property
    def gas_per_trade(self) -> float | None:
        """Gas of recording, affirming and settling for each recorded trade, to two decimals."""
        return round(self.gas_used / self.recorded, 2) if self.recorded else None

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints; README lists its keys.

        `positions` leaves zeros out; `cash_minor` has every institution of the scenario and `revenue_minor`
        every party of an agreement and the regulator, with "0" where there is nothing. Gross and net value,
        and so the efficiency of netting, are of the recorded trades, whether or not they could settle, each
        trading day netted by itself; `settled_value_minor` and `settled_net_value_minor` are the same of
        those that did, each netting set by itself.
        """
        created = dict(self.created)
        return {
            "scenario": self.scenario,
            "trading_day": self.trading_day,
            "chain": self.chain,
            "currency": self.currency,
            "brokers": self.brokers,
            "securities": self.securities,
            "trades": self.trades,
            "rejected": self.rejected,
            "rejects_file": self.rejects_file,
            "recorded": self.recorded,
            "settled": self.settled,
            "pending": self.pending,
            "disputed": self.disputed,
            "ended": self.ended,
            "gross_value_minor": str(self.gross_value),
            "net_value_minor": str(self.net_value),
            "netting_efficiency": self.netting_efficiency,
            "settled_value_minor": str(self.settled_value),
            "settled_net_value_minor": str(self.settled_net_value),
            **(choice_json(self.choice) if self.choice else dict.fromkeys(CHOICE_KEYS)),
            "commission_minor": str(self.commission),
            "levy_minor": str(self.levy),
            "revenue_minor": _strings(self.revenue),
            "positions": {name: dict(held) for name, held in self.positions.items()},
            "cash_minor": _strings(self.cash),
            "transactions": self.transactions,
            "gas_used": self.gas_used,
            "gas_per_trade": self.gas_per_trade,
            "books_compared": self.compared.books,
            "breaks": len(self.breaks),
            "breaks_list": list(map(break_json, self.breaks)),
            "conservation": {"cash_minor": str(created.pop(self.currency, 0)), "securities": created},
            "waiting": [waiting_json(each, self.currency) for each in self.waiting],
            "seconds": {stage: round(seconds, 4) for stage, seconds in self.seconds.items()},
        }


def summarize(
    ledger: Ledger,
    day: date | None = None,
    *,
    reconciled: Reconciled | None = None,
    shortages: Shortages | None = None,
    settled: Settled | None = None,
    seconds: Mapping[str, float] | None = None,
) -> Summary:
    """The summary of all trading days of a ledger, or of `day`.

    `reconciled`, `shortages` and `settled` are what was found just now, where it was; `seconds` what the
    steps took.
    """
    found = reconciled or ledger.reconcile(Scope(day))
    facts = gather(ledger, day, found.accounts)
    market, scenario = ledger.market, ledger.market.scenario
    days = facts.days or ((day,) if day else ())
    intake = sources.intake_of(ledger, day)
    cost = spent(ledger, facts)
    moved = facts.records.take(facts.settled)
    paid = split.paid(facts.shared, facts.parties)
    earned = facts.both_sides(facts.commission[facts.settled])
    revenue = dict(paid)
    revenue[facts.levy_beneficiary] = revenue.get(facts.levy_beneficiary, 0) + facts.levy_charged
    return Summary(
        scenario=scenario.name,
        trading_days=tuple(str(day) for day in days or intake.days),
        chain=market.chain.url,
        currency=scenario.cash.currency,
        exponent=scenario.exponent,
        brokers=len(np.unique(np.concatenate([facts.records.buyer, facts.records.seller]))),
        securities=len(np.unique(facts.records.asset)),
        trades=intake.rows,
        rejected=intake.rejected,
        recorded=len(facts.records),
        settled=len(moved),
        disputed=int((facts.status == Status.DISPUTED).sum()),
        ended=int(np.isin(facts.status, ENDED).sum()),
        gross_value=facts.gross_value,
        net_value=facts.net_value,
        settled_value=exact_sum(moved.amount),
        ended_value=exact_sum(facts.records.amount[np.isin(facts.status, ENDED)]),
        settled_net_value=facts.settled_net_value,
        commission=facts.commission_charged,
        levy=facts.levy_charged,
        levy_beneficiary=facts.levy_beneficiary,
        revenue=revenue,
        shares_ppm=split.common_shares(facts.shared, earned),
        shares_paid=paid,
        paid_besides=facts.paid_besides,
        positions=_positions(facts, scenario.cash.currency),
        cash={name: facts.accounts[name].closing.get(scenario.cash.currency, 0) for name in market.index},
        flows=_flows(facts, scenario.cash.currency),
        transactions=cost.transactions,
        gas_used=cost.gas,
        compared=found.compared,
        breaks=found.breaks,
        created=_created(facts),
        waiting=waiting(
            facts.batches,
            facts.names,
            _shortages(ledger, facts, shortages),
            scenario.cash.currency,
            facts.history.suspended,
        ),
        seconds=dict(seconds or {}),
        rejects_file=intake.rejects_file,
        choice=settled,
    )


def _shortages(ledger: Ledger, facts: Facts, known: Shortages | None) -> Shortages:
    """What waiting trades are short of, asked for only where any trade waits."""
    if known is not None or facts.settled.all():
        return known or {}
    return ledger.waiting()


def _positions(facts: Facts, currency: str) -> dict[str, dict[str, int]]:
    found = {}
    for name, account in facts.accounts.items():
        held = {asset: amount for asset, amount in sorted(account.closing.items()) if asset != currency}
        if any(held.values()):
            found[name] = {asset: amount for asset, amount in held.items() if amount}
    return found


def _flows(facts: Facts, currency: str) -> tuple[Flow, ...]:
    """Every institution's flow, those with the largest value first."""
    settled = facts.settled
    earned = facts.both_sides(facts.commission[settled])
    traded = facts.both_sides(facts.records.amount[settled])
    given: dict[str, int] = {}
    for each in facts.shared:
        given[each.payer] = given.get(each.payer, 0) + each.amount
    flows = []
    for name, account in facts.accounts.items():
        units = [amount for asset, amount in account.moved.items() if asset != currency]
        flows.append(
            Flow(
                institution=name,
                value=traded.get(name, 0),
                delivered=-sum(amount for amount in units if amount < 0),
                received=sum(amount for amount in units if amount > 0),
                cash=account.moved.get(currency, 0),
                commission=earned.get(name, 0),
                given_away=given.get(name, 0),
            )
        )
    return tuple(sorted(flows, key=lambda flow: -flow.value))


def _created(facts: Facts) -> dict[str, int]:
    issued, held = facts.issued(), facts.held()
    differences = {asset: held.get(asset, 0) - issued.get(asset, 0) for asset in sorted(issued | held)}
    return {asset: amount for asset, amount in differences.items() if amount}


def _strings(amounts: Mapping[str, int]) -> dict[str, str]:
    return {name: str(amount) for name, amount in amounts.items()}

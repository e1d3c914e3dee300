"""The day in figures: what `--json` prints and what the report in words is made of.

Amounts are minor units of the scenario's currency, in JSON decimal strings; quantities are whole units and
counts, both JSON integers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from settlement import netting
from settlement.day import Day
from settlement.reconciliation import Break
from settlement.report.facts import Facts, gather

COUNTED = ("record", "affirm", "settle")
"""The stages whose transactions and gas are counted: not deployment, not funding."""
MONEY_SHORT, SECURITIES_SHORT, NOT_TRIED = "MONY", "LACK", "not tried"
DISPUTED, UNAFFIRMED = "disputed", "unaffirmed"
"""Why a trade waits. The first two are ISO 20022 pending reason codes."""


@dataclass(frozen=True, slots=True)
class Short:
    """`institution` would be `amount` short of `asset` (units, or minor units) if the trade settled too."""

    institution: str
    asset: str
    amount: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A recorded trade that has not settled, and why: what is `short`, or who disputes it (`by`)."""

    trade: int
    amount: int
    reason: str
    short: tuple[Short, ...] = ()
    by: tuple[str, ...] = ()


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
    """Everything that a report of one day says. Amounts in minor units."""

    scenario: str
    trading_day: str
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
    gross_value: int
    net_value: int
    settled_value: int
    settled_net_value: int
    commission: int
    levy: int
    levy_beneficiary: str
    revenue: Mapping[str, int]
    shares_ppm: Mapping[str, int]
    """Party → its share of every broker's commission, where all agreements say the same; else empty."""
    shares_paid: Mapping[str, int]
    positions: Mapping[str, Mapping[str, int]]
    cash: Mapping[str, int]
    flows: tuple[Flow, ...]
    transactions: int
    gas_used: int
    compared: tuple[int, int, int, int]
    """Books, trades, positions and cash accounts held against the ledger."""
    breaks: tuple[Mapping[str, Any], ...]
    created: Mapping[str, int]
    """Asset → what exists with nobody having issued it (negative: lost). Only what does not balance."""
    waiting: tuple[Waiting, ...]
    seconds: Mapping[str, float]
    rejects_file: str | None = None

    @property
    def pending(self) -> int:
        """Recorded and not settled, disputed ones included."""
        return self.recorded - self.settled

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
        and so the efficiency of netting, are of the recorded trades, whether or not they could settle;
        `settled_value_minor` and `settled_net_value_minor` are the same of those that did.
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
            "gross_value_minor": str(self.gross_value),
            "net_value_minor": str(self.net_value),
            "netting_efficiency": self.netting_efficiency,
            "settled_value_minor": str(self.settled_value),
            "settled_net_value_minor": str(self.settled_net_value),
            "commission_minor": str(self.commission),
            "levy_minor": str(self.levy),
            "revenue_minor": _strings(self.revenue),
            "positions": {name: dict(held) for name, held in self.positions.items()},
            "cash_minor": _strings(self.cash),
            "transactions": self.transactions,
            "gas_used": self.gas_used,
            "gas_per_trade": self.gas_per_trade,
            "books_compared": self.compared[0],
            "breaks": len(self.breaks),
            "breaks_list": [dict(each) for each in self.breaks],
            "conservation": {"cash_minor": str(created.pop(self.currency, 0)), "securities": created},
            "waiting": [_waiting_json(each, self.currency) for each in self.waiting],
            "seconds": {stage: round(seconds, 4) for stage, seconds in self.seconds.items()},
        }


def summarize(day: Day, *, rejects_file: str | None = None, intake_s: float = 0.0) -> Summary:
    """The summary of a reconciled day. `intake_s` are the seconds that reading the file took."""
    facts = gather(day)
    market, scenario = day.market, day.market.scenario
    settled = facts.settled_trades
    sets = facts.history.netting_sets
    receipts = [receipt for stage in COUNTED for receipt in day.receipts.get(stage, ())]
    levy = sum(event["levy"] for event in sets)
    paid = _paid(facts)
    revenue = dict(paid)
    revenue[facts.levy_beneficiary] = revenue.get(facts.levy_beneficiary, 0) + levy
    compared = day.compared
    return Summary(
        scenario=scenario.name,
        trading_day=str(day.intake.trades.trading_day),
        chain=market.chain.url,
        currency=scenario.cash.currency,
        exponent=scenario.exponent,
        brokers=len({*facts.trades.buyer.tolist(), *facts.trades.seller.tolist()}),
        securities=len(set(facts.trades.security.tolist())),
        trades=day.intake.rows,
        rejected=len(day.intake.rejects),
        recorded=len(facts.trades),
        settled=len(settled),
        disputed=int(facts.disputed.sum()),
        gross_value=facts.trades.gross_value_minor,
        net_value=netting.owed(netting.net_cash(facts.trades)),
        settled_value=settled.gross_value_minor,
        settled_net_value=netting.owed(netting.net_cash(settled)),
        commission=sum(event["commission"] for event in sets),
        levy=levy,
        levy_beneficiary=facts.levy_beneficiary,
        revenue=revenue,
        shares_ppm=_common_shares(facts),
        shares_paid=paid,
        positions=_positions(facts, scenario.cash.currency),
        cash={name: facts.accounts[name].closing.get(scenario.cash.currency, 0) for name in market.index},
        flows=_flows(facts, scenario.cash.currency),
        transactions=len(receipts),
        gas_used=sum(receipt.gas_used for receipt in receipts),
        compared=(compared.books, compared.trades, compared.positions, compared.cash),
        breaks=tuple(_break_json(each, scenario.cash.currency) for each in day.breaks),
        created=_created(facts, day),
        waiting=_waiting(facts, day),
        seconds={"intake": intake_s, **day.seconds},
        rejects_file=rejects_file,
    )


def _paid(facts: Facts) -> dict[str, int]:
    """Party → what it received as revenue shares."""
    paid = {party: 0 for shares in facts.shares_ppm.values() for party in shares}
    for each in facts.shared:
        paid[each.party] += each.amount
    return paid


def _common_shares(facts: Facts) -> dict[str, int]:
    agreements = [dict(shares) for shares in facts.shares_ppm.values()]
    return agreements[0] if agreements and all(each == agreements[0] for each in agreements) else {}


def _positions(facts: Facts, currency: str) -> dict[str, dict[str, int]]:
    found = {}
    for name, account in facts.accounts.items():
        held = {asset: amount for asset, amount in sorted(account.closing.items()) if asset != currency}
        if any(held.values()):
            found[name] = {asset: amount for asset, amount in held.items() if amount}
    return found


def _flows(facts: Facts, currency: str) -> tuple[Flow, ...]:
    """Every institution's flow, those with the largest value first."""
    trades = facts.settled_trades
    commission = netting.both_sides(trades, facts.commission[facts.settled]).tolist()
    value = netting.both_sides(trades, trades.amount).tolist()
    earned = dict(zip(trades.parties, commission, strict=True))
    traded = dict(zip(trades.parties, value, strict=True))
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


def _created(facts: Facts, day: Day) -> dict[str, int]:
    issued, held = facts.issued(day.market), facts.held()
    differences = {asset: held.get(asset, 0) - issued.get(asset, 0) for asset in sorted(issued | held)}
    return {asset: amount for asset, amount in differences.items() if amount}


def _waiting(facts: Facts, day: Day) -> tuple[Waiting, ...]:
    """Every recorded trade that has not settled, by rising number."""
    names = {index: name for name, index in day.market.index.items()}
    disputed = {number: who for batch in facts.batches for number, who in batch.disputed.items()}
    silent = _unaffirmed(facts)
    rows = facts.trades.take(~facts.settled)
    found = []
    for number, amount in sorted(zip(rows.number.tolist(), rows.amount.tolist(), strict=True)):
        who, reason = (disputed[number], DISPUTED) if number in disputed else (silent.get(number), UNAFFIRMED)
        if who:
            found.append(Waiting(number, amount, reason, by=tuple(names[each] for each in who)))
            continue
        short = tuple(Short(*each) for each in day.waiting.get(number, ()))
        found.append(Waiting(number, amount, _reason(short, day.market.scenario.cash.currency), short))
    return tuple(found)


def _unaffirmed(facts: Facts) -> dict[int, list[int]]:
    """Trade number → indexes of its parties that have not affirmed it, where there are any."""
    found: dict[int, list[int]] = {}
    for batch in facts.batches:
        records = batch.records
        for number, *parties in zip(
            records.number.tolist(), records.buyer.tolist(), records.seller.tolist(), strict=True
        ):
            missing = [party for party in dict.fromkeys(parties) if party not in batch.affirmed_in]
            if missing:
                found[number] = missing
    return found


def _reason(short: tuple[Short, ...], currency: str) -> str:
    """The one code that says most: securities that lack, before money that does."""
    if not short:
        return NOT_TRIED
    return MONEY_SHORT if all(each.asset == currency for each in short) else SECURITIES_SHORT


def _strings(amounts: Mapping[str, int]) -> dict[str, str]:
    return {name: str(amount) for name, amount in amounts.items()}


def _waiting_json(waiting: Waiting, currency: str) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "trade": waiting.trade,
        "settlement_amount_minor": str(waiting.amount),
        "reason": waiting.reason,
        "short": [_short_json(each, currency) for each in waiting.short],
    }
    return shown | ({"by": list(waiting.by)} if waiting.by else {})


def _short_json(short: Short, currency: str) -> dict[str, Any]:
    if short.asset == currency:
        amount: dict[str, Any] = {"short_minor": str(short.amount)}
    else:
        amount = {"short_quantity": short.amount}
    return {"institution": short.institution, "asset": short.asset} | amount


def _break_json(each: Break, currency: str) -> dict[str, Any]:
    """A break; `fields` has the book's value and the ledger's, None where one of them has nothing."""
    fields: dict[str, Any] = {}
    for name, values in each.fields.items():
        money = name == "settlement_amount" or each.subject == currency
        book, ledger = (str(v) if money and v is not None else v for v in values)
        fields[f"{name}_minor" if money else name] = {"book": book, "ledger": ledger}
    return {
        "institution": each.institution,
        "level": each.level,
        "reason": each.reason,
        "subject": each.subject,
        "fields": fields,
    }

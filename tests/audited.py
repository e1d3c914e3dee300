"""What auditors should be told of the four shared days: from the raw files and the scenario's document.

The figures are tests/independent.py's, which imports nothing of the package. What files cannot know (numbers,
times and hashes of blocks, which trades a choice left waiting) is given by whoever made the ledger, from the
receipts of its transactions; what was left waiting is held against the plain rule.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache, cached_property
from math import floor
from pathlib import Path
from typing import Any

import yaml

from tests import independent
from tests.independent import PPM, Outcome, Place, Rules, Trade

ISSUER_OF = {True: "BANK", False: "CDSC"}
"""By whether it is cash."""


def rules_of(document: Path) -> Rules:
    """What a scenario's document charges."""
    said = yaml.safe_load(document.read_text())
    tiers = [(each["up_to"], each["rate_ppm"]) for each in said["fees"]["tiers"]]
    assert said["fees"]["kind"] == "slab"
    return Rules(
        tiers=tuple(
            (None if up_to is None else independent.whole(Fraction(up_to) * 100), ppm) for up_to, ppm in tiers
        ),
        levy_ppm=said["fees"]["levy"]["rate_ppm"],
        levy_to=said["fees"]["levy"]["beneficiary"],
        shares=tuple((each["party"], each["share_ppm"]) for each in said["agreements"]["shares"]),
        cash=said["cash"]["currency"],
    )


@cache
def roles_of(document: Path) -> dict[str, str]:
    """Each institution's roles, in the document's order."""
    said = yaml.safe_load(document.read_text())
    return {each["name"]: ", ".join(each["roles"]).lower() for each in said["institutions"]}


@cache
def commission(rules: Rules, amount: int) -> int:
    """Of one side of a trade."""
    return rules.commission(amount)


@cache
def levy(rules: Rules, amount: int) -> int:
    """Of one side of a trade."""
    return rules.levy(amount)


@dataclass(frozen=True)
class Mark:
    """A transaction's block, its time in seconds, and the transaction's hash."""

    block: int
    time_s: int
    transaction: str

    @property
    def at(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.time_s, dt.UTC).replace(tzinfo=None)


@dataclass(frozen=True)
class Batch:
    """A day's trades, recorded together; `affirmed` says who affirmed them where, in that order."""

    day: str
    trades: Sequence[Trade]
    mark: Mark
    hash: str
    affirmed: Mapping[str, Mark]


@dataclass(frozen=True)
class Settlement:
    """Trades of one day that settled together. `earned` is each broker's commission before."""

    cycle: int
    day: str
    trades: Sequence[Trade]
    outcome: Outcome
    earned: Mapping[str, int]
    before: Mapping[Place, int]
    after: Mapping[Place, int]
    mark: Mark


@dataclass(frozen=True)
class Entitled:
    """A party's part of what a settlement earned a payer."""

    settlement: Settlement
    payer: str
    party: str
    share_ppm: int
    total_before: int
    total_after: int
    amount: int


@dataclass
class Told:
    """The days as they go by."""

    rules: Rules
    batches: list[Batch] = field(default_factory=list)
    settlements: list[Settlement] = field(default_factory=list)
    moved: list[tuple[Mark, str | None, str | None, str, int]] = field(default_factory=list)
    """Mark, sender, receiver, asset, amount; no sender where it was issued."""
    held: dict[Place, int] = field(default_factory=dict)
    states: list[tuple[Mark, dict[Place, int]]] = field(default_factory=list)
    """What everybody held from a block on."""
    earned: Counter[str] = field(default_factory=Counter)

    def issued(self, trades: Sequence[Trade], cover: Fraction, marks: Mapping[bool, Mark]) -> None:
        """What pending trades need beyond what is held is issued: securities by one, cash by the other."""
        needed = independent.opening(self.rules, trades, cover, self.earned)
        for is_cash, mark in sorted(marks.items(), key=lambda each: each[1].block):
            for (name, asset), amount in needed.items():
                more = amount - self.held.get((name, asset), 0)
                if (asset == self.rules.cash) == is_cash and more > 0:
                    self.moved.append((mark, None, name, asset, more))
                    self.held = independent.closing(self.held, {(name, asset): more})
            self.states.append((mark, self.held))

    def settled(self, day: str, trades: Sequence[Trade], mark: Mark) -> None:
        """These trades settle together."""
        outcome = independent.settle(self.rules, trades, self.earned)
        after = independent.closing(self.held, outcome.moved)
        assert min(after.values()) > 0
        cycle = len(self.settlements) + 1
        self.settlements.append(
            Settlement(cycle, day, trades, outcome, Counter(self.earned), self.held, after, mark)
        )
        for (name, asset), amount in outcome.moved.items():
            ends = (name, "clearing house") if amount < 0 else ("clearing house", name)
            self.moved.append((mark, *ends, asset, abs(amount)))
        self.held, self.earned = after, self.earned + outcome.commission
        self.states.append((mark, after))

    def holdings(self, block: int) -> dict[Place, int]:
        """What everybody held as a block ended."""
        return next((held for mark, held in reversed(self.states) if mark.block <= block), {})

    @cached_property
    def ends(self) -> dict[tuple[str, int], Settlement]:
        """The settlement of each trade, by day and number."""
        return {(each.day, trade.number): each for each in self.settlements for trade in each.trades}

    def rows(
        self, order: Mapping[str, int], block: int | None = None, party: str | None = None
    ) -> list[dict[str, Any]]:
        """The view `trades` as it stood when a block had ended, of one party's where it is named; `order` is
        that of the securities."""
        ends, rows, index = self.ends, [], -1
        for batch in self.batches:
            day = dt.date.fromisoformat(batch.day)
            packed = sorted(batch.trades, key=lambda trade: (order[trade.security], trade.number))
            for position, trade in enumerate(packed):
                index += 1
                if party not in (None, trade.buyer, trade.seller):
                    continue
                end = ends.get((batch.day, trade.number))
                if end is not None and block is not None and end.mark.block > block:
                    end = None
                rows.append(
                    {
                        "trade": f"{batch.day}/{trade.number}",
                        "trading_day": day,
                        "trade_number": trade.number,
                        "trade_time": None,
                        "venue": "NEPSE",
                        "buyer": trade.buyer,
                        "seller": trade.seller,
                        "security": trade.security,
                        "quantity": trade.quantity,
                        "settlement_amount_minor": trade.amount,
                        "currency": self.rules.cash,
                        "intended_settlement_date": day,
                        "status": "pending" if end is None else "settled",
                        "settled_quantity": 0 if end is None else trade.quantity,
                        "reasons": None,
                        "failed_days": None,
                        "batch": batch.hash,
                        "position": position,
                        "recorded_block": batch.mark.block,
                        "recorded_at": batch.mark.at,
                        "ended_block": None if end is None else end.mark.block,
                        "ended_at": None if end is None else end.mark.at,
                        "cycle": None if end is None else end.cycle,
                        "trade_index": index,
                    }
                )
        there = [row for row in rows if block is None or row["recorded_block"] <= block]
        return sorted(there, key=lambda row: (row["trading_day"], row["trade_number"]))

    def message(self, batch: Batch, trade: Trade, owner: str) -> list[tuple[str, str]]:
        """What ISO 20022's audit trail (semt.022) tells a side of a trade that has settled: the places of the
        message's leaves, and what they say."""
        name, sides = f"{batch.day}/{trade.number}", {trade.buyer, trade.seller}
        said = [
            *(("Pgntn/PgNb", "1"), ("Pgntn/LastPgInd", "true")),
            ("TxId/AcctOwnrTxId", f"{batch.day.replace('-', '')}-{trade.number}"),
            *(("TxId/MktInfrstrctrTxId", str(trade.number)), ("TxId/PrcrTxId", name)),
            *(("SfkpgAcct/Id", owner), ("AcctOwnr/Id/PrtryId/Id", owner)),
            ("AcctOwnr/Id/PrtryId/Issr", "CLEARING"),
        ]
        facts = {
            "DeliveringParty": trade.seller,
            "ReceivingParty": trade.buyer,
            "Security": trade.security,
            "Quantity": trade.quantity,
            "SettlementAmountMinor": f"{self.rules.cash} {trade.amount}",
            "IntendedSettlementDate": batch.day,
        }
        unmatched = "MtchgSts/Umtchd/Rsn/Cd/Cd"
        steps = [("NEPSE", batch.mark, {"PrcgSts/AckdAccptd/NoSpcfdRsn": "NORE", unmatched: "NMAS"}, facts)]
        affirmed = [(who, mark) for who, mark in batch.affirmed.items() if who in sides]
        for who, mark in affirmed[: len(sides) - 1]:
            steps.append((who, mark, {unmatched: "CMIS" if who == owner else "NMAS"}, {}))
        both = {"MtchgSts/Mtchd": "", "SttlmSts/Pdg/NoSpcfdRsn": "NORE"}
        steps.append((*affirmed[len(sides) - 1], both, {}))
        done = self.ends[batch.day, trade.number].mark
        steps.append(("NEPSE", done, {"Sttld": ""}, {"SettledQuantity": trade.quantity}))
        for who, mark, status, more in steps:
            where = {"Transaction": mark.transaction, "Block": mark.block}
            leaves = {
                "StsDt": f"{mark.at.isoformat()}Z",
                "SndgOrgId/Othr/Id": who,
                "SndgOrgId/Othr/Issr": "CLEARING",
                **status,
                **{f"SplmtryData/Envlp/Facts/{key}": str(value) for key, value in (where | more).items()},
            }
            said += [(f"StsTrl/{place}", text) for place, text in leaves.items()]
        return said

    def entitled(self) -> Iterator[Entitled]:
        """Each party's part of what each settlement earned each payer: cumulative, rounded down."""
        for each in self.settlements:
            for payer, more in each.outcome.commission.items():
                before = each.earned.get(payer, 0)
                for party, ppm in self.rules.shares:
                    had, has = (floor(Fraction(n * ppm, PPM)) for n in (before, before + more))
                    yield Entitled(each, payer, party, ppm, before, before + more, has - had)

    def totals(self, chosen: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        """What a summary of these rows says, of both sides."""
        done = [row for row in chosen if row["status"] == "settled"]
        amounts = [row["settlement_amount_minor"] for row in done]
        return {
            "trades": len(chosen),
            "settled_trades": len(done),
            "gross_amount_minor": sum(row["settlement_amount_minor"] for row in chosen),
            "settled_amount_minor": sum(amounts),
            "commission_minor": sum(2 * commission(self.rules, n) for n in amounts),
            "levy_minor": sum(2 * levy(self.rules, n) for n in amounts),
        }

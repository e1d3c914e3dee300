"""One ledger of the four shared days, in a directory, and beside it what auditors should be told of it.

The first day is funded with four fifths of its cash, settles in part, and settles whole once it is funded
with the rest; on each other day everything settles at once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ledger.chain import Chain, default_engine
from ledger.chain.base import Receipt
from settlement import directory
from settlement.day import opens_at
from settlement.evidence import asking
from settlement.evidence.building import build
from settlement.intake import parse_trades
from settlement.liquidity import Search
from settlement.operations import Ledger
from tests import independent
from tests.audited import Batch, Mark, Told, roles_of, rules_of
from tests.independent import Trade
from tests.integration.steps import FOLDER, REAL_DAYS, ROOT
from tests.ledgers import reasons_of

DOCUMENT = ROOT / "settlement" / "scenarios" / "nepse-2019.yaml"
SHORT = Fraction("0.8")
QUERY = 'institution="58" trading_day>=2019-10-15 amount_minor>=10000000 status=settled'


@dataclass
class RealDays:
    """The ledger at `path`, and what it should say. `order` is the assets' as they were listed; `evidence` is
    of QUERY; `head` is the newest block, with its own hash. `proves_state` says whether the chain
    proves balances."""

    path: Path
    told: Told
    order: dict[str, int]
    evidence: bytes
    head: Mark
    proves_state: bool


def make(path: Path) -> RealDays:
    """All days, each with its own steps at its own time."""
    told = Told(rules_of(DOCUMENT))
    wanted = directory.Config(chain=default_engine(), clock="simulated")
    directory.init(path, "nepse-2019", wanted, start=opens_at(dt.date.fromisoformat(REAL_DAYS[0])))
    for day in REAL_DAYS:
        with directory.open_ledger(path, write=True, today=dt.date.fromisoformat(day)) as ledger:
            _day(ledger, told, day)
            if day == REAL_DAYS[-1]:
                conditions = asking.of_query(asking.Known.of(ledger.read()), QUERY)
                market = ledger.market
                evidence = build(market.clients, market.deployment, ledger.read(), conditions)
                order, newest = dict(market.asset), market.chain.block()
    head = Mark(newest.number, newest.timestamp, "0x" + newest.hash.hex())
    return RealDays(path, told, order, evidence, head, wanted.chain != "pyevm")


def _day(ledger: Ledger, told: Told, day: str) -> None:
    data, chain = (FOLDER / f"{day}.csv").read_bytes(), ledger.market.chain
    trades = independent.read_nepse(FOLDER / f"{day}.csv")
    known = set(ledger.read().batches)
    ledger.record(parse_trades(data, ledger.market.scenario, source=day), data, source=day)
    (batch_hash,) = set(ledger.read().batches) - known
    house, names = ledger.market.clients.clearing_house, list(roles_of(DOCUMENT))
    affirmed = {
        names[each["institution"] - 1]: _mark(chain, receipt)
        for receipt in ledger.receipts["affirm"]
        for each in house.events(receipt.logs, "BatchAffirmed")
    }
    recorded = _mark(chain, _with(ledger, ledger.receipts["record"], "BatchRecorded"))
    told.batches.append(Batch(day, trades, recorded, "0x" + batch_hash.hex(), affirmed))
    rest: Sequence[Trade] = trades
    for cover in (SHORT, Fraction(1)) if day == REAL_DAYS[0] else (Fraction(1),):
        ledger.receipts.pop("fund", None)
        ledger.fund(int(cover * independent.PPM))
        issues = {_is_cash(ledger, each): _mark(chain, each) for each in ledger.receipts["fund"]}
        told.issued(rest, cover, issues)
        settled = ledger.settle(Search(time_limit_s=1))
        reasons = reasons_of(settled.waiting, dt.date.fromisoformat(day)) if settled.waiting else {}
        if cover < 1:
            assert reasons
            independent.check_choice(told.rules, told.held, rest, reasons, settled.upper_bound)
        chosen = [trade for trade in rest if trade.number not in reasons]
        told.settled(day, chosen, _mark(chain, _with(ledger, settled.receipts, "NettingSetSettled")))
        rest = [trade for trade in rest if trade.number in reasons]
    assert not rest


def _is_cash(ledger: Ledger, receipt: Receipt) -> bool:
    """Whether the one issue of a transaction is the settlement bank's."""
    (issued,) = ledger.market.clients.register.events(receipt.logs, "Issued")
    return bool(issued["issuer"] == ledger.market.index["BANK"])


def _with(ledger: Ledger, receipts: Sequence[Receipt], event: str) -> Receipt:
    """The one transaction with an event of the clearing house."""
    house = ledger.market.clients.clearing_house
    (found,) = (each for each in receipts if house.events(each.logs, event))
    return found


def _mark(chain: Chain, receipt: Receipt) -> Mark:
    block = chain.block(receipt.block_number)
    assert (receipt.status, block.hash) == (1, receipt.block_hash)
    return Mark(block.number, block.timestamp, "0x" + receipt.transaction_hash.hex())

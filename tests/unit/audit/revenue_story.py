"""A ledger in memory with agreements, a dispute, fails and breaks, and its index, for questions to be put to.

On 2019-10-03 all brokers' commission is shared as the sample says; Aldersgate has an agreement with Lantern
Platform and Compass Data besides, with a reserve, a subscription and a guarantee that will be missed. One
trade is recorded otherwise than its parties have it, and one is Aldersgate's with itself. A month later one
settles in two parts and fails for the rest, one is on hold, one only on the ledger and one only in the
books. In 2020 the quarter is run and paid, and its reserve released.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import numpy as np

from ledger.chain import connect, default_engine
from ledger.clients.agreements import Consent
from ledger.clock import SteppedClock
from ledger.index.following import follow
from ledger.records import Records
from ledger.terms import MAX_UP_TO, Basis, Clause, Guarantee, Measure, Reserve, Step, Terms, Tier
from settlement import ending, entering
from settlement.audit.access import Access
from settlement.audit.answer import AsOf
from settlement.audit.entitlements import derive
from settlement.audit.reading import Segment
from settlement.audit.session import Audit, session
from settlement.books.shelf import Shelf
from settlement.breaks.covered import Covered
from settlement.breaks.store import Breaks
from settlement.cycle import Cycle
from settlement.market import establish
from settlement.model import Trades
from settlement.operations import Ledger
from settlement.scenario import load

Q4 = 2019 * 12 + 9
FIRST, LATER = dt.date(2019, 10, 3), dt.date(2019, 11, 5)
SECURITY, OTHER = "ZZ0000010379", "ZZ0000010742"


@dataclass
class Story:
    """The ledger, open; `folder` has its index and its breaks."""

    ledger: Ledger
    folder: Path

    def audit(self, access: Access | None = None) -> Audit:
        """A session for a viewer, everything where none is given."""
        manifest = follow(self.ledger.market.clients, self.folder, derive=derive)
        segments = [
            Segment(
                each.first_block, each.last.number, {name: manifest.path(each, name) for name in each.files}
            )
            for each in manifest.segments
        ]
        said = manifest.as_of
        as_of = AsOf(said.block, said.hash, said.time_s, said.final)
        connection = duckdb.connect(":memory:")
        return session(self.folder, connection, segments, as_of, access=access or Access("auditor"))

    def own(self, name: str) -> Audit:
        """A session for one institution."""
        return self.audit(Access(name, "own", frozenset({self.ledger.market.index[name]})))


def at(year: int, month: int, day: int) -> dt.datetime:
    return dt.datetime(year, month, day, 10, tzinfo=dt.UTC)


def platform(ledger: Ledger) -> Terms:
    index = ledger.market.index
    return Terms(
        payer=index["Aldersgate"],
        currency=ledger.market.cash_asset,
        name="platform",
        parties=(index["Lantern Platform"], index["Compass Data"]),
        clauses=(
            Clause(
                Basis.COMMISSION,
                (Tier(MAX_UP_TO, 200_000),),
                (Step(0, (500_000, 400_000)), Step(1_000_000, (600_000, 400_000))),
                step_by=1,
                reserve=Reserve(50_000, 1),
            ),
            Clause(Basis.SUBSCRIPTION, (Tier(MAX_UP_TO, 0, 10_000),), (Step(0, (0, 1_000_000)),)),
        ),
        measures=(Measure("USERS", index["Lantern Platform"], index["Aldersgate"]),),
        guarantees=(Guarantee(1, 1, 2_000_000, flat=5_000),),
        reserve_account=index["Revenue Reserve"],
    )


@contextmanager
def told(folder: Path) -> Iterator[Story]:
    """The whole story, told."""
    sample = load("sample")
    agreed = sample.agreements.model_copy(update={"reserve_account": "Revenue Reserve"})
    scenario = sample.model_copy(update={"agreements": agreed})
    clock = SteppedClock(at(2019, 10, 3))
    with connect(default_engine(), clock=clock) as chain:
        ledger = Ledger(establish(chain, scenario), Shelf(), clock=clock)
        _agree(ledger)
        _first_day(ledger)
        _second_day(ledger)
        _breaks(ledger, folder)
        _quarter(ledger)
        yield Story(ledger, folder)


def _agree(ledger: Ledger) -> None:
    found, contract = platform(ledger), ledger.market.clients.agreements
    signers, index = ledger.market.signers, ledger.market.index
    digest = found.digest(contract.domain)
    parties = ("Lantern Platform", "Compass Data")
    contract.propose(
        signers["Aldersgate"], found, [Consent.of(index[name], signers[name], digest) for name in parties]
    )
    waits = replace(found, name="waits", parties=found.parties[:1], guarantees=(), clauses=found.clauses[:1])
    steps = tuple(Step(each.above, each.shares_ppm[:1]) for each in waits.clauses[0].steps)
    waits = replace(waits, clauses=(replace(waits.clauses[0], steps=steps),))
    contract.propose(signers["Aldersgate"], waits)
    contract.withdraw_consent(signers["Aldersgate"], waits.digest(contract.domain))


def _first_day(ledger: Ledger) -> None:
    ledger.trade("Aldersgate", "Birchwood", SECURITY, 10, 1_000_000)
    ledger.trade("Aldersgate", "Aldersgate", SECURITY, 5, 333_333)
    ledger.trade("Calder Vale", "Dunmore", SECURITY, 7, 700_007)
    _recorded_otherwise(ledger, 4, lambda rows: replace(rows, quantity=rows.quantity + np.uint64(1)))
    ledger.affirm()
    ledger.fund()
    ledger.settle()


def _by_hand(ledger: Ledger, number: int) -> Trades:
    said = "Eastlake", "Fairhaven", SECURITY, 3, 30_000
    return entering.by_hand(ledger.market.scenario, ledger.clock.now(), number, *said)


def _on_one_side(ledger: Ledger) -> None:
    """Trade 3 is in no book, trade 9 on no ledger."""
    ledger.enter(_by_hand(ledger, 3))
    ledger.shelf.enter(_by_hand(ledger, 9), source="by hand")
    ledger._books = None


def _recorded_otherwise(ledger: Ledger, number: int, alter: Callable[[Records], Records]) -> None:
    trades = _by_hand(ledger, number)
    ledger.shelf.enter(trades, source="by hand")
    ledger._books = None
    ledger.enter(trades, alter)


def _second_day(ledger: Ledger) -> None:
    ledger.clock.wait_until(at(2019, 11, 5))  # type: ignore[attr-defined]
    ledger.trade("Aldersgate", "Birchwood", SECURITY, 10, 5_000_100)
    ledger.affirm()
    ledger.fund()
    ledger.trade("Glenside", "Hollybank", OTHER, 12, 240_000)
    ledger.affirm()
    ledger.settle()
    # Only now are there units, and what they cost: some of the trade, and then some more.
    for place in range(2):
        market = ledger.market
        market.issue(_depository(ledger), bytes([7, place] * 16), {("Hollybank", OTHER): 4 + place})
        market.issue(market.scenario.cash.issuer, bytes([8, place] * 16), {("Glenside", "EUR"): 110_000})
        _fill(ledger)
    _on_one_side(ledger)
    ledger.trade("Juniper Lane", "Kestrel Rock", SECURITY, 2, 20_000)
    for name in ("Juniper Lane", "Kestrel Rock"):
        ledger.affirm(name)
    held = list(ledger.read().batches.values())[-1]
    buyer, conditions = ledger.market.signers["Juniper Lane"], ledger.market.clients.conditions
    conditions.hold(buyer, held.header, held.words, [0])
    ending.end(ledger.market, ledger.read, ledger.balances, ledger.outcomes.fails, LATER, ledger.seconds_now)
    conditions.release(buyer, held.header, held.words, [0])


def _depository(ledger: Ledger) -> str:
    return ledger.market.scenario.securities.issuer


def _fill(ledger: Ledger) -> None:
    """A cycle that settles trades in part."""
    history = ledger.read()
    batch = list(history.batches.values())[-1]
    for name in ("Glenside", "Hollybank"):
        if not ledger.outcomes.parts_allowed(batch, 0):
            signer = ledger.market.signers[name]
            ledger.market.clients.conditions.allow_partial(signer, batch.header, batch.words, [0])
    cycle = Cycle(ledger.market, ledger.read, ledger.balances, opens_at=ledger.seconds_now)
    cycle.open()
    cycle.fill(lambda part, row: ledger.outcomes.parts_allowed(part.batch, row))
    cycle.close()
    ledger.settled_by(cycle.receipts)


def _breaks(ledger: Ledger, folder: Path) -> None:
    """What the books and the ledger have differently: one accepted by two people, one explained."""
    result = ledger.reconcile()
    with Breaks.open(folder, write=True, clock=ledger.clock) as kept:
        opened = kept.sync(result, Covered(), ledger.clock.now())
        first, second = opened[:2]
        kept.close(first.id, "the trade is to be cancelled", "Ann Ames")
        kept.approve(first.id, "Bo Birch")
        kept.explain(second.id, "we look into it", "Cy Cole")


def _quarter(ledger: Ledger) -> None:
    ledger.clock.wait_until(at(2020, 1, 2))  # type: ignore[attr-defined]
    market = ledger.market
    signers, revenue = market.signers, market.clients.revenue
    agreement = market.clients.agreements.agreement_named(market.index["Aldersgate"], "platform")
    revenue.report(signers["Lantern Platform"], agreement, Q4, "USERS", 1_500_000)
    revenue.countersign(signers["Aldersgate"], agreement, Q4, "USERS", 1_500_000)
    market.issue("Tidewater Bank", bytes(32), {("Aldersgate", "EUR"): 1_000_000})
    revenue.run(signers["Aldersgate"], agreement, Q4, [0, 1, 2])
    ledger.clock.wait_until(at(2020, 4, 2))  # type: ignore[attr-defined]
    revenue.release(signers["Aldersgate"], agreement, Q4, 0)

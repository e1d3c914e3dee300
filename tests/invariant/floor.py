"""A market of many days on a real ledger, and beside it what ought to be there.

    V exchange, D depository, B settlement bank, R regulator (levy), P1 partner, B1 to B5 brokers, FUND

Securities S1 to S3, cash NPR; V and P1 have revenue shares. B5 may hold and be debited only so much.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from ledger import reverts
from ledger.chain import Chain, Receipt, connect, default_engine
from ledger.clients.clearing_house import Slice, Status
from ledger.clients.default_fund import Purse
from ledger.contract import Contract, Event
from ledger.deploy import Deployment
from ledger.errors import Reverted
from ledger.ids import day_number
from ledger.records import pack_mask, pack_parts
from ledger.units import exact
from settlement.books.shelf import Shelf
from settlement.market import establish, opened, seed_signers
from settlement.model import Trades
from settlement.operations import Ledger
from settlement.outcomes import Outcomes
from settlement.rules import set_rules
from settlement.scenario import Scenario
from tests.contracts.support import SetClock
from tests.independent import Place, Rules
from tests.invariant.ought import CAPITAL, OPEN, PENDING, Trade
from tests.invariant.owing import Owing
from tests.journals import decoded_once
from tests.ledgers import credit
from tests.quick import calls

BROKERS = ("B1", "B2", "B3", "B4", "B5")
SECURITIES = ("S1", "S2", "S3")
FIRST_DAY = dt.date(2019, 11, 21)
RULES = Rules(((1_000_000, 5_000), (None, 3_000)), 1_500, "R", (("P1", 200_000), ("V", 100_001)))
PENALTY_PPM = {"S1": 100, "S2": 5_000, "S3": 999_999, "NPR": 9_999_999}
CLOSING_AFTER, MARGIN_PPM, CONTRIBUTION_PPM, CAPITAL_MINOR = 2, 60_000, 20_001, 1_234_567
LIMITS = {("B5", "S1"): (600, 400), ("B5", "NPR"): (None, 30_000_000)}
SCENARIO = Scenario.model_validate(
    {
        "name": "machine",
        "description": "days of all kinds",
        "venue": "V",
        "format": "canonical",
        "settlement_lag_days": 0,
        "seed": 7,
        "cash": {"currency": "NPR", "issuer": "B"},
        "institutions": (
            {"name": "V", "roles": ("EXCHANGE",)},
            {"name": "D", "roles": ("DEPOSITORY",)},
            {"name": "B", "roles": ("SETTLEMENT_BANK",)},
            {"name": "R", "roles": ("REGULATOR",)},
            {"name": "P1", "roles": ("PARTNER",)},
            *({"name": name, "roles": ("BROKER",)} for name in BROKERS),
        ),
        "securities": {"issuer": "D", "listing": "listed", "codes": SECURITIES},
        "fees": {
            "tiers": ({"up_to": "10000.00", "rate_ppm": 5_000}, {"up_to": None, "rate_ppm": 3_000}),
            "levy": {"rate_ppm": RULES.levy_ppm, "beneficiary": "R"},
        },
        "agreements": {"shares": tuple({"party": name, "share_ppm": ppm} for name, ppm in RULES.shares)},
        "opening": {"cover": "1"},
        "fails": {
            "closing_after_days": CLOSING_AFTER,
            "securities_ppm": PENALTY_PPM["S1"],
            "by_security": {"S2": PENALTY_PPM["S2"], "S3": PENALTY_PPM["S3"]},
            "cash_ppm_per_year": PENALTY_PPM["NPR"],
        },
        "default_fund": {
            "account": "FUND",
            "margin_ppm": MARGIN_PPM,
            "contribution_ppm": CONTRIBUTION_PPM,
            "capital": "12345.67",
        },
        "limits": (
            {"institution": "B5", "asset": "S1", "position": "600", "exposure": "400"},
            {"institution": "B5", "asset": "NPR", "exposure": "300000.00"},
        ),
    }
)


class Floor:
    """One chain with the market on it, put back for every run."""

    def __init__(self) -> None:
        self.clock = SetClock(dt.datetime.combine(FIRST_DAY, dt.time(8), dt.UTC))
        self.chain: Chain = connect(default_engine(), clock=self.clock)
        self.signers = seed_signers(SCENARIO)
        market = establish(self.chain, SCENARIO, self.signers)
        self.deployment: Deployment = market.deployment
        ledger = Ledger(market, Shelf(), clock=self.clock)
        set_rules(market, ledger.outcomes, ledger.shelf.deposit)
        assert not set_rules(market, _followed(ledger), ledger.shelf.deposit)
        self.empty = self.chain.snapshot()

    def enter(self) -> Run:
        """A run of its own."""
        self.chain.restore(self.empty)
        self.clock.seconds = self.chain.block().timestamp + 1
        return Run(self)


def _followed(ledger: Ledger) -> Outcomes:
    ledger.read()
    return ledger.outcomes


class Run:
    """A ledger, and what ought to be on it."""

    def __init__(self, floor: Floor) -> None:
        self.floor, self.clock, self.chain = floor, floor.clock, floor.chain
        self.shelf = Shelf()
        self.ledger = self.anew()
        self.market = self.ledger.market
        self.clients, self.signers = self.market.clients, self.market.signers
        self.today = FIRST_DAY
        self.ought = Owing(
            RULES, dict(self.market.index), "V", "FUND",
            PENALTY_PPM, CLOSING_AFTER, MARGIN_PPM, CONTRIBUTION_PPM, LIMITS,
        )  # fmt: skip
        self.ought.issue({("FUND", "NPR"): CAPITAL_MINOR})
        self.ought.purses["V", CAPITAL] = CAPITAL_MINOR
        self.seen: Counter[str] = Counter()
        """What came about, how often; refusals by name."""

    def anew(self) -> Ledger:
        """The ledger as another process would open it, which has read nothing."""
        market = opened(self.chain, SCENARIO, self.floor.deployment, self.floor.signers)
        return Ledger(market, self.shelf, clock=self.clock)

    @property
    def day(self) -> int:
        return day_number(self.today)

    @property
    def now(self) -> int:
        """The time of the next block."""
        return max(self.clock.seconds, self.chain.block().timestamp + 1)

    def next_day(self, days: int) -> None:
        self.today += dt.timedelta(days)
        self.clock.wait_until(dt.datetime.combine(self.today, dt.time(8), dt.UTC))
        self.ought.taken.clear()

    def pick(self, i: int) -> Trade:
        return self.ought.trades[i % len(self.ought.trades)]

    def pick_open(self, i: int) -> Trade:
        """One that is open, but every fourth time any."""
        there = self.open_trades() if i % 4 else []
        return there[i % len(there)] if there else self.pick(i)

    # What is done

    def record(self, rows: Iterable[tuple[str, str, str, int, int]]) -> list[Trade]:
        """As one batch; the parties' books have it."""
        number = max((trade.number for trade in self.ought.trades if trade.day == self.day), default=0)
        new = [Trade(self.day, number + 1 + i, *row) for i, row in enumerate(rows)]
        columns = Trades(
            trading_day=self.today,
            parties=BROKERS,
            securities=SECURITIES,
            number=np.array([t.number for t in new], dtype=np.uint32),
            time=np.arange(len(new), dtype=np.uint32) + 30_000,
            buyer=np.array([BROKERS.index(t.buyer) for t in new], dtype=np.int32),
            seller=np.array([BROKERS.index(t.seller) for t in new], dtype=np.int32),
            security=np.array([SECURITIES.index(t.security) for t in new], dtype=np.int32),
            quantity=np.array([t.quantity for t in new], dtype=np.uint64),
            amount=exact([t.amount for t in new]),
            line=np.arange(len(new)),
        )
        before = set(self.ledger.read().batches)
        self.ledger.enter(columns)
        self.shelf.enter(columns, source="machine")
        self.ledger._books = None
        by_number = {trade.number: trade for trade in new}
        for key, batch in self.ledger.read().batches.items():
            for row, n in enumerate(batch.records.number.tolist() if key not in before else ()):
                by_number[n].batch, by_number[n].position = key, row
        self.ought.trades += new
        return new

    def issue(self, places: Mapping[Place, int]) -> None:
        if places:
            credit(self.ledger, places, f"{self.chain.block().number}")
            self.ledger._books = None
            self.ought.issue(places)

    @contextmanager
    def cycle(self) -> Iterator[None]:
        """The venue's cycle is open."""
        house = self.clients.clearing_house
        self.clock.seconds = max(self.now, house.call("reopenFrom"))
        house.open_cycle(self.market.venue, self.clock.seconds + 3_600)
        self.ought.cycle += 1
        try:
            yield
        finally:
            house.close_cycle(self.market.venue, self.market.index["V"])

    def settle_alone(self, trade: Trade, model: int, units: int = 0, *, masked: bool = False) -> None:
        """So many units of it (0: all that is left), in a cycle that is open."""
        batch = self.ledger.read().batches[trade.batch]
        mask = np.zeros(len(batch.records), dtype=bool)
        mask[trade.position] = masked
        parts = () if masked else (trade.position,)
        words = pack_parts(np.array(parts, dtype=np.int64), np.full(len(parts), units, dtype=np.uint64))
        self.clients.clearing_house.settle(
            self.market.venue, model, [Slice(batch.header, batch.words, pack_mask(mask), words)]
        )
        self.ought.settle([(trade, trade.settled, trade.settled + (units or trade.units_left))])

    def see_settled(self) -> list[Trade]:
        """Tell what ought to be which trades have settled by now, and how many units of each."""
        house, pieces = self.clients.clearing_house, []
        pending = [trade for trade in self.ought.trades if trade.status == PENDING]
        places = [(trade.batch, trade.position) for trade in pending]
        quantities, statuses = (calls(house, name, places) for name in ("settledQuantityOf", "statusOf"))
        for trade, units, status in zip(pending, quantities, statuses, strict=True):
            if status == Status.SETTLED:
                assert units == 0
                units = trade.quantity
            if units != trade.settled:
                pieces.append((trade, trade.settled, units))
        parts = [trade for trade, _, end in pieces if end < trade.quantity]
        assert all(trade.everybody("part") for trade in parts)
        assert all(trade.irrevocable for trade, _, _ in pieces)
        assert not any(self.ought.suspended.intersection(trade.sides) for trade, _, _ in pieces)
        self.ought.settle(pieces)
        return [trade for trade, _, _ in pieces]

    def state(self) -> tuple[object, ...]:
        """What a refused call must leave as it was."""
        history = self.ledger.read()
        with decoded_once():
            logs = self.chain.logs(0, self.chain.block().number)
        return self.balances(), self.statuses(self.ought.trades), len(history.said), len(logs)

    @contextmanager
    def refused(self, names: str | set[str] | None) -> Iterator[None]:
        """What is done is refused with one of these errors and changes nothing; where there is none, it is
        not."""
        if not names:
            yield
            return
        names = {names} if isinstance(names, str) else names
        before = self.state()
        try:
            yield
        except Reverted as error:
            found = error
        else:
            raise AssertionError(f"not refused with {names}")
        assert type(found).__name__ in names
        self.seen[type(found).__name__] += 1
        assert self.state() == before

    @contextmanager
    def limited(self) -> Iterator[None]:
        """Of limits the program does not know when it chooses: they may refuse what it does."""
        try:
            yield
        except (reverts.Limits_Position, reverts.Limits_Exposure) as error:
            self.seen[type(error).__name__] += 1

    # What is there

    def events(self, receipts: Iterable[Receipt], contract: Contract, *names: str) -> list[Event]:
        return [e for r in receipts for e in contract.events(r.logs) if e.name in names]

    def name(self, index: int) -> str:
        return {0: ""}.get(index) or next((n for n, i in self.market.index.items() if i == index), "")

    def balances(self) -> dict[Place, int]:
        """All there is, the transit account's as that of "transit", zeros left out."""
        names = {0: "transit"} | {index: name for name, index in self.market.index.items()}
        places = [(holder, asset) for holder in names for asset in self.market.asset.values()]
        codes = {index: code for code, index in self.market.asset.items()}
        found = self.clients.register.balances(places)
        return {(names[h], codes[a]): amount for (h, a), amount in found.items() if amount}

    def statuses(self, trades: Iterable[Trade]) -> list[str]:
        house = self.clients.clearing_house
        found = calls(house, "statusOf", [(trade.batch, trade.position) for trade in trades])
        return [Status(status).name for status in found]

    def known_statuses(self) -> list[str]:
        """By the history, which follows the events."""
        batches = self.ledger.read().batches
        by_batch = {key: batch.status.tolist() for key, batch in batches.items()}
        return [Status(by_batch[t.batch][t.position]).name for t in self.ought.trades]

    def purses(self) -> Counter[tuple[str, int]]:
        fund, cash = self.clients.default_fund, self.market.cash_asset
        places = [(name, purse) for name in ("V", *BROKERS) for purse in Purse]
        found = calls(fund, "purseOf", [(self.market.index[name], cash, purse) for name, purse in places])
        return Counter({(n, int(p)): amount for (n, p), amount in zip(places, found, strict=True) if amount})

    def open_trades(self) -> list[Trade]:
        return [trade for trade in self.ought.trades if trade.status in OPEN]

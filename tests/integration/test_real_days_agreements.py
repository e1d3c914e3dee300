"""The four shared days of a real exchange, on one ledger, under an agreement that uses every term.

Each broker gives away what the scenario says, and the five with the most trades have
tests/data/every-term.yaml besides, reckoned in tests/reckoned.py from the document alone.

    10 Oct ─ agreements concluded, the day          15 Oct ─ the day; version 2 of one, from November
     4 Nov ─ October reported, one measure disputed, one missing; run, two payers short; reserves released;
             one pays late, before November's settlements net what is owed
    17 Nov ─ the day                                21 Nov ─ the day; the other pays late
     2 Dec ─ what was missing; November reported; run; reserves released; one repays what it owes
     2 Jan ─ reserves released; the quarter of the scenario's own agreements run

the document   ─ read back as it is printed
every step     ─ verified by the second computation; cash and dues as reckoned, nothing created or lost
every event    ─ as reckoned: commission, clauses, guarantees, reserves
statements     ─ every line and account adds up, and is what was paid
books          ─ no breaks
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import floor
from pathlib import Path

import pytest
import yaml

from ledger.clients.agreements import Consent
from ledger.contract import send_all
from ledger.terms import Basis, DayCount, Terms
from settlement import verification
from settlement.agreements import measuring, operating
from settlement.agreements.desk import Desk, Named
from settlement.agreements.document import Names, read, render
from settlement.agreements.facts import Accrued, ClauseRun, Deferred, DueChanged, GuaranteeRun, Released
from settlement.agreements.lines import Kind
from settlement.agreements.statements.reading import read as read_statement
from settlement.day import opens_at, run
from settlement.intake import parse_trades
from settlement.operations import Ledger
from settlement.scenario import load
from tests import independent
from tests.every_term import MEASURED, NAME, NOVEMBER, OCTOBER, PAYERS, TEXT, text_of
from tests.independent import BROKERS, NEPSE_2019, Place, Trade
from tests.ledgers import credit, in_memory, on_ledger
from tests.reckoned import Month, Reckoned, shared

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "nepse"
DAYS = ("2019-10-10", "2019-10-15", "2019-11-17", "2019-11-21")
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"the shared trading days are not there: {FOLDER}"
)
CASH = NEPSE_2019.cash
CLAUSES, LINES = 13, 16
BASE = tuple(ppm for _, ppm in NEPSE_2019.shares)


def first_month(month: Month) -> int:
    return month[0] * 12 + month[1] - 1


class Story:
    """The ledger as the steps go by, and beside it what everybody's cash should be."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.names = ledger, Names.of(ledger.market.index, ledger.market.asset)
        self.trades: list[Trade] = []
        self.moved = Counter[Place]()
        self.earned = Counter[str]()
        self.reckoned: dict[str, Reckoned] = {}
        self.released: dict[tuple[str, Month, int], list[int]] = {}
        self.waited: list[tuple[str, str, int, str]] = []
        self.deferred: list[str] = []
        self.netted, self.fell = Counter[str](), Counter[str]()
        self.received: dict[str, Counter[str]] = {payer: Counter() for payer in PAYERS}
        self.conclude(PAYERS)
        self.desk = Desk(ledger)

    def on(self, *day: int) -> None:
        self.ledger.clock.wait_until(opens_at(dt.date(*day)))

    def named(self, payer: str) -> Named:
        return self.desk.agreement(f"{payer}/{NAME}")

    def cash(self, name: str) -> int:
        """What an institution should have."""
        issued = sum(amounts.get((name, CASH), 0) for amounts in self.ledger.shelf.deposits().values())
        return issued + self.moved[name, CASH]

    def move(self, paid: Mapping[str, int] | None, payer: str = "") -> None:
        """Cash goes from one to the other, by the agreement of a payer where one is named."""
        assert paid is not None
        assert sum(paid.values()) == 0
        if payer:
            self.received[payer].update(paid)
        self.moved.update({(name, CASH): amount for name, amount in paid.items()})

    def conclude(self, payers: Iterable[str], version: int = 1) -> None:
        market = self.ledger.market
        for payer in payers:
            text = text_of(payer, version)
            terms = read(text.encode(), payer, self.names)
            digest = terms.digest(market.clients.agreements.domain)
            parties = yaml.safe_load(text)["parties"]
            consents = [Consent.of(market.index[each], market.signers[each], digest) for each in parties]
            market.clients.agreements.propose(market.signers[payer], terms, consents)
            if version == 1:
                now = dt.datetime.fromtimestamp(market.chain.block().timestamp, dt.UTC)
                self.reckoned[payer] = Reckoned([(OCTOBER, yaml.safe_load(text))], now)
            else:
                self.reckoned[payer].versions.append((NOVEMBER, yaml.safe_load(text)))

    def day(self, day: str) -> None:
        """All steps of a trading day."""
        trading_day = dt.date.fromisoformat(day)
        self.on(trading_day.year, trading_day.month, trading_day.day)
        data, trades = (FOLDER / f"{day}.csv").read_bytes(), independent.read_nepse(FOLDER / f"{day}.csv")
        intake = parse_trades(data, self.ledger.market.scenario, source=day)
        ran = run(self.ledger, intake, data, source=day)
        assert not ran.settled.waiting
        assert not ran.reconciled.breaks
        outcome = independent.settle(NEPSE_2019, trades, self.earned)
        self.moved.update(outcome.moved)
        self.earned.update(outcome.commission)
        self.trades += trades
        for payer, reckoned in self.reckoned.items():
            owed = -sum(due for due in reckoned.due.values() if due < 0)
            self.move(reckoned.earn((trading_day.year, trading_day.month), outcome.commission[payer]), payer)
            owes = -sum(due for due in reckoned.due.values() if due < 0)
            self.netted[payer] += max(0, owed - owes)
            self.fell[payer] += max(0, owes - owed)
        self.check()

    def report(self, month: Month, left_out: Iterable[tuple[str, str]] = ()) -> None:
        """Every measure of a month, but for some of some payers."""
        self.say(month, [(p, m) for m in MEASURED[month] for p in PAYERS if (p, m) not in set(left_out)])

    def say(self, month: Month, what: Sequence[tuple[str, str]]) -> None:
        revenue, market, period = self.desk.revenue, self.ledger.market, first_month(month)
        for function, key in (("report", "reporter"), ("countersign", "countersigner")):
            calls = []
            for payer, measure in what:
                reckoned = self.reckoned[payer]
                of = next(m for m in reckoned.document(month)["measures"] if m["name"] == measure)
                value = MEASURED[month][measure][PAYERS.index(payer)]
                reckoned.measures.setdefault(month, {})[measure] = value
                who = of.get("calculation_agent") if function == "report" else None
                if (who := who or of.get(key)) is not None:
                    arguments = self.named(payer).agreement_id, period, measure.encode().ljust(28, b"\0")
                    data = revenue.encode(function, *arguments, value)
                    calls.append((market.signers[who], revenue.address, data))
            send_all(market.chain, calls)
        self.desk.read()

    def run(self, names: Sequence[str] = PAYERS) -> None:
        """Everything that can be computed; what then is paid."""
        done = operating.run(self.desk, [self.named(payer) for payer in names])
        for named, period, lines, _ in done.lines:
            payer, month = named.name.partition("/")[0], (period // 12, period % 12 + 1)
            self.reckoned[payer].run(month, lines)
            self.pay(payer, month)
        for named, each in done.waiting:
            self.waited.append((named.name.partition("/")[0], each.measure, each.line, each.status.name))
        assert done.deferred == {
            f"{payer}/{NAME}": sum(due for due in self.reckoned[payer].due.values() if due > 0)
            for payer in names
            if any(due > 0 for due in self.reckoned[payer].due.values())
        }
        self.check()

    def pay(self, payer: str, month: Month) -> None:
        paid = self.reckoned[payer].pay(month, self.cash(payer))
        if paid is None:
            self.deferred.append(payer)
        else:
            self.move(paid, payer)

    def pay_late(self, payer: str) -> None:
        before, now = operating.pay(self.desk, self.named(payer))
        assert before > now == 0
        self.move(self.reckoned[payer].pay(NOVEMBER, self.cash(payer)), payer)
        self.check()

    def repay(self, payer: str, party: str) -> None:
        owed = operating.repay(self.desk, self.named(payer), party)
        assert owed == -self.reckoned[payer].due[party] > 0
        self.reckoned[payer].due[party] = 0
        self.move({party: -owed, payer: owed}, payer)
        self.check()

    def release(self) -> None:
        done = operating.release(self.desk, [self.named(payer) for payer in PAYERS])
        for named, period, (line,), _ in done.lines:
            payer, month = named.name.partition("/")[0], (period // 12, period % 12 + 1)
            self.released[payer, month, line], paid = self.reckoned[payer].release(month, line)
            self.move(paid, payer)
        self.check()

    def quarter(self) -> None:
        """The run of the scenario's own agreements: at most a unit a party, where the payer has it."""
        own = [self.desk.agreement(f"{broker}/commission") for broker in BROKERS]
        operating.run(self.desk, own)
        for broker in BROKERS:
            on_account = [floor(Fraction(self.earned[broker] * ppm, independent.PPM)) for ppm in BASE]
            amounts = shared(self.earned[broker], BASE)
            lacking = [amount - had for amount, had in zip(amounts, on_account, strict=True)]
            assert all(0 <= each <= 1 for each in lacking)
            if sum(lacking) <= self.cash(broker):
                parties = dict(zip((who for who, _ in NEPSE_2019.shares), lacking, strict=True))
                self.move(parties | {broker: -sum(lacking)})
        self.check()

    def check(self) -> None:
        """What everybody has and is owed is what was reckoned; nothing was created or lost."""
        self.desk.read()
        self.desk.verify()
        held = on_ledger(self.ledger)
        assert "transit" not in {name for name, _ in held}
        issued = Counter[Place]()
        for amounts in self.ledger.shelf.deposits().values():
            issued.update(amounts)
        assert held == independent.closing(issued, self.moved)
        there = Counter[str]()
        for (_, asset), amount in held.items():
            there[asset] += amount
        assets = self.ledger.market.clients.register.assets()
        assert there == {asset.code: asset.supply for asset in assets if asset.supply}
        names = {index: name for name, index in self.ledger.market.index.items()}
        for payer, reckoned in self.reckoned.items():
            due = {names[who]: amount for who, amount in self.named(payer).of.dues.items() if amount}
            assert due == {who: amount for who, amount in reckoned.due.items() if amount}


@pytest.fixture(scope="module")
def story() -> Iterable[Story]:
    scenario = load("nepse-2019")
    agreements = scenario.agreements.model_copy(update={"reserve_account": "Revenue Reserve"})
    scenario = scenario.model_copy(update={"agreements": agreements})
    with in_memory(scenario, dt.date(2019, 10, 10)) as ledger:
        told = Story(ledger)
        told.day(DAYS[0])
        told.day(DAYS[1])
        told.conclude(("45",), version=2)
        told.on(2019, 11, 4)
        told.report(OCTOBER, left_out=[("45", "CONVERSION"), ("38", "INDEX")])
        named = told.named("45")
        measuring.report(told.desk, named, "CONVERSION", 999, "2019-10", "RESERVE")
        told.desk.read()
        measuring.dispute(told.desk, named, "CONVERSION", "2019-10", "45")
        told.desk.read()
        credit(ledger, {(payer, CASH): 10_000_000 for payer in ("45", "58", "57")}, "for the run")
        told.run()
        told.release()
        credit(ledger, {("38", CASH): 10_000_000}, "for paying late")
        told.pay_late("38")
        told.day(DAYS[2])
        told.day(DAYS[3])
        told.pay_late("17")
        told.on(2019, 12, 2)
        told.say(OCTOBER, [("45", "CONVERSION"), ("38", "INDEX")])
        told.report(NOVEMBER)
        credit(ledger, {(payer, CASH): 10_000_000 for payer in PAYERS}, "for the second run")
        told.run()
        told.release()
        told.repay("45", "PLATFORM")
        told.on(2020, 1, 2)
        told.release()
        told.quarter()
        yield told


def test_document_given_every_term_is_printed_as_it_is_read(story: Story) -> None:
    for payer, version in (*((payer, 1) for payer in PAYERS), ("45", 2)):
        text = text_of(payer, version)
        terms = read(text.encode(), "every-term.yaml", story.names)
        printed = render(terms, story.names)
        assert printed == text[text.index("agreement:") :]
        assert read(printed.encode(), "printed", story.names) == terms
        known = story.named(payer).of.agreement.versions[version - 1]
        assert known.terms == terms


def test_document_given_every_term_has_each_kind(story: Story) -> None:
    terms: Terms = read(TEXT.encode(), "every-term.yaml", story.names)
    assert {clause.basis for clause in terms.clauses} == set(Basis)
    fees = {clause.day_count for clause in terms.clauses if clause.basis is Basis.MANAGEMENT_FEE}
    assert fees == set(DayCount) - {DayCount.NONE}
    assert (len(terms.clauses), terms.lines) == (CLAUSES, LINES)


def test_payers_given_four_days_are_those_with_most_trades(story: Story) -> None:
    counts = Counter(name for trade in story.trades for name in {trade.buyer, trade.seller})
    assert tuple(name for name, _ in counts.most_common(len(PAYERS))) == PAYERS


def test_days_given_what_was_agreed_come_to_every_turn_the_story_is_for(story: Story) -> None:
    assert set(story.deferred) == {"38", "17"}
    assert story.waited == [("45", "CONVERSION", 15, "DISPUTED"), ("38", "INDEX", 8, "NONE")]
    assert all(story.netted[payer] for payer in PAYERS)
    assert {payer for payer, more in story.fell.items() if more} == {"38", "45", "57"}, "a lower rate applied"
    assert any(due < 0 for reckoned in story.reckoned.values() for due in reckoned.due.values())
    shares = {key: amounts for key, amounts in story.released.items() if key[1] == OCTOBER}
    assert {line for _, _, line in shares} == {0, 2, 7}
    kept = story.reckoned["38"].computed[OCTOBER, 2].reserve
    assert shares["38", OCTOBER, 2] == [0, 0, kept]
    assert shares["17", OCTOBER, 7] == [0, 0, 0]


def test_events_given_all_runs_are_as_reckoned(story: Story) -> None:
    names = {index: name for name, index in story.ledger.market.index.items()}
    for payer, reckoned in story.reckoned.items():
        found, totals = Counter[type](), Counter[Month]()
        for fact in story.named(payer).of.happened:
            found[type(fact)] += 1
            if isinstance(fact, DueChanged | Deferred):
                continue
            month = (fact.period // 12, fact.period % 12 + 1)  # type: ignore[attr-defined]
            match fact:
                case Accrued():
                    assert fact.before == totals[month] < fact.after
                    totals[month] = fact.after
                case ClauseRun():
                    wanted = reckoned.computed[month, fact.clause]
                    assert (fact.basis, fact.pool, fact.reserve) == (
                        wanted.basis,
                        wanted.pool,
                        wanted.reserve,
                    )
                    assert list(fact.amounts) == wanted.amounts
                case GuaranteeRun():
                    line = CLAUSES + fact.guarantee
                    promise = reckoned.document(month)["guarantees"][fact.guarantee]
                    assert fact.clawback == reckoned.clawbacks[month, line]
                    assert names[fact.party] == promise["party"]
                case Released():
                    amounts = story.released[payer, month, fact.clause]
                    assert list(fact.amounts) == amounts
                    assert fact.to_payer == reckoned.computed[month, fact.clause].reserve - sum(amounts)
        assert totals == reckoned.totals
        assert found[Accrued] == len(DAYS)
        assert (found[ClauseRun], found[GuaranteeRun]) == (2 * CLAUSES, 2 * (LINES - CLAUSES))
        reserved = [key for key, each in reckoned.computed.items() if each.reserve]
        assert found[Released] == len(reserved) > 0


def test_statements_given_the_quarter_add_up_to_what_was_paid(story: Story) -> None:
    moved = story.ledger.read()
    names = {index: name for name, index in story.ledger.market.index.items()}
    for payer, reckoned in story.reckoned.items():
        shown = read_statement(story.desk, story.named(payer), "2019Q4")
        assert {line.kind for line in shown.lines} == set(Kind)
        for account in shown.accounts:
            assert account.opening_minor == 0
            assert account.earned_minor == sum(line.amount_minor for line in account.lines)
            assert account.earned_minor - account.paid_minor == account.closing_minor
            assert account.closing_minor == reckoned.due[names[account.party]]
            assert account.paid_minor == story.received[payer][names[account.party]]
            assert all(line.exact - line.rounding == line.amount_minor for line in account.lines)
        assert shown.versions == ([1, 2] if payer == "45" else [1])
    verification.verify(story.ledger.market, moved)


def test_books_given_all_that_was_paid_have_no_breaks(story: Story) -> None:
    """A ledger opened anew, whose books are told everything from the beginning."""
    ledger = story.ledger
    assert Ledger(ledger.market, ledger.shelf, clock=ledger.clock).reconcile().breaks == ()

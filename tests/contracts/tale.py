"""A random history of random agreements, told to the contracts by a crowd.

From November to May commission is earned; after the new year, in April and in July periods are reported,
countersigned, disputed, run, paid, repaid and released, as chance and what is possible have it. An agreement
does at most one thing in a transaction that moves money.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random

from ledger import reverts
from ledger.clients.revenue_sharing import ReportStatus
from ledger.terms import Basis, Terms, measure_key, pack
from settlement.agreements import computing, periods
from settlement.agreements.errors import MeasureMissing
from settlement.agreements.facts import AgreementFacts, ClauseRun, GuaranteeRun, Released
from tests.agreements import Cast, bounds_of, random_amount, random_terms, random_value
from tests.contracts.crowd import CURRENCIES, KEEPER, Act, Crowd

EACH = 7
"""Agreements of a payer in a currency; there may be eight."""
POOR_IN = 5
"""One payer in so many has nothing until the summer."""


class Tale:
    """What a crowd does, as chance has it."""

    def __init__(self, crowd: Crowd, count: int, seed: int) -> None:
        self.crowd, self.count, self.random = crowd, count, Random(seed)
        agents = tuple(crowd.institutions[-3:])
        self.payers = tuple(crowd.institutions[:-3])
        self.cast = Cast(self.payers, agents, KEEPER)
        self.poor = set(self.payers[::POOR_IN])
        self.refused: Counter[str] = Counter()
        self.over: set[tuple[int, int]] = set()
        """(agreement, period) of which nothing is left to do."""

    def happen(self) -> None:
        crowd = self.crowd
        crowd.at(2019, 11, 20)
        crowd.fund({*crowd.institutions, KEEPER} - self.poor)
        crowd.at(2019, 11, 21)
        self.conclude()
        for month, day in ((11, 25), (12, 5)):
            crowd.at(2019, month, day)
            self.earn()
        crowd.at(2019, 12, 10)
        self.revise()
        crowd.at(2019, 12, 20)
        self.earn()
        self.earn()
        for year, month in ((2020, 1), (2020, 4)):
            for day in (3, 4):
                crowd.at(year, month, day)
                self.attend()
            for later in (month, month + 1):
                crowd.at(year, later, 20)
                self.earn()
            if month == 1:
                self.revise(0.1)
                self.give_notice()
        crowd.at(2020, 7, 2)
        crowd.fund(self.poor)
        self.poor.clear()
        for day in range(3, 8):
            crowd.at(2020, 7, day)
            self.attend(eagerly=True)

    def conclude(self) -> None:
        acts = []
        for i in range(self.count):
            payer, place = divmod(i, 2 * EACH)
            terms = random_terms(
                *(self.random, self.payers[payer], CURRENCIES[place % 2], f"agreement {i}", self.cast),
                effective_from=self.random.choice(
                    (0, 0, 0, self.crowd.now + self.random.randint(9999, 5_000_000))
                ),
                notice_days=self.random.choice((0, 10, 45)),
            )
            acts.append(self.proposal(terms))
        self.play(acts)
        assert len(self.crowd.facts.agreements) == self.count

    def revise(self, part: float = 0.3) -> None:
        """Another version, of some that have begun."""
        acts = []
        for of in self.crowd.facts.agreements.values():
            newest = of.agreement.newest
            if self.random.random() < part and newest.starts_at <= self.crowd.now:
                before = newest.terms
                terms = random_terms(
                    *(self.random, before.payer, before.currency, before.name, self.cast),
                    version=before.version + 1,
                    notice_days=before.notice_days,
                )
                acts.append(self.proposal(terms))
        self.play(acts)

    def proposal(self, terms: Terms) -> Act:
        consents = [(each, b"yes") for each in terms.parties]
        return self.crowd.act(terms.payer, self.crowd.agreements, "propose", pack(terms), consents)

    def give_notice(self) -> None:
        acts = [
            self.crowd.act(of.agreement.payer, self.crowd.agreements, "giveNotice", number)
            for number, of in self.crowd.facts.agreements.items()
            if self.random.random() < 0.05 and of.agreement.newest.starts_at <= self.crowd.now
        ]
        self.play(acts)

    def play(self, acts: list[Act]) -> None:
        for error in self.crowd.play(acts).values():
            self.refused[type(error).__name__] += 1

    def earn(self) -> None:
        """Commission of most payers, shared by each of their agreements that is in force and shares it."""
        for currency in CURRENCIES:
            earning = [payer for payer in self.payers if self.random.random() < 0.7]
            commissions = {payer: random_amount(self.random) for payer in earning}
            told = self.crowd.accrue(currency, commissions)
            found = {event["agreementId"]: event["totalAfter"] - event["totalBefore"] for event in told}
            expected = {
                number: commissions[of.agreement.payer]
                for number, of in self.crowd.facts.agreements.items()
                if of.agreement.currency == currency
                and of.agreement.payer in commissions
                and in_force(of, self.crowd.now)
            }
            assert found == expected

    def attend(self, *, eagerly: bool = False) -> None:
        """Of each agreement some reports, and at most one act that moves money."""
        reports, acts, doomed = [], [], set()
        for number, of in self.crowd.facts.agreements.items():
            for period in self.left(number, of):
                reports += self.reports(number, of, period, eagerly=eagerly)
        self.play(reports)
        for number, of in self.crowd.facts.agreements.items():
            act, name = self.act(number, of, eagerly=eagerly)
            if act is not None:
                if name:
                    doomed.add((len(acts), name))
                acts.append(act)
        refused = self.crowd.play(acts)
        told = {(place, type(error).__name__) for place, error in refused.items()}
        assert told == doomed

    def ended(self, of: AgreementFacts) -> Iterator[int]:
        """Periods that have ended, in order."""
        period = of.agreement.versions[0].from_period
        while (version := of.agreement.covering(period)) is not None:
            if periods.end_s(period, version.terms.months) > self.crowd.now:
                return
            yield period
            period += version.terms.months

    def left(self, number: int, of: AgreementFacts) -> list[int]:
        """Periods that have ended and are not over."""
        return [period for period in self.ended(of) if (number, period) not in self.over]

    def reports(self, number: int, of: AgreementFacts, period: int, *, eagerly: bool) -> Iterator[Act]:
        terms = of.version(period).terms
        revenue, random = self.crowd.revenue, self.random
        for measure in terms.measures:
            report = of.reports.get((period, measure.name))
            status = report.status if report else ReportStatus.NONE
            where = number, period, measure_key(measure.name)
            if status is ReportStatus.REPORTED and report:
                if random.random() < 0.15:
                    yield self.crowd.act(measure.countersigner, revenue, "dispute", *where)
                elif eagerly or random.random() < 0.7:
                    yield self.crowd.act(measure.countersigner, revenue, "countersign", *where, report.value)
            elif status is not ReportStatus.FINAL and (eagerly or random.random() < 0.6):
                value = random_value(random, *bounds_of(terms))
                yield self.crowd.act(measure.reporter, revenue, "report", *where, value)

    def act(self, number: int, of: AgreementFacts, *, eagerly: bool) -> tuple[Act | None, str]:
        """One act that moves money, and the name of the refusal that it meets, if any."""
        revenue, random, found = self.crowd.revenue, self.random, list[tuple[Act, str]]()
        payer = of.agreement.payer
        run = {
            (fact.period, line_of(of, fact))
            for fact in of.happened
            if isinstance(fact, ClauseRun | GuaranteeRun)
        }
        for period in self.left(number, of):
            terms = of.version(period).terms
            lines = [line for line in range(terms.lines) if (period, line) not in run]
            ready = [line for line in lines if self.ready(of, period, line, run)]
            some = [line for line in ready if eagerly or random.random() < 0.8]
            if some:
                mask = sum(1 << line for line in some)
                found.append((self.crowd.act(payer, revenue, "run", number, period, mask), ""))
            elif lines and not ready and random.random() < 0.05:
                mask = 1 << lines[0]
                performs = (
                    lines[0] < len(terms.clauses) and terms.clauses[lines[0]].basis is Basis.PERFORMANCE
                )
                if missing(of, period, lines[0]) and not performs:
                    refusal = reverts.RevenueSharing_MeasureMissing.__name__
                    found.append((self.crowd.act(payer, revenue, "run", number, period, mask), refusal))
            releases = list(self.releases(number, of, period, run))
            found += releases
            if not lines and not releases and not waiting(of, period):
                self.over.add((number, period))
        dues = {party: amount for party, amount in of.dues.items() if amount}
        for each in of.agreement.versions:
            receivers = {*each.terms.parties, each.terms.reserve_account}
            if any(amount > 0 for party, amount in dues.items() if party in receivers):
                found.append((self.crowd.act(payer, revenue, "pay", number, each.version), ""))
        debtors = [party for party, amount in dues.items() if amount < 0 and party != KEEPER]
        for debtor in debtors:
            if debtor not in self.poor and random.random() < 0.3:
                found.append((self.crowd.act(debtor, revenue, "repay", number), ""))
        return random.choice(found) if found else (None, "")

    def releases(
        self, number: int, of: AgreementFacts, period: int, run: set[tuple[int, int]]
    ) -> Iterator[tuple[Act, str]]:
        terms = of.version(period).terms
        released = {(fact.period, fact.clause) for fact in of.happened if isinstance(fact, Released)}
        measures = of.final_measures(period)
        for line, clause in enumerate(terms.clauses):
            kept = clause.reserve
            if kept is None or (period, line) not in run or (period, line) in released:
                continue
            after = period + kept.after * terms.months
            by = terms.measures[kept.measure - 1].name if kept.measure else ""
            if self.crowd.now < periods.end_s(after, terms.months) or (by and by not in measures):
                continue
            if of.dues.get(KEEPER, 0) <= 0 and reserved(of, period, line):
                yield (
                    self.crowd.act(of.agreement.payer, self.crowd.revenue, "release", number, period, line),
                    "",
                )

    def ready(self, of: AgreementFacts, period: int, line: int, run: set[tuple[int, int]]) -> bool:
        """Nothing is missing, and of a performance the period before has been computed."""
        version = of.version(period)
        if missing(of, period, line):
            return False
        if line >= len(version.terms.clauses) or version.terms.clauses[line].basis is not Basis.PERFORMANCE:
            return True
        measure = performance_of(version.terms, line)
        for before in self.ended(of):
            if before >= period:
                return True
            terms = of.version(before).terms
            for place, clause in enumerate(terms.clauses):
                same = clause.basis is Basis.PERFORMANCE and performance_of(terms, place) == measure
                if same and (before, place) not in run:
                    return False
        return True


def in_force(of: AgreementFacts, now: int) -> bool:
    """Whether commission earned now counts for the agreement: one of its versions shares commission."""
    if of.agreement.versions[0].starts_at > now:
        return False
    begun = [each for each in of.agreement.versions if each.starts_at <= now]
    if of.agreement.covering(periods.at(now, begun[-1].terms.months)) is None:
        return False
    clauses = [clause for each in of.agreement.versions for clause in each.terms.clauses]
    return any(each.basis is Basis.COMMISSION for each in clauses)


def line_of(of: AgreementFacts, fact: ClauseRun | GuaranteeRun) -> int:
    """Place among the period's lines."""
    if isinstance(fact, ClauseRun):
        return fact.clause
    return len(of.version(fact.period).terms.clauses) + fact.guarantee


def performance_of(terms: Terms, line: int) -> str:
    return terms.measures[terms.clauses[line].measure - 1].name


def waiting(of: AgreementFacts, period: int) -> bool:
    """Whether a reserve of the period has still to be released."""
    kept = {
        fact.clause
        for fact in of.happened
        if isinstance(fact, ClauseRun) and fact.period == period and fact.reserve
    }
    given = {fact.clause for fact in of.happened if isinstance(fact, Released) and fact.period == period}
    return kept != given


def reserved(of: AgreementFacts, period: int, line: int) -> int:
    return next(
        fact.reserve
        for fact in of.happened
        if isinstance(fact, ClauseRun) and (fact.period, fact.clause) == (period, line)
    )


def missing(of: AgreementFacts, period: int, line: int) -> str:
    """A measure that a line waits for."""
    version, measures = of.version(period), of.final_measures(period)
    terms = version.terms
    try:
        if line < len(terms.clauses):
            computing.final(terms, line, period, version.starts_at, 0, measures)
        else:
            computing.clawback(terms, terms.guarantees[line - len(terms.clauses)], period, measures)
    except MeasureMissing as error:
        return error.measure
    return ""

"""What parties do under an agreement: report measures, have lines computed and paid, contest them.

Each step looks at what the chain has and does what is missing, so it can be repeated after whatever
interrupted it: what was done before is said to be so, and is no error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ledger.accounts import Signer
from ledger.chain import Receipt
from ledger.clients.revenue_sharing import IN_THE_RUN, RevenueSharing
from ledger.errors import InvalidValue
from ledger.ids import from_bytes32
from ledger.terms import Measure, Terms
from settlement.agreements import periods, planning
from settlement.agreements.facts import AgreementFacts, Facts, Report, ReportStatus
from settlement.agreements.planning import Plan, Waiting
from settlement.agreements.registry import Concluded
from settlement.errors import MeasureStands, NameUnknown, NotTheirs, PeriodUnknown
from settlement.operations import Ledger


@dataclass(frozen=True, slots=True)
class Named:
    """An agreement with the name that people give it."""

    name: str
    """"Aldersgate/platform"."""
    of: AgreementFacts

    @property
    def agreement_id(self) -> int:
        """As the contract counts."""
        return self.of.agreement.agreement_id

    @property
    def payer(self) -> int:
        """Index of who pays."""
        return self.of.agreement.payer


@dataclass(slots=True)
class Ran:
    """What a run did, and what it could not."""

    computed: list[tuple[Named, int, tuple[int, ...]]] = field(default_factory=list)
    """(agreement, period, lines)."""
    waiting: list[tuple[Named, Waiting]] = field(default_factory=list)
    deferred: dict[str, int] = field(default_factory=dict)
    """Agreement → what its payer has too little cash for, minor units; it stays due."""


class Desk:
    """A ledger's agreements, read from its chain, and what is done under them."""

    def __init__(self, ledger: Ledger) -> None:
        ledger.progress("agreements")
        self.ledger = ledger
        self.revenue: RevenueSharing = ledger.market.clients.revenue
        self.names: Mapping[int, str] = {index: name for name, index in ledger.market.index.items()}
        self.facts = Facts()
        self._next = 0
        self.read()

    @property
    def now_s(self) -> int:
        """What time it is for the contract: no earlier than the newest block."""
        return max(self.ledger.market.chain.block().timestamp, self.ledger.seconds_now)

    def read(self) -> None:
        """Take account of what has happened since it was last read."""
        chain = self.ledger.market.chain
        head = chain.block().number
        for mined in chain.logs(self._next, head) if self._next <= head else ():
            for event in self.revenue.events(mined.logs):
                self.facts.apply(_in(event, mined.transaction_hash), mined.block_number)
        self._next = head + 1

    def agreements(self) -> Iterator[Named]:
        """Every agreement that was concluded, in order."""
        for of in self.facts.agreements.values():
            yield Named(f"{self.names[of.agreement.payer]}/{of.agreement.name}", of)

    def agreement(self, name: str) -> Named:
        """The agreement that people call "payer/name". Raises NameUnknown."""
        known = {each.name: each for each in self.agreements()}
        if name not in known:
            raise NameUnknown("agreement", name, list(known) or ["none yet"])
        return known[name]

    def institution(self, name: str) -> int:
        """Its index. Raises NameUnknown."""
        if name not in self.ledger.market.index:
            raise NameUnknown("institution", name, list(self.ledger.market.index))
        return self.ledger.market.index[name]

    def signer(self, name: str) -> Signer:
        """Its key, which must be on this machine. Raises NameUnknown, and what opening a keystore raises."""
        self.institution(name)
        try:
            return self.ledger.market.signers[name]
        except KeyError:
            raise NameUnknown("key of", name, sorted(self.ledger.market.signers)) from None

    def anyone(self, named: Named) -> Signer:
        """Who sends what anyone may send: the payer, a party or the venue, whose key is on this machine."""
        parties = named.of.agreement.newest.terms.parties
        names = [self.names[each] for each in (named.payer, *parties)]
        signers = self.ledger.market.signers
        for name in (*names, self.ledger.market.scenario.venue):
            if name in signers:
                return signers[name]
        return self.signer(names[0])

    def period(self, named: Named, text: str) -> tuple[int, Concluded]:
        """One period of an agreement that has begun. Raises PeriodUnknown, and InvalidValue where the text
        writes none.
        """
        first, months = periods.parse(text)
        begun = dict(planning.covered(named.of, self.now_s))
        if first in begun and begun[first].terms.months == months:
            return first, begun[first]
        raise PeriodUnknown(named.name, text, self._instead(begun))

    def span(self, named: Named, text: str) -> dict[int, Concluded]:
        """The periods of an agreement that have begun and lie within one that is as long or longer. Raises
        PeriodUnknown, and InvalidValue where the text writes none.
        """
        first, months = periods.parse(text)
        begun = dict(planning.covered(named.of, self.now_s))
        found = {
            each: version
            for each, version in begun.items()
            if first <= each and each + version.terms.months <= first + months
        }
        if not found:
            raise PeriodUnknown(named.name, text, self._instead(begun))
        return found

    def _instead(self, begun: Mapping[int, Concluded]) -> str:
        known = [periods.text(each, version.terms.months) for each, version in begun.items()]
        if not known:
            return "none of the agreement's periods has begun"
        if len(known) == 1:
            return f"the agreement's only one so far is {known[0]}"
        return f"the agreement's are {known[0]} to {known[-1]}, {begun[max(begun)].terms.months} months each"

    def ended(self, named: Named, text: str) -> tuple[int, Concluded]:
        """One period that is over. Raises PeriodUnknown."""
        period, version = self.period(named, text)
        end_s = periods.end_s(period, version.terms.months)
        if end_s > self.now_s:
            raise PeriodUnknown(named.name, text, f"it lasts until {periods.day(end_s)}")
        return period, version

    # Measures

    def report(self, named: Named, measure: str, value: int, period: str, by: str) -> Receipt | None:
        """Report a measure of a period that is over; None where just that stands. Raises NotTheirs,
        MeasureStands, NameUnknown and PeriodUnknown.
        """
        first, version, found = self._measure(named, measure, period)
        self._only(named, by, (found.reporter,), f"report {measure}")
        stands = self._standing(named, first, measure)
        if stands.status in (ReportStatus.REPORTED, ReportStatus.FINAL):
            if stands.value == value:
                return None
            reason = f"{stands.value:,} was reported"
            if stands.status is ReportStatus.REPORTED:
                other = self.names[found.countersigner]
                reason += f"; {other} can dispute it, and then it can be reported again"
            else:
                reason += " and is final"
            raise MeasureStands(named.name, measure, period, reason)
        return self.revenue.report(self.signer(by), named.agreement_id, first, measure, value)

    def countersign(self, named: Named, measure: str, value: int, period: str, by: str) -> Receipt | None:
        """Agree to what was reported; None where it is final. Raises as `report` does."""
        first, stands = self._to_countersign(named, measure, period, by, "countersign")
        if stands.status in (ReportStatus.NONE, ReportStatus.DISPUTED):
            raise MeasureStands(named.name, measure, period, self._not_reported(named, measure, first, stands))
        if stands.value != value:
            reason = f"{stands.value:,} was reported, not {value:,}; countersign that, or dispute it"
            if stands.status is ReportStatus.FINAL:
                reason = f"{stands.value:,} was countersigned and is final"
            raise MeasureStands(named.name, measure, period, reason)
        if stands.status is ReportStatus.FINAL:
            return None
        return self.revenue.countersign(self.signer(by), named.agreement_id, first, measure, value)

    def dispute(self, named: Named, measure: str, period: str, by: str) -> Receipt | None:
        """Do not agree to what was reported; None where it is disputed. Raises as `report` does."""
        first, stands = self._to_countersign(named, measure, period, by, "dispute")
        if stands.status is ReportStatus.DISPUTED:
            return None
        if stands.status is ReportStatus.NONE:
            raise MeasureStands(named.name, measure, period, self._not_reported(named, measure, first, stands))
        if stands.status is ReportStatus.FINAL:
            raise MeasureStands(named.name, measure, period, f"{stands.value:,} is final")
        return self.revenue.dispute(self.signer(by), named.agreement_id, first, measure)

    def _measure(self, named: Named, measure: str, text: str) -> tuple[int, Concluded, Measure]:
        period, version = self.ended(named, text)
        known = {each.name: each for each in version.terms.measures}
        if measure not in known:
            raise NameUnknown("measure", measure, list(known) or ["none in these terms"])
        return period, version, known[measure]

    def _to_countersign(
        self, named: Named, measure: str, text: str, by: str, what: str
    ) -> tuple[int, Report]:
        period, _, found = self._measure(named, measure, text)
        if not found.countersigner:
            self.institution(by)
            agent = self.names[found.reporter]
            raise MeasureStands(named.name, measure, text, f"nobody has to {what} what {agent} reports")
        self._only(named, by, (found.countersigner,), f"{what} {measure}")
        return period, self._standing(named, period, measure)

    def _standing(self, named: Named, period: int, measure: str) -> Report:
        return named.of.reports.get((period, measure)) or Report(ReportStatus.NONE, 0, 0)

    def _not_reported(self, named: Named, measure: str, period: int, stands: Report) -> str:
        terms = named.of.version(period).terms
        reporter = next(self.names[each.reporter] for each in terms.measures if each.name == measure)
        if stands.status is ReportStatus.DISPUTED:
            return f"{stands.value:,} was disputed; {reporter} has to report it again"
        return f"{reporter} has not reported it yet"

    def _only(self, named: Named, by: str, whose: tuple[int, ...], what: str) -> None:
        if self.institution(by) not in whose:
            raise NotTheirs(named.name, by, what, [self.names[each] for each in whose])

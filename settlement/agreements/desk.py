"""A ledger's agreements as they stand, and who acts here for whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from ledger.accounts import Signer
from ledger.clients.revenue_sharing import RevenueSharing
from settlement.agreements import periods, planning
from settlement.agreements.errors import PeriodUnknown
from settlement.agreements.explaining import Naming
from settlement.agreements.facts import AgreementFacts, Facts
from settlement.agreements.registry import Concluded
from settlement.agreements.verifying import verify, verify_paid
from settlement.errors import NameUnknown
from settlement.operations import Ledger
from settlement.report.layout import Money


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


class Desk:
    """A ledger's agreements, read from its chain, and what is done under them."""

    def __init__(self, ledger: Ledger) -> None:
        ledger.progress("agreements")
        self.ledger = ledger
        self.revenue: RevenueSharing = ledger.market.clients.revenue
        self.names: Mapping[int, str] = {index: name for name, index in ledger.market.index.items()}
        self.facts = Facts()
        self.read()

    @property
    def now_s(self) -> int:
        """What time it is for the contract: no earlier than the newest block."""
        return max(self.ledger.market.chain.block().timestamp, self.ledger.seconds_now)

    def read(self) -> None:
        """Take account of what has happened since it was last read."""
        history = self.ledger.read()
        for event in history.revenue[self.facts.read :]:
            self.facts.apply(event, history.blocks[event.transaction])

    @property
    def naming(self) -> Naming:
        """What words about these agreements need."""
        return Naming(self.names, self.ledger.market.scenario.exponent)

    def money(self, named: Named) -> Money:
        """An agreement's currency, for people."""
        codes = {index: code for code, index in self.ledger.market.asset.items()}
        return Money(codes[named.of.agreement.currency], self.ledger.market.scenario.exponent)

    def verify(self) -> None:
        """Hold all that the contract computed and paid against the second computation. Raises
        LedgerDisagrees.
        """
        history = self.ledger.read()
        verify(self.facts, self.naming)
        verify_paid(self.facts, history.movements, history.netting_sets, self.naming)

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

    def written(self, named: Named, period: int) -> str:
        """How people write one of the agreement's periods."""
        return periods.text(period, named.of.version(period).terms.months)

    def ended(self, named: Named, text: str) -> tuple[int, Concluded]:
        """One period that is over. Raises PeriodUnknown."""
        period, version = self.period(named, text)
        end_s = periods.end_s(period, version.terms.months)
        if end_s > self.now_s:
            raise PeriodUnknown(
                named.name, text, f"it lasts until {datetime.fromtimestamp(end_s, UTC):%Y-%m-%d}"
            )
        return period, version

"""What the events of `RevenueSharing` say happened under each agreement, in the chain's order.

Periods are named by their first month, institutions by index; amounts are minor units, transactions hashes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ledger.clients.revenue_sharing import ReportStatus
from ledger.contract import Event
from ledger.ids import from_bytes32
from settlement.agreements.registry import Concluded, Known, Registry


@dataclass(frozen=True, slots=True)
class Report:
    """What stands of a measure of a period; `since` is the place of the event that made it so."""

    status: ReportStatus
    value: int
    since: int


@dataclass(frozen=True, slots=True)
class Fact:
    """What moved money, or changed what is due; `place` is that of its event among all of the contract's."""

    place: int
    transaction: bytes
    block: int


@dataclass(frozen=True, slots=True)
class Accrued(Fact):
    """Commission was earned: the period's running total before and after."""

    period: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class ClauseRun(Fact):
    """A clause of a period was computed for good; amounts are in the terms' order of parties."""

    period: int
    clause: int
    basis: int
    pool: int
    reserve: int
    amounts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class GuaranteeRun(Fact):
    """A guarantee of a period was held against what was reported."""

    period: int
    guarantee: int
    party: int
    clawback: int


@dataclass(frozen=True, slots=True)
class Released(Fact):
    """What a clause of a period had put in reserve was released."""

    period: int
    clause: int
    amounts: tuple[int, ...]
    to_payer: int


@dataclass(frozen=True, slots=True)
class DueChanged(Fact):
    """The payer owes an institution `due` now; below zero it is owed by it."""

    institution: int
    due: int


@dataclass(frozen=True, slots=True)
class Deferred(Fact):
    """The payer had less than `total`, which stays due."""

    total: int


@dataclass(frozen=True, slots=True)
class Contest:
    """An institution contests a line, of the settlement `settled_in` or of the run (IN_THE_RUN)."""

    period: int
    line: int
    settled_in: bytes
    institution: int
    reason: str
    transaction: bytes


@dataclass(slots=True)
class AgreementFacts:
    """One agreement: its versions, what happened under it, what was reported, what is contested now."""

    agreement: Known
    happened: list[Fact] = field(default_factory=list)
    reports: dict[tuple[int, str], Report] = field(default_factory=dict)
    """(period, measure) → what stands."""
    contests: dict[tuple[int, int, bytes, int], Contest] = field(default_factory=dict)
    """By period, line, transaction and institution; resolved ones are gone."""
    totals: dict[int, int] = field(default_factory=dict)
    """Period → its running total of commission."""
    dues: dict[int, int] = field(default_factory=dict)
    """Institution → what it is owed now."""

    def final_measures(self, period: int, before: int | None = None) -> dict[str, int]:
        """The measures of a period that are final; only those that were so `before` an event's place."""
        return {
            name: report.value
            for (of, name), report in self.reports.items()
            if of == period
            and report.status is ReportStatus.FINAL
            and (before is None or report.since < before)
        }

    def version(self, period: int) -> Concluded:
        """The version that covers a period. Raises LookupError where none does."""
        found = self.agreement.covering(period)
        if found is None:
            raise LookupError(f"agreement {self.agreement.agreement_id} does not cover period {period}")
        return found

    def begun(self) -> Iterator[int]:
        """The periods from the first to the last of which there is anything, in order."""
        last = max(
            [period for fact in self.happened if (period := getattr(fact, "period", None)) is not None]
            + [period for period, _ in self.reports],
            default=None,
        )
        if last is None:
            return
        period = self.agreement.versions[0].from_period
        while period <= last:
            yield period
            period += self.version(period).terms.months


@dataclass(slots=True)
class Facts:
    """Every agreement's facts by its id, and who proposed and concluded what."""

    registry: Registry = field(default_factory=Registry)
    agreements: dict[int, AgreementFacts] = field(default_factory=dict)
    read: int = 0
    """How many events have been taken account of."""

    def apply(self, event: Event, block: int) -> None:
        """Take account of the next event."""
        self.registry.apply(event)
        if event.name == "AgreementConcluded":
            known = self.registry.agreements[event["agreementId"]]
            self.agreements.setdefault(known.agreement_id, AgreementFacts(known))
        elif "agreementId" in event.arguments and event.name != "NoticeGiven":
            _apply(self.agreements[event["agreementId"]], event, (self.read, event.transaction, block))
        self.read += 1


def facts(events: Iterable[Event], blocks: Mapping[bytes, int]) -> Facts:
    """What events of the contract come to; `blocks` says in which block each one's transaction is."""
    found = Facts()
    for event in events:
        found.apply(event, blocks[event.transaction])
    return found


def _apply(of: AgreementFacts, event: Event, where: tuple[int, bytes, int]) -> None:
    match event.name:
        case "MeasureReported" | "MeasureCountersigned" | "MeasureDisputed":
            _apply_report(of, event, where[0])
        case "RevenueAccrued":
            of.happened.append(Accrued(*where, event["period"], event["totalBefore"], event["totalAfter"]))
            of.totals[event["period"]] = event["totalAfter"]
        case "ClauseRun":
            of.happened.append(
                ClauseRun(
                    *(*where, event["period"], event["clause"]),
                    *(event["basis"], event["pool"], event["reserve"], tuple(event["amounts"])),
                )
            )
        case "GuaranteeRun":
            said = event["period"], event["guarantee"], event["party"], event["clawback"]
            of.happened.append(GuaranteeRun(*where, *said))
        case "ReserveReleased":
            amounts = tuple(event["amounts"])
            of.happened.append(Released(*where, event["period"], event["clause"], amounts, event["toPayer"]))
        case "DueChanged":
            of.happened.append(DueChanged(*where, event["institution"], event["due"]))
            of.dues[event["institution"]] = event["due"]
        case "PaymentDeferred":
            of.happened.append(Deferred(*where, event["total"]))
        case "LineContested" | "ContestResolved":
            key = (event["period"], event["line"], event["transactionHash"], event["institution"])
            if event.name == "ContestResolved":
                of.contests.pop(key, None)
            else:
                of.contests[key] = Contest(*key, event["reason"], where[1])


def _apply_report(of: AgreementFacts, event: Event, place: int) -> None:
    name = from_bytes32(event["measure"])
    status = {
        "MeasureCountersigned": ReportStatus.FINAL,
        "MeasureDisputed": ReportStatus.DISPUTED,
    }.get(event.name)
    if status is None:
        measures = of.version(event["period"]).terms.measures
        by_agent = any(each.name == name and not each.countersigner for each in measures)
        status = ReportStatus.FINAL if by_agent else ReportStatus.REPORTED
    of.reports[event["period"], name] = Report(status, event["value"], place)

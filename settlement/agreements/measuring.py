"""Measures of a period: reported, countersigned, disputed.

What stands already is not sent again and is no error, so that each can be repeated.
"""

from __future__ import annotations

from ledger.chain import Receipt
from ledger.clients.revenue_sharing import ReportStatus
from ledger.terms import Measure
from settlement.agreements.desk import Desk, Named
from settlement.agreements.errors import MeasureStands, NotTheirs
from settlement.agreements.facts import Report
from settlement.errors import NameUnknown


def report(desk: Desk, named: Named, measure: str, value: int, period: str, by: str) -> Receipt | None:
    """Report a measure of a period that is over; None where just that stands. Raises NotTheirs,
    MeasureStands, NameUnknown and PeriodUnknown.
    """
    first, found = _measure(desk, named, measure, period)
    _only(desk, named, by, (found.reporter,), f"report {measure}")
    stands = _standing(named, first, measure)
    if stands.status in (ReportStatus.REPORTED, ReportStatus.FINAL):
        if stands.value == value:
            return None
        reason = f"{stands.value:,} was reported"
        if stands.status is ReportStatus.REPORTED:
            other = desk.names[found.countersigner]
            reason += f"; {other} can dispute it, and then it can be reported again"
        else:
            reason += " and is final"
        raise MeasureStands(named.name, measure, period, reason)
    return desk.revenue.report(desk.signer(by), named.agreement_id, first, measure, value)


def countersign(desk: Desk, named: Named, measure: str, value: int, period: str, by: str) -> Receipt | None:
    """Agree to what was reported; None where it is final. Raises as `report` does."""
    first, stands = _to_countersign(desk, named, measure, period, by, "countersign")
    if stands.status in (ReportStatus.NONE, ReportStatus.DISPUTED):
        raise MeasureStands(named.name, measure, period, _not_reported(desk, named, measure, first, stands))
    if stands.value != value:
        reason = f"{stands.value:,} was reported, not {value:,}; countersign that, or dispute it"
        if stands.status is ReportStatus.FINAL:
            reason = f"{stands.value:,} was countersigned and is final"
        raise MeasureStands(named.name, measure, period, reason)
    if stands.status is ReportStatus.FINAL:
        return None
    return desk.revenue.countersign(desk.signer(by), named.agreement_id, first, measure, value)


def dispute(desk: Desk, named: Named, measure: str, period: str, by: str) -> Receipt | None:
    """Do not agree to what was reported; None where it is disputed. Raises as `report` does."""
    first, stands = _to_countersign(desk, named, measure, period, by, "dispute")
    if stands.status is ReportStatus.DISPUTED:
        return None
    if stands.status is ReportStatus.NONE:
        raise MeasureStands(named.name, measure, period, _not_reported(desk, named, measure, first, stands))
    if stands.status is ReportStatus.FINAL:
        raise MeasureStands(named.name, measure, period, f"{stands.value:,} is final")
    return desk.revenue.dispute(desk.signer(by), named.agreement_id, first, measure)


def _measure(desk: Desk, named: Named, measure: str, text: str) -> tuple[int, Measure]:
    period, version = desk.ended(named, text)
    known = {each.name: each for each in version.terms.measures}
    if measure not in known:
        raise NameUnknown("measure", measure, list(known) or ["none"], f"of {named.name}")
    return period, known[measure]


def _to_countersign(
    desk: Desk, named: Named, measure: str, text: str, by: str, what: str
) -> tuple[int, Report]:
    period, found = _measure(desk, named, measure, text)
    if not found.countersigner:
        desk.institution(by)
        agent = desk.names[found.reporter]
        raise MeasureStands(named.name, measure, text, f"nobody has to {what} what {agent} reports")
    _only(desk, named, by, (found.countersigner,), f"{what} {measure}")
    return period, _standing(named, period, measure)


def _standing(named: Named, period: int, measure: str) -> Report:
    return named.of.reports.get((period, measure)) or Report(ReportStatus.NONE, 0, 0)


def _not_reported(desk: Desk, named: Named, measure: str, period: int, stands: Report) -> str:
    terms = named.of.version(period).terms
    reporter = next(desk.names[each.reporter] for each in terms.measures if each.name == measure)
    if stands.status is ReportStatus.DISPUTED:
        return f"{stands.value:,} was disputed; {reporter} has to report it again"
    return f"{reporter} has not reported it yet"


def _only(desk: Desk, named: Named, by: str, whose: tuple[int, ...], what: str) -> None:
    if desk.institution(by) not in whose:
        raise NotTheirs(named.name, by, what, [desk.names[each] for each in whose])

"""What an agreement does not allow, or cannot give yet; the tree is in `settlement.errors`."""

from __future__ import annotations

from collections.abc import Sequence

from settlement.errors import SettlementError


class SharingRefused(SettlementError):
    """The `agreement` ("payer/name") does not allow what was asked, for a `reason`."""

    def __init__(self, agreement: str, reason: str) -> None:
        super().__init__(f"agreement {agreement}: {reason}")
        self.agreement = agreement
        self.reason = reason


class PeriodUnknown(SharingRefused):
    """`period`, as people write it, is none of the agreement's, or not one that is over or has begun."""

    def __init__(self, agreement: str, period: str, reason: str) -> None:
        super().__init__(agreement, f"period {period}: {reason}")
        self.period = period


class NotTheirs(SharingRefused):
    """`institution` asked for what is `others` to do: `what`, as "report USERS"."""

    def __init__(self, agreement: str, institution: str, what: str, others: Sequence[str]) -> None:
        super().__init__(agreement, f"it is not {institution}'s to {what}, but {' or '.join(others)}'s")
        self.institution = institution
        self.what = what
        self.others = tuple(others)


class MeasureStands(SharingRefused):
    """A measure of a period stands so that it cannot be reported, countersigned or disputed as asked."""

    def __init__(self, agreement: str, measure: str, period: str, reason: str) -> None:
        super().__init__(agreement, f"{measure} of {period}: {reason}")
        self.measure = measure
        self.period = period


class MeasureMissing(SettlementError):
    """A line of an agreement cannot be computed before `measure` of `period` (its first month, year * 12 +
    month - 1) is final."""

    transient = True

    def __init__(self, measure: str, period: int) -> None:
        super().__init__(f"{measure} of the period from {period // 12}-{period % 12 + 1:02} is not final yet")
        self.measure = measure
        self.period = period

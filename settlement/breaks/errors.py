"""What cannot be done with a break that is kept; the tree is in `settlement.errors`."""

from __future__ import annotations

from settlement.errors import SettlementError


class BreakRefused(SettlementError):
    """With the break `id`, as "B-12", something cannot be done, for a `reason`."""

    def __init__(self, id: str, reason: str) -> None:
        super().__init__(f"break {id}: {reason}")
        self.id = id
        self.reason = reason


class BreakUnknown(BreakRefused):
    """No break is called `id`; `count` are kept."""

    def __init__(self, id: str, count: int) -> None:
        there = (
            f"there are B-1 to B-{count}" if count else "none is kept yet; `clearing reconcile` finds them"
        )
        super().__init__(id, f"there is none of that name; {there}")
        self.count = count


class BreakClosed(BreakRefused):
    """The break is closed."""

    def __init__(self, id: str) -> None:
        super().__init__(id, "is closed; it opens again by itself where the books differ again")


class BreakPending(BreakRefused):
    """The other side's cut-off has not come: there is nothing to mend or to accept yet."""

    def __init__(self, id: str) -> None:
        super().__init__(id, "only waits for the other side, whose cut-off has not come")


class SamePerson(BreakRefused):
    """`person` would approve what they have proposed themselves."""

    def __init__(self, id: str, person: str) -> None:
        super().__init__(id, f"was proposed by {person}; another person has to approve it")
        self.person = person


class NothingProposed(BreakRefused):
    """Nothing waits for an approval."""


class CorrectionInvalid(BreakRefused):
    """An entry that could correct nothing; `field` says which part of it."""

    def __init__(self, id: str, field: str, reason: str) -> None:
        super().__init__(id, f"{field}: {reason}")
        self.field = field

"""What a run of the reconciliation means for the breaks that are kept: which are new, changed, back, gone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from settlement.breaks.codec import break_to, substance, text_of
from settlement.breaks.covered import Covered
from settlement.breaks.events import Draft
from settlement.breaks.standing import AGREED, BY_ITSELF, CORRECTED, Case
from settlement.reconciliation.model import Break, Result

Place = tuple[str, str, date | None, str]
"""Institution, level, trading day, subject. With its sides it is what a break is known by."""


def drafts(cases: Mapping[int, Case], result: Result, covered: Sequence[Covered]) -> list[Draft]:
    """The events that a result adds; none where everything is kept already as it is."""
    kept: dict[Place, list[Case]] = {}
    for case in cases.values():
        kept.setdefault(place_of(case.found), []).append(case)
    found: dict[Place, list[_Found]] = {}
    for breaks, pending in ((result.breaks, False), (result.pending, True)):
        for one in breaks:
            found.setdefault(place_of(one), []).append(_Found(one, pending))
    added: list[Draft] = []
    next_number = max(cases, default=0) + 1
    for place, there in found.items():
        # Whatever the order in which they were found, the same is written.
        there.sort(key=lambda each: (each.text, each.pending))
        pairs = _paired(there, kept.get(place, []), covered)
        for each, same in zip(there, pairs, strict=True):
            if same is None:
                body = {"break": each.body, "cycle": _cycle(None, each.found, covered)}
                added.append((next_number, "pending" if each.pending else "opened", BY_ITSELF, body))
                next_number += 1
            else:
                added += _again(same, each, covered)
        kept[place] = [case for case in kept.get(place, []) if case not in pairs]
    for case in (case for rest in kept.values() for case in rest):
        if case.status != "closed" and _covers(covered, case):
            why = CORRECTED if case.approved else AGREED
            added.append((case.number, "closed", BY_ITSELF, {"why": why}))
    return added


class _Found:
    """A break of a result, pending or not."""

    def __init__(self, found: Break, pending: bool) -> None:
        self.found = found
        self.pending = pending
        self.body = break_to(found)
        self.substance = substance(self.body)
        self.text = text_of(self.body)


def place_of(each: Break) -> Place:
    """What, besides its sides, a break is known by."""
    return each.institution, each.level, each.trading_day, each.subject


def _paired(found: Sequence[_Found], kept: Iterable[Case], covered: Sequence[Covered]) -> list[Case | None]:
    """For each that was found the one that is kept of it, each used once; what is nearest first.

    Of one trade there may be several at once, and sides may have joined since: a bank's statement is held
    against what only a book and the ledger were before.
    """
    left = sorted(kept, key=lambda case: (case.status == "closed", case.number))
    pairs: list[Case | None] = [None] * len(found)

    def same_sides(each: _Found, case: Case) -> bool:
        return set(each.found.sides) == set(case.found.sides)

    def pair(fits: Callable[[_Found, Case], bool]) -> None:
        for i, each in enumerate(found):
            if pairs[i] is None and left:
                case = next((case for case in left if fits(each, case)), None)
                if case is not None:
                    pairs[i] = case
                    left.remove(case)

    pair(lambda each, case: same_sides(each, case) and each.substance == case.substance)
    for is_closed in (False, True):
        for by_kind in (True, False):
            pair(
                lambda each, case, is_closed=is_closed, by_kind=by_kind: (  # type: ignore[misc]
                    same_sides(each, case)
                    and (case.status == "closed") == is_closed
                    and (not by_kind or each.found.kind == case.found.kind)
                )
            )
    pair(lambda each, case: _joined(each.found, case, covered))
    return pairs


def _joined(each: Break, case: Case, covered: Sequence[Covered]) -> bool:
    sides, before = set(each.sides), set(case.found.sides)
    return case.status != "closed" and (sides < before or before < sides) and _covers(covered, case)


def _again(case: Case, each: _Found, covered: Sequence[Covered]) -> list[Draft]:
    """What is written of a break that is kept and was found again."""
    cycle = _cycle(case, each.found, covered)
    body: dict[str, Any] = {"break": each.body, "cycle": cycle}
    same = each.substance == case.substance
    if case.status == "closed":
        if case.accepted and same and not each.pending:
            return []
        return [(case.number, "pending" if each.pending else "reopened", BY_ITSELF, body)]
    if each.pending != (case.status == "pending"):
        return [(case.number, "pending" if each.pending else "opened", BY_ITSELF, body)]
    if not same and not each.pending:
        return [(case.number, "changed", BY_ITSELF, body)]
    added: list[Draft] = []
    if case.text != each.text or case.cycle != cycle:
        added.append((case.number, "updated", BY_ITSELF, body))
    if case.approved and _covers(covered, case):
        why = "it is there as before although the correction is in force"
        added.append((case.number, "rejected", BY_ITSELF, {"why": why}))
    return added


def _covers(covered: Sequence[Covered], case: Case) -> bool:
    return any(each.has(case.found, case.cycle) for each in covered)


def _cycle(case: Case | None, found: Break, covered: Sequence[Covered]) -> int | None:
    """The cycle that a break was found in last; a run over all of them does not say."""
    before = case.cycle if case else None
    of_run = next((each.cycle for each in covered if each.cycle is not None), None)
    if of_run is None or before is None:
        return of_run if before is None else before
    return max(before, of_run) if found.level != "trade" else of_run

"""How much of what was planted was found, whether anything else was, and whether it got its right name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from planting.bed import Planted

PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class Score:
    """Exact counts, which add up over books."""

    planted: int = 0
    found: int = 0
    """Breaks reported, planted or not."""
    right: int = 0
    """Breaks planted that were reported, each by one report."""
    named: int = 0
    """Of those, the ones whose kind is the planted one."""
    valued: int = 0
    """Of those, the ones with exactly the fields and values planted."""
    missed: tuple[Planted, ...] = ()
    spurious: tuple[Mapping[str, Any], ...] = ()
    misnamed: tuple[tuple[Planted, Mapping[str, Any]], ...] = ()
    """Found under another kind, or with other fields."""

    def __add__(self, other: Score) -> Score:
        return Score(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    @property
    def recall_ppm(self) -> int:
        """Of what was planted, rounded down."""
        return self.right * PPM // self.planted if self.planted else PPM

    @property
    def precision_ppm(self) -> int:
        """Of what was found, rounded down."""
        return self.right * PPM // self.found if self.found else PPM

    @property
    def named_ppm(self) -> int:
        """Of what was rightly found, rounded down."""
        return self.named * PPM // self.right if self.right else PPM


def score(truth: Sequence[Planted], found: Iterable[Mapping[str, Any]]) -> Score:
    """Hold reports against the truth, each used once.

    A report has `institution`, `level`, `kind` and `trade` (or, on other levels, `subject`), and may have
    `fields`: name → (here, there). Where several reports speak of one planted break, the one of its kind
    counts first.
    """
    reports = list(found)
    left = list(range(len(reports)))
    missed, misnamed = [], []
    named = valued = 0
    waiting: list[Planted] = []
    pairs: list[tuple[Planted, Mapping[str, Any]]] = []
    for each in truth:
        at = next((i for i in left if _speaks(reports[i], each) and reports[i]["kind"] == each.kind), None)
        if at is None:
            waiting.append(each)
        else:
            left.remove(at)
            pairs.append((each, reports[at]))
    for each in waiting:
        at = next((i for i in left if _speaks(reports[i], each)), None)
        if at is None:
            missed.append(each)
        else:
            left.remove(at)
            pairs.append((each, reports[at]))
    for each, report in pairs:
        kind = report["kind"] == each.kind
        fields = not each.fields or "fields" not in report or dict(report["fields"]) == dict(each.fields)
        named += kind
        valued += fields
        if not kind or not fields:
            misnamed.append((each, report))
    return Score(
        planted=len(truth),
        found=len(reports),
        right=len(pairs),
        named=named,
        valued=valued,
        missed=tuple(missed),
        spurious=tuple(reports[i] for i in left),
        misnamed=tuple(misnamed),
    )


def _speaks(report: Mapping[str, Any], each: Planted) -> bool:
    """Whether a report is of what was planted, whatever it calls it."""
    name = report.get("trade") or report.get("subject")
    return (report["institution"], report["level"]) == (each.institution, each.level) and name in each.names

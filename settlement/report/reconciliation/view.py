"""What a reconciliation report is made from, and the sums and the order that its forms have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Self

from settlement.reconciliation.model import Break, Compared, Level, Refused, Result
from settlement.reconciliation.units import field_words, price, whole_number
from settlement.report.layout import Money, plural
from settlement.report.vocabulary import LEVELS
from settlement.report.wording import plain

FIRST = 5
"""Steps of what to do first, besides the oldest."""
NO_AGE = "not said"
_IN_MONEY = {"amount", "commission", "levy"}
_SHOWN = {"source", "side", "institution", "format", "rows", "tolerances"}
_BESIDES = {"others": "{:,} rows of others left alone", "cut_off": "cut-off {} UTC"}


@dataclass(frozen=True, slots=True)
class Item:
    """A break with what is kept of it besides; a break of a run that nothing is kept of has none of it."""

    found: Break
    id: str | None = None
    status: str | None = None
    """open, proposed or closed."""
    first_seen: date | None = None
    age: str | None = None
    """The bucket, in words."""
    owner: str | None = None
    days: int | None = None
    """The age, in business days."""

    @property
    def since(self) -> date | None:
        """How far back it goes: to its trading day, or to when it was first seen."""
        known = [day for day in (self.first_seen, self.found.trading_day) if day is not None]
        return min(known, default=None)


@dataclass(frozen=True, slots=True)
class View:
    """All that a report says."""

    ledger: str
    head: str
    """Hash of the newest final block, as text."""
    block: int
    """Its number."""
    scope: str
    """In words: "cycle 3", "2019-11-21", "everything"."""
    money: Money
    made: datetime
    """When; the same view makes the same report, to the byte."""
    breaks: tuple[Item, ...]
    """Those that stand, open or proposed to be closed."""
    pending: tuple[Item, ...]
    """What only waits."""
    compared: Compared
    refused: tuple[Refused, ...] = ()
    sources: tuple[Mapping[str, object], ...] = ()
    accepted: int = 0
    """Differences that are left out, since two people have accepted them."""
    corrected: int = 0
    """Corrections in force that stood in for a source that is still wrong."""

    @classmethod
    def of(
        cls,
        result: Result,
        *,
        ledger: str,
        head: str,
        block: int,
        scope: str,
        money: Money,
        made: datetime,
        breaks: Iterable[Item] | None = None,
        pending: Iterable[Item] | None = None,
        accepted: int = 0,
        corrected: int = 0,
    ) -> Self:
        """What came of a run; `breaks` and `pending` in place of the run's where more of them is known."""
        return cls(
            ledger=ledger,
            head=head,
            block=block,
            scope=scope,
            money=money,
            made=made,
            breaks=tuple(map(Item, result.breaks) if breaks is None else breaks),
            pending=tuple(map(Item, result.pending) if pending is None else pending),
            compared=result.compared,
            refused=result.refused,
            sources=result.sources,
            accepted=accepted,
            corrected=corrected,
        )


@dataclass(frozen=True, slots=True)
class Sum:
    """So many breaks and what is at risk in them, minor units."""

    count: int
    at_risk: int


@dataclass(frozen=True, slots=True)
class Step:
    """What can be done at once: the breaks of one institution, of one kind and one proposed cause."""

    items: tuple[Item, ...]
    """The one with most at risk first."""
    at_risk: int

    @property
    def largest(self) -> Item:
        """The one with most at risk."""
        return self.items[0]

    @property
    def since(self) -> date | None:
        """How far back the oldest goes."""
        return oldest(self.items)


def at_risk(items: Iterable[Item]) -> int:
    """Minor units, exact."""
    return sum(int(each.found.value_at_risk) for each in items)


def oldest(items: Iterable[Item]) -> date | None:
    """How far back the oldest goes; None where none says."""
    return min((each.since for each in items if each.since is not None), default=None)


def ordered(items: Iterable[Item]) -> list[Item]:
    """Most at risk first, then the oldest, then by name: whatever the order they came in."""
    return sorted(items, key=_order)


def _order(item: Item) -> tuple[object, ...]:
    found = item.found
    where = (found.institution, found.level, found.subject, found.kind.value, found.lines, item.id or "")
    return -int(found.value_at_risk), item.since or date.max, where


def by_institution(items: Iterable[Item]) -> dict[str, list[Item]]:
    """The items of each institution, ordered; the one with most at risk first."""
    groups: dict[str, list[Item]] = {}
    for each in ordered(items):
        groups.setdefault(each.found.institution, []).append(each)
    return dict(sorted(groups.items(), key=lambda group: (-at_risk(group[1]), group[0])))


def by_level(items: Iterable[Item]) -> dict[Level, Sum]:
    """Sums by level, of the levels that have any."""
    sums = _sums(items, lambda each: each.found.level)
    return {level: sums[level] for level in LEVELS if level in sums}


def by_age(items: Iterable[Item]) -> dict[str, Sum]:
    """Sums by age bucket, the youngest first; of nothing where nobody said how old any is."""
    items = list(items)
    if all(each.age is None for each in items):
        return {}
    sums = _sums(items, _age)
    begin: dict[str, date] = {}
    for each in items:
        begin[_age(each)] = min(begin.get(_age(each), date.max), each.since or date.max)
    return {age: sums[age] for age in sorted(sums, key=lambda age: (begin[age], age), reverse=True)}


def _age(item: Item) -> str:
    return item.age or NO_AGE


def _sums(items: Iterable[Item], key: Callable[[Item], str]) -> dict[str, Sum]:
    counts: dict[str, list[int]] = {}
    for each in items:
        counts.setdefault(key(each), []).append(int(each.found.value_at_risk))
    return {name: Sum(len(values), sum(values)) for name, values in counts.items()}


def first_steps(items: Iterable[Item]) -> list[Step]:
    """What to do first: where most is at risk, and what is oldest."""
    groups: dict[tuple[str, ...], list[Item]] = {}
    for each in ordered(items):
        found = each.found
        code = found.causes[0].code if found.causes else ""
        groups.setdefault((found.institution, found.level, found.kind.value, code), []).append(each)
    steps = [Step(tuple(group), at_risk(group)) for group in groups.values()]
    steps.sort(key=lambda step: (-step.at_risk, step.since or date.max))
    chosen, rest = steps[:FIRST], steps[FIRST:]
    waits = [step for step in rest if step.since is not None]
    if waits:
        old = min(waits, key=lambda step: step.since or date.max)
        begins = min((step.since for step in chosen if step.since is not None), default=date.max)
        if old.since is not None and old.since < begins:
            chosen.append(old)
    return chosen


def about(view: View) -> str:
    """What was reconciled: "everything in L", "cycle 3 in L"."""
    return f"{plain(view.scope)} in {plain(view.ledger)}"


def headline(view: View) -> str:
    """What is wrong and how much is at stake, in a line."""
    if view.breaks:
        return f"{plural(len(view.breaks), 'break')}, {view.money.amount(at_risk(view.breaks))} at risk"
    if not any_compared(view):
        return "Nothing was compared"
    return "No breaks"


def state(view: View) -> Literal["good", "bad", "unsure"]:
    """Whether all is well, something is wrong, or nobody can say."""
    if view.breaks:
        return "bad"
    return "good" if any_compared(view) and not view.refused else "unsure"


def any_compared(view: View) -> bool:
    """Whether anything was held against the ledger: without it, no break says nothing."""
    return view.compared != Compared() and view.compared != Compared(books=view.compared.books)


def notes(view: View) -> list[str]:
    """What has to be known beside the headline, each in a sentence."""
    said = []
    whole = [each for each in view.refused if not each.line]
    rows = len(view.refused) - len(whole)
    if whole:
        names = ", ".join(plain(each.source) for each in whole[:3])
        more = f" and {len(whole) - 3:,} more" if len(whole) > 3 else ""
        said.append(
            f"{plural(len(whole), 'source')} could not be read and {_was(len(whole))} not compared:"
            f" {names}{more}."
        )
    if rows:
        said.append(f"{plural(rows, 'row')} could not be read and {_was(rows)} left out.")
    if view.pending:
        value = view.money.amount(at_risk(view.pending))
        said.append(
            f"{plural(len(view.pending), 'entry', 'entries')} only {_wait(len(view.pending))} ({value}):"
            f" the cut-off of the side that lacks {'it' if len(view.pending) == 1 else 'them'} has not come."
        )
    proposed = sum(each.status == "proposed" for each in view.breaks)
    if proposed:
        said.append(f"{plural(proposed, 'break')} {_wait(proposed)} for a second person to approve.")
    if view.corrected:
        applied = plural(view.corrected, "correction")
        said.append(f"{applied} in force {_was(view.corrected)} applied where the source is still wrong.")
    if view.accepted:
        left_out = plural(view.accepted, "difference")
        said.append(f"{left_out} that two people have accepted {_was(view.accepted)} left out.")
    return said


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


def _wait(count: int) -> str:
    return "waits" if count == 1 else "wait"


def when(view: View) -> str:
    """When the report was made, to the minute."""
    said = view.made.isoformat(sep=" ", timespec="minutes")
    return said.removesuffix("+00:00") + " UTC" if said.endswith("+00:00") else said


def _tolerance_words(tolerances: object, money: Money) -> str:
    """By how much fields of a source may differ, in words: "to the unit" where by nothing."""
    if not isinstance(tolerances, Mapping) or not tolerances:
        return "to the unit"
    return ", ".join(f"{field_words(name)} ±{_by(name, value, money)}" for name, value in tolerances.items())


def _by(name: str, value: int, money: Money) -> str:
    if name in _IN_MONEY:
        return money.amount(value)
    if name == "price":
        return price(value, money.exponent)
    return f"{value} seconds" if name == "time" else f"{value:,}"


def source_cells(
    source: Mapping[str, object], money: Money
) -> tuple[str, str, str, str, int | None, str, str]:
    """A source's name, side, institution ("all" where it is of many), format, rows, tolerances, and what else
    there is to say of it.
    """
    rows = whole_number(source.get("rows"))
    besides = {name: value for name, value in source.items() if name not in _SHOWN and value}
    more = (
        _BESIDES[name].format(value) if name in _BESIDES else f"{name.replace('_', ' ')} {value}"
        for name, value in besides.items()
    )
    return (
        plain(str(source.get("source", ""))),
        plain(str(source.get("side", ""))),
        plain(str(source.get("institution") or "all")),
        plain(str(source.get("format", ""))),
        rows,
        _tolerance_words(source.get("tolerances"), money),
        plain("; ".join(more)),
    )

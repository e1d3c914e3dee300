"""Book, ledger and statement together: who stands alone where two of them agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from ledger.ids import day_number
from settlement.reconciliation.entries import Entries
from settlement.reconciliation.model import Break, Level, Side, Values

_Where = tuple[str, Level]
"""Institution and level."""
Keys = npt.NDArray[np.int64]
"""Trading day and number of trades, each in one number."""


def key_of(day: int, number: int) -> int:
    """The key of one trade."""
    return day << 32 | number


def keys_of(entries: Entries) -> Keys:
    """The keys of entries, rising."""
    keys: Keys = np.sort(entries.day.astype(np.int64) << 32 | entries.number)
    return keys


def has(keys: Keys, key: int) -> bool:
    """Whether rising keys have this one."""
    place = int(np.searchsorted(keys, key))
    return place < len(keys) and int(keys[place]) == key


@dataclass(slots=True)
class Seen:
    """Which sides were held against the ledger, and on what."""

    of: dict[_Where, dict[Side, set[Hashable]]] = field(default_factory=lambda: defaultdict(dict))
    numbers: dict[str, dict[Side, Keys]] = field(default_factory=lambda: defaultdict(dict))
    """Institution → side → the keys of its trades, rising."""

    def trades(self, institution: str, side: Side, keys: Keys) -> None:
        """Trades of an institution, by their keys, rising."""
        self.numbers[institution][side] = keys

    def balance(self, institution: str, side: Side, place: tuple[Level, str]) -> None:
        """A balance."""
        level, asset = place
        self.of[institution, level].setdefault(side, set()).add(asset)

    def others(self, each: Break) -> Iterable[Side]:
        """The sides besides the one of a break that were held against the ledger there, too."""
        if each.level != "trade":
            sides = self.of.get((each.institution, each.level), {})
            return [side for side, keys in sides.items() if side != each.sides[0] and each.subject in keys]
        if each.trading_day is None or not each.numbers:
            return []
        key = key_of(day_number(each.trading_day), each.numbers[0])
        there = self.numbers.get(each.institution, {})
        return [side for side, keys in there.items() if side != each.sides[0] and has(keys, key)]


def merged(found: Iterable[Break], seen: Seen) -> list[Break]:
    """Breaks of two sides each, made one where two sides say the same against the ledger; each with what the
    third side has, and who stands alone.
    """
    groups: dict[Hashable, list[Break]] = defaultdict(list)
    for each in found:
        subject = each.numbers or each.subject
        groups[each.institution, each.level, each.trading_day, subject].append(each)
    return [one for group in groups.values() for one in _together(group, seen)]


def _together(group: list[Break], seen: Seen) -> Iterable[Break]:
    left = list(group)
    while left:
        each = left.pop(0)
        odd: Side | None = None
        fields: dict[str, Values] = {name: dict(values) for name, values in each.fields.items()}
        for side in seen.others(each):
            theirs = next((other for other in group if other.sides[0] == side), None)
            for name, values in fields.items():
                said = theirs.fields.get(name, {}) if theirs else {}
                fields[name] = {**values, side: said.get(side, values.get("ledger"))}
            if theirs is None:
                odd = each.sides[0]
            elif _agree(each, theirs):
                odd = "ledger"
                left = [other for other in left if other is not theirs]
        yield replace(each, fields=fields, odd=odd)


def _agree(one: Break, other: Break) -> bool:
    mine, theirs = one.sides[0], other.sides[0]
    shared = one.fields.keys() & other.fields.keys()
    same = all(one.fields[name].get(mine) == other.fields[name].get(theirs) for name in shared)
    return one.kind == other.kind and bool(shared) and same

"""What a book says now beside what was signed of it.

Books are compared by their leaves, so whatever is part of the root is compared, and nothing else is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from settlement.attesting.kept import SignedBook
from settlement.attesting.leaves import decode, leaves, of_entries
from settlement.reconciliation.entries import Entries
from settlement.reconciliation.model import NAMED, Level
from settlement.sources import Balance

ENTRY = "entry"
"""The field of a change in which a whole entry or balance came or went: all fields on one side, None on the
other.
"""
_BALANCE = ("opening", "movements", "closing")
Fields = dict[str, Any]
_Keys = Sequence[Callable[[Fields], object]]
_KEYS: _Keys = (
    lambda said: (said["trading_day"], said["trade_number"]) if said["trade_number"] is not None else None,
    lambda said: said["trade_number"],
    lambda said: tuple(value for name, value in said.items() if name not in ("trade_number", "leaf")),
)
_BALANCE_KEYS: _Keys = (lambda said: (said["level"], said["holder"], said["asset"], said["day"]),)


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between a signed book and the book as it is now."""

    level: Level
    trade: str
    """As its source names it; of a balance "HOLDER ASSET"."""
    field: str
    """Of a trade as in `settlement.reconciliation.model.NAMED`, or `trade_number`; of a balance `opening`,
    `movements` or `closing`; or ENTRY."""
    signed: object
    present: object


def changed(kept: SignedBook, entries: Entries, balances: Sequence[Balance] = ()) -> list[Change]:
    """What differs between the book that was signed and what it is now, trades first; none where the roots
    are the same.
    """
    return differences(kept.entries, entries, kept.balances, balances)


def differences(
    before: Entries,
    after: Entries,
    balances_before: Sequence[Balance] = (),
    balances_after: Sequence[Balance] = (),
) -> list[Change]:
    """What differs between two states of a book; `signed` is of the one before."""
    signed, present = Counter(leaves(before, balances_before)), Counter(leaves(after, balances_after))
    gone = [decode(leaf) | {"leaf": leaf} for leaf in sorted((signed - present).elements())]
    come = [decode(leaf) | {"leaf": leaf} for leaf in sorted((present - signed).elements())]
    names = {**_names(after, come), **_names(before, gone)}
    found: list[Change] = []
    for trades, keys in ((True, _KEYS), (False, _BALANCE_KEYS)):
        mine = [said for said in gone if (said["level"] == "trade") is trades]
        theirs = [said for said in come if (said["level"] == "trade") is trades]
        for one, other in _paired(mine, theirs, keys):
            found += _differing(names, one, other)
    return found


def _names(entries: Entries, wanted: Sequence[Fields]) -> Mapping[bytes, str]:
    """Leaf → the name of its entry, of those that are wanted."""
    leaves_wanted = {said["leaf"] for said in wanted}
    if not leaves_wanted:
        return {}
    rows = enumerate(of_entries(entries))
    return {leaf: entries.name(row) for row, leaf in rows if leaf in leaves_wanted}


def _paired(
    gone: Sequence[Fields], come: Sequence[Fields], keys: _Keys
) -> Iterator[tuple[Fields | None, Fields | None]]:
    """What went with what came under the same key, by the first key that finds anything; then the rest."""
    left, right = list(gone), list(come)
    for key in keys:
        there: dict[object, list[Fields]] = {}
        for after in reversed(right):
            there.setdefault(key(after), []).append(after)
        there.pop(None, None)
        alone = []
        for before in left:
            if there.get(key(before)):
                yield before, there[key(before)].pop()
            else:
                alone.append(before)
        left, waiting = alone, {id(after) for some in there.values() for after in some}
        right = [after for after in right if key(after) is None or id(after) in waiting]
    yield from ((before, None) for before in left)
    yield from ((None, after) for after in right)


def _differing(names: Mapping[bytes, str], before: Fields | None, after: Fields | None) -> Iterator[Change]:
    one = before or after or {}
    name = names.get(one["leaf"]) or f"{one['holder']} {one['asset']}"
    if before is None or after is None:
        yield Change(one["level"], name, ENTRY, _shown(before), _shown(after))
        return
    fields = ("trade_number", *NAMED) if one["level"] == "trade" else _BALANCE
    for field in fields:
        if before[field] != after[field]:
            yield Change(one["level"], name, field, before[field], after[field])


def _shown(said: Fields | None) -> Fields | None:
    return None if said is None else {name: value for name, value in said.items() if name != "leaf"}

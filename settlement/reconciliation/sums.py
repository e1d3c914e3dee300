"""Which entries come exactly to another, and which of several such explanations hold at once.

Both questions are hard in general, so both have a budget; beyond it the answer is None, "cannot be told",
never a guess.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice, product
from typing import TypeVar

STATES = 20_000
"""Picks from half of the entries looked at for one whole: about 20 ms. Whatever they are, 28 entries stay
within it."""
WAYS = 16
"""Ways to come to one whole that are told apart; where there are more, none is preferred."""
CHOICES = 20_000
"""Combinations of explanations looked at among entries that they share."""

Item = tuple[int, int, int]
"""Quantity and amount of a kind of entries that say the same, and how many there are."""
Way = tuple[int, ...]
"""How many of each kind."""
K = TypeVar("K")


def subsets(items: Sequence[Item], whole: tuple[int, int], least: int) -> list[Way] | None:
    """All ways to pick at least `least` entries that come to `whole` in quantity and in amount, exactly; None
    where there are more than WAYS, or more than STATES picks from either half of the items.

    Entries without a positive quantity, or with a negative amount, are no parts.
    """
    usable = [place for place, (q, a, _) in enumerate(items) if 0 < q <= whole[0] and 0 <= a <= whole[1]]
    # Every other one, so that large and small are in both halves.
    halves = usable[::2], usable[1::2]
    sums = [_picks([items[place] for place in half], whole) for half in halves]
    if sums[0] is None or sums[1] is None:
        return None
    found: list[Way] = []
    for (quantity, amount), ways in sums[0].items():
        for way, other in product(ways, sums[1].get((whole[0] - quantity, whole[1] - amount), ())):
            if sum(way) + sum(other) >= least:
                counts = dict(zip((*halves[0], *halves[1]), (*way, *other), strict=True))
                found.append(tuple(counts.get(place, 0) for place in range(len(items))))
                if len(found) > WAYS:
                    return None
    return sorted(found)


def _picks(items: Sequence[Item], most: tuple[int, int]) -> dict[tuple[int, int], list[Way]] | None:
    """Every pick of the items that comes to no more than `most`, by what it comes to."""
    picks: list[tuple[int, int, Way]] = [(0, 0, ())]
    for q, a, n in items:
        more = (
            (quantity + count * q, amount + count * a, (*way, count))
            for quantity, amount, way in picks
            for count in range(min(n, (most[0] - quantity) // q) + 1)
            if amount + count * a <= most[1]
        )
        picks = list(islice(more, STATES + 1))
        if len(picks) > STATES:
            return None
    found: dict[tuple[int, int], list[Way]] = {}
    for quantity, amount, way in picks:
        found.setdefault((quantity, amount), []).append(way)
    return found


Option = Mapping[K, int]
"""What an explanation uses: entries of a kind → how many."""


def choose(
    wholes: Sequence[tuple[K, Sequence[Option[K]]]], there_are: Mapping[K, int]
) -> list[tuple[int, list[int]]]:
    """For each whole (its kind, and the ways to explain it) the way that it has in every selection that
    explains as many as possible with nothing used twice, as its place or -1; and the ways that it has in some
    of these selections only. Where there are more than CHOICES selections to look at, any way is only of
    some.

    Wholes of one kind have the same ways and are interchangeable: selections that differ only in which of
    them has which way are the same.
    """
    best: list[tuple[int, ...]] = []
    most, left = 0, CHOICES
    used: Counter[K] = Counter()
    taken: list[int] = []

    def search(at: int, explained: int) -> None:
        nonlocal most, left
        left -= 1
        if left < 0 or explained + len(wholes) - at < most:
            return
        if at == len(wholes):
            if explained > most:
                best.clear()
                most = explained
            best.append(tuple(taken))
            return
        for place, option in enumerate(wholes[at][1]):
            if all(used[kind] + count <= there_are[kind] for kind, count in option.items()):
                used.update(option)
                taken.append(place)
                search(at + 1, explained + 1)
                taken.pop()
                used.subtract(option)
        taken.append(-1)
        search(at + 1, explained)
        taken.pop()

    search(0, 0)
    if left < 0:
        return [(-1, [*range(len(options))]) for _, options in wholes]
    counted = [Counter((wholes[i][0], place) for i, place in enumerate(one) if place >= 0) for one in best]
    always, ever = counted[0], counted[0]
    for other in counted[1:]:
        always, ever = always & other, ever | other
    some = ever - always
    firm = []
    for kind, options in wholes:
        place = next((p for p in range(len(options)) if always[kind, p] > 0), -1)
        always[kind, place] -= place >= 0
        firm.append((place, [p for p in range(len(options)) if some[kind, p] > 0] if place < 0 else []))
    return firm

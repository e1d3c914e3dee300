"""Which entries come exactly to another, and which of several such explanations hold at once.

Both questions are hard in general, so both have a budget; beyond it the answer is None, "cannot be told",
never a guess.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeVar

STATES = 20_000
"""Partial sums looked at for one whole: about 20 ms. Forty entries of distinct quantities below a million
stay within it mostly; 20 always do not, but then many subsets fit and nothing could be told anyway."""
WAYS = 16
"""Ways to come to one whole that are told apart; where there are more, none is preferred."""
CHOICES = 20_000
"""Combinations of explanations looked at among entries that they share."""

MANY = 200
"""Kinds of entries among which sums are looked for."""

Item = tuple[int, int, int]
"""Quantity and amount of a kind of entries that say the same, and how many there are."""
Way = tuple[int, ...]
"""How many of each kind."""
K = TypeVar("K")


def subsets(items: Sequence[Item], whole: tuple[int, int], least: int) -> list[Way] | None:
    """All ways to pick at least `least` entries that come to `whole` in quantity and in amount, exactly; None
    where there are more than WAYS or more than STATES partial sums.

    Entries without a positive quantity, or with a negative amount, are no parts.
    """
    if len(items) > MANY:
        return None
    target, left = whole, STATES
    usable = [(q, a, n if q > 0 and a >= 0 else 0) for q, a, n in items]
    room = [(0, 0)]
    for q, a, n in reversed(usable):
        room.append((room[-1][0] + q * n, room[-1][1] + a * n))
    room.reverse()
    layers: list[set[tuple[int, int]]] = [{(0, 0)}]
    for (q, a, n), (more, much) in zip(usable, room[1:], strict=True):
        layer = set()
        for quantity, amount in layers[-1]:
            for count in range(n + 1):
                here = quantity + count * q, amount + count * a
                if here[0] > target[0] or here[1] > target[1]:
                    break
                left -= 1
                if here[0] + more >= target[0] and here[1] + much >= target[1]:
                    layer.add(here)
        if left < 0:
            return None
        layers.append(layer)
    found: list[Way] = []
    if target in layers[-1] and not _back(usable, layers, target, (), found, least):
        return None
    return sorted(found)


def _back(
    items: Sequence[Item],
    layers: Sequence[set[tuple[int, int]]],
    at: tuple[int, int],
    way: Way,
    found: list[Way],
    least: int,
) -> bool:
    """Follow the partial sums back from `at`; False once there are too many ways."""
    level = len(items) - len(way)
    if level == 0:
        if sum(way) >= least:
            found.append(way)
        return len(found) <= WAYS
    quantity, amount, many = items[level - 1]
    for count in range(many + 1):
        before = at[0] - count * quantity, at[1] - count * amount
        if before in layers[level - 1] and not _back(items, layers, before, (count, *way), found, least):
            return False
    return True


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

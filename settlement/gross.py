"""In which order trades settle gross, one by one: DvP models 1 and 2 of the BIS.

By model 1 a trade needs its securities and its cash when its turn comes; by model 2 its securities only, and
the cash of all is net at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from settlement.liquidity import Holdings
from settlement.parts import Desk, Rest


def in_order(
    rests: Sequence[Rest], holdings: Holdings, order: Iterable[int], *, bypass: bool, again: bool
) -> list[int]:
    """Positions in `rests` of those that settle, as their turns come in `order`: the first that does not fit
    stops the queue, or with `bypass` is passed over; and, `again`, has another turn after the last, until
    nothing more fits.
    """
    desk, left, found = Desk(holdings), list(order), list[int]()
    while left:
        waits: list[int] = []
        for place, i in enumerate(left):
            rest = rests[i]
            if desk.fits(rest, rest.settled, rest.quantity):
                desk.take(rest, rest.settled, rest.quantity)
                found.append(i)
            elif bypass:
                waits.append(i)
            else:
                waits = left[place:]
                break
        if not again or len(waits) == len(left):
            return found
        left = waits
    return found


def by_securities(
    rests: Sequence[Rest], holdings: Holdings, choose: Callable[[list[int]], list[int]]
) -> list[int]:
    """Positions in `rests` in an order in which each seller has the securities when its turn comes. `choose`
    picks, of the positions it is given, those that can settle together net; what only nets and never comes to
    its turn is left out, and the rest is chosen anew.
    """
    candidates = list(range(len(rests)))
    while candidates:
        chosen = choose(candidates)
        found = _delivered(rests, holdings, chosen)
        if len(found) == len(chosen):
            return found
        candidates = [i for i in candidates if i not in set(chosen).difference(found)]
    return []


def _delivered(rests: Sequence[Rest], holdings: Holdings, chosen: Iterable[int]) -> list[int]:
    desk, left, found = Desk(holdings), list(chosen), list[int]()
    while left:
        waits: list[int] = []
        for i in left:
            rest = rests[i]
            units = rest.quantity - rest.settled
            if desk.delivers(rest, units):
                desk.move(rest.seller, rest.security, -units)
                desk.move(rest.buyer, rest.security, units)
                found.append(i)
            else:
                waits.append(i)
        if len(waits) == len(left):
            break
        left = waits
    return found

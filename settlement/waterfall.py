"""A default's loss and who bears it, in the order that the consortium agreed on.

The defaulter's margin, its contribution to the fund, the venue's own capital, the others' contributions pro
rata; what is then uncovered is allocated pro rata to the claimants. Written apart from the contract
`DefaultFund`, which computes the same. All amounts are minor units of one currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from settlement.revenue import allocate


@dataclass(frozen=True, slots=True)
class Resources:
    """What there is to draw on. Institutions go by the ledger's index; `contributions` are the others'."""

    margin: int
    contribution: int
    capital: int
    contributions: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Waterfall:
    """Who bears the loss. `drawn` are the others' contributions that were taken, `uncovered` is by claimant,
    and `paid` what each claimant receives; what is nothing is left out.
    """

    margin: int
    contribution: int
    capital: int
    drawn: Mapping[int, int]
    uncovered: Mapping[int, int]
    paid: Mapping[int, int]


def run(claims: Mapping[int, int], resources: Resources) -> Waterfall:
    """The steps for the `claims` of survivors. Pro rata is by largest remainder, ties to the lower index."""
    left = sum(claims.values())
    margin = min(left, resources.margin)
    contribution = min(left - margin, resources.contribution)
    capital = min(left - margin - contribution, resources.capital)
    left -= margin + contribution + capital
    drawn = _pro_rata(min(left, sum(resources.contributions.values())), resources.contributions)
    left -= sum(drawn.values())
    uncovered = _pro_rata(left, claims)
    paid = {who: claim - uncovered.get(who, 0) for who, claim in claims.items()}
    paid = {who: amount for who, amount in paid.items() if amount}
    return Waterfall(margin, contribution, capital, drawn, uncovered, paid)


def _pro_rata(total: int, weights: Mapping[int, int]) -> dict[int, int]:
    if not total:
        return {}
    order = sorted(weights)
    parts = allocate(total, [weights[who] for who in order])
    return {who: part for who, part in zip(order, parts, strict=True) if part}

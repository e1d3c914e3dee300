"""What should come of a default: plain ints and fractions, from the interface's prose, not by the package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor

from ledger.clients.default_fund import Step


def split(total: int, weights: Sequence[int]) -> list[int]:
    """Largest remainder: `total` by weights, ties to the earlier."""
    if not total:
        return [0] * len(weights)
    exact = [Fraction(total) * weight / sum(weights) for weight in weights]
    parts = [floor(share) for share in exact]
    by_fraction = sorted(range(len(weights)), key=lambda i: (parts[i] - exact[i], i))
    for i in by_fraction[: total - sum(parts)]:
        parts[i] += 1
    return parts


@dataclass(slots=True)
class Outcome:
    """Steps as (step, institution, amount), none of nothing; what claimants are paid, and what each purse of
    the defaulter, (margin, contribution), has left."""

    steps: list[tuple[Step, int, int]] = field(default_factory=list)
    paid: dict[int, int] = field(default_factory=dict)
    left: tuple[int, int] = (0, 0)
    uncovered: int = 0


def waterfall(
    defaulter: int,
    claims: Mapping[int, int],
    losses: Mapping[int, int],
    margin: int,
    contributions: Mapping[int, int],
    capital: Mapping[int, int],
) -> Outcome:
    """Everything by index; `losses` by venue; `contributions` of all, the defaulter's among them, but of no
    other member in default."""
    out, rest = Outcome(), sum(claims.values())

    def take(step: Step, who: int, amount: int) -> None:
        nonlocal rest
        rest -= amount
        if amount:
            out.steps.append((step, who, amount))

    own = contributions.get(defaulter, 0)
    from_margin = min(rest, margin)
    take(Step.MARGIN, defaulter, from_margin)
    from_own = min(rest, own)
    take(Step.CONTRIBUTION, defaulter, from_own)
    venues = sorted(losses)
    for venue, part in zip(venues, split(rest, [losses[venue] for venue in venues]), strict=True):
        take(Step.CAPITAL, venue, min(part, capital.get(venue, 0)))
    others = sorted(each for each in contributions if each != defaulter)
    weights = [contributions[each] for each in others]
    for other, part in zip(others, split(min(rest, sum(weights)), weights), strict=True):
        take(Step.MUTUAL, other, part)
    out.uncovered = rest
    claimants = sorted(claims)
    borne = split(rest, [claims[each] for each in claimants])
    for claimant, part in zip(claimants, borne, strict=True):
        take(Step.UNCOVERED, claimant, part)
        out.paid[claimant] = claims[claimant] - part
    out.left = (margin - from_margin, own - from_own)
    return out

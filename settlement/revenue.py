"""Revenue shares: cumulative entitlement, and splitting an integer by weights.

Of a running total T a party is entitled to floor(T * share / 1,000,000), and each payment is the difference
to what it was paid before. So neither the order nor the splitting of payments shifts a unit between parties.
The contract `RevenueSharing` computes the same; this is written apart from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ledger.errors import InvalidValue
from ledger.units import PPM


def entitlement(total: int, share_ppm: int) -> int:
    """What a share of a running total comes to so far, in minor units, rounded down."""
    return total * share_ppm // PPM


def paid(before: int, after: int, shares_ppm: Mapping[str, int]) -> dict[str, int]:
    """What each party receives when the running total goes from `before` to `after` (minor units)."""
    return {party: entitlement(after, ppm) - entitlement(before, ppm) for party, ppm in shares_ppm.items()}


def given(before: int, after: int, shares_ppm: Sequence[int]) -> int:
    """What the payer gives away when its running total goes from `before` to `after` (minor units)."""
    return sum(entitlement(after, ppm) - entitlement(before, ppm) for ppm in shares_ppm)


def allocate(total: int, weights: Sequence[int]) -> list[int]:
    """Split `total` by `weights` into integers that sum to it: the floor of each exact part, then one more
    for those with the largest fractions, ties to the earlier entry (largest remainder).

    Raises InvalidValue unless `total` and the weights are not negative and some weight is positive.
    """
    whole = sum(weights)
    if total < 0 or whole <= 0 or min(weights) < 0:
        raise InvalidValue(
            "allocation", (total, list(weights)), "a total and weights of at least 0, not all 0"
        )
    parts = [total * weight // whole for weight in weights]
    by_fraction = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), i))
    for i in by_fraction[: total - sum(parts)]:
        parts[i] += 1
    return parts

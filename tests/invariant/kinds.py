"""Of what kinds a day is, and days that together are of any two kinds that a day may be of at once."""

from __future__ import annotations

from tests import independent
from tests.invariant.cases import MAX_FLAT, PAGE, PPM, Case, case

CHOSEN = (
    530, 439, 408, 1389, 296, 1006, 1218, 468, 122, 182, 690, 545, 836, 560, 756, 1477, 354, 1468,
    1289, 60, 1180, 389, 466, 1136, 243, 463, 1134, 481, 744, 1369, 1082, 861, 1316, 286, 409, 762,
    228, 349, 1471, 4, 48, 1071, 44, 98, 192, 828, 958, 45, 116, 183, 458, 1026, 1098, 177, 268,
    348, 379, 501, 616, 643, 776, 935, 1009, 1027, 181, 333, 371, 564, 728, 897, 1195, 1323, 2, 20,
    33, 35, 225, 317, 751, 1166, 1497,
)  # fmt: skip
"""Seeds: the days of any two kinds at once that any of the first 1,500 days is of. Each has a pair that those
before it do not have, and those with most of them come first. `python -m tests.invariant.kinds` chooses."""
PAIRS = 1_655
FIRST = 1_500


def kinds(case: Case) -> set[str]:
    """What the day has that another may not have."""
    rules, trades = case.rules, case.trades
    waiting = len(independent.plain_rule(rules, case.held, trades))
    parties = dict(rules.shares)
    said = {
        "one trade": len(trades) == 1,
        "few trades": 1 < len(trades) < 10,
        "many trades": len(trades) > 50,
        "a broker with itself": any(t.buyer == t.seller for t in trades),
        "large quantity": max(t.quantity for t in trades) > 2**32,
        "large amount": max(t.amount for t in trades) > 2**80,
        "charged nothing": any(rules.commission(t.amount) == 0 for t in trades),
        "several pages of numbers": len({t.number // PAGE for t in trades}) > 1,
        "high numbers": min(t.number for t in trades) > 2**31,
        "largest flat": MAX_FLAT in rules.flats,
        "flat": any(0 < flat < MAX_FLAT for flat in rules.flats),
        "rate of nothing": any(not rate for _, rate in rules.tiers),
        "rate of all": any(rate == PPM for _, rate in rules.tiers),
        "high bound": any(bound and bound > 2**60 for bound, _ in rules.tiers),
        "graduated": rules.graduated,
        "no levy": rules.levy_ppm == 0,
        "small levy": 0 < rules.levy_ppm <= 5_000,
        "large levy": rules.levy_ppm > 5_000,
        "all of it shared": sum(parties.values()) == PPM,
        "regulator shares": "R" in parties,
        "venue shares": "V" in parties,
        "partners share": bool({"P1", "P2", "P3"} & parties.keys()),
        "covered": case.cover_ppm == PPM and not case.less,
        "all but a few units": case.cover_ppm == PPM and bool(case.less),
        "none waits": waiting == 0,
        "one waits": waiting == 1,
        "some wait": 1 < waiting < len(trades),
        "all wait": waiting == len(trades),
        f"{len(case.brokers)} brokers": True,
        f"{len({t.security for t in trades})} securities": True,
        f"{len(rules.tiers)} tiers": True,
        f"{len(parties)} parties": True,
        f"{len(case.less)} places one unit short": True,
    }
    return {kind for kind, is_so in said.items() if is_so}


def pairs(case: Case) -> set[frozenset[str]]:
    """Any two of its kinds."""
    found = kinds(case)
    return {frozenset((one, other)) for one in found for other in found}


def choose() -> list[int]:
    """The seeds, chosen anew: after `case` or `kinds` have changed."""
    found = {seed: pairs(case(seed)) for seed in range(FIRST)}
    left, chosen = set[frozenset[str]]().union(*found.values()), list[int]()
    while left:
        chosen.append(max(found, key=lambda seed: len(found[seed] & left)))
        left -= found[chosen[-1]]
    return chosen


if __name__ == "__main__":
    print(choose())

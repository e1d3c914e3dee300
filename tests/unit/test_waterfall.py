"""Who bears a default's loss: by hand, at the edges, and as sums over random defaults.

covered by the defaulter ─ nobody else gives anything
each step in its turn    ─ used up before the next one gives
pro rata                 ─ by largest remainder, to the unit
uncovered                ─ by claim; nobody receives more than it claims
"""

from __future__ import annotations

import random
from fractions import Fraction

from settlement.waterfall import Resources, Waterfall, run

OTHERS = {3: 300, 4: 100}


def test_run_given_margin_enough_touches_nothing_else() -> None:
    assert run({3: 60, 5: 40}, Resources(100, 50, 50, OTHERS)) == Waterfall(100, 0, 0, {}, {}, {3: 60, 5: 40})


def test_run_takes_each_step_in_its_turn() -> None:
    resources = Resources(100, 50, 30, OTHERS)
    for loss, own, drawn in (
        (149, (100, 49, 0), {}),
        (180, (100, 50, 30), {}),
        (181, (100, 50, 30), {3: 1}),
        (184, (100, 50, 30), {3: 3, 4: 1}),
        (580, (100, 50, 30), OTHERS),
    ):
        found = run({9: loss}, resources)
        assert (found.margin, found.contribution, found.capital) == own
        assert (found.drawn, found.uncovered, found.paid) == (drawn, {}, {9: loss})


def test_run_allocates_what_is_uncovered_by_claim() -> None:
    found = run({5: 700, 6: 300}, Resources(0, 0, 0, {7: 999}))
    assert found == Waterfall(0, 0, 0, {7: 999}, {5: 1}, {5: 699, 6: 300})
    assert run({5: 2, 6: 1}, Resources(0, 0, 0, {})) == Waterfall(0, 0, 0, {}, {5: 2, 6: 1}, {})


def test_run_given_no_loss_moves_nothing() -> None:
    assert run({}, Resources(1, 1, 1, OTHERS)) == Waterfall(0, 0, 0, {}, {}, {})


def test_run_given_any_default_sums_to_the_loss_and_is_within_a_unit_of_pro_rata() -> None:
    for seed in range(1_000):
        draw = random.Random(seed)
        size = draw.choice((10, 10**6, 2**100))
        claims = {who: draw.randint(0, size) for who in draw.sample(range(1, 20), draw.randint(0, 6))}
        others = {who: draw.randint(0, size) for who in draw.sample(range(1, 20), draw.randint(0, 6))}
        resources = Resources(*(draw.randint(0, size) for _ in range(3)), others)
        found = run(claims, resources)
        loss, drawn = sum(claims.values()), sum(found.drawn.values())
        own = found.margin + found.contribution + found.capital
        uncovered = sum(found.uncovered.values())
        assert own + drawn + uncovered == loss, seed
        assert sum(found.paid.values()) == own + drawn, seed
        assert all(0 < found.drawn[who] <= others[who] for who in found.drawn), seed
        assert all(0 < found.paid[who] <= claims[who] for who in found.paid), seed
        for part, weights in ((found.drawn, others), (found.uncovered, claims)):
            for who, weight in weights.items():
                exact = Fraction(sum(part.values()) * weight, sum(weights.values()) or 1)
                assert abs(part.get(who, 0) - exact) < 1, seed
        if uncovered:
            assert found.drawn == {who: amount for who, amount in others.items() if amount}, seed

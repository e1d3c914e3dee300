"""What resolves a gridlock, against exhaustive search and known answers.

resolve ─ the shared vectors, at their optimum
        ─ random cases, each objective: what exhaustive search finds, to the unit
        ─ pairs, cycles, chains of securities: found
        ─ no time: a rule's answer, which says so, with a bound that holds
        ─ amounts as large as a record takes: exact
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ledger.units import MAX_AMOUNT
from settlement.liquidity import Instruction, Level, Objective, Proof, Resolution, Short, resolve

VECTORS = Path(__file__).resolve().parents[4] / "shared" / "vectors" / "gridlock.json"
Held = Mapping[tuple[int, str], int]


def value_of(each: Instruction) -> int:
    return sum(leg[3] for leg in each.legs) if each.value is None else each.value  # type: ignore[index]


def after(held: Held, chosen: Sequence[Instruction]) -> dict[tuple[int, str], int]:
    left = dict(held)
    for each in chosen:
        for payer, payee, asset, amount in each.legs:  # type: ignore[misc]
            left[payer, asset] -= amount
            left[payee, asset] += amount
    return left


def possible(held: Held, every: Sequence[Instruction]) -> list[list[Instruction]]:
    """All sets of instructions that leave nobody short: of every set there is, by what it leaves."""
    sets: list[tuple[list[Instruction], Held]] = [([], held)]
    for each in every:
        sets += [([*chosen, each], after(left, [each])) for chosen, left in sets]
    return [chosen for chosen, left in sets if not chosen or min(left.values(), default=0) >= 0]


def worths(every: Sequence[Instruction]) -> dict[Objective, Callable[[list[Instruction]], Any]]:
    levels = sorted({each.priority for each in every}, reverse=True)
    return {
        Objective.VALUE: lambda chosen: sum(map(value_of, chosen)),
        Objective.COUNT: len,
        Objective.PRIORITY: lambda chosen: tuple(
            sum(value_of(each) for each in chosen if each.priority == level) for level in levels
        ),
    }


def random_case(seed: int, most: int = 12) -> tuple[dict[tuple[int, str], int], list[Instruction]]:
    draw = random.Random(seed)
    assets, parties = "xyz"[: draw.randint(1, 3)], range(draw.randint(2, 4))
    largest = draw.choice((3, 100, 10_000, MAX_AMOUNT))
    held = {(p, a): draw.choice((0, draw.randint(0, largest))) for p in parties for a in assets}
    instructions = []
    for _ in range(draw.choice((most, draw.randint(0, most - 2)))):
        legs = [
            (*draw.sample(parties, 2), draw.choice(assets), draw.randint(1, largest))
            for _ in range(draw.randint(1, 3))
        ]
        value = draw.choice((None, draw.randint(0, largest)))
        instructions.append(Instruction(legs, value, draw.randint(-1, 1)))
    return held, instructions


def check_answer(held: Held, every: Sequence[Instruction], found: Resolution) -> None:
    """Everything that an answer says, but for its being best."""
    chosen = [every[position] for position in found.settled]
    left = after(held, chosen)
    assert list(found.settled) == sorted(set(found.settled))
    assert min(left.values(), default=0) >= 0
    assert found.balances == left
    assert (found.value, found.count) == (sum(map(value_of, chosen)), len(chosen))
    assert found.reached <= found.upper_bound
    assert found.is_optimal == (found.gap == 0)
    assert sorted([*found.settled, *found.waiting]) == list(range(len(every)))
    for position, short in found.waiting.items():
        wanted = {place: -n for place, n in after(left, [every[position]]).items() if n < 0}
        assert wanted, f"{position} would fit"
        assert {(each.party, each.asset): each.short for each in short} == wanted


@pytest.mark.skipif(not VECTORS.is_file(), reason=f"the shared vectors are not there: {VECTORS}")
@pytest.mark.parametrize("objective", ["value", "count"])
def test_resolve_given_the_shared_vectors_reaches_their_optimum(objective: str) -> None:
    for case in json.loads(VECTORS.read_text()):
        found = resolve(case["balances"], case["payments"], objective=objective)
        assert found.reached == case[f"optimum_{objective}"], case["id"]
        assert found.is_optimal, case["id"]
        if objective == "value" and "balances_after_optimum" in case:
            assert found.balances == case["balances_after_optimum"]


@pytest.mark.parametrize("block", range(10))
def test_resolve_given_random_cases_is_what_exhaustive_search_finds(block: int) -> None:
    for seed in range(block * 30, block * 30 + 30):
        held, every = random_case(seed, 12 if seed % 5 == 0 else 9)
        sets = possible(held, every)
        for objective, worth in worths(every).items():
            found = resolve(held, every, objective=objective)
            check_answer(held, every, found)
            reached = worth([every[position] for position in found.settled])
            assert reached == max(map(worth, sets)), f"seed {seed}, {objective}"
            assert found.is_optimal, f"seed {seed}, {objective}"
            if objective is Objective.PRIORITY:
                assert tuple(each.value for each in found.levels) == reached
            else:
                assert found.reached == reached


def test_resolve_given_more_instructions_than_are_enumerated_is_what_enumeration_finds() -> None:
    """Of 30 payments into two halves that do not meet, each half is small enough to look at all of."""
    for seed in range(12):
        halves = [random_case(1000 * half + seed, 11) for half in (1, 2)]
        held = {(p + 10 * i, a): n for i, (one, _) in enumerate(halves) for (p, a), n in one.items()}
        held |= {(p, a): held.get((p, a), 0) for p in (0, 1, 2, 3, 10, 11, 12, 13) for a in "xyz"}
        every = [
            Instruction([(p + 10 * i, q + 10 * i, a, n) for p, q, a, n in each.legs], each.value)  # type: ignore[misc]
            for i, (_, some) in enumerate(halves)
            for each in some
        ]
        best = sum(max(sum(map(value_of, each)) for each in possible(one, some)) for one, some in halves)
        found = resolve(held, every)
        check_answer(held, every, found)
        assert (found.reached, found.upper_bound) == (best, best), f"seed {seed}"


@pytest.mark.parametrize("length", [2, 3, 7, 60])
def test_resolve_given_a_cycle_without_money_settles_all_of_it(length: int) -> None:
    payments = [[i + 1, (i + 1) % length + 1, 10] for i in range(length)]
    found = resolve([0] * length, payments)
    assert (found.count, found.balances, found.proof) == (length, [0] * length, Proof.OPTIMAL)


def test_resolve_given_a_security_that_goes_through_many_hands_settles_the_chain() -> None:
    """Only the first has it and only the last has money; each pays with what the next pays."""
    hands = 40
    held = {(i, asset): 0 for i in range(hands) for asset in ("x", "EUR")}
    held |= {(0, "x"): 1, (hands - 1, "EUR"): 5}
    every = [Instruction([(a, b, "x", 1), (b, a, "EUR", 5)], value=5) for a, b in pairwise(range(hands))]
    found = resolve(held, every)
    assert (found.count, found.balances[hands - 1, "x"], found.balances[0, "EUR"]) == (hands - 1, 1, 5)


def test_resolve_given_one_unit_less_than_amounts_near_the_largest_says_whose_it_is() -> None:
    held = {"A": MAX_AMOUNT - 1, "B": 0}
    assert resolve(held, [("A", "B", MAX_AMOUNT)]).waiting == {0: (Short("A", "", 1),)}
    assert resolve(held, [("A", "B", MAX_AMOUNT - 1)]).balances == {"A": 0, "B": MAX_AMOUNT - 1}
    # The sums of all have more digits than a float; one unit decides which of two is chosen.
    every = [("A", "B", MAX_AMOUNT - 2), ("A", "B", MAX_AMOUNT - 1), ("A", "B", MAX_AMOUNT)]
    assert resolve(held, every).settled == (1,)


def test_resolve_given_priorities_settles_the_highest_first_whatever_it_is_worth() -> None:
    every = [Instruction([(1, 2, "", 10)], priority=0), Instruction([(1, 2, "", 6)], priority=5)]
    found = resolve([10, 0], every, objective="priority")
    assert (found.settled, found.levels) == ((1,), (Level(5, 6, 6), Level(0, 0, 0)))
    assert resolve([10, 0], every, objective="value").settled == (0,)


def test_resolve_given_next_to_no_time_answers_by_a_rule_and_says_so() -> None:
    draw = random.Random(5)
    held = {(p, "x"): draw.randint(0, 50) for p in range(6)}
    every = [Instruction([(*draw.sample(range(6), 2), "x", draw.randint(1, 10**6))]) for _ in range(120)]
    found = resolve(held, every, time_limit_s=1e-6)
    check_answer(held, every, found)
    assert found.proof is Proof.HEURISTIC
    better = resolve(held, every, time_limit_s=1)
    check_answer(held, every, better)
    assert found.reached <= better.reached <= better.upper_bound <= found.upper_bound


def test_resolve_given_nothing_settles_nothing() -> None:
    assert resolve([], []).is_optimal
    assert resolve({"A": {"x": 3}}, []).balances == {"A": {"x": 3}}
    assert resolve({("A", "x"): 3}, [], objective="priority").settled == ()


@pytest.mark.parametrize(
    "balances",
    [{"A": 5, "B": 0}, {("A", ""): 5, ("B", ""): 0}, {"A": {"": 5}, "B": {"": 0}}],
    ids=["parties", "places", "nested"],
)
def test_resolve_given_any_form_of_balances_answers_in_it(balances: Any) -> None:
    found = resolve(balances, [("A", "B", 5)])
    assert type(found.balances) is dict
    assert found.balances.keys() == balances.keys()
    assert resolve([5, 0], [(1, 2, 5)]).balances == [0, 5]


def test_resolve_given_the_same_case_twice_answers_the_same() -> None:
    held, every = random_case(7)
    assert resolve(held, every) == resolve(held, every)

"""The searches of matching against looking at everything: assignments, sums, explanations, whole books."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.reconciliation.assignment import assign, knots
from settlement.reconciliation.entries import NO_NUMBER as N
from settlement.reconciliation.sums import CHOICES, STATES, choose, subsets
from settlement.reconciliation.trades import compare
from tests.unit.matching_rows import DAY, Trade, entries, used

ALONE = 5


def assignments(rows: int, columns: int) -> Iterator[tuple[int, ...]]:
    """Every way to give rows columns, none twice; -1 is none."""
    for chosen in product(range(-1, columns), repeat=rows):
        taken = [k for k in chosen if k >= 0]
        if len(taken) == len(set(taken)):
            yield chosen


def total(costs: list[dict[int, int]], columns: int, chosen: tuple[int, ...]) -> int | None:
    if any(k >= 0 and k not in costs[i] for i, k in enumerate(chosen)):
        return None
    taken = [k for k in chosen if k >= 0]
    pairs = sum(costs[i][k] for i, k in enumerate(chosen) if k >= 0)
    return pairs + ALONE * (len(chosen) + columns - 2 * len(taken))


@given(st.lists(st.dictionaries(st.integers(0, 3), st.integers(0, 11), max_size=4), min_size=1, max_size=4))
@settings(max_examples=80, deadline=None)
def test_assign_given_any_costs_is_best_and_knows_what_is_open(costs: list[dict[int, int]]) -> None:
    columns = 4
    sums = {chosen: total(costs, columns, chosen) for chosen in assignments(len(costs), columns)}
    least = min(cost for cost in sums.values() if cost is not None)
    best = [chosen for chosen, cost in sums.items() if cost == least]
    found = assign(costs, columns, ALONE)
    assert found.column in best
    open_rows = {i for each in found.loose for i in each.rows}
    differ = {i for i in range(len(costs)) if len({chosen[i] for chosen in best}) > 1}
    assert differ == {i for i in open_rows if i in differ}
    for each in found.loose:
        # A row alone in every optimum may stand between others only by what is alone with it.
        assert differ & {*each.rows}
        assert each.row_alone == any(chosen[i] < 0 for chosen in best for i in each.rows)
        assert each.column_alone == any(k not in chosen for chosen in best for k in each.columns)


def test_assign_given_costs_beyond_any_float_is_exact() -> None:
    far = 2**200
    found = assign([{0: far + 1, 1: far + 2}, {0: far, 1: far + 1}], 2, far)
    assert {*found.loose[0].rows} == {0, 1}
    assert assign([{0: far + 1, 1: far + 2}, {0: far, 1: far}], 2, far).column == (0, 1)
    assert assign([{0: far + 1, 1: far + 2}, {0: far, 1: far}], 2, far).loose == ()


def test_knots_given_two_cycles_and_a_bridge() -> None:
    assert {frozenset(each) for each in knots([[1], [2], [0, 3], [4], [3], []])} == {
        frozenset({0, 1, 2}),
        frozenset({3, 4}),
        frozenset({5}),
    }


@given(
    st.lists(st.tuples(st.integers(-1, 6), st.integers(-1, 6), st.integers(1, 2)), max_size=6),
    st.tuples(st.integers(1, 14), st.integers(0, 14)),
    st.integers(1, 2),
)
@settings(max_examples=80, deadline=None)
def test_subsets_given_any_items_finds_all(items: Any, whole: tuple[int, int], least: int) -> None:
    expected = [
        way
        for way in product(*(range(n + 1) for _, _, n in items))
        if sum(way) >= least
        and all(q > 0 and a >= 0 for (q, a, _), count in zip(items, way, strict=True) if count)
        and sum(q * count for (q, _, _), count in zip(items, way, strict=True)) == whole[0]
        and sum(a * count for (_, a, _), count in zip(items, way, strict=True)) == whole[1]
    ]
    assert subsets(items, whole, least) == (sorted(expected) if len(expected) <= 16 else None)


def test_subsets_given_large_values_is_exact_and_given_too_many_gives_up() -> None:
    large = 2**87
    assert subsets([(2**64, large, 1), (1, 1, 1)], (2**64 + 1, large + 1), 2) == [(1, 1)]
    assert subsets([(2**64, large, 1), (1, 1, 1)], (2**64, large + 1), 2) == []
    assert subsets([(1 << i, 1 << i, 1) for i in range(28)], (2**28 - 2, 2**28 - 2), 2) == [(0, *[1] * 27)]
    assert subsets([(1_000 + 7 * i, 1_000 + i * i, 1) for i in range(60)], (31_003, 40_007), 2) is None
    assert STATES < 2**60


OPTIONS = st.lists(st.dictionaries(st.integers(0, 4), st.integers(1, 2), min_size=1, max_size=3), max_size=3)


@given(st.lists(OPTIONS, min_size=1, max_size=4), st.lists(st.integers(1, 3), min_size=5, max_size=5))
@settings(max_examples=60, deadline=None)
def test_choose_given_any_explanations_takes_what_all_best_selections_have(
    options: list[list[dict[int, int]]], there_are: list[int]
) -> None:
    capacity = dict(enumerate(there_are))
    wholes = [(-1 - i, ways) for i, ways in enumerate(options)]
    fitting = []
    for chosen in product(*(range(-1, len(ways)) for ways in options)):
        need: Counter[int] = Counter()
        for ways, place in zip(options, chosen, strict=True):
            need.update(ways[place] if place >= 0 else {})
        if all(need[kind] <= capacity[kind] for kind in need):
            fitting.append(chosen)
    most = max(sum(place >= 0 for place in chosen) for chosen in fitting)
    best = [chosen for chosen in fitting if sum(place >= 0 for place in chosen) == most]
    for i, (place, open_ways) in enumerate(choose(wholes, capacity)):
        ever = {chosen[i] for chosen in best}
        assert place == (ever.pop() if len(ever) == 1 else -1)
        assert {*open_ways} == ({way for way in ever if way >= 0} if len(ever) > 1 else set())


def test_choose_given_too_many_selections_takes_none() -> None:
    wholes = [(i, [{100 + j: 1} for j in range(12)]) for i in range(9)]
    assert CHOICES < 12**9
    assert choose(wholes, {100 + j: 1 for j in range(12)}) == [(-1, [*range(12)])] * 9


def wrong(mine: Trade, theirs: Trade) -> tuple[Fraction, Fraction, int]:
    """How many things are wrong between two rows, by how much in sum, and whether any is."""
    off = (mine.security != theirs.security) + (mine.seller != theirs.seller) + (mine.time != theirs.time)
    off += mine.quantity != theirs.quantity
    follows = Fraction(mine.amount, mine.quantity) == Fraction(theirs.amount, theirs.quantity)
    off += mine.amount != theirs.amount and not (mine.quantity != theirs.quantity and follows)
    much = Fraction(abs(mine.quantity - theirs.quantity), mine.quantity + theirs.quantity)
    much += Fraction(abs(mine.amount - theirs.amount), mine.amount + theirs.amount)
    much += Fraction(abs(mine.time - theirs.time), 86_400)
    return Fraction(off), much, int(off > 0)


# No two quantities come to a third, so nothing is a sum; rows of one time are near whatever their amounts.
FEW = st.builds(
    lambda **row: Trade(**row),
    number=st.just(N),
    quantity=st.sampled_from([100, 101, 110, 150]),
    amount=st.sampled_from([1_000, 1_010, 1_200]),
    seller=st.sampled_from(["B", "C"]),
    security=st.sampled_from(["X", "Y"]),
    time=st.sampled_from([60, 61]),
)


@given(st.lists(FEW, max_size=4), st.lists(FEW, max_size=4))
@settings(max_examples=100, deadline=None)
def test_compare_given_rows_without_numbers_is_the_best_of_all_assignments(
    mine: list[Trade], bare: list[Trade]
) -> None:
    theirs = [row._replace(number=number + 1) for number, row in enumerate(bare)]
    best: list[tuple[int, ...]] = []
    least: tuple[Any, ...] = ()
    for chosen in assignments(len(mine), len(theirs)):
        pairs = [wrong(mine[i], theirs[k]) for i, k in enumerate(chosen) if k >= 0]
        if any(each[0] > 2 for each in pairs):
            continue
        alone = Fraction(3, 2) * (len(mine) + len(theirs) - 2 * len(pairs))
        here = (sum(e[0] for e in pairs) + alone, sum(e[1] for e in pairs), sum(e[2] for e in pairs))
        if not best or here < least:
            best, least = [], here
        if here == least:
            best.append(chosen)
    reports = {frozenset(report(mine, theirs, chosen).items()) for chosen in best}
    matched = compare(entries(mine), entries(theirs), owner="A")
    used(matched, mine, theirs)
    ambiguous = [each for each in matched.differences if each.kind == "ambiguous"]
    found = Counter(
        (
            (mine[each.mine[0]] if each.mine else None),
            (theirs[each.theirs[0]].number if each.theirs else None),
        )
        for each in matched.differences
        if each not in ambiguous
    )
    if len(reports) == 1:
        assert not ambiguous
        assert frozenset(found.items()) in reports
    else:
        assert ambiguous
        for each in reports:
            assert found <= Counter(dict(each))


def report(mine: list[Trade], theirs: list[Trade], chosen: tuple[int, ...]) -> Counter[tuple[Any, Any]]:
    """What is said of an assignment: pairs that differ, by what mine says and the number of theirs."""
    said: Counter[tuple[Any, Any]] = Counter()
    for i, k in enumerate(chosen):
        if k < 0:
            said[mine[i], None] += 1
        elif wrong(mine[i], theirs[k])[2]:
            said[mine[i], theirs[k].number] += 1
    said.update((None, row.number) for k, row in enumerate(theirs) if k not in chosen)
    return said


EDITS: list[dict[str, Any]] = [
    {},
    {},
    {"number": N},
    {"number": 9},
    {"quantity": 5},
    {"amount": 51},
    {"seller": "C"},
    {"security": "Y"},
    {"buyer": "B", "seller": "A"},
    {"day": DAY + 1},
    {"time": 61},
]
SMALL = st.builds(
    lambda **row: Trade(**row),
    number=st.integers(1, 6),
    quantity=st.integers(1, 4),
    amount=st.sampled_from([10, 20, 30]),
    buyer=st.just("A"),
    seller=st.sampled_from(["B", "B", "A"]),
    time=st.sampled_from([60, 0xFFFFFF]),
)


@given(
    st.lists(SMALL, max_size=6, unique_by=lambda row: row.number),
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from(EDITS), st.sampled_from(EDITS)), max_size=7),
    st.data(),
)
@settings(max_examples=80, deadline=None)
def test_compare_given_any_order_finds_the_same_and_uses_each_row_once(
    theirs: list[Trade], edits: list[tuple[int, dict[str, Any], dict[str, Any]]], data: st.DataObject
) -> None:
    mine = [theirs[i]._replace(**one)._replace(**two) for i, one, two in edits if i < len(theirs)]
    matched = compare(entries(mine), entries(theirs), owner="A")
    here = data.draw(st.permutations(range(len(mine))))
    there = data.draw(st.permutations(range(len(theirs))))
    shuffled = compare(
        entries([mine[i] for i in here], [i + 2 for i in here], names=-1),
        entries([theirs[k] for k in there], [k + 2 for k in there], names=-1),
        owner="A",
    )
    found = [
        (
            each.kind,
            *([*map(rows.__getitem__, some)] for rows, some in ((here, each.mine), (there, each.theirs))),
        )
        for each in shuffled.differences
    ]
    assert found == [(each.kind, [*each.mine], [*each.theirs]) for each in matched.differences]
    assert [each.fields for each in shuffled.differences] == [each.fields for each in matched.differences]
    back = [-1 if its < 0 else there[its] for its in shuffled.held.tolist()]
    assert [back[here.index(i)] for i in range(len(mine))] == matched.held.tolist()
    assert shuffled.compared == matched.compared

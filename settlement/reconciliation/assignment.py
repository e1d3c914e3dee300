"""The assignment that is best overall, in integers, and whether it is the only one.

Rows are assigned to columns by shortest augmenting paths with integer potentials (the Hungarian method on
the pairs that are possible; Jonker and Volgenant 1987). A row or column may also stay alone, at a cost. With
optimal potentials every other optimum differs from the one found by cycles of tight pairs, so uniqueness is
decided exactly: an item whose place in the graph of tight pairs lies on no cycle has the same partner in
every optimum.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Loose:
    """Rows and columns which, in another optimum, go together otherwise."""

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    row_alone: bool
    """In some optimum one of the rows is alone."""
    column_alone: bool


@dataclass(frozen=True, slots=True)
class Assigned:
    """An optimum: for each row its column, -1 where it is alone."""

    column: tuple[int, ...]
    loose: tuple[Loose, ...]


def assign(costs: Sequence[Mapping[int, int]], columns: int, alone: int) -> Assigned:
    """The cheapest assignment. `costs` has for each row the columns that it may go with and at what cost;
    `alone` is what each row or column that goes with none costs.

    Equal input gives equal output. Takes time in proportion to rows × pairs × log, at most.
    """
    # That a column is alone costs the same in every assignment once each pair is cheaper by it. Each row has
    # a column of its own besides, which stands for being alone.
    pairs = [
        {j: cost - alone for j, cost in row.items()} | {columns + i: alone} for i, row in enumerate(costs)
    ]
    u, v = [0] * len(pairs), [0] * (columns + len(pairs))
    row_of, column_of = [-1] * len(v), [-1] * len(pairs)
    for row in range(len(pairs)):
        _augment(pairs, row, u, v, row_of, column_of)
    chosen = tuple(j if j < columns else -1 for j in column_of)
    return Assigned(chosen, _loose(pairs, columns, u, v, row_of, column_of))


def _augment(
    pairs: Sequence[Mapping[int, int]],
    start: int,
    u: list[int],
    v: list[int],
    row_of: list[int],
    column_of: list[int],
) -> None:
    """Give row `start` a column by the shortest path of reduced costs, and keep the potentials optimal."""
    u[start] = min(cost - v[j] for j, cost in pairs[start].items())
    row, reached = start, 0
    best: dict[int, int] = {}
    via: dict[int, int] = {}
    done: dict[int, int] = {}
    heap: list[tuple[int, int]] = []
    while True:
        for j, cost in pairs[row].items():
            length = reached + cost - u[row] - v[j]
            if j not in done and (j not in best or length < best[j]):
                best[j], via[j] = length, row
                heapq.heappush(heap, (length, j))
        reached, column = heapq.heappop(heap)
        while column in done:
            reached, column = heapq.heappop(heap)
        done[column] = reached
        if row_of[column] < 0:
            break
        row = row_of[column]
    u[start] += reached
    for j, length in done.items():
        if j != column:
            u[row_of[j]] += reached - length
            v[j] -= reached - length
    while True:
        row = via[column]
        row_of[column], column_of[row], column = row, column, column_of[row]
        if row == start:
            return


def _loose(
    pairs: Sequence[Mapping[int, int]],
    columns: int,
    u: Sequence[int],
    v: Sequence[int],
    row_of: Sequence[int],
    column_of: Sequence[int],
) -> tuple[Loose, ...]:
    """What the tight pairs leave open. In the graph of columns an arc says that the row of one could as well
    take the other; `free` stands for all columns that nobody has: entering it leaves a column taken, and a
    column whose potential is zero may be left to it.
    """
    free = len(v)
    arcs: list[list[int]] = [[] for _ in range(free + 1)]
    for row, column in enumerate(column_of):
        arcs[column] = [j for j, cost in pairs[row].items() if j != column and cost == u[row] + v[j]]
    for j in range(free):
        if row_of[j] < 0:
            arcs[j] = [free]
        elif v[j] == 0:
            arcs[free].append(j)
    found = []
    for knot in knots(arcs):
        if len(knot) > 1:
            for group in _connected(sorted(knot - {free}), arcs):
                rows = tuple(sorted(row_of[j] for j in group if row_of[j] >= 0))
                real = tuple(j for j in group if j < columns)
                if rows and real:
                    column_alone = free in knot and any(v[j] == 0 for j in real)
                    found.append(Loose(rows, real, any(j >= columns for j in group), column_alone))
    return tuple(sorted(found, key=lambda each: each.rows))


def _connected(nodes: Sequence[int], arcs: Sequence[Sequence[int]]) -> list[list[int]]:
    """The parts of these nodes that arcs connect, either way."""
    inside, parts = set(nodes), Parts(nodes)
    for node in nodes:
        for other in arcs[node]:
            if other in inside:
                parts.join(node, other)
    return parts.groups()


class Parts:
    """Which of some items are connected."""

    def __init__(self, items: Sequence[int]) -> None:
        self._above = {item: item for item in items}

    def root(self, item: int) -> int:
        """One item that stands for all that are connected with this."""
        above = self._above
        while above[item] != item:
            above[item] = above[above[item]]
            item = above[item]
        return item

    def join(self, item: int, other: int) -> None:
        """Connect two."""
        low, high = sorted((self.root(item), self.root(other)))
        self._above[high] = low

    def groups(self) -> list[list[int]]:
        """The connected groups, each sorted, by their least item."""
        found: dict[int, list[int]] = {}
        for item in sorted(self._above):
            found.setdefault(self.root(item), []).append(item)
        return list(found.values())


def knots(arcs: Sequence[Sequence[int]]) -> list[set[int]]:
    """The strongly connected sets of nodes 0, 1, … with these arcs (Tarjan 1972, without recursion)."""
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    inside: set[int] = set()
    found: list[set[int]] = []
    for start in range(len(arcs)):
        if start in order:
            continue
        order[start] = low[start] = len(order)
        stack.append(start)
        inside.add(start)
        walk = [(start, iter(arcs[start]))]
        while walk:
            node, left = walk[-1]
            for other in left:
                if other not in order:
                    order[other] = low[other] = len(order)
                    stack.append(other)
                    inside.add(other)
                    walk.append((other, iter(arcs[other])))
                    break
                if other in inside:
                    low[node] = min(low[node], order[other])
            else:
                walk.pop()
                if walk:
                    low[walk[-1][0]] = min(low[walk[-1][0]], low[node])
                if low[node] == order[node]:
                    knot: set[int] = set()
                    while node not in knot:
                        knot.add(stack.pop())
                    inside -= knot
                    found.append(knot)
    return found

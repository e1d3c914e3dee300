"""HiGHS, asked in floating point; everything that leaves this module is an integer or a choice to be checked.

This is the only module in which money passes through floats. HiGHS works to tolerances, so nothing it says is
believed: its choices are repaired and completed in integers (settlement.liquidity.solve), and of its bounds
only the prices of rows are used, from which `program.bound` proves one exactly, whatever the prices are.

Rows and values are scaled by powers of two, which change no digit. One thread and a fixed seed: the same
program gets the same answer, unless time runs out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import ldexp
from typing import Any

import highspy
import numpy as np
import numpy.typing as npt

from settlement.liquidity.program import Flags, Program, Whole

FRACTION = 1 << 20
"""What `Relaxed.part` is in: parts of 1."""
SHIFT = 96
"""Prices are in 2^-96, before rows are unscaled."""
_TOP = 1 << 10
"""Largest coefficient of a scaled row."""
_RELATIVE_GAP = 1e-5
"""HiGHS stops where its own bound is this near: real days need no more than a thousandth of a percent."""
_MANY = 10_000
"""Columns from which on a relaxation is solved as it is: HiGHS's presolve takes longer than what it spares,
and does not look at the time.
"""
_FEW_NODES = 100
_MOST_NODES = 2_000
"""Limits that do not depend on the machine's speed."""


class Answer(Enum):
    """What came of a relaxation."""

    SOLVED = "solved"
    INFEASIBLE = "infeasible"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, eq=False)
class Relaxed:
    """A program with parts of columns allowed."""

    answer: Answer
    prices: Whole | None = None
    """Of each row in 2^-`shift`, none negative; of an infeasible one the ray that should show it."""
    shift: int = 0
    part: npt.NDArray[np.int64] | None = None
    """How much of each column settles, in 1 / FRACTION."""


class Relaxation:
    """The relaxation of a program, to be solved again and again with some columns fixed."""

    def __init__(self, program: Program) -> None:
        self._model = _Model(program)
        self._highs = _solver()
        self._size = len(program)
        if self._size > _MANY:
            self._highs.setOptionValue("presolve", "off")
        self._every = np.arange(self._size, dtype=np.int32)
        self._ready = self._highs.passModel(self._model.build()) != highspy.HighsStatus.kError

    def solve(self, lower: Flags, upper: Flags, time_limit_s: float) -> Relaxed:
        """With columns of `lower` settled and those without `upper` waiting; takes up where it last ended."""
        highs = self._highs
        if not self._ready or time_limit_s <= 0:
            return Relaxed(Answer.UNKNOWN)
        # HiGHS counts an instance's time from its first run on.
        highs.setOptionValue("time_limit", highs.getRunTime() + time_limit_s)
        highs.changeColsBounds(self._size, self._every, lower.astype(np.float64), upper.astype(np.float64))
        highs.run()
        status = highs.getModelStatus()
        solution = highs.getSolution()
        if status == highspy.HighsModelStatus.kInfeasible:
            return self._infeasible()
        if status != highspy.HighsModelStatus.kOptimal or not solution.dual_valid:
            return Relaxed(Answer.UNKNOWN)
        part = np.rint(np.clip(np.array(solution.col_value), 0, 1) * FRACTION).astype(np.int64)
        prices, shift = self._model.prices(solution.row_dual)
        return Relaxed(Answer.SOLVED, prices, shift, part)

    def _infeasible(self) -> Relaxed:
        found = self._highs.getDualRay()
        ray = found[2] if len(found) == 3 and found[1] else None
        if ray is None:
            return Relaxed(Answer.INFEASIBLE)
        # Which sign a ray has is a convention: that of rows bounded from below makes it positive.
        values = np.array(ray)
        prices, shift = self._model.prices(values if values.sum() >= 0 else -values)
        return Relaxed(Answer.INFEASIBLE, prices, shift)


def best_choice(program: Program, start: Flags, time_limit_s: float, *, whole_tree: bool) -> Flags | None:
    """A good choice, of which HiGHS thinks that it fits, found from `start`; None where it has none in time.

    Without `whole_tree` it stops soon after what it does at the root.
    """
    if time_limit_s <= 0 or not len(program):
        return None
    highs = _solver()
    highs.setOptionValue("time_limit", float(time_limit_s))
    highs.setOptionValue("mip_rel_gap", 0 if whole_tree else _RELATIVE_GAP)
    highs.setOptionValue("mip_max_nodes", _MOST_NODES if whole_tree else _FEW_NODES)
    model = _Model(program).build()
    model.integrality_ = [highspy.HighsVarType.kInteger] * len(program)
    if highs.passModel(model) == highspy.HighsStatus.kError:
        return None
    begin = highspy.HighsSolution()
    begin.col_value = start.astype(np.float64).tolist()
    highs.setSolution(begin)
    highs.run()
    solution = highs.getSolution()
    if not solution.value_valid:
        return None
    chosen: Flags = np.rint(np.array(solution.col_value)) > 0
    return chosen


class _Model:
    """A program in HiGHS's terms: the least of negative values, rows bounded from below."""

    def __init__(self, program: Program) -> None:
        self._program = program
        largest = np.zeros(len(program.capacity), dtype=object)
        np.maximum.at(largest, program.row, np.abs(program.change))
        top = _TOP.bit_length()
        self._bits = np.array([int(each).bit_length() - top for each in largest.tolist()], dtype=np.int64)
        self._value_bits = max((int(each).bit_length() for each in program.value.tolist()), default=0) - top

    def build(self) -> highspy.HighsLp:
        """The model, all columns between 0 and 1."""
        program, model = self._program, highspy.HighsLp()
        size, rows = len(program), len(program.capacity)
        model.num_col_, model.num_row_ = size, rows
        model.col_cost_ = -_scaled(program.value, np.full(size, self._value_bits))
        model.col_lower_, model.col_upper_ = np.zeros(size), np.ones(size)
        model.row_lower_ = -_scaled(program.capacity, self._bits)
        model.row_upper_ = np.full(rows, highspy.kHighsInf)
        model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        model.a_matrix_.start_ = program.start.astype(np.int32)
        model.a_matrix_.index_ = program.row.astype(np.int32)
        model.a_matrix_.value_ = _scaled(program.change, self._bits[program.row])
        return model

    def prices(self, duals: Any) -> tuple[Whole, int]:
        """The duals of scaled rows as prices of the program's own, and their shift."""
        shift = SHIFT + max(0, int(self._bits.max(initial=0)))
        found = np.empty(len(self._bits), dtype=object)
        for i, (dual, bits) in enumerate(zip(duals, self._bits.tolist(), strict=True)):
            above, below = max(dual, 0).as_integer_ratio()
            exponent = shift + self._value_bits - bits
            found[i] = (above << exponent) // below if exponent >= 0 else (above >> -exponent) // below
        return found, shift


def _solver() -> Any:
    highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("threads", 1)
    highs.setOptionValue("random_seed", 0)
    return highs


def _scaled(values: Whole, bits: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Each value over 2^bits, as a float."""
    pairs = zip(values.tolist(), bits.tolist(), strict=True)
    return np.array([ldexp(value, -exponent) for value, exponent in pairs], dtype=np.float64)

"""A trade file format: how its rows look and what its columns mean."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from settlement.intake.cells import Cells, Whole
from settlement.intake.rows import RowForm

QUANTITY_DIGITS = 20
"""Of a quantity in every format, leading zeros included; its bound is below."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """The field of the format in which each thing about a trade stands."""

    number: str
    day: str
    buyer: str
    seller: str
    security: str
    quantity: str
    price: str
    amount: str


@dataclass(frozen=True, slots=True)
class Texts:
    """Well-formed rows as columns of text; `day` as yyyymmdd, `time` None where the format has none."""

    number: Sequence[str]
    day: Sequence[str]
    time: Sequence[str] | None
    buyer: Sequence[str]
    seller: Sequence[str]
    security: Sequence[str]
    quantity: Sequence[str]
    price: Sequence[str]
    amount: Sequence[str]


@dataclass(frozen=True, slots=True)
class Format:
    """One trade file format, for a currency of a given exponent."""

    name: str
    form: RowForm
    names: Meaning
    price_decimals: int
    texts: Callable[[list[tuple[str, ...]]], Texts]
    """The columns of well-formed rows, by meaning."""
    day: Callable[[tuple[str, ...]], str | None]
    """The trading day of a row as yyyymmdd, not yet known to be a date; None where it has no such form."""
    identify: Callable[[Cells, dt.date], tuple[Whole, npt.NDArray[np.uint32]]]
    """Number and time of the cells; those of another day are not sound."""

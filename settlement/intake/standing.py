"""Which rows stand beside each other and beside what is recorded: numbers once, and securities in order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from settlement.intake.cells import Mask
from settlement.intake.columns import Columns
from settlement.intake.format import Format
from settlement.intake.lines import Lines
from settlement.intake.rows import shown, value_of
from settlement.model import Reject, Trades
from settlement.scenario_checks import MAX_SECURITIES

RECORDED = "is recorded already"
"""What the reason starts with where the ledger has the trade."""

Recorded = Callable[[dt.date], npt.NDArray[np.uint32]]
"""The numbers of a day's trades that the ledger has, in any order."""


def stand(
    columns: Columns,
    names: tuple[str, ...],
    lines: Lines,
    form: Format,
    parties: tuple[str, ...],
    day: dt.date,
    recorded: npt.NDArray[np.uint32],
) -> tuple[Trades, list[Reject]]:
    """The trades of `columns`, whose rows are in the order of the file, and the rows refused.

    Refused are a number that is recorded, else one that a row before has which stands; then a security beyond
    those that the register has room for. `names` are the securities by number.
    """
    rejects: list[Reject] = []

    def refuse(wrong: Mask, field: str, reason: Callable[[int], str]) -> Columns:
        place = [each.name for each in form.form.fields].index(field)
        rows, numbers = columns.row[wrong], columns.number[wrong].tolist()
        for row, number, text in zip(rows.tolist(), numbers, lines.texts(rows), strict=True):
            rejects.append(Reject(row + 1, field, shown(value_of(text, place)), reason(number)))
        return columns.take(~wrong) if wrong.any() else columns

    if len(recorded):
        known = np.isin(columns.number, recorded)
        columns = refuse(
            known, form.names.number, lambda number: f"{RECORDED}: the ledger has trade {number}"
        )
    again, line_of = _seen_before(columns)
    columns = refuse(
        again,
        form.names.number,
        lambda number: f"has been seen: trade {number} is on line {line_of[number]}",
    )
    security, order = _by_appearance(columns.security, len(names))
    reason = f"is too many: the register has room for {MAX_SECURITIES:,} securities"
    columns = refuse(security >= MAX_SECURITIES, form.names.security, lambda _: reason)
    trades = Trades(
        trading_day=day,
        parties=parties,
        securities=tuple(names[code] for code in order[:MAX_SECURITIES].tolist()),
        number=columns.number.astype(np.uint32),
        time=columns.time,
        buyer=columns.buyer,
        seller=columns.seller,
        security=security[security < MAX_SECURITIES],
        quantity=columns.quantity,
        amount=columns.amount,
        line=columns.row + 1,
    )
    return trades, rejects


def _seen_before(columns: Columns) -> tuple[Mask, dict[int, int]]:
    """The rows whose number an earlier row has, and for these numbers the line of the first."""
    number = columns.number
    again = np.zeros(len(number), dtype=np.bool_)
    if not (np.diff(number) > 0).all():
        order = np.argsort(number, kind="stable")
        again[order[1:]] = np.diff(number[order]) == 0
    first = np.isin(number, number[again]) & ~again if again.any() else again
    lines = (columns.row[first] + 1).tolist()
    return again, dict(zip(number[first].tolist(), lines, strict=True))


def _by_appearance(
    column: npt.NDArray[np.int32], count: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.intp]]:
    """Each row's code as a place among those that appear, by first appearance; and these codes in order."""
    first = np.full(count, len(column), dtype=np.int64)
    first[column[::-1]] = np.arange(len(column) - 1, -1, -1)
    order = np.argsort(first, kind="stable")[: int((first < len(column)).sum())]
    place = np.zeros(count, dtype=np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return place[column], order

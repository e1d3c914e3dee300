"""Trade files into trades: what is right becomes columns, what is wrong is refused row by row.

    read_trades(path, scenario) -> Intake(trades, rejects, rows, format)

The scenario names the format; each format is a module here that documents it. A row is refused for
its own faults only, with its line, the field and the reason, and the rest of the file goes on. Of
the rows with one trade number the first that is otherwise right stands and the later are refused.
"""

from __future__ import annotations

import csv
import datetime as dt
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ledger.errors import InvalidValue
from ledger.ids import parse_day_number
from settlement.errors import FileEmpty, FileUnwritable, HeaderWrong, RowRefused, TradingDayUnknown
from settlement.files import read_regular
from settlement.intake import canonical, fast, nepse
from settlement.intake.cells import Codes
from settlement.intake.checks import accept
from settlement.intake.columns import Columns
from settlement.intake.format import Format
from settlement.intake.lines import Lines
from settlement.intake.rows import shown, split
from settlement.intake.standing import RECORDED as RECORDED
from settlement.intake.standing import Recorded, stand
from settlement.model import Intake, Reject
from settlement.scenario import Scenario

_FORMATS = {nepse.NAME: nepse.of_exponent, canonical.NAME: canonical.of_exponent}


def read_trades(
    path: str | os.PathLike[str],
    scenario: Scenario,
    *,
    date: dt.date | None = None,
    strict: bool = False,
    recorded: Recorded | None = None,
) -> Intake:
    """Reads the trade file at `path` in the scenario's format.

    The trading day is `date`, else that of the first row that has a readable one; rows of other
    days are refused. Raises FileRefused (missing, empty, a directory, another header, no day
    anywhere) and, where `strict`, RowRefused at the first refused row.
    """
    data, source = read_regular(path), os.fspath(path)
    return parse_trades(data, scenario, source=source, date=date, strict=strict, recorded=recorded)


def parse_trades(
    data: bytes,
    scenario: Scenario,
    *,
    source: str,
    date: dt.date | None = None,
    strict: bool = False,
    recorded: Recorded | None = None,
) -> Intake:
    """The same for a file's bytes; `source` names them in errors.

    `recorded` gives the numbers of a day's trades that the ledger has: rows with these are refused, too.
    """
    form = _FORMATS[scenario.format](scenario.exponent)
    lines = _lines(data, form, source)
    day = date or _trading_day(form, lines)
    if day is None:
        texts = enumerate(lines.texts(np.arange(1, len(lines))), start=1)
        malformed = sum(isinstance(_parse(form, number, text), Reject) for number, text in texts)
        raise TradingDayUnknown(source, malformed)
    securities = fast.security_codes(scenario)
    plain = fast.vouched(lines, form, scenario, day, securities)
    other, rejects = _by_itself(lines, plain, form, scenario, day, securities)
    columns = Columns.joined([plain, other]).in_order() if len(other) else plain
    known = np.empty(0, dtype=np.uint32) if recorded is None else recorded(day)
    trades, refused = stand(columns, securities.names, lines, form, scenario.brokers, day, known)
    rejects = sorted(rejects + refused, key=lambda reject: reject.line)
    if strict and rejects:
        first = rejects[0]
        raise RowRefused(source, first.line, first.field, first.value, first.reason)
    return Intake(trades, tuple(rejects), len(lines) - 1, form.name)


def write_rejects(path: str | os.PathLike[str], rejects: Iterable[Reject]) -> None:
    """Writes refused rows as CSV: line, field, value, reason. Raises FileUnwritable."""
    try:
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("line", "field", "value", "reason"))
            writer.writerows((reject.line, reject.field, reject.value, reject.reason) for reject in rejects)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL byte
        raise FileUnwritable(os.fspath(path), getattr(error, "strerror", None) or str(error)) from None


def rejects_path(path: str | os.PathLike[str]) -> Path:
    """Where the refused rows of the file at `path` go unless told otherwise: the working directory."""
    return Path(f"{Path(path).stem}.rejects.csv")


def _lines(data: bytes, form: Format, source: str) -> Lines:
    """The lines of the file, the first being the header."""
    lines = Lines.of(data)
    if not len(lines):
        raise FileEmpty(source)
    expected, found = form.form.header, lines.text(0).removesuffix("\r")
    if split(found) != tuple(expected.split(",")):
        raise HeaderWrong(source, form.name, expected, shown(found) or "an empty line")
    return lines


def _by_itself(
    lines: Lines, plain: Columns, form: Format, scenario: Scenario, day: dt.date, securities: Codes
) -> tuple[Columns, list[Reject]]:
    """The rows that are not among `plain`, each read by itself: the right ones, and the refused."""
    left = np.ones(len(lines), dtype=np.bool_)
    left[0] = False
    left[plain.row] = False
    rejects: list[Reject] = []
    rows: list[tuple[str, ...]] = []
    numbers: list[int] = []
    places = np.flatnonzero(left)
    for number, text in zip(places.tolist(), lines.texts(places), strict=True):
        outcome = _parse(form, number, text)
        if isinstance(outcome, Reject):
            rejects.append(outcome)
        else:
            rows.append(outcome)
            numbers.append(number)
    columns, refused = accept(rows, numbers, form, scenario, day, securities)
    return columns, rejects + refused


def _parse(form: Format, number: int, text: str) -> tuple[str, ...] | Reject:
    match = form.form.fast.fullmatch(text)
    return match.groups() if match else form.form.parse(number + 1, text)


def _trading_day(form: Format, lines: Lines) -> dt.date | None:
    """The day of the first row that has one that can be read, even if another of its fields is wrong."""
    for text in (lines.text(number) for number in range(1, len(lines))):
        row = split(text.removesuffix("\r"))
        if row is None or len(row) != len(form.form.fields):
            continue
        digits = form.day(row)
        try:
            if digits is not None:
                return parse_day_number(int(digits))
        except InvalidValue:
            continue
    return None

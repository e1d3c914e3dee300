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
from collections.abc import Iterable, Sequence
from pathlib import Path

from ledger.errors import InvalidValue
from ledger.ids import parse_day_number
from settlement.errors import FileEmpty, FileUnwritable, HeaderWrong, RowRefused, TradingDayUnknown
from settlement.files import read_regular
from settlement.intake import canonical, nepse
from settlement.intake.checks import accept
from settlement.intake.format import Format
from settlement.intake.rows import shown, split
from settlement.model import Intake, Reject
from settlement.scenario import Scenario

_FORMATS = {nepse.NAME: nepse.of_exponent, canonical.NAME: canonical.of_exponent}


def read_trades(
    path: str | os.PathLike[str], scenario: Scenario, *, date: dt.date | None = None, strict: bool = False
) -> Intake:
    """Reads the trade file at `path` in the scenario's format.

    The trading day is `date`, else that of the first row that has a readable one; rows of other
    days are refused. Raises FileRefused (missing, empty, a directory, another header, no day
    anywhere) and, where `strict`, RowRefused at the first refused row.
    """
    return parse_trades(read_regular(path), scenario, source=os.fspath(path), date=date, strict=strict)


def parse_trades(
    data: bytes, scenario: Scenario, *, source: str, date: dt.date | None = None, strict: bool = False
) -> Intake:
    """The same for a file's bytes; `source` names them in errors."""
    form = _FORMATS[scenario.format](scenario.exponent)
    rows = _rows(data, form, source)
    parsed: list[tuple[str, ...] | None] = [
        match and match.groups() for match in map(form.form.fast.fullmatch, rows)
    ]
    rejects: list[Reject] = []
    for index, values in enumerate(parsed):
        if values is None:
            outcome = form.form.parse(index + 2, rows[index])
            if isinstance(outcome, Reject):
                rejects.append(outcome)
            else:
                parsed[index] = outcome
    day = date or _trading_day(form, rows, parsed)
    if day is None:
        raise TradingDayUnknown(source, len(rejects))
    trades, refused = accept(parsed, form, scenario, day)
    rejects = sorted(rejects + refused, key=lambda reject: reject.line)
    if strict and rejects:
        first = rejects[0]
        raise RowRefused(source, first.line, first.field, first.value, first.reason)
    return Intake(trades, tuple(rejects), len(rows), form.name)


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


def _rows(data: bytes, form: Format, source: str) -> list[str]:
    """The lines after the header, less empty ones at the end; what is not UTF-8 becomes surrogates."""
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="surrogateescape")
    lines = text.split("\n")
    while lines and lines[-1] in ("", "\r"):
        lines.pop()
    if not lines:
        raise FileEmpty(source)
    expected, found = form.form.header, lines[0].removesuffix("\r")
    if split(found) != tuple(expected.split(",")):
        raise HeaderWrong(source, form.name, expected, shown(found) or "an empty line")
    return lines[1:]


def _trading_day(
    form: Format, rows: Sequence[str], parsed: Sequence[tuple[str, ...] | None]
) -> dt.date | None:
    """The day of the first row that has one that can be read, even if another of its fields is wrong."""
    for text, values in zip(rows, parsed, strict=True):
        row = values or split(text.removesuffix("\r"))
        if row is None or len(row) != len(form.form.fields):
            continue
        digits = form.day(row)
        try:
            if digits is not None:
                return parse_day_number(int(digits))
        except InvalidValue:
            continue
    return None

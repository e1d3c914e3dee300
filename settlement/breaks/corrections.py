"""Corrections: entries that were proposed by one person and approved by another, applied to a book.

The book's rows are never changed; what a reconciliation reads of them is, each time again. A correction
applies to what its break was about and to nothing else: where it says what the row `was`, a row that has been
changed since is left alone, so that a correction never covers up a second mistake.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from string import Formatter
from typing import Any

import numpy as np

from ledger.errors import InvalidValue
from ledger.ids import parse_day_number
from ledger.units import TIME_UNKNOWN, exact
from settlement.breaks.errors import CorrectionInvalid
from settlement.reconciliation.entries import NO_DAY, NO_NUMBER, Entries

ACTIONS = ("replace", "add", "remove", "split")
NAMES = {"buyer": "parties", "seller": "parties", "security": "securities", "currency": "currencies"}
_COLUMNS = {
    "trade_number": "number",
    "trading_day": "day",
    "settlement_date": "settles",
    "time": "time",
    "quantity": "quantity",
    "settlement_amount": "amount",
    "price": "price",
    "commission": "commission",
    "levy": "levy",
}
FIELDS = (*_COLUMNS, *NAMES)
"""What an entry may say of a trade: quantities in units, money in minor units, a price in millionths, days
as yyyymmdd, times in seconds of the day.
"""
_NEEDED = ("trading_day", "buyer", "seller", "security", "quantity", "settlement_amount")
_ABSENT = {"trade_number": NO_NUMBER, "settlement_date": NO_DAY, "time": TIME_UNKNOWN, "price": -1}
_DAYS = ("trading_day", "settlement_date")
_LINE = re.compile(r"line (\d+)")
Row = dict[str, Any]
"""A trade's fields by the names of FIELDS, and `line`."""


@dataclass(frozen=True, slots=True)
class Correction:
    """A correction in force."""

    number: int
    """Its record's; rising in the order in which they were approved."""
    break_id: str
    institution: str
    trading_day: date | None
    entry: Mapping[str, Any]
    """As `checked` makes it."""
    proposed_by: str
    approved_by: str
    when: datetime
    """Of the approval."""


def checked(id: str, entry: Mapping[str, Any], subject: str, level: str) -> dict[str, Any]:
    """The entry that is proposed for the break `id`, its values as columns have them; a trade that it does
    not name is the break's `subject`. Raises CorrectionInvalid.
    """
    if level != "trade":
        reason = f"only a book's trades are corrected here, not {level}; correct its source, or close by hand"
        raise CorrectionInvalid(id, "level", reason)
    action, side = entry.get("action", "replace"), entry.get("side", "book")
    if action not in ACTIONS:
        raise CorrectionInvalid(id, "action", f"one of {', '.join(ACTIONS)} is wanted, not {action!r}")
    if side != "book":
        raise CorrectionInvalid(id, "side", f"only a book is corrected here; the {side} is corrected there")
    found: dict[str, Any] = {"action": action, "side": "book", "trade": str(entry.get("trade", subject))}
    if action == "add":
        found.pop("trade")
    for name, value in entry.items():
        if name in FIELDS:
            found[name] = _value(id, name, value)
        elif name == "was":
            was = _mapping(id, name, value)
            # It only has to be what the row holds, which may be nothing that a trade could have.
            found["was"] = {each: _value(id, each, it, held=True) for each, it in was.items()}
        elif name == "into":
            found["into"] = [
                {each: _value(id, each, it) for each, it in _mapping(id, name, part).items()}
                for part in value
            ]
        elif name == "keep":
            found["keep"] = _value(id, name, value)
        elif name not in ("action", "side", "trade"):
            raise CorrectionInvalid(id, name, f"is no field; there are {', '.join(FIELDS)}")
    given = [name for name in FIELDS if name in found]
    missing = [name for name in _NEEDED if name not in found] if action == "add" else []
    if missing:
        raise CorrectionInvalid(id, missing[0], "is wanted of a trade that is added")
    if action == "replace" and not given:
        raise CorrectionInvalid(id, "fields", "say what the entry should have, as quantity=510")
    if action == "split" and len(found.get("into", ())) < 2:
        raise CorrectionInvalid(id, "into", "two trades or more are wanted")
    return found


def _mapping(id: str, name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise CorrectionInvalid(id, name, "fields with their values are wanted")
    return value


def _value(id: str, name: str, value: object, *, held: bool = False) -> Any:
    if name in NAMES:
        if not isinstance(value, str) or not (held or (value.strip() and value.isprintable())):
            raise CorrectionInvalid(id, name, f"a name is wanted, not {value!r}")
        return value
    if name not in FIELDS and name != "keep":
        raise CorrectionInvalid(id, name, f"is no field; there are {', '.join(FIELDS)}")
    if isinstance(value, date):
        value = value.year * 10_000 + value.month * 100 + value.day
    if isinstance(value, str) and name in _DAYS and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        value = value.replace("-", "")
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,30}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise CorrectionInvalid(id, name, f"a whole number is wanted, not {value!r}")
    value = int(value)
    if held:
        return value
    bits = {"quantity": 64, "trade_number": 32}.get(name, 17 if name in ("time", "keep") else 88)
    if not 0 <= value < 1 << bits:
        raise CorrectionInvalid(id, name, f"a number from 0 to 2^{bits} - 1 is wanted, not {value}")
    if name in _DAYS:
        try:
            parse_day_number(value)
        except InvalidValue as error:
            raise CorrectionInvalid(id, name, str(error)) from None
    return value


def apply(entries: Entries, corrections: Sequence[Correction]) -> tuple[Entries, list[Correction]]:
    """The entries of one institution's book as its corrections have them, in the order of their records; and
    those corrections that changed anything.

    `keep` is how many entries of a trade stay when others are removed. A correction whose trade the book does
    not have, or has otherwise than it `was`, and one that adds what is there, does nothing. Untouched rows
    stay as they are; rows of trades that a correction names come after them.
    """
    if not corrections:
        return entries, []
    named = _Naming(entries.naming)
    keys = {key for each in corrections for key in named.keys(each)}
    numbers = np.array(sorted({key[1] for key in keys if key[0] == "number"}), dtype=np.int64)
    lines = np.array(sorted({key[1] for key in keys if key[0] == "line"}), dtype=np.int64)
    touched = (np.isin(entries.number, numbers) & (entries.number != NO_NUMBER)) | (
        np.isin(entries.line, lines) & (entries.number == NO_NUMBER)
    )
    rows = [_row(entries, i) for i in np.flatnonzero(touched).tolist()]
    applied = []
    for correction in sorted(corrections, key=lambda each: each.number):
        changed = _changed(rows, correction, named)
        if changed is not None:
            rows = changed
            applied.append(correction)
    if not applied:
        return entries, []
    return Entries.joined([entries.take(~touched), _entries(rows, entries)]), applied


class _Naming:
    """Finds what a name says of a trade, by how its side names trades."""

    def __init__(self, naming: str) -> None:
        pattern = ""
        for literal, name, _, _ in Formatter().parse(naming):
            pattern += re.escape(literal)
            if name is not None:
                pattern += rf"(?P<{name}>\d{{8}})" if name == "day" else rf"(?P<{name}>\d+)"
        self._pattern = re.compile(pattern)

    def place(self, correction: Correction, trade: str) -> tuple[str, int, int]:
        """`number` or `line`, which, and the trading day or NO_DAY."""
        day, was = correction.trading_day, correction.entry.get("was", {})
        # Where the book has another day than the ledger, it is found under the day that it has.
        known = NO_DAY if day is None else day.year * 10_000 + day.month * 100 + day.day
        known = was.get("trading_day", known)
        if "trade_number" in was:
            return "number", was["trade_number"], known
        if of_line := _LINE.fullmatch(trade):
            return "line", int(of_line[1]), known
        found = self._pattern.fullmatch(trade)
        parts = found.groupdict() if found else {}
        if "number" not in parts:
            return "number", int(trade) if re.fullmatch(r"\d{1,18}", trade) else NO_NUMBER - 1, known
        return "number", int(parts["number"]), int(parts.get("day", known))

    def keys(self, correction: Correction) -> list[tuple[str, int]]:
        """What of the book the correction may touch."""
        entry = correction.entry
        named = [self.place(correction, entry["trade"])[:2]] if "trade" in entry else []
        added = [entry, *entry.get("into", ())]
        return named + [("number", each["trade_number"]) for each in added if "trade_number" in each]


def _changed(rows: list[Row], correction: Correction, named: _Naming) -> list[Row] | None:
    """The rows as the correction has them; None where it finds nothing to do."""
    entry = correction.entry
    values = {name: value for name, value in entry.items() if name in FIELDS}
    if entry["action"] == "add":
        number, day = values.get("trade_number", NO_NUMBER), values["trading_day"]
        there = number != NO_NUMBER and any(
            row["trade_number"] == number and row["trading_day"] == day for row in rows
        )
        return None if there else [*rows, _ABSENT | {"line": 0} | values]
    kind, which, day = named.place(correction, entry["trade"])
    was = entry.get("was", {})

    def is_of_it(row: Row) -> bool:
        if day not in (NO_DAY, row["trading_day"]):
            return False  # Another day's book has other trades on its lines, and may use numbers again.
        if kind == "line":
            return bool(row["line"] == which and row["trade_number"] == NO_NUMBER)
        return bool(row["trade_number"] == which)

    trade = [row for row in rows if is_of_it(row)]
    mine = [row for row in trade if all(row.get(name) == value for name, value in was.items())]
    chosen = {id(row) for row in mine}
    rest = [row for row in rows if id(row) not in chosen]
    if entry["action"] == "replace":
        set_right = [row | values for row in mine]
        return None if set_right == mine else rest + set_right
    if entry["action"] == "remove":
        surplus = max(0, len(trade) - entry.get("keep", 0))
        return rest + mine[: max(0, len(mine) - surplus)] if surplus and mine else None
    parts = [row | part for row in mine[:1] for part in entry["into"]]
    comes_to = all(
        sum(part[name] for part in parts) == mine[0][name]
        for name in ("quantity", "settlement_amount")
        if parts
    )
    return rest + parts + mine[1:] if parts and comes_to else None


def _row(entries: Entries, i: int) -> Row:
    row: Row = {"line": int(entries.line[i])}
    for name, column in _COLUMNS.items():
        values = getattr(entries, column)
        if values is not None:
            row[name] = int(values[i])
    for name, table in NAMES.items():
        code = int(getattr(entries, name)[i])
        row[name] = None if code < 0 else getattr(entries, table)[code]
    return row


def _entries(rows: Sequence[Row], like: Entries) -> Entries:
    """Rows as columns, those of `like`; a currency that an added one does not say is the book's only one."""
    columns: dict[str, Any] = {"line": np.array([row["line"] for row in rows], dtype=np.int64)}
    for name, column in _COLUMNS.items():
        if getattr(like, column) is not None:
            columns[column] = exact([row.get(name, 0) for row in rows])
    only = like.currencies[0] if len(like.currencies) == 1 else None
    tables: dict[str, dict[str, int]] = {table: {} for table in NAMES.values()}
    for name, table in NAMES.items():
        codes, known = [], tables[table]
        for row in rows:
            text = row.get(name, only if name == "currency" else None)
            codes.append(-1 if text is None else known.setdefault(text, len(known)))
        columns[name] = np.array(codes, dtype=np.int32)
    named: dict[str, Any] = {table: tuple(known) for table, known in tables.items()}
    return Entries(**named, **columns, naming=like.naming, whole=like.whole)

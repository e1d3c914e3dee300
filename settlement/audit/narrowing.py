"""Narrowing a view by what was asked, and one page of what is left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ledger.errors import InvalidValue
from settlement.audit.answer import Answer
from settlement.audit.conditions import limited, row_after
from settlement.audit.names import one_of, unknown
from settlement.audit.session import Audit

_FITS = 1 << 63
"""No column has a number that takes more than 64 bits, and DuckDB takes none of more than 128."""


@dataclass(slots=True)
class Narrowed:
    """Conditions on the columns of a view. They are on what the viewer sees of it and on nothing else, so no
    filter reaches under a mask."""

    audit: Audit
    view: str
    conditions: list[str] = field(default_factory=list)
    parameters: list[Any] = field(default_factory=list)

    def where(self, condition: str, *parameters: Any) -> None:
        """One more condition in SQL."""
        self.conditions.append(condition)
        self.parameters += parameters

    def equal(self, column: str, value: object) -> None:
        """The column has this value; nothing is asked where it is None."""
        if isinstance(value, int) and not -_FITS <= value < _FITS:
            self.where("false")
        elif value is not None:
            self.where(f"{column} = ?", value)

    def institution(self, name: str | None, *columns: str) -> None:
        """One of the columns has the institution. Raises NameUnknown."""
        if name is None:
            return
        if self.audit.access.sees != "masked":
            self.audit.names.institution(name)
        self.where("(" + " or ".join(f"{column} = ?" for column in columns) + ")", *[name] * len(columns))

    def listed(self, name: str | None, column: str) -> None:
        """The column, a list, has the institution. Raises NameUnknown."""
        if name is not None:
            if self.audit.access.sees != "masked":
                self.audit.names.institution(name)
            self.where(f"list_contains({column}, ?)", name)

    def words(self, what: str, given: Iterable[str], known: Sequence[str], column: str) -> None:
        """The column has one of some words; none given asks nothing. Raises NameUnknown."""
        wanted = [one_of(what, each, known) for each in given]
        if wanted:
            self.where(f"list_contains(?, {column})", wanted)

    def days(self, first: date | None, last: date | None, column: str) -> None:
        """The column is a day from the first to the last. Raises InvalidValue where they are the wrong way
        round."""
        if first is not None and last is not None and last < first:
            raise InvalidValue("days", f"{first} to {last}", "the last is not before the first")
        if first is not None:
            self.where(f"{column} >= ?", first)
        if last is not None:
            self.where(f"{column} <= ?", last)

    def statement(self, columns: str = "*") -> str:
        """The statement in SQL, without order."""
        return f"select {columns} from {self.view} where {' and '.join(self.conditions) or 'true'}"

    def answer(
        self, question: str, order: str, limit: int | None, after: str | None, columns: str = "*"
    ) -> Answer:
        """A page of the rows in an order in which new ones come last. Raises InvalidValue."""
        start, limit = row_after(after), limited(limit)
        [(total,)] = self.audit.rows(f"select count(*) from ({self.statement()})", self.parameters)
        page = f"limit {limit} " if limit is not None else ""
        table = self.audit.table(
            f"{self.statement(columns)} order by {order} {page}offset {start}", self.parameters
        )
        end = start + len(table)
        return self.audit.answer(question, table, total=total, next=str(end) if end < total else None)


def one_trade(audit: Audit, name: str) -> dict[str, Any]:
    """The row of the view `trades` of a trade, "YYYY-MM-DD/NUMBER" or its number where one day has it. Raises
    NameUnknown with those that there are."""
    column = "trade" if "/" in name else "trade_number::varchar"
    found = audit.table(f"select * from trades where {column} = ?", [name.strip()]).to_pylist()
    if len(found) == 1:
        return dict(found[0])
    known = [row["trade"] for row in found]
    known = known or [
        row[0] for row in audit.rows("select trade from trades order by trading_day, trade_number limit 9")
    ]
    raise unknown("trade", name, known)

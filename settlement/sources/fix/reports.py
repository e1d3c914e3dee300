"""Reports of trades, one after the other: what stands after cancellations, corrections and repetitions."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ledger.errors import InvalidValue
from settlement.reconciliation.entries import NO_NUMBER
from settlement.sources.messages import Row, shown

Id = tuple[int, str]
"""The tag whose sort an id is of (ExecID 17, TradeReportID 571, TradeID 1003), and its text."""

TRADE_ID = 1003
"""An id that several reports of one trade have."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one message says: a trade (`row`; None where it only takes one back), its own `ids`, and those of
    the report that it `replaces` (none where it is new). `firm`: the trade's number is that of the trade, not
    of the report. `resent`: the sender says that it may have sent it before.
    """

    row: Row | None
    ids: tuple[Id, ...]
    replaces: tuple[Id, ...] = ()
    firm: bool = True
    resent: bool = False


@dataclass(slots=True)
class Reports:
    """The trades that stand after all reports so far, and how many did not stay as they came."""

    cancelled: int = 0
    corrected: int = 0
    again: int = 0
    _rows: dict[int, Row] = field(default_factory=dict)
    _places: dict[Id, int] = field(default_factory=dict)
    _next: int = 0

    def standing(self) -> list[Row]:
        """In the order in which they were first reported."""
        return [self._rows[place] for place in sorted(self._rows)]

    def take(self, report: Report) -> None:
        """Let one report count. InvalidValue where it takes back a trade that is not in this source."""
        old = next((self._places[each] for each in report.replaces if each in self._places), None)
        if report.row is None:
            if old is None or old not in self._rows:
                tag, text = report.replaces[0]
                raise InvalidValue(str(tag), shown(text), "takes back a trade that is not in this source")
            del self._rows[old]
            self.cancelled += 1
            return
        if report.resent and any(each in self._places for each in report.ids if each[0] != TRADE_ID):
            self.again += 1
            return
        row = report.row
        if old is not None and old in self._rows:
            self.corrected += 1
            before = self._rows[old]
            if not report.firm and before.number != NO_NUMBER:
                row = replace(row, number=before.number, with_day=before.with_day)
        else:
            old, self._next = self._next, self._next + 1
        self._rows[old] = row
        self._places |= dict.fromkeys(report.ids, old)

"""FIX 4.4: execution reports (35=8) and trade capture reports (35=AE), as a session or a log has them.

A report counts where it is of a trade (ExecType F) that is not taken back or replaced later in the same
source (ExecType H, G; of a capture report also TradeReportTransType). Session messages, and application
messages that report no trade, are counted and left out. A message that is damaged, or that says something
that cannot be held, is refused by itself.
"""

from __future__ import annotations

from ledger.errors import InvalidValue
from settlement.errors import FileEmpty
from settlement.reconciliation.model import Refused
from settlement.sources import Context, Source
from settlement.sources.errors import MessageRefused
from settlement.sources.fix.framing import Damaged, Message, messages
from settlement.sources.fix.reports import Reports
from settlement.sources.fix.trade import Trade
from settlement.sources.messages import Names, check_days, entries_of, refused

NAME = "fix"
VERSIONS = ("FIX.4.4", "FIXT.1.1")
_SESSION = frozenset(["0", "1", "2", "3", "4", "5", "A", "n"])


def read(data: bytes, name: str, context: Context, mapping: object | None = None) -> Source:
    """The trades that the messages in `data` report. `mapping` may rename, by the mappings `institutions` and
    `securities` that it has, and give `utc_offset`, the minutes of the venue's time beyond UTC: FIX has times
    in UTC, so without it they are not compared.

    Raises FileEmpty, MessageRefused where there is no message, DayOther where no trade is of the day that the
    context asks for.
    """
    if not data.strip():
        raise FileEmpty(name)
    offset = getattr(mapping, "utc_offset", None)
    reader = _Reader(
        name,
        context,
        Names.of(context.institutions, mapping, "institutions"),
        Names.of(context.securities, mapping, "securities"),
        offset if isinstance(offset, int) else None,
    )
    for found in messages(data):
        reader.take(found)
    return reader.source()


class _Reader:
    def __init__(
        self, name: str, context: Context, institutions: Names, securities: Names, offset: int | None
    ) -> None:
        self._name = name
        self._context = context
        self._names = institutions, securities
        self._offset = offset
        self._reports = Reports()
        self._faults: list[Refused] = []
        self._messages = self._session = self._others = 0

    def take(self, found: Message | Damaged) -> None:
        self._messages += 1
        if isinstance(found, Damaged):
            self._faults.append(Refused(self._name, found.line, found.field, found.value, found.reason))
            return
        if found.fields[2][1] in _SESSION:
            self._session += 1
            return
        try:
            if found.version not in VERSIONS:
                raise InvalidValue("8", found.version, f"{VERSIONS[0]} is wanted")
            report = Trade(found, self._context, *self._names, self._offset).report()
            if report is None:
                self._others += 1
            else:
                self._reports.take(report)
        except InvalidValue as error:
            self._faults.append(refused(self._name, found.line, error))

    def source(self) -> Source:
        if not self._messages:
            raise MessageRefused(self._name, "", 1, "there is no FIX message in it")
        rows = self._reports.standing()
        check_days(self._name, (row.day for row in rows), self._context.day)
        left = {
            "session messages": self._session,
            "messages that report no trade": self._others,
            "trades cancelled": self._reports.cancelled,
            "trades corrected": self._reports.corrected,
            "messages sent again": self._reports.again,
        }
        notes = {what: str(count) for what, count in left.items() if count}
        if rows and self._offset is None:
            notes["times"] = "not compared: FIX has UTC, and no utc_offset of the venue is given"
        return Source(
            name=self._name,
            side=self._context.side,
            owner=self._context.owner,
            format=NAME,
            rows=len(rows) + len(self._faults),
            entries=entries_of(rows),
            refused=tuple(self._faults),
            notes=notes,
        )

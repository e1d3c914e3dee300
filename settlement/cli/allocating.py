"""Files of brokers' allocations to their clients, as `clearing record` and `clearing affirm` take them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from settlement.clients.reading import Affirmed, Read
    from settlement.model import Trades
    from settlement.operations import Ledger


def of_trades(file: Path | None, trades: Trades, *, strict: bool = False) -> Read:
    """The allocations in a file of all brokers' of a trade file that is about to be recorded."""
    from settlement.clients.reading import Read, parse
    from settlement.files import read_regular

    if file is None:
        return Read({}, (), 0)
    return parse(read_regular(file), trades, source=str(file), strict=strict)


def of_own(ledger: Ledger, file: Path | None, broker: str | None) -> Read:
    """The allocations in a broker's own file, of the trades in its book of that day; what it has affirmed
    stays. Raises NameUnknown.
    """
    from settlement.clients.reading import Read, day_of, parse
    from settlement.errors import NameUnknown
    from settlement.files import read_regular

    if file is None or broker is None:
        return Read({}, (), 0)
    scenario = ledger.market.scenario
    if broker not in scenario.brokers:
        raise NameUnknown("broker", broker, scenario.brokers)
    data, source = read_regular(file), str(file)
    days = ledger.shelf.days(broker, scenario)
    day = day_of(data, source)
    if day not in days:
        raise NameUnknown(f"trading day in the book of {broker}", str(day), [*map(str, days)] or ["none"])
    affirmed: Affirmed = (_affirmed(ledger, broker, day), ledger.allocations.find(broker, day))
    return parse(data, days[day], source=source, broker=broker, affirmed={broker: affirmed})


def _affirmed(ledger: Ledger, broker: str, day: date) -> list[int]:
    """The numbers of the trades of a day that a broker has affirmed or excepted."""
    from ledger.ids import day_number

    index = ledger.market.index[broker]
    return [
        number
        for batch in ledger.read().batches.values()
        if batch.header.trading_day == day_number(day) and index in batch.affirmed_in
        for number in batch.records.number.tolist()
    ]


def as_json(read: Read, file: Path | None) -> dict[str, Any]:
    """What came of a file, as JSON has it; nothing where there was none."""
    if file is None:
        return {}
    rejects = [
        {"line": each.line, "field": each.field, "value": each.value, "reason": each.reason}
        for each in read.rejects
    ]
    return {"allocations": {"source": str(file), "rows": read.rows, "rejects": rejects}}


def said(shown: dict[str, Any]) -> Iterator[str]:
    """The same for people."""
    from settlement.report.layout import plural

    found = shown.get("allocations")
    if found is not None:
        refused = len(found["rejects"])
        rest = f", {plural(refused, 'row')} refused" if refused else ""
        yield f"{plural(found['rows'] - refused, 'allocation')} to clients kept{rest}."

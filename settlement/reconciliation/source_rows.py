"""What is said of a source in a report, so that it shows what was compared and what was not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace

from settlement.intake.rows import shown
from settlement.reconciliation.model import Break, Cause, Kind
from settlement.sources import Source


def source_row(source: Source, notes: Mapping[str, object]) -> dict[str, object]:
    """A source as every report has it; `notes` are what of its trades was not compared."""
    exact = {name: by for name, by in asdict(source.tolerances).items() if by}
    return {
        "source": source.name,
        "side": source.side,
        "institution": source.owner,
        "format": source.format,
        "rows": source.rows,
        "others": source.others,
        "tolerances": exact,
        "cut_off": source.cut_off,
        **(notes if source.entries is not None else {}),
        **source.notes,
    }


def with_unread(breaks: Iterable[Break], sources: Sequence[Source]) -> tuple[Break, ...]:
    """The breaks; of a trade that a book lacks because its row could not be read it says so."""
    unread: dict[tuple[str | None, str], Cause] = {}
    for source in sources:
        for each in source.refused:
            called, _, reason = each.reason.partition(": ")
            if called.startswith("trade ") and reason:
                value = f"{each.field} {shown(each.value)!r}"
                said = f"Line {each.line} has it and could not be read: {value} {reason}."
                unread[source.owner, called.removeprefix("trade ")] = Cause("unreadable", said, {})

    def told(each: Break) -> Break:
        cause = unread.get((each.institution, each.subject)) if each.kind is Kind.MISSING_HERE else None
        return each if cause is None else replace(each, causes=(cause, *each.causes))

    return tuple(map(told, breaks))

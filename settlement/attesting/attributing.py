"""Where a break comes from: was the book so when its institution signed it, or was it changed since?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ledger.ids import day_number, parse_day_number
from settlement.attesting.comparing import ENTRY, Change, differences
from settlement.attesting.leaves import decode, of_entries
from settlement.attesting.signing import Standing
from settlement.operations import Ledger
from settlement.reconciliation.entries import Entries
from settlement.reconciliation.model import NAMED, Break
from settlement.reconciliation.units import field_words, say

Verdict = Literal["as_signed", "changed_since"]


@dataclass(frozen=True, slots=True)
class Attribution:
    """What one signed book says of one trade of a break.

    `as_signed`: the book had of it, when it was signed, what it has now: it was wrong then, if it is wrong.
    """

    cycle: int
    verdict: Verdict
    changes: tuple[Change, ...]
    said: str
    """One sentence, with the values that the break is about."""


def attribute(found: Break, signed: Standing, present: Entries, exponent: int) -> list[Attribution]:
    """What the signed book says of each trade of a break; `present` is the institution's book as it is now,
    `exponent` says how many decimals its currency has.

    Nothing where the break is not about trades with numbers, is another institution's, or what is kept of the
    signed book is not what was signed.
    """
    if found.level != "trade" or found.institution != signed.institution or signed.kept is None:
        return []
    result = []
    for number in found.numbers:
        before, after = (_of(book, number, found) for book in (signed.kept.entries, present))
        changes = tuple(differences(before, after))
        had = _had(before, found, number, exponent)
        place = f"in block {signed.block:,} (cycle {signed.cycle}, revision {signed.revision})"
        end = f"and that was changed since: {_told(changes, exponent)}" if changes else "and so it is still"
        result.append(
            Attribution(
                cycle=signed.cycle,
                verdict="changed_since" if changes else "as_signed",
                changes=changes,
                said=f"The book that {found.institution} signed {place} {had}, {end}.",
            )
        )
    return result


def explain(ledger: Ledger, signed: Iterable[Standing], found: Break, present: Entries) -> list[Attribution]:
    """`attribute` by every signed book of the cycles that settled the break's trades, or that has the trade
    where none did; in their order.
    """
    cycles = _cycles_of(ledger, found)
    result = []
    for each in signed:
        about = each.cycle in cycles
        if not cycles and each.kept is not None:
            about = bool(np.isin(each.kept.entries.number, found.numbers).any())
        if about:
            result += attribute(found, each, present, ledger.market.scenario.exponent)
    return result


def _of(entries: Entries, number: int, found: Break) -> Entries:
    """The entries of a number, of the break's trading day unless that is what differs."""
    rows = entries.number == number
    if found.trading_day is not None and "trading_day" not in found.fields:
        rows = rows & (entries.day == day_number(found.trading_day))
    return entries.take(np.flatnonzero(rows))


def _had(before: Entries, found: Break, number: int, exponent: int) -> str:
    if not len(before):
        return f"had no trade {number}"
    fields = [name for name in found.fields if name in NAMED] or ["quantity", "settlement_amount"]
    rows = [decode(leaf) for leaf in of_entries(before)]
    values = (
        ", ".join(f"{field_words(name)} {say(exponent, 'trade', name, said[name])}" for name in fields)
        for said in rows
    )
    return f"had trade {number} with {'; and with '.join(values)}"


def _told(changes: Sequence[Change], exponent: int) -> str:
    told = []
    for each in changes:
        if each.field == ENTRY:
            told.append("the entry was taken out" if each.present is None else "an entry was put in")
        else:
            now, was = (say(exponent, each.level, each.field, it) for it in (each.present, each.signed))
            told.append(f"{field_words(each.field)} is {now} now, and was {was}")
    return "; ".join(told)


def _cycles_of(ledger: Ledger, found: Break) -> set[int]:
    """The venue's cycles that settled any of the break's trades."""
    history, market = ledger.read(), ledger.market
    transactions: set[bytes] = set()
    for batch in history.batches.values():
        if found.trading_day in (None, parse_day_number(batch.header.trading_day)):
            rows = np.flatnonzero(np.isin(batch.records.number, found.numbers))
            whole = {int(place) for place in batch.settled_in[rows] if place >= 0}
            transactions |= {batch.settlements[place] for place in whole}
            transactions |= {part.transaction for part in batch.parts if part.position in rows}
    venue = market.index[market.scenario.venue]
    return {
        number
        for (at, number), known in history.cycles.items()
        if at == venue and not transactions.isdisjoint(known)
    }

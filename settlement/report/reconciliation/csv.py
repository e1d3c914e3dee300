"""A reconciliation as CSV (RFC 4180, UTF-8, no byte order mark): a break a row.

Columns: `list` (break, or pending: what only waits), `id`, `institution`, `level`, `kind`, `reason` (ISO
20022), `subject` (the trade as its file names it, the asset, the line of revenue), `trading_day`, `lines` of
the source, `fields`, `value_at_risk` and `currency`, `status`, `age`, `first_seen`, `owner`, `odd` (the side
that stands alone), `cause` (proposed), `mend` (the entry that would mend it).

`fields` is what differs, as `quantity: book 510, ledger 150; settlement_amount: book 5100.00, ledger 15.00`,
with each side that was held against another; `nothing` is what a side does not have. Amounts are plain
decimal currency units. A cell that a spreadsheet might take for a formula has an apostrophe in front. Columns
may be added at the end, none will change its meaning. Sums and refused rows are in the other forms.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO

from settlement.reconciliation.model import Break
from settlement.reconciliation.units import say, unit_of
from settlement.report.layout import Money
from settlement.report.reconciliation.view import Item, View, ordered
from settlement.report.reconciliation.wording import mending
from settlement.report.vocabulary import SIDES
from settlement.report.wording import cell

COLUMNS = (
    *("list", "id", "institution", "level", "kind", "reason", "subject", "trading_day", "lines", "fields"),
    *("value_at_risk", "currency", "status", "age", "first_seen", "owner", "odd", "cause", "mend"),
)


def as_csv(view: View) -> str:
    """Every break and everything pending, safe to open in a spreadsheet."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for name, items in (("break", view.breaks), ("pending", view.pending)):
        writer.writerows(_row(name, each, view.money) for each in ordered(items))
    return out.getvalue()


def _row(name: str, item: Item, money: Money) -> list[str]:
    found = item.found
    return [
        *(name, cell(item.id or ""), cell(found.institution), found.level, found.kind.value, found.reason),
        cell(found.subject),
        "" if found.trading_day is None else found.trading_day.isoformat(),
        " ".join(map(str, found.lines)),
        cell("; ".join(_fields(found, money))),
        *(_plain(money.bare(int(found.value_at_risk))), cell(money.currency)),
        *(cell(item.status or "open"), cell(item.age or "")),
        "" if item.first_seen is None else item.first_seen.isoformat(),
        *(cell(item.owner or ""), found.odd or ""),
        cell(found.causes[0].said if found.causes else ""),
        cell(mending(found, money)),
    ]


def _fields(found: Break, money: Money) -> Iterator[str]:
    for name, values in found.fields.items():
        texts = {
            side: say(money.exponent, found.level, name, values[side]) for side in SIDES if side in values
        }
        if unit_of(found.level, name) != "text":
            texts = {side: _plain(said) for side, said in texts.items()}
        yield f"{name}: " + ", ".join(f"{side} {said}" for side, said in texts.items())


def _plain(number: str) -> str:
    """Without separators, which a program would have to take out again."""
    return number.replace(",", "")

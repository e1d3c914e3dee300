"""A statement as CSV: a line of the statement a row, and nothing else; sums are in the other formats.

Columns: `agreement`, `payer`, `party`, `period`, `version` of the terms, `line` (from 0, as the ledger
counts), `kind` (accrual, run, clawback, release), `basis`, `tier`, `formula`; `exact_numerator` and
`exact_denominator`, `rounding_numerator` and `rounding_denominator`: exact minor units, exact less rounding
is the amount; `amount`, plain decimal currency units; `currency`; `day` (UTC), `block`, `transaction`;
`contested`: who contests it and why, several joined by "; ".
"""

from __future__ import annotations

import csv
from io import StringIO

from settlement.agreements.statements.statement import Statement
from settlement.report.wording import cell

COLUMNS = (
    *("agreement", "payer", "party", "period", "version", "line", "kind", "basis", "tier", "formula"),
    *("exact_numerator", "exact_denominator", "rounding_numerator", "rounding_denominator"),
    *("amount", "currency", "day", "block", "transaction", "contested"),
)


def as_csv(statement: Statement) -> str:
    """The statement's lines, every one, safe to open in a spreadsheet."""
    head, out = statement.head, StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for line in statement.lines:
        writer.writerow(
            [
                *map(cell, (head.agreement, head.payer, statement.name_of(line.party))),
                *(cell(head.periods[line.period]), line.version, line.line, line.kind.value),
                *map(cell, (line.basis, line.tier, line.formula)),
                *(line.exact.numerator, line.exact.denominator),
                *(line.rounding.numerator, line.rounding.denominator),
                # Without separators, which a program would have to take out again.
                *(head.money.bare(line.amount_minor).replace(",", ""), head.money.currency),
                *(statement.day_of(line).isoformat(), line.block, f"0x{line.transaction.hex()}"),
                cell("; ".join(line.contested)),
            ]
        )
    return out.getvalue()

"""A statement as JSON. Amounts are minor units as decimal strings, exact ones fractions "n/d" of them.

    {
      "agreement": {"id", "payer", "name", "currency", "exponent"},
      "period": "2019Q4", "first_day": "2019-10-01", "last_day": "2019-12-31",
      "periods": ["2019Q4"], "versions": [1],
      "party": the party's name, or null for all of them,
      "read_up_to": {"block", "hash"},
      "accounts": [
        {"party", "opening_minor", "earned_minor", "paid_minor", "closing_minor",
         "earned_by": [{"line", "kind", "basis", "amount_minor"}],
         "lines": [
           {"period", "version", "line", "kind", "basis", "tier", "formula", "exact_minor", "rounding_minor",
            "amount_minor", "day", "block", "transaction", "contested": ["who: why"]}]}],
      "together": {"opening_minor", "earned_minor", "paid_minor", "closing_minor"},
      "contests": [{"period", "line", "transaction": of the settlement, or null for the run, "by", "reason"}],
      "not_computed": [in words, a line of a period that is over which no run has computed, and why]
    }

Of each line `exact_minor - rounding_minor == amount_minor`, of each account and of all together
`opening_minor + earned_minor - paid_minor == closing_minor`. `line` counts from 0 as the ledger does. `kind`
is one of accrual, run, clawback, release; in `earned_by` "run" has a clause's accruals, too. Keys may be
added, none will change its meaning.
"""

from __future__ import annotations

from typing import Any

from settlement.agreements.lines import Line, PartyAccount
from settlement.agreements.statements.statement import Statement, earned_by

_SUMS = ("opening_minor", "earned_minor", "paid_minor", "closing_minor")


def as_json(statement: Statement) -> dict[str, Any]:
    """The statement's one object."""
    head = statement.head
    return {
        "agreement": {
            "id": head.agreement_id,
            "payer": head.payer,
            "name": head.agreement,
            "currency": head.money.currency,
            "exponent": head.money.exponent,
        },
        "period": head.period,
        "first_day": head.first_day.isoformat(),
        "last_day": head.last_day.isoformat(),
        "periods": list(head.periods.values()),
        "versions": statement.versions,
        "party": None if statement.party is None else statement.name_of(statement.party),
        "read_up_to": {"block": head.block, "hash": f"0x{head.block_hash.hex()}"},
        "accounts": [_account(statement, each) for each in statement.accounts],
        "together": {name: str(sum(getattr(each, name) for each in statement.accounts)) for name in _SUMS},
        "contests": [
            {
                "period": head.periods[each.period],
                "line": each.line,
                "transaction": f"0x{each.settled_in.hex()}" if any(each.settled_in) else None,
                "by": statement.name_of(each.institution),
                "reason": each.reason,
            }
            for each in statement.contests
        ],
        "not_computed": list(statement.not_computed),
    }


def _account(statement: Statement, account: PartyAccount) -> dict[str, Any]:
    earned = earned_by(account)
    return {
        "party": statement.name_of(account.party),
        **{name: str(getattr(account, name)) for name in _SUMS},
        "earned_by": [
            {
                "line": clause.line,
                "kind": clause.kind.value,
                "basis": clause.basis,
                "amount_minor": str(earned[clause]),
            }
            for clause in statement.clauses
            if clause in earned
        ],
        "lines": [_line(statement, line) for line in account.lines],
    }


def _line(statement: Statement, line: Line) -> dict[str, Any]:
    return {
        "period": statement.head.periods[line.period],
        "version": line.version,
        "line": line.line,
        "kind": line.kind.value,
        "basis": line.basis,
        "tier": line.tier,
        "formula": line.formula,
        "exact_minor": f"{line.exact.numerator}/{line.exact.denominator}",
        "rounding_minor": f"{line.rounding.numerator}/{line.rounding.denominator}",
        "amount_minor": str(line.amount_minor),
        "day": statement.day_of(line).isoformat(),
        "block": line.block,
        "transaction": f"0x{line.transaction.hex()}",
        "contested": list(line.contested),
    }

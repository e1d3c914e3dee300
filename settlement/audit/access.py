"""Who sees what: the one place that says it, for the command line, for Python and for what comes later."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Sees = Literal["all", "own", "masked"]


@dataclass(frozen=True, slots=True)
class Access:
    """What one viewer sees: `all` as it is; of rows that concern institutions only its `own`; or every row
    `masked`, names by their last four characters and amounts by their magnitude."""

    viewer: str
    sees: Sees = "all"
    institutions: frozenset[int] = field(default_factory=frozenset)
    """For whom the viewer acts, by the ledger's index."""

    def concerns(self, *columns: str) -> str:
        """A condition in SQL: one of the columns, which hold institutions' indexes, is the viewer's own."""
        if self.sees != "own":
            return "true"
        own = ", ".join(map(str, sorted(self.institutions))) or "-2"
        return "(" + " or ".join(f"{column} in ({own})" for column in columns) + ")"

    def amount(self, expression: str) -> str:
        """An expression in SQL for an amount or a quantity as the viewer sees it."""
        return f"mask_amount({expression})" if self.sees == "masked" else expression

    def name(self, expression: str) -> str:
        """An expression in SQL for an institution's name or account as the viewer sees it."""
        return f"mask_name({expression})" if self.sees == "masked" else expression

"""The breaks of a ledger in a directory, opened without its chain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ledger.clock import SystemClock
from settlement import directory
from settlement.breaks.store import Breaks
from settlement.reconciliation.model import Side
from settlement.scenario import Scenario


def owners(scenario: Scenario) -> Mapping[Side, str]:
    """Whose task a break is that is not an institution's: who answers for each other side."""
    return {
        "ledger": scenario.venue,
        "bank": scenario.cash.issuer,
        "custodian": scenario.securities.issuer,
    }


@contextmanager
def breaks_of(path: Path, scenario: Scenario, *, write: bool) -> Iterator[Breaks]:
    """The breaks of the ledger at `path`. On a simulated clock it is the time of what happened last to any.

    Raises NotALedger and what `Breaks.open` raises.
    """
    clock = SystemClock() if directory.config(path).clock == "system" else None
    with Breaks.open(path, write=write, clock=clock, owners=owners(scenario)) as breaks:
        yield breaks

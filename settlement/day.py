"""One business day on a ledger: record, fund, settle, reconcile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from settlement.clients.columns import Allocations
    from settlement.cycle import Settled
    from settlement.liquidity import Search
    from settlement.model import Intake
    from settlement.operations import Ledger
    from settlement.reconciliation.running import Reconciled

OPENING = time(9)
"""Of the simulated day's clock, UTC."""


def opens_at(trading_day: date) -> datetime:
    """When a simulated trading day begins."""
    return datetime.combine(trading_day, OPENING, UTC)


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a day: what each trade that did not settle waits for, and what reconciling found."""

    settled: Settled
    reconciled: Reconciled


def run(
    ledger: Ledger,
    intake: Intake,
    data: bytes,
    *,
    source: str,
    rejects_file: str | None = None,
    cover_ppm: int | None = None,
    search: Search | None = None,
    allocations: Mapping[str, Allocations] | None = None,
) -> Ran:
    """All steps of a day, on a ledger that is open for writing; `data` are the trade file's bytes,
    `allocations` brokers' to their clients.
    """
    ledger.record(intake, data, source=source, rejects_file=rejects_file, allocations=allocations)
    ledger.fund(cover_ppm)
    settled = ledger.settle(search)
    return Ran(settled, ledger.reconcile())

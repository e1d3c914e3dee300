"""How far a ledger's trades have come, by trading day, and what one step changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ledger.clients.clearing_house import Status
from ledger.history import History
from ledger.ids import parse_day_number
from ledger.units import exact_sum

if TYPE_CHECKING:
    from settlement.operations import Ledger
    from settlement.report.waiting import Shortages


@dataclass(frozen=True, slots=True)
class Count:
    """Trades of one trading day, or of all. `disputed`, `held` and `unaffirmed` ones are `pending`, too;
    `final` have settled in a block that no other can replace; `ended` were cancelled, compensated or closed
    out.
    """

    recorded: int = 0
    settled: int = 0
    disputed: int = 0
    unaffirmed: int = 0
    final: int = 0
    held: int = 0
    ended: int = 0

    @property
    def pending(self) -> int:
        """Recorded, and neither settled nor ended."""
        return self.recorded - self.settled - self.ended

    def __add__(self, other: Count) -> Count:
        return Count(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


def by_day(history: History, final_block: int) -> dict[date, Count]:
    """How far the trades of each trading day are; blocks up to `final_block` are final."""
    found: dict[date, Count] = {}
    for batch in history.batches.values():
        records, settled = batch.records, batch.settled
        affirmed = list(batch.affirmed_in)
        silent = ~(np.isin(records.buyer, affirmed) & np.isin(records.seller, affirmed)) & ~settled
        silent &= ~batch.ended
        status = batch.status
        is_final = [history.blocks[each] <= final_block for each in batch.settlements]
        count = Count(
            len(records),
            int(settled.sum()),
            int((status == Status.DISPUTED).sum()),
            int(silent.sum()),
            int(np.array([*is_final, False])[batch.settled_in].sum()),
            int((status == Status.HELD).sum()),
            int(batch.ended.sum()),
        )
        day = parse_day_number(batch.header.trading_day)
        found[day] = found.get(day, Count()) + count
    return dict(sorted(found.items()))


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a ledger stands before a step, so that what the step did can be said."""

    batches: int
    recorded: int
    affirmations: int
    disputed: int
    settled: int
    netting_sets: int

    @classmethod
    def of(cls, history: History) -> Self:
        """Now."""
        every = history.batches.values()
        return cls(
            batches=len(every),
            recorded=sum(len(batch.records) for batch in every),
            affirmations=sum(len(batch.affirmed_in) for batch in every),
            disputed=sum(int((batch.status == Status.DISPUTED).sum()) for batch in every),
            settled=sum(int(batch.settled.sum()) for batch in every),
            netting_sets=len(history.netting_sets),
        )

    def since(self, before: Mark) -> Mark:
        """What has come since an earlier one."""
        return Mark(*(getattr(self, each.name) - getattr(before, each.name) for each in fields(self)))


def spent(ledger: Ledger, *stages: str) -> dict[str, Any]:
    """What this process sent and how long it took, as JSON has it."""
    receipts = [receipt for stage in stages for receipt in ledger.receipts.get(stage, ())]
    return {
        "transactions": len(receipts),
        "gas_used": exact_sum([receipt.gas_used for receipt in receipts]),
        "seconds": {stage: round(seconds, 4) for stage, seconds in ledger.seconds.items() if stage in stages},
    }


def next_steps(ledger: Ledger, path: object) -> list[str]:
    """The commands that bring the ledger's pending trades forward, in their order; the last one where nothing
    is pending is to reconcile.
    """
    total = sum(by_day(ledger.read(), 0).values(), Count())
    steps = ["affirm"] if total.unaffirmed else []
    affirmed = total.pending - total.unaffirmed - total.disputed - total.held
    if total.unaffirmed or (affirmed > 0 and any(_short(ledger.waiting()))):
        steps.append("fund")
    if total.unaffirmed or affirmed > 0:
        steps.append("settle")
    return [f"clearing {step} {path}" for step in (*steps, "reconcile")]


def _short(shortages: Shortages) -> Mapping[tuple[date, int], object]:
    return {trade: short for trade, short in shortages.items() if short}

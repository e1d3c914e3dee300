"""What can be wrong with allocations that are kept."""

from __future__ import annotations

from settlement.errors import SettlementError


class AllocationsDiffer(SettlementError):
    """What `broker` keeps of its clients' allocations of a `side` of trade `trade` comes to `allocated`
    units, where the record has `recorded`, or has another broker on that side.
    """

    def __init__(self, broker: str, trade: int, side: str, allocated: int, recorded: int) -> None:
        super().__init__(
            f"allocations of {broker} to clients: {side} of trade {trade} comes to {allocated:,} units; "
            + (
                f"the recorded trade has {recorded:,}"
                if allocated != recorded
                else "the recorded trade has another broker on that side"
            )
            + "; give the allocations again with --clients FILE"
        )
        self.broker = broker
        self.trade = trade
        self.side = side
        self.allocated = allocated
        self.recorded = recorded

"""What the ledger's transactions cost: those that recorded, affirmed and settled; not set-up, not issues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from settlement.report.facts import Facts

if TYPE_CHECKING:
    from settlement.operations import Ledger


@dataclass(frozen=True, slots=True)
class Spent:
    """How many transactions there were, and their gas."""

    transactions: int
    gas: int


def spent(ledger: Ledger, facts: Facts) -> Spent:
    """What the trading days of `facts` took, with the whole of each cycle in which any of their trades
    settled.
    """
    history = facts.history
    wanted = {batch.batch_hash for batch in facts.batches}
    whole = len(wanted) == len(history.batches)
    found = {transaction: None for transaction, batches in history.concerned.items() if batches & wanted}
    for transactions in history.cycles.values():
        if whole or any(transaction in found for transaction in transactions):
            found |= dict.fromkeys(transactions)
    return Spent(len(found), sum(ledger.market.chain.receipt(each).gas_used for each in found))

"""`RevenueSharing`: who receives what of whose income, and when."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from ledger.accounts import Signer
from ledger.chain import Receipt
from ledger.contract import Contract
from ledger.terms import measure_key

IN_THE_RUN = bytes(32)
"""Where a line is contested: not in a settlement, but in the run of its period."""


class ReportStatus(IntEnum):
    """Where a measure of a period stands. Only FINAL is counted with."""

    NONE = 0
    REPORTED = 1
    DISPUTED = 2
    FINAL = 3


class RevenueSharing(Contract):
    """Client of the contract; see `contracts/interfaces/IRevenueSharing.sol` for what each call means.

    A period is `year * 12 + month - 1` of its first month. Lines are places from 0: the clauses, then the
    guarantees. Amounts are minor units.
    """

    def report(self, reporter: Signer, agreement_id: int, period: int, measure: str, value: int) -> Receipt:
        """Report a measure of a period that has ended."""
        return self.send(reporter, "report", agreement_id, period, measure_key(measure), value)

    def countersign(
        self, countersigner: Signer, agreement_id: int, period: int, measure: str, value: int
    ) -> Receipt:
        """Agree to what was reported, which `value` repeats."""
        return self.send(countersigner, "countersign", agreement_id, period, measure_key(measure), value)

    def dispute(self, countersigner: Signer, agreement_id: int, period: int, measure: str) -> Receipt:
        """Do not agree to what was reported."""
        return self.send(countersigner, "dispute", agreement_id, period, measure_key(measure))

    def run(self, sender: Signer, agreement_id: int, period: int, lines: Iterable[int]) -> Receipt:
        """Compute lines of a period that has ended, for good, and pay what is due."""
        mask = 0
        for line in lines:
            mask |= 1 << line
        return self.send(sender, "run", agreement_id, period, mask)

    def pay(self, sender: Signer, agreement_id: int, version: int) -> Receipt:
        """Have the payer pay what is still due to the parties of a version and its reserve, all of it."""
        return self.send(sender, "pay", agreement_id, version)

    def repay(self, debtor: Signer, agreement_id: int) -> Receipt:
        """Pay the payer what the sender owes it, all of it."""
        return self.send(debtor, "repay", agreement_id)

    def release(self, sender: Signer, agreement_id: int, period: int, clause: int) -> Receipt:
        """Release what a clause put in reserve in a period."""
        return self.send(sender, "release", agreement_id, period, clause)

    def contest(
        self,
        party: Signer,
        agreement_id: int,
        period: int,
        line: int,
        reason: str,
        transaction: bytes = IN_THE_RUN,
    ) -> Receipt:
        """Record that the sender contests a line, as the settlement in `transaction` or the run has it."""
        return self.send(party, "contest", agreement_id, period, line, transaction, reason)

    def resolve(
        self, party: Signer, agreement_id: int, period: int, line: int, transaction: bytes = IN_THE_RUN
    ) -> Receipt:
        """Contest the line no more."""
        return self.send(party, "resolve", agreement_id, period, line, transaction)

    def preview(self, payer: int, currency: int, commission: int) -> dict[int, int]:
        """Institution → what its cash would change by, if the payer earned so much commission now."""
        words = self.call("preview", payer, currency, commission)
        changes: dict[int, int] = {}
        for word in words:
            who = word >> 224 & 0xFFFF
            changes[who] = changes.get(who, 0) + _signed(word & (1 << 128) - 1)
        return changes

    def total_of(self, agreement_id: int, period: int) -> int:
        """Commission of the period so far."""
        return int(self.call("totalOf", agreement_id, period))

    def due_of(self, agreement_id: int, institution: int) -> int:
        """What the payer owes the institution; negative: is owed by it."""
        return int(self.call("dueOf", agreement_id, institution))

    def report_of(self, agreement_id: int, period: int, measure: str) -> tuple[ReportStatus, int]:
        """Where a measure of a period stands, and its value."""
        status, value = self.call("reportOf", agreement_id, period, measure_key(measure))
        return ReportStatus(status), value

    def lines_of(self, agreement_id: int, period: int) -> tuple[frozenset[int], frozenset[int]]:
        """The lines that have been computed, and the clauses whose reserve has been released."""
        run, released = self.call("linesOf", agreement_id, period)
        return _places(run), _places(released)


def _places(mask: int) -> frozenset[int]:
    return frozenset(bit for bit in range(mask.bit_length()) if mask >> bit & 1)


def _signed(value: int) -> int:
    return value - (1 << 128) if value >> 127 else value

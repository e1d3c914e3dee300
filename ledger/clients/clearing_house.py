"""`ClearingHouse`: record, affirm, settle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from eth_utils import keccak

from ledger.abi import CODEC, Words
from ledger.accounts import Signer
from ledger.chain import Receipt
from ledger.contract import Contract
from ledger.signatures import Affirmation, Domain

VERSION = 1
GROSS, GROSS_SECURITIES, NET = 1, 2, 3
"""The DvP models of the BIS: both legs trade by trade; securities trade by trade, cash net; both net."""
_NO_PARTS = Words()
_HEADER = "(uint16,uint32,uint16,uint32,uint16,uint8)"


class Status(IntEnum):
    """Where one trade stands on the chain."""

    UNKNOWN = 0
    PENDING = 1
    DISPUTED = 2
    SETTLED = 3
    HELD = 4
    CANCELLED = 5
    COMPENSATED = 6
    CLOSED_OUT = 7


@dataclass(frozen=True, slots=True)
class Header:
    """What all records of a batch have in common. Days are yyyymmdd, the rest are indexes."""

    venue: int
    trading_day: int
    cash_asset: int
    intended_settlement_date: int
    fee_schedule_id: int
    version: int = VERSION

    def as_tuple(self) -> tuple[int, ...]:
        """In the order of the contract's struct."""
        return (
            self.venue,
            self.trading_day,
            self.cash_asset,
            self.intended_settlement_date,
            self.fee_schedule_id,
            self.version,
        )

    def hash_with(self, records_hash: bytes) -> bytes:
        """The hash that names the batch with these records."""
        return keccak(CODEC.encode([_HEADER, "bytes32"], [self.as_tuple(), records_hash]))


@dataclass(frozen=True, slots=True)
class Slice:
    """What of a batch is to settle: its header, all its records, a mask of those that settle whole, and
    parts, a word each (see `ledger.records.pack_parts`), of those that settle by quantity or in an order of
    their own.
    """

    header: Header
    records: Words
    mask: Words
    parts: Words = _NO_PARTS

    def as_tuple(self) -> tuple[object, ...]:
        """In the order of the contract's struct."""
        return (self.header.as_tuple(), self.records, self.mask, self.parts)


class ClearingHouse(Contract):
    """Client of the contract; see `contracts/interfaces/IClearingHouse.sol` for what each call means."""

    @property
    def domain(self) -> Domain:
        """What affirmations are signed for."""
        return Domain("ClearingHouse", self.chain.chain_id, self.address)

    def register_fee_schedule(
        self,
        exchange: Signer,
        levy_beneficiary: int,
        levy_ppm: int,
        tiers: Sequence[tuple[int, int, int]],
        graduated: bool = False,
    ) -> Receipt:
        """Register tiers of (up to, in minor units; ppm; flat, in minor units), by slab or graduated.

        The last is up to `ledger.units.MAX_AMOUNT`, a flat part at most `MAX_FLAT`.
        """
        return self.send(exchange, "registerFeeSchedule", levy_beneficiary, levy_ppm, graduated, list(tiers))

    def record(self, venue: Signer, header: Header, records: Words) -> Receipt:
        """Record a batch."""
        return self.send(venue, "record", header.as_tuple(), records)

    def record_all(self, venue: Signer, batches: Sequence[tuple[Header, Words]]) -> list[Receipt]:
        """Record several batches."""
        return self.send_all(venue, "record", [(header.as_tuple(), records) for header, records in batches])

    def affirm(
        self, sender: Signer, header: Header, records: Words, affirmations: Sequence[Affirmation]
    ) -> Receipt:
        """Hand in affirmations of a batch; anyone may send them."""
        given = [affirmation.as_tuple() for affirmation in affirmations]
        return self.send(sender, "affirm", header.as_tuple(), records, given)

    def open_cycle(self, venue: Signer, deadline: int) -> Receipt:
        """Open the venue's next cycle; `deadline` in chain seconds."""
        return self.send(venue, "openCycle", deadline)

    def settle(self, venue: Signer, model: int, slices: Sequence[Slice]) -> Receipt:
        """Settle slices as one netting set, by a DvP model: 1, 2 or 3 (see `IClearingHouse`)."""
        return self.send(venue, "settle", model, [each.as_tuple() for each in slices])

    def close_cycle(self, sender: Signer, venue: int) -> Receipt:
        """Close a venue's cycle."""
        return self.send(sender, "closeCycle", venue)

    def clear(self, venue: Signer, model: int, batch: Slice, affirmations: Sequence[Affirmation]) -> Receipt:
        """Record, affirm and settle one batch, by a DvP model, in one transaction."""
        given = [affirmation.as_tuple() for affirmation in affirmations]
        return self.send(venue, "clear", model, [batch.as_tuple()], given)

    def status_of(self, batch_hash: bytes, position: int) -> Status:
        """Where the record at a position of a batch stands."""
        return Status(self.call("statusOf", batch_hash, position))

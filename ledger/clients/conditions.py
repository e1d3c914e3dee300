"""`Conditions`: what the parties of a trade say of its settlement."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from ledger.abi import Words
from ledger.accounts import Signer
from ledger.chain import Receipt
from ledger.clients.clearing_house import Header
from ledger.contract import Contract


class Condition(IntEnum):
    """What a side can say of a trade. In a trade's flags, bit 2c is the buyer's, bit 2c + 1 the seller's."""

    HELD = 0
    """On hold until released (sese.030's hold indicator)."""
    PARTIAL = 1
    """May settle in parts, where both sides say so (sese.030's partial settlement indicator)."""
    CANCEL = 2
    """Asks to cancel; both asking cancels (sese.020)."""
    DISPUTED = 3
    """Out of settlement until withdrawn or decided."""

    def said_in(self, flags: int) -> tuple[bool, bool]:
        """Whether the buyer and whether the seller says this, by a trade's flags."""
        return bool(flags >> 2 * self & 1), bool(flags >> 2 * self & 2)


class Conditions(Contract):
    """Client of the contract; see `contracts/interfaces/IConditions.sol` for what each call means.

    `records` are all records of the batch, `positions` those of the trades that a call is about.
    """

    def hold(self, party: Signer, header: Header, records: Words, positions: Sequence[int]) -> Receipt:
        """Put trades on hold."""
        return self.send(party, "hold", header.as_tuple(), records, list(positions))

    def release(self, party: Signer, header: Header, records: Words, positions: Sequence[int]) -> Receipt:
        """Take the party's own hold off trades."""
        return self.send(party, "release", header.as_tuple(), records, list(positions))

    def allow_partial(
        self, party: Signer, header: Header, records: Words, positions: Sequence[int], allowed: bool = True
    ) -> Receipt:
        """Let trades settle in parts, or no longer."""
        return self.send(party, "allowPartial", header.as_tuple(), records, list(positions), allowed)

    def cancel(self, party: Signer, header: Header, records: Words, positions: Sequence[int]) -> Receipt:
        """Ask to cancel trades; who is second to ask cancels them."""
        return self.send(party, "cancel", header.as_tuple(), records, list(positions))

    def withdraw_cancel(
        self, party: Signer, header: Header, records: Words, positions: Sequence[int]
    ) -> Receipt:
        """Take back asking to cancel."""
        return self.send(party, "withdrawCancel", header.as_tuple(), records, list(positions))

    def dispute(self, party: Signer, header: Header, records: Words, positions: Sequence[int]) -> Receipt:
        """Dispute trades."""
        return self.send(party, "dispute", header.as_tuple(), records, list(positions))

    def withdraw_dispute(
        self, party: Signer, header: Header, records: Words, positions: Sequence[int]
    ) -> Receipt:
        """Take the party's own dispute of trades back."""
        return self.send(party, "withdrawDispute", header.as_tuple(), records, list(positions))

    def decide(self, by: Signer, header: Header, records: Words, position: int, stands: bool) -> Receipt:
        """Decide a dispute; done once an exchange and a regulator have sent the same."""
        return self.send(by, "decide", header.as_tuple(), records, position, stands)

    def correct(
        self, venue: Signer, header: Header, records: Words, position: int, replaced_by: int
    ) -> Receipt:
        """Say under which number a cancelled trade was recorded anew."""
        return self.send(venue, "correct", header.as_tuple(), records, position, replaced_by)

    def partial_allowed(self, batch_hash: bytes, position: int) -> bool:
        """Whether both sides allow the trade to settle in parts."""
        return bool(self.call("partialAllowed", batch_hash, position))

    def flags_of(self, batch_hash: bytes, position: int) -> int:
        """What both sides say of a trade (see `Condition`)."""
        return int(self.call("flagsOf", batch_hash, position))

    def correction_of(self, batch_hash: bytes, position: int) -> int | None:
        """The number that a cancelled trade has now; None where it was not recorded anew."""
        corrected, number = self.call("correctionOf", batch_hash, position)
        return int(number) if corrected else None

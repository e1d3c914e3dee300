"""`Fails`: what does not settle, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from ledger.abi import WORD, Words
from ledger.accounts import Signer
from ledger.chain import Receipt
from ledger.clients.clearing_house import Header
from ledger.contract import Contract
from ledger.errors import InvalidValue

MAX_PRICE = 2**80 - 1
"""The largest reference price, in millionths of a minor unit."""


class Reason(IntEnum):
    """Why a trade failed, by ISO 20022's failing reason codes. In a trade's `reasons`, bit 2r is the buyer's
    and bit 2r + 1 the seller's.
    """

    LACK = 0
    """Lack of securities."""
    MONY = 1
    """Insufficient money."""
    PREA = 2
    """Instruction on hold."""
    CLAT = 3
    """Too late: the side has not affirmed."""
    SBLO = 4
    """Account blocked: the side is suspended."""
    FLIM = 5
    """Limit reached. ISO's is of foreign holdings; it has no nearer code."""


_OF_COUNTERPARTY = {Reason.LACK: "CLAC", Reason.MONY: "CMON", Reason.PREA: "PRCY"}
"""How ISO calls what is the counterparty's; other codes are the same for both."""


def iso_codes(reasons: int, *, seller: bool) -> tuple[str, ...]:
    """The codes in a status message to the seller, or to the buyer: LACK tells the seller, CLAC the buyer.

    Both sides' holds are BOTH. Who has not affirmed is told LATE, and only the other side CLAT.
    """
    codes = []
    for reason in Reason:
        pair = reasons >> 2 * reason & 3
        own, other = (pair >> 1, pair & 1) if seller else (pair & 1, pair >> 1)
        if own and other and reason is Reason.PREA:
            codes.append("BOTH")
            continue
        if own:
            codes.append("LATE" if reason is Reason.CLAT else reason.name)
        if other:
            codes.append(_OF_COUNTERPARTY.get(reason, reason.name))
    return tuple(dict.fromkeys(codes))


@dataclass(frozen=True, slots=True)
class Fail:
    """What is known of a trade's fails: the last day yyyymmdd, on how many, and why on the last (see
    `Reason`). Zeros where there is none.
    """

    day: int
    failed_days: int
    reasons: int


@dataclass(frozen=True, slots=True)
class Claim:
    """What one institution owes another, minor units: `due` from before the venue's cycle `cycle`, and what
    has `accrued` since it was opened, which is due in every later one.
    """

    due: int
    accrued: int
    cycle: int


def pack_prices(prices: Mapping[int, int]) -> Words:
    """Security → price of one unit in millionths of a minor unit, as the contract takes them.

    Raises InvalidValue where one does not fit.
    """
    for asset, price in prices.items():
        if not 0 < price <= MAX_PRICE:
            raise InvalidValue(f"price of asset {asset}", price, f"1 to {MAX_PRICE} millionths fit")
    return Words(b"".join((asset << 240 | price).to_bytes(WORD, "big") for asset, price in prices.items()))


def pack_pairs(pairs: Iterable[tuple[int, int]]) -> Words:
    """(debtor, creditor) as the contract takes them."""
    return Words(b"".join((a << 240 | b << 224).to_bytes(WORD, "big") for a, b in pairs))


class Fails(Contract):
    """Client of the contract; see `contracts/interfaces/IFails.sol` for what each call means.

    Days are yyyymmdd.
    """

    def set_prices(self, venue: Signer, day: int, currency: int, prices: Mapping[int, int]) -> Receipt:
        """Give the day's reference prices, by security, in millionths of a minor unit."""
        return self.send(venue, "setPrices", day, currency, pack_prices(prices))

    def set_penalty_rate(self, by: Signer, asset: int, rate_ppm: int) -> Receipt:
        """Set what a failed day costs; done once an exchange and a regulator have sent the same."""
        return self.send(by, "setPenaltyRate", asset, rate_ppm)

    def set_closing_after(self, by: Signer, failed_days: int) -> Receipt:
        """Set when trades may be compensated; done once an exchange and a regulator have sent the same."""
        return self.send(by, "setClosingAfter", failed_days)

    def fail(
        self, venue: Signer, day: int, header: Header, records: Words, positions: Sequence[int]
    ) -> Receipt:
        """Record that trades failed on a day."""
        return self.send(venue, "fail", day, header.as_tuple(), records, list(positions))

    def compensate(
        self, by: Signer, day: int, header: Header, records: Words, positions: Sequence[int]
    ) -> Receipt:
        """End what is left of trades by cash compensation, at the price of their last failed day."""
        return self.send(by, "compensate", day, header.as_tuple(), records, list(positions))

    def collect(self, venue: Signer, currency: int, pairs: Iterable[tuple[int, int]]) -> Receipt:
        """Collect what debtors owe creditors, each (debtor, creditor)."""
        return self.send(venue, "collect", currency, pack_pairs(pairs))

    def price_of(self, venue: int, day: int, currency: int, asset: int) -> int:
        """Price of one unit in millionths of a minor unit; 0 where there is none."""
        return int(self.call("priceOf", venue, day, currency, asset))

    def fail_of(self, batch_hash: bytes, position: int) -> Fail:
        """What is known of a trade's fails."""
        return Fail(*self.call("failOf", batch_hash, position))

    def claim_of(self, venue: int, currency: int, debtor: int, creditor: int) -> Claim:
        """What `debtor` owes `creditor` by trades of the venue."""
        return Claim(*self.call("claimOf", venue, currency, debtor, creditor))

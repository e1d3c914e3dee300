"""`AssetRegister`: who holds what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.abi import WORD, Words
from ledger.accounts import Signer
from ledger.chain import Receipt
from ledger.clients.consortium import account_of
from ledger.contract import Contract
from ledger.ids import from_bytes32, to_bytes32
from ledger.records import CURRENCY_FLAG

PLACES_AT_ONCE = 8_000
"""Balances in one call, whose gas networks bound as they do a transaction's."""


@dataclass(frozen=True, slots=True)
class Asset:
    """An asset as the chain has it; `supply` in whole or minor units."""

    index: int
    code: str
    issuer: int
    decimals: int
    supply: int


class AssetRegister(Contract):
    """Client of the contract; see `contracts/interfaces/IAssetRegister.sol` for what each call means."""

    def list_securities(self, depository: Signer, codes: Sequence[str]) -> Receipt:
        """List securities; they get the next indexes from 1."""
        return self.send(depository, "listSecurities", [to_bytes32(code) for code in codes])

    def list_currency(self, bank: Signer, code: str, decimals: int) -> Receipt:
        """List a currency; it gets the next index from 0x8001."""
        return self.send(bank, "listCurrency", to_bytes32(code), decimals)

    def issue(self, issuer: Signer, reference: bytes, movements: Words | Sequence[int]) -> Receipt:
        """Credit institutions, under a reference of the issuer's that was not used before."""
        return self.send(issuer, "issue", reference, movements)

    def redeem(self, holder: Signer, reference: bytes, asset: int, amount: int) -> Receipt:
        """Give up part of the signer's institution's own holding."""
        return self.send(holder, "redeem", reference, asset, amount)

    def transfer(self, signer: Signer, sender: int, receiver: int, asset: int, amount: int) -> Receipt:
        """Move an institution's own holding to another institution (ERC-6909 transferFrom)."""
        return self.send(signer, "transferFrom", account_of(sender), account_of(receiver), asset, amount)

    def balance_of(self, institution: int, asset: int, *, block: int | None = None) -> int:
        """What an institution holds, in units or minor units; index 0 is the transit account."""
        return int(self.call("balanceOf", account_of(institution), asset, block=block))

    def balances(self, places: Sequence[tuple[int, int]]) -> dict[tuple[int, int], int]:
        """What each (institution, asset) holds now; zeros left out."""
        held: dict[tuple[int, int], int] = {}
        for start in range(0, len(places), PLACES_AT_ONCE):
            asked = places[start : start + PLACES_AT_ONCE]
            found = self.call("balanceOfBatch", *_columns(asked))
            held |= {place: amount for place, amount in zip(asked, found, strict=True) if amount}
        return held

    def asset(self, index: int) -> Asset:
        """The asset at an index."""
        code, issuer, decimals, supply = self.call("asset", index)
        return Asset(index, from_bytes32(code), issuer, decimals, supply)

    def assets(self) -> list[Asset]:
        """All assets, securities first, by index."""
        securities = range(1, self.call("securityCount") + 1)
        currencies = range(CURRENCY_FLAG + 1, CURRENCY_FLAG + 1 + self.call("currencyCount"))
        return [self.asset(index) for index in (*securities, *currencies)]


def _columns(places: Sequence[tuple[int, int]]) -> tuple[Words, Words]:
    """Accounts and assets of (institution, asset) pairs, as the contract takes them."""
    words = {
        holder: bytes.fromhex(account_of(holder)[2:]).rjust(WORD, b"\0")
        for holder in {holder for holder, _ in places}
    }
    owners = Words(b"".join(words[holder] for holder, _ in places))
    return owners, Words(b"".join(asset.to_bytes(WORD, "big") for _, asset in places))

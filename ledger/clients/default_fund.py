"""`DefaultFund`: margin, contributions, and the waterfall when a member defaults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from eth_utils import keccak

from ledger.abi import Words
from ledger.accounts import Signer
from ledger.chain import Receipt
from ledger.clients.clearing_house import Header
from ledger.contract import Contract


class Purse(IntEnum):
    """What an institution's money in the fund is for."""

    MARGIN = 0
    """Answers for its own default only."""
    CONTRIBUTION = 1
    """Answers for anyone's default."""
    CAPITAL = 2
    """An exchange's own, which answers before the members' contributions do."""


class Step(IntEnum):
    """The steps of the waterfall, in their order."""

    MARGIN = 0
    CONTRIBUTION = 1
    CAPITAL = 2
    MUTUAL = 3
    UNCOVERED = 4


@dataclass(frozen=True, slots=True)
class Notice:
    """An institution's word that it takes money out: `amount` in minor units, from `start` (chain seconds)
    on."""

    amount: int
    start: int


@dataclass(frozen=True, slots=True)
class Rates:
    """Of a member's amounts, how much it has to have in the fund: of what is still to be settled, and of
    all."""

    margin_ppm: int
    contribution_ppm: int


@dataclass(frozen=True, slots=True)
class Default:
    """One institution's default in one currency. `day` (yyyymmdd) is that of the prices, `declared_at` in
    chain seconds, `loss` what the claimants claim together, in minor units."""

    institution: int
    currency: int
    day: int
    declared_at: int
    finished: bool
    loss: int


class DefaultFund(Contract):
    """Client of the contract; see `contracts/interfaces/IDefaultFund.sol` for what each call means.

    What an exchange and a regulator do together, each sends by itself; it takes effect with the second.
    """

    def object(self, sender: Signer) -> Receipt:
        """Withdraw what the operator nominated to become signer of the fund's account; anyone may."""
        return self.send(sender, "object")

    def deposit(self, member: Signer, purse: Purse, currency: int, amount: int) -> Receipt:
        """Pay `amount` minor units into the member's purse."""
        return self.send(member, "deposit", purse, currency, amount)

    def release(self, member: Signer, purse: Purse, currency: int, amount: int) -> Receipt:
        """Take `amount` minor units, above the requirement, out of the member's purse."""
        return self.send(member, "release", purse, currency, amount)

    def give_notice(self, member: Signer, purse: Purse, currency: int, amount: int) -> Receipt:
        """Say that `amount` minor units will be released; 0 takes an earlier notice back."""
        return self.send(member, "giveNotice", purse, currency, amount)

    def set_rates(self, by: Signer, currency: int, margin_ppm: int, contribution_ppm: int) -> Receipt:
        """Set a currency's rates; jointly."""
        return self.send(by, "setRates", currency, margin_ppm, contribution_ppm)

    def call_requirements(
        self, venue: Signer, currency: int, batches: Sequence[tuple[Header, Words]]
    ) -> Receipt:
        """Replace the venue's requirements by what follows from its batches, given in any order."""
        ordered = sorted(batches, key=lambda batch: batch[0].hash_with(keccak(batch[1])))
        rows = [(header.as_tuple(), records) for header, records in ordered]
        return self.send(venue, "callRequirements", currency, rows)

    def declare_default(self, by: Signer, institution: int, currency: int, day: int) -> Receipt:
        """Declare a suspended institution in default, at the prices of `day` (yyyymmdd); jointly."""
        return self.send(by, "declareDefault", institution, currency, day)

    def close_out(
        self, venue: Signer, default: int, header: Header, records: Words, positions: Sequence[int]
    ) -> Receipt:
        """Close out the defaulter's trades at some positions of one of the venue's batches."""
        return self.send(venue, "closeOut", default, header.as_tuple(), records, list(positions))

    def finish(self, by: Signer, default: int, loss: int) -> Receipt:
        """Run the waterfall; `loss` is the default's, in minor units; jointly."""
        return self.send(by, "finish", default, loss)

    def withdraw_agreement(self, by: Signer, subject: bytes) -> Receipt:
        """Take back one's word on what is done jointly: keccak of the calldata that was sent."""
        return self.send(by, "withdrawAgreement", subject)

    def account(self) -> int:
        """Index of the institution whose account has the money, 0 before there was any."""
        return int(self.call("account"))

    def purse_of(self, institution: int, currency: int, purse: Purse) -> int:
        """Minor units in a purse."""
        return int(self.call("purseOf", institution, currency, purse))

    def required_of(self, institution: int, currency: int, purse: Purse) -> int:
        """Minor units that all venues together require in the purse."""
        return int(self.call("requiredOf", institution, currency, purse))

    def notice_of(self, institution: int, currency: int, purse: Purse) -> Notice:
        """The newest notice; amount 0 where there is none."""
        return Notice(*self.call("noticeOf", institution, currency, purse))

    def rates_of(self, currency: int) -> Rates:
        """The rates in force."""
        return Rates(*self.call("ratesOf", currency))

    def default_of(self, default: int) -> Default:
        """The default with an id, from 1."""
        return Default(*self.call("defaultOf", default))

    def open_default_of(self, institution: int, currency: int) -> int:
        """Id of the institution's open default in the currency, 0 where there is none."""
        return int(self.call("openDefaultOf", institution, currency))

    def claim_of(self, default: int, claimant: int) -> int:
        """Minor units that the institution claims."""
        return int(self.call("claimOf", default, claimant))

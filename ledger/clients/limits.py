"""`Limits`: the most an institution may hold, and the most it may be net debited."""

from __future__ import annotations

from ledger.accounts import Signer
from ledger.chain import Receipt
from ledger.contract import Contract

NONE = (1 << 128) - 1
"""The value of a limit that is none."""


class Limits(Contract):
    """Client of the contract; see `contracts/interfaces/ILimits.sol` for what each call means. Amounts are in
    units of the asset.
    """

    def set_limit(
        self, by: Signer, institution: int, asset: int, position: int = NONE, exposure: int = NONE
    ) -> Receipt:
        """Ask for limits of an institution in an asset, as an exchange or as a regulator; in force once both
        asked for the same."""
        return self.send(by, "setLimit", institution, asset, position, exposure)

    def withdraw(self, by: Signer, subject: bytes) -> Receipt:
        """Take one's own word back, given with the calldata whose hash is `subject`."""
        return self.send(by, "withdrawAgreement", subject)

    def limit_of(self, institution: int, asset: int) -> tuple[int, int]:
        """(position, exposure), NONE each where there is no limit."""
        position, exposure = self.call("limitOf", institution, asset)
        return position, exposure

    def taken_of(self, institution: int, asset: int) -> int:
        """What settlements of the day took on balance, as far as it was counted."""
        return int(self.call("takenOf", institution, asset))

    def allows(self, institution: int, asset: int, delta: int) -> bool:
        """Whether the limits let a settlement change the holding by `delta` now."""
        return bool(self.call("allows", institution, asset, delta))

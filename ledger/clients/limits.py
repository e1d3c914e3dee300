"""`Limits`: the most an institution may hold, and the most it may be net debited."""

from __future__ import annotations

from ledger.contract import Contract


class Limits(Contract):
    """Client of the contract; see `contracts/interfaces/ILimits.sol` for what each call means."""

"""`Conditions`: what the parties of a trade say of its settlement."""

from __future__ import annotations

from ledger.contract import Contract


class Conditions(Contract):
    """Client of the contract; see `contracts/interfaces/IConditions.sol` for what each call means."""

"""`Fails`: what does not settle, and what it costs."""

from __future__ import annotations

from ledger.contract import Contract


class Fails(Contract):
    """Client of the contract; see `contracts/interfaces/IFails.sol` for what each call means."""

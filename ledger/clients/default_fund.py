"""`DefaultFund`: margin, contributions, and the waterfall when a member defaults."""

from __future__ import annotations

from ledger.contract import Contract


class DefaultFund(Contract):
    """Client of the contract; see `contracts/interfaces/IDefaultFund.sol` for what each call means."""

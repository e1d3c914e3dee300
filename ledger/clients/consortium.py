"""`Consortium`: who may take part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from eth_utils import keccak, to_checksum_address

from ledger.accounts import Signer
from ledger.chain import Receipt
from ledger.contract import Contract
from ledger.ids import from_bytes32, to_bytes32

_PREFIX = int.from_bytes(keccak(text="clearing.account"), "big") << 16 & (1 << 160) - 1
TRANSIT = 0
"""The index whose account the clearing house settles through."""


class Role(IntEnum):
    """What an institution may do; in a set of roles, role r is bit r."""

    EXCHANGE = 0
    DEPOSITORY = 1
    BROKER = 2
    SETTLEMENT_BANK = 3
    PARTNER = 4
    REGULATOR = 5
    AUDITOR = 6


@dataclass(frozen=True, slots=True)
class Institution:
    """A participant as the chain has it."""

    index: int
    name: str
    signer: str
    roles: frozenset[Role]
    suspended: bool


@lru_cache(maxsize=1024)
def account_of(index: int) -> str:
    """The permanent account address of an institution, which nobody holds a key of."""
    return to_checksum_address((_PREFIX | index).to_bytes(20, "big"))


def role_set(roles: Iterable[Role]) -> int:
    """The set as the contract takes it."""
    return sum(1 << role for role in set(roles))


class Consortium(Contract):
    """Client of the contract; see `contracts/interfaces/IConsortium.sol` for what each call means."""

    def admit(self, operator: Signer, admissions: Sequence[tuple[str, str, Iterable[Role]]]) -> Receipt:
        """Admit institutions, each (name, signer's address, roles); they get the next indexes."""
        rows = [(to_bytes32(name), signer, role_set(roles)) for name, signer, roles in admissions]
        return self.send(operator, "admit", rows)

    def grant_roles(self, by: Signer, institution: int, roles: Iterable[Role]) -> Receipt:
        """Add roles."""
        return self.send(by, "grantRoles", institution, role_set(roles))

    def revoke_roles(self, regulator: Signer, institution: int, roles: Iterable[Role]) -> Receipt:
        """Take roles away."""
        return self.send(regulator, "revokeRoles", institution, role_set(roles))

    def suspend(self, regulator: Signer, institution: int) -> Receipt:
        """Put an institution out."""
        return self.send(regulator, "suspend", institution)

    def reinstate(self, regulator: Signer, institution: int) -> Receipt:
        """Let an institution back in."""
        return self.send(regulator, "reinstate", institution)

    def nominate_signer(self, by: Signer, institution: int, signer: str) -> Receipt:
        """Name the next signer."""
        return self.send(by, "nominateSigner", institution, signer)

    def withdraw_nomination(self, by: Signer, institution: int) -> Receipt:
        """Withdraw what is nominated."""
        return self.send(by, "withdrawNomination", institution)

    def accept_signer(self, nominee: Signer, institution: int) -> Receipt:
        """Become the institution's signer."""
        return self.send(nominee, "acceptSigner", institution)

    def institution(self, index: int) -> Institution:
        """The institution at an index."""
        signer, roles, suspended, name = self.call("institution", index)
        held = frozenset(role for role in Role if roles >> role & 1)
        return Institution(index, from_bytes32(name), to_checksum_address(signer), held, suspended)

    def institutions(self) -> list[Institution]:
        """All institutions, by index."""
        return [self.institution(index) for index in range(1, self.call("institutionCount") + 1)]

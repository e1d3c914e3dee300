"""All that is checked of a bundle, in order, and what can be said of it then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from verifier import anchors, claims, facts, origin, state
from verifier.anchors import Given
from verifier.bundle import CONTRACTS, Bundle, Refused, Row
from verifier.ethereum import chain
from verifier.facts import Facts


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a bundle proves, if what it rests on is true."""

    bundle: Bundle
    facts: Facts
    rows: tuple[Row, ...]
    headers: Sequence[chain.Header]
    last_block: int
    """The newest that the answer rests on."""
    anchored_to: int | None
    """The newest that a trusted head or an affirmation vouches for, and all before it; where one is."""
    anchored_by: tuple[str, ...]
    """What does, in words."""
    hints: tuple[str, ...]
    """What would vouch for blocks if the auditor said more."""
    contracts_given: bool
    """Whether the auditor said where CONTRACTS are, or the clearing house from which the others follow."""
    contracts_known: bool
    """Whether it did, or knows a key that signed for that clearing house. If not, all rests on its being the
    ledger's: anybody may have another put on the same chain, with other contracts, names and trades."""

    @property
    def anchored(self) -> bool:
        """Whether everything that the answer rests on is vouched for."""
        return self.anchored_to is not None and self.last_block <= self.anchored_to

    @property
    def head(self) -> chain.Header:
        """The last block."""
        return self.headers[-1]

    @property
    def head_anchored(self) -> bool:
        """Whether the last block is vouched for, whose state proves code and balances."""
        return self.anchored_to == self.head.number

    @property
    def as_of(self) -> chain.Header:
        """The block that the answer is true and complete as of: where it is anchored, the newest that is
        vouched for, as something may have happened after it; else the last."""
        return self.headers[(self.anchored_to or 0) - self.headers[0].number] if self.anchored else self.head

    @property
    def code_proven(self) -> bool:
        """Whether the state proves the contracts' code, and balances."""
        return bool(self.bundle.state)


def check(bundle: Bundle, data: bytes, given: Given) -> Verdict:
    """Check what a file says. Raises Refused."""
    try:
        return _check(bundle, data, given)
    except Refused:
        raise
    except Exception as error:  # Whatever a hostile file makes go wrong, it proves nothing.
        raise Refused(f"something in it is malformed: {error!r}") from None


def _check(bundle: Bundle, data: bytes, given: Given) -> Verdict:
    _check_contracts(bundle, given)
    claims.checked(bundle.conditions)
    headers = chain.headers(bundle.first, bundle.headers)
    chain.check_blocks(headers, bundle.blocks)
    found = facts.read(bundle.chain_id, bundle.contracts, bundle.blocks)
    if [batch.records for batch in found.batches.values()] != list(bundle.records):
        raise Refused("its records are not those of the batches in its blocks")
    claim = claims.Claim(bundle, found)
    claim.check_complete(headers)
    rows, chosen = claim.answer()
    if chosen != list(bundle.chosen):
        raise Refused("its answer is not every trade that meets its conditions, and no other")
    state.check(bundle, headers[-1].state_root, found)
    vouched, hints, house_signed = anchors.find(bundle, headers, found, given)
    if claims.digest_of(rows, data) != bundle.digest:
        raise Refused("it was altered: its digest is not that of what it says")
    known = origin.made(bundle)[1] or given.contracts.keys() >= set(CONTRACTS)
    anchored_to = max((block for block, _ in vouched), default=None)
    return Verdict(
        bundle=bundle,
        facts=found,
        rows=tuple(rows),
        headers=headers,
        last_block=claim.last_block(),
        anchored_to=anchored_to,
        anchored_by=tuple(dict.fromkeys(who for block, who in vouched if block == anchored_to)),
        hints=tuple(hints),
        contracts_given=known and "ClearingHouse" in given.contracts,
        contracts_known=known and ("ClearingHouse" in given.contracts or house_signed),
    )


def _check_contracts(bundle: Bundle, given: Given) -> None:
    if missing := [name for name in CONTRACTS if name not in bundle.contracts]:
        raise Refused(f"its deployment record has no {missing[0]}")
    if given.chain_id not in (None, bundle.chain_id):
        raise Refused(f"it is of chain {bundle.chain_id}, not of chain {given.chain_id}")
    for name, contract in bundle.contracts.items():
        if not (name.isascii() and name.isidentifier()):
            raise Refused(f"its deployment record has a contract that is none: {name!r}")
        if not b"".join(contract).startswith(given.contracts.get(name, b"")):
            at, code = (each.hex() for each in contract)
            raise Refused(f"it is of another ledger: its {name} is 0x{at}, and its code 0x{code}")

"""Checking a bundle from its bytes to what can be said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from verifier import chain, claims, coding, facts, state
from verifier.anchors import Anchors, Given, Keys, Statement, signed
from verifier.bundle import CONTRACTS, Bundle, Refused, Row
from verifier.facts import Facts


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a bundle proves, if what it rests on is true.

    `anchored_to` is the newest block that a trusted head or an affirmation vouches for, None where nothing
    does; `anchored_by` says what does, in words. The answer rests on events up to `last_block`.
    """

    bundle: Bundle
    facts: Facts
    rows: tuple[Row, ...]
    headers: Sequence[chain.Header]
    last_block: int
    anchored_to: int | None
    anchored_by: tuple[str, ...]
    hints: tuple[str, ...]
    """What would vouch for blocks if the auditor said more."""
    contracts_given: bool
    """Whether the auditor said where the clearing house is, and it is there."""
    contracts_signed: bool
    """Whether a key that the auditor knows signed for the clearing house."""

    @property
    def contracts_known(self) -> bool:
        """Whether the clearing house is the ledger's by what the auditor gave; the other contracts follow
        from it. If not, all rests on its being that: anybody may have another put on the same chain, with
        other contracts, names and trades."""
        return self.contracts_given or self.contracts_signed

    @property
    def anchored(self) -> bool:
        """Whether everything that the answer rests on is vouched for."""
        return self.anchored_to is not None and self.last_block <= self.anchored_to

    @property
    def head(self) -> chain.Header:
        """The last block."""
        return self.headers[-1]

    @property
    def as_of(self) -> chain.Header:
        """The block that the answer is true and complete as of: where it is anchored, the newest that is
        vouched for, as something may have happened after it; else the last."""
        return self.headers[(self.anchored_to or 0) - self.headers[0].number] if self.anchored else self.head

    @property
    def balances_anchored(self) -> bool:
        """Whether the last block, whose state has the balances, is vouched for."""
        return self.anchored_to == self.head.number

    @property
    def code_proven(self) -> bool:
        """Whether the state proves the contracts' code, and balances."""
        return bool(self.bundle.state)


def verify(
    data: bytes,
    *,
    trusted_head: bytes | None = None,
    keys: Keys | None = None,
    statements: Sequence[Statement] = (),
    contracts: Mapping[str, bytes] | None = None,
) -> Verdict:
    """Check a file. `trusted_head` is the hash of a block that the auditor knows to be the ledger's;
    `statements` are affirmations that it has from elsewhere; `contracts` where it knows the ledger's to be.

    Raises Refused, which says what is wrong.
    """
    return check(coding.decode(data), data, Given(trusted_head, keys or {}, statements, contracts or {}))


def check(bundle: Bundle, data: bytes, given: Given) -> Verdict:
    """Check what a file says. Raises Refused."""
    try:
        return _check(bundle, data, given)
    except Refused:
        raise
    except Exception as error:  # Whatever a hostile file makes go wrong, it proves nothing.
        raise Refused(f"something in it is malformed: {error!r}") from None


def _check(bundle: Bundle, data: bytes, given: Given) -> Verdict:
    if missing := [name for name in CONTRACTS if name not in bundle.contracts]:
        raise Refused(f"its deployment record has no {missing[0]}")
    if strange := [name for name in bundle.contracts if not (name.isascii() and name.isidentifier())]:
        raise Refused(f"its deployment record has a contract that is none: {strange[0]!r}")
    for name in CONTRACTS:
        own = bundle.contracts[name].address
        if given.contracts.get(name, own) != own:
            raise Refused(f"it is of another ledger: its {name} is 0x{own.hex()}")
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
    affirmed = signed(bundle, found)
    if claims.digest_of(rows, data) != bundle.digest:
        raise Refused("it was altered: its digest is not that of what it says")
    anchors = Anchors(bundle, headers, found, given, affirmed)
    anchored_to = max(anchors.found, default=None)
    return Verdict(
        bundle=bundle,
        facts=found,
        rows=tuple(rows),
        headers=headers,
        last_block=claim.last_block(),
        anchored_to=anchored_to,
        anchored_by=() if anchored_to is None else tuple(anchors.found[anchored_to]),
        hints=tuple(anchors.hints),
        contracts_given="ClearingHouse" in given.contracts,
        contracts_signed=anchors.house_signed,
    )

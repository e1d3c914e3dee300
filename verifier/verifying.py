"""Checking a bundle from its bytes to what can be said of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from verifier import chain, claims, coding, facts, holdings
from verifier.anchors import Statement, signer_of
from verifier.bundle import CONTRACTS, Affirmation, Balance, Bundle, Refused, Row

Keys = Mapping[str, Collection[bytes]]
"""Institution's name → addresses of the keys that an auditor knows to be its own."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a bundle proves, if what it rests on is true.

    `anchored_to` is the newest block that a trusted head or an affirmation vouches for, None where nothing
    does; `anchored_by` says what does, in words. The answer rests on events up to `last_block`.
    """

    bundle: Bundle
    rows: tuple[Row, ...]
    headers: Sequence[chain.Header]
    names: Mapping[int, str]
    codes: Mapping[int, str]
    exponents: Mapping[str, int]
    """Decimals of an asset's amounts, by its code."""
    venues: Mapping[bytes, str]
    """By batch, who recorded it."""
    last_block: int
    anchored_to: int | None
    anchored_by: tuple[str, ...]
    hints: tuple[str, ...]
    """What would vouch for blocks if the auditor said more."""
    batches: int
    trades: int
    code_proven: bool
    contracts_known: bool
    """Whether the auditor said where the contracts are, and they are there. If not, all rests on their being
    the ledger's: anybody may have others put on the same chain, with other names, or nothing but a part."""

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
    def balances(self) -> tuple[Balance, ...]:
        """What the institution that the claim names held in the last block."""
        return self.bundle.balances


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


@dataclass(frozen=True, slots=True)
class Given:
    """What an auditor knows, as `verify` takes it."""

    trusted_head: bytes | None = None
    keys: Keys = field(default_factory=dict)
    statements: Sequence[Statement] = ()
    contracts: Mapping[str, bytes] = field(default_factory=dict)


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
    _check_blocks(bundle, headers)
    found = facts.read(bundle.chain_id, bundle.contracts, bundle.blocks)
    if [batch.records for batch in found.batches.values()] != list(bundle.records):
        raise Refused("its records are not those of the batches in its blocks")
    claim = claims.Claim(bundle, found)
    claim.check_complete(headers)
    rows, chosen = claim.answer()
    if chosen != list(bundle.chosen):
        raise Refused("its answer is not every trade that meets its conditions, and no other")
    holdings.check(bundle, headers[-1], found)
    signers = _check_affirmations(bundle, found)
    if claims.digest_of(rows, data) != bundle.digest:
        raise Refused("it was altered: its digest is not that of what it says")
    anchors = _Anchors(bundle, headers, found, given.keys)
    anchors.head(given.trusted_head)
    anchors.own(signers)
    anchors.elsewhere(given.statements)
    return Verdict(
        bundle=bundle,
        rows=tuple(rows),
        headers=headers,
        names=found.names,
        codes=found.codes,
        exponents={code: found.exponents[index] for index, code in found.codes.items()},
        venues={each.hash: found.names.get(each.venue, "") for each in found.batches.values()},
        last_block=claim.last_block(),
        anchored_to=max(anchors.found, default=None),
        anchored_by=tuple(anchors.found.get(max(anchors.found), ())) if anchors.found else (),
        hints=tuple(anchors.hints),
        batches=len(found.batches),
        trades=sum(map(len, found.batches.values())),
        code_proven=bool(bundle.state),
        contracts_known=given.contracts.keys() >= set(CONTRACTS),
    )


def _check_blocks(bundle: Bundle, headers: Sequence[chain.Header]) -> None:
    numbers = list(bundle.blocks)
    if numbers != sorted(numbers):
        raise Refused("its blocks are not in order")
    for number, block in bundle.blocks.items():
        if not headers[0].number <= number <= headers[-1].number:
            raise Refused(f"block {number:,} is none of those whose headers it has")
        chain.check_block(headers[number - headers[0].number], block)


def _check_affirmations(bundle: Bundle, found: facts.Facts) -> list[tuple[Affirmation, bytes]]:
    """Each affirmation with the address that signed it, which is or was the institution's signer: those that
    its blocks have, and further ones. A contract's signature, which only a chain can check, is none of them.
    """
    own = [each for batch in found.batches.values() for each in batch.affirmed.values()]
    order = [(each.batch_hash, each.institution) for each in bundle.affirmations]
    there = {(each.batch_hash, each.institution) for each in own}
    if order != sorted(set(order)) or not there.isdisjoint(order):
        raise Refused("its affirmations are not in order, or one is there twice")
    house = bundle.contracts["ClearingHouse"].address
    signed = []
    for each in (*own, *bundle.affirmations):
        signer = signer_of(each, bundle.chain_id, house)
        if signer is not None and signer in found.signers.get(each.institution, ()):
            signed.append((each, signer))
        elif each in bundle.affirmations:
            who = found.names.get(each.institution, f"institution {each.institution}")
            raise Refused(f"an affirmation of {who} is not signed by it")
    return signed


class _Anchors:
    """What vouches for blocks: block → in words, what does."""

    def __init__(
        self, bundle: Bundle, headers: Sequence[chain.Header], found: facts.Facts, keys: Keys
    ) -> None:
        self.found: dict[int, list[str]] = {}
        self.hints: list[str] = []
        self._bundle = bundle
        self._numbers = {header.hash: header.number for header in headers}
        self._names = found.names
        self._keys = keys
        self._ends = headers[0].number, headers[-1].number

    def head(self, trusted: bytes | None) -> None:
        """A block that the auditor trusts."""
        if trusted is not None:
            first, last = self._ends
            if trusted not in self._numbers:
                raise Refused(
                    f"the trusted head 0x{trusted.hex()} is none of its blocks {first:,} to {last:,}: the"
                    " bundle is of another chain, or was made before that block"
                )
            self._add(trusted, "the trusted head")

    def own(self, signed: Sequence[tuple[Affirmation, bytes]]) -> None:
        """The bundle's affirmations by institutions whose keys the auditor names."""
        for said, signer in signed:
            name = self._names.get(said.institution, "")
            known = self._keys.get(name)
            if known is None:
                continue
            if signer not in known:
                raise Refused(_other_key(name, signer))
            if said.prior_block_hash not in self._numbers:
                raise Refused(_elsewhere(name, said.prior_block_hash))
            self._add(said.prior_block_hash, name)

    def elsewhere(self, statements: Sequence[Statement]) -> None:
        """Affirmations that the auditor kept. Whatever key signed one, its block must be there; it
        vouches for that block where the key is known.
        """
        house = self._bundle.contracts["ClearingHouse"].address
        for each in statements:
            said = each.affirmation
            if (each.chain_id, each.clearing_house) != (self._bundle.chain_id, house):
                raise Refused("an affirmation was given that is of another ledger's contracts")
            signer = signer_of(said, each.chain_id, each.clearing_house)
            if signer is None:
                raise Refused("an affirmation was given that nobody signed")
            name = self._names.get(said.institution, f"institution {said.institution}")
            known = self._keys.get(name)
            if known is not None and signer not in known:
                raise Refused(_other_key(name, signer))
            if said.prior_block_hash not in self._numbers:
                raise Refused(_elsewhere(name, said.prior_block_hash))
            if known is not None:
                self._add(said.prior_block_hash, name)
            else:
                number = self._numbers[said.prior_block_hash]
                self.hints.append(
                    f"an affirmation of {name} fits block {number:,}; it would vouch for it if you named its"
                    f" key: --key '{name}=0x{signer.hex()}'"
                )

    def _add(self, block: bytes, who: str) -> None:
        said = self.found.setdefault(self._numbers[block], [])
        if who not in said:
            said.append(who)


def _other_key(name: str, signer: bytes) -> str:
    return (
        f"an affirmation of {name} is signed with the key of 0x{signer.hex()}, which is none of those known"
        " to be its own"
    )


def _elsewhere(name: str, block: bytes) -> str:
    return (
        f"{name} signed block 0x{block.hex()}, which is none of its chain's: the ledger was rewritten, or the"
        " bundle was made before that block"
    )

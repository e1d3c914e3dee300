"""A chain that no engine made: blocks of any transactions and events, with roots, blooms and hashes that fit.

It is what somebody can show who knows all about bundles and minds no rule of the contracts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import rlp
from coincurve import PrivateKey
from eth_utils import keccak

from verifier import claims, facts
from verifier.bundle import Block, Bundle, Condition, Contract
from verifier.ethereum import chain, trie
from verifier.forms import coding

MAKER = PrivateKey(bytes(31) + b"\5")
"""Whose transaction created the clearing house."""
NONCE = 3


def made_at(key: PrivateKey, nonce: int) -> bytes:
    """Where the contract is that a key created."""
    sender = keccak(key.public_key.format(compressed=False)[1:])[12:]
    return keccak(rlp.encode([sender, nonce]))[12:]


HOUSE = made_at(MAKER, NONCE)
PLACES = {"Consortium": b"\1" * 20, "AssetRegister": b"\2" * 20, "ClearingHouse": HOUSE}
CONTRACTS = {name: Contract(at, bytes(32)) for name, at in PLACES.items()}
GIVEN = ("Consortium", "AssetRegister", "RevenueSharing", "Limits", "Conditions", "Fails", "DefaultFund")
FIELDS = 17
Log = tuple[bytes, Sequence[bytes], bytes]


def word(value: int | str | bytes) -> bytes:
    """32 bytes: a number, or a text with zeros behind it."""
    if isinstance(value, int):
        return value.to_bytes(32, "big")
    return (value.encode() if isinstance(value, str) else value).ljust(32, b"\0")


def event(contract: str, name: str, *topics: int | str | bytes, data: bytes = b"") -> Log:
    """An event of one of the contracts."""
    return CONTRACTS[contract].address, [facts.TOPIC[name], *map(word, topics)], data


def admitted(index: int, name: str | bytes) -> Log:
    """An institution, whose signer nobody is."""
    return event("Consortium", "InstitutionAdmitted", index, name, data=bytes(96))


def listed(index: int, code: str) -> Log:
    """An asset of no decimals."""
    return event("AssetRegister", "AssetListed", index, code, 1, data=word(0))


def making(
    given: Mapping[str, bytes] = PLACES,
    *,
    kind: int = 2,
    key: PrivateKey = MAKER,
    nonce: int = NONCE,
    to: bytes = b"",
    chain_id: int | None = 7,
    data: bytes = b"",
) -> bytes:
    """The transaction that creates the clearing house for other contracts, signed as its type is; without a
    chain as before EIP-155. `data` is its calldata if not these."""
    told = data or b"\x60\x80" + b"".join(given.get(name, b"\x44" * 20).rjust(32, b"\0") for name in GIVEN)
    price = [b"\7"] * (2 if kind == 2 else 1)
    said = [nonce, *price, 5_000_000, to, 0, told]
    said = [chain_id, *said, []] if kind else said
    end = [chain_id, b"", b""] if not kind and chain_id is not None else []
    prefix = bytes([kind] if kind else [])
    signature = key.sign_recoverable(keccak(prefix + rlp.encode([*said, *end])), hasher=None)
    r, s = (int.from_bytes(signature[at : at + 32], "big") for at in (0, 32))
    v = signature[64] if kind else signature[64] + (27 if chain_id is None else 35 + 2 * chain_id)
    return prefix + rlp.encode([*said, v, r, s])


@dataclass
class Forged:
    """Blocks so far, each of one transaction. The first makes the clearing house, admits V, A and B and lists
    S and C."""

    blocks: list[tuple[bytes, bytes]] = field(default_factory=list)
    headers: list[bytes] = field(default_factory=list)
    recorded: list[bytes] = field(default_factory=list)
    chain_id: int = 7
    first: bytes = field(default_factory=making)
    status: bytes = b"\1"
    """Of the first."""

    def __post_init__(self) -> None:
        names = [admitted(i, name) for i, name in enumerate(("V", "A", "B"), start=1)]
        self.block(*names, listed(1, "S"), listed(0x8001, "C"), raw=self.first, status=self.status)

    def block(
        self,
        *logs: Log,
        calldata: bytes = b"",
        to: bytes = HOUSE,
        chain_id: int | None = None,
        raw: bytes = b"",
        status: bytes = b"\1",
    ) -> None:
        """One more block."""
        signed_for = 35 + 2 * (self.chain_id if chain_id is None else chain_id)
        raw = raw or rlp.encode([b"", b"", b"\1", to, b"", calldata, signed_for, b"\1", b"\1"])
        own = tuple(rlp.encode([address, list(topics), data]) for address, topics, data in logs)
        bits = 0
        for address, topics, _ in logs:
            bits |= chain.mask_of(address, *topics)
        bloom = bits.to_bytes(256, "big")
        receipt = chain.receipt_of(chain.Receipt(b"", status, b"\x52\x08", bloom, own))
        parts = [bytes(32)] * FIELDS
        parts[0] = keccak(self.headers[-1]) if self.headers else bytes(32)
        parts[4], parts[5], parts[6] = trie.list_root((raw,)), trie.list_root((receipt,)), bloom
        parts[8], parts[11] = bytes([len(self.headers) + 1]), b"\1"
        self.headers.append(rlp.encode(parts))
        self.blocks.append((raw, receipt))

    def record(
        self,
        *records: bytes,
        day: int = 20240314,
        said: bytes | None = None,
        by: bytes = HOUSE,
        **block: object,
    ) -> bytes:
        """A batch of V, recorded by a clearing house; `said` is what its event says of its records instead.
        Its hash."""
        head = b"".join(map(word, (1, day, 0x8001, day, 1, 1)))
        whole = b"".join(records)
        calldata = facts._RECORD + head + word(7 * 32) + word(len(records)) + whole
        hashed = said or keccak(whole)
        self.recorded.append(whole)
        batch_hash = keccak(head + hashed)
        data = hashed + word(len(records)) + head
        _, *told = event("ClearingHouse", "BatchRecorded", batch_hash, 1, day, data=data)
        self.block((by, *told), **{"calldata": calldata, "to": by} | block)  # type: ignore[arg-type]
        return batch_hash

    def whole(self) -> dict[int, Block]:
        """Every block with events, by number."""
        numbered = enumerate(self.blocks, start=1)
        return {n: Block((raw,), (receipt,)) for n, (raw, receipt) in numbered if rlp.decode(receipt)[3]}

    def bundle(self, *conditions: Condition, without: Sequence[int] = ()) -> Bundle:
        """Everything in one bundle whose parts fit each other, as far as that can be."""
        it = Bundle(
            chain_id=self.chain_id,
            contracts=CONTRACTS,
            conditions=conditions,
            first=1,
            headers=tuple(self.headers),
            blocks={n: block for n, block in self.whole().items() if n not in without},
            records=(),
            chosen=(),
        )
        return fitting(it)

    def file(self, *conditions: Condition, without: Sequence[int] = ()) -> bytes:
        """The same as a file, with its digest."""
        return sealed(self.bundle(*conditions, without=without))


def fitting(it: Bundle) -> Bundle:
    """The bundle with records and answer as its blocks have them, where these can be read."""
    found = facts.read(it.chain_id, it.contracts, it.blocks)
    _, chosen = claims.Claim(it, found).answer()
    records = tuple(batch.records for batch in found.batches.values())
    return replace(it, records=records, chosen=tuple(chosen))


def sealed(it: Bundle) -> bytes:
    """The file, with the digest that belongs to it."""
    data = coding.encode(it)
    found = facts.read(it.chain_id, it.contracts, it.blocks)
    rows, _ = claims.Claim(it, found).answer()
    return data[:-32] + claims.digest_of(rows, data)


def trade(number: int, buyer: int = 2, seller: int = 3, quantity: int = 5, amount: int = 100) -> bytes:
    """A record of S."""
    parts = ((number, 4), (0xFFFFFF, 3), (buyer, 2), (seller, 2), (1, 2), (quantity, 8), (amount, 11))
    return b"".join(value.to_bytes(width, "big") for value, width in parts)

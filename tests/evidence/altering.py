"""Every way to alter a bundle that its encoding can say, each with what a verifier should say of it.

An alteration is (label, what should be said, the altered bundle). `other` is a bundle of another chain.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import rlp

from verifier.bundle import Affirmation, Balance, Block, Bundle, Condition, Contract

Alteration = tuple[str, str, Bundle]
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Of secp256k1's group."""
HEADERS = "does not follow|is that of block|a header is none|are not those that its header has"
STATE = "nodes of the state|the code of|its balances"
BLOCKS = (
    "are not those that its header has|is left out|nothing depends on it|not as many receipts"
    "|is none of those whose headers|a receipt is none"
)
RECORDS = "its records are not those"
CHOSEN = "its answer is not every trade"
ORIGIN = "does not show how its clearing house was made|its clearing house was made for another"
ANY_CLAIM = f"{BLOCKS}|{RECORDS}|{CHOSEN}|{STATE}|condition|names a|does not begin"


def flipped(data: bytes, bit: int) -> bytes:
    """The bytes with one bit changed; counted from the first byte's highest."""
    changed = bytearray(data)
    changed[bit // 8] ^= 0x80 >> bit % 8
    return bytes(changed)


def alterations(it: Bundle, other: Bundle, chance: random.Random) -> Iterator[Alteration]:
    """All of them."""
    yield from headers(it, other, chance)
    yield from blocks(it, other, chance)
    yield from rest(it, other, chance)


def rest(it: Bundle, other: Bundle, chance: random.Random) -> Iterator[Alteration]:
    """All but those of headers and blocks."""
    yield from _lists(it, other, chance)
    yield from _affirmations(it, other, chance)
    yield from _record_of_deployment(it, other, chance)
    yield from _claims(it)


def headers(it: Bundle, other: Bundle, chance: random.Random) -> Iterator[Alteration]:
    own, n = it.headers, len(it.headers)
    said = f"{HEADERS}|{STATE}"

    def with_headers(label: str, several: Sequence[bytes], said: str = said, **changes: Any) -> Alteration:
        return label, said, replace(it, headers=tuple(several), **changes)

    for i in range(n):
        yield with_headers(
            f"header {i} dropped", own[:i] + own[i + 1 :], said + "|is none of those whose|does not begin"
        )
        yield with_headers(f"header {i} twice", own[: i + 1] + own[i:])
        yield (
            with_headers(f"header {i} of another chain", [*own[:i], other.headers[i], *own[i + 1 :]])
            if (own[i] != other.headers[i])
            else with_headers(f"header {i} empty", [*own[:i], b"\xc0", *own[i + 1 :]])
        )
        if i + 1 < n:
            yield with_headers(f"header {i} swapped", [*own[:i], own[i + 1], own[i], *own[i + 2 :]])
        parts = rlp.decode(own[i])
        for k in chance.sample(range(len(parts)), 4) if i < n - 1 else range(len(parts)):
            changed = list(parts)
            changed[k] = flipped(parts[k], chance.randrange(8 * len(parts[k]))) if parts[k] else b"\1"
            # Only what is proven by it says what the newest header should be.
            which = "newest header" if i == n - 1 else f"header {i}"
            yield with_headers(f"{which} field {k}", [*own[:i], rlp.encode(changed), *own[i + 1 :]])
    for cut in (1, 2, 5, n - 3):
        yield with_headers(
            f"first {cut} cut",
            own[cut:],
            f"{ORIGIN}|does not begin|is none of those|left out",
            first=it.first + cut,
        )
        yield with_headers(f"last {cut} cut", own[:-cut], said + "|is none of those")
    yield with_headers("no headers", (), "no headers")
    for step in (-1, 1, 1000):
        yield f"first {step}", said + "|is none of those", replace(it, first=it.first + step)


def blocks(it: Bundle, other: Bundle, chance: random.Random) -> Iterator[Alteration]:
    numbers = list(it.blocks)

    def with_block(label: str, number: int, block: Block | None, said: str = BLOCKS) -> Alteration:
        blocks = {n: b for n, b in it.blocks.items() if n != number} | (
            {} if block is None else {number: block}
        )
        return label, said, replace(it, blocks=dict(sorted(blocks.items())))

    for number, block in it.blocks.items():
        raws, receipts = block.transactions, block.receipts
        begun = f"{BLOCKS}|{ORIGIN}|does not begin"
        yield with_block(f"block {number} left out", number, None, begun + f"|{RECORDS}|names a")
        yield with_block(f"block {number} empty", number, Block((), ()))
        yield with_block(f"block {number} twice in itself", number, Block(raws * 2, receipts * 2))
        yield with_block(f"block {number} without receipts", number, Block(raws, ()))
        if other.blocks.get(number, block) != block:
            theirs = other.blocks[number]
            yield with_block(f"block {number} of another chain", number, theirs)
            yield (
                with_block(f"receipts {number} of another chain", number, Block(raws, theirs.receipts))
                if (theirs.receipts != receipts)
                else with_block(f"receipt {number} dropped", number, Block(raws, receipts[1:]))
            )
            yield with_block(f"calls {number} of another chain", number, Block(theirs.transactions, receipts))
        for _ in range(6):
            bad = flipped(raws[0], chance.randrange(8 * len(raws[0])))
            yield with_block(f"block {number} transaction bit", number, Block((bad, *raws[1:]), receipts))
        yield from (
            with_block(f"block {number} receipt {label}", number, Block(raws, (changed, *receipts[1:])))
            for label, changed in _receipts(receipts[0], chance)
        )
        moved = chance.choice([n for n in numbers if n != number])
        yield with_block(f"block {number} is {moved}", number, it.blocks[moved])
    last = it.first + len(it.headers) - 1
    absent = [n for n in range(it.first, last + 1) if n not in it.blocks]
    for number in chance.sample(absent, 5):
        yield with_block(f"block {number} added", number, it.blocks[numbers[-1]])
    for number in (0, last + 1, 10**9):
        yield with_block(f"block {number} beyond", number, it.blocks[numbers[0]])


def _receipts(raw: bytes, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """A receipt altered; its bloom is made of its events again."""
    kind = raw[:1] if raw[0] < 0x80 else b""
    status, gas, bloom, logs = rlp.decode(raw[len(kind) :])
    yield "status", kind + rlp.encode([b"" if status else b"\1", gas, bloom, logs])
    yield "gas", kind + rlp.encode([status, flipped(gas, 9), bloom, logs])
    yield "kind", (b"" if kind else b"\2") + raw[len(kind) :]
    if logs:
        at = chance.randrange(len(logs))
        yield "event dropped", kind + rlp.encode([status, gas, bloom, logs[:at] + logs[at + 1 :]])
        yield "event twice", kind + rlp.encode([status, gas, bloom, [*logs, logs[at]]])
        address, topics, data = logs[at]
        less = [*logs[:at], [address, topics[:-1], data], *logs[at + 1 :]]
        yield "topic dropped", kind + rlp.encode([status, gas, bloom, less])
        foreign = [*logs[:at], [flipped(address, 3), topics, data], *logs[at + 1 :]]
        yield "event of another", kind + rlp.encode([status, gas, bloom, foreign])
        if data:
            bad = [
                *logs[:at],
                [address, topics, flipped(data, chance.randrange(8 * len(data)))],
                *logs[at + 1 :],
            ]
            yield "event bit", kind + rlp.encode([status, gas, bloom, bad])
    if len(logs) > 1 and logs[0] != logs[1]:
        yield "events swapped", kind + rlp.encode([status, gas, bloom, [logs[1], logs[0], *logs[2:]]])


def _lists(it: Bundle, other: Bundle, chance: random.Random) -> Iterator[Alteration]:
    """Records, chosen and state, each a list of bytes."""
    said = {"records": RECORDS, "chosen": CHOSEN, "state": STATE + "|in order"}
    for name, expected in said.items():
        own: tuple[bytes, ...] = getattr(it, name)

        def changed(
            label: str, values: Sequence[bytes], name: str = name, said: str = expected
        ) -> Alteration:
            return f"{name} {label}", said, replace(it, **{name: tuple(values)})

        for i, each in enumerate(own):
            yield changed(f"{i} dropped", own[:i] + own[i + 1 :])
            yield changed(f"{i} twice", (*own[:i], each, *own[i:]))
            # Nodes are named by their hash: any bit of one is as good as any other.
            bits = (
                range(8 * len(each))
                if name == "chosen"
                else (chance.randrange(8 * len(each)) for _ in range(3))
            )
            for bit in bits:
                yield changed(f"{i} bit {bit}", [*own[:i], flipped(each, bit), *own[i + 1 :]])
            if name != "state":
                yield changed(f"{i} longer", [*own[:i], each + bytes(32), *own[i + 1 :]])
                yield changed(f"{i} shorter", [*own[:i], each[:-32] or b"", *own[i + 1 :]])
            if name == "records":
                for at in range(0, len(each), 32):
                    yield changed(f"{i} without {at}", [*own[:i], each[:at] + each[at + 32 :], *own[i + 1 :]])
        if len(own) > 1:
            yield changed("reversed", own[::-1])
        theirs: tuple[bytes, ...] = getattr(other, name)
        if theirs != own:
            yield changed("of another chain", theirs)
    strange = sorted({*it.state, rlp.encode([b"\x20", b"nothing"] * 2)})
    yield "no state", "nothing of the state that would prove", replace(it, state=())
    yield "no state and no balances", "nothing", replace(it, state=(), balances=())
    yield "state node added", "prove nothing", replace(it, state=tuple(strange))


def _affirmations(it: Bundle, other: Bundle, chance: random.Random) -> Iterator[Alteration]:
    own = it.affirmations
    said = "is not signed by it|in order"

    def with_one(label: str, i: int, each: Affirmation) -> Alteration:
        return f"affirmation {i} {label}", said, replace(it, affirmations=(*own[:i], each, *own[i + 1 :]))

    for i, each in enumerate(own):
        for field in Affirmation._fields:
            value = getattr(each, field)
            for _ in range(4):
                if isinstance(value, int):
                    changed: Any = value ^ 1 << chance.randrange(4)
                else:
                    changed = flipped(value, chance.randrange(8 * len(value)))
                yield with_one(f"{field} changed", i, each._replace(**{field: changed}))
        r, s, v = each.signature[:32], int.from_bytes(each.signature[32:64], "big"), each.signature[64]
        twin = r + (ORDER - s).to_bytes(32, "big")
        for label, signature in (
            ("high-s twin", twin + bytes([55 - v])),
            ("high s", twin + bytes([v])),
            *((f"v {w}", each.signature[:64] + bytes([w])) for w in (0, 1, 26, 29, 55 - v, 255)),
            ("no r", bytes(32) + each.signature[32:]),
            ("no s", r + bytes(32) + bytes([v])),
            ("r too large", b"\xff" * 32 + each.signature[32:]),
        ):
            yield with_one(label, i, each._replace(signature=signature))
        for k, another in enumerate(own):
            if k != i:
                yield with_one(f"signed as {k}", i, each._replace(signature=another.signature))
        yield f"affirmation {i} twice", said, replace(it, affirmations=(*own[: i + 1], *own[i:]))
        replayed = each._replace(batch_hash=bytes(31) + b"\1")
        yield (
            f"affirmation {i} of another batch",
            said,
            replace(
                it,
                affirmations=tuple(
                    sorted((*own[:i], replayed, *own[i + 1 :]), key=lambda a: (a.batch_hash, a.institution))
                ),
            ),
        )
    if len(own) > 1:
        yield "affirmations reversed", said, replace(it, affirmations=own[::-1])


def _record_of_deployment(it: Bundle, other: Bundle, chance: random.Random) -> Iterator[Alteration]:
    own = it.contracts
    said = "|".join(
        (ANY_CLAIM, ORIGIN, "has no", "prove nothing", "is signed for", "is not signed", "does not call")
    )
    for name, at in own.items():
        rest = {n: c for n, c in own.items() if n != name}
        yield f"{name} dropped", said, replace(it, contracts=rest)
        yield f"{name} renamed", said, replace(it, contracts=rest | {name + "2": at})
        for bit in chance.sample(range(160), 3):
            moved = Contract(flipped(at.address, bit), at.code_hash)
            yield f"{name} elsewhere", said, replace(it, contracts=own | {name: moved})
        for bit in chance.sample(range(256), 3):
            code = Contract(at.address, flipped(at.code_hash, bit))
            yield f"{name} other code", said, replace(it, contracts=own | {name: code})
    names = list(own)
    for one, two in pairwise(names):
        swapped = own | {one: own[two], two: own[one]}
        yield f"{one} and {two} swapped", said, replace(it, contracts=swapped)
    for chain_id in (0, 1, it.chain_id + 1, 2**64):
        yield f"chain {chain_id}", "is signed for", replace(it, chain_id=chain_id)
    for balance in it.balances:
        rest_of = tuple(each for each in it.balances if each != balance)
        yield f"{balance} dropped", STATE, replace(it, balances=rest_of)
        for field in ("institution", "asset", "amount"):
            changed = balance._replace(**{field: getattr(balance, field) + 1})
            yield (
                f"{balance} {field}",
                STATE,
                replace(it, balances=tuple(sorted((*rest_of, changed), key=_place))),
            )
    if len(it.balances) > 1:
        yield "balances reversed", STATE, replace(it, balances=it.balances[::-1])
    yield "balance added", STATE, replace(it, balances=(*it.balances, Balance(9, 0x8001, 5)))


def _place(each: Balance) -> tuple[int, int]:
    return each.institution, each.asset


VALUES = ("B2", "B3", "Nobody", "S2", "2019-11-20", "2019-11-23", "3", "-1", "", "pending", "\x1b[2J", "B1 ")
MORE = (Condition("number", ">=", "2"), Condition("status", "=", "held"), Condition("security", "=", "S7"))


def _claims(it: Bundle) -> Iterator[Alteration]:
    own = it.conditions

    def claiming(label: str, several: Sequence[Condition]) -> Alteration:
        return f"{label} in conditions", ANY_CLAIM, replace(it, conditions=tuple(several))

    for i, each in enumerate(own):
        yield claiming(f"{each.field} dropped", (*own[:i], *own[i + 1 :]))
        yield claiming(f"{each.field} twice", (*own[: i + 1], *own[i:]))
        changes = [each._replace(value=value) for value in VALUES]
        changes += [each._replace(comparison=how) for how in ("=", ">=", "<=", "!=", "")]
        changes += [each._replace(field=name) for name in ("buyer", "security", "number", "colour")]
        for changed in changes:
            yield claiming(f"{each.field} changed", (*own[:i], changed, *own[i + 1 :]))
    for more in MORE:
        if more.field not in {each.field for each in own}:
            yield claiming(f"{more.field} added", sorted((*own, more), key=lambda c: (c.field, c.comparison)))
    yield claiming("reversed", own[::-1])

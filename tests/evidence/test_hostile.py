"""Bundles that somebody made who knows all about them, and files that are nothing at all.

given a forged chain that keeps the rules         ─ consistent, unanchored: nobody vouches for it
given a trade left out, by any of its blocks      ─ refused: the bloom of the block tells
given facts that contradict each other            ─ refused, with what does
given names that would pass for others on a screen ─ shown as what they are
given any bytes                                   ─ refused, nothing else is raised
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import rlp
from hypothesis import given, settings
from hypothesis import strategies as st

import verifier
from settlement.evidence import asking
from tests.evidence.forging import (
    CONTRACTS,
    HOUSE,
    Forged,
    admitted,
    event,
    fitting,
    listed,
    sealed,
    trade,
    word,
)
from tests.evidence.making import Story
from verifier import claims, facts
from verifier.anchors import Given, Statement, signer_of
from verifier.bundle import Affirmation, Condition, Contract, Refused
from verifier.ethereum.crypto import keccak
from verifier.forms import coding, telling
from verifier.forms.given import Unusable, hash_from
from verifier.verifying import check

ANYBODY = Condition("quantity", ">=", "0")


def forged() -> Forged:
    chain = Forged()
    chain.block()
    chain.record(trade(1), trade(2))
    return chain


def test_chain_given_rules_are_kept_is_consistent_and_unanchored() -> None:
    verdict = verifier.verify(forged().file(ANYBODY))
    assert [(row.number, row.buyer, row.status) for row in verdict.rows] == [
        (1, "A", "pending"),
        (2, "A", "pending"),
    ]
    assert (verdict.anchored, verdict.code_proven) == (False, False)


def test_answers_given_a_later_beginning_are_refused() -> None:
    """Without the blocks before, nothing is there that a batch could be missed in."""
    chain = forged()
    chain.block()
    chain.block()
    whole = chain.bundle(ANYBODY)
    for first in (2, 3, 4, 5):
        rest = {n: block for n, block in whole.blocks.items() if n >= first and first > 3}
        later = replace(
            whole, first=first, headers=whole.headers[first - 1 :], blocks=rest, records=(), chosen=()
        )
        with pytest.raises(Refused, match="does not begin where the ledger began"):
            verifier.verify(coding.encode(later))


def test_answers_given_a_block_is_hidden_are_refused(ledger: Story) -> None:
    """Records and answer are made to fit what is left."""
    it = coding.decode(ledger.bundle("trading_day = 2019-11-21"))
    hidden = 0
    for number in it.blocks:
        less = replace(it, blocks={n: block for n, block in it.blocks.items() if n != number})
        try:
            less = fitting(less)
        except (Refused, KeyError):  # A name is gone.
            continue
        hidden += 1
        with pytest.raises(
            Refused,
            match=f"block {number} may hold .* left out|does not begin|does not have|does not show how",
        ):
            verifier.verify(sealed(less))
    assert hidden > 8


def _settles(it: Forged, calldata: bytes, to: bytes = HOUSE) -> None:
    batch = it.record(trade(9), day=20240315)
    it.block(event("ClearingHouse", "SliceSettled", 1, 1, batch, data=word(1)), calldata=calldata, to=to)


def _status(it: Forged, position: int, status: int) -> None:
    batch = it.record(trade(9), day=20240315)
    it.block(event("ClearingHouse", "StatusChanged", batch, position, data=word(1) + word(status)))


def _part(it: Forged) -> None:
    batch = it.record(trade(9), day=20240315)
    it.block(event("ClearingHouse", "TradeSettledInPart", batch, 8, data=word(1) + word(1) + word(1)))


def _again(it: Forged) -> None:
    it.record(trade(9), day=20240315)
    it.record(trade(9), day=20240315)


def _affirmed(it: Forged) -> None:
    """By as many as there is calldata for; each of them is found at once."""
    batch, n = it.record(trade(9), day=20240315), 3_000
    places = b"".join(word(32 * (n + 7 * k)) for k in range(n))
    parts = b"".join(word(k + 1) + bytes(96) + word(192) * 2 + word(0) for k in range(n))
    calldata = facts._AFFIRM + bytes(32 * 7) + word(32 * 8) + word(n) + places + parts
    said = (event("ClearingHouse", "BatchAffirmed", batch, k + 1, data=bytes(128)) for k in range(n))
    it.block(*said, event("ClearingHouse", "BatchAffirmed", batch, n + 1, data=bytes(128)), calldata=calldata)


def _hashed(it: Forged) -> None:
    calldata = facts._RECORD + bytes(6 * 32) + word(7 * 32) + word(1) + trade(9)
    data = keccak(trade(9)) + bytes(7 * 32)
    it.block(event("ClearingHouse", "BatchRecorded", 5, 1, 20240315, data=data), calldata=calldata)


SETTLE = facts._SETTLE + word(3)
CUT = facts._RECORD + bytes(100)
LIES: dict[str, tuple[Callable[[Forged], Any], str]] = {
    "institution twice": (lambda it: it.block(admitted(2, "Z")), "two events give institution 2"),
    "name twice": (lambda it: it.block(admitted(4, "A")), "two events give institution 4 or the name A"),
    "code twice": (lambda it: it.block(listed(2, "S")), "two events give asset 2 or the name S"),
    "decimals without end": (
        lambda it: it.block(event("AssetRegister", "AssetListed", 0x8002, "D", 1, data=word(2**70))),
        "lists an asset of 1180591620717411303424 decimals",
    ),
    "batch twice": (_again, "was recorded before"),
    "no such party": (lambda it: it.record(trade(9, buyer=77)), "nothing names its party or asset 77"),
    "records that hash otherwise": (
        lambda it: it.record(trade(9), said=word(5)),
        "are not those that",
    ),
    "a batch that hashes otherwise": (_hashed, "has another hash"),
    "no records": (lambda it: it.record(), "are not those that"),
    "recorded through another contract": (
        lambda it: it.record(trade(9), to=b"\7" * 20),
        "does not call",
    ),
    "recorded by another call": (
        lambda it: it.record(trade(9), calldata=SETTLE),
        "does not call",
    ),
    "calldata cut": (
        lambda it: it.record(trade(9), calldata=facts._RECORD + b"short"),
        "calldata ends before",
    ),
    "another chain's": (lambda it: it.record(trade(9), chain_id=8), "is signed for chain 8, not for chain 7"),
    "settles another batch": (
        lambda it: _settles(it, SETTLE + word(64) + word(0)),
        "settles a batch that is not in its calldata",
    ),
    "affirmed by who is not in it": (_affirmed, "has not the affirmation of institution 3001"),
    "settles more slices than there can be": (
        lambda it: _settles(it, SETTLE + word(64) + word(256) + bytes(256 * 32)),
        "or has 256 slices",
    ),
    "settles too many slices": (
        lambda it: _settles(it, SETTLE + word(64) + word(9)),
        "calldata ends",
    ),
    "settles beyond": (
        lambda it: _settles(it, SETTLE + word(2**255)),
        "calldata ends before",
    ),
    "unknown status": (lambda it: _status(it, 0, 99), "status 99"),
    "unknown position": (lambda it: _status(it, 2**200, 5), "its batch does not have"),
    "unknown trade": (_part, "names trade 8, which its batch does not have"),
}


@pytest.mark.parametrize("lie", LIES)
def test_chain_given_a_lie_is_refused(lie: str) -> None:
    chain = forged()
    make, said = LIES[lie]
    make(chain)
    bundle = replace(
        forged().bundle(ANYBODY),
        headers=tuple(chain.headers),
        blocks=chain.whole(),
        records=tuple(chain.recorded),
    )
    with pytest.raises(Refused, match=said):
        check(bundle, bytes(32), Given())


ELSEWHERE = Contract(b"\7" * 20, bytes(32))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"contracts": CONTRACTS | {"ClearingHouse": ELSEWHERE}}, "its records are not those"),
        ({"contracts": CONTRACTS | {"\x1b[2J": ELSEWHERE}}, "a contract that is none"),
        ({"contracts": {"ClearingHouse": CONTRACTS["ClearingHouse"]}}, "has no Consortium"),
        ({"conditions": (Condition("institution", "=", "Ａ"),)}, "does not have"),
        ({"conditions": (Condition("status", "=", "gone"),)}, "a condition that is none"),
        ({"conditions": (Condition("trading_day", "=", "20240314"),)}, "a condition that is none"),
        ({"conditions": (Condition("quantity", "=", "٣"),)}, "a condition that is none"),
        ({"conditions": (Condition("counterparty", "=", "A"),)}, "and not whose"),
        ({"conditions": (ANYBODY, ANYBODY)}, "there twice"),
        ({"conditions": tuple(Condition("number", "<=", f"{k}") for k in range(200, 301))}, "101 conditions"),
        ({"balances": (verifier.bundle.Balance(2, 1, 5),)}, "nothing of the state"),
        ({"state": (b"\xc1\x80",)}, "do not lead to"),
        ({"state": (b"\1", b"\1")}, "in order"),
        ({"first": 2}, "is that of block"),
        ({"blocks": dict(reversed(forged().whole().items()))}, "blocks are not in order"),
        ({"records": ()}, "its records are not those"),
        ({"chosen": ()}, "its answer is not every"),
    ],
)  # fmt: skip
def test_bundle_given_a_false_part_is_refused(change: dict[str, Any], said: str) -> None:
    bundle = replace(forged().bundle(ANYBODY), **change)
    with pytest.raises(Refused, match=said):
        check(bundle, bytes(32), Given())
    with pytest.raises(Refused, match=said):
        verifier.verify(coding.encode(bundle))


def test_chain_given_a_time_that_cannot_be_written_is_refused() -> None:
    """What says the verdict would end in an error, whose exit code is that of an unanchored bundle."""
    chain = forged()
    chain.block()
    *before, last = chain.headers
    parts = rlp.decode(last)
    chain.headers = [*before, rlp.encode([*parts[:11], b"\1" * 2_000, *parts[12:]])]
    with pytest.raises(Refused, match="something larger is in the place of a number"):
        verifier.verify(chain.file(ANYBODY))


def test_names_given_control_characters_are_shown_as_what_they_are() -> None:
    chain = forged()
    names = [b"\x1b[2J", b"X\nanchored: yes", "Ａ".encode(), b"", b"\xff\xfe"]
    for i, name in enumerate(names, start=4):
        chain.block(admitted(i, name))
    chain.record(*(trade(10 + i, buyer=i, seller=i) for i in range(4, 4 + len(names))), day=20240316)
    verdict = verifier.verify(chain.file(ANYBODY))
    text = "\n".join(telling.lines(verdict, everything=True))
    assert not [each for each in ("\x1b", "\nanchored", "Ａ") if each in text]
    assert [row.buyer for row in verdict.rows[2:]] == [
        "\\x1b[2J", "X\\nanchored: yes", "\\xef\\xbc\\xa1", "", "\\xff\\xfe"
    ]  # fmt: skip


def test_verdicts_given_any_length_are_written_on_any_terminal() -> None:
    """What it cannot print would end as unanchored does: with exit code 1."""
    chain = forged()
    chain.record(*(trade(each) for each in range(10, 40)), day=20240315)
    text = "\n".join(telling.lines(verifier.verify(chain.file(ANYBODY))))
    assert "and 12 more (--all)" in text
    assert text.isascii()


def test_hashes_given_spaces_for_digits_are_none() -> None:
    for text in ("ab " * 13 + "a", " " * 40):
        with pytest.raises(Unusable, match="40 hexadecimal digits are wanted"):
            hash_from(text, 20)


def test_names_given_signs_of_a_line_cannot_pass_for_several() -> None:
    """Somebody is admitted under a name that says more: a claim of it is true, and read of A it is not."""
    chain, name = forged(), "A, status = settled"
    chain.block(admitted(4, name))
    chain.block(admitted(5, "A; affirmed by B "))
    chain.record(trade(9, buyer=5), day=20240315)
    verdict = verifier.verify(chain.file(Condition("institution", "=", name)))
    assert next(telling.lines(verdict)).endswith(
        'every trade with institution = "A, status = settled": 0 trades, and no other'
    )
    verdict = verifier.verify(chain.file(Condition("number", "=", "9")))
    assert {'buyer        "A; affirmed by B "', "seller       B"} <= set(telling.lines(verdict))


def test_conditions_given_signs_of_a_terminal_are_refused_in_words_that_have_none() -> None:
    it = forged().bundle(ANYBODY)
    for condition in (
        Condition("number", "=", "1\x1b[2K\ranchored: every trade"),
        Condition("\u202elles", "=", "A"),
        Condition("number", "=", "01"),
        Condition("number", "=", "-1"),
        Condition("number", "=", "1" * 5_000),
    ):
        with pytest.raises(Refused, match="it has a condition that is none") as refused:
            verifier.verify(coding.encode(replace(it, conditions=(condition,))))
        assert str(refused.value).isprintable()
    several = tuple(Condition("number", ">=", str(i)) for i in range(100, 121))
    with pytest.raises(Refused, match="it has 21 conditions, and 20 are what one can have"):
        verifier.verify(coding.encode(replace(it, conditions=several)))
    assert asking.of_query(asking.Known([], []), "number=007 quantity>=0") == (
        Condition("number", "=", "7"),
        Condition("quantity", ">=", "0"),
    )


def test_names_given_signs_of_a_shell_are_quoted_in_what_may_be_copied() -> None:
    """Any signature is some key's: here the institution's is made to fit one."""
    chain, name = forged(), "x'; y $z #"
    words = (bytes(32),) * 3
    said = Affirmation(bytes(32), 4, *words, keccak(chain.headers[-1]), bytes(31) + b"\1" * 33 + b"\x1b")
    signer = signer_of(said, chain.chain_id, HOUSE)
    assert signer is not None
    address, topics, _ = admitted(4, name)
    chain.block((address, topics, bytes(44) + signer + bytes(32)))
    verdict = verifier.verify(chain.file(ANYBODY), statements=[Statement(chain.chain_id, HOUSE, said)])
    (hint,) = verdict.hints
    assert shlex.split(hint.partition("its key: ")[2]) == ["--key", f"{name}=0x{signer.hex()}"]


def opened(data: bytes) -> list[Any]:
    """The body of a file."""
    return _lists(rlp.decode(coding.unpack_zeros(data[len(coding.MAGIC) : -32])))


def _lists(item: Any) -> Any:
    return [_lists(each) for each in item] if isinstance(item, list | tuple) else item


def closed(body: Any, digest: bytes = bytes(32)) -> bytes:
    """The file with this body."""
    return coding.MAGIC + coding.pack_zeros(rlp.encode(body, infer_serializer=False)) + digest


OTHER_BYTES: dict[str, Callable[[list[Any]], Any]] = {
    "a zero before a number": lambda body: body.__setitem__(3, b"\0\1"),
    "contracts in another order": lambda body: body[1].reverse(),
    "a contract twice": lambda body: body[1].append(body[1][-1]),
    "a column in full": lambda body: body[5][0][1].__setitem__(0, b"\0\0"),
    "records in full": lambda body: body[6][1][1].__setitem__(0, [forged().blocks[2][0]]),
    "a piece of nothing": lambda body: body[6][1][1][0].append(b""),
    "a block twice": lambda body: body[6].append(body[6][-1]),
    "a kind of nothing": lambda body: body[7][1].append([b"", []]),
    "kinds in another order": lambda body: body[7][1].reverse(),
    "a row that is two": lambda body: body[7][1].append([b"\1", [b"\xc0", b"\xc0"]]),
}


@pytest.mark.parametrize("way", OTHER_BYTES)
def test_files_given_the_same_in_other_bytes_are_refused(way: str) -> None:
    """What is said, and the digest, would be right."""
    good = forged().file(ANYBODY)
    body = opened(good)
    OTHER_BYTES[way](body)
    data = closed(body)
    assert data != good
    data = data[:-32] + claims.digest_of(verifier.verify(good).rows, data)
    with pytest.raises(Refused, match=r"the same could be said in other bytes|cut off, altered or no bundle"):
        verifier.verify(data)


def test_files_given_zeros_in_other_counts_are_refused() -> None:
    good = forged().file(ANYBODY)
    at = next(i for i in range(40, len(good)) if good[i] == 0 and good[i + 1] > 2)
    for other in (bytes([0, 1, 0, good[at + 1] - 1]), bytes([0, good[at + 1] - 1, 0, 1]), bytes([0, 0])):
        data = good[:at] + other + good[at + (0 if other == bytes([0, 0]) else 2) :]
        data = data[:-32] + claims.digest_of(verifier.verify(good).rows, data)
        with pytest.raises(Refused, match="the same could be said in other bytes"):
            verifier.verify(data)


ITEMS = st.recursive(st.binary(max_size=40), lambda inner: st.lists(inner, max_size=4), max_leaves=8)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_files_given_anything_raise_nothing_but_refused(data: st.DataObject) -> None:
    """Bytes, and a good file one item of which, at any depth, is another."""
    body = opened(forged().file(ANYBODY))
    at = body
    for _ in range(data.draw(st.integers(0, 5))):
        inner = [i for i, each in enumerate(at) if isinstance(each, list) and each]
        if not inner:
            break
        at = at[data.draw(st.sampled_from(inner))]
    place = data.draw(st.integers(0, len(at) - 1))
    at[place : place + data.draw(st.integers(0, 1))] = [data.draw(ITEMS)]
    for file in (
        closed(body, forged().file(ANYBODY)[-32:]),
        coding.MAGIC + data.draw(st.binary(max_size=200)),
    ):
        if file != forged().file(ANYBODY):
            with pytest.raises(Refused):
                verifier.verify(file)

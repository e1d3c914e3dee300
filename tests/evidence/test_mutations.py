"""Proof by mutation: a bundle that is altered in any of its parts is refused, and why is said.

given a file with a bit flipped, cut, or longer       ─ refused
given the parts altered and written anew              ─ refused, by the check of that part
given an alteration after which all still holds       ─ true as well; refused as altered
"""

from __future__ import annotations

import os
import random
import re
from collections import Counter

import pytest

import verifier
from tests.evidence.altering import alterations, flipped, rest
from tests.evidence.making import Story
from verifier import claims
from verifier.anchors import Given
from verifier.bundle import Bundle, Refused
from verifier.forms import coding
from verifier.verifying import check

CLAIMS = (
    ("institution = B1", "trading_day <= 2019-11-21"),
    ("number = 1", "trading_day = 2019-11-21"),
)
DEEPER = int(os.environ.get("CLEARING_EVIDENCE_DEPTH", "1"))
"""How many times as many bits are flipped."""
WRITTEN = 16
"""One alteration of so many is written as a file and read again."""
STILL_TRUE = re.compile(
    r".*conditions$|newest header field|(first|last) \d cut|affirmation \d dropped|no state"
    r"|(?!Consortium|AssetRegister|ClearingHouse)\w+ renamed$"
)
"""What may be altered by whoever makes the digest anew. What the file then says is true: of the same ledger
up to an earlier block, of a chain whose newest block nobody vouches for, with less proven, or of another
claim."""


@pytest.fixture(scope="module")
def bundles(ledger: Story, rewritten: Story) -> list[tuple[bytes, bytes]]:
    return [(ledger.bundle(*each), rewritten.bundle(*each)) for each in CLAIMS]


def said_of(data: bytes) -> str:
    """Why a file is refused; nothing where it is not. Anything else than Refused goes through."""
    try:
        verifier.verify(data)
    except Refused as refused:
        return str(refused)
    return ""


def test_files_given_any_bit_flipped_are_refused(bundles: list[tuple[bytes, bytes]]) -> None:
    kinds: Counter[str] = Counter()
    for data, _ in bundles:
        assert said_of(data) == ""
        step = max(len(data) * 8 // (180 * DEEPER), 1) | 1
        altered = [flipped(data, bit) for bit in range(0, len(data) * 8, step)]
        altered += [data[:end] for end in range(0, len(data), len(data) // 20)]
        altered += [data + b"\0", data * 2, data[1:], b"", data[:21] + data[20:]]
        for each in altered:
            kinds[re.sub(r"\d+|0x\w+|\(.*", "", said_of(each))] += 1
    assert not {"", "something in it is malformed: "} & kinds.keys()
    assert sum(kinds.values()) >= 350 * DEEPER + 50
    assert len(kinds) > 12, kinds


def test_parts_given_any_alteration_are_refused_by_their_own_check(
    bundles: list[tuple[bytes, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever alters a bundle makes its digest anew, so here it is not compared but where nothing else is
    wrong."""
    digest_of = claims.digest_of
    count, accepted, wrong = 0, [], []
    for data, foreign in bundles:
        it, other = coding.decode(data), coding.decode(foreign)
        ways = alterations if data is bundles[0][0] or DEEPER > 1 else rest
        for label, expected, altered in ways(it, other, random.Random(data)):
            if altered == it:
                continue
            count += 1
            monkeypatch.setattr(claims, "digest_of", lambda _, data: data[-32:])
            said = said_of_values(altered)
            if not re.search(expected, said):
                (wrong if said else accepted).append((label, said))
            if not said or count % WRITTEN == 0 or DEEPER > 1:
                monkeypatch.setattr(claims, "digest_of", digest_of)
                try:
                    written = coding.encode(altered)
                except Refused:  # What is no header or receipt cannot even be written.
                    continue
                again = said_of(written)
                assert again == said or (not said and "it was altered" in again), (label, said, again)
    assert wrong == []
    assert [label for label, _ in accepted if not STILL_TRUE.match(label)] == []
    assert count >= 1_600, count


def said_of_values(bundle: Bundle) -> str:
    """Why what a file says is refused, whatever its digest is."""
    try:
        check(bundle, bundle.digest, Given())
    except Refused as refused:
        return str(refused)
    return ""

"""Which contracts are the ledger's follows from how its clearing house was made, and from nobody's word.

given another register on the same chain        ─ refused, whatever anchors it
given another clearing house on the same chain  ─ anchored; rests on the clearing house that is named
given any making that is not its own            ─ refused
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from coincurve import PrivateKey
from eth_utils import keccak

import verifier
from ledger.compile import artifacts
from settlement.evidence.building import Unproven
from tests.evidence.forging import (
    CONTRACTS,
    GIVEN,
    HOUSE,
    MAKER,
    NONCE,
    PLACES,
    Forged,
    admitted,
    fitting,
    listed,
    made_at,
    making,
    sealed,
    trade,
)
from tests.evidence.making import Story
from tests.evidence.test_hostile import ANYBODY, forged
from verifier.bundle import Block, Bundle, Contract, Refused
from verifier.forms import telling

LATER = {"Consortium": b"\x66" * 20, "AssetRegister": b"\x67" * 20, "ClearingHouse": made_at(MAKER, 9)}


def usurped(*others: str) -> tuple[bytes, bytes]:
    """A file of another consortium, another register and perhaps another clearing house, later on the very
    chain of a trusted head: of three trades it has one, and names are exchanged. Its head."""
    chain, at = forged(), PLACES | {name: LATER[name] for name in others}
    begun = len(chain.headers)
    logs = [(at["Consortium"], *admitted(i, name)[1:]) for i, name in enumerate(("V", "B", "A"), start=1)]
    logs += [(at["AssetRegister"], *listed(i, code)[1:]) for i, code in ((1, "S"), (0x8001, "C"))]
    chain.block(*logs, raw=making(at, nonce=9))
    chain.record(trade(3), day=20240316, by=at["ClearingHouse"])
    it = replace(
        forged().bundle(),
        contracts={name: Contract(address, bytes(32)) for name, address in at.items()},
        first=begun + 1,
        headers=tuple(chain.headers[begun:]),
        blocks={number: block for number, block in chain.whole().items() if number > begun},
    )
    return sealed(fitting(it)), keccak(chain.headers[-1])


def test_chain_given_other_contracts_on_it_is_refused_by_how_the_clearing_house_was_made() -> None:
    """Whatever anchors it, with no word of the auditor's on where contracts are; also where the block that
    made the clearing house is there."""
    data, known = usurped("Consortium", "AssetRegister")
    with pytest.raises(Refused, match="does not show how its clearing house was made"):
        verifier.verify(data, trusted_head=known)
    for name in ("Consortium", "AssetRegister"):
        chain, moved = forged(), Contract(LATER[name], bytes(32))
        exchanged = [admitted(i, each) for i, each in enumerate(("V", "B", "A"), start=1)]
        assets = [listed(1, "S"), listed(0x8001, "C")]
        chain.block(*((LATER[name], *log[1:]) for log in (exchanged if name == "Consortium" else assets)))
        it = replace(chain.bundle(ANYBODY), contracts=CONTRACTS | {name: moved})
        with pytest.raises(Refused, match=f"was made for another {name} than 0x{LATER[name].hex()}"):
            verifier.verify(sealed(fitting(it)), trusted_head=keccak(chain.headers[-1]))


def test_chain_given_another_clearing_house_on_it_rests_on_the_one_that_is_named() -> None:
    data, known = usurped(*LATER)
    verdict = verifier.verify(data, trusted_head=known)
    assert [(row.number, row.buyer) for row in verdict.rows] == [(3, "B")]
    assert (verdict.anchored, verdict.contracts_known) == (True, False)
    rests = "\n".join(telling.lines(verdict)).partition("What it rests on")[2]
    assert "are the ledger's, and no others on its chain" in rests
    with pytest.raises(Refused, match="another ledger: its ClearingHouse"):
        verifier.verify(data, trusted_head=known, contracts={"ClearingHouse": HOUSE})
    assert verifier.verify(data, contracts=LATER).contracts_known


def test_making_given_words_behind_those_that_it_takes_makes_nothing_known() -> None:
    """Its code takes what comes first, so that the clearing house has other contracts than it ends with:
    whoever looks at the clearing house finds nothing amiss."""
    code, house = artifacts()["ClearingHouse"].bytecode, {"ClearingHouse": HOUSE}
    words = making()[-300:].partition(b"\x60\x80")[2][: 32 * len(GIVEN)]
    for data, known in ((code + words, True), (code + bytes(31) + b"\7" + bytes(32 * 6) + words, False)):
        it = sealed(Forged(first=making(data=data)).bundle(ANYBODY))
        verdict = verifier.verify(it, contracts=house)
        assert (verdict.contracts_known, verdict.contracts_given) == (known, known)
        assert ("nobody vouches for:" in "\n".join(telling.lines(verdict))) != known
        assert verifier.verify(it, contracts=PLACES).contracts_known


BEGINNINGS = {
    "institutions": (making(nonce=8), making(), making(nonce=8), PLACES),
    "both": (making(), b"", making(), PLACES),
    "clearing house": (making(), b"", making(LATER), LATER | {"ClearingHouse": HOUSE}),
}
"""What is told again: the transactions of the first block, the second and the one behind the head, and where
the consortium and the register are then said to be."""


@pytest.mark.parametrize("again", BEGINNINGS)
def test_chain_given_its_beginning_is_told_again_after_the_head_is_not_anchored(again: str) -> None:
    """Blocks before a trusted head are cut off, and behind it there are names exchanged, with the transaction
    that made the clearing house, or one of the same nonce, which its maker never sent, for contracts that it
    has put on the chain since. Trades could be hidden as well."""
    one, two, behind, places = BEGINNINGS[again]
    names = [admitted(i, name)[1:] for i, name in enumerate(("V", "B", "A"), start=1)]
    logs = [(places["Consortium"], *each) for each in names]
    logs += [(places["AssetRegister"], *each[1:]) for each in (listed(1, "S"), listed(0x8001, "C"))]
    chain, early = Forged(first=one), logs if again == "clearing house" else []
    chain.block(*early, raw=two)
    chain.record(trade(1))
    known = keccak(chain.headers[-1])
    chain.block(*(() if early else logs), raw=behind)
    first = 3 if again == "both" else 2
    blocks = {n: Block((raw,), (receipt,)) for n, (raw, receipt) in enumerate(chain.blocks, start=1)}
    it = replace(
        forged().bundle(),
        contracts={name: Contract(at, bytes(32)) for name, at in places.items()},
        first=first,
        headers=tuple(chain.headers[first - 1 :]),
        blocks={number: block for number, block in blocks.items() if number >= first},
    )
    verdict = verifier.verify(sealed(fitting(it)), trusted_head=known, contracts={"ClearingHouse": HOUSE})
    assert (verdict.rows[0].buyer, verdict.anchored_to, verdict.last_block) == ("B", 3, 4)
    assert not verdict.anchored
    assert "the answer depends on block 4, which comes after" in "\n".join(telling.lines(verdict))


@pytest.mark.parametrize("name", PLACES)
def test_chain_given_a_contract_under_another_name_too_hides_nothing(name: str) -> None:
    """Of two names for one place the record's last could be taken, and no event there be the ledger's."""
    it = forged().bundle(ANYBODY)
    for other in ("Aaa", "Zzz"):
        contracts = it.contracts | {other: it.contracts[name]}
        data = sealed(fitting(replace(it, contracts=contracts)))
        assert [row.number for row in verifier.verify(data, contracts=PLACES).rows] == [1, 2]


def test_evidence_given_no_transaction_that_made_the_clearing_house_is_not_made(ledger: Story) -> None:
    """One that a contract has created, say."""
    elsewhere = ledger.deployment.addresses | {"ClearingHouse": "0x" + "77" * 20}
    moved = replace(ledger, deployment=replace(ledger.deployment, addresses=elsewhere))
    with pytest.raises(Unproven, match="no transaction of its own created the clearing house"):
        moved.bundle()


LIMITS = PLACES | {"Limits": b"\x70" * 20}
UNSHOWN = "does not show how its clearing house was made"
MAKINGS: dict[str, tuple[bytes, str]] = {
    **{f"type {kind}": (making(LIMITS, kind=kind), "") for kind in (0, 1, 2)},
    "for any chain": (making(LIMITS, kind=0, chain_id=None), UNSHOWN),
    "for chain 0": (making(LIMITS, chain_id=0), UNSHOWN),
    "for another consortium": (making(LIMITS | {"Consortium": b"\7" * 20}), "made for another Consortium"),
    "for another register": (making(LIMITS | {"AssetRegister": b"\7" * 20}), "another AssetRegister than"),
    "for them exchanged": (
        making(LIMITS | {"Consortium": b"\2" * 20, "AssetRegister": b"\1" * 20}),
        "made for another Consortium",
    ),
    "for other limits": (making(), "made for another Limits than 0x7070"),
    "for less": (making(data=making(LIMITS)[-400:-100]), "made for another Consortium"),
    "for nothing": (making(data=b"\x60"), "made for another Consortium"),
    "by another key": (making(LIMITS, key=PrivateKey(b"\6" * 32)), UNSHOWN),
    "with another nonce": (making(LIMITS, nonce=NONCE + 1), UNSHOWN),
    "by a call": (making(LIMITS, to=HOUSE), UNSHOWN),
    "altered": (making(LIMITS).replace(b"\x70" * 20, b"\x71" * 20), UNSHOWN),
    "of a type that creates none": (b"\3" + making(LIMITS)[1:], UNSHOWN),
}


@pytest.mark.parametrize("way", MAKINGS)
def test_making_given_any_way_is_shown_or_refused(way: str) -> None:
    """The roots, hashes and digest fit."""
    raw, said = MAKINGS[way]
    contracts = CONTRACTS | {"Limits": Contract(LIMITS["Limits"], bytes(32))}
    data = sealed(replace(Forged(first=raw).bundle(ANYBODY), contracts=contracts))
    if not said:
        assert not verifier.verify(data).contracts_known
        return
    with pytest.raises(Refused, match=said):
        verifier.verify(data)


def test_making_given_it_failed_is_there_twice_or_elsewhere_is_refused() -> None:
    """A block in which nothing else happened is needed where the clearing house was made in it, else not."""

    def apart(first: bytes, second: bytes) -> Bundle:
        chain = Forged(first=first)
        chain.block(raw=second)
        raw, receipt = chain.blocks[-1]
        return replace(chain.bundle(ANYBODY), blocks=chain.whole() | {2: Block((raw,), (receipt,))})

    none = making(nonce=8)
    assert verifier.verify(sealed(apart(none, making()))).facts.names
    for it, said in (
        (Forged(status=b"").bundle(ANYBODY), UNSHOWN),
        (apart(making(), making()), UNSHOWN),
        (apart(none, none), UNSHOWN),
        (apart(none, making(chain_id=8)), "is signed for chain 8, not for chain 7"),
        (apart(making(), none), "block 2 is there, and nothing depends on it"),
    ):
        with pytest.raises(Refused, match=said):
            verifier.verify(sealed(it))
    left_out = apart(none, making())
    with pytest.raises(Refused, match=UNSHOWN):
        verifier.verify(sealed(replace(left_out, blocks={1: left_out.blocks[1]})))

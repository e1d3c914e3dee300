"""affirm(Header, bytes32[], Affirmation[]): what institutions agree to, and what not. Who may is in
test_clearing_house_affirm_parties.py, signatures in _signature.py, contracts that sign in _erc1271.py.

when all or some parties affirm         ─ each is noted and told; anyone may send it; in any order, in parts
when there are none                     ─ nothing happens
when some records are excepted          ─ one, several, all, first, last, self-trade, by both sides: disputed
when the exceptions are no own records  ─ another's, beyond the end, not rising: refused
"""

from __future__ import annotations

import pytest
from eth_utils import keccak

from ledger import reverts
from ledger.clients.clearing_house import Status
from tests.contracts.clearing import Batch, Floor
from tests.contracts.clearing_model import Trade
from tests.contracts.support import Ledger, refused

TRADES = (
    Trade(1, "B1", "B2", "S1"),
    Trade(2, "B2", "B3", "S1"),
    Trade(3, "B1", "B1", "S2"),
    Trade(4, "B3", "B1", "S2"),
    Trade(5, "B1", "B2", "S3"),
)
"""B1 has 0, 2, 3, 4 of them; B2 0, 1, 4; B3 1, 3."""


@pytest.fixture
def floor(ledger: Ledger) -> Floor:
    return Floor(ledger)


@pytest.fixture
def batch(floor: Floor) -> Batch:
    made = floor.batch(*TRADES)
    floor.record(made)
    return made


def affirmed(floor: Floor, batch: Batch) -> set[str]:
    return {
        name
        for name, index in floor.ledger.index.items()
        if floor.house.call("affirmedBy", batch.hash, index)
    }


def disputed(floor: Floor, batch: Batch) -> list[int]:
    statuses = [floor.house.status_of(batch.hash, i) for i in range(len(batch.trades))]
    assert set(statuses) <= {Status.PENDING, Status.DISPUTED}
    return [i for i, status in enumerate(statuses) if status == Status.DISPUTED]


def told(
    floor: Floor, batch: Batch, name: str, excepts: tuple[int, ...] = (), clients: bytes = bytes(32)
) -> object:
    """The event of an affirmation, its prior block's hash left out."""
    own = b"".join(batch.words[i] for i in batch.own(name) if i not in excepts)
    return {
        "batchHash": batch.hash,
        "institution": floor.ledger.index[name],
        "recordsHash": keccak(own),
        "exceptions": len(excepts),
        "clientRoot": clients,
    }


def test_affirm_when_all_parties_sign_notes_and_tells_each(
    floor: Floor, ledger: Ledger, batch: Batch
) -> None:
    prior = ledger.chain.block()
    given = [floor.affirmation(batch, name, clients=keccak(text=name)) for name in ("B3", "B1", "B2")]
    facts = ledger.facts(floor.affirm(batch, *given))
    assert facts == [
        ("BatchAffirmed", told(floor, batch, name, (), keccak(text=name)) | {"priorBlockHash": prior.hash})
        for name in ("B3", "B1", "B2")
    ]
    assert affirmed(floor, batch) == {"B1", "B2", "B3"}
    assert disputed(floor, batch) == []


@pytest.mark.parametrize("names", [("B1",), ("B2",), ("B3",), ("B3", "B2")])
def test_affirm_when_some_parties_sign_notes_those(
    floor: Floor, batch: Batch, names: tuple[str, ...]
) -> None:
    floor.affirm(batch, *(floor.affirmation(batch, name) for name in names))
    assert affirmed(floor, batch) == set(names)


def test_affirm_when_parties_come_one_by_one_notes_each(floor: Floor, batch: Batch) -> None:
    for name in ("B2", "B3", "B1"):
        floor.affirm(batch, floor.affirmation(batch, name))
        assert name in affirmed(floor, batch)


def test_affirm_when_anyone_sends_it_is_the_signers_word(floor: Floor, ledger: Ledger, batch: Batch) -> None:
    snapshot = ledger.chain.snapshot()
    for name, signer in ledger.everyone_but():
        ledger.chain.restore(snapshot)
        floor.affirm(batch, floor.affirmation(batch, "B1"), sender=signer)
        assert affirmed(floor, batch) == {"B1"}, name


def test_affirm_when_nobody_affirms_does_nothing(floor: Floor, ledger: Ledger, batch: Batch) -> None:
    assert floor.affirm(batch).logs == ()
    assert affirmed(floor, batch) == set()


@pytest.mark.parametrize("excepts", [(0,), (2,), (3,), (4,), (0, 4), (2, 3), (0, 2, 4), (0, 2, 3, 4)])
def test_affirm_when_records_are_excepted_disputes_them_only(
    floor: Floor, ledger: Ledger, batch: Batch, excepts: tuple[int, ...]
) -> None:
    prior = ledger.chain.block()
    given = [floor.affirmation(batch, "B2"), floor.affirmation(batch, "B1", excepts=excepts)]
    facts = ledger.facts(floor.affirm(batch, *given))
    one = ledger.index["B1"]
    assert facts == [
        ("BatchAffirmed", told(floor, batch, "B2") | {"priorBlockHash": prior.hash}),
        *(
            ("TradeDisputed", {"batchHash": batch.hash, "tradeNo": TRADES[i].number, "institution": one})
            for i in excepts
        ),
        ("BatchAffirmed", told(floor, batch, "B1", excepts) | {"priorBlockHash": prior.hash}),
    ]
    assert disputed(floor, batch) == list(excepts)
    assert affirmed(floor, batch) == {"B1", "B2"}


def test_affirm_when_both_sides_except_same_trade_disputes_it_once(
    floor: Floor, ledger: Ledger, batch: Batch
) -> None:
    given = [floor.affirmation(batch, name, excepts=(0, 4)) for name in ("B1", "B2")]
    facts = ledger.facts(floor.affirm(batch, *given))
    disputes = [(f["tradeNo"], f["institution"]) for name, f in facts if name == "TradeDisputed"]
    assert disputes == [(n, ledger.index[name]) for name in ("B1", "B2") for n in (1, 5)]
    assert disputed(floor, batch) == [0, 4]
    assert floor.house.call("batch", batch.hash)[:2] == (5, 3)


def test_affirm_given_other_side_excepted_before_disputes_go_on(floor: Floor, batch: Batch) -> None:
    floor.affirm(batch, floor.affirmation(batch, "B1", excepts=(0,)))
    floor.affirm(batch, floor.affirmation(batch, "B2", excepts=(0, 1)))
    floor.affirm(batch, floor.affirmation(batch, "B3"))
    assert disputed(floor, batch) == [0, 1]
    assert floor.house.call("batch", batch.hash)[:2] == (5, 3)


def test_affirm_when_exceptions_lie_in_several_words_disputes_each(floor: Floor) -> None:
    batch = floor.batch(*(Trade(n, "B1", "B2" if n % 3 else "B1", f"S{1 + n // 100}") for n in range(600)))
    floor.record(batch)
    excepts = (0, 1, 254, 255, 256, 257, 511, 512, 598, 599)
    floor.affirm(batch, floor.affirmation(batch, "B1", excepts=excepts), floor.affirmation(batch, "B2"))
    assert disputed(floor, batch) == list(excepts)


@pytest.mark.parametrize(
    ("excepts", "wrong"),
    [
        ((1,), 1),
        ((0, 1), 1),
        ((5,), 5),
        ((0, 5), 5),
        ((2**32 - 1,), 2**32 - 1),
        ((3, 2), 2),
        ((0, 0), 0),
        ((0, 2, 2), 2),
        ((4, 0), 0),
    ],
)
def test_affirm_when_exception_is_no_own_record_or_not_rising_reverts(
    floor: Floor, ledger: Ledger, batch: Batch, excepts: tuple[int, ...], wrong: int
) -> None:
    good = floor.affirmation(batch, "B1")
    bad = type(good)(
        good.institution, good.count, good.prior_block, good.client_root, excepts, good.signature
    )
    with refused(reverts.ClearingHouse_InvalidException, institution=ledger.index["B1"], position=wrong):
        floor.affirm(batch, bad)
    assert disputed(floor, batch) == []

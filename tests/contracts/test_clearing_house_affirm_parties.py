"""affirm(Header, bytes32[], Affirmation[]): who may have a word on which batch, and on how many records.
Those who have affirmed already are in test_clearing_house_affirm_again.py.

when the count is false                 ─ too low, too high, spoiling another's: refused with the true one
when the institution is no party, suspended, unknown, or named twice
when one of many is wrong               ─ none is taken
when the batch is unknown, or altered
when the prior block is not among the last 256
"""

from __future__ import annotations

import pytest

from ledger import reverts
from ledger.clients.clearing_house import Status
from ledger.contract import send
from tests.contracts.clearing import Batch, Floor, altered
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


@pytest.mark.parametrize(
    ("claims", "false", "actual"),
    [
        ({"B1": 3}, "B1", 4),
        ({"B1": 5}, "B1", 4),
        ({"B1": 1}, "B1", 4),
        ({"B1": 0}, "B1", 4),
        ({"B2": 2}, "B2", 3),
        ({"B2": 4}, "B2", 3),
        ({"B3": 1}, "B3", 2),
        ({"B3": 3}, "B3", 2),
        ({"B1": 3, "B2": 4}, "B1", 4),
        ({"B1": 5, "B2": 2}, "B1", 4),
        ({"B1": 0, "B2": 0, "B3": 5}, "B1", 4),
        ({"B1": 6}, "B1", 4),
        ({"B2": 2**32 - 1}, "B2", 3),
        ({"B3": 6}, "B3", 2),
        ({"B1": 2**32 - 1, "B2": 2**32 - 1, "B3": 2**32 - 1}, "B1", 4),
        ({"B1": 2**31, "B2": 0}, "B1", 4),
    ],
)
def test_affirm_when_count_is_false_reverts_with_true_one(
    floor: Floor, ledger: Ledger, batch: Batch, claims: dict[str, int], false: str, actual: int
) -> None:
    """Among them counts by which one's records would lie in the memory of another's, the sum being right."""
    given = [floor.affirmation(batch, name, claims=claims.get(name)) for name in ("B1", "B2", "B3")]
    with refused(
        reverts.ClearingHouse_WrongCount,
        institution=ledger.index[false],
        claimed=claims[false],
        actual=actual,
    ):
        floor.affirm(batch, *given)
    assert affirmed(floor, batch) == set()


@pytest.mark.parametrize("order", [("B1", "B2"), ("B2", "B1")])
def test_affirm_when_signed_over_what_a_false_count_would_leave_reverts(
    floor: Floor, ledger: Ledger, batch: Batch, order: tuple[str, str]
) -> None:
    """Each signs the memory that it would have if the first one's surplus record spilled over."""
    first, second = order
    spilled = [batch.words[i] for i in batch.own(first)]
    given = [
        floor.affirmation(batch, first, claims=len(spilled) - 1, book=spilled[:-1]),
        floor.affirmation(
            batch, second, book=[spilled[-1], *(batch.words[i] for i in batch.own(second)[1:])]
        ),
    ]
    with refused(
        reverts.ClearingHouse_WrongCount,
        institution=ledger.index[first],
        claimed=len(spilled) - 1,
        actual=len(spilled),
    ):
        floor.affirm(batch, *given)


@pytest.mark.parametrize("name", ["V", "D", "B", "R", "R2", "P", "A"])
@pytest.mark.parametrize("claims", [0, 1, 5, 6, 2**32 - 1])
def test_affirm_when_institution_is_no_party_reverts(
    floor: Floor, ledger: Ledger, batch: Batch, name: str, claims: int
) -> None:
    with refused(reverts.ClearingHouse_WrongCount, institution=ledger.index[name], claimed=claims, actual=0):
        floor.affirm(batch, floor.affirmation(batch, name, claims=claims))


@pytest.mark.parametrize("index", [0, 11, 255, 256, 264, 0xFFFF])
def test_affirm_when_institution_is_not_admitted_reverts(floor: Floor, batch: Batch, index: int) -> None:
    good = floor.affirmation(batch, "B1")
    bad = type(good)(index, good.count, good.prior_block, good.client_root, (), good.signature)
    with refused(reverts.ClearingHouse_Inactive, institution=index):
        floor.affirm(batch, floor.affirmation(batch, "B2"), bad)
    assert affirmed(floor, batch) == set()


def test_affirm_given_institution_is_suspended_reverts(floor: Floor, ledger: Ledger, batch: Batch) -> None:
    ledger.suspend("B1")
    with refused(reverts.ClearingHouse_Inactive, institution=ledger.index["B1"]):
        floor.affirm(batch, floor.affirmation(batch, "B2"), floor.affirmation(batch, "B1"))
    floor.affirm(batch, floor.affirmation(batch, "B2"))
    ledger.consortium.reinstate(ledger.signers["R"], ledger.index["B1"])
    floor.affirm(batch, floor.affirmation(batch, "B1"))


def test_affirm_when_institution_is_named_twice_reverts(floor: Floor, ledger: Ledger, batch: Batch) -> None:
    given = [floor.affirmation(batch, name) for name in ("B1", "B2", "B1")]
    with refused(reverts.ClearingHouse_AlreadyAffirmed, batchHash=batch.hash, institution=ledger.index["B1"]):
        floor.affirm(batch, *given)


def test_affirm_when_one_of_many_is_wrong_takes_none(floor: Floor, ledger: Ledger, batch: Batch) -> None:
    given = [
        floor.affirmation(batch, "B1", excepts=(0,)),
        floor.affirmation(batch, "B2"),
        floor.affirmation(batch, "B3", key=ledger.outsider),
    ]
    with pytest.raises(reverts.ClearingHouse_InvalidSignature):
        floor.affirm(batch, *given)
    assert affirmed(floor, batch) == set()
    assert disputed(floor, batch) == []


def test_affirm_given_batch_was_not_recorded_reverts(floor: Floor) -> None:
    batch = floor.batch(*TRADES)
    for given in ([], [floor.affirmation(batch, "B1")]):
        with refused(reverts.ClearingHouse_UnknownBatch, batchHash=batch.hash):
            floor.affirm(batch, *given)


@pytest.mark.parametrize("bit", [0, 88, 152, 168, 184, 224, 255])
def test_affirm_when_record_is_altered_by_a_bit_reverts(floor: Floor, batch: Batch, bit: int) -> None:
    other = altered(batch, 1, bit)
    with refused(reverts.ClearingHouse_UnknownBatch, batchHash=other.hash):
        floor.affirm(other, floor.affirmation(other, "B1"))


def test_affirm_when_prior_block_is_among_last_256_affirms(
    floor: Floor, ledger: Ledger, batch: Batch
) -> None:
    newest = ledger.chain.block().number
    floor.affirm(batch, floor.affirmation(batch, "B1", prior=newest))
    floor.affirm(batch, floor.affirmation(batch, "B2", prior=0))
    while ledger.chain.block().number < 256:
        floor.pause()
    # The next block's number is 257, so block 0 is out of reach and 1 is the last within.
    with refused(reverts.ClearingHouse_PriorBlockUnknown, institution=ledger.index["B3"], priorBlock=0):
        send(
            ledger.chain,
            ledger.outsider,
            floor.house.address,
            floor.house.encode(
                "affirm",
                batch.header.as_tuple(),
                batch.records,
                [floor.affirmation(batch, "B3", prior=0).as_tuple()],
            ),
        )
    floor.affirm(batch, floor.affirmation(batch, "B3", prior=2))
    assert affirmed(floor, batch) == {"B1", "B2", "B3"}


@pytest.mark.parametrize("ahead", [1, 2, 1000, 2**63])
def test_affirm_when_prior_block_is_this_or_later_reverts(
    floor: Floor, ledger: Ledger, batch: Batch, ahead: int
) -> None:
    prior = ledger.chain.block().number + ahead
    with refused(reverts.ClearingHouse_PriorBlockUnknown, institution=ledger.index["B1"], priorBlock=prior):
        floor.affirm(batch, floor.affirmation(batch, "B1", prior=prior, prior_hash=bytes(32)))


def test_affirm_given_party_lost_its_role_since_affirms(floor: Floor, ledger: Ledger, batch: Batch) -> None:
    """What was recorded while it was a broker is its trade still."""
    ledger.consortium.revoke_roles(ledger.signers["R"], ledger.index["B1"], [2])  # type: ignore[list-item]
    floor.affirm(batch, floor.affirmation(batch, "B1"))

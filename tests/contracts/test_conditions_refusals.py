"""What every saying of a party has in common, for each of its eight ways.

├── by anyone who is no party, by a party of another trade in the call ─ refused
├── by who is suspended, or nobody ─ refused
├── given records, header or batch that were not recorded so ─ refused
├── given no positions, or one beyond the records ─ refused
├── given a cycle of any venue is open ─ refused where it restricts, and passed over where it is so already
├── when one of many is refused ─ none is done
└── a random walk ─ flags and statuses as a model of sets says
"""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from ledger import reverts
from ledger.abi import Words
from ledger.clients.clearing_house import Status
from ledger.clients.conditions import Condition
from ledger.clients.consortium import Role
from tests.contracts.clearing import altered
from tests.contracts.clearing_model import Trade
from tests.contracts.saying import RESTRICTING, TRADES, WAYS, Parties
from tests.contracts.support import Ledger, refused

STEPS = 120


@pytest.fixture
def parties(ledger: Ledger) -> Parties:
    return Parties(ledger)


@pytest.mark.parametrize("way", WAYS)
def test_say_when_caller_is_no_party_reverts(parties: Parties, ledger: Ledger, way: str) -> None:
    for name in ledger.signers:
        if name not in ("B1", "B2"):
            with refused(reverts.Conditions_NotParty, institution=ledger.index[name], tradeNo=1):
                parties.say(name, way, 0)
    batch = parties.batch
    arguments = [batch.header.as_tuple(), batch.records, [0], *([True] if "allow" in way else [])]
    function = "allowPartial" if "allow" in way else way
    for signer in (ledger.operator, ledger.outsider):
        with refused(reverts.Conditions_NotActive, caller=signer.address):
            parties.conditions.send(signer, function, *arguments)


@pytest.mark.parametrize("way", WAYS)
def test_say_when_one_of_many_is_anothers_reverts_and_does_none(parties: Parties, way: str) -> None:
    for condition in ("hold", "allow", "dispute"):
        if WAYS[condition][0] == WAYS[way][0] and not WAYS[way][1]:
            parties.say("B1", condition, 0, 1)
    before = [parties.flags(i) for i in range(4)]
    with refused(reverts.Conditions_NotParty, institution=parties.ledger.index["B1"], tradeNo=4):
        parties.say("B1", way, 0, 1, 3)
    assert [parties.flags(i) for i in range(4)] == before


@pytest.mark.parametrize("way", WAYS)
def test_say_given_suspended_reverts(parties: Parties, ledger: Ledger, way: str) -> None:
    ledger.suspend("B1")
    with refused(reverts.Conditions_NotActive, caller=ledger.signers["B1"].address):
        parties.say("B1", way, 0)


@pytest.mark.parametrize("way", WAYS)
def test_say_given_batch_not_recorded_so_reverts(parties: Parties, way: str) -> None:
    batch = parties.batch
    others = [
        replace(batch, header=replace(batch.header, intended_settlement_date=20191122)),
        altered(batch, 3, 0),
        replace(batch, words=batch.words[:3]),
        replace(batch, words=()),
    ]
    for other in others:
        with refused(reverts.Conditions_UnknownBatch, batchHash=other.hash):
            parties.say("B1", way, 0, batch=other)


@pytest.mark.parametrize("way", WAYS)
def test_say_given_wrong_positions_reverts(parties: Parties, way: str) -> None:
    with refused(reverts.Conditions_NoPositions):
        parties.say("B1", way)
    for position in (4, 2**32 - 1):
        with refused(reverts.Conditions_UnknownPosition, position=position):
            parties.say("B1", way, 0, position)


@pytest.mark.parametrize("way", RESTRICTING)
def test_say_given_cycle_is_open_reverts_where_it_restricts(
    parties: Parties, ledger: Ledger, way: str
) -> None:
    ledger.admit("V2", Role.EXCHANGE)
    condition = WAYS[way][0]
    if way == "disallow":
        parties.say("B1", "allow", 0)
    else:
        parties.say("B1", way, 1)
    for venue in ("V", "V2"):
        parties.floor.open(venue)
        with refused(reverts.Conditions_CycleOpen):
            parties.say("B1", way, 0)
        assert parties.say("B1", way, 1).logs == [], condition
        parties.floor.close(venue)
        parties.floor.rest()
    parties.say("B1", way, 0)


@pytest.mark.parametrize("way", [way for way in WAYS if way not in RESTRICTING])
def test_say_given_cycle_is_open_does_what_only_lets_settle(parties: Parties, way: str) -> None:
    condition, stands = WAYS[way]
    for other, (same, said) in WAYS.items():
        if same == condition and said and not stands:
            parties.say("B1", other, 0)
    parties.floor.open()
    assert parties.say("B1", way, 0).logs != []
    assert condition.said_in(parties.flags(0)) == (stands, False)


def test_say_given_records_of_another_length_of_words_reverts(parties: Parties) -> None:
    """The same bytes as one batch's records, cut off: another hash."""
    with pytest.raises(reverts.Conditions_UnknownBatch):
        parties.say("B1", "hold", 0, records=Words(parties.batch.records[:96]))


def test_say_when_at_random_is_as_a_model_says(ledger: Ledger) -> None:
    seed = 20191121
    chance = random.Random(seed)
    trades = [Trade(t.number + 4 * n, t.buyer, t.seller, t.security) for n in range(10) for t in TRADES]
    parties = Parties(
        ledger, Parties(ledger).floor.entered(*(replace(t, number=t.number + 50) for t in trades))
    )
    ordered = parties.batch.trades
    said: dict[tuple[int, Condition], set[str]] = {}
    ended: set[int] = set()

    def place(i: int) -> Status:
        sides = {ordered[i].buyer, ordered[i].seller}
        if i in ended or said.get((i, Condition.CANCEL), set()) == sides:
            ended.add(i)
            return Status.CANCELLED
        if said.get((i, Condition.DISPUTED)):
            return Status.DISPUTED
        return Status.HELD if said.get((i, Condition.HELD)) else Status.PENDING

    for _ in range(STEPS):
        name, way = chance.choice(("B1", "B2", "B3")), chance.choice(list(WAYS))
        if way == "cancel" and chance.random() < 0.5:
            continue
        condition, stands = WAYS[way]
        own = [
            i for i, t in enumerate(ordered) if name in (t.buyer, t.seller) and place(i) != Status.CANCELLED
        ]
        chosen = chance.sample(own, min(len(own), 4))
        if not chosen:
            continue
        parties.say(name, way, *chosen)
        for i in chosen:
            (set.add if stands else set.discard)(said.setdefault((i, condition), set()), name)
            place(i)
    assert parties.statuses == [place(i) for i in range(len(ordered))], f"seed {seed}"
    for i, trade in enumerate(ordered):
        for condition in Condition:
            names = said.get((i, condition), set())
            expected = (trade.buyer in names, trade.seller in names)
            assert condition.said_in(parties.flags(i)) == expected, f"seed {seed}, {trade}, {condition}"

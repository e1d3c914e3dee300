"""setLimit(institution, asset, position, exposure), and what takes two of an exchange and a regulator.

when the caller is neither                      ─ refused, whoever it is
when both ask for the same, in either order     ─ in force with the second, and told
when they ask for different things              ─ nothing is in force
when one asks twice                             ─ refused
given one institution has both roles            ─ it alone does not do
given a word is withdrawn, its giver suspended, or its role revoked ─ the other's word is not enough
when who has not given its word withdraws       ─ refused
given it came into force                        ─ both words are used up
when institution or asset is unknown            ─ refused
given a cycle is open                           ─ limits are raised and lifted, not lowered
when limits come and go                         ─ counted once a place
"""

from __future__ import annotations

import pytest
from eth_utils import keccak

from ledger import reverts
from ledger.clients.consortium import Role
from ledger.clients.limits import NONE, Limits
from tests.contracts.clearing import Floor
from tests.contracts.support import Ledger, refused

ORDERS = [("V", "R"), ("R", "V"), ("R2", "V")]


@pytest.fixture
def limits(ledger: Ledger) -> Limits:
    return ledger.clients.limits


def asked(ledger: Ledger, *arguments: int) -> tuple[str, bytes]:
    """The subject that a word on these arguments is about."""
    return "subject", keccak(ledger.clients.limits.encode("setLimit", *arguments))


def test_set_limit_when_caller_is_neither_reverts(ledger: Ledger, limits: Limits) -> None:
    for name, signer in ledger.everyone_but("V", "R", "R2"):
        with refused(reverts.Joint_NeitherRole, caller=signer.address):
            limits.set_limit(signer, 8, 1, 5, 5)
        assert limits.call("limitCount") == 0, name


@pytest.mark.parametrize(("first", "second"), ORDERS)
def test_set_limit_when_both_ask_is_in_force_with_the_second(
    ledger: Ledger, limits: Limits, first: str, second: str
) -> None:
    arguments = (ledger.index["B1"], ledger.asset["S5"], 100, 7)
    _, subject = asked(ledger, *arguments)
    facts = ledger.facts(limits.set_limit(ledger.signers[first], *arguments))
    agreed = {"subject": subject, "institution": ledger.index[first], "complete": False}
    assert facts == [("JointlyAgreed", agreed)]
    assert limits.limit_of(*arguments[:2]) == (NONE, NONE)
    assert limits.call("limitCount") == 0
    facts = ledger.facts(limits.set_limit(ledger.signers[second], *arguments))
    assert facts == [
        ("JointlyAgreed", {"subject": subject, "institution": ledger.index[second], "complete": True}),
        ("LimitSet", {"institution": 8, "asset": 5, "position": 100, "exposure": 7}),
    ]
    assert limits.limit_of(*arguments[:2]) == (100, 7)
    assert limits.call("limitCount") == 1


@pytest.mark.parametrize("change", range(4))
def test_set_limit_when_they_ask_for_different_things_is_not_in_force(
    ledger: Ledger, limits: Limits, change: int
) -> None:
    arguments = [8, 1, 100, 7]
    limits.set_limit(ledger.signers["V"], *arguments)
    arguments[change] += 1
    limits.set_limit(ledger.signers["R"], *arguments)
    assert limits.call("limitCount") == 0
    limits.set_limit(ledger.signers["V"], *arguments)
    assert limits.limit_of(arguments[0], arguments[1]) == (arguments[2], arguments[3])


@pytest.mark.parametrize("pair", [("V", "V"), ("R", "R")])
def test_set_limit_when_one_asks_twice_reverts(ledger: Ledger, limits: Limits, pair: tuple[str, str]) -> None:
    limits.set_limit(ledger.signers[pair[0]], 8, 1, 100, 7)
    with refused(
        reverts.Joint_NoChange,
        subject=asked(ledger, 8, 1, 100, 7)[1],
        institution=ledger.index[pair[1]],
    ):
        limits.set_limit(ledger.signers[pair[1]], 8, 1, 100, 7)
    assert limits.call("limitCount") == 0


def test_set_limit_when_two_of_one_role_ask_is_not_in_force(ledger: Ledger, limits: Limits) -> None:
    limits.set_limit(ledger.signers["R"], 8, 1, 100, 7)
    limits.set_limit(ledger.signers["R2"], 8, 1, 100, 7)
    ledger.admit("V2", Role.EXCHANGE)
    assert limits.call("limitCount") == 0
    limits.set_limit(ledger.signers["V2"], 8, 1, 100, 7)
    assert limits.call("limitCount") == 1


@pytest.mark.parametrize("other", ["V", "R", "V first", "R first"])
def test_set_limit_given_one_has_both_roles_needs_another(ledger: Ledger, limits: Limits, other: str) -> None:
    ledger.admit("X", Role.EXCHANGE)
    ledger.consortium.grant_roles(ledger.signers["R"], ledger.index["X"], [Role.REGULATOR])
    name = other[0]
    if other.endswith("first"):
        limits.set_limit(ledger.signers[name], 8, 1, 100, 7)
        limits.set_limit(ledger.signers["X"], 8, 1, 100, 7)
    else:
        limits.set_limit(ledger.signers["X"], 8, 1, 100, 7)
        assert limits.call("limitCount") == 0
        with refused(
            reverts.Joint_NoChange,
            subject=asked(ledger, 8, 1, 100, 7)[1],
            institution=ledger.index["X"],
        ):
            limits.set_limit(ledger.signers["X"], 8, 1, 100, 7)
        limits.set_limit(ledger.signers[name], 8, 1, 100, 7)
    assert limits.call("limitCount") == 1


@pytest.mark.parametrize(("first", "second"), ORDERS)
def test_set_limit_given_word_is_withdrawn_needs_it_again(
    ledger: Ledger, limits: Limits, first: str, second: str
) -> None:
    _, subject = asked(ledger, 8, 1, 100, 7)
    limits.set_limit(ledger.signers[first], 8, 1, 100, 7)
    facts = ledger.facts(limits.withdraw(ledger.signers[first], subject))
    assert facts == [("AgreementWithdrawn", {"subject": subject, "institution": ledger.index[first]})]
    limits.set_limit(ledger.signers[second], 8, 1, 100, 7)
    assert limits.call("limitCount") == 0
    limits.set_limit(ledger.signers[first], 8, 1, 100, 7)
    assert limits.call("limitCount") == 1


def test_withdraw_when_caller_has_not_given_its_word_reverts(ledger: Ledger, limits: Limits) -> None:
    _, subject = asked(ledger, 8, 1, 100, 7)
    limits.set_limit(ledger.signers["V"], 8, 1, 100, 7)
    for name, signer in ledger.everyone_but("V"):
        institution = ledger.index.get(name, 0)
        with refused(reverts.Joint_NoChange, subject=subject, institution=institution):
            limits.withdraw(signer, subject)
    with refused(reverts.Joint_NoChange, subject=bytes(32), institution=ledger.index["V"]):
        limits.withdraw(ledger.signers["V"], bytes(32))
    limits.withdraw(ledger.signers["V"], subject)
    with refused(reverts.Joint_NoChange, subject=subject, institution=ledger.index["V"]):
        limits.withdraw(ledger.signers["V"], subject)


@pytest.mark.parametrize(("first", "second"), [("V", "R2"), ("R2", "V")])
def test_set_limit_given_first_is_suspended_in_between_does_not_count_it(
    ledger: Ledger, limits: Limits, first: str, second: str
) -> None:
    limits.set_limit(ledger.signers[first], 8, 1, 100, 7)
    ledger.suspend(first)
    with refused(reverts.Joint_NeitherRole, caller=ledger.signers[first].address):
        limits.set_limit(ledger.signers[first], 8, 1, 100, 7)
    limits.set_limit(ledger.signers[second], 8, 1, 100, 7)
    assert limits.call("limitCount") == 0
    ledger.consortium.reinstate(ledger.signers["R"], ledger.index[first])
    limits.set_limit(ledger.signers[first], 8, 1, 100, 7)
    assert limits.call("limitCount") == 1


@pytest.mark.parametrize(
    ("first", "role", "second"), [("V", Role.EXCHANGE, "R"), ("R2", Role.REGULATOR, "V")]
)
def test_set_limit_given_first_lost_its_role_in_between_does_not_count_it(
    ledger: Ledger, limits: Limits, first: str, role: Role, second: str
) -> None:
    limits.set_limit(ledger.signers[first], 8, 1, 100, 7)
    ledger.consortium.revoke_roles(ledger.signers["R"], ledger.index[first], [role])
    limits.set_limit(ledger.signers[second], 8, 1, 100, 7)
    assert limits.call("limitCount") == 0


def test_set_limit_given_it_came_into_force_uses_both_words_up(ledger: Ledger, limits: Limits) -> None:
    for name in ("V", "R"):
        limits.set_limit(ledger.signers[name], 8, 1, 100, 7)
    for name in ("R", "V"):
        limits.set_limit(ledger.signers[name], 8, 1)
    assert limits.call("limitCount") == 0
    limits.set_limit(ledger.signers["R"], 8, 1, 100, 7)
    assert limits.call("limitCount") == 0
    limits.set_limit(ledger.signers["V"], 8, 1, 100, 7)
    assert limits.call("limitCount") == 1


def test_set_limit_when_institution_or_asset_is_unknown_reverts(ledger: Ledger, limits: Limits) -> None:
    for institution in (0, 11, 0xFFFF):
        with refused(reverts.Limits_UnknownInstitution, institution=institution):
            limits.set_limit(ledger.signers["V"], institution, 1, 5, 5)
    for asset in (0, 9, 0x8000, 0x8003):
        with refused(reverts.AssetRegister_UnknownAsset, asset=asset):
            limits.set_limit(ledger.signers["V"], 8, asset, 5, 5)


@pytest.mark.parametrize(
    ("position", "exposure", "lowers"),
    [
        *((99, 7, True), (100, 6, True), (101, 6, True), (99, 8, True), (NONE, 6, True)),
        *((100, 7, False), (101, 8, False), (NONE, NONE, False)),
    ],
)
def test_set_limit_given_cycle_is_open_does_not_lower(
    ledger: Ledger, limits: Limits, position: int, exposure: int, lowers: bool
) -> None:
    for name in ("V", "R"):
        limits.set_limit(ledger.signers[name], 8, 1, 100, 7)
    floor = Floor(ledger)
    floor.open()
    limits.set_limit(ledger.signers["V"], 8, 1, position, exposure)
    if not lowers:
        limits.set_limit(ledger.signers["R"], 8, 1, position, exposure)
        assert limits.limit_of(8, 1) == (position, exposure)
        return
    with refused(reverts.Limits_CycleOpen, institution=8, asset=1):
        limits.set_limit(ledger.signers["R"], 8, 1, position, exposure)
    assert limits.limit_of(8, 1) == (100, 7)
    floor.close()
    limits.set_limit(ledger.signers["R"], 8, 1, position, exposure)
    assert limits.limit_of(8, 1) == (position, exposure)


def test_set_limit_given_cycle_is_open_sets_no_first_limit(ledger: Ledger, limits: Limits) -> None:
    Floor(ledger).open()
    limits.set_limit(ledger.signers["V"], 8, 1, 2**100, NONE)
    with refused(reverts.Limits_CycleOpen, institution=8, asset=1):
        limits.set_limit(ledger.signers["R"], 8, 1, 2**100, NONE)


def test_set_limit_when_limits_come_and_go_counts_places(ledger: Ledger, limits: Limits) -> None:
    def both(*arguments: int) -> int:
        for name in ("V", "R"):
            limits.set_limit(ledger.signers[name], *arguments)
        return int(limits.call("limitCount"))

    counts = [both(8, 1, 5, NONE), both(8, 2, NONE, 5), both(9, 1, 0, 0), both(8, 0x8001, 1, 1)]
    assert counts == [1, 2, 3, 4]
    assert [both(8, 1, 6, 5), both(8, 1, NONE, 6), both(8, 1), both(8, 1)] == [4, 4, 3, 3]
    assert [both(9, 1), both(8, 2), both(8, 0x8001)] == [2, 1, 0]
    assert limits.limit_of(9, 1) == (NONE, NONE)

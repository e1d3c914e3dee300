"""Consortium: roles, suspension and sets against a plain model

Any sequence of admissions, grants, revocations, suspensions and reinstatements, by anyone, is accepted or
refused as the interface says, and after each step `active` and `membersOf` are what follows from roles and
suspensions.
"""

from dataclasses import dataclass, field
from functools import partial

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.accounts import Signer
from ledger.clients.consortium import Role
from tests.contracts.support import Ledger, bits, refusal_of

OPERATOR = 0
REGULATOR = 1 << 5
ROLE_SETS = st.sampled_from([0, 1, 2, 4, 8, 16, 32, 64, 36, 127, 128])
INDEXES = st.integers(0, 7)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("admit"), st.just(0), INDEXES, ROLE_SETS),
        st.tuples(st.sampled_from(["grantRoles", "revokeRoles"]), INDEXES, INDEXES, ROLE_SETS),
        st.tuples(st.sampled_from(["suspend", "reinstate"]), INDEXES, INDEXES, st.just(0)),
    ),
    min_size=4,
    max_size=24,
)


@dataclass
class Model:
    """Institutions by index; caller 0 is the operator, callers without an institution are outsiders."""

    roles: dict[int, int] = field(default_factory=dict)
    suspended: set[int] = field(default_factory=set)

    def regulates(self, caller: int) -> bool:
        return caller not in self.suspended and self.roles.get(caller, 0) & REGULATOR != 0

    def may_grant(self, caller: int, roles: int) -> bool:
        if not 0 < roles < 128:
            return False
        any_regulator = any(held & REGULATOR for held in self.roles.values())
        if any_regulator and roles == REGULATOR:
            return self.regulates(caller)
        return caller == OPERATOR and not (any_regulator and roles & REGULATOR)

    def step(self, what: str, caller: int, target: int, roles: int) -> bool:
        """Whether the step is accepted."""
        if what == "admit":
            return self._admit(caller, roles)
        if target not in self.roles:
            return False
        return getattr(self, what)(caller, target, roles)

    def _admit(self, caller: int, roles: int) -> bool:
        accepted = caller == OPERATOR and len(self.roles) < 7 and self.may_grant(caller, roles)
        if accepted:
            self.roles[len(self.roles) + 1] = roles
        return accepted

    def grantRoles(self, caller: int, target: int, roles: int) -> bool:  # noqa: N802
        accepted = self.may_grant(caller, roles) and roles & ~self.roles[target] != 0
        if accepted:
            self.roles[target] |= roles
        return accepted

    def revokeRoles(self, caller: int, target: int, roles: int) -> bool:  # noqa: N802
        accepted = self.regulates(caller) and caller != target and roles & self.roles[target] != 0
        if accepted:
            self.roles[target] &= ~roles
        return accepted

    def suspend(self, caller: int, target: int, _: int) -> bool:
        accepted = self.regulates(caller) and caller != target and target not in self.suspended
        if accepted:
            self.suspended.add(target)
        return accepted

    def reinstate(self, caller: int, target: int, _: int) -> bool:
        accepted = self.regulates(caller) and target in self.suspended
        if accepted:
            self.suspended.discard(target)
        return accepted


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first_regulator=st.booleans(), steps=STEPS)
def test_sets_follow_from_roles_and_suspensions(ledger: Ledger, first_regulator: bool, steps):
    consortium, model = ledger.consortium_anew(), Model()
    keys = {i: Signer.from_seed("sets", f"{consortium.address}/{i}") for i in range(8)} | {0: ledger.operator}
    if first_regulator:
        steps = [("admit", 0, 0, REGULATOR), ("admit", 0, 0, 4), *steps]
    for what, caller, target, roles in steps:
        if what == "admit":
            new = len(model.roles) + 1
            if new > 7:
                continue
            arguments = ([(new.to_bytes(32, "big"), keys[new].address, roles)],)
        else:
            arguments = (target, roles) if what.endswith("Roles") else (target,)
        accepted = model.step(what, caller, target, roles)
        told = refusal_of(partial(consortium.send, keys[caller], what, *arguments))
        assert (told is None) is accepted, (what, caller, target, roles, told)
        active = set(model.roles) - model.suspended
        assert bits(consortium.call("active")) == active
        for role in Role:
            members = {i for i in active if model.roles[i] >> role & 1}
            assert bits(consortium.call("membersOf", role)) == members

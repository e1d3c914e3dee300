"""Who sees what: the one place that says it, for the command line, for Python and for what comes later.

An institution sees what concerns it: of trades those it bought, sold or, as their venue, recorded; of
movements and balances its own and those of the assets that it issues; the agreements that it is party to.
That a row concerns somebody is said by columns with indexes of institutions, which each view gives to
`Access.concerns`.

Who is masked sees every row, but of institutions the last characters of their names and of amounts and
quantities one digit and how many follow. Views carry nothing else for them, so no filter, join, order,
cursor or hash of a query reaches what is under a mask; addresses of keys and free texts are left out. Such a
viewer still knows how many rows there are, trading days, times, numbers of trades, securities, statuses and
reasons; that two rows have one masked name or amount, but not that they have one institution; of one unit to
nine the exact number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from settlement.audit.policy import LOCAL, Policy, Rule, load
from settlement.errors import SettlementError

if TYPE_CHECKING:
    import duckdb

    from settlement.audit.facts import Script

Sees = Literal["all", "own", "masked"]
_ORDER: tuple[Rule, ...] = ("refused", "masked", "own", "all")
_ALIKE = 0.8  # share_of the characters that two names have in common


@dataclass(frozen=True, slots=True)
class Member:
    """An institution as the chain has it: role r of `ledger.clients.consortium.Role` is bit r of `roles`."""

    index: int
    name: str
    roles: int
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class Access:
    """What one viewer sees: `all` as it is; of rows that concern institutions only its `own`; or every row
    `masked`, names by their last four characters and amounts by their magnitude."""

    viewer: str
    sees: Sees = "all"
    institutions: frozenset[int] = field(default_factory=frozenset)
    """For whom the viewer acts, by the ledger's index."""
    because: str = ""
    """Which rule of the policy says so, for people."""

    def concerns(self, *columns: str) -> str:
        """A condition in SQL: one of the columns, which hold institutions' indexes, is the viewer's own."""
        if self.sees != "own":
            return "true"
        own = ", ".join(map(str, sorted(self.institutions))) or "-2"
        return "(" + " or ".join(f"{column} in ({own})" for column in columns) + ")"

    def amount(self, expression: str) -> str:
        """An expression in SQL for an amount or a quantity as the viewer sees it."""
        return f"mask_amount({expression})" if self.sees == "masked" else expression

    def name(self, expression: str) -> str:
        """An expression in SQL for a name, of an institution, a person or an agreement, or for an account as
        the viewer sees it."""
        return f"mask_name({expression})" if self.sees == "masked" else expression

    def told(self, expression: str) -> str:
        """An expression in SQL for a hash over names or amounts, a key's address or a free text as the
        viewer sees it: nothing where names and amounts are masked. What is left of them leaves few enough to
        try them all, a key says which rows have one institution, and a text may name anybody."""
        return "null::varchar" if self.sees == "masked" else expression


class AccessRefused(SettlementError):
    """`viewer` may see nothing of the ledger, for a `reason`."""

    def __init__(self, viewer: str, reason: str) -> None:
        super().__init__(f"{viewer}: {reason}")
        self.viewer = viewer
        self.reason = reason


def access_of(folder: Path, viewer: str | None, institutions: Sequence[Member]) -> Access:
    """What `viewer` sees of the ledger in `folder`, by its access.yaml or the rules without one. Raises
    AccessRefused, AccessInvalid (the file has mistakes) and FileRefused.
    """
    return decided(load(folder, [each.name for each in institutions]), viewer, institutions)


def decided(policy: Policy, viewer: str | None, institutions: Sequence[Member]) -> Access:
    """What `viewer` sees by `policy`: an institution, a person of one or several, somebody else, or None for
    who works on the directory itself. Raises AccessRefused.

    A name that is nobody's but nearly somebody's is refused: a slip of the pen would otherwise be answered,
    masked or empty, as if the ledger were. Everybody else is as the policy's `others`. An institution is
    told apart by its name as written, without space at its ends.
    """
    if viewer is None:
        return _access(LOCAL, policy.local, (), "rule local")
    viewer = viewer.strip()
    if not viewer or not viewer.isprintable():
        raise AccessRefused(repr(viewer), "a viewer has a name, without control characters")
    if viewer == LOCAL:
        raise AccessRefused(viewer, "is who gives no name; give none")
    members = {each.name: each for each in institutions}
    if viewer in policy.people:
        acting = [members[name] for name in policy.people[viewer] if name in members]
        return _together(viewer, policy, acting)
    if viewer in members:
        return _together(viewer, policy, [members[viewer]])
    known = {name.casefold(): name for name in (*members, *policy.people)}
    near = get_close_matches(viewer.casefold(), known, n=1, cutoff=_ALIKE)
    if near:
        raise AccessRefused(viewer, f"there is nobody of that name here; did you mean {known[near[0]]}?")
    return _access(viewer, policy.others, (), "rule others")


def members_of(connection: duckdb.DuckDBPyConnection | Script) -> list[Member]:
    """The institutions of an index by its raw facts, with roles and suspensions as of its last block."""
    rows: list[tuple[Any, ...]] = connection.execute(_MEMBERS).fetchall()
    return [
        Member(index, name.rstrip(b"\0").decode(errors="replace"), roles, suspended)
        for index, name, roles, suspended in rows
    ]


_MEMBERS = """
with stands as (
    select institution, transaction, log, true as suspended from facts.Consortium_InstitutionSuspended
    union all
    select institution, transaction, log, false from facts.Consortium_InstitutionReinstated
), out as (
    select institution, arg_max(suspended, (transaction, log)) as suspended from stands group by institution
), changed as (
    select institution, arg_max(roles, (transaction, log)) as roles
    from facts.Consortium_RolesChanged group by institution
)
select a.institution, a.name, coalesce(changed.roles, a.roles)::integer, coalesce(out.suspended, false)
from facts.Consortium_InstitutionAdmitted a
left join changed using (institution) left join out using (institution)
order by a.institution
"""


def _together(viewer: str, policy: Policy, acting: Sequence[Member]) -> Access:
    """What the institutions that a viewer acts for see together: the most that one of them does."""
    if not acting:
        raise AccessRefused(viewer, "acts for no institution that is on this ledger")
    found = [(*_rule(policy, each), each.index) for each in acting]
    most, because, _ = max(found, key=lambda each: _ORDER.index(each[0]))
    own = [index for rule, _, index in found if rule in ("own", "all")]
    return _access(viewer, most, own, because)


def _rule(policy: Policy, member: Member) -> tuple[Rule, str]:
    if member.name in policy.institutions:
        rule, because = policy.institutions[member.name], f"rule institutions.{member.name}"
    else:
        rules = policy.of_roles(member.roles) or {"of who has no role": "own"}
        because, rule = max(rules.items(), key=lambda each: _ORDER.index(each[1]))
        because = f"rule {because}" if because not in policy.roles else f"rule roles.{because}"
    if member.suspended and rule == "all":
        return "own", f"{member.name} is suspended"
    return rule, because


def _access(viewer: str, rule: Rule, institutions: Sequence[int], because: str) -> Access:
    if rule == "refused":
        raise AccessRefused(viewer, f"may see nothing of this ledger ({because} of its access policy)")
    return Access(viewer, rule, frozenset(institutions), because)

"""Who sees what: the rules without a file, those of a file, and every mistake of one at once."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from ledger.clients.consortium import Role
from settlement.audit.access import Access, AccessRefused, Member, access_of, decided, members_of
from settlement.audit.policy import ROLES, AccessInvalid, Policy, parse
from settlement.errors import FileIsDirectory

NAMES = [
    "Exchange",
    "Depository",
    "Aldersgate",
    "Bank",
    "Partner One",
    "Regulator",
    "Auditor",
    "Suspended",
    "Roleless",
]
MEMBERS = [Member(i, name, 1 << i - 1) for i, name in enumerate(NAMES[:7], start=1)] + [
    Member(8, "Suspended", 1 << Role.REGULATOR, suspended=True),
    Member(9, "Roleless", 0),
]


def test_roles_given_the_chain_are_the_same() -> None:
    assert [each.upper() for each in ROLES] == [role.name for role in Role]


@pytest.mark.parametrize(
    ("viewer", "sees", "own"),
    [
        (None, "all", set()),
        ("Exchange", "own", {1}),
        ("Depository", "own", {2}),
        ("Aldersgate", "own", {3}),
        (" Aldersgate ", "own", {3}),
        ("Bank", "own", {4}),
        ("Partner One", "own", {5}),
        ("Regulator", "all", {6}),
        ("Auditor", "all", {7}),
        ("Suspended", "own", {8}),
        ("Roleless", "own", {9}),
        ("a journalist", "masked", set()),
    ],
)
def test_access_given_no_file_is_least_privilege(
    tmp_path: Path, viewer: str | None, sees: str, own: set[int]
) -> None:
    access = access_of(tmp_path, viewer, MEMBERS)
    assert (access.sees, access.institutions) == (sees, own)
    assert access.because
    assert access.viewer == (viewer or "local").strip()


@pytest.mark.parametrize(
    ("viewer", "said"),
    [
        ("Aldergate", "did you mean Aldersgate"),
        ("ALDERSGATE", "did you mean Aldersgate"),
        ("", "has a name"),
        ("a\x1b[2J", "control"),
        ("local", "gives no name"),
    ],
)
def test_access_given_a_slip_of_the_pen_is_refused(viewer: str, said: str) -> None:
    with pytest.raises(AccessRefused, match=said):
        decided(Policy(), viewer, MEMBERS)


def test_access_given_a_file_follows_its_rules(tmp_path: Path) -> None:
    (tmp_path / "access.yaml").write_text("""
format: 1
roles: {partner: masked, broker: refused}
institutions: {Bank: all, Suspended: all}
people:
  ana: Aldersgate
  ben: [Partner One, Depository]
  cy: [Aldersgate, Regulator]
  dee: Suspended
local: refused
others: refused
""")

    def sees(viewer: str | None) -> tuple[str, set[int]]:
        access = access_of(tmp_path, viewer, MEMBERS)
        return access.sees, set(access.institutions)

    assert sees("Bank") == ("all", {4})
    assert sees("Exchange") == ("own", {1})
    assert sees("Partner One") == ("masked", set())
    assert sees("ben") == ("own", {2}), "of one that is masked no row is their own"
    assert sees("cy") == ("all", {6})
    assert sees("dee") == sees("Suspended") == ("own", {8})
    refused = {None: "rule local", "ana": "roles.broker", "x": "others", "Anna": "mean ana"}
    for viewer, said in refused.items():
        with pytest.raises(AccessRefused, match=said):
            sees(viewer)


def test_file_given_many_mistakes_says_all_with_key_and_line() -> None:
    text = b"""format: 2
roles:
  brokr: own
  partner: al
institutions: {Aldergate: all}
people:
  ana: Aldergate
  Bank: Bank
  "b\\u0007": [Bank, 7]
  cy: []
local: own
others: own
other: x
local: all
"""
    with pytest.raises(AccessInvalid) as refused:
        parse(text, "access.yaml", NAMES)
    said = {(each.line, each.key): each.reason for each in refused.value.mistakes}
    assert set(said) == {
        (1, "format"),
        (3, "roles.brokr"),
        (4, "roles.partner"),
        (5, "institutions.Aldergate"),
        (7, "people.ana"),
        (8, "people.Bank"),
        (9, "people.b\x07"),
        (9, "people.b\x07[1]"),
        (10, "people.cy"),
        (11, "local"),
        (12, "others"),
        (13, "other"),
        (14, "local"),
    }
    near_by = {(3, "roles.brokr"): "broker", (4, "roles.partner"): "all", (7, "people.ana"): "Aldersgate"}
    for key, near in near_by.items():
        assert f"did you mean {near}" in said[key]


@pytest.mark.parametrize("text", [b"- a", b"roles: 7", b"people: [a]", b"a: *b", b"", b"\xff", b"1"])
def test_file_given_what_is_no_policy_is_refused(text: bytes, tmp_path: Path) -> None:
    with pytest.raises(AccessInvalid, match="access"):
        parse(text, "access.yaml", NAMES)
    (tmp_path / "access.yaml").mkdir()
    with pytest.raises(FileIsDirectory):
        access_of(tmp_path, None, MEMBERS)


def test_members_given_facts_have_their_newest_roles_and_standing() -> None:
    connection = duckdb.connect()
    connection.execute("create schema facts")
    for table, columns, rows in (
        ("InstitutionAdmitted", "(7, 0, 1, 'Bank'::blob, 8), (7, 1, 2, 'Broker'::blob, 4)", "name, roles"),
        ("RolesChanged", "(9, 0, 1, 24), (9, 1, 1, 16), (8, 0, 1, 9)", "roles"),
        ("InstitutionSuspended", "(9, 2, 2, 6), (12, 0, 1, 6)", "regulator"),
        ("InstitutionReinstated", "(10, 0, 2, 6), (11, 0, 1, 6)", "regulator"),
    ):
        connection.execute(
            f'create table facts."Consortium_{table}" as from (values {columns})'
            f" t(transaction, log, institution, {rows})"
        )
    assert members_of(connection) == [Member(1, "Bank", 16, True), Member(2, "Broker", 4, False)]


def test_access_given_own_rows_concern_by_any_column() -> None:
    own = Access("ana", "own", frozenset({3, 1}))
    assert own.concerns("buyer", "seller") == "(buyer in (1, 3) or seller in (1, 3))"
    assert Access("x", "own").concerns("buyer") == "(buyer in (-2))"
    assert Access("x", "masked").concerns("buyer") == Access("x").concerns("buyer") == "true"
    assert Access("x", "masked").amount("a") == "mask_amount(a)"
    assert own.name("a") == "a"

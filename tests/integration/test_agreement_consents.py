"""Coming to an agreement, command after command, on one ledger.

    show, diff of a file ─ consent handed over ─ propose with it ─ again ─ consent by a stranger, by the last
    party ─ again ─ a second version: diff, withdraw, again, --all, which respects that ─ consent after all ─
    withdraw too late ─ notice ─ again ─ list, show

two proposals under a name: a consent goes by the hash; words that no document has: show says so

refused: files, names, hashes, options, consents to something else; each with exit code 2 and no traceback
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.terms import Terms
from settlement import directory
from settlement.agreements.consenting import Office
from settlement.agreements.document import Names, read
from settlement.operations import Ledger
from settlement.scenario import load
from tests.ledgers import in_memory
from tests.unit.cli_runs import Left, clearing

A = "Aldersgate/platform"
FILE = """\
# What the broker gives the platform.
clauses:
  - shares:
      - {party: Compass Data, residual: true}
      - {share_ppm: 150000, party: Lantern Platform}
    rate_ppm: 200000
    basis: commission
parties: [Lantern Platform, Compass Data]
agreement: platform
version: 1
payer: Aldersgate
currency: EUR
effective: on_consent
period: quarter
notice_days: 90
"""
CANONICAL = """\
agreement: platform
version: 1
payer: Aldersgate
currency: EUR
effective: on_consent
period: quarter
notice_days: 90
parties: [Lantern Platform, Compass Data]
clauses:
  - basis: commission
    rate_ppm: 200000
    shares:
      - {party: Lantern Platform, share_ppm: 150000}
      - {party: Compass Data, share_ppm: 850000}
"""


@pytest.fixture(scope="module")
def ledger() -> Iterator[Ledger]:
    """Of the sample's market, without its own agreements."""
    sample = load("sample")
    scenario = sample.model_copy(update={"agreements": sample.agreements.model_copy(update={"shares": ()})})
    with in_memory(scenario, dt.date(2019, 10, 3)) as made, pytest.MonkeyPatch.context() as patch:

        @contextmanager
        def opened(*_: object, **__: object) -> Iterator[Ledger]:
            yield made

        patch.setattr(directory, "open_ledger", opened)
        yield made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("consents")
    (folder / "one.yaml").write_text(FILE)
    (folder / "two.yaml").write_text(FILE.replace("version: 1", "version: 2").replace("200000", "250000"))
    return folder


@pytest.fixture(autouse=True)
def inside(folder: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def agreement(command: str, *arguments: object) -> Left:
    return clearing("agreement", command, "L", *arguments)


def shown(command: str, *arguments: object) -> dict[str, object]:
    left = agreement(command, *arguments, "--json")
    assert (left.code, left.err) == (0, "")
    return left.shown


def terms_of(ledger: Ledger, text: str) -> Terms:
    return read(text.encode(), "file", Names.of(ledger.market.index, ledger.market.asset))


def test_agreement_given_all_steps_in_order_comes_into_force_and_ends(ledger: Ledger, folder: Path) -> None:
    contract = ledger.market.clients.agreements
    digest = terms_of(ledger, FILE).digest(contract.domain)
    hashed = f"0x{digest.hex()}"

    alone = agreement("show", "one.yaml")
    assert (alone.code, alone.err) == (0, "")
    assert alone.out == f"# {A}, version 1: {hashed}\n# not proposed on this ledger\n{CANONICAL}"
    assert agreement("list").out == "There are no agreements yet.\n"

    handed = agreement("consent", "one.yaml", "--as", "Compass Data", "--offline")
    assert handed.shown["terms_hash"] == hashed
    assert handed.shown["domain"]["verifyingContract"] == contract.address
    (folder / "consent.json").write_text(handed.out)
    assert shown("show", "one.yaml")["proposed"] is False

    proposed = shown("propose", "one.yaml", "--consents", "consent.json")
    assert (proposed["already"], proposed["missing"]) == (False, ["Lantern Platform"])
    assert proposed["consented"] == ["Aldersgate", "Compass Data"]
    before = ledger.market.chain.block().number
    for more in ((), ("--consents", "consent.json"), ("--as", "Compass Data")):
        again = shown("propose", "one.yaml", *more)
        assert (again["already"], again["transaction"]) == (True, None)
    after = ledger.market.chain.block().number
    assert after == before

    stranger = agreement("consent", A, "--as", "Dunmore")
    assert (stranger.code, stranger.out) == (2, "")
    assert "it is not Dunmore's to consent" in stranger.err
    last = shown("consent", hashed, "--as", "Lantern Platform")
    assert (last["missing"], last["from_period"]) == ([], "2019Q4")
    again = shown("consent", A, "--as", "Lantern Platform")
    assert (again["already"], again["starts"]) == (True, last["starts"])
    assert shown("propose", "one.yaml")["already"] is True
    assert contract.terms_of(1, 1) == terms_of(ledger, FILE)

    assert [list(each.values()) for each in shown("diff", A, "two.yaml")["differences"]] == [  # type: ignore[attr-defined]
        ["version", "1", "2"],
        ["clauses[commission].rate_ppm", "200000", "250000"],
    ]
    shown("propose", "two.yaml", "--as", "Lantern Platform")
    assert shown("withdraw", A, "--as", "Compass Data")["already"] is False
    assert shown("withdraw", A, "--as", "Compass Data")["already"] is True
    assert shown("consent", A, "--all")["missing"] == ["Compass Data"]
    assert shown("list")["proposed"][0]["missing"] == ["Compass Data"]  # type: ignore[index]
    assert agreement("show", A).out.endswith(CANONICAL)
    second = shown("consent", A, "--as", "Compass Data")
    assert (second["missing"], second["withdrawn"], second["from_period"]) == ([], [], "2020Q1")
    assert "\n  - 200000\n  + 250000\n" in agreement("diff", f"{A}@1", f"{A}@2").out
    assert "Nothing differs" in agreement("diff", A, "two.yaml").out

    late = agreement("withdraw", A, "--as", "Compass Data")
    assert (late.code, late.out) == (2, "")
    assert "all have consented to version 2; it ends by notice" in late.err
    for already in (False, True):
        ended = shown("notice", A, "--as", "Compass Data")
        assert (ended["already"], ended["ends"]) == (already, "2020-04-01T00:00:00+00:00")
    listed = shown("list")["agreements"][0]  # type: ignore[index]
    assert (listed["agreement"], listed["version"], listed["notice_by"]) == (A, 2, "Compass Data")
    text = agreement("show", A, "--version", "1").out
    assert "# proposed by Aldersgate; consented: Aldersgate, Lantern Platform, Compass Data\n" in text
    assert "# ends 2020-04-01T00:00:00+00:00, by notice of Compass Data\n" in text
    assert terms_of(ledger, text) == terms_of(ledger, FILE)


def test_consent_given_two_proposals_under_a_name_asks_for_the_hash(ledger: Ledger, folder: Path) -> None:
    for name, rate in (("mine", 1), ("theirs", 2)):
        text = FILE.replace("agreement: platform", "agreement: two").replace("200000", str(rate))
        (folder / f"{name}.yaml").write_text(text)
    hashed = shown("propose", "mine.yaml")["terms_hash"]
    assert shown("consent", "Aldersgate/two", "--as", "Compass Data")["missing"] == ["Lantern Platform"]
    shown("propose", "theirs.yaml", "--as", "Lantern Platform")
    left = agreement("consent", "Aldersgate/two", "--as", "Aldersgate")
    assert (left.code, left.out) == (2, "")
    assert "several terms wait for consents; say which by its hash: 0x" in left.err
    assert shown("consent", hashed, "--as", "Lantern Platform")["missing"] == []
    assert shown("consent", "Aldersgate/two", "--all")["already"] is True


def test_is_whole_given_terms_that_are_not_those_signed_is_false(ledger: Ledger) -> None:
    office = Office(ledger)
    (proposal, *_) = office.registry.proposals.values()
    assert office.is_whole(proposal)
    assert not office.is_whole(replace(proposal, terms=replace(proposal.terms, notice_days=91)))


BAD = [
    ("propose missing.yaml", "there is no such file"),
    ("propose bad.yaml", "line 10: version: must be at least 1"),
    ("propose past.yaml", "effective: is in the past"),
    ("propose third.yaml --as Nobody", "no institution 'Nobody'"),
    ("propose third.yaml --as Dunmore", "it is not Dunmore's to propose it"),
    ("propose third.yaml --consents other.json", "is a consent to Aldersgate/other"),
    ("propose third.yaml --consents third.yaml", "it is no consent"),
    ("propose third.yaml --consents odd.json", "it is no consent: signature"),
    ("propose third.yaml --consents stranger.json", "is Dunmore's, which is neither payer nor party"),
    ("propose third.yaml --consents forged.json", "InvalidSignature"),
    ("propose ninth.yaml", "line 10: version: must be 1, the agreement's next, not 9"),
    ("consent Aldersgate/nothing --as Dunmore", "no agreement 'Aldersgate/nothing'"),
    ("consent Aldersgate/nothing", "say who consents"),
    ("consent Aldersgate/nothing --all --offline", "one consent at a time"),
    (f"consent 0x{'00' * 32} --all", "no terms with hash"),
    ("show Aldersgate/nothing", "no agreement 'Aldersgate/nothing'"),
    ("show bad.yaml", "version: must be at least 1"),
    ("show .", "no agreement '.'"),
    ("show Aldersgate/kept@7", "no version 'Aldersgate/kept@7' on this ledger; there are 1\n"),
    ("diff bad.yaml third.yaml", "version: must be at least 1"),
    ("withdraw Aldersgate/nothing --as Aldersgate", "no agreement"),
    ("notice Aldersgate/nothing --as Aldersgate", "no agreement"),
]


@pytest.fixture(scope="module")
def bad_files(folder: Path, ledger: Ledger) -> None:
    other = FILE.replace("agreement: platform", "agreement: third")
    (folder / "third.yaml").write_text(other)
    (folder / "ninth.yaml").write_text(other.replace("version: 1", "version: 9"))
    (folder / "bad.yaml").write_text(FILE.replace("version: 1", "version: 0"))
    (folder / "past.yaml").write_text(other.replace("on_consent", "2019-10-01"))
    (folder / "fourth.yaml").write_text(FILE.replace("agreement: platform", "agreement: other"))
    (folder / "kept.yaml").write_text(FILE.replace("agreement: platform", "agreement: kept"))
    shown("propose", folder / "kept.yaml")
    shown("consent", "Aldersgate/kept", "--all")
    consent = clearing(
        "agreement", "consent", "L", folder / "third.yaml", "--as", "Compass Data", "--offline"
    )
    found = consent.shown
    elsewhere = clearing(
        "agreement", "consent", "L", folder / "fourth.yaml", "--as", "Compass Data", "--offline"
    )
    (folder / "other.json").write_text(elsewhere.out)
    for name, change in (
        ("odd", {"signature": "0x123"}),
        ("stranger", {"institution": "Dunmore"}),
        ("forged", {"institution": "Lantern Platform"}),
    ):
        (folder / f"{name}.json").write_text(json.dumps(found | change))


@pytest.mark.usefixtures("bad_files")
@pytest.mark.parametrize(("command", "reason"), BAD, ids=[command for command, _ in BAD])
def test_agreement_given_bad_input_ends_with_2_and_says_why(
    ledger: Ledger, command: str, reason: str
) -> None:
    before = len(ledger.read().revenue)
    left = agreement(*command.split(" "))
    assert (left.code, left.out) == (2, "")
    assert reason in left.err
    assert "Traceback" not in left.err
    after = len(ledger.read().revenue)
    assert after == before

"""What `clearing doctor` finds on the chain, in the books, and of a network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.accounts import Signer
from ledger.clients.consortium import Role
from ledger.compile import artifacts
from ledger.contract import Event
from settlement.agreements.facts import Facts
from settlement.doctor import contents, examine
from settlement.errors import LedgerDisagrees
from settlement.operations import Ledger
from tests.integration.network.somebody import Node, needs_anvil
from tests.unit.doctor.broken import SAMPLE, rewrite, send_all, wrong

# What is on the chain.


def test_examine_given_other_code_hash_says_whose(path: Path) -> None:
    def change(text: str) -> str:
        value = json.loads(text)
        value["code_hashes"]["RevenueSharing"] = "0x" + "00" * 32
        return json.dumps(value)

    rewrite(path / "deployment.json", change)
    found = wrong(path)
    assert {*found} == {"contracts"}
    assert "RevenueSharing" in found["contracts"].found


def test_examine_given_contract_elsewhere_says_so(new: Path) -> None:
    rewrite(
        new / "deployment.json",
        lambda text: text.replace(json.loads(text)["addresses"]["RevenueSharing"], "0x" + "11" * 20),
    )
    assert "contracts" in wrong(new)


@pytest.mark.parametrize("part", ["deployed_bytecode", "bytecode"])
def test_examine_given_contracts_of_another_version_says_which(
    path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    compiled = dict(artifacts())
    register = compiled["AssetRegister"]
    code = bytearray(getattr(register, part))
    code[100] ^= 1
    compiled["AssetRegister"] = replace(register, **{part: bytes(code)})
    monkeypatch.setattr(contents, "artifacts", lambda: compiled)
    found = wrong(path)
    assert {*found} == {"version"}
    assert found["version"].found.startswith("AssetRegister:")


def test_examine_given_institution_suspended_or_signed_for_by_another_says_who(new: Path) -> None:
    def change(ledger: Ledger) -> None:
        market = ledger.market
        consortium, heir = market.clients.consortium, Signer.from_seed("doctor", "heir")
        first, second, third = market.scenario.brokers[:3]
        regulator = market.signers[market.scenario.with_role("REGULATOR")[0]]
        consortium.suspend(regulator, market.index[first])
        consortium.nominate_signer(market.signers[second], market.index[second], heir.address)
        consortium.accept_signer(heir, market.index[second])
        consortium.revoke_roles(regulator, market.index[third], [Role.BROKER])

    send_all(new, change)
    found = wrong(new)
    assert {*found} == {"institutions"}
    first, second, third = SAMPLE.brokers[:3]
    said = found["institutions"].found
    assert f"{first} is suspended" in said
    assert f"{second} is signed for" in said
    assert f"{third} has other roles" in said


def test_examine_given_institution_that_the_scenario_lacks_names_it(new: Path) -> None:
    def change(ledger: Ledger) -> None:
        admission = ("Newcomer", Signer.from_seed("doctor", "new").address, [Role.AUDITOR])
        ledger.market.clients.consortium.admit(ledger.market.signers["consortium operator"], [admission])

    send_all(new, change)
    found = wrong(new)
    assert {*found} == {"institutions"}
    assert "Newcomer" in found["institutions"].found


def test_examine_given_asset_that_the_scenario_lacks_names_it(new: Path) -> None:
    def change(ledger: Ledger) -> None:
        issuer = ledger.market.signers[ledger.market.scenario.securities.issuer]
        ledger.market.clients.register.list_securities(issuer, ["STRAY"])

    send_all(new, change)
    found = wrong(new)
    assert {*found} == {"assets"}
    assert "STRAY" in found["assets"].found


def test_examine_given_other_fees_in_the_scenario_says_so(new: Path) -> None:
    rate = SAMPLE.fees.levy.rate_ppm
    rewrite(new / "scenario.yaml", lambda text: text.replace(f"rate_ppm: {rate}", f"rate_ppm: {rate + 1}", 1))
    assert {*wrong(new)} == {"fees"}


def test_examine_given_other_revenue_shares_in_the_scenario_says_whose(new: Path) -> None:
    share = SAMPLE.agreements.shares[0].share_ppm
    rewrite(
        new / "scenario.yaml", lambda text: text.replace(f"share_ppm: {share}", f"share_ppm: {share - 1}", 1)
    )
    found = wrong(new)
    assert {*found} == {"agreements"}
    assert SAMPLE.brokers[0] in found["agreements"].found


def test_examine_given_agreements_counts_the_lines_that_it_recomputed(path: Path) -> None:
    """Of each broker's commission a line a party; the ledger has one settlement and no run."""
    (row,) = [each for each in examine(path) if each.check == "agreement lines"]
    lines = len(SAMPLE.brokers) * len(SAMPLE.agreements.shares)
    assert row.ok
    assert row.found == f"{lines} lines of {len(SAMPLE.brokers)} agreements recomputed from the terms"


def test_examine_given_agreement_that_comes_to_something_else_says_where(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = contents.facts

    def altered(events: Iterable[Event], blocks: Mapping[bytes, int]) -> Facts:
        told = list(events)
        place = [each.name for each in told].index("RevenueAccrued")
        arguments = {**told[place].arguments, "totalBefore": 1}
        told[place] = replace(told[place], arguments=arguments)
        return true(told, blocks)

    monkeypatch.setattr(contents, "facts", altered)
    found = wrong(path)
    assert {*found} == {"agreement lines"}
    assert "agreement " in found["agreement lines"].found
    assert "commission so far: the ledger says 1" in found["agreement lines"].found
    assert "before this is explained" in found["agreement lines"].remedy


def test_examine_given_agreement_that_paid_something_else_says_so(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def differs(*_: object) -> None:
        raise LedgerDisagrees("cash of somebody", 1, 2)

    monkeypatch.setattr(contents.verifying, "verify_paid", differs)
    found = wrong(path)
    assert {*found} == {"agreement lines"}
    assert found["agreement lines"].found.startswith("cash of somebody: the ledger says 1")


def test_examine_given_settlement_that_comes_to_something_else_says_which(path: Path) -> None:
    rate = SAMPLE.fees.levy.rate_ppm
    rewrite(
        path / "scenario.yaml", lambda text: text.replace(f"rate_ppm: {rate}", f"rate_ppm: {rate + 1}", 1)
    )
    found = wrong(path)
    assert {*found} == {"fees", "settlements"}
    assert "settlement 0x" in found["settlements"].found


def test_examine_given_verification_that_fails_gives_its_words(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def differs(*_: object) -> None:
        raise LedgerDisagrees("somewhere", 1, 2)

    monkeypatch.setattr(contents, "verify", differs)
    assert wrong(path)["settlements"].found.startswith("somewhere: the ledger says 1")


def test_examine_given_check_that_breaks_down_says_so_and_goes_on(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise ZeroDivisionError("nothing to divide by")

    monkeypatch.setattr(contents, "verify", breaks)
    found = wrong(path)
    assert {*found} == {"settlements"}
    assert "nothing to divide by" in found["settlements"].found


def test_examine_given_register_that_does_not_add_up_says_where(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = Ledger.balances

    def one_more(ledger: Ledger) -> dict[tuple[int, int], int]:
        found = true(ledger)
        place = next(iter(found))
        return found | {place: found[place] + 1}

    monkeypatch.setattr(Ledger, "balances", one_more)
    assert {*wrong(path)} == {"conservation"}


def test_examine_given_cycle_left_open_says_which(path: Path) -> None:
    def change(ledger: Ledger) -> None:
        chain, house = ledger.market.chain, ledger.market.clients.clearing_house
        chain.wait_until(int(house.call("reopenFrom")))
        house.open_cycle(ledger.market.venue, chain.block().timestamp + 60)

    send_all(path, change)
    found = wrong(path)
    assert {*found} == {"cycle"}
    assert SAMPLE.venue in found["cycle"].found


# The books.


@pytest.mark.parametrize(
    ("pattern", "harm", "words"),
    [
        ("trades-*.parquet", "gone", "affirmed"),
        ("trades-*.parquet", "flipped", "trades-"),
        ("deposit-*.json", "gone", "issue"),
        ("deposit-*.json", "flipped", "deposit-"),
    ],
)
def test_examine_given_damaged_books_says_what_is_missing(
    path: Path, pattern: str, harm: str, words: str
) -> None:
    file = next(iter((path / "books").glob(pattern)))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    if harm == "gone":
        file.unlink()
    else:
        file.write_bytes(content)
    found = wrong(path)
    assert {*found} == {"books"}
    assert words in found["books"].found


# On a network.


@needs_anvil
def test_examine_given_ledger_on_a_network_finds_what_was_broken(node: Node, remote: Path) -> None:
    assert wrong(remote) == {}
    key = next(iter((remote / "keys").glob("*.json")))
    key.chmod(0o644)
    found = wrong(remote)
    assert {*found} == {"keys"}
    assert key.name in found["keys"].found
    key.chmod(0o600)
    held = key.read_bytes()
    key.write_text("0x" + "11" * 32)
    found = wrong(remote)
    assert {*found} == {"keys"}
    assert "11" * 32 not in str(found)
    key.write_bytes(held)
    node.stop()
    assert {*wrong(remote)} == {"node"}
    node.start()  # empty
    found = wrong(remote)
    assert {*found} == {"blocks"}
    assert "clearing resync" in found["blocks"].remedy
    node.stop()
    node.genesis_time += 1
    node.start()
    assert {*wrong(remote)} == {"chain"}
    node.stop()
    node.chain_id += 1
    node.start()
    found = wrong(remote)
    assert {*found} == {"chain"}
    assert str(node.chain_id) in found["chain"].found
    (remote / "outbox.sqlite").write_bytes(b"x" * 8_192)
    assert "outbox" in wrong(remote)

"""Clients on a ledger: affirmed by a root, listed, shown one by one, checked by whoever has the ledger.

affirm    ─ brokers with allocations sign their root, the others zero; an excepted trade has no leaf
record    ─ --clients, and afterwards --as --clients; refused rows; a root that does not fit is not signed
disclose  ─ holds in a process of its own without the clients' folder; says what it does not show
mutation  ─ every value of a disclosure, altered: refused; leaves of another broker, side; a node as a leaf
together  ─ a broker that shows more of a trade than there is
doctor    ─ kept allocations that do not come to the root; backup has them
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger.signatures import NO_CLIENTS
from settlement import directory
from settlement.attesting.tree import hash_leaf
from settlement.clients import disclosing
from settlement.clients.columns import Side
from settlement.clients.disclosure import Disclosure, read, write
from settlement.clients.kept import Kept
from settlement.clients.leaves import Leaf, verify_leaf
from settlement.doctor import examine
from settlement.errors import FileUnreadable, SettlementError
from settlement.operations import Ledger
from tests.unit.cli_runs import clearing
from tests.unit.client_cases import CLIENTS, DATA, NONE, OTHER, ROWS, SAMPLE, TRADES, WHO, client_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger on which all brokers but one have clients; OTHER gave its own later, and a wrong row."""
    folder = tmp_path_factory.mktemp("clients")
    (folder / "day.csv").write_bytes(DATA)
    first = [",".join(row) for row in ROWS if row[3] != OTHER]
    wrong = f"2024-03-14,1,BUY,{NONE},x,1"
    (folder / "clients.csv").write_text("\n".join([CLIENTS[0], *first, wrong, ""]))
    second = [",".join(row[:3] + row[4:]) for row in ROWS if row[3] == OTHER]
    (folder / "own.csv").write_text("\n".join(["trade_date,trade_no,side,client,quantity", *second, ""]))
    assert clearing("init", folder / "L").code == 0
    recorded = clearing(
        *("record", folder / "L", folder / "day.csv", "--clients", folder / "clients.csv"),
        *("--no-affirm", "--json"),
    )
    assert recorded.code == 1
    assert [each["line"] for each in recorded.shown["allocations"]["rejects"]] == [len(first) + 2]
    own = clearing("affirm", folder / "L", "--as", OTHER, "--clients", folder / "own.csv", "--json")
    assert own.code == 0, own
    assert own.shown["affirmations"] == 1
    assert clearing("affirm", folder / "L").code == 0
    return folder


@pytest.fixture(scope="module")
def ledger(folder: Path) -> Iterator[Ledger]:
    with directory.open_ledger(folder / "L", write=False) as opened:
        yield opened


def expected(broker: str, client: str) -> list[tuple[int, str, int]]:
    found = [(int(row[1]), row[2], int(row[5])) for row in ROWS if (row[3], row[4]) == (broker, client)]
    return sorted(found)


def said(found: Disclosure) -> list[tuple[int, str, int]]:
    return sorted((leaf.trade, leaf.side.name, leaf.quantity) for leaf in found.leaves)


def test_affirm_given_clients_signs_their_root_and_zero_for_none(ledger: Ledger) -> None:
    (batch,) = ledger.read().batches.values()
    names = {ledger.market.index[name]: name for name in SAMPLE.brokers}
    roots = {names[index]: root for index, root in batch.client_roots.items()}
    assert roots.pop(NONE) == NO_CLIENTS
    brokers = {row[3] for row in ROWS}
    assert {name for name, root in roots.items() if root != NO_CLIENTS} == brokers
    assert len({*roots.values()}) == len(roots)
    for name in brokers:
        (own,) = disclosing.affirmed(ledger, name)
        leaves = [own.leaf(row) for row in range(len(own.position))]
        rows = sorted((int(r[1]), r[2], r[4], int(r[5])) for r in ROWS if r[3] == name)
        assert sorted((e.trade, e.side.name, e.client, e.quantity) for e in leaves) == rows
        for position, side in {(leaf.position, leaf.side) for leaf in leaves}:
            amounts = [leaf.amount for leaf in leaves if (leaf.position, leaf.side) == (position, side)]
            assert sum(amounts) == int(batch.records.amount[position])


def test_affirm_given_the_same_clients_again_has_nothing_to_do_and_refuses_others(folder: Path) -> None:
    again = clearing("affirm", folder / "L", "--as", OTHER, "--clients", folder / "own.csv", "--json")
    assert (again.code, again.shown["affirmations"]) == (0, 0)
    text = (folder / "own.csv").read_text()
    (folder / "other.csv").write_text(text.replace(f",{client_of(OTHER)},", ",another-one,"))
    other = clearing("affirm", folder / "L", "--as", OTHER, "--clients", folder / "other.csv", "--json")
    assert other.code == 1
    reasons = {each["reason"] for each in other.shown["allocations"]["rejects"]}
    assert "is affirmed with other allocations, or with none" in reasons
    assert clearing("affirm", folder / "L", "--clients", folder / "own.csv").code == 2
    assert clearing("affirm", folder / "L", "--as", "Nobody", "--clients", folder / "own.csv").code == 2


def test_clients_given_a_disclosure_holds_without_the_brokers_folder(folder: Path, tmp_path: Path) -> None:
    client = client_of(WHO)
    shown = clearing("clients", folder / "L", "list", "--as", WHO, "--json").shown
    assert {each["client"][0] for each in shown["clients"]} == {"…"}
    assert all(len(each["client"]) <= 5 for each in shown["clients"])
    whole = clearing("clients", folder / "L", "list", "--as", WHO, "--all").out
    assert client in whole
    assert client not in clearing("clients", folder / "L", "list", "--as", WHO).out
    file = tmp_path / "shown.json"
    made = clearing("clients", folder / "L", "disclose", "--as", WHO, "--client", client, "-o", file)
    assert made.code == 0, made
    assert file.stat().st_mode & 0o077 == 0
    assert clearing("backup", folder / "L", tmp_path / "R").code == 0
    assert (tmp_path / "R" / "clients").is_dir()
    shutil.rmtree(tmp_path / "R" / "clients")
    found = clearing("clients", tmp_path / "R", "verify", file, "--json")
    assert (found.code, found.shown["verified"]) == (0, True), found
    leaves = found.shown["clients"][0]["allocations"]
    assert sorted((e["trade"], e["side"], int(e["quantity"])) for e in leaves) == expected(WHO, client)
    assert found.shown["partly"]
    assert "cannot be told" in clearing("clients", tmp_path / "R", "verify", file).out.replace("\n", " ")
    text = file.read_text()
    others = {row[4] for row in ROWS if row[3] == WHO} - {client}
    assert not [other for other in others if other in text]
    file.write_text(text.replace('"BUY"', '"SELL"', 1) if '"BUY"' in text else text.replace("SELL", "BUY", 1))
    wrong = clearing("clients", tmp_path / "R", "verify", file)
    assert wrong.code == 1
    assert "not under the root" in wrong.out
    file.write_text("{}")
    assert clearing("clients", tmp_path / "R", "verify", file).code == 2
    assert clearing("clients", tmp_path / "R", "verify", tmp_path / "none").code == 2


def test_disclose_given_names_that_are_not_there_says_which_are(ledger: Ledger) -> None:
    client, trade = client_of(WHO), expected(WHO, client_of(WHO))[0][0]
    one = disclosing.disclose(ledger, WHO, client, trade=trade, trading_day=TRADES.trading_day)
    assert {each[0] for each in said(one)} == {trade}
    for broker, who, number in (
        (WHO, "nobody", None),
        (WHO, client, 999),
        (NONE, client, None),
        ("X", "c", 1),
    ):
        with pytest.raises(SettlementError) as refused:
            disclosing.disclose(ledger, broker, who, trade=number)
        assert broker != WHO or who == client or client not in str(refused.value)


def altered(value: Any) -> list[Any]:
    """Other values of the same kind, and of another."""
    if isinstance(value, bool) or value is None:
        return []
    if isinstance(value, int):
        return [value + 1, value ^ 2, str(value), -1, True]
    if isinstance(value, str) and value in Side.__members__:
        return ["SELL" if value == "BUY" else "BUY", "buy", 0]
    if isinstance(value, str) and len(value) == 64:
        return [
            f"{int(value[0], 16) ^ 8:x}{value[1:]}",
            f"{value[:-1]}{int(value[-1], 16) ^ 1:x}",
            value[2:],
            "00" * 32,
            value.upper() if value.upper() != value else "zz" * 32,
        ]
    if isinstance(value, str) and value.isdigit():
        return [str(int(value) + 1), "0", f"0{value}", int(value), str(1 << 90), f"-{value}"]
    if isinstance(value, str):
        return [value + "x", value[:-1], "", 1, None]
    if isinstance(value, list):
        return [[], value[:-1], [*value, value[-1]], value[::-1] if len(value) > 1 else [], None]
    return [{**value, "more": 1}, []]


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if at:
        yield at
    rows = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in rows:
        yield from places(each, (*at, key))


def holds(ledger: Ledger, shown: Any) -> bool:
    try:
        found = read(json.dumps(shown).encode(), "f")
    except FileUnreadable:
        return False
    return not disclosing.check(ledger, [found]).wrong


def test_check_given_any_altered_value_is_refused(ledger: Ledger) -> None:
    """Leaves that are left out or in another order show the same of what is there."""
    shown = json.loads(write(disclosing.disclose(ledger, WHO, client_of(WHO))))
    assert holds(ledger, shown)
    tried = 0
    for *at, key in places(shown):
        for value in altered(_at(shown, (*at, key))):
            other = deepcopy(shown)
            _at(other, at)[key] = value
            fewer = key == "leaves" and isinstance(value, list) and len(value) > 0
            if fewer and len({each["index"] for each in value}) == len(value):
                assert holds(ledger, other)
                continue
            tried += 1
            assert json.dumps(other) != json.dumps(shown)
            assert not holds(ledger, other), (at, key, value)
    assert tried > 200
    for at in [(), ("batches", 0), ("batches", 0, "leaves", 0)]:
        for key in _at(shown, at):
            other = deepcopy(shown)
            del _at(other, at)[key]
            assert not holds(ledger, other), (at, key)


def _at(value: Any, at: Any) -> Any:
    for key in at:
        value = value[key]
    return value


def test_check_given_leaves_of_elsewhere_is_refused(ledger: Ledger) -> None:
    """Another broker's as its own, a salt that is forged, and a node where a leaf should be."""
    own = disclosing.disclose(ledger, WHO, client_of(WHO))
    theirs = disclosing.disclose(ledger, OTHER, client_of(OTHER))
    (mine,), (other,) = own.batches, theirs.batches
    swapped = replace(own, batches=(replace(mine, shown=other.shown),))
    assert "not under the root" in disclosing.check(ledger, [swapped]).wrong[0]
    claimed = replace(theirs, broker=WHO, institution=own.institution)
    assert disclosing.check(ledger, [claimed]).wrong
    first = mine.shown[0]
    forged = replace(first, leaf=replace(first.leaf, salt=bytes(32)))
    assert disclosing.check(ledger, [replace(own, batches=(replace(mine, shown=(forged,)),))]).wrong
    (committed,) = disclosing.affirmed(ledger, WHO)
    for level in committed.tree._levels[:-1]:
        node = level[0] + level[1]
        # A node's bytes are no leaf's: behind another first byte they have another hash.
        assert hash_leaf(node) not in {each for row in committed.tree._levels for each in row}
    assert not verify_leaf(mine.root, first.index >> 1, first.leaf, first.proof[1:])


def test_check_given_allocations_that_a_hostile_broker_signed_holds_them_against_the_trade(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leaves under a root that was signed are held against the record all the same: what is more than the
    trade, another's side, an excepted trade, a part of the amount that is not its own."""
    own = disclosing.disclose(ledger, WHO, client_of(WHO))
    monkeypatch.setattr(disclosing, "verify_leaf", lambda *_: True)
    (mine,) = own.batches
    first = mine.shown[0]
    batch = ledger.read().batches[mine.batch_hash]
    quantity = int(batch.records.quantity[first.leaf.position])

    def wrong(**changed: Any) -> tuple[str, ...]:
        leaf: Leaf = replace(first.leaf, **changed)
        return disclosing.check(
            ledger, [replace(own, batches=(replace(mine, shown=(replace(first, leaf=leaf),)),))]
        ).wrong

    assert not wrong()
    flipped = Side.SELL if first.leaf.side is Side.BUY else Side.BUY
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"side": flipped}, "another party"),
        ({"trade": first.leaf.trade + 1}, "not that trade's"),
        ({"position": len(batch.records)}, "not that trade's"),
        ({"quantity": quantity + 1}, "units of the trade's"),
        ({"quantity": 0}, "units of the trade's"),
        ({"amount": first.leaf.amount + quantity}, "not its part"),
    )
    for changed, words in cases:
        found = wrong(**changed)
        assert len(found) == 1, (changed, found)
        assert words in found[0]
    monkeypatch.setitem(batch.disputed, first.leaf.trade, [own.institution])
    assert "does not agree" in wrong()[0]
    monkeypatch.undo()
    # Two clients, each shown the whole of one side.
    monkeypatch.setattr(disclosing, "verify_leaf", lambda *_: True)
    amount = int(batch.records.amount[first.leaf.position])
    all_of = replace(first, leaf=replace(first.leaf, quantity=quantity, amount=amount))
    two = [
        replace(
            own,
            client=client,
            batches=(replace(mine, shown=(replace(all_of, leaf=replace(all_of.leaf, client=client)),)),),
        )
        for client in ("one", "two")
    ]
    assert disclosing.check(ledger, two[:1]).whole
    assert "the allocations come to" in disclosing.check(ledger, two).wrong[0]


def test_doctor_given_kept_allocations_that_are_not_the_affirmed_says_whose(
    folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "L"
    shutil.copytree(folder / "L", path)
    checks = {each.check: each for each in examine(path)}
    assert checks["clients"].ok, checks["clients"]
    assert checks["other files"].ok, checks["other files"]
    assert (
        checks["clients"].found
        == f"{len({row[3] for row in ROWS})} affirmations with the root of kept allocations"
    )
    with directory.open_ledger(path, write=False) as ledger:
        kept = ledger.allocations.find(WHO, TRADES.trading_day)
        assert kept is not None
        names = tuple(f"{name}0" for name in kept.clients)
        Kept(path / "clients").keep(WHO, replace(kept, clients=names))
    (found,) = [each for each in examine(path) if each.check == "clients"]
    assert not found.ok
    assert WHO in found.found
    assert "was affirmed" in found.found
    file = path / "clients" / f"{WHO}-{TRADES.trading_day}.parquet"
    other = path / "clients" / f"{OTHER}-{TRADES.trading_day}.parquet"
    other.chmod(0o640)
    file.write_bytes((folder / "L" / "clients" / file.name).read_bytes())
    (found,) = [each for each in examine(path) if each.check == "clients"]
    assert f"others may read {other.name}" in found.found
    file.unlink()
    (found,) = [each for each in examine(path) if each.check == "clients"]
    assert "nothing is kept" in found.found

"""The index of a ledger's directory: what the command makes of it, and of what was done to it.

given a sample day       ─ trades are what the file says; the newest block is known without opening the ledger
given any byte is flipped ─ IndexDamaged, which names the file; also where size, time and inode are as before
given a file is gone, or the manifest ─ said, and rebuilt
given whoever alters a row makes all digests fit ─ `verify` names segment, table and row, and ends with 1
given another ledger's index, or another block in a final one's place ─ IndexForeign, with both
given another version made it ─ IndexOtherVersion, and what helps; who changes the format raises its number
given a backup           ─ has no index, and makes one
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ledger.index.checking import hashed
from ledger.index.errors import IndexDamaged, IndexForeign, IndexMissing
from ledger.index.following import follow, newest_of
from ledger.index.keeping import reading
from ledger.index.manifest import FORMAT, File, Ledger, Manifest, Segment
from ledger.index.schema import TABLES
from settlement import cli, indexing, sample
from settlement.audit import revenue_tables, totals_tables
from tests.indexed import altered, require_events, require_history, rows
from tests.integration.steps import FIRST, Clearing, trades_of


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day, recorded and settled, without an index."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "first.csv").write_bytes(sample.generate(7, trades=60, trading_day=FIRST))
    path = folder / "L"
    for step in (("init", path), ("record", path, folder / "first.csv"), ("fund", path), ("settle", path)):
        with pytest.raises(SystemExit):
            cli.app([str(each) for each in step], prog_name="clearing")
    return path


@pytest.fixture
def ledger(made: Path, workplace: Path) -> Path:
    """A copy of it."""
    shutil.copytree(made, "L")
    return Path("L")


def test_index_given_a_sample_day_is_the_file(ledger: Path, clearing: Clearing) -> None:
    with pytest.raises(IndexMissing):
        Manifest.read(ledger)
    assert clearing("index", "verify", ledger).code == 2
    made = clearing("index", "rebuild", ledger, "--json").json
    newest = newest_of(ledger)
    manifest = Manifest.read(ledger)
    assert newest is not None
    assert (newest.block, newest.hash) == (manifest.as_of.block, manifest.as_of.hash)
    assert (made["head"], made["digest"]) == (f"0x{newest.hash.hex()}", manifest.digest)
    with indexing.clients_of(ledger) as clients:
        require_history(manifest, clients)
        require_events(manifest, clients)
    named = {
        row["institution"]: row["name"].rstrip(b"\0").decode()
        for row in rows(manifest, "Consortium_InstitutionAdmitted")
    }
    codes = {
        row["asset"]: row["code"].rstrip(b"\0").decode()
        for row in rows(manifest, "AssetRegister_AssetListed")
    }
    found = {
        (
            row["number"],
            named[row["buyer"]],
            named[row["seller"]],
            codes[row["asset"]],
            row["quantity"],
            row["amount_low"],
        )
        for row in rows(manifest, "trades")
    }
    assert found == {
        (each.number, each.buyer, each.seller, each.security, each.quantity, each.amount)
        for each in trades_of("first.csv")
    }
    assert {row["status"] for row in rows(manifest, "trades")} == {3}
    with indexing.clients_of(ledger) as early:
        clearing("record", ledger, "second.csv")
        with reading(ledger):
            followed = indexing.follow(ledger)
            assert rows(manifest, "trades")  # who reads the index as it was goes on
        assert len(list((ledger / "index").glob("0*"))) == 2
        assert clearing("index", "rebuild", ledger).code == 0
        assert [each.name for each in (ledger / "index").glob("0*")] == [followed.segments[0].name]
        assert follow(early, ledger, derive=indexing.DERIVE).digest == followed.digest
    assert len(rows(followed, "trades")) == 110
    assert clearing("index", "verify", ledger, "--json").json["findings"] == []
    clearing("backup", ledger, "copy")
    assert not Path("copy/index").exists()
    assert indexing.follow(Path("copy")).digest == followed.digest
    for parts, code in ((["rebuild", "nowhere"], 2), (["verify", "copy", "--json"], 0)):
        assert clearing("index", *parts).code == code


def test_index_given_it_was_changed_on_disk_says_where(ledger: Path, clearing: Clearing) -> None:
    manifest = indexing.follow(ledger)
    for segment, table, path in manifest.paths():
        looked = path.stat()
        for keeps_its_look in (False, True):
            _flip(path, len(path.read_bytes()) // 2)
            if keeps_its_look:
                os.utime(path, ns=(looked.st_atime_ns, looked.st_mtime_ns))
                with pytest.raises(IndexDamaged, match=rf"{segment.name}/{table}.parquet.*SHA-256"):
                    indexing.verify(ledger)
            with pytest.raises(IndexDamaged, match=rf"{segment.name}/{table}.parquet.*index rebuild"):
                Manifest.read(ledger)
            _flip(path, len(path.read_bytes()) // 2)
    path = manifest.files("trades")[0]
    data = path.read_bytes()
    for broken, said in ((data[:-1], "bytes, not"), (None, "it is gone")):
        path.unlink() if broken is None else path.write_bytes(broken)
        with pytest.raises(IndexDamaged, match=said):
            Manifest.read(ledger)
    assert clearing("index", "verify", ledger).code == 2
    assert clearing("index", "rebuild", ledger).code == 0
    assert clearing("index", "verify", ledger).code == 0
    whole = (ledger / "index" / "manifest.json").read_bytes()
    for place in range(0, len(whole), 41):
        _flip(ledger / "index" / "manifest.json", place)
        with pytest.raises(IndexDamaged):
            Manifest.read(ledger)
        _flip(ledger / "index" / "manifest.json", place)
    (ledger / "index" / "checked.json").write_text("[")
    assert Manifest.read(ledger).digest == manifest.digest


def test_index_given_another_version_made_it_says_so_and_what_helps(ledger: Path, clearing: Clearing) -> None:
    indexing.follow(ledger)
    path = ledger / "index" / "manifest.json"
    kept = json.loads(path.read_bytes())
    for made, said in ((FORMAT - 1, "an earlier version"), (FORMAT + 1, "a later version")):
        # As another format would have it: without what this one has, and with what it does not know.
        path.write_text(json.dumps({"format": made, "parts": kept["segments"]}))
        for asked in (("index", "verify", ledger), ("audit", ledger, "summary")):
            ran = clearing(*asked)
            assert ran.code == 2
            assert f"was made by {said} of clearing (format {made}; this version reads {FORMAT})" in ran.err
            assert "clearing index rebuild" in ran.err
    assert clearing("index", "rebuild", ledger).code == 0
    assert clearing("index", "verify", ledger).code == 0


def test_format_given_the_tables_have_another_shape_rises() -> None:
    """Who changes a table or the manifest raises FORMAT, and puts the new shape's digest here."""
    every = TABLES | revenue_tables.TABLES | totals_tables.TABLES
    shape = {name: [(each.name, str(each.type)) for each in schema] for name, schema in every.items()}
    said = json.dumps([sorted(shape.items()), [each.name for each in fields(Segment)]])
    assert (FORMAT, hashlib.sha256(said.encode()).hexdigest()[:16]) == (3, "821ccfc043833582")


def test_verify_given_a_row_was_altered_and_digests_fit_finds_it(ledger: Path, clearing: Clearing) -> None:
    manifest = indexing.follow(ledger)
    path = manifest.files("trades")[0]
    table = pq.read_table(path)
    amounts = table["amount_low"].to_pylist()
    amounts[17] += 1
    pq.write_table(table.set_column(9, "amount_low", pa.array(amounts, pa.uint64())), path)
    gone = manifest.files("ClearingHouse_CycleClosed")[0]

    def change(segment: Segment) -> Segment:
        file = File(hashed(path), path.stat().st_size, table.num_rows)
        kept = {name: each for name, each in segment.files.items() if name != gone.stem}
        return replace(segment, files=kept | {"trades": file})

    changed = altered(ledger, change)
    assert Manifest.read(ledger).digest == changed.digest
    left = clearing("index", "verify", ledger, "--json")
    name = changed.segments[0].name
    assert left.code == 1
    assert [(each["segment"], each["table"], each["row"]) for each in left.json["findings"]] == [
        (name, "ClearingHouse_CycleClosed", None),
        (name, "trades", 17),
    ]
    assert str(amounts[17]) in left.json["findings"][1]["found"]
    assert "row 17" in clearing("index", "verify", ledger).out


def test_follow_given_another_ledgers_index_names_what_differs(ledger: Path, clearing: Clearing) -> None:
    indexing.follow(ledger)
    shutil.copytree(ledger / "index", "kept")

    def house(said: Ledger) -> Ledger:
        return replace(said, contracts={**said.contracts, "ClearingHouse": "0x" + "11" * 20})

    def last(segment: Segment) -> Segment:
        return replace(segment, last=replace(segment.last, hash=bytes(32)))

    def beyond(segment: Segment) -> Segment:
        return replace(segment, last=replace(segment.last, number=999))

    cases: list[tuple[Callable[[Segment], Segment] | None, Callable[[Ledger], Ledger] | None, str]] = [
        (
            None,
            lambda said: replace(said, genesis="22" * 32),
            "genesis is 0x2222.*the ledger's is 0x[0-9a-f]{64}",
        ),
        (None, lambda said: replace(said, chain_id=5), "chain id is 5, the ledger's is 31337"),
        (None, house, "contract ClearingHouse is 0x1111"),
        (last, None, "block [0-9]+ is 0x0{64}, the ledger's is 0x.*`clearing index rebuild"),
        (beyond, None, "block 999 is 0x.*the ledger's is not there"),
    ]
    for change, said, match in cases:
        shutil.rmtree(ledger / "index")
        shutil.copytree("kept", ledger / "index")
        altered(ledger, change or (lambda segment: segment), said)
        for do in (indexing.follow, indexing.verify):
            with pytest.raises(IndexForeign, match=match):
                do(ledger)
    assert clearing("index", "verify", ledger).code == 2
    assert clearing("index", "rebuild", ledger).code == 0
    assert clearing("index", "verify", ledger).code == 0


def _flip(path: Path, place: int) -> None:
    """One bit, in place."""
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 1]))

"""What `clearing doctor` finds: nothing on a healthy ledger, and on a broken one what was broken.

examine
  ─ healthy     ─ on each engine, on a network, while somebody writes: every check is well
                ─ nothing in the directory is changed by it
  ─ one thing broken   ─ that one check says so, and those that depend on it that they were not made
"""

from __future__ import annotations

import hashlib
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from ledger.accounts import Signer
from ledger.chain import LocalChain
from ledger.chain.journal import Journal
from ledger.chain.lock import writing
from ledger.clock import SteppedClock, SystemClock
from settlement import directory, indexing
from settlement.doctor import Finding, examine, local, surroundings
from tests.unit.doctor.broken import ENGINE, forge, leave_a_tail, make, wrong

# A healthy ledger.


def test_examine_given_healthy_ledger_finds_every_check_well(engine: str, tmp_path: Path) -> None:
    path = make(tmp_path / "ledger", engine)
    findings = examine(path)
    assert [finding for finding in findings if not finding.ok] == []
    checks = {finding.check: finding.found for finding in findings}
    assert {"directory", "journal", "replay", "contracts", "settlements", "conservation", "books"} <= {
        *checks
    }
    assert "1 netting set" in checks["settlements"]


def test_examine_given_new_ledger_finds_every_check_well(new: Path) -> None:
    assert wrong(new) == {}


def test_examine_tells_each_check_before_it_is_made(path: Path) -> None:
    told: list[str] = []
    findings = examine(path, told.append)
    assert [each for each in told if each in {f.check for f in findings}] == [f.check for f in findings]


def contents_of(path: Path) -> dict[str, str]:
    """Digests of all files but those with which SQLite lets readers in beside a writer."""
    return {
        str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in path.rglob("*")
        if file.is_file() and not file.name.endswith(("-wal", "-shm"))
    }


def test_examine_given_any_ledger_writes_nothing(path: Path) -> None:
    leave_a_tail(path)
    (path / "state").mkdir(exist_ok=True)
    (path / "state" / "0000000003.state").write_bytes(b"none")
    before = contents_of(path)
    examine(path)
    assert contents_of(path) == before


def test_examine_given_writer_says_who_and_is_not_alarmed(path: Path) -> None:
    leave_a_tail(path)
    (path / "books" / "new.parquet.partial").write_bytes(b"half")
    with writing(path, clock=SystemClock()):
        findings = {finding.check: finding for finding in examine(path)}
    assert all(finding.ok for finding in findings.values())
    assert "process" in findings["writer"].found
    assert {*wrong(path)} == {"tail", "partial files"}


# Around it.


@pytest.mark.parametrize("kind", ["nothing", "a file", "an empty directory"])
def test_examine_given_no_ledger_says_so(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "ledger"
    if kind == "a file":
        path.write_text("x")
    elif kind == "an empty directory":
        path.mkdir()
    assert {*wrong(path)} == {"config" if kind == "an empty directory" else "directory"}


@pytest.mark.parametrize(("right", "words"), [(2, "cannot be written"), (4, "cannot be read")])
def test_examine_given_directory_without_permission_says_which(
    path: Path, monkeypatch: pytest.MonkeyPatch, right: int, words: str
) -> None:
    monkeypatch.setattr(surroundings.os, "access", lambda _, mode: not mode & right)
    found = wrong(path)
    assert {*found} == {"directory"}
    assert words in found["directory"].found


def test_examine_given_full_disk_says_how_much_is_left(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings.shutil, "disk_usage", lambda _: SimpleNamespace(free=5 << 20))
    found = wrong(path)
    assert {*found} == {"disk"}
    assert "5 MiB" in found["disk"].found


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"chain":"anvil","more":1}', '{"format":2,"chain":"anvil"}']
)
def test_examine_given_unreadable_config_says_so(path: Path, content: str) -> None:
    (path / "ledger.json").write_text(content)
    assert {*wrong(path)} == {"config"}


@pytest.mark.parametrize("content", [None, "", "a: [", "name: x"])
def test_examine_given_unreadable_scenario_says_so(path: Path, content: str | None) -> None:
    (path / "scenario.yaml").unlink()
    if content is not None:
        (path / "scenario.yaml").write_text(content)
    assert {*wrong(path)} == {"scenario"}


@pytest.mark.parametrize("content", [None, "", "{", "{}", "[]", "null"])
def test_examine_given_no_deployment_says_how_to_go_on(path: Path, content: str | None) -> None:
    (path / "deployment.json").unlink()
    if content is not None:
        (path / "deployment.json").write_text(content)
    found = wrong(path)
    assert {*found} == {"deployment"}
    assert ("clearing init" in found["deployment"].remedy) == (content is None)


def test_examine_given_partial_file_names_it(path: Path) -> None:
    (path / "books" / "trades-000009-2024-03-14.parquet.partial").write_bytes(b"half")
    found = wrong(path)
    assert {*found} == {"partial files"}
    assert "trades-000009" in found["partial files"].found


def test_examine_given_index_and_sources_knows_them(path: Path) -> None:
    indexing.rebuild(path)
    (path / "sources.yaml").write_text("{}")
    assert wrong(path) == {}
    (path / "index" / "mine.parquet").write_text("x")
    assert "index/mine.parquet" in wrong(path)["other files"].found


def test_examine_given_files_of_somebody_else_names_them(path: Path) -> None:
    (path / "notes.txt").write_text("x")
    (path / "books" / "mine").mkdir()
    (path / "keys").write_text("x")
    found = wrong(path)
    assert {*found} == {"other files"}
    assert all(name in found["other files"].found for name in ("notes.txt", "books/mine", "keys"))


# The journal and the engine.


def test_examine_given_no_engine_says_how_to_get_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "available", list)
    found = wrong(path)
    assert {*found} == {"engine"}
    assert "make setup" in found["engine"].remedy


@pytest.mark.parametrize("harm", ["gone", "empty", "garbage", "row changed", "end gone"])
def test_examine_given_damaged_journal_says_where(path: Path, harm: str) -> None:
    file = path / "journal.sqlite"
    if harm == "gone":
        file.unlink()
    elif harm == "empty":
        file.write_bytes(b"")
    elif harm == "garbage":
        file.write_bytes(b"x" * 8_192)
    elif harm == "end gone":
        journal = Journal(file)
        journal.truncate(2)
        journal.close()
    else:
        database = sqlite3.connect(file)
        database.execute("UPDATE entry SET time = time + 1 WHERE number = 7")
        database.commit()
        database.close()
    found = wrong(path)
    assert {*found} == {"journal"}
    if harm == "row changed":
        assert "block 7" in found["journal"].found
    assert "backup" in found["journal"].remedy


def test_examine_given_tail_says_how_many_and_what_executes_them(path: Path) -> None:
    leave_a_tail(path)
    found = wrong(path)
    assert {*found} == {"tail"}
    assert found["tail"].found.startswith("1 transaction ")


def test_examine_given_forged_outcome_says_which_block(path: Path) -> None:
    forge(path, 9, b"\7" * 32)
    found = wrong(path)
    assert {*found} == {"replay"}
    assert "block 9" in found["replay"].found
    assert "07" * 32 in found["replay"].found


def test_examine_given_block_ahead_of_the_clock_says_by_how_much(new: Path) -> None:
    late = SteppedClock(datetime(2090, 1, 1, tzinfo=UTC))
    with LocalChain(ENGINE, clock=late, folder=new) as chain:
        chain.send(
            Signer.from_seed("doctor", "late").sign_transaction(31337, 0, "0x" + "11" * 20, b"", 90_000)
        )
    assert {*wrong(new)} == {"clock"}


def test_examine_given_simulated_clock_expects_nothing_of_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    wanted = directory.Config(chain=ENGINE, clock="simulated")
    directory.init(path, "sample", wanted, start=datetime(2090, 1, 1, tzinfo=UTC))
    assert wrong(path) == {}


@pytest.mark.parametrize("kind", ["garbage", "of another block", "not of an engine"])
def test_examine_given_state_that_is_none_names_it(path: Path, kind: str) -> None:
    journal = Journal(path / "journal.sqlite", write=False)
    block = journal.block(5)
    journal.close()
    content = (bytes(32) if kind == "of another block" else block.hash) + b"{}"
    digest = bytes(32) if kind == "garbage" else hashlib.sha256(content).digest()
    (path / "state").mkdir(exist_ok=True)
    (path / "state" / "0000000005.state").write_bytes(digest + content)
    found = wrong(path)
    assert {*found} == {"states"}
    assert "0000000005.state" in found["states"].found


def test_examine_given_good_state_starts_from_it(path: Path) -> None:
    with directory.open_ledger(path, write=True) as ledger:
        chain = ledger.market.chain
        assert isinstance(chain, LocalChain)
        assert chain._states is not None
        chain._states.keep(chain.block(), chain.engine.dump())
    findings = {finding.check: finding for finding in examine(path)}
    assert findings["states"] == Finding("states", True, "1 state to start from")

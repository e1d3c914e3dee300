"""The file of what happened: it ends anywhere, is changed anywhere, is written by two, fills the disk."""

from __future__ import annotations

import datetime as dt
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ledger.clock import SteppedClock
from settlement import chained
from settlement.breaks import FILE, Breaks, Covered, events
from settlement.errors import BookDamaged, FileUnreadable, FileUnwritable
from settlement.reconciliation.model import Kind
from tests.unit.breaks.kept import NOON, made, result

ALL = Covered()
STEPS: list[Callable[[Breaks], object]] = [
    lambda breaks: breaks.sync(result(made("12"), made("13")), ALL, NOON),
    lambda breaks: breaks.propose("B-1", {"quantity": 510}, "Asha"),
    lambda breaks: breaks.approve("B-1", "Bina"),
    lambda breaks: breaks.sync(result(made("13", book=1), made("14", Kind.DUPLICATE)), ALL, NOON),
]


def opened(folder: Path, *, write: bool = True) -> Any:
    return Breaks.open(folder, write=write, clock=SteppedClock(NOON, dt.timedelta(0)))


def said(folder: Path) -> list[Any]:
    with opened(folder, write=False) as breaks:
        return breaks.kept(NOON)


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> list[list[Any]]:
    """What is kept after no step, the first, the first two …"""
    folder = tmp_path_factory.mktemp("states")
    found = [said(folder)]
    for step in STEPS:
        with opened(folder) as breaks:
            step(breaks)
        found.append(said(folder))
    assert [len(each) for each in found] == [0, 2, 2, 2, 3]
    return found


@pytest.fixture
def full(tmp_path: Path) -> Path:
    with opened(tmp_path) as breaks:
        for step in STEPS:
            step(breaks)
    return tmp_path


class Ends(Exception):
    """The process ends here."""


class Ending:
    """A connection whose `last` statement is never executed, nor anything after it; not even a rollback."""

    def __init__(self, connection: sqlite3.Connection, last: int) -> None:
        self._connection, self.left = connection, last

    def _count(self) -> None:
        self.left -= 1
        if self.left <= 0:
            raise Ends

    def execute(self, *given: Any) -> Any:
        self._count()
        return self._connection.execute(*given)

    def executemany(self, *given: Any) -> Any:
        self._count()
        return self._connection.executemany(*given)

    in_transaction = False  # who is gone rolls nothing back

    def close(self) -> None:
        self._connection.close()


def test_steps_given_an_end_before_any_statement_leave_whole_steps(
    tmp_path: Path, states: list[list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left is what some number of whole steps left, at least those that returned."""
    connect, last, seen = chained.connect, 0, set()
    while True:
        last += 1
        folder, ending, done = tmp_path / str(last), [], 0
        folder.mkdir()

        def ends(path: Path | None, *, write: bool, last: int = last, ending: list[Any] = ending) -> Any:
            real = connect(path, write=write)
            ending.append(Ending(real, ending[-1].left if ending else last))
            return ending[-1]

        monkeypatch.setattr(chained, "connect", ends)
        try:
            for step in STEPS:
                with opened(folder) as breaks:
                    step(breaks)
                done += 1
        except Ends:
            monkeypatch.setattr(chained, "connect", connect)
        else:
            break
        found = said(folder)
        assert found == states[done], f"statement {last}"
        seen.add(done)
        with opened(folder) as breaks:
            for step in STEPS[done:]:
                step(breaks)
        assert said(folder) == states[-1], "and it goes on from there"
    assert seen == {0, 1, 2, 3}
    assert last > 40


def test_file_given_any_change_is_refused_and_says_where(full: Path, tmp_path: Path) -> None:
    changes = [
        "UPDATE event SET who = 'Chandra' WHERE number = 3",
        "UPDATE event SET body = replace(body, '510', '511') WHERE number = 3",
        "UPDATE event SET time = time + 1 WHERE number = 1",
        "UPDATE event SET subject = 2 WHERE number = 4",
        "UPDATE event SET what = 'approved' WHERE number = 2",
        "UPDATE event SET digest = zeroblob(32) WHERE number = 6",
        "UPDATE event SET time = 'x' WHERE number = 2",
        "UPDATE event SET body = x'ff' WHERE number = 2",
        "DELETE FROM event WHERE number = 2",
        "DELETE FROM event WHERE number = (SELECT max(number) FROM event)",
        "DELETE FROM event",
        "DELETE FROM meta",
        "UPDATE meta SET value = 'x'",
        "UPDATE meta SET value = '[1, 2]'",
        "INSERT INTO event SELECT 99, time, subject, what, who, body, digest FROM event WHERE number = 1",
        "DROP TABLE event",
        "DROP TABLE meta",
    ]
    for i, change in enumerate(changes):
        folder = tmp_path / f"changed {i}"
        folder.mkdir()
        shutil.copy(full / FILE, folder / FILE)
        with sqlite3.connect(folder / FILE) as database:
            database.execute(change)
        database.close()
        for write in (False, True):
            with pytest.raises(BookDamaged, match="backup"), opened(folder, write=write):
                pass
    said(full)


@pytest.mark.parametrize("there", [b"no database at all, but long enough to be one\n" * 99, None])
def test_file_given_what_is_none_is_refused(tmp_path: Path, there: bytes | None) -> None:
    (tmp_path / FILE).mkdir() if there is None else (tmp_path / FILE).write_bytes(there)
    for write in (False, True):
        expected = BookDamaged if there else (FileUnwritable if write else FileUnreadable)
        with pytest.raises(expected), opened(tmp_path, write=write):
            pass


def test_open_given_no_file_and_nobody_writes_is_empty_and_makes_none(tmp_path: Path) -> None:
    assert said(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileUnwritable), opened(tmp_path / "nowhere"):
        pass


def test_two_given_the_same_file_each_know_what_the_other_did(full: Path) -> None:
    with opened(full) as one, opened(full) as other, opened(full, write=False) as reader:
        one.assign("B-2", "Asha", "Asha")
        assert (
            other.sync(result(made("13", book=1), made("14", Kind.DUPLICATE)), ALL, NOON)[0].owner == "Asha"
        )
        other.close("B-2", "small", "Asha")
        one.approve("B-2", "Bina")
        assert [each.status for each in reader.kept(NOON)] == ["closed", "closed", "open"]
        assert reader.kept(NOON) == one.kept(NOON) == other.kept(NOON)
        numbers = [event.number for each in one.kept() for event in each.history]
        assert sorted(numbers) == list(range(1, len(numbers) + 1))


def test_many_given_the_same_file_at_the_same_time_all_are_written(full: Path) -> None:
    def work(name: str) -> None:
        with opened(full) as breaks:
            for note in range(8):
                breaks.explain("B-2", f"{name} {note}", name)

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(work, name) for name in ("Asha", "Bina", "Chandra")]:
            done.result()
    notes = [each.body["text"] for each in said(full)[1].history if each.what == "explained"]
    assert sorted(notes) == [f"{name} {note}" for name in ("Asha", "Bina", "Chandra") for note in range(8)]


@pytest.fixture
def small(full: Path) -> Iterator[Breaks]:
    """Breaks on a disk that is full."""
    with opened(full) as breaks:
        database = breaks._file._database
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        database.execute(f"PRAGMA max_page_count = {pages}")
        yield breaks


def test_changes_given_a_full_disk_are_refused_and_nothing_is_half_done(full: Path, small: Breaks) -> None:
    before = small.kept(NOON)
    with pytest.raises(FileUnwritable, match="full"):
        small.sync(result(*(made(str(n)) for n in range(100, 400))), ALL, NOON)
    with pytest.raises(FileUnwritable):
        small.explain("B-2", "long " * 20_000, "Asha")
    assert small.kept(NOON) == before == said(full)
    small._file._database.execute("PRAGMA max_page_count = 100000")
    small.explain("B-2", "short", "Asha")
    assert said(full)[1].history[-1].body == {"text": "short"}


def test_transaction_given_an_end_after_writing_forgets_what_was_written() -> None:
    file = events.EventFile(None, write=True)

    def ended() -> None:
        with file.transaction():
            file.add([(1, "explained", "Asha", {"text": "gone"})], NOON)
            raise Ends

    with pytest.raises(Ends):
        ended()
    with file.transaction():
        (event,) = file.add([(1, "explained", "Asha", {"text": "there"})], NOON)
    assert event.number == 1
    with file.transaction() as newer:
        assert newer == []
    assert file.newer() == []


def test_sync_given_values_of_any_size_and_kind_keeps_them_and_refuses_what_is_not_exact() -> None:
    values = {
        "x": {"book": dt.date(2026, 1, 2), "bank": ("a", 1)},
        "security": {"book": "A", "ledger": "B"},
        "quantity": {"book": 1 << 200, "ledger": np.int64(7)},
    }
    each = made("ü\N{GRINNING FACE} <b>", fields=values, lines=(1, 2))
    with Breaks.open(None, write=True) as breaks:
        (kept,) = breaks.sync(result(each), ALL, NOON)
        assert kept.found == each
        assert list(kept.found.fields) == ["security", "quantity", "x"], "in the order of the model"
        assert breaks.sync(result(each), ALL, NOON)[0].history == kept.history
        with pytest.raises(TypeError):
            breaks.sync(result(made(book=1.5)), ALL, NOON)
        assert breaks.kept(NOON) == [kept]

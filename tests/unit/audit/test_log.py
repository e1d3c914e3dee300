"""Who asked what: written before anything is given away, whoever is killed, whoever else writes."""

from __future__ import annotations

import datetime as dt
import os
import pwd
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ledger.clock import SteppedClock
from settlement.audit.access import Access, AccessRefused
from settlement.audit.answer import AsOf
from settlement.audit.log import FILE, AuditLog, Entry, LogUnwritable
from settlement.audit.sandbox import SqlStopped
from settlement.errors import BookDamaged, NameUnknown

NOON = dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC)
AS_OF = AsOf(17, b"\xab" * 32, 1_700_000_000)
ALL, BROKER = Access("local"), Access("Aldersgate", "own", frozenset({3}))


def opened(folder: Path | None) -> AuditLog:
    return AuditLog(folder, write=True, clock=SteppedClock(NOON, dt.timedelta(seconds=1)))


def entries(folder: Path, access: Access = ALL) -> list[Entry]:
    log = AuditLog(folder, write=False)
    try:
        return log.entries(access)
    finally:
        log.close()


def ask(log: AuditLog, access: Access = ALL, error: BaseException | None = None) -> None:
    details = {"security": "NABIL", "day": dt.date(2026, 1, 2), "min": None}
    with log.asking(access, "trades", details) as asked:
        if error:
            raise error
        asked.answered(12, AS_OF)


def test_log_given_queries_says_who_asked_what_and_how_it_ended(tmp_path: Path) -> None:
    assert entries(tmp_path) == []
    assert not list(tmp_path.iterdir())
    log = opened(tmp_path)
    ask(log)
    refused = NameUnknown("security", "NABIX", ["NABIL"])
    for error in (refused, SqlStopped("time", "too long"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            ask(log, BROKER, error)
    log.refused("Aldergate", "cash", {}, AccessRefused("Aldergate", "nobody"))
    with pytest.raises(RuntimeError, match="without an answer"), log.asking(ALL, "cash", {}):
        pass
    found = entries(tmp_path)
    first = found[0]
    user = pwd.getpwuid(os.getuid()).pw_name
    assert (first.number, first.viewer, first.user, first.question) == (1, "local", user, "trades")
    assert first.details == {"security": "NABIL", "day": "2026-01-02"}
    assert (first.outcome, first.block, first.rows, first.error) == ("answered", 17, 12, "")
    assert first.ended is not None
    assert NOON <= first.when < first.ended
    assert [(each.viewer, each.outcome) for each in found[1:]] == [
        ("Aldersgate", "refused"),
        ("Aldersgate", "stopped"),
        ("Aldersgate", "refused"),
        ("Aldergate", "refused"),
        ("local", "refused"),
    ]
    assert "NABIX" in found[1].error
    assert found[3].error == "KeyboardInterrupt: interrupted"
    assert [each.number for each in entries(tmp_path, BROKER)] == [each.number for each in found[1:4]]
    with pytest.raises(AccessRefused, match="audit log"):
        entries(tmp_path, Access("x", "masked"))
    log.close()


def test_log_given_a_kill_keeps_that_somebody_asked(tmp_path: Path) -> None:
    script = (
        "import os, sys, pathlib; from settlement.audit import log, access;"
        "l = log.AuditLog(pathlib.Path(sys.argv[1]), write=True);"
        "asking = l.asking(access.Access('ana'), 'sql', {'sql': 'select 1'}); asking.__enter__();"
        "os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", script, tmp_path]).returncode == -9
    (entry,) = entries(tmp_path)
    assert (entry.viewer, entry.details, entry.outcome) == ("ana", {"sql": "select 1"}, "unfinished")


def test_log_given_many_writers_keeps_all_in_one_chain(tmp_path: Path) -> None:
    def work(name: str) -> None:
        log = opened(tmp_path)
        for _ in range(6):
            ask(log, Access(name))
        log.close()

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work, name) for name in "abcd"]:
            done.result()
    found = entries(tmp_path)
    assert sorted(each.viewer for each in found) == sorted("abcd" * 6)
    assert {each.outcome for each in found} == {"answered"}


def test_log_given_nowhere_to_write_answers_nothing(tmp_path: Path) -> None:
    with pytest.raises(LogUnwritable, match="no question is answered") as refused:
        opened(tmp_path / "nowhere")
    assert refused.value.exit_code == 3
    log = opened(tmp_path)
    (pages,) = log._file._database.execute("PRAGMA page_count").fetchone()
    log._file._database.execute(f"PRAGMA max_page_count = {pages}")
    reached = []
    with pytest.raises(LogUnwritable, match="full"), log.asking(ALL, "sql", {"sql": "x" * 90_000}) as asked:
        reached.append(asked)
    assert not reached, "nothing is read for what is not in the log"
    log.close()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE event SET who = 'nobody' WHERE number = 2",
        "UPDATE event SET body = replace(body, 'NABIL', 'NICA') WHERE number = 1",
        "DELETE FROM event WHERE number = 3",
        "DELETE FROM event WHERE number >= 3",
    ],
)
def test_log_given_any_change_shows_it(tmp_path: Path, change: str) -> None:
    log = opened(tmp_path)
    ask(log)
    ask(log)
    log.close()
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute(change)
    database.close()
    with pytest.raises(BookDamaged, match="backup"):
        entries(tmp_path)
    if ">=" in change:
        log = opened(tmp_path)
        with pytest.raises(BookDamaged, match="last event"):
            ask(log)
        log.close()

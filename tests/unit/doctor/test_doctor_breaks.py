"""Breaks that are kept, as `doctor` and `backup` see them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from settlement import directory
from settlement.breaks import FILE, Breaks, Covered
from settlement.doctor import examine
from settlement.errors import BookDamaged
from tests.unit.breaks.kept import NOON, made, result
from tests.unit.doctor.broken import wrong


def test_breaks_given_a_backup_are_in_it_and_given_a_change_show(new: Path, tmp_path: Path) -> None:
    with Breaks.open(new, write=True) as breaks:
        breaks.sync(result(made("12"), made("13")), Covered(), NOON)
        directory.backup(new, tmp_path / "copy")
        expected = breaks.kept(NOON)
    findings = examine(new)
    assert [each for each in findings if not each.ok] == []
    assert {each.found for each in findings if each.check == "breaks"} == {
        "2 events of 2 breaks, 2 not closed"
    }
    with sqlite3.connect(new / FILE) as database:
        database.execute("UPDATE event SET who = 'Asha' WHERE number = 2")
    database.close()
    found = wrong(new)
    assert found.keys() == {"breaks"}
    assert "event 2" in str(found["breaks"])
    with pytest.raises(BookDamaged), Breaks.open(new, write=False):
        pass
    with Breaks.open(tmp_path / "copy", write=False) as copied:
        assert copied.kept(NOON) == expected

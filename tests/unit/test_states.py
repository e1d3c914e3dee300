"""States in files: the newest first, whole ones of this journal only, and no more than two."""

from __future__ import annotations

from pathlib import Path

from ledger.chain import Block
from ledger.chain.states import KEPT, States
from tests.journals import make


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_keep_given_several_keeps_the_newest(tmp_path: Path) -> None:
    journal, states = make(None, 9), States(tmp_path / "state")
    assert list(states.newest_first(journal)) == []
    for number in (2, 5, 7):
        states.keep(journal.block(number), b"state %d" % number)
    assert list(states.newest_first(journal)) == [(7, b"state 7"), (5, b"state 5")]
    assert len(names(tmp_path / "state")) == KEPT
    states.keep(journal.block(7), b"again")
    assert next(states.newest_first(journal)) == (7, b"again")


def test_keep_given_states_of_later_blocks_lets_go_of_them(tmp_path: Path) -> None:
    journal, states = make(None, 9), States(tmp_path)
    for number in (100, 200):
        states.keep(Block(number, bytes(32), 0), b"of another ledger")
    states.keep(journal.block(3), b"ours")
    assert list(states.newest_first(journal)) == [(3, b"ours")]
    assert names(tmp_path) == ["0000000003.state"]


def test_newest_first_given_every_flip_and_cut_leaves_it_out(tmp_path: Path) -> None:
    journal, states = make(None, 4), States(tmp_path)
    states.keep(journal.block(4), b"state")
    path = tmp_path / "0000000004.state"
    content = path.read_bytes()
    for i in range(len(content)):
        for wrong in (content[:i], content[:i] + bytes([content[i] ^ 0x10]) + content[i + 1 :]):
            path.write_bytes(wrong)
            assert list(states.newest_first(journal)) == []
    path.write_bytes(content)
    assert list(states.newest_first(journal)) == [(4, b"state")]
    path.rename(tmp_path / "0000000003.state")
    assert list(states.newest_first(journal)) == []


def test_keep_given_no_place_for_it_raises_nothing(tmp_path: Path) -> None:
    journal = make(None, 4)
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "a" / "b"):
        States(folder).keep(journal.block(4), b"state")
        assert list(States(folder).newest_first(journal)) == []

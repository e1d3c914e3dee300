"""The index against `ledger.history` and the contracts' own decoding, over everything that happens to trades.

given parts by all models, masks, two slices of a batch ─ as history has it, in one segment or many
given statuses by the offices                           ─ held, let back, cancelled, compensated, closed out
given fails, a default, claims, limits                  ─ status and every event of every contract
given it was followed step by step                      ─ segment for segment what one rebuild makes, however
                                                          late segments are put on disk
given the process ends at any write                     ─ the old index or the new one; a retry makes the new
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ledger.clients.clearing_house import Status
from ledger.history import History
from ledger.index import following, keeping
from ledger.index.errors import IndexMissing
from ledger.index.following import follow, rebuild
from ledger.index.manifest import Manifest
from ledger.index.verifying import verify
from tests.contracts import test_offices_together as offices
from tests.contracts.clearing import slice_of
from tests.contracts.failing import Desk
from tests.contracts.office import Office
from tests.contracts.support import Ledger
from tests.contracts.test_history_parts import RICH, TRADES, past
from tests.indexed import names, require_events, require_history, said, tables

__all__ = ["past"]


class Late(ThreadPoolExecutor):
    """Does what it is given when somebody waits for it: as late as can be."""

    def submit(self, do: Callable[..., Any], /, *arguments: Any, **named: Any) -> Any:
        return SimpleNamespace(result=cache(partial(do, *arguments, **named)))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of a few rows."""
    monkeypatch.setattr(following, "SEGMENT_ROWS", 8)
    monkeypatch.setattr(following, "LARGEST_ROWS", 12)


def test_index_given_parts_and_masks_is_as_history_has_it(
    past: tuple[Office, list[bytes], History], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = past[0].ledger.clients
    whole = follow(clients, tmp_path)
    assert len(whole.segments) == 1
    require_history(whole, clients)
    require_events(whole, clients)
    monkeypatch.setattr(following, "LARGEST_ROWS", 12)
    monkeypatch.setattr("ledger.index.known.KEPT_TRADES", 1)
    many = rebuild(clients, tmp_path)
    assert len(many.segments) > 4
    assert len(set(many.files("changes"))) > 2
    require_history(many, clients)
    require_events(many, clients)
    assert verify(clients, tmp_path) == []
    assert not list((tmp_path / "index").glob("*.building"))
    assert len([each for each in (tmp_path / "index").iterdir() if each.is_dir()]) == len(many.segments)


def test_index_given_statuses_step_by_step_is_what_one_rebuild_makes(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trade that is let back settles in parts. Segments are of a step or two, so that where trades stand is
    mostly in changes of earlier ones."""
    monkeypatch.setattr(following, "LARGEST_ROWS", 2)
    floor, clients = office.floor, office.ledger.clients
    office.ledger.issue(RICH)
    steps: list[Callable[[], Any]] = []
    batch = floor.entered(*TRADES, excepts={"B1": [0]})
    office.allow(batch)
    for position, status in ((0, 5), (1, 4), (2, 4), (2, 1), (3, 7), (4, 4)):
        steps.append(lambda p=position, s=status: office.set_status(batch, p, Status(s)))  # type: ignore[misc]
    steps += [
        floor.open,
        lambda: floor.settle(slice_of(batch, parts=[(2, 1)]), slice_of(batch, [5])),
        lambda: office.set_status(batch, 2, Status.HELD),
        lambda: office.set_status(batch, 2, Status.PENDING),
        lambda: floor.settle(slice_of(batch, parts=[(2, 2)])),
        lambda: office.set_status(batch, 4, Status.COMPENSATED),
        floor.close,
    ]
    for name in ("followed", "rebuilt"):
        (tmp_path / name).mkdir()
    for step in steps[:4]:
        step()
    for step in steps[4:]:
        step()
        manifest = follow(clients, tmp_path / "followed")
    require_history(manifest, clients)
    before = said(manifest)
    assert said(follow(clients, tmp_path / "followed")) == before
    monkeypatch.setattr(following, "ThreadPoolExecutor", Late)
    anew = rebuild(clients, tmp_path / "rebuilt")
    assert said(anew) == before
    assert tables(anew) == tables(manifest)
    assert [len(table) for table in tables(anew)["changes"]]
    assert verify(clients, tmp_path / "followed") == []


STORIES = (
    offices.test_fail_given_a_part_settled_penalises_the_rest_which_settles_later,
    offices.test_compensate_given_a_part_settled_ends_the_rest,
    offices.test_close_out_given_a_part_settled_claims_the_rest,
    offices.test_cancel_given_a_part_settled_leaves_that,
)


@pytest.mark.parametrize("story", STORIES)
def test_index_given_the_offices_at_work_is_as_history_has_it(
    ledger: Ledger, tmp_path: Path, small: None, story: Callable[[offices.Street], None]
) -> None:
    street = offices.Street(Desk(ledger))
    street.settle_a_part()
    story(street)
    manifest = follow(ledger.clients, tmp_path)
    require_history(manifest, ledger.clients)
    assert len(require_events(manifest, ledger.clients)) > 15


def test_follow_given_the_process_ends_at_any_write_leaves_an_index(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: None
) -> None:
    floor, clients, index = office.floor, office.ledger.clients, tmp_path / "index"
    office.ledger.issue(RICH)
    batch = floor.entered(*TRADES)
    with pytest.raises(IndexMissing):
        Manifest.read(tmp_path)
    old = follow(clients, tmp_path)
    floor.open()
    floor.settle(slice_of(batch, [1, 2, 5]))
    shutil.copytree(index, tmp_path / "kept")
    new = follow(clients, tmp_path)
    assert names(new.segments)[:-2] == names(old.segments)[: len(new.segments) - 2]
    outcomes = []
    for nth in range(1, 200):
        shutil.rmtree(index)
        shutil.copytree(tmp_path / "kept", index)
        with monkeypatch.context() as patch:
            ended = _ends_at(patch, nth)
            with contextlib.suppress(KeyboardInterrupt):
                follow(clients, tmp_path)
        left = Manifest.read(tmp_path)
        assert said(left) in (said(old), said(new))
        outcomes.append(said(left) == said(new))
        if nth % 4 == 0:
            assert said(follow(clients, tmp_path)) == said(new)
        if not ended():
            break
    assert said(Manifest.read(tmp_path)) == said(new)
    assert verify(clients, tmp_path) == []
    assert outcomes == sorted(outcomes)
    assert outcomes.count(False) > 8
    assert outcomes.count(True) > 1


def _ends_at(patch: pytest.MonkeyPatch, nth: int) -> Callable[[], bool]:
    """The process ends before the `nth` thing that is done to files; whether it came to that."""
    done = 0

    def counting(real: Callable[..., Any]) -> Callable[..., Any]:
        def do(*arguments: Any, **named: Any) -> Any:
            nonlocal done
            done += 1
            if done == nth:
                raise KeyboardInterrupt
            return real(*arguments, **named)

        return do

    patch.setattr(keeping.os, "fsync", counting(os.fsync))
    for name in ("rename", "replace", "mkdir", "unlink"):
        patch.setattr(Path, name, counting(getattr(Path, name)))
    patch.setattr(keeping.shutil, "rmtree", counting(shutil.rmtree))
    return lambda: done >= nth

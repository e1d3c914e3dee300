"""The index of a network's chain: blocks that are not final are kept apart, and replaced where the chain
replaces them; final ones that are not what they were are another ledger's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ledger.clients import Clients, attach
from ledger.index.errors import IndexForeign
from ledger.index.following import follow, newest_of, rebuild
from ledger.index.manifest import Manifest
from ledger.index.verifying import verify
from tests.contracts.support import Ledger
from tests.indexed import require_events, require_history, rows, said
from tests.integration.network.market import whole_day
from tests.integration.network.somebody import Node, needs_anvil, reach

pytestmark = needs_anvil
FINALITY = 6


@contextmanager
def reader(node: Node, ledger: Ledger, folder: Path, finality: int = FINALITY) -> Iterator[Clients]:
    """Somebody who sends nothing."""
    folder.mkdir(exist_ok=True)
    with reach(node.url, folder, finality=finality) as chain:
        chain.follow(list(ledger.deployment.addresses.values()))
        yield attach(chain, ledger.deployment)


def test_follow_given_blocks_are_replaced_replaces_what_was_not_final(node: Node, tmp_path: Path) -> None:
    index, taken = tmp_path / "index", dict[str, str]()
    index.mkdir()

    def keep(step: str) -> None:
        taken[step] = node.ask("evm_snapshot")

    with reach(node.url, tmp_path) as chain:
        ledger = whole_day(chain, keep)
    with reader(node, ledger, tmp_path / "first") as clients:
        before = follow(clients, index)
        head = clients.clearing_house.chain.block().number
        require_history(before, clients)
        require_events(before, clients)
        assert said(follow(clients, index)) == said(before)
        assert verify(clients, index) == []
    assert [(each.final, each.last.number) for each in before.segments] == [
        (True, head - FINALITY),
        (False, head),
    ]
    assert (before.as_of.block, before.as_of.final) == (head, False)
    assert newest_of(index) is None
    assert _statuses(before) == {3}

    node.ask("evm_revert", taken["affirmed"])
    node.ask("anvil_mine", hex(3))
    with reader(node, ledger, tmp_path / "second") as clients:
        after = follow(clients, index)
        require_history(after, clients)
        assert said(rebuild(clients, index)) == said(after)
        assert verify(clients, index) == []
    assert _statuses(after) == {1}
    with reader(node, ledger, tmp_path / "third", finality=0) as clients:
        assert [each.final for each in follow(clients, index).segments] == [True]

    node.ask("evm_revert", taken["funded"])
    node.ask("anvil_mine", hex(9))
    with (
        reader(node, ledger, tmp_path / "fourth") as clients,
        pytest.raises(IndexForeign, match=r"block [0-9]+ is 0x[0-9a-f]{64}, the ledger's is 0x.*rebuild"),
    ):
        follow(clients, index)


def _statuses(manifest: Manifest) -> set[int]:
    """Of all trades, as the index ends."""
    found = {row["trade"]: row["status"] for row in rows(manifest, "trades")}
    return set((found | {row["trade"]: row["status"] for row in rows(manifest, "changes")}).values())

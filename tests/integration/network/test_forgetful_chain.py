"""A chain that was restarted empty or had its last blocks replaced: said so at once, and mended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.chain.network import NetworkChain
from ledger.chain.resync import Resynced, resync
from ledger.errors import ChainForgot, OutcomeUnknown, ResyncUnfinished, WrongChain
from tests.contracts.clearing import Floor
from tests.contracts.support import Ledger
from tests.integration.network.market import TRANSACTIONS, Facts, facts, whole_day
from tests.integration.network.somebody import CHAIN_ID, Node, config, needs_anvil, quick, reach

pytestmark = needs_anvil


def mend(node: Node, folder: Path, **options: bool) -> tuple[Resynced, list[tuple[int, int]]]:
    told: list[tuple[int, int]] = []
    done = resync(
        node.url,
        folder / "outbox.sqlite",
        config(),
        progress=lambda *pair: told.append(pair),
        sleep=quick,
        **options,
    )
    return done, told


def cleared(node: Node, folder: Path) -> Ledger:
    with reach(node.url, folder) as chain:
        return whole_day(chain)


def assert_as_undisturbed(node: Node, folder: Path, ledger: Ledger, undisturbed: Facts) -> None:
    with reach(node.url, folder) as chain:
        assert facts(ledger, chain) == undisturbed
        on_chain = node.transactions()
        assert len(on_chain) == len(set(on_chain)) == TRANSACTIONS


def test_open_given_a_chain_restarted_empty_says_so_and_resync_sends_everything_again(
    node: Node, undisturbed: Facts, tmp_path: Path
) -> None:
    ledger = cleared(node, tmp_path)
    node.restart_empty()
    with pytest.raises(ChainForgot, match="clearing resync") as raised:
        reach(node.url, tmp_path)
    assert (raised.value.number, raised.value.found_hash) == (1, None)
    assert not raised.value.transient
    done, told = mend(node, tmp_path)
    assert (done.kept, done.sent_again, done.head.number) == (0, TRANSACTIONS, node.head())
    assert told == [(i, TRANSACTIONS) for i in range(1, TRANSACTIONS + 1)]
    if not done.refused:  # where anvil makes the very blocks again, the affirmations hold
        assert_as_undisturbed(node, tmp_path, ledger, undisturbed)
    assert mend(node, tmp_path)[0].sent_again == 0


@pytest.mark.parametrize("step", ["established", "funded", "recorded"])
def test_session_given_a_chain_restarted_empty_meanwhile_stops_at_the_next_transaction(
    node: Node, step: str, tmp_path: Path
) -> None:
    def restart(over: str) -> None:
        if over == step:
            node.restart_empty()

    with reach(node.url, tmp_path) as chain, pytest.raises(ChainForgot):
        whole_day(chain, restart)
    assert node.transactions() == []


@pytest.mark.parametrize(
    "replace",
    [
        lambda node: node.ask("anvil_reorg", 2, []),
        lambda node: node.ask("anvil_rollback", 2),
        lambda node: (node.ask("anvil_rollback", 2), node.ask("anvil_mine", "0x2", "0x7")),
    ],
    ids=["replaced by as many empty blocks", "rolled back", "replaced by later blocks"],
)
def test_open_given_the_last_blocks_replaced_says_so_and_resync_sends_those_again(
    node: Node, undisturbed: Facts, replace: Callable[[Node], None], tmp_path: Path
) -> None:
    """The last two transactions open the cycle and settle it, each in a block of its own."""
    ledger = cleared(node, tmp_path)
    head = node.head()
    replace(node)
    with pytest.raises(ChainForgot) as raised:
        reach(node.url, tmp_path)
    assert raised.value.number == head - 1
    done, _ = mend(node, tmp_path)
    assert (done.kept, done.sent_again, done.refused) == (TRANSACTIONS - 2, 2, [])
    assert_as_undisturbed(node, tmp_path, ledger, undisturbed)


def test_session_given_the_last_blocks_replaced_meanwhile_stops(node: Node, tmp_path: Path) -> None:
    ledger = cleared(node, tmp_path)
    with reach(node.url, tmp_path) as chain:
        last = chain.outbox.entries()[-1]
        node.ask("anvil_reorg", 2, [])
        with pytest.raises(ChainForgot):
            chain.receipt(last.hash)
        with pytest.raises(ChainForgot):
            chain.final_block()
        with pytest.raises(ChainForgot):
            chain.nonce(ledger.signers["V"].address)


def test_resync_given_affirmations_that_name_a_block_which_is_gone_reports_them_refused(
    tmp_path: Path,
) -> None:
    first, second = Node(), Node(genesis_time=1_574_330_000)
    try:
        ledger = cleared(first, tmp_path)
        with pytest.raises(WrongChain, match="genesis"):
            reach(second.url, tmp_path)
        with pytest.raises(WrongChain, match="genesis"):
            mend(second, tmp_path)
        done, _ = mend(second, tmp_path, new_genesis=True)
        with reach(second.url, tmp_path) as chain:
            for client in (ledger.register, ledger.clearing_house):
                client.chain = chain
            entries = chain.outbox.entries()
            lost = [entry.hash for entry in entries if entry.outcome == 0]
            assert {entry.status for entry in entries} == {"included"}
            # The affirmations, and the settlement that stands on them; funding and record are as they were.
            assert [hash_ for hash_, _ in done.refused] == lost == [entries[-3].hash, entries[-1].hash]
            assert all(reason for _, reason in done.refused)
            balances = Floor(ledger).balances()
            assert balances["B2", "S1"] == 100  # funded, and not delivered
            assert ("B1", "S1") not in balances
    finally:
        first.stop()
        second.stop()


def test_resync_given_a_nonce_that_another_transaction_has_used_reports_what_cannot_come_back(
    node: Node, tmp_path: Path
) -> None:
    ledger = cleared(node, tmp_path)
    node.ask("anvil_reorg", 2, [])
    venue = ledger.signers["V"]
    with reach(node.url, tmp_path / "elsewhere") as other:
        nonce = other.nonce(venue.address)
        other.send(venue.sign_transaction(CHAIN_ID, nonce, venue.address, b"", 100_000))
    done, _ = mend(node, tmp_path)
    with reach(node.url, tmp_path) as chain:
        opening, settling = chain.outbox.entries()[-2:]
        assert opening.status == "replaced"
        assert dict(done.refused).keys() == {opening.hash, settling.hash}
        assert "another transaction used its nonce" in dict(done.refused)[opening.hash]


def test_open_given_a_resync_that_was_interrupted_says_so_and_a_second_one_ends_it(
    node: Node, undisturbed: Facts, tmp_path: Path
) -> None:
    ledger = cleared(node, tmp_path)
    node.ask("anvil_reorg", 2, [])
    node.ask("evm_setAutomine", False)
    with pytest.raises(OutcomeUnknown):
        resync(node.url, tmp_path / "outbox.sqlite", config(timeout_s=1), sleep=quick)
    node.ask("evm_setAutomine", True)
    node.ask("evm_mine")
    with pytest.raises(ResyncUnfinished):
        reach(node.url, tmp_path)
    done, _ = mend(node, tmp_path)
    assert done.refused == []
    assert_as_undisturbed(node, tmp_path, ledger, undisturbed)


def test_open_given_another_chain_raises(node: Node, tmp_path: Path) -> None:
    with reach(node.url, tmp_path):
        pass
    other = Node(chain_id=99)
    try:
        with pytest.raises(WrongChain, match=str(CHAIN_ID)) as raised:
            reach(other.url, tmp_path)
        assert raised.value.what == "chain id"
        with pytest.raises(WrongChain):
            mend(other, tmp_path, new_genesis=True)
    finally:
        other.stop()


def test_open_given_a_reader_and_a_chain_that_forgot_says_so_and_sends_nothing(
    node: Node, tmp_path: Path
) -> None:
    cleared(node, tmp_path)
    with reach(node.url, tmp_path, write=False) as chain:
        assert isinstance(chain, NetworkChain)
        assert chain.block().number == node.head()
    node.restart_empty()
    with pytest.raises(ChainForgot):
        reach(node.url, tmp_path, write=False)
    assert node.transactions() == []

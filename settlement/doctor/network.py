"""A network's node, and what this ledger has seen of it and sent to it."""

from __future__ import annotations

import stat
import time

from ledger.chain import OUTBOX
from ledger.chain.network import NetworkChain, NetworkConfig
from ledger.chain.outbox import Outbox
from ledger.chain.rpc import Patience
from ledger.errors import ResyncUnfinished
from ledger.keystore import Keyring
from settlement.directory import KEYS, no_passphrase
from settlement.doctor.findings import Examination, Wrong, count, listed
from settlement.doctor.local import reading

_PATIENCE = Patience(answer_s=15, attempts=3, first_pause_s=0.2)
_RESTORE = f"restore {OUTBOX} from a backup made with `clearing backup`"


class _Network:
    """What is open of a network's ledger."""

    def __init__(self, examination: Examination) -> None:
        self.examination = examination
        self.path = examination.path
        self._chain: NetworkChain | None = None
        self._outbox: Outbox | None = None

    @property
    def chain(self) -> NetworkChain:
        """Once the node has answered."""
        assert self._chain is not None
        return self._chain

    @property
    def outbox(self) -> Outbox:
        """Once its digests were right."""
        assert self._outbox is not None
        return self._outbox

    def open_outbox(self) -> str:
        """Every digest of it is checked."""
        file = self.path / OUTBOX
        if not file.exists():
            raise Wrong(f"there is no {OUTBOX}: it has what was sent, and what was seen of the chain")
        self._outbox = Outbox(file, write=False)
        self.examination.stack.callback(self._outbox.close)
        return f"{count(len(self._outbox.entries()), 'transaction')}, each with its digest"

    def reach(self) -> str:
        """The node answers."""
        assert self.examination.config is not None
        settings = NetworkConfig(finality=self.examination.config.finality, patience=_PATIENCE)
        self._chain = NetworkChain(
            self.examination.config.chain, self.path / OUTBOX, settings, write=False, sleep=time.sleep
        )
        self.examination.stack.callback(self._chain.close)
        client = self._chain.node.client() or "a node"
        return f"{client} answers at {self._chain.url}, its newest block {self._chain.node.newest().number:,}"

    def same(self) -> str:
        """The chain is that of the outbox."""
        deployment = self.examination.deployment
        assert deployment is not None
        if deployment.chain_id != self.chain.chain_id:
            raise Wrong(
                f"it is chain {self.chain.chain_id}, and the ledger is on chain {deployment.chain_id}"
            )
        self.outbox.bind(self.chain.chain_id, self.chain.genesis)
        return f"chain {self.chain.chain_id}, genesis 0x{self.chain.genesis.hex()}"

    def remembered(self) -> str:
        """Every block that was seen is there."""
        if self.outbox.forgetting:
            raise ResyncUnfinished(self.chain.url)
        self.chain.watch.look()
        lost = self.outbox.lost()
        if lost:
            raise Wrong(
                f"{count(len(lost), 'transaction')} that blocks once held, the chain does not take now: "
                + listed([f"0x{entry.hash.hex()} ({entry.reason or 'refused'})" for entry in lost]),
                "what they did is undone on the chain; do again what is missing of it",
            )
        return f"{count(len(self.outbox.blocks()), 'block')} seen before, still there"

    def final(self) -> str:
        """There is a final block."""
        return f"final up to block {self.chain.final_block().number:,}"

    def tail(self) -> str:
        """Nothing is still to be sent."""
        left = len(self.outbox.pending())
        if left and not self.examination.writer:
            raise Wrong(f"{count(left, 'transaction')} signed, and in no block: the run was interrupted")
        return f"{count(left, 'transaction')} on the way" if left else "nothing is left to send"

    def keys(self) -> str:
        """Keystores that only their owner can read."""
        folder = self.path / KEYS
        files = sorted(folder.glob("*.json"))
        if not files:
            raise Wrong(
                f"there is no key in {folder}: this ledger can be read, and nothing signed",
                f"put the keystores of the institutions you act for into {folder}",
            )
        open_ = [file.name for file in files if stat.S_IMODE(file.stat().st_mode) & 0o077]
        if stat.S_IMODE(folder.stat().st_mode) & 0o077:
            open_.insert(0, f"{KEYS}/")
        if open_:
            raise Wrong(
                f"{listed(open_)} can be read by others than the owner",
                f"chmod 700 {folder}; chmod 600 {folder}/*.json",
            )
        keyring = Keyring(folder, no_passphrase)
        for name in keyring:
            keyring.address(name)
        return f"{count(len(keyring), 'key')}, each encrypted and only its owner's to read"


def check(examination: Examination) -> None:
    """From the outbox to reading the ledger."""
    found = _Network(examination)
    path = examination.path
    examination.check("outbox", found.open_outbox, remedy=_RESTORE, needs=("deployment",))
    examination.check(
        "node",
        found.reach,
        remedy="see that the node runs and can be reached; its address is in the configuration",
        needs=("config",),
    )
    examination.check(
        "chain",
        found.same,
        remedy="give the address of a node of the ledger's own chain; where the chain was begun anew on "
        f"purpose, `clearing resync {path} --new-genesis`",
        needs=("outbox", "node"),
    )
    examination.check("blocks", found.remembered, remedy=f"`clearing resync {path}`", needs=("chain",))
    examination.check(
        "finality",
        found.final,
        remedy="set `finality` in the configuration to what this network has",
        needs=("blocks",),
    )
    examination.check(
        "tail",
        found.tail,
        remedy=f"the next command that writes sends them first: `clearing settle {path}`",
        needs=("outbox", "writer"),
    )
    examination.check(
        "keys",
        found.keys,
        remedy="put the encrypted keystores back, from where they are kept",
        needs=("config",),
    )
    examination.check(
        "reading",
        lambda: reading(examination),
        remedy="see that the node has all blocks and their events from the ledger's first on",
        needs=("scenario", "blocks"),
    )

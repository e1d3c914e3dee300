"""A local ledger's node, kept running for outside tools, and the transactions that such tools sent."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from eth_utils import to_checksum_address

from ledger.abi import selector_of
from ledger.chain import LocalChain
from ledger.chain.gateway import Gateway
from ledger.chain.journal import Entry
from ledger.compile import artifacts
from ledger.ids import from_bytes32
from ledger.transactions import decode
from settlement.directory import config, open_ledger
from settlement.errors import LedgerRefused
from settlement.market import Market
from settlement.operations import Ledger, Progress, quiet

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SELECTOR = 4


@dataclass(frozen=True, slots=True)
class Foreign:
    """A transaction on a local ledger that this program did not send.

    `sender` is the institution whose signer sent it, `to` the contract (None where one is created),
    `function` what was called (None where nothing was); each in hexadecimal where it has no name here.
    """

    transaction: str
    block: int
    sender: str
    to: str | None
    function: str | None


def serve(
    path: str | Path,
    *,
    port: int | None,
    on_ready: Callable[[str], None],
    on_transaction: Callable[[Foreign], None],
    progress: Progress = quiet,
) -> None:
    """Hold the ledger at `path` for writing and answer outside tools until SIGINT, SIGTERM or SIGHUP.

    `on_ready` gets the URL, once everything since the genesis was executed; `on_transaction` what others
    send. For the main thread. Raises LedgerRefused where the ledger is not on anvil, ChainUnavailable where
    the port is taken, and what opening a ledger raises.
    """
    runs_on = config(path).chain
    if runs_on != "anvil":
        raise LedgerRefused(
            str(path),
            f"runs on {runs_on}, and `node` needs anvil: `clearing init DIR --chain anvil` makes one",
        )
    with open_ledger(path, write=True, progress=progress) as ledger:
        chain = ledger.market.chain
        assert isinstance(chain, LocalChain)
        progress(f"executing {chain.journal.height:,} blocks again")
        names = _Names(ledger.market)
        for entry in chain.journal.foreign():
            names.of(entry, chain)
        gateway = Gateway(
            chain, port=port, sent=lambda block: on_transaction(names.of(chain.journal.entry(block), chain))
        )
        with _until_told(gateway.stop):
            gateway.serve(lambda: on_ready(gateway.url))


def foreign_transactions(ledger: Ledger) -> list[Foreign]:
    """What others have sent to a local ledger, in the chain's order. On a network, where everybody sends,
    there is no such thing."""
    chain = ledger.market.chain
    if not isinstance(chain, LocalChain):
        return []
    names = _Names(ledger.market)
    return [names.of(entry, chain) for entry in chain.journal.foreign()]


class _Names:
    """Who is behind an address, as far as the chain has been gone through.

    This program never changes a signer nor admits an institution later, so others' transactions tell of all
    that is not known from the scenario.
    """

    def __init__(self, market: Market) -> None:
        self._consortium = market.clients.consortium
        self._contracts = {address: name for name, address in market.deployment.addresses.items()}
        self._signers = {signer.address: name for name, signer in market.signers.items()}
        self._institutions = {index: name for name, index in market.index.items()}

    def of(self, entry: Entry, chain: LocalChain) -> Foreign:
        """A transaction with its names; each in the chain's order."""
        sent = decode(entry.raw)
        contract = self._contracts.get(sent.to or "")
        found = Foreign(
            "0x" + sent.hash.hex(),
            entry.number,
            self._signers.get(sent.sender, sent.sender),
            contract or sent.to,
            _function(contract, sent.data) if sent.to else None,
        )
        for event in self._consortium.events(chain.journal.receipt(entry.number).logs):
            if event.name == "InstitutionAdmitted":
                self._institutions[event["institution"]] = from_bytes32(event["name"])
            elif event.name == "SignerChanged":
                self._signers.pop(to_checksum_address(event["previous"]), None)
            if event.name in ("InstitutionAdmitted", "SignerChanged"):
                name = self._institutions[event["institution"]]
                self._signers[to_checksum_address(event["signer"])] = name
        return found


def _function(contract: str | None, data: bytes) -> str | None:
    if not data:
        return None
    named = _functions(contract).get(data[:_SELECTOR]) if contract else None
    return named or "0x" + data[:_SELECTOR].hex()


@cache
def _functions(contract: str) -> dict[bytes, str]:
    entries = (entry for entry in artifacts()[contract].abi if entry["type"] == "function")
    return {selector_of(entry): entry["name"] for entry in entries}


@contextmanager
def _until_told(stop: Callable[[], None]) -> Iterator[None]:
    """Have the signals that end a process call `stop` instead, those that are not ignored."""
    ending = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, lambda *_: stop()) for number in ending}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

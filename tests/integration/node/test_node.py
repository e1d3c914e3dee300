"""`clearing node`: a ledger's node for outside tools, and what they sent, named.

serve
  ─ a ledger on anvil   ─ shows every block; takes transactions and names them
                        ─ is the one writer, and in no reader's way
                        ─ ends cleanly when told, and loses nothing when killed
  ─ any other           ─ is refused
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from eth_utils import keccak
from web3 import HTTPProvider, Web3

from ledger.accounts import Signer
from ledger.chain import LocalChain, available
from ledger.clients.consortium import account_of
from ledger.compile import artifacts
from ledger.errors import ChainUnavailable, LedgerLocked
from settlement import directory
from settlement.errors import LedgerRefused, NotALedger
from settlement.market import OPERATOR
from settlement.node import Foreign, foreign_transactions, serve
from settlement.operations import Ledger

needs_anvil = pytest.mark.skipif(
    "anvil" not in available(), reason="anvil is not installed; run `make setup`"
)
STRANGER = Signer.from_seed("node", "stranger")
GAS = 3_000_000
NODE = """
import json, signal, sys, threading
from dataclasses import asdict
from settlement.node import serve

# Where the tests are a job in the background these are ignored, and so they would be here.
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)

def say(value):
    print(json.dumps(value), flush=True)

serve(
    sys.argv[1], port=int(sys.argv[2]), on_ready=say, on_transaction=lambda sent: say(asdict(sent)),
    progress=lambda step: print(step, file=sys.stderr, flush=True),
)
say("closed")
"""


class Node:
    """A node in a process of its own."""

    def __init__(self, path: Path, program: str = NODE) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, str(path), "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.url = str(self.said())
        self.web3 = Web3(HTTPProvider(self.url))

    def said(self) -> object:
        """The next line that it printed."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line and self.process.stderr is not None:
            raise AssertionError(self.process.stderr.read())
        return json.loads(line)

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@contextmanager
def running(path: Path, program: str = NODE) -> Iterator[Node]:
    node = Node(path, program)
    try:
        yield node
    finally:
        if node.process.poll() is None:
            node.process.kill()
        node.process.communicate()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger of the sample scenario on anvil."""
    made = tmp_path / "ledger"
    directory.init(made, "sample", directory.Config(chain="anvil"))
    return made


def opened(path: Path) -> Ledger:
    with directory.open_ledger(path, write=False) as ledger:
        return ledger


def foreign(path: Path) -> list[Foreign]:
    with directory.open_ledger(path, write=False) as ledger:
        return foreign_transactions(ledger)


def call(
    ledger: Ledger, signer: Signer, nonce: int, contract: str, function: str, *arguments: object
) -> bytes:
    """A signed call of one of the ledger's contracts."""
    clients = ledger.market.clients
    client = {"Consortium": clients.consortium, "AssetRegister": clients.register}[contract]
    return signer.sign_transaction(31337, nonce, client.address, client.encode(function, *arguments), GAS)


@needs_anvil
def test_serve_given_ledger_on_anvil_shows_it_to_outside_tools(path: Path) -> None:
    before = opened(path)
    with running(path) as node:
        web3 = node.web3
        assert web3.eth.block_number == before.market.chain.block().number
        for number in range(web3.eth.block_number + 1):
            block = web3.eth.get_block(number)
            assert bytes(block["hash"]) == before.market.chain.block(number).hash
            assert len(block["transactions"]) == (number > 0)
        consortium = web3.eth.contract(
            before.market.deployment.addresses["Consortium"], abi=artifacts()["Consortium"].abi
        )
        admitted = consortium.events.InstitutionAdmitted().get_logs(from_block=0)
        names = {each["args"]["name"].rstrip(b"\0").decode() for each in admitted}
        assert names == {each.name for each in before.market.scenario.institutions}
        register = web3.eth.contract(
            before.market.deployment.addresses["AssetRegister"], abi=artifacts()["AssetRegister"].abi
        )
        cash = before.market.cash_asset
        assert register.functions.balanceOf(account_of(1), cash).call() == 0
        assert register.functions.totalSupply(cash).call() == 0


@needs_anvil
def test_serve_given_transactions_of_others_names_them(path: Path) -> None:
    ledger = opened(path)
    market = ledger.market
    broker, other = market.scenario.brokers[:2]
    regulator = market.scenario.with_role("REGULATOR")
    by = market.signers[regulator[0] if regulator else OPERATOR]
    index = market.index[broker]
    heir = Signer.from_seed("node", "heir")
    with running(path) as node:
        web3 = node.web3

        def send(raw: bytes) -> object:
            sent = web3.eth.send_raw_transaction(raw)
            assert bytes(sent) == keccak(raw)
            return node.said()

        def nonce(signer: Signer) -> int:
            return web3.eth.get_transaction_count(signer.address)

        addresses = market.deployment.addresses
        stranger = {"sender": STRANGER.address}
        operator = market.signers[OPERATOR]
        head = web3.eth.block_number
        found = [
            send(STRANGER.sign_transaction(31337, 0, "0x" + "22" * 20, b"", GAS)),
            send(STRANGER.sign_transaction(31337, 1, None, bytes.fromhex("60006000f3"), GAS)),
            send(STRANGER.sign_transaction(31337, 2, addresses["ClearingHouse"], b"\1\2\3\4\5", GAS)),
            send(STRANGER.sign_transaction(31337, 3, addresses["ClearingHouse"], b"\1", GAS)),
            send(
                call(
                    ledger,
                    market.signers[other],
                    nonce(market.signers[other]),
                    "AssetRegister",
                    "transferFrom",
                    account_of(market.index[other]),
                    account_of(index),
                    market.cash_asset,
                    0,
                )
            ),
            send(call(ledger, by, nonce(by), "Consortium", "nominateSigner", index, heir.address)),
            send(call(ledger, operator, nonce(operator), "Consortium", "owner")),
        ]
    whole = [
        stranger | {"to": "0x" + "22" * 20, "function": None},
        stranger | {"to": None, "function": None},
        stranger | {"to": "ClearingHouse", "function": "0x01020304"},
        stranger | {"to": "ClearingHouse", "function": "0x01"},
        {"sender": other, "to": "AssetRegister", "function": "transferFrom"},
        {"sender": regulator[0] if regulator else OPERATOR, "to": "Consortium", "function": "nominateSigner"},
        {"sender": OPERATOR, "to": "Consortium", "function": "owner"},
    ]
    assert [{key: each[key] for key in ("sender", "to", "function")} for each in found] == whole  # type: ignore[index]
    assert [each["block"] for each in found] == list(range(head + 1, head + 8))  # type: ignore[index]
    assert foreign(path) == [Foreign(**each) for each in found]  # type: ignore[arg-type]


@needs_anvil
def test_foreign_transactions_given_signer_changed_names_the_new_one_from_then_on(path: Path) -> None:
    ledger = opened(path)
    market = ledger.market
    broker = market.scenario.brokers[0]
    old, new = market.signers[broker], Signer.from_seed("node", "new")
    index = market.index[broker]

    def ping(signer: Signer, nonce: int) -> bytes:
        return signer.sign_transaction(31337, nonce, "0x" + "22" * 20, b"", GAS)

    with directory.open_ledger(path, write=True) as written:
        chain = written.market.chain
        assert isinstance(chain, LocalChain)
        at = chain.nonce(old.address)
        for raw in (
            ping(new, 0),
            call(ledger, old, at, "Consortium", "nominateSigner", index, new.address),
            call(ledger, new, 1, "Consortium", "acceptSigner", index),
            ping(new, 2),
            ping(old, at + 1),
        ):
            assert chain.send_foreign(raw).status
        chain.send(ping(STRANGER, 0))
    senders = [each.sender for each in foreign(path)]
    assert senders == [new.address, broker, new.address, broker, old.address]


@needs_anvil
def test_serve_given_kill_keeps_what_was_sent(path: Path) -> None:
    with running(path) as node:
        sent = [
            node.web3.eth.send_raw_transaction(
                STRANGER.sign_transaction(31337, nonce, "0x" + "22" * 20, b"", GAS)
            )
            for nonce in range(3)
        ]
        hashes = [bytes(node.web3.eth.get_transaction_receipt(each)["blockHash"]) for each in sent]
        node.end(signal.SIGKILL)
        with pytest.raises(OSError, match="refused"):
            node.web3.eth.block_number  # noqa: B018
    assert directory.writer(path) is None
    found = foreign(path)
    assert [each.transaction for each in found] == [Web3.to_hex(each) for each in sent]
    with directory.open_ledger(path, write=False) as ledger:
        chain = ledger.market.chain
        assert isinstance(chain, LocalChain)
        assert chain.check() == found[-1].block
        assert [chain.block(each.block).hash for each in found] == hashes


@needs_anvil
def test_serve_given_kill_while_sending_has_every_answered_transaction_and_no_other_twice(
    path: Path,
) -> None:
    for moment_s in (0.01, 0.03, 0.1):
        with running(path) as node:
            web3 = node.web3
            first = web3.eth.get_transaction_count(STRANGER.address)
            answered, stop_at = [], time.monotonic() + moment_s
            for nonce in range(first, first + 1_000):
                raw = STRANGER.sign_transaction(31337, nonce, "0x" + "22" * 20, b"", GAS)
                answered.append(bytes(web3.eth.send_raw_transaction(raw)))
                if time.monotonic() > stop_at:
                    break
            request = {
                "jsonrpc": "2.0",
                "id": 1,
                "method": "eth_sendRawTransaction",
                "params": [
                    "0x"
                    + STRANGER.sign_transaction(
                        31337, first + len(answered), "0x" + "22" * 20, b"", GAS
                    ).hex()
                ],
            }
            body = json.dumps(request).encode()
            host, port = node.url.removeprefix("http://").split(":")
            with socket.create_connection((host, int(port))) as connection:
                head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
                time.sleep(moment_s / 10)
                node.end(signal.SIGKILL)
        with directory.open_ledger(path, write=True) as ledger:  # executes what is left
            chain = ledger.market.chain
            assert isinstance(chain, LocalChain)
            assert not chain.journal.pending()
            found = [bytes.fromhex(each.transaction[2:]) for each in foreign_transactions(ledger)]
            assert len(set(found)) == len(found)
            assert set(answered) <= set(found)
            assert (
                len(found)
                == chain.nonce(STRANGER.address)
                in (first + len(answered), first + len(answered) + 1)
            )


@needs_anvil
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_serve_given_signal_closes_the_ledger_and_returns(path: Path, number: signal.Signals) -> None:
    with running(path) as node:
        node.process.send_signal(number)
        assert node.said() == "closed"
        assert node.process.wait(60) == 0
    assert directory.writer(path) is None
    with running(path) as node:
        assert node.web3.eth.block_number > 0


@needs_anvil
def test_serve_given_signal_that_does_not_wake_it_returns_all_the_same(path: Path) -> None:
    elsewhere = "lambda: signal.pthread_kill(threading.get_ident(), signal.SIGINT)"
    ready = f"lambda url: (say(url), threading.Timer(0.5, {elsewhere}).start())"
    with running(path, NODE.replace("on_ready=say", f"on_ready={ready}")) as node:
        assert node.said() == "closed"
        assert node.process.wait(60) == 0


@needs_anvil
def test_serve_given_a_reader_and_a_writer_lets_the_reader_in_and_names_itself(path: Path) -> None:
    with running(path) as node:
        ledger = opened(path)
        head = ledger.market.chain.block().number
        node.web3.eth.send_raw_transaction(STRANGER.sign_transaction(31337, 0, "0x" + "22" * 20, b"", GAS))
        again = opened(path)
        assert again.market.chain.block().number == head + 1
        assert len(foreign(path)) == 1
        with pytest.raises(LedgerLocked) as refused, directory.open_ledger(path, write=True):
            pass
        assert str(node.process.pid) in str(refused.value)
        with pytest.raises(LedgerLocked):
            serve(path, port=0, on_ready=print, on_transaction=print)


def test_serve_given_ledger_on_pyevm_says_what_it_needs(tmp_path: Path) -> None:
    made = tmp_path / "ledger"
    directory.init(made, "sample", directory.Config(chain="pyevm"))
    with pytest.raises(LedgerRefused, match="needs anvil"):
        serve(made, port=None, on_ready=print, on_transaction=print)
    with pytest.raises(NotALedger):
        serve(tmp_path / "none", port=None, on_ready=print, on_transaction=print)


@needs_anvil
def test_serve_given_port_in_use_says_so_and_lets_go_of_the_ledger(path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        with pytest.raises(ChainUnavailable, match=str(port)):
            serve(path, port=port, on_ready=print, on_transaction=print)
    assert directory.writer(path) is None


@needs_anvil
def test_serve_given_nobody_who_reads_its_output_goes_on(path: Path) -> None:
    with running(path) as node:
        assert node.process.stdout is not None
        node.process.stdout.close()
        for nonce in range(3):
            raw = STRANGER.sign_transaction(31337, nonce, "0x" + "22" * 20, b"", GAS)
            assert bytes(node.web3.eth.send_raw_transaction(raw)) == keccak(raw)
        os.kill(node.process.pid, signal.SIGKILL)
        node.process.wait()
        node.process.stdout = None
    assert len(foreign(path)) == 3

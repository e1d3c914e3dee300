"""One deployed contract: calls encoded, results decoded, reverts raised as typed errors, events as values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from eth_utils import keccak

from ledger import reverts
from ledger.abi import CODEC, WORD, selector_of, signature_of, type_of
from ledger.accounts import Signer
from ledger.chain import Chain, Log, Logs, Receipt
from ledger.compile import Artifact
from ledger.errors import CallReverted


@dataclass(frozen=True, slots=True)
class Event:
    """A decoded event: its name and its arguments by name; tuples come as tuples, bytes as bytes.

    `transaction` is the hash of the one it came in, where the reader knows it.
    """

    name: str
    arguments: dict[str, Any]
    transaction: bytes = b""

    def __getitem__(self, argument: str) -> Any:
        return self.arguments[argument]


class Contract:
    """A contract at an address of a chain."""

    def __init__(self, chain: Chain, address: str, artifact: Artifact) -> None:
        self.chain = chain
        self.address = address
        self.artifact = artifact

    @cached_property
    def _functions(self) -> dict[str, dict[str, Any]]:
        return {entry["name"]: entry for entry in self.artifact.abi if entry["type"] == "function"}

    @cached_property
    def _events(self) -> dict[bytes, dict[str, Any]]:
        events = (entry for entry in self.artifact.abi if entry["type"] == "event")
        return {bytes(keccak(text=signature_of(entry))): entry for entry in events}

    @cached_property
    def _topics(self) -> dict[str, bytes]:
        return {entry["name"]: topic for topic, entry in self._events.items()}

    def selector(self, function: str) -> bytes:
        """The four bytes that the calldata of a function begins with."""
        return selector_of(self._functions[function])

    def encode(self, function: str, *arguments: Any) -> bytes:
        """The calldata of a call. An array of words may be given as `ledger.abi.Words`."""
        entry = self._functions[function]
        types = [type_of(parameter) for parameter in entry["inputs"]]
        return selector_of(entry) + bytes(CODEC.encode(types, arguments))

    def call(
        self, function: str, *arguments: Any, sender: str | None = None, block: int | None = None
    ) -> Any:
        """What a call returns, without a transaction: one value bare, several as a tuple.

        Raises the class in `ledger.reverts` that the contract's refusal says.
        """
        try:
            data = self.chain.call(
                self.address, self.encode(function, *arguments), sender=sender, block=block
            )
        except CallReverted as refused:
            raise reverts.decode(refused.revert_data) from None
        types = [type_of(parameter) for parameter in self._functions[function]["outputs"]]
        values = CODEC.decode(types, data)
        return values[0] if len(values) == 1 else values

    def send(self, signer: Signer, function: str, *arguments: Any) -> Receipt:
        """Sign and send a transaction. Raises the class in `ledger.reverts` that a refusal says."""
        return send(self.chain, signer, self.address, self.encode(function, *arguments))

    def send_all(self, signer: Signer, function: str, rows: Iterable[Sequence[Any]]) -> list[Receipt]:
        """`send` for several calls of a function, by one signer, written to disk together."""
        calls = [(signer, self.address, self.encode(function, *arguments)) for arguments in rows]
        return send_all(self.chain, calls)

    def events(self, logs: Logs | Iterable[Log], name: str | None = None) -> list[Event]:
        """This contract's events among `logs`, in their order; of one `name` only where it is given."""
        if isinstance(logs, Logs):
            chosen = logs.by(self.address)
            if name is not None:
                chosen &= logs.named(self._topics[name])
            logs = [logs[i] for i in np.flatnonzero(chosen).tolist()]
        found = []
        for log in logs:
            entry = self._events.get(log.topics[0]) if log.topics and log.address == self.address else None
            if entry is not None and name in (None, entry["name"]):
                found.append(_decode(entry, log))
        return found


def send(chain: Chain, signer: Signer, to: str | None, data: bytes) -> Receipt:
    """Sign and send a transaction, `to` None to create a contract; a refusal is raised as a typed error."""
    return send_all(chain, [(signer, to, data)])[0]


def send_all(chain: Chain, calls: Iterable[tuple[Signer, str | None, bytes]]) -> list[Receipt]:
    """Sign and send transactions in their order, (signer, to, calldata) each, `to` None to create a contract.

    All are on disk before the first is executed. The first refusal is raised as a typed error once all are.
    """
    nonces: dict[str, int] = {}
    raws = []
    max_fee, tip = chain.fees()
    for signer, to, data in calls:
        nonce = nonces[signer.address] if signer.address in nonces else chain.nonce(signer.address)
        nonces[signer.address] = nonce + 1
        gas = chain.gas_for(signer.address, to, data)
        raws.append(signer.sign_transaction(chain.chain_id, nonce, to, data, gas, max_fee, tip))
    receipts = chain.send_all(raws)
    for receipt in receipts:
        if not receipt.status:
            raise reverts.decode(receipt.revert_data)
    return receipts


def _decode(entry: dict[str, Any], log: Log) -> Event:
    topics = iter(log.topics[1:])
    plain = [parameter for parameter in entry["inputs"] if not parameter["indexed"]]
    values = iter(CODEC.decode([type_of(parameter) for parameter in plain], log.data))
    arguments = {}
    for parameter in entry["inputs"]:
        if not parameter["indexed"]:
            arguments[parameter["name"]] = next(values)
        else:
            # An indexed value of more than a word is there as its hash only; none of these contracts has one.
            topic = next(topics).rjust(WORD, b"\0")
            arguments[parameter["name"]] = CODEC.decode([type_of(parameter)], topic)[0]
    return Event(entry["name"], arguments)

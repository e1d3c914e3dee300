"""One deployed contract: calls encoded, results decoded, reverts raised as typed errors, events as values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from eth_utils import keccak

from ledger import reverts
from ledger.abi import CODEC, WORD, selector_of, signature_of, type_of
from ledger.accounts import Signer
from ledger.chain import Chain, Log, Receipt
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

    def events(self, logs: Iterable[Log], name: str | None = None) -> list[Event]:
        """This contract's events among `logs`, in their order; of one `name` only where it is given."""
        found = []
        for log in logs:
            entry = self._events.get(log.topics[0]) if log.topics and log.address == self.address else None
            if entry is not None and name in (None, entry["name"]):
                found.append(_decode(entry, log))
        return found


def send(chain: Chain, signer: Signer, to: str | None, data: bytes) -> Receipt:
    """Sign and send a transaction, `to` None to create a contract; a refusal is raised as a typed error."""
    raw = signer.sign_transaction(chain.chain_id, chain.nonce(signer.address), to, data, chain.gas_limit)
    receipt = chain.send(raw)
    if not receipt.status:
        raise reverts.decode(receipt.revert_data)
    return receipt


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

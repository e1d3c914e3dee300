"""A chain inside the process: eth-tester's PyEVM backend, under Cancun rules without a base fee.

eth-tester sets the chain up; transactions go to the py-evm chain that it holds, because eth-tester's own
way in is slower, keeps revert bytes only inside a string and takes block times from the machine.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import rlp
from eth.constants import GENESIS_PARENT_HASH
from eth.exceptions import PyEVMError, Revert, VMError
from eth.vm.forks.cancun import CancunVM
from eth_tester import PyEVMBackend
from eth_utils import ValidationError, keccak, to_canonical_address, to_checksum_address
from rlp.exceptions import RLPException
from trie.hexary import HexaryTrie

from ledger.chain.base import CHAIN_ID, GAS_LIMIT, NOBODY, Block, Logs, Receipt
from ledger.chain.proving import SLOT, once
from ledger.errors import CallReverted, EngineFailed, TransactionRefused

_NO_HASH = bytes(32)


class FreeCancunVM(CancunVM):
    """Cancun with a base fee of zero for ever, and the beacon root that is always zero here."""

    @staticmethod
    def create_header_from_parent(parent_header: Any, **fields: Any) -> Any:
        """The header after `parent_header` (None: the genesis), with `fields` as given."""
        fields.pop("base_fee_per_gas", None)
        fields.setdefault("parent_beacon_block_root", _NO_HASH)
        return CancunVM.create_header_from_parent(parent_header, **fields).copy(base_fee_per_gas=0)

    @classmethod
    def validate_gas(cls, header: Any, parent_header: Any) -> None:
        """Only this: py-evm would have the base fee rise after a block more than half full."""
        if (header.gas_limit, header.base_fee_per_gas) != (parent_header.gas_limit, 0):
            raise ValidationError("the gas limit or the base fee has changed")


class PyEVMEngine:
    """See `Engine`. What `keep` gives is the newest block's header."""

    name = "pyevm"

    def __init__(self, genesis_time: int, state: bytes | None = None) -> None:
        """An empty chain, or one with a dumped state."""
        genesis = PyEVMBackend.generate_genesis_params(
            {"gas_limit": GAS_LIMIT, "timestamp": genesis_time, "nonce": bytes(8), "mix_hash": _NO_HASH}
        )
        backend = PyEVMBackend(
            genesis_parameters=genesis, genesis_state={}, vm_configuration=((0, FreeCancunVM),)
        )
        self._evm: Any = backend.chain
        self._evm.chain_id = CHAIN_ID
        if state is not None:
            self._load(state)

    def execute(self, raw: bytes, timestamp: int) -> Receipt:
        """See `Engine.execute`."""
        parent = self._head()
        transaction = self._decode(raw)
        self._evm.header = self._evm.create_header_from_parent(
            parent, timestamp=timestamp, coinbase=to_canonical_address(NOBODY)
        )
        try:
            _, receipt, computation = self._evm.apply_transaction(transaction)
        except (ValidationError, VMError) as error:
            raise TransactionRefused(str(error)) from None
        block = self._evm.mine_block()
        created = transaction.to == b"" and computation.is_success
        return Receipt(
            transaction_hash=transaction.hash,
            block_number=block.number,
            block_hash=block.hash,
            status=int(computation.is_success),
            gas_used=receipt.gas_used,
            logs=_logs(receipt.logs),
            contract_address=to_checksum_address(computation.msg.storage_address) if created else None,
            revert_data=_revert_data(computation),
        )

    def call(self, to: str, data: bytes, *, sender: str | None = None, block: int | None = None) -> bytes:
        """See `Engine.call`."""
        vm = self._evm.get_vm(self._header(block))
        address = to_canonical_address(to)
        origin = to_canonical_address(sender or NOBODY)
        computation = vm.execute_bytecode(
            origin=origin,
            gas_price=0,
            gas=GAS_LIMIT,
            to=address,
            sender=origin,
            value=0,
            data=data,
            code=vm.state.get_code(address),
        )
        if computation.is_error:
            raise CallReverted(_revert_data(computation))
        return bytes(computation.output)

    def nonce(self, address: str) -> int:
        """See `Engine.nonce`."""
        return int(self._evm.get_vm(self._head()).state.get_nonce(to_canonical_address(address)))

    def code(self, address: str) -> bytes:
        """See `Engine.code`."""
        return bytes(self._evm.get_vm(self._head()).state.get_code(to_canonical_address(address)))

    def head(self) -> Block:
        """See `Engine.head`."""
        header = self._head()
        return Block(number=header.block_number, hash=header.hash, timestamp=header.timestamp)

    def header(self) -> bytes:
        """See `Engine.header`."""
        return bytes(rlp.encode(self._head()))

    def proof(self, address: str, slots: Sequence[int]) -> tuple[bytes, ...]:
        """See `Engine.proof`."""
        nodes, root = self._evm.chaindb.db, self._head().state_root
        key = keccak(to_canonical_address(address))
        state = HexaryTrie(nodes, root)
        found = [rlp.encode(node) for node in state.get_proof(key)]
        account = state.get(key)
        if account:
            storage = HexaryTrie(nodes, rlp.decode(account)[2])
            for slot in slots:
                path = storage.get_proof(keccak(slot.to_bytes(SLOT, "big")))
                found += [rlp.encode(node) for node in path]
        return once(found)

    def dump(self) -> bytes:
        """See `Engine.dump`. The whole database: nodes of the state, headers, blocks."""
        nodes = self._nodes()
        parts = []
        for key, value in nodes.items():
            parts += [len(key).to_bytes(4, "big"), len(value).to_bytes(4, "big"), key, value]
        return zlib.compress(b"".join([self._head().hash, *parts]), 1)

    def keep(self) -> Any:
        """See `Engine.keep`."""
        return self._head()

    def go_back(self, handle: Any) -> Any:
        """See `Engine.go_back`."""
        database = self._evm.chaindb
        database._set_as_canonical_chain_head(database.db, handle, GENESIS_PARENT_HASH)
        self._evm.header = self._evm.create_header_from_parent(handle)
        return handle

    def close(self) -> None:
        """Nothing is held outside of this object."""

    def _load(self, state: bytes) -> None:
        nodes = self._nodes()
        nodes.clear()
        try:
            dumped = zlib.decompress(state)
        except zlib.error as error:
            raise EngineFailed(self.name, "load", f"the state was not taken: {error}") from None
        at = len(_NO_HASH)
        while at < len(dumped):
            key_at = at + 8
            value_at = key_at + int.from_bytes(dumped[at : at + 4], "big")
            at = value_at + int.from_bytes(dumped[at + 4 : key_at], "big")
            key, value = dumped[key_at:value_at], dumped[value_at:at]
            if len(key) == len(_NO_HASH) and keccak(value) != key:
                raise EngineFailed(self.name, "load", "the state is not that of its newest block")
            nodes[key] = value
        try:
            head = self._evm.chaindb.get_block_header_by_hash(dumped[: len(_NO_HASH)])
        except (PyEVMError, ValidationError) as error:
            raise EngineFailed(self.name, "load", f"the state has no newest block: {error}") from None
        self._evm.header = self._evm.create_header_from_parent(head)

    def _nodes(self) -> dict[bytes, bytes]:
        """py-evm's database in memory, under its write buffers."""
        nodes: dict[bytes, bytes] = self._evm.chaindb.db.wrapped_db.kv_store
        return nodes

    def _head(self) -> Any:
        return self._evm.chaindb.get_canonical_head()

    def _header(self, number: int | None) -> Any:
        head = self._head()
        return head if number is None else self._evm.get_canonical_block_header_by_number(number)

    def _decode(self, raw: bytes) -> Any:
        """The transaction, refused where it is malformed or meant for another chain, which py-evm accepts."""
        try:
            transaction = self._evm.get_transaction_builder().decode(raw)
            chain_id = transaction.chain_id
        except (RLPException, PyEVMError, ValidationError, ValueError, IndexError) as error:
            raise TransactionRefused(f"it cannot be decoded: {error}") from None
        if chain_id != CHAIN_ID:
            raise TransactionRefused(f"it is signed for chain {chain_id}; this is chain {CHAIN_ID}")
        return transaction


def _logs(logs: Any) -> Logs:
    return Logs.packed(
        b"".join(log.address for log in logs),
        [len(log.topics) for log in logs],
        b"".join(topic.to_bytes(32, "big") for log in logs for topic in log.topics),
        [len(log.data) for log in logs],
        b"".join(log.data for log in logs),
    )


def _revert_data(computation: Any) -> bytes:
    """What a REVERT gave; nothing for every other way to fail, which has no data."""
    failed = computation.is_error and isinstance(computation.error, Revert)
    return bytes(computation.output) if failed else b""

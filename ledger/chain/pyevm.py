"""A chain inside the process: eth-tester's PyEVM backend, under Cancun rules without a base fee.

eth-tester sets the chain up; transactions go to the py-evm chain that it holds, because eth-tester's own
way in is slower, keeps revert bytes only inside a string and takes block times from the machine.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from eth.constants import GENESIS_PARENT_HASH
from eth.exceptions import HeaderNotFound, Revert, TransactionNotFound, VMError
from eth.vm.forks.cancun import CancunVM
from eth_tester import PyEVMBackend
from eth_utils import ValidationError, to_canonical_address, to_checksum_address
from rlp.exceptions import RLPException

from ledger.chain.base import CHAIN_ID, GAS_LIMIT, NOBODY, Block, LocalChain, Log, Receipt
from ledger.clock import Clock
from ledger.errors import CallReverted, NoSuchBlock, NoSuchTransaction, TransactionRefused

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


class PyEVMChain(LocalChain[Any]):
    """See `Chain`. What a snapshot keeps is the newest block's header."""

    url = "pyevm"

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        genesis = PyEVMBackend.generate_genesis_params(
            {"gas_limit": GAS_LIMIT, "timestamp": self._time(), "nonce": bytes(8), "mix_hash": _NO_HASH}
        )
        backend = PyEVMBackend(
            genesis_parameters=genesis, genesis_state={}, vm_configuration=((0, FreeCancunVM),)
        )
        self._evm: Any = backend.chain
        self._evm.chain_id = CHAIN_ID

    def send(self, raw: bytes) -> Receipt:
        """See `Chain.send`."""
        parent = self._head()
        timestamp = self._time(parent.timestamp)
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
            logs=tuple(map(_log, receipt.logs)),
            contract_address=to_checksum_address(computation.msg.storage_address) if created else None,
            revert_data=_revert_data(computation),
        )

    def call(self, to: str, data: bytes, *, sender: str | None = None, block: int | None = None) -> bytes:
        """See `Chain.call`."""
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
        """See `Chain.nonce`."""
        return int(self._evm.get_vm(self._head()).state.get_nonce(to_canonical_address(address)))

    def code(self, address: str) -> bytes:
        """See `Chain.code`."""
        return bytes(self._evm.get_vm(self._head()).state.get_code(to_canonical_address(address)))

    def block(self, number: int | None = None) -> Block:
        """See `Chain.block`."""
        header = self._header(number)
        return Block(number=header.block_number, hash=header.hash, timestamp=header.timestamp)

    def transaction_input(self, transaction_hash: bytes) -> bytes:
        """See `Chain.transaction_input`."""
        try:
            number, _ = self._evm.get_canonical_transaction_index(transaction_hash)
            if number <= self._head().block_number:
                return bytes(self._evm.get_canonical_transaction(transaction_hash).data)
        except (TransactionNotFound, HeaderNotFound):
            pass
        raise NoSuchTransaction(transaction_hash)

    def logs(self, from_block: int, to_block: int) -> list[tuple[int, bytes, Log]]:
        """See `Chain.logs`."""
        found = []
        for number in range(max(from_block, 1), min(to_block, self._head().block_number) + 1):
            block = self._evm.get_canonical_block_by_number(number)
            receipts = block.get_receipts(self._evm.chaindb)
            for transaction, receipt in zip(block.transactions, receipts, strict=True):
                found += [(number, bytes(transaction.hash), _log(log)) for log in receipt.logs]
        return found

    def close(self) -> None:
        """Nothing is held outside of this object."""

    def _keep(self) -> Any:
        return self._head()

    def _go_back(self, state: Any) -> Any:
        database = self._evm.chaindb
        database._set_as_canonical_chain_head(database.db, state, GENESIS_PARENT_HASH)
        self._evm.header = self._evm.create_header_from_parent(state)
        return state

    def _head(self) -> Any:
        return self._evm.chaindb.get_canonical_head()

    def _header(self, number: int | None) -> Any:
        head = self._head()
        if number is None:
            return head
        if not 0 <= number <= head.block_number:
            raise NoSuchBlock(number)
        return self._evm.get_canonical_block_header_by_number(number)

    def _decode(self, raw: bytes) -> Any:
        """The transaction, refused where it is malformed or meant for another chain, which py-evm accepts."""
        try:
            transaction = self._evm.get_transaction_builder().decode(raw)
            chain_id = transaction.chain_id
        except (RLPException, ValidationError, ValueError, IndexError) as error:
            raise TransactionRefused(f"it cannot be decoded: {error}") from None
        if chain_id != CHAIN_ID:
            raise TransactionRefused(f"it is signed for chain {chain_id}; this is chain {CHAIN_ID}")
        return transaction


@lru_cache(maxsize=256)
def _checksummed(address: bytes) -> str:
    return str(to_checksum_address(address))


def _log(log: Any) -> Log:
    return Log(
        address=_checksummed(log.address),
        topics=tuple(topic.to_bytes(32, "big") for topic in log.topics),
        data=bytes(log.data),
    )


def _revert_data(computation: Any) -> bytes:
    """What a REVERT gave; nothing for every other way to fail, which has no data."""
    failed = computation.is_error and isinstance(computation.error, Revert)
    return bytes(computation.output) if failed else b""

"""What a node's JSON-RPC answers hold, read strictly: anything else is `Garbage`, never a guess."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from eth_utils import to_checksum_address

from ledger.chain.base import Block, Mined, Receipt
from ledger.chain.logs import Logs

T = TypeVar("T")

HASH = 32
_ADDRESS = 20
_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")


class Garbage(ValueError):
    """An answer that is not what was asked for."""


@dataclass(frozen=True, slots=True)
class Header:
    """What is needed of a block; `base_fee` is None where the chain has no EIP-1559."""

    number: int
    hash: bytes
    parent: bytes
    timestamp: int
    gas_limit: int
    gas_used: int
    base_fee: int | None

    @property
    def block(self) -> Block:
        """As `Chain` gives it."""
        return Block(self.number, self.hash, self.timestamp)


@dataclass(frozen=True, slots=True)
class Included:
    """A receipt as the node has it, which does not say why a transaction was refused, except on some.

    `revert_reason` is None where the node did not say. `sender`, where it is there, is checksummed.
    """

    transaction_hash: bytes
    block_number: int
    block_hash: bytes
    status: int
    gas_used: int
    logs: Logs
    contract_address: str | None
    revert_reason: bytes | None

    def receipt(self, revert_data: bytes = b"") -> Receipt:
        """As `Chain` gives it."""
        return Receipt(
            transaction_hash=self.transaction_hash,
            block_number=self.block_number,
            block_hash=self.block_hash,
            status=self.status,
            gas_used=self.gas_used,
            logs=self.logs,
            contract_address=self.contract_address if self.status else None,
            revert_data=b"" if self.status else revert_data,
        )


@dataclass(frozen=True, slots=True)
class Known:
    """A transaction that a node has, in its pool (`block_number` None) or in a block."""

    hash: bytes
    sender: str
    to: str | None
    input: bytes
    gas: int
    block_number: int | None


def quantity(value: object) -> int:
    """A number: "0x" and hexadecimal digits."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise Garbage(f"{_shown(value)} is no number")
    return int(value[2:], 16)


def data(value: object, size: int | None = None) -> bytes:
    """Bytes: "0x" and two digits a byte; exactly `size` of them where it is given."""
    found = None
    if isinstance(value, str) and value[:2] == "0x":
        try:
            found = bytes.fromhex(value[2:])
        except ValueError:
            found = None
    # fromhex passes over spaces, so the length is checked against the digits.
    if found is None or len(value) != 2 + 2 * len(found) or size not in (None, len(found)):  # type: ignore[arg-type]
        raise Garbage(f"{_shown(value)} is not {'' if size is None else f'{size} '}bytes")
    return found


def text(value: object) -> str:
    """Any text."""
    if not isinstance(value, str):
        raise Garbage(f"{_shown(value)} is no text")
    return value


def optional(value: object, read: Callable[[Any], T]) -> T | None:
    """None where the node has nothing, else what `read` makes of it."""
    return None if value is None else read(value)


def header(value: object, number: int | None = None) -> Header:
    """A block, and the one of `number` where that was asked for."""
    block = fields(value)
    found = Header(
        number=quantity(block.get("number")),
        hash=data(block.get("hash"), HASH),
        parent=data(block.get("parentHash"), HASH),
        timestamp=quantity(block.get("timestamp")),
        gas_limit=quantity(block.get("gasLimit")),
        gas_used=quantity(block.get("gasUsed")),
        base_fee=optional(block.get("baseFeePerGas"), quantity),
    )
    if number is not None and found.number != number:
        raise Garbage(f"block {found.number} instead of block {number}")
    return found


def included(value: object, transaction_hash: bytes | None = None) -> Included:
    """A receipt, and that of `transaction_hash` where it was asked for."""
    receipt = fields(value)
    status = quantity(receipt.get("status"))
    created = optional(receipt.get("contractAddress"), lambda address: data(address, _ADDRESS))
    found = Included(
        transaction_hash=data(receipt.get("transactionHash"), HASH),
        block_number=quantity(receipt.get("blockNumber")),
        block_hash=data(receipt.get("blockHash"), HASH),
        status=status,
        gas_used=quantity(receipt.get("gasUsed")),
        logs=events(sequence(receipt.get("logs"))),
        contract_address=None if created is None else _checksummed(created),
        revert_reason=optional(receipt.get("revertReason"), data),
    )
    if status not in (0, 1):
        raise Garbage(f"a receipt with status {status}")
    if transaction_hash not in (None, found.transaction_hash):
        raise Garbage("the receipt of another transaction")
    return found


def receipts(value: object, number: int) -> list[Included]:
    """All receipts of block `number`, which are of one and the same block."""
    found = [included(each) for each in sequence(value)]
    if any(each.block_number != number or each.block_hash != found[0].block_hash for each in found):
        raise Garbage(f"receipts of more than one block, of which {number} was asked for")
    return found


def known(value: object, transaction_hash: bytes) -> Known:
    """The transaction with this hash."""
    transaction = fields(value)
    to = optional(transaction.get("to"), lambda address: data(address, _ADDRESS))
    if data(transaction.get("hash"), HASH) != transaction_hash:
        raise Garbage("another transaction than the one asked for")
    return Known(
        hash=transaction_hash,
        sender=_checksummed(data(transaction.get("from"), _ADDRESS)),
        to=None if to is None else _checksummed(to),
        input=data(transaction.get("input")),
        gas=quantity(transaction.get("gas")),
        block_number=optional(transaction.get("blockNumber"), quantity),
    )


def mined(value: object, first: int, last: int) -> tuple[list[Mined], dict[int, bytes]]:
    """What `eth_getLogs` gave for these blocks, by transaction in the chain's order; the blocks' hashes."""
    rows = []
    hashes: dict[int, bytes] = {}
    for each in sequence(value):
        log = fields(each)
        number, block_hash = quantity(log.get("blockNumber")), data(log.get("blockHash"), HASH)
        if log.get("removed") not in (None, False) or not first <= number <= last:
            raise Garbage(f"an event that is not in blocks {first} to {last}")
        if hashes.setdefault(number, block_hash) != block_hash:
            raise Garbage(f"events of two blocks {number}")
        rows.append((number, quantity(log.get("logIndex")), data(log.get("transactionHash"), HASH), log))
    rows.sort(key=lambda row: row[:2])
    if len({row[:2] for row in rows}) != len(rows):
        raise Garbage("the same event twice")
    grouped: dict[tuple[int, bytes], list[object]] = {}
    for number, _, transaction, log in rows:
        grouped.setdefault((number, transaction), []).append(log)
    return [Mined(number, hash_, events(logs)) for (number, hash_), logs in grouped.items()], hashes


def fee_history(value: object) -> tuple[int, int]:
    """The next block's base fee, and the middle of the tips that were paid."""
    history = fields(value)
    base_fees = [quantity(fee) for fee in sequence(history.get("baseFeePerGas"))]
    paid = (sequence(row) for row in sequence(history.get("reward") or []))
    tips = sorted(quantity(row[0]) for row in paid if row)
    if not base_fees:
        raise Garbage("a history without fees")
    return base_fees[-1], tips[len(tips) // 2] if tips else 0


def trace_output(value: object) -> bytes:
    """What a contract gave as its reason, from the trace of a refused transaction; nothing where it gave
    none, as for gas that ran out."""
    trace = fields(value)
    reverted = "revert" in str(trace.get("error", "")).lower()
    return data(trace.get("output") or "0x") if reverted else b""


def events(logs: Sequence[object]) -> Logs:
    """The events of a receipt or of `eth_getLogs`, as columns."""
    rows = [fields(log) for log in logs]
    topics = [[data(topic, HASH) for topic in sequence(row.get("topics"))] for row in rows]
    contents = [data(row.get("data")) for row in rows]
    if any(len(each) > 4 for each in topics):
        raise Garbage("an event with more than four topics")
    return Logs.packed(
        b"".join(data(row.get("address"), _ADDRESS) for row in rows),
        [len(each) for each in topics],
        b"".join(topic for each in topics for topic in each),
        [len(content) for content in contents],
        b"".join(contents),
    )


def fields(value: object) -> dict[str, Any]:
    """An object, by its fields' names."""
    if not isinstance(value, dict):
        raise Garbage(f"{_shown(value)} is no object")
    return value


def sequence(value: object) -> list[Any]:
    """A list of anything."""
    if not isinstance(value, list):
        raise Garbage(f"{_shown(value)} is no list")
    return value


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


@lru_cache(maxsize=256)
def _checksummed(address: bytes) -> str:
    return str(to_checksum_address(address))

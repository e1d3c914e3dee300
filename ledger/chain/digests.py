"""The digests that chain a journal's rows, each over the row and the digest before it."""

from __future__ import annotations

import hashlib

from ledger.chain.base import Receipt


def entry_digest(previous: bytes, number: int, time: int, own: bool, raw: bytes) -> bytes:
    """Of an entry: the digest before it, number, time in seconds, whose it is, the signed transaction."""
    digest = hashlib.sha256(previous + number.to_bytes(8, "big") + time.to_bytes(8, "big") + bytes([own]))
    digest.update(raw)
    return digest.digest()


Row = tuple[bytes, bytes, int, int, str | None, bytes, bytes]
"""Of an outcome: transaction hash, block hash, status, gas used, contract made, revert data, events."""


def outcome_row(receipt: Receipt) -> Row:
    """What the journal writes of a receipt."""
    return (
        receipt.transaction_hash,
        receipt.block_hash,
        receipt.status,
        receipt.gas_used,
        receipt.contract_address,
        receipt.revert_data,
        receipt.logs.to_bytes(),
    )


def outcome_digest(previous: bytes, number: int, row: Row) -> bytes:
    """Of an outcome: the digest before it, number, the row. Raises ValueError where it is none."""
    transaction_hash, block_hash, status, gas_used, contract, revert_data, logs = row
    if contract == "":
        raise ValueError("an address that is empty")  # and would have the digest of none
    fixed = number.to_bytes(8, "big") + status.to_bytes(1, "big") + gas_used.to_bytes(8, "big")
    digest = hashlib.sha256(previous + fixed)
    for part in (transaction_hash, block_hash, (contract or "").encode(), revert_data, logs):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()

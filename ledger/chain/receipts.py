"""Receipts as a block's receiptsRoot has them (yellow paper 4.3.1, EIP-658, EIP-2718)."""

from __future__ import annotations

from collections.abc import Iterable

from eth_utils import keccak

from ledger.chain.base import Body, Logs, Receipt
from ledger.chain.rlp_parts import listed, number, text

BLOOM = 256
"""Bytes of the filter of a receipt or a block."""


def encoded(kind: int, status: int, cumulative_gas: int, logs: Logs) -> bytes:
    """The consensus bytes of a receipt: the RLP, after its transaction's type unless that is 0 (legacy).

    `cumulative_gas` is that of the block up to this transaction and with it.
    """
    addresses, ends = logs.addresses.tobytes(), logs.ends.tolist()
    topics, counts = logs.topics.tobytes(), logs.topic_count.tolist()
    rows, seen, start = [], set(), 0
    for i, (count, end) in enumerate(zip(counts, ends, strict=True)):
        address = addresses[20 * i : 20 * i + 20]
        names = [topics[at : at + 32] for at in range(128 * i, 128 * i + 32 * count, 32)]
        seen.add(address)
        seen.update(names)
        named = listed(b"".join([b"\xa0" + name for name in names]))
        rows.append(listed(b"\x94" + address + named + text(logs.data[start:end])))
        start = end
    payload = listed(number(status) + number(cumulative_gas) + text(bloom(seen)) + listed(b"".join(rows)))
    return bytes([kind]) + payload if kind else payload


def alone(raw: bytes, receipt: Receipt) -> Body:
    """A block that holds one transaction."""
    return Body((raw,), (encoded(kind_of(raw), receipt.status, receipt.gas_used, receipt.logs),))


def bloom(values: Iterable[bytes]) -> bytes:
    """The filter that tells of addresses and topics that they may be there: three bits each of 2,048."""
    bits = 0
    for value in values:
        digest = keccak(value)
        for at in (0, 2, 4):
            bits |= 1 << (int.from_bytes(digest[at : at + 2], "big") & 0x7FF)
    return bits.to_bytes(BLOOM, "big")


def kind_of(raw: bytes) -> int:
    """The type of a signed transaction, 0 of a legacy one (EIP-2718)."""
    return raw[0] if raw[:1] < b"\x80" and raw else 0

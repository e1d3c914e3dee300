"""What nodes write in JSON, read: hex strings and events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ledger.chain.logs import Logs


def from_hex(text: str) -> bytes:
    """The bytes of "0x…"."""
    return bytes.fromhex(text[2:])


def logs_of(logs: Sequence[dict[str, Any]]) -> Logs:
    """The `logs` of a receipt as columns. Raises KeyError, TypeError or ValueError where they are none."""
    data = [log["data"][2:] for log in logs]
    return Logs.packed(
        bytes.fromhex("".join([log["address"][2:] for log in logs])),
        [len(log["topics"]) for log in logs],
        bytes.fromhex("".join([topic[2:] for log in logs for topic in log["topics"]])),
        [len(each) // 2 for each in data],
        bytes.fromhex("".join(data)),
    )

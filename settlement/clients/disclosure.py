"""A disclosure: what of one client's allocations is shown, and the file that it is.

JSON; bytes in hex, quantities and amounts in minor units as decimal strings. There is one way to write each
value, and nothing else in the file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from ledger.errors import InvalidValue
from ledger.ids import parse_local_code
from ledger.units import MAX_AMOUNT, MAX_QUANTITY
from settlement.attesting.proofs import number_of, path_of
from settlement.clients.columns import Side
from settlement.clients.leaves import SALT, Leaf
from settlement.errors import FileUnreadable
from settlement.files import parse_json

FORMAT = "clearing client disclosure 1"
_KEYS = ("format", "chain_id", "contract", "broker", "institution", "client", "batches")
_BATCH = ("batch", "trade_date", "transaction", "root", "leaves")
_LEAF = ("index", "position", "trade_no", "side", "quantity", "amount_minor", "salt", "proof")


@dataclass(frozen=True, slots=True)
class Shown:
    """One leaf, its place in the tree, the hashes beside it."""

    index: int
    leaf: Leaf
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class OfBatch:
    """What is shown of one batch. `transaction` is the one that brought the broker's affirmation."""

    batch_hash: bytes
    trading_day: date
    transaction: bytes
    root: bytes
    shown: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class Disclosure:
    """A client's allocations by one broker; `contract` and `chain_id` say where they were affirmed."""

    chain_id: int
    contract: str
    broker: str
    institution: int
    client: str
    batches: tuple[OfBatch, ...]

    @property
    def leaves(self) -> list[Leaf]:
        """All that are shown."""
        return [each.leaf for batch in self.batches for each in batch.shown]


def write(found: Disclosure) -> bytes:
    """A disclosure as a file."""
    shown = {
        "format": FORMAT,
        "chain_id": found.chain_id,
        "contract": found.contract,
        "broker": found.broker,
        "institution": found.institution,
        "client": found.client,
        "batches": [
            {
                "batch": of.batch_hash.hex(),
                "trade_date": str(of.trading_day),
                "transaction": of.transaction.hex(),
                "root": of.root.hex(),
                "leaves": [
                    {
                        "index": each.index,
                        "position": each.leaf.position,
                        "trade_no": each.leaf.trade,
                        "side": each.leaf.side.name,
                        "quantity": str(each.leaf.quantity),
                        "amount_minor": str(each.leaf.amount),
                        "salt": each.leaf.salt.hex(),
                        "proof": [beside.hex() for beside in each.proof],
                    }
                    for each in of.shown
                ],
            }
            for of in found.batches
        ],
    }
    return (json.dumps(shown, indent=2) + "\n").encode()


def read(data: bytes, shown: str) -> Disclosure:
    """The disclosure in a file's bytes; `shown` names the file. Raises FileUnreadable where it is none."""
    try:
        found = _object(parse_json(data), _KEYS)
        if found["format"] != FORMAT:
            raise ValueError(f"its format is not {FORMAT!r}")
        institution = number_of(found["institution"], 16)
        client = parse_local_code(_text(found["client"]))
        return Disclosure(
            number_of(found["chain_id"], 256),
            _text(found["contract"]),
            _text(found["broker"]),
            institution,
            client,
            tuple(_batch(row, institution, client) for row in _rows(found["batches"])),
        )
    except (ValueError, TypeError, KeyError, AttributeError, InvalidValue) as error:
        raise FileUnreadable(shown, f"it is no disclosure: {error}") from None


def _batch(given: object, institution: int, client: str) -> OfBatch:
    row = _object(given, _BATCH)
    batch_hash = _hash(row["batch"])
    shown = []
    for said in _rows(row["leaves"]):
        each = _object(said, _LEAF)
        if each["side"] not in Side.__members__:
            raise ValueError(f"{each['side']!r} is no side")
        leaf = Leaf(
            batch_hash,
            institution,
            number_of(each["position"], 32),
            number_of(each["trade_no"], 32),
            Side[each["side"]],
            _decimal(each["quantity"], MAX_QUANTITY),
            _decimal(each["amount_minor"], MAX_AMOUNT),
            _hash(each["salt"]),
            client,
        )
        proof = path_of(each)
        if [beside.hex() for beside in proof] != each["proof"]:
            raise ValueError("its hashes are not in lower hex")
        shown.append(Shown(number_of(each["index"], 32), leaf, proof))
    day = _text(row["trade_date"])
    if str(date.fromisoformat(day)) != day:
        raise ValueError(f"{day!r} is no day as YYYY-MM-DD")
    return OfBatch(
        batch_hash, date.fromisoformat(day), _hash(row["transaction"]), _hash(row["root"]), tuple(shown)
    )


def _object(value: object, keys: Sequence[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != set(keys):
        raise ValueError(f"an object of {', '.join(keys)} is wanted")
    return value


def _rows(value: object) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise ValueError("it shows nothing")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value


def _hash(value: object) -> bytes:
    data = bytes.fromhex(_text(value))
    if len(data) != SALT or data.hex() != value:
        raise ValueError(f"{value!r} is not {SALT} bytes in hex")
    return data


def _decimal(value: object, most: int) -> int:
    text = _text(value)
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and str(int(text)) == text):
        raise ValueError(f"{text[:40]!r} is no whole number")
    if int(text) > most:
        raise ValueError(f"{text} is more than {most:,}")
    return int(text)

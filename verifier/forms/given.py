"""What an auditor brings: hashes, keys of institutions, affirmations that it kept. All raise Unusable."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from verifier.anchors import Statement
from verifier.bundle import CONTRACTS, Affirmation

STATEMENT = "clearing affirmation 1"
WORDS = ("batch_hash", "records_hash", "exceptions_hash", "client_root", "prior_block_hash")
_LONGEST = 1 << 20
"""Bytes of a file of keys or of a statement."""


class Unusable(ValueError):
    """Something that was brought is not what it should be, and what that is."""


def hash_from(text: str, length: int = 32) -> bytes:
    """Bytes in hex, with or without 0x before them."""
    digits = text[2:] if text[:2] in ("0x", "0X") else text
    try:
        if len(digits) == 2 * length == 2 * len(found := bytes.fromhex(digits)):
            return found
    except ValueError:
        pass
    raise Unusable(f"{text!r}: 0x and {2 * length} hexadecimal digits are wanted")


def keys_from(pairs: Iterable[str], named: object = None) -> dict[str, set[bytes]]:
    """Keys by institution, from `NAME=ADDRESS` and from what a file of keys says: an object of names with an
    address or a list of them."""
    found: dict[str, set[bytes]] = {}
    for pair in pairs:
        name, _, address = pair.rpartition("=")
        if not name:
            raise Unusable(f"{pair!r}: NAME=ADDRESS is wanted")
        found.setdefault(name, set()).add(hash_from(address, 20))
    if not isinstance(named, Mapping | None):
        raise Unusable("a file of keys has names, each with an address or a list of them")
    for name, addresses in (named or {}).items():
        several = addresses if isinstance(addresses, list) else [addresses]
        if not isinstance(name, str) or not all(isinstance(each, str) for each in several):
            raise Unusable(f"the keys of {name!r}: an address as text, or a list of them, is wanted")
        found.setdefault(name, set()).update(hash_from(each, 20) for each in several)
    return found


def json_from(data: bytes) -> Any:
    """JSON that anybody may have made."""
    if len(data) > _LONGEST:
        raise Unusable("is too long")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Unusable(f"is no JSON: {error}") from None


class Deployed(NamedTuple):
    """What a ledger's deployment record says: on which chain its contracts are; where, by name, and the
    keccak256 of the code behind that."""

    chain_id: int | None = None
    contracts: Mapping[str, bytes] = {}


def deployment_from(data: bytes) -> Deployed:
    """From a deployment record, which has addresses at least."""
    said = json_from(data)
    addresses = said.get("addresses") if isinstance(said, dict) else None
    if not isinstance(addresses, dict) or not all(isinstance(each, str) for each in addresses.values()):
        raise Unusable('is no deployment record: it has no "addresses" by contract')
    if missing := [name for name in CONTRACTS if name not in addresses]:
        raise Unusable(f"is no deployment record: its addresses have no {missing[0]}")
    chain_id, codes = said.get("chain_id"), said.get("code_hashes", {})
    if not isinstance(chain_id, int | None) or not isinstance(codes, dict):
        raise Unusable("is no deployment record: its chain_id is no number, or its code_hashes no object")
    if not all(isinstance(each, str) for each in codes.values()):
        raise Unusable("is no deployment record: one of its code_hashes is no text")
    codes = {name: hash_from(each) for name, each in codes.items()}
    found = {name: hash_from(each, 20) + codes.get(name, b"") for name, each in addresses.items()}
    return Deployed(chain_id, found)


def statement_from(data: bytes) -> Statement:
    """An affirmation that was kept, from its file."""
    said = json_from(data)
    if not isinstance(said, dict) or said.get("format") != STATEMENT:
        raise Unusable(f'is no affirmation that was kept: it has no "format": "{STATEMENT}"')
    try:
        chain_id, index = (said[name] for name in ("chain_id", "index"))
        words = {name: hash_from(said[name]) for name in WORDS}
        house, signature = hash_from(said["clearing_house"], 20), hash_from(said["signature"], 65)
    except KeyError as missing:
        raise Unusable(f"has no {missing.args[0]}") from None
    except TypeError:
        raise Unusable("has something else than text where a hash should be") from None
    if not all(isinstance(each, int) and 0 <= each < 1 << 64 for each in (chain_id, index)):
        raise Unusable("has something else than a number as chain_id or index")
    return Statement(chain_id, house, Affirmation(institution=index, signature=signature, **words))

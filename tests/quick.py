"""Contracts asked many questions at once, by tests that ask hundreds of thousands."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from ledger.abi import CODEC, type_of
from ledger.chain import LocalChain
from ledger.chain.anvil import AnvilEngine
from ledger.chain.base import GAS_LIMIT, NOBODY
from ledger.chain.jsonrpc import from_hex
from ledger.contract import Contract


def calls(contract: Contract, function: str, rows: Iterable[Sequence[Any]]) -> list[Any]:
    """What `contract.call` returns for each row of arguments, asked of anvil in one request.

    Where the engine is another, or refuses any of them, they are asked one after the other.
    """
    rows, chain = list(rows), contract.chain
    engine = chain.engine if isinstance(chain, LocalChain) else None
    if not rows or not isinstance(engine, AnvilEngine):
        return [contract.call(function, *row) for row in rows]
    asked = []
    for i, row in enumerate(rows):
        data = "0x" + contract.encode(function, *row).hex()
        call = {"from": NOBODY, "to": contract.address, "data": data, "gas": hex(GAS_LIMIT)}
        asked.append({"jsonrpc": "2.0", "id": i, "method": "eth_call", "params": [call, "latest"]})
    answers = {answer["id"]: answer for answer in json.loads(engine._connection.ask(json.dumps(asked)))}
    if any("error" in answers[i] for i in range(len(rows))):
        return [contract.call(function, *row) for row in rows]
    (entry,) = (e for e in contract.artifact.abi if e["type"] == "function" and e["name"] == function)
    types = [type_of(parameter) for parameter in entry["outputs"]]
    found = [CODEC.decode(types, from_hex(answers[i]["result"])) for i in range(len(rows))]
    return [values[0] if len(types) == 1 else values for values in found]

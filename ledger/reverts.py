"""Every custom error of every contract, as a Python class of its own.

`reverts.ClearingHouse_NoCycle` is the class of `error ClearingHouse_NoCycle(uint16 venue)`; an instance has
the operands as attributes (`error.venue`) and together as `error.operands`. The classes are made from the
compiled contracts' ABI, so there is none missing and none too many; each is a `ledger.errors.Reverted`.
`Error(string)` and `Panic(uint256)`, which Solidity itself raises, are among them.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from ledger.abi import CODEC, selector_of, signature_of, type_of
from ledger.compile import artifacts
from ledger.errors import Reverted

_BUILT_IN: list[dict[str, Any]] = [
    {"type": "error", "name": "Error", "inputs": [{"name": "message", "type": "string"}]},
    {"type": "error", "name": "Panic", "inputs": [{"name": "code", "type": "uint256"}]},
]


class ContractRevert(Reverted):
    """A revert whose error is in a contract's ABI. `signature` is the error's, `operands` its values by
    name.
    """

    signature: str
    notice: str
    operands: dict[str, Any]

    def __init__(self, data: bytes, operands: dict[str, Any]) -> None:
        super().__init__(data[:4], data)
        self.operands = operands
        for name, value in operands.items():
            setattr(self, name, value)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{self.signature} has no operand {name}")

    def __str__(self) -> str:
        shown = ", ".join(f"{name}={_shown(value)}" for name, value in self.operands.items())
        return f"{self.notice} [{type(self).__name__}({shown})]".strip()


def decode(data: bytes) -> Reverted:
    """The error that revert data says; a plain `Reverted` where no contract of ours declares it."""
    found = _classes().get(data[:4])
    if found is None:
        return Reverted(data[:4], data)
    kind, names, types = found
    try:
        values = CODEC.decode(types, data[4:])
    except Exception:  # eth-abi has no common root for malformed data, and a hostile contract may return any
        return Reverted(data[:4], data)
    return kind(data, dict(zip(names, values, strict=True)))


def names() -> tuple[str, ...]:
    """The names of all errors there are, sorted."""
    return tuple(sorted(kind.__name__ for kind, _, _ in _classes().values()))


@cache
def _classes() -> dict[bytes, tuple[type[ContractRevert], list[str], list[str]]]:
    classes: dict[bytes, tuple[type[ContractRevert], list[str], list[str]]] = {}
    for artifact in artifacts().values():
        for entry in [*artifact.abi, *_BUILT_IN]:
            if entry["type"] != "error" or selector_of(entry) in classes:
                continue
            notice = artifact.notices.get(signature_of(entry), "")
            attributes = {"__doc__": notice, "signature": signature_of(entry), "notice": notice}
            kind = type(entry["name"], (ContractRevert,), attributes)
            inputs = entry["inputs"]
            classes[selector_of(entry)] = (kind, [i["name"] for i in inputs], [type_of(i) for i in inputs])
    return classes


def __getattr__(name: str) -> type[ContractRevert]:
    for kind, _, _ in _classes().values():
        if kind.__name__ == name:
            return kind
    raise AttributeError(f"no contract has an error {name}")


def _shown(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)

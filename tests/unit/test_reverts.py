"""Every custom error of every contract is a class of its own with its operands."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi import encode
from eth_utils import function_signature_to_4byte_selector, keccak

from ledger import reverts
from ledger.abi import type_of
from ledger.compile import artifacts
from ledger.errors import Reverted

ENTRIES = {
    entry["name"]: (name, entry)
    for name, artifact in artifacts().items()
    for entry in artifact.abi
    if entry["type"] == "error"
}


def some_value(kind: str, n: int) -> Any:
    """A value of the type, another for each n."""
    if kind.endswith("]"):
        return [some_value(kind[: kind.rindex("[")], n)]
    if kind.startswith(("uint", "int")):
        return n + 1
    if kind == "address":
        return "0x" + f"{n + 1:040x}"
    if kind.startswith("bytes") and kind != "bytes":
        return keccak(bytes([n]))[: int(kind[5:])]
    if kind == "string":
        return f"text {n}"
    return {"bool": True, "bytes": bytes([n])}[kind]


def test_all_errors_of_all_contracts_are_there() -> None:
    assert set(reverts.names()) == set(ENTRIES) | {"Error", "Panic"}
    own = [name for name in ENTRIES if name.split("_")[0] in artifacts()]
    assert len(own) >= 60


def test_interfaces_and_names_of_errors_agree() -> None:
    """An error of ours is called after its contract, or after what several inherit."""
    for name in ENTRIES:
        if "_" in name:
            assert name.split("_")[0] in {*artifacts(), "Joint"}


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_error_decodes_to_its_class_with_its_operands(name: str) -> None:
    _, entry = ENTRIES[name]
    kinds = [type_of(parameter) for parameter in entry["inputs"]]
    values = [some_value(kind, n) for n, kind in enumerate(kinds)]
    data = function_signature_to_4byte_selector(f"{name}({','.join(kinds)})") + encode(kinds, values)
    error = reverts.decode(data)
    kind = getattr(reverts, name)
    assert type(error) is kind
    assert issubclass(kind, Reverted)
    assert kind.__name__ == name
    expected = dict(zip((parameter["name"] for parameter in entry["inputs"]), values, strict=True))
    assert error.operands == expected
    for operand, value in expected.items():
        assert getattr(error, operand) == value
    assert (error.selector, error.data) == (data[:4], data)
    assert name in str(error)


def test_every_operand_has_a_name() -> None:
    for name, (_, entry) in ENTRIES.items():
        given = [parameter["name"] for parameter in entry["inputs"]]
        assert all(given), name
        assert len(set(given)) == len(given), name


def test_no_two_errors_share_a_selector() -> None:
    signatures = {
        f"{name}({','.join(map(type_of, entry['inputs']))})" for name, (_, entry) in ENTRIES.items()
    }
    assert len({function_signature_to_4byte_selector(each) for each in signatures}) == len(signatures)


def test_what_solidity_raises_itself_is_there() -> None:
    panic = reverts.decode(bytes.fromhex("4e487b71") + (0x12).to_bytes(32, "big"))
    assert type(panic) is reverts.Panic
    assert panic.operands == {"code": 0x12}
    error = reverts.decode(bytes.fromhex("08c379a0") + encode(["string"], ["why"]))
    assert type(error) is reverts.Error
    assert error.operands == {"message": "why"}


@pytest.mark.parametrize("data", [b"", b"\1", b"\1\2\3", b"\1\2\3\4", b"\1\2\3\4" + bytes(64)])
def test_unknown_data_is_a_plain_reverted(data: bytes) -> None:
    error = reverts.decode(data)
    assert type(error) is Reverted
    assert (error.selector, error.data) == (data[:4], data)


def test_truncated_operands_are_a_plain_reverted() -> None:
    whole = function_signature_to_4byte_selector("ClearingHouse_NoCycle(uint16)") + bytes(32)
    assert type(reverts.decode(whole)) is reverts.ClearingHouse_NoCycle
    for cut in (4, 5, 35):
        assert type(reverts.decode(whole[:cut])) is Reverted
    # A venue of more than 16 bits is not what the contract could have said.
    assert type(reverts.decode(whole[:4] + b"\xff" * 32)) is Reverted


def test_unknown_name_raises() -> None:
    with pytest.raises(AttributeError):
        _ = reverts.ClearingHouse_NoSuchThing
    with pytest.raises(AttributeError):
        _ = reverts.decode(function_signature_to_4byte_selector("ClearingHouse_EmptyBatch()")).venue  # type: ignore[attr-defined]

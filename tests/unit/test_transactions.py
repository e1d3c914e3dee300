"""Signed transactions, taken apart as eth-account puts them together."""

from __future__ import annotations

import contextlib
import random
from typing import Any

import pytest
from eth_account import Account

from ledger import transactions
from ledger.accounts import Signer
from ledger.errors import TransactionRefused
from ledger.transactions import calldata, decode

KEY = "0x" + "11" * 32
TO = "0x00000000000000000000000000000000000000AA"
FEES: dict[str, dict[str, Any]] = {
    "legacy": {"gasPrice": 7, "chainId": 31337},
    "legacy of any chain": {"gasPrice": 7},
    "legacy of chain 1": {"gasPrice": 7, "chainId": 1},
    "access list": {"gasPrice": 7, "chainId": 31337, "accessList": [], "type": 1},
    "with keys": {
        "gasPrice": 7, "chainId": 31337, "type": 1,
        "accessList": [{"address": TO, "storageKeys": ["0x" + "01" * 32]}],
    },
    "fee market": {"maxFeePerGas": 9, "maxPriorityFeePerGas": 1, "chainId": 31337},
}  # fmt: skip


@pytest.mark.parametrize("kind", FEES)
@pytest.mark.parametrize("to", [TO, None])
@pytest.mark.parametrize("data", [b"", b"\0", bytes(range(256)) * 300])
@pytest.mark.parametrize("nonce", [0, 1, 2**40])
def test_decode_given_what_eth_account_signed_says_the_same(
    kind: str, to: str | None, data: bytes, nonce: int
) -> None:
    fields = {"nonce": nonce, "gas": 10**6, "value": 3, "data": data} | FEES[kind]
    signed = Account.sign_transaction(fields | ({"to": to} if to else {}), KEY)
    found = decode(bytes(signed.raw_transaction))
    assert (found.sender, found.nonce, found.to, found.data) == (
        Account.from_key(KEY).address, nonce, to, data,
    )  # fmt: skip
    assert found.hash == bytes(signed.hash)
    assert calldata(bytes(signed.raw_transaction)) == data
    assert transactions.signed(bytes(signed.raw_transaction)) == (bytes.fromhex(found.sender[2:]), data)


def test_decode_given_what_a_signer_signed_says_the_same() -> None:
    signer = Signer.from_seed("transactions", "somebody")
    for to in (TO, None):
        found = decode(signer.sign_transaction(31337, 5, to, b"data", 10**6))
        assert (found.sender, found.nonce, found.to, found.data) == (signer.address, 5, to, b"data")


def test_decode_given_any_other_bytes_refuses_or_names_a_sender() -> None:
    """Whatever somebody sends, it is the designed error or a transaction; cut, flipped, and noise."""
    chance = random.Random(5)
    good = bytes(
        Account.sign_transaction(
            {"nonce": 1, "gas": 9, "to": TO, "value": 0} | FEES["fee market"], KEY
        ).raw_transaction
    )
    wrong = [b"", b"\0", b"\xc0", b"\x02", b"\x02\xc0", b"\x05" + good[1:], b"\x02\x80", b"\xf8", b"\x01\xff"]
    wrong += [good[:i] for i in range(len(good))] + [chance.randbytes(n) for n in range(200)]
    wrong += [b"\x02" + chance.randbytes(n) for n in range(200)]
    refused = 0
    for i in range(len(good)):
        wrong += [good[:i] + bytes([good[i] ^ 1 << bit]) + good[i + 1 :] for bit in range(8)]
    for raw in wrong:
        found = None
        with contextlib.suppress(TransactionRefused):
            found = transactions.signed(raw)
        try:
            if isinstance(decode(raw).data, bytes):
                assert found == (bytes.fromhex(decode(raw).sender[2:]), decode(raw).data)
            assert decode(raw).sender.startswith("0x")
        except TransactionRefused:
            refused += 1
    assert refused > 600

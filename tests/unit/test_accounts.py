import time

import pytest
from eth_account import Account
from eth_keys import keys
from eth_utils import keccak, to_checksum_address

from ledger.accounts import Signer

SIGNER = Signer.from_seed("seed", "NEPSE")
TARGET = to_checksum_address(b"\xab" * 20)


def test_address_is_the_one_that_eth_account_derives():
    key = keccak(b"any")
    assert Signer(key).address == Account.from_key(key).address


def test_from_seed_is_deterministic_and_depends_on_seed_and_name():
    again = Signer.from_seed("seed", "NEPSE")
    others = {Signer.from_seed("seed", "CDSC").address, Signer.from_seed("other", "NEPSE").address}
    # Where one string ends and the next begins matters too.
    others.add(Signer.from_seed("seedN", "EPSE").address)
    assert again.address == SIGNER.address
    assert len(others | {SIGNER.address}) == 4


@pytest.mark.parametrize("key", [b"", b"\x01" * 31, b"\x01" * 33, bytes(32), b"\xff" * 32])
def test_signer_given_no_valid_key_raises(key: bytes):
    with pytest.raises(ValueError, match="a key is 32 bytes"):
        Signer(key)


@pytest.mark.parametrize("to", [TARGET, None])
@pytest.mark.parametrize("data", [b"", b"\x00", b"\x7f", bytes(1000)])
@pytest.mark.parametrize("nonce", [0, 1, 300])
def test_sign_transaction_gives_what_eth_account_gives(to: str | None, data: bytes, nonce: int):
    key = keccak(b"any")
    fields = {
        "type": 2,
        "chainId": 31337,
        "nonce": nonce,
        "maxFeePerGas": 0,
        "maxPriorityFeePerGas": 0,
        "gas": 30_000_000_000,
        "value": 0,
        "data": data,
        "accessList": [],
    }
    expected = Account.from_key(key).sign_transaction(fields | ({"to": to} if to else {}))
    assert Signer(key).sign_transaction(31337, nonce, to, data, 30_000_000_000) == expected.raw_transaction


def test_sign_digest_gives_r_s_v_that_recover_to_the_address():
    for number in range(50):
        digest = keccak(number.to_bytes(2, "big"))
        signature = SIGNER.sign_digest(digest)
        assert len(signature) == 65
        assert signature[64] in (27, 28)
        recovered = keys.Signature(
            signature[:64] + bytes([signature[64] - 27])
        ).recover_public_key_from_msg_hash(digest)
        assert recovered.to_checksum_address() == SIGNER.address


def test_sign_digest_gives_the_lower_s():
    half = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
    signatures = [SIGNER.sign_digest(keccak(bytes([number]))) for number in range(50)]
    assert all(int.from_bytes(signature[32:64], "big") <= half for signature in signatures)


@pytest.mark.parametrize("digest", [b"", bytes(31), bytes(33)])
def test_sign_digest_given_other_than_32_bytes_raises(digest: bytes):
    with pytest.raises(ValueError, match="a digest is 32 bytes"):
        SIGNER.sign_digest(digest)


def test_signing_is_fast_enough_for_a_day():
    started = time.process_time()
    for nonce in range(500):
        SIGNER.sign_transaction(31337, nonce, TARGET, bytes(100), 10**6)
    # 6,000 a second were measured; the bound only catches the pure Python path, at 190 a second.
    assert 500 / (time.process_time() - started) > 500


def test_repr_shows_the_address_and_not_the_key():
    assert repr(SIGNER) == f"Signer({SIGNER.address})"

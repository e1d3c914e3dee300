"""Encrypted keys: the format is geth's, nothing leaks, nothing is overwritten, errors say what is wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from ledger.accounts import Signer
from ledger.errors import (
    InvalidValue,
    KeystoreExists,
    KeystoreMissing,
    KeystoreUnusable,
    WrongPassphrase,
)
from ledger.keystore import Keyring, file_name

PASSPHRASE = "correct horse"
N = 2**10
"""Quick, for tests."""
NAMES = (
    "NEPSE",
    "B34",
    "Nabil Bank Ltd.",
    "nepse",
    "a/b",
    "../../etc/passwd",
    "CON",
    ".",
    "x" * 200,
    "~!@#$%",
)


def ring(folder: Path, passphrase: str = PASSPHRASE) -> Keyring:
    return Keyring(folder / "keys", lambda: passphrase, scrypt_n=N)


def spoil(path: Path, **changes: Any) -> None:
    kept = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in (kept | changes).items() if v is not ...}))


@pytest.mark.parametrize("name", NAMES)
def test_create_given_any_name_is_there_again_with_another_ring(name: str, tmp_path: Path) -> None:
    signer = ring(tmp_path).create(name)
    again = ring(tmp_path)
    assert again[name].address == signer.address
    assert list(again) == [name]
    assert again.address(name) == signer.address.lower()
    assert signer.sign_digest(bytes(32)) == again[name].sign_digest(bytes(32))
    assert [path.parent for path in tmp_path.rglob("*.json")] == [tmp_path / "keys"]


def test_file_name_given_different_names_is_different_even_where_case_is_not_told_apart() -> None:
    assert len({file_name(name).lower() for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize("name", ["", "x" * 201, "näme", "tab\t", "line\n", "\x00"])
def test_create_given_a_name_that_is_not_printable_ascii_raises(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidValue):
        ring(tmp_path).create(name)
    assert not (tmp_path / "keys").exists()


def test_create_given_a_folder_keeps_it_to_its_owner_and_writes_no_plain_key(tmp_path: Path) -> None:
    keys = ring(tmp_path)
    keys.create("NEPSE")
    (path,) = (tmp_path / "keys").iterdir()
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    plain = Account.decrypt(path.read_text(), PASSPHRASE).hex()
    assert plain not in path.read_text().lower()
    assert PASSPHRASE not in path.read_text()
    assert plain not in repr(keys) + repr(keys["NEPSE"]) + repr(vars(keys["NEPSE"]))
    assert PASSPHRASE not in repr(keys)


def test_keys_given_eth_account_are_its_own(tmp_path: Path) -> None:
    """Both ways: what is written here it opens, what it writes is opened here, under whatever file name."""
    signer = ring(tmp_path).create("NEPSE")
    written = (tmp_path / "keys" / "NEPSE.json").read_text()
    assert Account.from_key(Account.decrypt(written, PASSPHRASE)).address == signer.address
    key = os.urandom(32)
    for kdf, work in (("scrypt", N), ("pbkdf2", 1_000)):
        kept = Account.encrypt(key, PASSPHRASE, kdf=kdf, iterations=work)
        (tmp_path / "keys" / f"UTC--{kdf}.json").write_text(json.dumps(kept))
        assert ring(tmp_path)[f"UTC--{kdf}"].address == Signer(key).address


def test_create_given_a_key_that_is_there_raises_and_leaves_it(tmp_path: Path) -> None:
    signer = ring(tmp_path).create("NEPSE")
    before = (tmp_path / "keys" / "NEPSE.json").read_bytes()
    with pytest.raises(KeystoreExists):
        ring(tmp_path).create("NEPSE")
    assert (tmp_path / "keys" / "NEPSE.json").read_bytes() == before
    assert ring(tmp_path).ensure("NEPSE").address == signer.address
    assert ring(tmp_path).ensure("CDSC").address != signer.address


def test_create_given_a_write_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(KeystoreUnusable, match="No space left"):
        ring(tmp_path).create("NEPSE")
    assert list((tmp_path / "keys").iterdir()) == []


def test_passphrase_given_several_keys_is_asked_for_once_and_only_when_needed(tmp_path: Path) -> None:
    for name in ("A", "B"):
        ring(tmp_path).create(name)
    asked: list[int] = []

    def ask() -> str:
        asked.append(1)
        return PASSPHRASE

    keys = Keyring(tmp_path / "keys", ask)
    assert (sorted(keys), len(keys), "A" in keys, "C" in keys) == (["A", "B"], 2, True, False)
    keys.address("A")
    assert asked == []
    assert keys["A"].address != keys["B"].address
    assert keys["A"] is keys["A"]
    assert len(asked) == 1


def test_open_given_a_wrong_passphrase_raises_without_it_and_asks_again(tmp_path: Path) -> None:
    signer = ring(tmp_path).create("NEPSE")
    given = iter(["wrong horse", PASSPHRASE])
    keys = Keyring(tmp_path / "keys", lambda: next(given))
    with pytest.raises(WrongPassphrase) as raised:
        keys["NEPSE"]
    assert "wrong horse" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
    assert keys["NEPSE"].address == signer.address


def test_open_given_an_empty_passphrase_raises(tmp_path: Path) -> None:
    with pytest.raises(KeystoreUnusable, match="empty"):
        ring(tmp_path, "").create("NEPSE")


def test_open_given_no_key_raises(tmp_path: Path) -> None:
    with pytest.raises(KeystoreMissing, match="NEPSE"):
        ring(tmp_path)["NEPSE"]
    assert list(ring(tmp_path)) == []


@pytest.mark.parametrize(
    "plain", ["{key}", "0x{key}\n", '"{key}"', '{{"address": "a", "privateKey": "{key}"}}']
)
def test_open_given_a_key_in_plain_text_raises_without_it(plain: str, tmp_path: Path) -> None:
    key = os.urandom(32).hex()
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "NEPSE.json").write_text(plain.format(key=key))
    with pytest.raises(KeystoreUnusable, match="plain text") as raised:
        ring(tmp_path)["NEPSE"]
    assert key not in str(raised.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"{}", b'{"version": 3}', b"[" * 50_000, b" " * 70_000],
)
def test_open_given_a_file_that_is_no_key_raises(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "NEPSE.json").write_bytes(content)
    with pytest.raises(KeystoreUnusable, match="no encrypted key"):
        ring(tmp_path)["NEPSE"]


def test_open_given_a_folder_in_place_of_a_file_raises(tmp_path: Path) -> None:
    (tmp_path / "keys" / "NEPSE.json").mkdir(parents=True)
    with pytest.raises(KeystoreUnusable, match="cannot be read"):
        ring(tmp_path)["NEPSE"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "CDSC"}, "another's"),
        ({"address": "ab" * 20}, "not that of its key"),
        ({"address": 5}, "not that of its key"),
        ({"version": 4}, "no encrypted key"),
        ({"crypto": {}}, "no encrypted key"),
        ({"crypto": {"kdf": "scrypt", "kdfparams": {"n": 2**40}}}, "its n is not a number up to"),
        ({"crypto": {"kdf": "pbkdf2", "kdfparams": {"c": "many"}}}, "its c is not a number up to"),
        ({"crypto": {"kdf": "rot13", "kdfparams": {}}}, "no encrypted key"),
    ],
)
def test_open_given_a_changed_file_raises(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    ring(tmp_path).create("NEPSE")
    spoil(tmp_path / "keys" / "NEPSE.json", **changes)
    with pytest.raises(KeystoreUnusable, match=said):
        ring(tmp_path)["NEPSE"]


def test_list_given_two_files_of_one_name_raises(tmp_path: Path) -> None:
    ring(tmp_path).create("NEPSE")
    (tmp_path / "keys" / "copy.json").write_text((tmp_path / "keys" / "NEPSE.json").read_text())
    with pytest.raises(KeystoreUnusable, match="same name"):
        list(ring(tmp_path))


def test_accounts_given_fees_signs_what_eth_account_signs() -> None:
    key = os.urandom(32)
    to = Signer.from_seed("any", "one").address
    fields = {
        "type": 2,
        "chainId": 5,
        "nonce": 9,
        "maxFeePerGas": 70,
        "maxPriorityFeePerGas": 3,
        "gas": 90_000,
        "to": to,
        "value": 0,
        "data": b"\x01",
        "accessList": [],
    }
    expected = Account.from_key(key).sign_transaction(fields).raw_transaction
    assert Signer(key).sign_transaction(5, 9, to, b"\x01", 90_000, 70, 3) == expected

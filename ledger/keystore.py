"""Keys on disk: one encrypted file an institution, as geth and eth-account write them (web3 secret storage,
version 3), and the signers that are in them.

A key is in plain text nowhere but in the memory of the process that signs with it.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from eth_utils import keccak

from ledger.accounts import Signer
from ledger.errors import (
    InvalidValue,
    KeystoreExists,
    KeystoreMissing,
    KeystoreUnusable,
    WrongPassphrase,
)
from ledger.pairings import put_off

SCRYPT_N = 2**14
"""The work of opening a key; twenty a second."""
_HIGHEST_N = 2**20
_HIGHEST_ROUNDS = 10_000_000
_LONGEST_NAME = 200
_LARGEST_FILE = 65_536

Passphrase = Callable[[], str]
"""Asked when the first key is needed, once."""


class Keyring(Mapping[str, Signer]):
    """The keys in a folder, by institution. A key is decrypted when it is first asked for."""

    def __init__(self, folder: Path, passphrase: Passphrase, *, scrypt_n: int = SCRYPT_N) -> None:
        self.folder = folder
        self._ask = passphrase
        self._scrypt_n = scrypt_n
        self._asked: str | None = None
        self._signers: dict[str, Signer] = {}
        self._names: dict[str, Path] | None = None

    def create(self, name: str) -> Signer:
        """A new random key for an institution, encrypted on disk when this returns.

        Raises InvalidValue for the name, KeystoreExists, and KeystoreUnusable where it cannot be written.
        """
        _check_name(name)
        path = self.folder / file_name(name)
        if path.exists():
            raise KeystoreExists(name, str(path))
        signer, key = _new_signer()
        passphrase = self._passphrase(name, path)
        kept = {
            "name": name,
            **_keyfile().create_keyfile_json(key, passphrase, kdf="scrypt", iterations=self._scrypt_n),
        }
        try:
            _write(path, json.dumps(kept, indent=2) + "\n")
        except FileExistsError:
            raise KeystoreExists(name, str(path)) from None
        except OSError as error:
            raise KeystoreUnusable(name, str(path), f"it cannot be written: {error.strerror}") from None
        self._names = None
        self._signers[name] = signer
        return signer

    def ensure(self, name: str) -> Signer:
        """The key of an institution, a new one where it has none."""
        return self[name] if (self.folder / file_name(name)).exists() else self.create(name)

    def address(self, name: str) -> str:
        """The address that a key's file says, for which no passphrase is needed; it is checked when the key
        is opened. Raises as `[]` does."""
        path = self._path(name)
        return "0x" + str(_load(name, path)["address"]).removeprefix("0x").lower()

    def __getitem__(self, name: str) -> Signer:
        """Raises KeystoreMissing, KeystoreUnusable, WrongPassphrase."""
        if name not in self._signers:
            path = self._path(name)
            self._signers[name] = self._open(name, path, _load(name, path))
        return self._signers[name]

    def __contains__(self, name: object) -> bool:
        return name in self._found()

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._found()))

    def __len__(self) -> int:
        return len(self._found())

    def __repr__(self) -> str:
        return f"Keyring({str(self.folder)!r})"

    def _found(self) -> dict[str, Path]:
        """The names that the files in the folder say, which need not be called as `file_name` would."""
        if self._names is None:
            found: dict[str, Path] = {}
            try:
                files = sorted(self.folder.glob("*.json"))
            except OSError as error:
                raise KeystoreUnusable(
                    "*", str(self.folder), f"it cannot be read: {error.strerror}"
                ) from None
            for path in files:
                name = str(_load(path.stem, path).get("name", path.stem))
                if name in found:
                    raise KeystoreUnusable(name, str(path), f"{found[name].name} is of the same name")
                found[name] = path
            self._names = found
        return self._names

    def _path(self, name: str) -> Path:
        direct = self.folder / file_name(name)
        path = direct if direct.exists() else self._found().get(name)
        if path is None:
            raise KeystoreMissing(name, str(direct))
        return path

    def _passphrase(self, name: str, path: Path) -> bytes:
        if self._asked is None:
            self._asked = self._ask()
        if not self._asked:
            raise KeystoreUnusable(name, str(path), "the passphrase is empty")
        return self._asked.encode()

    def _open(self, name: str, path: Path, kept: dict[str, Any]) -> Signer:
        if kept.get("name", path.stem) != name:
            raise KeystoreUnusable(name, str(path), "the file says that it is another's key")
        _check_work(name, path, kept)
        passphrase = self._passphrase(name, path)
        try:
            signer = Signer(_keyfile().decode_keyfile_json(kept, passphrase))
        except Exception as error:  # eth-keyfile raises whatever a malformed file makes of its fields
            # What is raised is neither shown nor chained: it may hold what was decrypted.
            wrong = "MAC mismatch" in str(error)
        else:
            if signer.address[2:].lower() == str(kept["address"]).removeprefix("0x").lower():
                return signer
            raise KeystoreUnusable(name, str(path), "its address is not that of its key")
        if wrong:
            self._asked = None
            raise WrongPassphrase(name, str(path))
        raise KeystoreUnusable(name, str(path), "it is no encrypted key that can be read")


def file_name(name: str) -> str:
    """The name of the file of an institution's key: its own name where that is safe everywhere, else what
    is safe of it and a digest, so that two names never share a file."""
    if re.fullmatch(r"[A-Z0-9][A-Z0-9_-]{0,63}", name):
        return f"{name}.json"
    safe = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:48] or "key"
    return f"{safe}.{keccak(text=name).hex()[:12]}.json"


def _keyfile() -> ModuleType:
    """eth-keyfile, loaded when a key is; to say which keys there are takes none."""
    put_off()
    return import_module("eth_keyfile.keyfile")


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= _LONGEST_NAME or not (name.isascii() and name.isprintable()):
        raise InvalidValue("name of a key", name, f"it is 1 to {_LONGEST_NAME} printable ASCII characters")


def _new_signer() -> tuple[Signer, bytes]:
    while True:
        key = os.urandom(32)
        with suppress(ValueError):  # one in 2**128 is no key
            return Signer(key), key


def _load(name: str, path: Path) -> dict[str, Any]:
    """The file of a key, still encrypted."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise KeystoreMissing(name, str(path)) from None
    except OSError as error:
        raise KeystoreUnusable(name, str(path), f"it cannot be read: {error.strerror}") from None
    # Every error from here is without the file's text, which may be a plain key.
    plain = re.fullmatch(rb"\s*\"?(0x)?[0-9a-fA-F]{64}\"?\s*", text) is not None
    kept: Any = None
    if not plain and len(text) <= _LARGEST_FILE:
        with suppress(ValueError, RecursionError):
            kept = json.loads(text)
    fields = {str(field).lower(): value for field, value in kept.items()} if isinstance(kept, dict) else {}
    if plain or fields.keys() & {"privatekey", "private_key", "secret", "mnemonic"}:
        reason = "it is a key in plain text; import it into an encrypted file and delete this one"
        raise KeystoreUnusable(name, str(path), reason)
    if fields.get("version") != 3 or "address" not in fields or not isinstance(fields.get("crypto"), dict):
        raise KeystoreUnusable(name, str(path), "it is no encrypted key (web3 secret storage, version 3)")
    return fields


def _check_work(name: str, path: Path, kept: dict[str, Any]) -> None:
    """A file from elsewhere may ask for more work than there is memory."""
    parameters = kept["crypto"].get("kdfparams")
    given = parameters if isinstance(parameters, dict) else {}
    limits = {"n": _HIGHEST_N, "r": 16, "p": 16, "c": _HIGHEST_ROUNDS, "dklen": 64}
    for parameter, highest in limits.items():
        value = given.get(parameter, 1)
        if type(value) is not int or not 1 <= value <= highest:
            raise KeystoreUnusable(name, str(path), f"its {parameter} is not a number up to {highest:,}")


def _write(path: Path, text: str) -> None:
    """All of the file or nothing, readable to its owner only, on disk when this returns, and never over
    another file. Raises FileExistsError and OSError."""
    path.parent.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
    path.parent.chmod(stat.S_IRWXU)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(part, path)
    finally:
        part.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

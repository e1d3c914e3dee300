"""The contracts, compiled.

`ledger/artifacts.json` is committed and ships in the wheel. It is the compile cache at once: it holds
a hash of the compiler's version, its settings and every source, imported ones included. In a checkout
whose sources differ from that hash the contracts are compiled again and the file is rewritten; in an
installed package the file is used as it is, and no compiler is needed.

    python -m ledger.compile            compile if stale
    python -m ledger.compile --check    fail if the committed file is not what the sources compile to
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import os
import posixpath
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger import solc
from ledger.errors import ArtifactsMissing, ArtifactsStale, CompilerFailed, LedgerError

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ROOT / "node_modules"
SOURCES = ROOT / "contracts"
ARTIFACTS = Path(__file__).resolve().parent / "artifacts.json"

SETTINGS: Mapping[str, Any] = {
    "optimizer": {"enabled": True, "runs": 700},
    "viaIR": True,
    "evmVersion": "cancun",
    "metadata": {"bytecodeHash": "none"},
    "outputSelection": {
        "*": {
            "*": [
                "abi",
                "userdoc",
                "evm.bytecode.object",
                "evm.deployedBytecode.object",
                "evm.deployedBytecode.immutableReferences",
            ]
        }
    },
}
LARGEST_CODE = 24_576
"""Bytes of deployed code that EIP-170 allows a contract."""

_IMPORT = re.compile(r"^\s*import\b[^;\"']*[\"']([^\"']+)[\"']", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Artifact:
    """A compiled contract. `immutable_references` gives (offset, length) in bytes of each immutable's places
    in `deployed_bytecode`, which holds zeros there; `notices` the sentence that the sources say about each
    error, by signature."""

    name: str
    abi: list[dict[str, Any]]
    bytecode: bytes
    deployed_bytecode: bytes
    immutable_references: dict[str, list[tuple[int, int]]]
    notices: dict[str, str]


@functools.cache
def artifacts() -> dict[str, Artifact]:
    """The production contracts by name, compiled anew in a checkout whose sources have changed.

    Raises ArtifactsMissing, CompilerMissing or CompilerFailed.
    """
    if SOURCES.is_dir() and (ROOT / "package.json").is_file():
        return compile_folder(SOURCES, ARTIFACTS)
    stored = _read(ARTIFACTS)
    if stored is None:
        raise ArtifactsMissing(str(ARTIFACTS))
    return _decode(stored)


def compile_folder(
    sources: Path, cache: Path, *, root: Path = ROOT, packages: Path = PACKAGES
) -> dict[str, Artifact]:
    """The deployable contracts of the files directly in `sources`, from `cache` where that is fresh.

    Every `.sol` file below `sources` is compiled; those in folders of it (interfaces, libraries, types)
    are not returned. `root` is what source names start from, `packages` a node_modules. A stale or missing
    cache is rewritten. Raises CompilerMissing or CompilerFailed.
    """
    texts = _read_sources(sources, root, packages)
    stored = _read(cache)
    if stored is None or not _is_fresh(stored, texts, packages):
        text = _compile(texts, sources.relative_to(root).as_posix(), packages)
        _write(cache, text)
        stored = json.loads(text)
    return _decode(stored)


def check(
    sources: Path = SOURCES, cache: Path = ARTIFACTS, *, root: Path = ROOT, packages: Path = PACKAGES
) -> None:
    """Compile afresh and raise ArtifactsStale where `cache` is not, to the byte, what comes out."""
    fresh = _compile(_read_sources(sources, root, packages), sources.relative_to(root).as_posix(), packages)
    if cache.is_file() and cache.read_text() == fresh:
        return
    old = (_read(cache) or {"contracts": {}})["contracts"]
    new = json.loads(fresh)["contracts"]
    differing = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    raise ArtifactsStale(str(cache), differing or ["the hash of the sources"])


def _read_sources(sources: Path, root: Path, packages: Path) -> dict[str, str]:
    """Source texts by name: all below `sources` and, as far as they are found, all that these import."""
    waiting = sorted(path.relative_to(root).as_posix() for path in sources.rglob("*.sol"))
    texts: dict[str, str] = {}
    while waiting:
        name = waiting.pop()
        path = next((base / name for base in (root, packages) if (base / name).is_file()), None)
        if name in texts or path is None:
            continue
        texts[name] = path.read_text(encoding="utf-8")
        waiting.extend(_resolve(name, imported) for imported in _IMPORT.findall(texts[name]))
    return dict(sorted(texts.items()))


def _resolve(importer: str, imported: str) -> str:
    if imported.startswith("."):
        return posixpath.normpath(posixpath.join(posixpath.dirname(importer), imported))
    return imported


def _digests(texts: Mapping[str, str]) -> dict[str, str]:
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}


def _input_hash(digests: Mapping[str, str]) -> str:
    inputs = {"solc": solc.VERSION, "settings": SETTINGS, "sources": digests}
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def _is_fresh(stored: Mapping[str, Any], texts: Mapping[str, str], packages: Path) -> bool:
    """Whether the cache is of these sources. Where the npm packages are not installed their sources, which
    package-lock.json pins, count as unchanged."""
    digests = _digests(texts)
    if not packages.is_dir():
        digests = {n: d for n, d in stored["sources"].items() if n.startswith("@")} | digests
    return bool(_input_hash(digests) == stored["input_hash"])


def _compile(texts: Mapping[str, str], folder: str, packages: Path) -> str:
    """The text of a cache file for the contracts in the files directly in `folder`.

    solc uses one core, and takes nearly all its time for the code that it gives, not for reading. So it runs
    once for each part of the files, which gives the same code.
    """
    wanted = sorted(
        (name for name in texts if posixpath.dirname(name) == folder), key=lambda n: len(texts[n])
    )
    parts = [part for part in (wanted[::2], wanted[1::2]) if part] or [[]]
    answers = solc.run([_input(texts, part) for part in parts], packages=packages)
    contracts: dict[str, dict[str, Any]] = {}
    for source, found in sorted(item for each in answers for item in each.get("contracts", {}).items()):
        for name, output in found.items():
            if not output.get("evm", {}).get("bytecode", {}).get("object"):
                continue
            if name in contracts:
                raise CompilerFailed([f"{source}: a second contract is called {name}; names must differ"])
            contracts[name] = _encode(name, output)
    return _render(_digests(texts), contracts)


def _input(texts: Mapping[str, str], wanted: Sequence[str]) -> dict[str, Any]:
    """What solc is given: every source, and that the contracts of some are wanted."""
    outputs = SETTINGS["outputSelection"]["*"]
    return {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in texts.items()},
        "settings": {**SETTINGS, "outputSelection": dict.fromkeys(wanted, outputs)},
    }


def _encode(name: str, output: Mapping[str, Any]) -> dict[str, Any]:
    """A contract as the cache holds it: its deployed code as (offset, length) of its creation code, which
    contains it, unless it does not."""
    code: str = output["evm"]["bytecode"]["object"]
    deployed: str = output["evm"]["deployedBytecode"]["object"]
    if "__$" in code:
        raise CompilerFailed([f"{name} needs a library that is deployed apart; make its functions internal"])
    if len(deployed) // 2 > LARGEST_CODE:
        raise CompilerFailed([f"{name} is {len(deployed) // 2} bytes of code; EIP-170 allows {LARGEST_CODE}"])
    offset = code.find(deployed)
    references = output["evm"]["deployedBytecode"].get("immutableReferences", {})
    errors = output.get("userdoc", {}).get("errors", {})
    return {
        "abi": output["abi"],
        "bytecode": code,
        "deployed_bytecode": [offset // 2, len(deployed) // 2]
        if offset >= 0 and offset % 2 == 0
        else deployed,
        "immutable_references": {
            key: [[place["start"], place["length"]] for place in places] for key, places in references.items()
        },
        "notices": {signature: said[0]["notice"] for signature, said in errors.items()},
    }


def _render(digests: Mapping[str, str], contracts: Mapping[str, Any]) -> str:
    """JSON with sorted keys and a line a contract, so that a difference shows whose code has changed."""

    def line(value: object) -> str:
        return json.dumps(value, sort_keys=True, separators=(",", ":"))

    lines = ",\n".join(f"{line(name)}:{line(contracts[name])}" for name in sorted(contracts))
    sources = ",\n".join(f"{line(name)}:{line(digests[name])}" for name in sorted(digests))
    return (
        f'{{"contracts":{{\n{lines}\n}},\n"input_hash":{line(_input_hash(digests))},\n'
        f'"solc":{line(solc.VERSION)},\n"sources":{{\n{sources}\n}}}}\n'
    )


def _decode(stored: Mapping[str, Any]) -> dict[str, Artifact]:
    return {name: _artifact(name, entry) for name, entry in stored["contracts"].items()}


def _artifact(name: str, entry: Mapping[str, Any]) -> Artifact:
    bytecode = bytes.fromhex(entry["bytecode"])
    deployed = entry["deployed_bytecode"]
    return Artifact(
        name=name,
        abi=entry["abi"],
        bytecode=bytecode,
        deployed_bytecode=bytes.fromhex(deployed)
        if isinstance(deployed, str)
        else bytecode[deployed[0] : deployed[0] + deployed[1]],
        immutable_references={
            key: [(start, length) for start, length in places]
            for key, places in entry["immutable_references"].items()
        },
        notices=entry["notices"],
    )


def _read(cache: Path) -> dict[str, Any] | None:
    """What the cache holds; None where there is none, or none that can be read."""
    try:
        stored: dict[str, Any] = json.loads(cache.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return stored if stored.keys() >= {"contracts", "input_hash", "sources"} else None


def _write(cache: Path, text: str) -> None:
    """Replace the file in one step, so that a reader in another process sees the old or the new."""
    cache.parent.mkdir(parents=True, exist_ok=True)
    temporary = cache.with_name(f".{cache.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, cache)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compile if stale, or with `--check` verify; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m ledger.compile", description="Compile the contracts.")
    parser.add_argument("--check", action="store_true", help="fail if the committed file is not up to date")
    try:
        if parser.parse_args(arguments).check:
            check()
        else:
            compile_folder(SOURCES, ARTIFACTS)
    except LedgerError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())

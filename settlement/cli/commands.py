"""The tree of commands, of which only those are made that may have been asked for.

Typer makes every command from its function's signature each time that it is called. For seventy of them that
is a tenth of a second, longer than many a command runs.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.main import get_command_name
from typer.models import CommandInfo, TyperInfo


class Commands(typer.Typer):
    """All commands and groups of them. What is called does what it says, suggests and refuses as with all."""

    def __call__(self, *given: Any, **named: Any) -> Any:
        """Run what the words ask for, `sys.argv` where none are given."""
        words = given[0] if given else named.get("args")
        part = meant(self, sys.argv[1:] if words is None else words)
        return typer.Typer.__call__(part, *given, **named)


def meant(commands: Commands, words: Sequence[str]) -> Commands:
    """The commands that words may mean: one, or one group; all where the first word is neither."""
    part = copy.copy(commands)
    part.registered_commands = [each for each in commands.registered_commands if _name(each) in words[:1]]
    part.registered_groups = [
        _within(each, words[1:3]) for each in commands.registered_groups if each.name in words[:1]
    ]
    return part if part.registered_commands or part.registered_groups else commands


def _within(group: TyperInfo, words: Sequence[str]) -> TyperInfo:
    """A group with the commands that words may mean: before a command's name comes, in some, the ledger's."""
    part, of = copy.copy(group), copy.copy(group.typer_instance)
    assert of is not None
    of.registered_commands = [each for each in of.registered_commands if _name(each) in words]
    if of.registered_commands and not of.registered_groups:
        part.typer_instance = of
    return part


def _name(command: CommandInfo) -> str:
    return command.name or get_command_name(getattr(command.callback, "__name__", ""))

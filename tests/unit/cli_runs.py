"""Runs of the command in this process, for tests of any scope."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import typer

from settlement import cli

ROOT = Path(__file__).resolve().parents[2]
TRADES = 60
"""Of the day that tests run."""
BY_HAND = (
    *("--buyer", "Dunmore", "--seller", "Birchwood", "--security", "ZZ0000010379"),
    *("--quantity", "10", "--amount", "4290.00"),
)
"""One trade, as options."""


class Left(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def shown(self) -> dict[str, Any]:
        """The one JSON object that standard output is."""
        found: dict[str, Any] = json.loads(self.out)
        return found


@cache
def _command() -> Callable[..., Any]:
    """The whole command, put together once: that takes longer than most runs of it."""
    return typer.main.get_command(cli.app)


def clearing(*arguments: object) -> Left:
    """Run the command."""
    out, err = io.StringIO(), io.StringIO()
    code: Any = 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            _command()([str(argument) for argument in arguments], prog_name="clearing")
        except SystemExit as left:
            code = left.code
    return Left(code if isinstance(code, int) else 0, out.getvalue(), err.getvalue())

"""Statements of agreements, and the transparency report."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from settlement.cli.output import (
    AllOption,
    DirectoryArgument,
    JsonOption,
    opened,
    write_out,
)


class StatementFormat(StrEnum):
    """What a statement is written as."""

    TEXT = "text"
    HTML = "html"
    CSV = "csv"
    JSON = "json"


def statement(
    path: DirectoryArgument,
    agreement: Annotated[
        str, typer.Option("--agreement", metavar="PAYER/NAME", help="Whose agreement, and its name.")
    ],
    period: Annotated[
        str,
        typer.Option(
            "--period",
            metavar="P",
            help="2019-11, 2019Q4, 2019H2 or 2019; one of the agreement's periods, or several.",
        ),
    ],
    party: Annotated[
        str | None,
        typer.Option("--party", metavar="INSTITUTION", help="One party's; else all, side by side."),
    ] = None,
    form: Annotated[
        StatementFormat | None,
        typer.Option("--format", help="text, or html: one page that prints; csv: a row a line; json."),
    ] = None,
    as_json: JsonOption = False,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Write it to FILE, which is replaced.")
    ] = None,
    everything: AllOption = False,
) -> None:
    """Explain every unit that an agreement brought its parties: each line with its formula, sums that add up.

    Without --party, as html, it is the transparency report: all parties side by side, with charts.
    """
    wanted = _wanted(form, as_json)
    if output is not None and output.exists() and not output.is_file():
        raise typer.BadParameter(f"{output} is no file", param_hint="'--output'")
    with opened(path, write=False) as ledger:
        from settlement.agreements.desk import Desk
        from settlement.agreements.statements import reading

        desk = Desk(ledger)
        made = reading.read(desk, desk.agreement(agreement), period, party)
        from settlement.agreements import statements

        if wanted is StatementFormat.TEXT:
            from io import StringIO

            from rich.console import Console

            # In a file there is no terminal, and so no colour.
            like = Console() if output is None else Console(file=StringIO(), width=100)
            written = statements.as_text(made, like, everything=everything)
        elif wanted is StatementFormat.HTML:
            written = statements.as_html(made)
        elif wanted is StatementFormat.CSV:
            written = statements.as_csv(made)
        else:
            import json

            written = json.dumps(statements.as_json(made), indent=2) + "\n"
        if output is not None:
            from settlement.files import write_whole

            write_whole(output, written.encode())
    if output is None:
        write_out(written)
    else:
        write_out(f"{output} has the statement of {agreement}, {period}.\n")


def _wanted(form: StatementFormat | None, as_json: bool) -> StatementFormat:
    if as_json and form not in (None, StatementFormat.JSON):
        raise typer.BadParameter(
            f"'--json' and '--format {form}' contradict each other", param_hint="'--format'"
        )
    return StatementFormat.JSON if as_json else form or StatementFormat.TEXT

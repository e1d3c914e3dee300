"""`clearing`, the command.

Exit codes: 0 done; 1 done, and something needs attention (rows refused, trades waiting or disputed,
breaks, a check that failed); 2 bad input or usage; 3 the environment lacks something; 130 interrupted.
Standard output carries the report or the one JSON object and nothing else; what went wrong is said on
standard error.
"""

from __future__ import annotations

import gc
from typing import Annotated

import typer

from settlement.cli import (
    accounting,
    agreeing,
    attesting,
    auditing,
    breaking,
    days,
    disclosing,
    ending,
    entering,
    indexing,
    instructing,
    looking,
    proving,
    querying,
    reconciling,
    resolving,
    settling,
    sharing,
    simulating,
    stating,
)
from settlement.cli.commands import Commands
from settlement.cli.output import write_out

GARBAGE_AFTER = 20_000
"""How many more objects there are before Python looks for those that nobody can reach."""

app = Commands(
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        write_out(f"clearing {version('clearing')}\n")
        raise typer.Exit


@app.callback()
def _clearing(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """A T+0 clearing ledger for a consortium of institutions: a directory, on a local chain or a network."""


for command in (
    *(days.demo, days.day, simulating.simulate),
    instructing.instruct,
    *(entering.init, entering.record, entering.trade, entering.affirm),
    *(settling.fund, settling.settle, reconciling.reconcile),
    *(ending.end_day, ending.default),
    *(looking.status, looking.report, looking.doctor, looking.backup, looking.resync, looking.node),
    attesting.attest,
    *(proving.evidence, proving.verify),
    stating.statement,
    resolving.gridlock,
):
    app.command()(command)

_GROUPS = (
    (
        "agreement",
        (agreeing.register, sharing.register),
        "Agreements between institutions on whose income is shared how.",
    ),
    (
        "breaks",
        (breaking.register,),
        "Differences between books that are kept, each with its reason, its age, its owner and its end.",
    ),
    (
        "audit",
        (auditing.register, accounting.register, querying.register),
        "Questions to a ledger, answered as of one block to whom the access policy lets see it.",
    ),
    ("index", (indexing.register,), "The tables that questions are asked of, made from the chain."),
    (
        "clients",
        (disclosing.register,),
        "Which clients a broker's trades were for: affirmed without being told, shown one by one.",
    ),
)
for name, registers, said in _GROUPS:
    group = typer.Typer(
        context_settings={"help_option_names": ["-h", "--help"]},
        no_args_is_help=True,
        rich_markup_mode=None,
        help=said,
    )
    for register in registers:
        register(group)
    app.add_typer(group, name=name)


def main() -> None:
    """The entry point of the installed command."""
    # What is imported stays: looking through all of it for garbage, again and again, is a tenth of the time
    # that a short command takes.
    gc.set_threshold(GARBAGE_AFTER)
    app()

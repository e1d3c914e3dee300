"""`clearing`, the command.

Exit codes: 0 done; 1 done, and something needs attention (rows refused, trades waiting or disputed,
breaks); 2 bad input or usage; 3 the environment lacks something; 130 interrupted. Standard output carries
the report or the one JSON object and nothing else; what went wrong is said on standard error.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.errors import LedgerError, UnknownChain
from settlement.errors import FileUnwritable, SettlementError
from settlement.report.progress import Progress

# What takes time to load is imported where it is used: `clearing --version` and `--help` answer at once.
if TYPE_CHECKING:
    from settlement.model import Intake
    from settlement.report.summary import Summary
    from settlement.scenario import Scenario

DEMO_SEED = 7
INTERRUPTED = 130

app = typer.Typer(
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

ChainOption = Annotated[
    str | None,
    typer.Option(metavar="anvil|pyevm", help="The engine; anvil where it is installed, else pyevm."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of the report.")]
AllOption = Annotated[bool, typer.Option("--all", help="Show every row of every list in the report.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        _write_out(f"clearing {version('clearing')}\n")
        raise typer.Exit


@app.callback()
def _clearing(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """A T+0 clearing ledger for a consortium of institutions, simulated on a local chain."""


@app.command()
def demo(
    seed: Annotated[int, typer.Option(min=0, help="Of the generated day.")] = DEMO_SEED,
    trades: Annotated[int, typer.Option(min=1, help="How many trades the day has.")] = 2000,
    chain: ChainOption = None,
    as_json: JsonOption = False,
    everything: AllOption = False,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep the generated day as a trade file.")
    ] = None,
) -> None:
    """Run a made-up business day of scenario `sample` and show what happened."""
    with _failures():
        with Progress() as progress:
            progress("intake")
            from settlement import intake, sample, scenario

            start_s = perf_counter()
            engine = _engine(chain)
            market = scenario.load("sample")
            data = sample.generate(seed, trades=trades, scenario=market)
            if save is not None:
                _save(save, data)
            read = intake.parse_trades(data, market, source="the generated day")
            intake_s = perf_counter() - start_s
            summary = _run(data, read, market, engine, progress, intake_s)
        _show(summary, read, as_json=as_json, everything=everything)


@app.command()
def day(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The day's trades, in the scenario's format.")],
    scenario: Annotated[
        str, typer.Option(metavar="NAME|PATH", help="A scenario of the package, or a YAML file.")
    ],
    chain: ChainOption = None,
    cover: Annotated[
        str | None,
        typer.Option(metavar="X", help="The part, as 0.8, of the cash they need that brokers open with."),
    ] = None,
    date: Annotated[
        datetime | None,
        typer.Option(
            metavar="YYYY-MM-DD", formats=["%Y-%m-%d"], help="The trading day; else that of the first row."
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first row that is wrong.")] = False,
    rejects: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Where refused rows go; NAME.rejects.csv in this directory."),
    ] = None,
    export: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the day as Parquet files into DIR.")
    ] = None,
    as_json: JsonOption = False,
    everything: AllOption = False,
) -> None:
    """Run one business day from a trade FILE: record, affirm, net, settle, reconcile."""
    with _failures():
        with Progress() as progress:
            progress("intake")
            from settlement import files, intake
            from settlement import scenario as scenarios

            start_s = perf_counter()
            engine = _engine(chain)
            market = scenarios.load(scenario)
            if cover is not None:
                market = market.with_cover(cover)
            data = files.read_regular(file)
            trading_day = None if date is None else date.date()
            read = intake.parse_trades(data, market, source=str(file), date=trading_day, strict=strict)
            written = _write_rejects(read, rejects or intake.rejects_path(file), file)
            intake_s = perf_counter() - start_s
            summary = _run(data, read, market, engine, progress, intake_s, written, export)
        _show(summary, read, as_json=as_json, everything=everything)


def main() -> None:
    """The entry point of the installed command."""
    app()


def _engine(chain: str | None) -> str:
    """The engine asked for, or the default. Raises UnknownChain before anything else has been done."""
    from ledger.chain import ENGINES, default_engine

    if chain is not None and chain not in ENGINES:
        raise UnknownChain(chain, ENGINES)
    return chain or default_engine()


def _run(
    data: bytes,
    read: Intake,
    scenario: Scenario,
    engine: str,
    progress: Progress,
    intake_s: float,
    rejects_file: str | None = None,
    export_to: Path | None = None,
) -> Summary:
    """The whole day after intake, which took `intake_s`."""
    from settlement.day import open_day, run
    from settlement.report.summary import summarize

    if export_to is not None:
        from settlement.export import export, prepare

        prepare(export_to)
    with open_day(scenario, read, data, chain=engine, progress=progress) as opened:
        run(opened)
        progress("report")
        summary = summarize(opened, rejects_file=rejects_file, intake_s=intake_s)
        if export_to is not None:
            export(opened, export_to)
    return summary


def _write_rejects(read: Intake, path: Path, trade_file: Path) -> str | None:
    """Write what was refused, if anything was; the path as text. Never over the trade file itself."""
    from settlement.intake import write_rejects

    if not read.rejects:
        return None
    if path.exists() and path.samefile(trade_file):
        raise FileUnwritable(str(path), "it is the trade file")
    write_rejects(path, read.rejects)
    return str(path)


def _save(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL byte
        raise FileUnwritable(str(path), getattr(error, "strerror", None) or str(error)) from None


def _show(summary: Summary, read: Intake, *, as_json: bool, everything: bool) -> None:
    """Print the report or the JSON object, and leave with 1 where something needs attention."""
    if as_json:
        text = json.dumps(summary.as_json(), indent=2) + "\n"
    else:
        from rich.console import Console

        from settlement.report.text import report

        text = report(summary, read.rejects, Console(), everything=everything)
    _write_out(text)
    raise typer.Exit(1 if summary.needs_attention else 0)


def _write_out(text: str) -> None:
    """Write to standard output. A reader that has gone away has seen what it wanted to see."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered would raise again when Python flushes it at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise FileUnwritable("standard output", error.strerror or str(error)) from None


@contextmanager
def _failures() -> Iterator[None]:
    """Turn an expected failure into its message and exit code; anything else is a defect and shows itself."""
    try:
        yield
    except (LedgerError, SettlementError) as error:
        print(f"clearing: {error}", file=sys.stderr)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        print("clearing: interrupted", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None

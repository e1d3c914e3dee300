"""A whole business day in one command, on a ledger of its own or on one that goes on: demo and day."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.errors import UnknownChain
from settlement.cli import allocating
from settlement.cli.entering import RejectsOption, StrictOption, write_rejects
from settlement.cli.output import (
    AllOption,
    CoverOption,
    DateOption,
    FormatOption,
    JsonOption,
    TimeLimitOption,
    TradesObjectiveOption,
    cover_ppm,
    day_of,
    failures,
    leave,
    passphrase_from,
    search_for,
    wants_json,
    write_json,
    write_out,
)
from settlement.errors import FileUnwritable, LedgerRefused, ScenarioDiffers
from settlement.report.progress import Progress

if TYPE_CHECKING:
    import datetime as dt

    from settlement.clients.columns import Allocations
    from settlement.intake.standing import Recorded
    from settlement.liquidity import Search
    from settlement.model import Intake
    from settlement.operations import Ledger
    from settlement.report.summary import Summary

DEMO_SEED = 7
ChainOption = Annotated[
    str | None,
    typer.Option(metavar="anvil|pyevm", help="The engine; anvil where it is installed, else pyevm."),
]
LedgerOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="The ledger to run it on, made where it is not there; else none is kept."
    ),
]


def demo(
    seed: Annotated[int, typer.Option(min=0, help="Of the generated day.")] = DEMO_SEED,
    trades: Annotated[int, typer.Option(min=1, help="How many trades the day has.")] = 2000,
    chain: ChainOption = None,
    ledger: LedgerOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
    everything: AllOption = False,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep the generated day as a trade file.")
    ] = None,
    save_clients: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep the day's allocations to brokers' clients.")
    ] = None,
) -> None:
    """Run a made-up business day of scenario `sample` and show what happened."""
    json_wanted = wants_json(form, as_json)
    with failures():
        with Progress() as progress:
            progress("intake")
            from settlement import intake, sample, scenario
            from settlement.clients import generated, reading

            start_s = perf_counter()
            _check_engine(chain)
            loaded = scenario.load("sample")
            data = sample.generate(seed, trades=trades, scenario=loaded)
            if save is not None:
                _save(save, data)

            def read(recorded: Recorded | None) -> Intake:
                return intake.parse_trades(data, loaded, source="the generated day", recorded=recorded)

            def allocate(found: Intake) -> Mapping[str, Allocations]:
                made = generated.generate(seed, found.trades)
                if save_clients is not None:
                    _save(save_clients, made)
                return reading.parse(
                    made, found.trades, source="the generated clients", strict=True
                ).allocations

            source = "the generated day"
            asked = _Asked(
                *(data, source, "sample", read, lambda _: None, chain, ledger, start_s), allocate=allocate
            )
            summary, found = _run(asked, progress)
        _show(summary, found, json_wanted, everything)


def day(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The day's trades, in the scenario's format.")],
    scenario: Annotated[
        str, typer.Option(metavar="NAME|PATH", help="A scenario of the package, or a YAML file.")
    ],
    chain: ChainOption = None,
    ledger: LedgerOption = None,
    cover: CoverOption = None,
    date: DateOption = None,
    objective: TradesObjectiveOption = "value",
    time_limit: TimeLimitOption = None,
    strict: StrictOption = False,
    rejects: RejectsOption = None,
    clients: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Brokers' allocations to clients, all rows of which are right."),
    ] = None,
    export: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the day as Parquet files into DIR.")
    ] = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
    everything: AllOption = False,
) -> None:
    """Run one business day from a trade FILE: record, affirm, net, settle, reconcile."""
    json_wanted = wants_json(form, as_json)
    with failures():
        with Progress() as progress:
            progress("intake")
            from settlement import files, intake
            from settlement import scenario as scenarios

            start_s = perf_counter()
            _check_engine(chain)
            loaded = scenarios.load(scenario)
            cover_ppm(cover)
            search = search_for(objective, time_limit)
            data = files.read_regular(file)

            def read(recorded: Recorded | None) -> Intake:
                return intake.parse_trades(
                    data, loaded, source=str(file), date=day_of(date), strict=strict, recorded=recorded
                )

            def written(found: Intake) -> str | None:
                return write_rejects(found, rejects or intake.rejects_path(file), file)

            asked = _Asked(
                data,
                str(file),
                scenario,
                read,
                written,
                chain,
                ledger,
                start_s,
                cover_ppm(cover),
                export,
                search,
                lambda found: allocating.of_trades(clients, found.trades, strict=True).allocations,
            )
            summary, found = _run(asked, progress)
        _show(summary, found, json_wanted, everything)


def _check_engine(chain: str | None) -> None:
    """Raises UnknownChain before anything else has been done."""
    from ledger.chain import ENGINES

    if chain is not None and chain not in ENGINES:
        raise UnknownChain(chain, ENGINES)


def _to_nobody(_: Intake) -> Mapping[str, Allocations]:
    return {}


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a day's command was asked for. `read` reads the trade file, refusing what is recorded already;
    `rejects` writes what was refused and says where.
    """

    data: bytes
    source: str
    scenario: str
    read: Callable[[Recorded | None], Intake]
    rejects: Callable[[Intake], str | None]
    chain: str | None
    path: Path | None
    start_s: float
    covered: int | None = None
    export_to: Path | None = None
    search: Search | None = None
    allocate: Callable[[Intake], Mapping[str, Allocations]] = _to_nobody
    """Brokers' allocations of the trades to their clients."""


def _run(asked: _Asked, progress: Progress) -> tuple[Summary, Intake]:
    """All steps, on the ledger that there is or on a new one."""
    from ledger.chain import default_engine
    from settlement import directory
    from settlement.day import opens_at, run
    from settlement.export import export, prepare
    from settlement.report.summary import summarize

    with folder_for(asked.path) as folder, ExitStack() as stack:
        entered: list[Ledger] = []
        seconds = dict.fromkeys(("intake", "market"), asked.start_s)
        goes_on = (folder / directory.DEPLOYMENT).exists()

        def enter(trading_day: dt.date) -> Ledger:
            start_s, start = perf_counter(), opens_at(trading_day)
            if not goes_on:
                wanted = directory.Config(chain=asked.chain or default_engine(), clock="simulated")
                directory.init(folder, asked.scenario, wanted, start=start, progress=progress)
            opening = directory.open_ledger(
                folder, write=True, start=start, progress=progress, passphrase=passphrase_from(None)
            )
            entered.append(stack.enter_context(opening))
            seconds["market"] = perf_counter() - start_s
            return entered[-1]

        if goes_on:
            _check(folder, asked)
            found = asked.read(lambda trading_day: enter(trading_day).recorded_numbers(trading_day))
            found = entered[0].admitted(found) if entered else found
        else:
            found = asked.read(None)  # first, as a file that cannot be taken should leave no ledger behind
        if asked.export_to is not None:
            prepare(asked.export_to)
        written = asked.rejects(found)
        allocations = asked.allocate(found)
        trading_day = found.trades.trading_day
        if not goes_on:
            enter(trading_day)
        (ledger,) = entered
        seconds["intake"] = perf_counter() - asked.start_s - seconds["market"]
        ran = run(
            ledger,
            found,
            asked.data,
            source=asked.source,
            rejects_file=written,
            cover_ppm=asked.covered,
            search=asked.search,
            allocations=allocations,
        )
        progress("report")
        listed_s = ledger.seconds.get("market", 0)
        seconds = seconds | ledger.seconds | {"market": seconds["market"] + listed_s}
        breaks = tuple(each for each in ran.reconciled.breaks if each.trading_day in (None, trading_day))
        summary = summarize(
            ledger,
            trading_day,
            reconciled=replace(ran.reconciled, breaks=breaks),
            shortages=ran.settled.waiting,
            settled=ran.settled,
            seconds=seconds,
        )
        if asked.export_to is not None:
            export(ledger, asked.export_to, trading_day)
    # What the command did with its own file, whatever was recorded of that day before.
    return replace(summary, trades=found.rows, rejected=len(found.rejects), rejects_file=written), found


@contextmanager
def folder_for(path: Path | None) -> Iterator[Path]:
    """The directory given, or one that is gone afterwards."""
    if path is not None:
        yield path
        return
    try:
        temporary = tempfile.TemporaryDirectory(prefix="clearing-")
    except OSError as error:
        raise FileUnwritable("a temporary directory", error.strerror or str(error)) from None
    with temporary as folder:
        yield Path(folder)


def _check(folder: Path, asked: _Asked) -> None:
    """Raises ScenarioDiffers or LedgerRefused where the ledger that is there is not what was asked for."""
    from settlement import directory
    from settlement import scenario as scenarios

    there, wanted = directory.scenario_of(folder), scenarios.load(asked.scenario)
    if there != wanted:
        raise ScenarioDiffers(str(folder), there.name, wanted.name)
    runs_on = directory.config(folder).chain
    if asked.chain not in (None, runs_on):
        raise LedgerRefused(str(folder), f"runs on {runs_on}, not on {asked.chain}")


def _save(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL byte
        raise FileUnwritable(str(path), getattr(error, "strerror", None) or str(error)) from None


def _show(summary: Summary, read: Intake, json_wanted: bool, everything: bool) -> None:
    """Print the report or the JSON object, and leave with 1 where something needs attention."""
    if json_wanted:
        write_json(summary.as_json())
    else:
        from rich.console import Console

        from settlement.report.text import report

        write_out(report(summary, read.rejects, Console(), everything=everything))
    leave(summary.needs_attention)

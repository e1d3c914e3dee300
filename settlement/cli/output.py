"""What all commands have in common: their options, how they print, how they fail, how they open a ledger."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.errors import InvalidValue, LedgerError
from settlement.errors import FileUnwritable, SettlementError
from settlement.report.progress import Progress

# What takes time to load is imported where it is used: `clearing --version` and `--help` answer at once.
if TYPE_CHECKING:
    from rich.console import RenderableType

    from settlement.liquidity import Search
    from settlement.operations import Ledger
    from settlement.report.layout import Money

ATTENTION, INTERRUPTED = 1, 130
PASSPHRASE = "CLEARING_PASSPHRASE"
"""The environment variable that a network ledger's passphrase may be in."""


class Format(StrEnum):
    """What standard output carries."""

    TEXT = "text"
    JSON = "json"


DirectoryArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The ledger's directory.")]
FormatOption = Annotated[
    Format | None, typer.Option("--format", help="What to print: text for people, or one JSON object.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Short for --format json.")]
AllOption = Annotated[bool, typer.Option("--all", help="Show every row of every list.")]
PassphraseOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help=f"Holds the keys' passphrase, on a network; else ${PASSPHRASE}, else it is asked for.",
    ),
]


def parsed_day(text: str) -> datetime:
    """The day that an option says. Raises a usage error with what would be right."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day; one is wanted as 2024-03-14") from None


DAY: Mapping[str, Any] = {"metavar": "YYYY-MM-DD", "parser": parsed_day}
"""What options that are days have in common."""
DateOption = Annotated[datetime | None, typer.Option(help="The trading day.", **DAY)]
AsOption = Annotated[str, typer.Option("--as", metavar="INSTITUTION", help="Who does it.")]
TodayOption = Annotated[
    datetime | None,
    typer.Option(
        "--date",
        help="On a ledger whose clock is simulated: the day it is then.",
        **DAY,
    ),
]
ModelOption = Annotated[
    int,
    typer.Option(
        min=1,
        max=3,
        help="The BIS model of delivery versus payment: 1, securities and cash trade by trade; 2, securities"
        " trade by trade and cash net; 3, both net.",
    ),
]
CoverOption = Annotated[
    str | None,
    typer.Option(metavar="X", help="The part, as 0.8, of the cash they need that brokers are given."),
]
ObjectiveOption = Annotated[
    str, typer.Option(metavar="value|count|priority", help="What should be as large as can be.")
]
TradesObjectiveOption = Annotated[
    str,
    typer.Option(metavar="value|count", help="What of the trades that settle should be as large as can be."),
]
TimeLimitOption = Annotated[
    float | None,  # time_limit_s
    typer.Option(metavar="S", help="Seconds to look for the best choice; 10 where it is not given."),
]


def wants_json(form: Format | None, as_json: bool) -> bool:
    """Whether one JSON object is wanted. Raises a usage error where the two options contradict each other."""
    if as_json and form is Format.TEXT:
        raise typer.BadParameter(
            "'--json' and '--format text' contradict each other", param_hint="'--format'"
        )
    return as_json or form is Format.JSON


def day_of(given: datetime | None) -> date | None:
    """The day that an option says."""
    return None if given is None else given.date()


def write_out(text: str) -> None:
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


def write_json(shown: Mapping[str, Any] | list[dict[str, Any]]) -> None:
    """Print the one object, or the list where several were asked for."""
    write_out(json.dumps(shown, indent=2) + "\n")


def write_text(*parts: RenderableType, then: Iterable[str] = ()) -> None:
    """Print parts, one under the other, as wide as the terminal; text is as it is, without markup. `then` are
    commands that can come next, which are never wrapped.
    """
    from rich.console import Console, Group
    from rich.text import Text

    from settlement.report.layout import page_like, rendered

    content = (Text(part) if isinstance(part, str) else part for part in parts)
    text = rendered(Group(*content), page_like(Console()))
    write_out(text + "".join(f"{line}\n" for line in ("next:", *(f"  {step}" for step in then)) if then))


def page_width() -> int | None:
    """Characters that a line has room for: the terminal's, or as $COLUMNS says; None where nothing does, as
    in a pipe or a file."""
    if not sys.stdout.isatty() and not os.environ.get("COLUMNS", "").isdecimal():
        return None
    return shutil.get_terminal_size().columns


@contextmanager
def failures() -> Iterator[None]:
    """Turn an expected failure into its message and exit code; anything else is a defect and shows itself."""
    try:
        yield
    except (LedgerError, SettlementError) as error:
        print(f"clearing: {error}", file=sys.stderr)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        print("clearing: interrupted", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def opened(
    path: Path, *, write: bool, passphrase_file: Path | None = None, today: datetime | None = None
) -> Iterator[Ledger]:
    """The ledger at `path`, its simulated clock moved to `today`, with progress while it is open; its
    failures are said.
    """
    with failures(), Progress() as progress:
        progress("open")
        from settlement import directory

        passphrase = passphrase_from(passphrase_file)
        with directory.open_ledger(
            path, write=write, progress=progress, today=day_of(today), passphrase=passphrase
        ) as ledger:
            yield ledger


def passphrase_from(file: Path | None) -> Callable[[], str]:
    """Asks for the passphrase when it is first needed, and remembers it."""
    known: list[str] = []

    def passphrase() -> str:
        if not known:
            known.append(_passphrase(file))
        return known[0]

    return passphrase


def _passphrase(file: Path | None) -> str:
    if file is not None:
        from settlement.files import read_regular

        try:
            return read_regular(file).decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise typer.BadParameter(f"{file} is not UTF-8", param_hint="'--passphrase-file'") from None
    if PASSPHRASE in os.environ:
        return os.environ[PASSPHRASE]
    from getpass import getpass

    try:
        return getpass("Passphrase of the ledger's keys: ", stream=sys.stderr)
    except EOFError:
        reason = f"nobody can be asked here; give --passphrase-file, or set ${PASSPHRASE}"
        raise InvalidValue("passphrase", "", reason) from None


def where(path: Path, ledger: Ledger) -> dict[str, Any]:
    """What every JSON object begins with: which ledger, and its newest final block."""
    final = ledger.market.chain.final_block()
    return {"ledger": str(path), "head": f"0x{final.hash.hex()}", "block": final.number}


def cover_ppm(cover: str | None) -> int | None:
    """A cover in parts per million. Raises InvalidValue unless it is above 0 and at most 1."""
    from ledger.units import parse_ppm

    if cover is None:
        return None
    if not (ppm := parse_ppm(cover)):
        raise InvalidValue("cover", cover, "more than 0 is wanted")
    return ppm


def search_for(objective: str, time_limit_s: float | None) -> Search:
    """What is to be searched for among trades, and how long. Raises InvalidValue."""
    from settlement.liquidity import TIME_LIMIT_S, Objective, Search
    from settlement.liquidity.objectives import checked_time_limit

    wanted = Objective.of(objective, Objective.VALUE, Objective.COUNT)
    return Search(wanted, checked_time_limit(TIME_LIMIT_S if time_limit_s is None else time_limit_s))


def money_of(ledger: Ledger) -> Money:
    """The ledger's currency, for people."""
    from settlement.report.layout import Money

    scenario = ledger.market.scenario
    return Money(scenario.cash.currency, scenario.exponent)


def leave(attention: bool) -> None:
    """End with 1 where something needs attention."""
    raise typer.Exit(ATTENTION if attention else 0)

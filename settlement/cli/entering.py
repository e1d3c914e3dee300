"""The first steps of a ledger's life, a command each: init, record, trade, affirm."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from settlement.cli import allocating
from settlement.cli.output import (
    AllOption,
    DateOption,
    DirectoryArgument,
    FormatOption,
    JsonOption,
    PassphraseOption,
    day_of,
    failures,
    leave,
    money_of,
    opened,
    passphrase_from,
    wants_json,
    where,
    write_json,
    write_text,
)
from settlement.errors import FileUnwritable
from settlement.report.progress import Progress

if TYPE_CHECKING:
    from settlement.model import Intake
    from settlement.operations import Ledger

SCENARIO = "sample"
RejectsOption = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="Where refused rows go; NAME.rejects.csv in this directory."),
]
ClientsOption = Annotated[
    Path | None,
    typer.Option(
        "--clients",
        metavar="FILE",
        help="Which client each trade was for, of brokers' own knowledge: kept, affirmed by a root only.",
    ),
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Stop at the first row that is wrong.")]


def init(
    path: Annotated[Path, typer.Argument(metavar="DIR", help="An empty directory, or one to be made.")],
    scenario: Annotated[
        str, typer.Option(metavar="NAME|PATH", help="A scenario of the package, or a YAML file.")
    ] = SCENARIO,
    chain: Annotated[
        str | None,
        typer.Option(
            metavar="anvil|pyevm|URL",
            help="A local engine, anvil where it is installed, else pyevm; or a network's node.",
        ),
    ] = None,
    join: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The deployment.json of a ledger that is on the network already."),
    ] = None,
    finality: Annotated[
        str | None,
        typer.Option(
            metavar="N|finalized", help="Of a network: a block is final under N others, or when it says so."
        ),
    ] = None,
    transaction_gas: Annotated[
        int | None, typer.Option(min=1, metavar="GAS", help="Of a network: what one transaction may use.")
    ] = None,
    transaction_bytes: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Of a network: how long one transaction may be.")
    ] = None,
    timeout: Annotated[
        int | None, typer.Option(min=1, metavar="SECONDS", help="Of a network: how long to wait for a block.")
    ] = None,
    passphrase_file: PassphraseOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a ledger: a directory with a scenario's market on a chain."""
    json_wanted = wants_json(form, as_json)
    final = _finality(finality)
    with failures(), Progress() as progress:
        progress("open")
        from ledger.chain import default_engine
        from settlement import directory

        given: dict[str, Any] = {
            "chain": chain or default_engine(),
            "finality": final,
            "transaction_gas": transaction_gas,
            "transaction_bytes": transaction_bytes,
            "timeout_s": timeout,
        }
        kept = {key: value for key, value in given.items() if value is not None}
        wanted = directory.Config.model_validate(kept)
        passphrase = passphrase_from(passphrase_file)
        directory.init(path, scenario, wanted, join=join, progress=progress, passphrase=passphrase)
        with directory.open_ledger(path, write=False, passphrase=passphrase) as ledger:
            market = ledger.market
            shown = where(path, ledger) | {
                "scenario": market.scenario.name,
                "chain": market.chain.url,
                "currency": market.scenario.cash.currency,
                "institutions": len(market.index),
                "brokers": len(market.scenario.brokers),
                "securities": len(market.asset) - 1,
            }
    if json_wanted:
        write_json(shown)
        return
    write_text(
        f"{path} is a ledger: scenario {shown['scenario']} on {shown['chain']}, {shown['currency']},"
        f" {shown['institutions']} institutions, {shown['brokers']} of them brokers.",
        then=[f"clearing record {path} FILE", f"clearing trade {path} --help"],
    )


def _finality(given: str | None) -> int | Literal["finalized"] | None:
    if given is None or given == "finalized":
        return given  # type: ignore[return-value]
    if not (given.isascii() and given.isdigit()):
        raise typer.BadParameter(
            f"{given!r} is neither a number of blocks nor 'finalized'", param_hint="'--finality'"
        )
    return int(given)


def record(
    path: DirectoryArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A day's trades, in the scenario's format.")],
    date: DateOption = None,
    strict: StrictOption = False,
    rejects: RejectsOption = None,
    clients: ClientsOption = None,
    affirm: Annotated[
        bool, typer.Option("--affirm/--no-affirm", help="Have each institution affirm from its own book.")
    ] = True,
    passphrase_file: PassphraseOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
    everything: AllOption = False,
) -> None:
    """Record a trade FILE, refusing rows that are wrong or recorded; institutions affirm from their books."""
    json_wanted = wants_json(form, as_json)
    with opened(path, write=True, passphrase_file=passphrase_file) as ledger:
        from settlement import files, intake
        from settlement.report.standing import Mark

        ledger.progress("intake")
        data = files.read_regular(file)
        read = intake.parse_trades(
            data,
            ledger.market.scenario,
            source=str(file),
            date=day_of(date),
            strict=strict,
            recorded=ledger.recorded_numbers,
        )
        read = ledger.admitted(read)
        written = write_rejects(read, rejects or intake.rejects_path(file), file)
        allocated = allocating.of_trades(clients, read.trades, strict=strict)
        before = Mark.of(ledger.read())
        ledger.record(
            read,
            data,
            source=str(file),
            rejects_file=written,
            affirm=affirm,
            allocations=allocated.allocations,
        )
        shown = (
            where(path, ledger)
            | {
                "trading_day": str(read.trades.trading_day),
                "source": str(file),
                "trades": read.rows,
                "rejected": len(read.rejects),
                "rejects_file": written,
            }
            | allocating.as_json(allocated, clients)
        )
        shown |= _recorded(ledger, before, shown["trading_day"])
        steps = _after_recording(path, shown)
    if json_wanted:
        write_json(shown)
    else:
        from settlement.report.lists import rejects_table

        parts: list[Any] = [_said_recorded(shown), *allocating.said(shown)]
        for refused in filter(None, (read.rejects, allocated.rejects)):
            parts.append(rejects_table(refused, everything=everything))
        write_text(*parts, then=steps)
    leave(bool(read.rejects or allocated.rejects or shown["disputed"]))


def write_rejects(read: Intake, path: Path, trade_file: Path) -> str | None:
    """Write what was refused, if anything was; the path as text. Never over the trade file itself."""
    from settlement.intake import write_rejects

    if not read.rejects:
        return None
    if path.exists() and path.samefile(trade_file):
        raise FileUnwritable(str(path), "it is the trade file")
    write_rejects(path, read.rejects)
    return str(path)


def _recorded(ledger: Ledger, before: Any, trading_day: str) -> dict[str, Any]:
    """What recording has changed, as JSON has it."""
    from settlement.report.standing import Count, Mark, by_day, spent

    history = ledger.read()
    done = Mark.of(history).since(before)
    days = {str(day): count for day, count in by_day(history, 0).items()}
    return {
        "recorded": done.recorded,
        "batches": done.batches,
        "affirmations": done.affirmations,
        "disputed": done.disputed,
        "pending": days.get(trading_day, Count()).pending,
    } | spent(ledger, "record", "affirm")


def _after_recording(path: Path, shown: dict[str, Any]) -> list[str]:
    steps = ["fund", "settle", "reconcile"] if shown["pending"] else ["reconcile"]
    if shown["recorded"] and not shown["affirmations"]:
        steps.insert(0, "affirm")
    return [f"clearing {step} {path}" for step in steps]


def _said_recorded(shown: dict[str, Any]) -> str:
    from settlement.report.layout import plural

    said = f"{shown['trading_day']}: {plural(shown['recorded'], 'trade')} recorded"
    if shown["batches"]:
        said += f" in {plural(shown['batches'], 'batch', 'batches')}"
    said += f", {plural(shown['affirmations'], 'affirmation')}, {shown['disputed']:,} disputed."
    if shown["rejected"]:
        listed = f", listed in {shown['rejects_file']}" if shown["rejects_file"] else ""
        said += f"\n{plural(shown['rejected'], 'row')} of {shown['trades']:,} refused{listed}."
    return said + f"\n{plural(shown['pending'], 'trade')} of the day pending."


def trade(
    path: DirectoryArgument,
    buyer: Annotated[str, typer.Option(metavar="BROKER", help="Who buys.")],
    seller: Annotated[str, typer.Option(metavar="BROKER", help="Who sells; it may be the same.")],
    security: Annotated[str, typer.Option(metavar="CODE", help="ISIN or local code.")],
    quantity: Annotated[int, typer.Option(min=1, help="Whole units.")],
    amount: Annotated[str, typer.Option(metavar="AMOUNT", help="What is paid, as 4290.00, without charges.")],
    passphrase_file: PassphraseOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Record one trade by hand, of today by the ledger's clock, and say what happens next."""
    json_wanted = wants_json(form, as_json)
    with opened(path, write=True, passphrase_file=passphrase_file) as ledger:
        from ledger.units import parse_minor
        from settlement.report.standing import Mark, next_steps

        amount_minor = parse_minor(amount, ledger.market.scenario.exponent)
        before = Mark.of(ledger.read())
        number = ledger.trade(buyer, seller, security, quantity, amount_minor)
        batch = list(ledger.read().batches.values())[-1]
        day = str(batch.header.trading_day)
        shown = where(path, ledger) | {
            "trade": number,
            "trading_day": f"{day[:4]}-{day[4:6]}-{day[6:]}",
            "source": "by hand",
            "trades": 1,
            "rejected": 0,
            "rejects_file": None,
        }
        shown |= _recorded(ledger, before, shown["trading_day"])
        shown["next"] = next_steps(ledger, path)
        money = money_of(ledger)
    if json_wanted:
        write_json(shown)
        return
    write_text(
        f"Trade {number} of {shown['trading_day']} is recorded: {buyer} buys {quantity:,} {security} from"
        f" {seller} for {money.amount(amount_minor)}.\nIt is entered; it is irrevocable once both sides have"
        " affirmed it, and settled when securities and cash have moved.",
        then=shown["next"],
    )


def affirm(
    path: DirectoryArgument,
    institution: Annotated[
        str | None,
        typer.Option("--as", metavar="INSTITUTION", help="Affirm for this one; else for every broker."),
    ] = None,
    book: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Its own trades, in the scenario's format; else its book in the directory."
        ),
    ] = None,
    clients: ClientsOption = None,
    passphrase_file: PassphraseOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
    everything: AllOption = False,
) -> None:
    """Affirm what was recorded, each institution from its own book, and list what it excepts."""
    json_wanted = wants_json(form, as_json)
    if book is not None and institution is None:
        raise typer.BadParameter("say whose book it is with '--as'", param_hint="'--book'")
    if clients is not None and institution is None:
        raise typer.BadParameter("say whose clients they are with '--as'", param_hint="'--clients'")
    with opened(path, write=True, passphrase_file=passphrase_file) as ledger:
        from settlement.report.standing import Mark, next_steps

        if book is not None and institution is not None:
            _keep_own_book(ledger, institution, book)
        allocated = allocating.of_own(ledger, clients, institution)
        ledger.allocate(allocated.allocations)
        before = Mark.of(ledger.read())
        excepted = ledger.affirm(institution)
        shown = (
            where(path, ledger)
            | {
                "affirmations": Mark.of(ledger.read()).since(before).affirmations,
                "excepted": [
                    {"institution": e.institution, "trading_day": str(e.trading_day), "trade": e.trade}
                    for e in excepted
                ],
            }
            | allocating.as_json(allocated, clients)
        )
        steps = next_steps(ledger, path)
    if json_wanted:
        write_json(shown)
    else:
        from settlement.report.lists import rejects_table

        parts = [*_said_affirmed(shown), *allocating.said(shown)]
        if allocated.rejects:
            parts.append(rejects_table(allocated.rejects, everything=everything))
        write_text(*parts, then=steps)
    leave(bool(excepted or allocated.rejects))


def _keep_own_book(ledger: Ledger, institution: str, file: Path) -> None:
    """Make a file of an institution's own, all rows of which have to be right, its book of that day."""
    from settlement import files, intake
    from settlement.errors import NameUnknown

    scenario = ledger.market.scenario
    if institution not in scenario.brokers:
        raise NameUnknown("broker", institution, scenario.brokers)
    data = files.read_regular(file)
    read = intake.parse_trades(data, scenario, source=str(file), strict=True)
    ledger.shelf.add(data, read, scenario, source=str(file), owner=institution)


def _said_affirmed(shown: dict[str, Any]) -> list[Any]:
    from settlement.report.layout import columns_table, plural, whole

    parts: list[Any] = [f"{plural(shown['affirmations'], 'affirmation')} handed in."]
    if not shown["affirmations"]:
        parts = ["Nothing to affirm: all that was recorded has been."]
    if shown["excepted"]:
        parts.append(f"{plural(len(shown['excepted']), 'trade')} excepted, which are disputed now:")
        table = columns_table("trade", ("of", "left"), ("excepted by", "left"))
        for each in shown["excepted"]:
            table.add_row(str(each["trade"]), each["trading_day"], each["institution"])
        parts.append(whole(table))
    return parts

"""Several days in one command, each as the scenario's `day` says."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from settlement.cli.days import ChainOption, LedgerOption, folder_for
from settlement.cli.ending import default_json, said_default
from settlement.cli.output import (
    CoverOption,
    FormatOption,
    JsonOption,
    cover_ppm,
    failures,
    leave,
    passphrase_from,
    wants_json,
    write_json,
    write_text,
)
from settlement.report.progress import Progress

if TYPE_CHECKING:
    from settlement.report.layout import Money
    from settlement.simulation.days import DayRan


def simulate(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Trade files, a day each, in order.")
    ],
    scenario: Annotated[
        str, typer.Option(metavar="NAME|PATH", help="A scenario of the package, or a YAML file.")
    ],
    chain: ChainOption = None,
    ledger: LedgerOption = None,
    cover: CoverOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run days as the scenario says: cycles, entry, parts, fails and penalties, defaults."""
    json_wanted = wants_json(form, as_json)
    with failures():
        with Progress() as progress, ExitStack() as stack:
            progress("intake")
            from ledger.chain import default_engine
            from settlement import directory
            from settlement import scenario as scenarios
            from settlement.day import opens_at
            from settlement.files import read_regular
            from settlement.intake import parse_trades
            from settlement.report.layout import Money
            from settlement.simulation.days import DayFile, check, simulate

            loaded = scenarios.load(scenario)
            covered = cover_ppm(cover)
            read = []
            for file in files:
                data = read_regular(file)
                read.append(
                    DayFile(parse_trades(data, loaded, source=str(file), strict=True), data, str(file))
                )
            read.sort(key=lambda each: each.intake.trades.trading_day)
            check(loaded, read)
            folder = stack.enter_context(folder_for(ledger))
            start = opens_at(read[0].intake.trades.trading_day)
            wanted = directory.Config(chain=chain or default_engine(), clock="simulated")
            directory.init(folder, scenario, wanted, start=start, progress=progress)
            opened = stack.enter_context(
                directory.open_ledger(
                    folder, write=True, start=start, progress=progress, passphrase=passphrase_from(None)
                )
            )
            days = list(simulate(opened, read, cover_ppm=covered))
            owed = opened.outcomes.fails.due(opened.market.index[loaded.venue], opened.market.cash_asset)
            names = {index: name for name, index in opened.market.index.items()}
            found = [default_json(each, names) for each in opened.outcomes.defaults.by_id.values()]
            money = Money(loaded.cash.currency, loaded.exponent)
        shown = {
            "scenario": loaded.name,
            "currency": loaded.cash.currency,
            "days": [_day_json(day) for day in days],
            "owed_minor": str(sum(owed.values())),
            "defaults": found,
        }
        if json_wanted:
            write_json(shown)
        else:
            write_text(*_said(days, shown, money))
        leave(any(day.pending or day.failed or day.breaks or day.refused or day.rejected for day in days))


def _day_json(day: DayRan) -> dict[str, Any]:
    return {
        "trading_day": str(day.trading_day),
        "recorded": day.recorded,
        "rejected": day.rejected,
        "recorded_value_minor": str(day.value),
        "settled_one_by_one": day.one_by_one,
        "settled_netted": day.netted,
        "settled_in_parts": day.in_parts,
        "settled_value_minor": str(day.settled_value),
        "failed": day.failed,
        "reasons": dict(sorted(day.reasons.items())),
        "penalties_minor": str(day.penalties),
        "compensated": day.compensated,
        "compensation_minor": str(day.compensation),
        "claims_collected_minor": str(day.collected),
        "defaults": day.defaults,
        "refused": day.refused,
        "pending": day.pending,
        "ended": day.ended,
        "breaks": day.breaks,
    }


def _said(days: list[DayRan], shown: dict[str, Any], money: Money) -> list[Any]:
    from settlement.report.layout import columns_table, plural, whole

    columns = (
        "recorded",
        "one by one",
        "netted",
        "in parts",
        money.currency,
        "failed",
        "penalties",
        "pending",
    )
    table = columns_table("day", *((name, "right") for name in columns))
    for day in days:
        counts = (day.recorded, day.one_by_one, day.netted, day.in_parts)
        table.add_row(
            str(day.trading_day),
            *(f"{count:,}" for count in counts),
            money.bare(day.settled_value),
            f"{day.failed:,}",
            money.bare(day.penalties),
            f"{day.pending:,}",
        )
    parts: list[Any] = [whole(table), ""]
    reasons = {code for day in days for code in day.reasons}
    if reasons:
        counted = {code: sum(day.reasons[code] for day in days) for code in sorted(reasons)}
        parts.append("Fails: " + ", ".join(f"{count:,} {code}" for code, count in counted.items()) + ".")
    closed = sum(day.compensated for day in days)
    if closed:
        paid = sum(day.compensation for day in days)
        parts.append(f"{plural(closed, 'trade')} closed by cash compensation: {money.amount(paid)}.")
    for default in shown["defaults"]:
        parts += said_default(default, money)
    if int(shown["owed_minor"]):
        parts.append(f"Owed and not collected yet: {money.amount(int(shown['owed_minor']))}.")
    barred = sum(day.rejected for day in days)
    if barred:
        parts.append(f"{plural(barred, 'row')} of the files refused: a party is suspended.")
    parts += [f"Refused: {each}" for day in days for each in day.refused]
    breaks = sum(day.breaks for day in days)
    parts.append(f"Breaks: {breaks or 'none'}.")
    return parts

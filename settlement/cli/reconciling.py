"""Holding books and statements against the ledger: `clearing reconcile`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from settlement.cli.output import (
    AllOption,
    DateOption,
    DirectoryArgument,
    JsonOption,
    day_of,
    leave,
    money_of,
    opened,
    where,
    write_json,
    write_out,
    write_text,
)
from settlement.errors import FileUnwritable, SettlementError

if TYPE_CHECKING:
    from settlement.breaks import Kept
    from settlement.breaks.reconciling import Reported
    from settlement.operations import Ledger
    from settlement.reconciliation.ledger_side import Scope
    from settlement.reconciliation.model import Break
    from settlement.report.reconciliation import Item, View
    from settlement.sources.configured import Brought
    from settlement.sources.guessing import Guess


class ReportFormat(StrEnum):
    """What the report is written as."""

    TEXT = "text"
    HTML = "html"
    XLSX = "xlsx"
    CSV = "csv"
    JSON = "json"


def reconcile(
    path: DirectoryArgument,
    book: Annotated[
        list[str] | None,
        typer.Option(metavar="INSTITUTION=SOURCE", help="An institution's own book; may be repeated."),
    ] = None,
    bank: Annotated[
        list[str] | None, typer.Option(metavar="SOURCE", help="The settlement bank's statement.")
    ] = None,
    custodian: Annotated[
        list[str] | None, typer.Option(metavar="SOURCE", help="The depository's or a custodian's statement.")
    ] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[INSTITUTION=]FILE",
            help="What stands where in its sources, or in all that do not show it.",
        ),
    ] = None,
    cycle: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Only what this settlement cycle moved.")
    ] = None,
    date: DateOption = None,
    form: Annotated[
        ReportFormat | None, typer.Option("--format", help="Text for people, or a file of that kind.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the report there.")
    ] = None,
    guess_mapping: Annotated[
        bool,
        typer.Option("--guess-mapping", help="Propose a mapping for each source; say how sure it is."),
    ] = False,
    save: Annotated[
        bool, typer.Option("--save", help="Keep these sources for the ledger: each cycle then reconciles.")
    ] = False,
    as_json: JsonOption = False,
    everything: AllOption = False,
) -> None:
    """Hold books and statements against the ledger: trades, positions, cash, revenue."""
    wanted = _wanted(form, as_json, output)
    if cycle is not None and date is not None:
        raise typer.BadParameter("a cycle or a day, not both", param_hint="'--cycle'")
    given = _brought(book or (), bank or (), custodian or (), mapping or ())
    with opened(path, write=False) as ledger:
        from settlement.breaks import reconciling
        from settlement.reconciliation.ledger_side import Scope
        from settlement.report.sources import known_day
        from settlement.sources import configured

        scope = Scope(known_day(ledger, day_of(date)), cycle)
        if guess_mapping:
            parts = _guessed(ledger, given)
            view = None
        else:
            brought = given or configured.configured(path)
            reported = reconciling.run(ledger, brought, scope)
            if save:
                configured.keep(path, given)
            view = _view(path, ledger, reported, scope)
            parts = []
    if view is None:
        _write_guesses(parts, wanted)
        return
    _write(view, wanted, output, everything=everything)
    unread = [each for each in view.refused if not each.line and not each.field]
    for each in unread:
        print(f"clearing: {each.source}: {each.reason}", file=sys.stderr)
    if unread:
        raise typer.Exit(SettlementError.exit_code)
    leave(bool(view.breaks or view.refused))


def _view(path: Path, ledger: Ledger, reported: Reported, scope: Scope) -> View:
    """What the reports of a run are made of."""
    from settlement.report.reconciliation import Item, View

    def item(found: Break, kept: Kept | None) -> Item:
        if kept is None:
            return Item(found)
        seen = kept.first_seen.date()
        return Item(found, kept.id, kept.status, seen, kept.bucket, kept.owner, kept.age)

    at = where(path, ledger)
    return View.of(
        reported.result,
        ledger=at["ledger"],
        head=at["head"],
        block=at["block"],
        scope=str(scope),
        money=money_of(ledger),
        made=ledger.moment,
        breaks=[item(*each) for each in reported.breaks],
        pending=[item(*each) for each in reported.pending],
        accepted=reported.accepted,
        corrected=reported.corrected,
    )


def _wanted(form: ReportFormat | None, as_json: bool, output: Path | None) -> ReportFormat:
    if as_json and form not in (None, ReportFormat.JSON):
        raise typer.BadParameter(
            f"'--json' and '--format {form}' contradict each other", param_hint="'--format'"
        )
    if as_json:
        return ReportFormat.JSON
    if form is None and output is not None and output.suffix[1:] in set(ReportFormat):
        return ReportFormat(output.suffix[1:])
    if form is ReportFormat.XLSX and output is None and sys.stdout.isatty():
        raise typer.BadParameter("a workbook is not for the terminal: -o FILE.xlsx", param_hint="'--format'")
    return form or ReportFormat.TEXT


def _brought(
    books: Sequence[str], bank: Sequence[str], custodian: Sequence[str], mappings: Sequence[str]
) -> list[Brought]:
    from settlement.sources.configured import Brought

    general: str | None = None
    own: dict[str, str] = {}
    for each in mappings:
        name, equals, file = each.partition("=")
        if equals and not os.path.exists(each):
            own[name] = file
        elif general is not None:
            raise typer.BadParameter(
                f"{general} and {each} are both for all sources; say whose: INSTITUTION=FILE",
                param_hint="'--mapping'",
            )
        else:
            general = each
    found = []
    for each in books:
        name, equals, source = each.partition("=")
        if not (equals and name and source):
            raise typer.BadParameter(
                f"{each!r} does not say whose book it is: INSTITUTION=SOURCE is wanted", param_hint="'--book'"
            )
        found.append(Brought("book", name, source, own.get(name), general))
    found += [Brought("bank", None, each, own.get("bank"), general) for each in bank]
    found += [Brought("custodian", None, each, own.get("custodian"), general) for each in custodian]
    for name in own.keys() - {each.owner or each.side for each in found}:
        raise typer.BadParameter(
            f"no source of {name!r} is given that it could be of", param_hint="'--mapping'"
        )
    return found


def _write(view: View, wanted: ReportFormat, output: Path | None, *, everything: bool) -> None:
    from settlement.report import reconciliation as report

    if wanted is ReportFormat.XLSX:
        data = report.as_xlsx(view)
        if output is None:
            sys.stdout.buffer.write(data)
            sys.stdout.flush()
        else:
            _write_file(output, data)
        return
    if wanted is ReportFormat.TEXT and output is None:
        write_text(*report.as_text(view, everything), then=_steps(view))
        return
    if wanted is ReportFormat.JSON and output is None:
        write_json(report.as_json(view))
        return
    text = _text_of(view, wanted, everything=everything)
    if output is None:
        write_out(text)
    else:
        _write_file(output, text.encode())


def _text_of(view: View, wanted: ReportFormat, *, everything: bool) -> str:
    from settlement.report import reconciliation as report

    if wanted is ReportFormat.HTML:
        return report.as_html(view)
    if wanted is ReportFormat.CSV:
        return report.as_csv(view)
    if wanted is ReportFormat.JSON:
        import json

        return json.dumps(report.as_json(view), indent=2) + "\n"
    from rich.console import Console, Group

    from settlement.report.layout import page_like, rendered

    return rendered(Group(*report.as_text(view, everything)), page_like(Console(width=100, no_color=True)))


def _write_file(output: Path, data: bytes) -> None:
    from settlement.cli.output import failures
    from settlement.files import write_whole

    with failures():
        if output.is_dir():
            raise FileUnwritable(str(output), "it is a directory")
        write_whole(output, data)


def _steps(view: View) -> list[str]:
    from settlement.report.reconciliation.view import ordered

    kept = [each.id for each in ordered(view.breaks) if each.id]
    return [f"clearing breaks {quote(view.ledger)} show {kept[0]}"] if kept else []


def _guessed(ledger: Ledger, brought: Sequence[Brought]) -> list[tuple[str, str, list[Guess]]]:
    from settlement.sources import guess_mapping
    from settlement.sources.gathering import context

    return [(each.where, *guess_mapping(each.where, context(ledger, each))) for each in brought]


def _write_guesses(parts: Sequence[tuple[str, str, list[Guess]]], wanted: ReportFormat) -> None:
    if wanted is ReportFormat.JSON:
        names = ("field", "column", "sure_percent", "why")
        shown = [
            {
                "source": where,
                "mapping": text,
                "guesses": [dict(zip(names, each, strict=True)) for each in found],
            }
            for where, text, found in parts
        ]
        write_json(shown)
        return
    for _, text, _ in parts:
        write_out(text)

"""What the questions of `clearing audit` share: their options, the session, how answers are written."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from settlement.cli.output import DAY, failures, page_width, write_json, write_out, write_text

if TYPE_CHECKING:
    from settlement.audit.answer import Answer
    from settlement.audit.filters import Filters
    from settlement.audit.session import Audit

ROWS = 100
"""Of an answer as text, where nobody says how many."""
_COLUMNS = {
    "trades": (
        *("trade", "buyer", "seller", "security", "quantity", "settlement_amount_minor", "currency"),
        *("status", "reasons"),
    ),
    "trade": ("step", "date_time", "institution", "side", "asset", "amount", "before", "after", "detail"),
    "movements": ("date_time", "block", "sender", "receiver", "asset", "amount"),
    "institutions": ("institution", "roles", "suspended", "account", "signer"),
    "commission": (
        *("date_time", "side", "payer", "commission_minor", "total_before_minor", "total_after_minor"),
        *("party", "share_ppm", "paid_minor", "whole", "currency"),
    ),
    "charges": (
        "date_time",
        "cycle",
        "payer",
        "commission_minor",
        "levy_minor",
        "levy_beneficiary",
        "currency",
    ),
    "revenue": (
        *(
            "date_time",
            "payer",
            "agreement_name",
            "period",
            "kind",
            "total_after_minor",
            "share_ppm",
            "party",
            "amount_minor",
        ),
        *("paid_minor", "currency"),
    ),
    "agreements": ("name", "payer", "parties", "version", "status", "currency"),
    "breaks": (
        "id",
        "institution",
        "level",
        "kind",
        "subject",
        "trading_day",
        "status",
        "value_at_risk_minor",
    ),
    "approvals": ("date_time", "kind", "institution", "person", "subject", "detail"),
}
"""What text shows; the other formats have every column."""


class Form(StrEnum):
    """What an answer is written as."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"
    XLSX = "xlsx"


FormOption = Annotated[Form, typer.Option("--format", help="What to write; else as FILE's ending says.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Short for --format json.")]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        help="Where to; else standard output.",
    ),
]
ViewerOption = Annotated[
    str | None, typer.Option("--as", metavar="NAME", help="Who asks: an institution, or a person of one.")
]
InstitutionOption = Annotated[str | None, typer.Option(metavar="NAME", help="On either side.")]
CounterpartyOption = Annotated[str | None, typer.Option(metavar="NAME", help="On the other side.")]
SecurityOption = Annotated[str | None, typer.Option(metavar="CODE", help="Of this security.")]
CurrencyOption = Annotated[str | None, typer.Option(metavar="CODE", help="In this currency.")]
FromOption = Annotated[datetime | None, typer.Option("--from", help="The first day.", **DAY)]
ToOption = Annotated[datetime | None, typer.Option("--to", help="The last day.", **DAY)]
AtOption = Annotated[
    str | None,
    typer.Option(metavar="BLOCK|TIME", help="As it stood then: a block's number, or a time (UTC)."),
]
StatusOption = Annotated[
    list[str] | None, typer.Option(metavar="WORD", help="Standing so; may be given several times.")
]
LeastOption = Annotated[
    str | None, typer.Option("--min", metavar="AMOUNT", help="At least, in currency units, as 4290.00.")
]
MostOption = Annotated[str | None, typer.Option("--max", metavar="AMOUNT", help="At most.")]
ReasonOption = Annotated[str | None, typer.Option(metavar="CODE", help="For this reason, as LACK or MONY.")]
LimitOption = Annotated[int | None, typer.Option(min=1, metavar="N", help="At most so many rows.")]
AfterOption = Annotated[str | None, typer.Option(metavar="CURSOR", help="Go on behind an earlier page.")]
AllOption = Annotated[bool, typer.Option("--all", help="Show every row.")]


@contextmanager
def session(context: typer.Context, question: str, viewer: str | None) -> Iterator[Audit]:
    """The ledger's session for who asks; its failures are said."""
    path: Path = context.obj
    with failures():
        from settlement.audit.asking import session_for

        with session_for(path, viewer, question) as audit:
            yield audit


def filters_of(options: Mapping[str, Any]) -> Filters:
    """The filters among a command's options."""
    from settlement.audit.filters import Filters

    found = {name: options[name] for name in Filters.__slots__ if options.get(name) is not None}
    for name in ("first", "last"):
        if name in found:
            found[name] = found[name].date()
    if "status" in found:
        found["status"] = tuple(found["status"])
    return Filters(**found)


def answered(
    context: typer.Context,
    question: str,
    asked: Callable[[Audit, Filters], Answer],
    options: Mapping[str, Any],
    **details: Any,
) -> None:
    """Ask, and write the answer as the options say."""
    form, everything = options["form"], options["everything"]
    filters = filters_of(options)
    text = chosen(form, options["as_json"], options["out"]) is Form.TEXT
    if text and not everything and filters.limit is None and "limit" in options:
        filters = replace(filters, limit=ROWS)
    with session(context, question, options["viewer"]) as audit:
        from settlement.audit import asking

        answer = asking.ask(audit, question, asked, filters, details)
        write_answer(audit, answer, form, options["as_json"], options["out"], everything)


def chosen(form: Form, as_json: bool, out: Path | None) -> Form:
    """What to write: what a file's name ends with decides where nobody names another form than text. Raises a
    usage error where `--json` and another form are asked for."""
    if as_json and form not in (Form.TEXT, Form.JSON):
        raise typer.BadParameter(
            f"'--json' and '--format {form.value}' contradict each other", param_hint="'--format'"
        )
    if as_json:
        return Form.JSON
    ending = out.suffix.lower().removeprefix(".") if out is not None else ""
    return Form(ending) if form is Form.TEXT and ending in list(Form) else form


def _seen(audit: Audit, answer: Answer) -> str:
    """What is said of what an answer may not have, though there is such."""
    from settlement.breaks.events import FILE

    if answer.question == "breaks" and not (audit.path / FILE).exists():
        return "Nothing was ever kept here: `clearing reconcile` keeps the breaks that it finds."
    access = audit.access
    only = {"own": f"Only what {access.viewer} may see.", "masked": "Names and amounts are masked."}
    return only.get(access.sees, "")


def _whose(audit: Audit) -> dict[str, str]:
    return {"ledger": str(audit.path), "viewer": audit.access.viewer, "sees": audit.access.sees}


def write_answer(
    audit: Audit, answer: Answer, form: Form, as_json: bool, out: Path | None, everything: bool
) -> None:
    """Write an answer to a file or to standard output. Raises FileUnwritable and TooManyRows."""
    from settlement.audit import writing

    form = chosen(form, as_json, out)
    decimals = audit.names.currencies()
    columns, seen = _COLUMNS.get(answer.question, ()), _seen(audit, answer)
    if form is Form.TEXT and out is None:
        limit = None if everything or answer.question == "trade" else ROWS
        parts = writing.as_text(answer, decimals, columns=columns, limit=limit, width=page_width(), seen=seen)
        write_text(*parts)
        return
    if form is Form.JSON and out is None:
        write_json(_whose(audit) | writing.as_json(answer))
        return
    if form is Form.TEXT:
        from rich.console import Console, Group
        from rich.text import Text

        from settlement.report.layout import page_like, rendered

        parts = writing.as_text(answer, decimals, columns=columns, seen=seen)
        page = page_like(Console(no_color=True, width=160, force_terminal=False))
        data = rendered(
            Group(*(Text(each) if isinstance(each, str) else each for each in parts)), page
        ).encode()
    elif form is Form.JSON:
        data = (json.dumps(_whose(audit) | writing.as_json(answer), indent=2) + "\n").encode()
    elif form is Form.CSV:
        data = "".join(writing.as_csv(answer)).encode()
    elif form is Form.PARQUET:
        data = writing.as_parquet(answer)
    else:
        data = writing.as_xlsx(answer, decimals)
    if out is not None:
        from settlement.files import write_whole

        write_whole(out, data)
    elif form is Form.CSV:
        write_out(data.decode())
    elif sys.stdout.isatty():
        raise typer.BadParameter(f"{form.value} is no text; give a file with -o", param_hint="'--format'")
    else:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()

"""What institutions say of trades that have not settled."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from settlement.cli.output import (
    DateOption,
    DirectoryArgument,
    FormatOption,
    JsonOption,
    PassphraseOption,
    day_of,
    opened,
    wants_json,
    where,
    write_json,
    write_text,
)
from settlement.words import Word


def instruct(
    path: DirectoryArgument,
    word: Annotated[Word, typer.Argument(metavar="WORD", help=f"One of {', '.join(Word)}.")],
    trades: Annotated[list[int], typer.Argument(metavar="TRADE...", min=1, help="Trade numbers of one day.")],
    institution: Annotated[
        str | None,
        typer.Option(
            "--as", metavar="INSTITUTION", help="Who says it; a decision is exchange's and regulator's, else."
        ),
    ] = None,
    date: DateOption = None,
    passphrase_file: PassphraseOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold, release, dispute or cancel trades, allow them to settle in parts, or decide a dispute."""
    json_wanted = wants_json(form, as_json)
    with opened(path, write=True, passphrase_file=passphrase_file) as ledger:
        from settlement.conditions import DECISIONS, locate, say
        from settlement.report.sources import known_day, only_day

        if institution is None and word not in DECISIONS:
            raise typer.BadParameter(f"say who says {word.value}", param_hint="'--as'")
        day = known_day(ledger, day_of(date)) or only_day(ledger)
        sent = say(ledger, word, day, trades, institution)
        house = ledger.market.clients.clearing_house
        standing = {
            int(batch.records.number[at]): house.status_of(batch.batch_hash, at).name
            for batch, positions in locate(ledger.read(), day, trades)
            for at in positions
        }
        shown: dict[str, Any] = where(path, ledger) | {
            "word": word.value,
            "by": institution,
            "trading_day": str(day),
            "trades": [{"trade": number, "status": status} for number, status in sorted(standing.items())],
            "transactions": len(sent),
        }
    if json_wanted:
        write_json(shown)
        return
    from settlement.report.layout import columns_table, whole

    table = columns_table("trade", ("stands as", "left"))
    for each in shown["trades"]:
        table.add_row(str(each["trade"]), each["status"].lower().replace("_", " "))
    who = institution or "exchange and regulator"
    write_text(f"{who}: {word.value}, of {shown['trading_day']}", whole(table))

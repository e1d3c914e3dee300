"""A broker's clients: `clearing clients DIR list`, `disclose` and `verify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from settlement.cli.output import (
    AllOption,
    DateOption,
    DirectoryArgument,
    FormatOption,
    JsonOption,
    day_of,
    leave,
    money_of,
    opened,
    wants_json,
    where,
    write_json,
    write_text,
)

if TYPE_CHECKING:
    from settlement.clients.leaves import Leaf
    from settlement.report.layout import Money

BrokerOption = Annotated[str, typer.Option("--as", metavar="BROKER", help="Whose clients.")]


def register(group: typer.Typer) -> None:
    """Put these commands into the group `clearing clients DIR`."""
    group.callback()(_of)
    group.command("list")(list_clients)
    for command in (disclose, verify):
        group.command()(command)


def _of(context: typer.Context, path: DirectoryArgument) -> None:
    """Which clients a broker's trades were for: list them, show one of them to a regulator, check what is
    shown.
    """
    context.obj = path


def list_clients(
    context: typer.Context,
    broker: BrokerOption,
    form: FormatOption = None,
    as_json: JsonOption = False,
    everything: AllOption = False,
) -> None:
    """List a broker's clients with what was affirmed of them; account numbers by their last four characters
    unless --all is given.
    """
    json_wanted = wants_json(form, as_json)
    with opened(context.obj, write=False) as ledger:
        from settlement.audit.masking import mask_name
        from settlement.clients import disclosing

        found: dict[str, list[int]] = {}
        batches = disclosing.affirmed(ledger, broker)
        for of in batches:
            names = [of.allocations.clients[code] for code in of.allocations.client.tolist()]
            rows = zip(names, of.allocations.quantity.tolist(), of.amount.tolist(), strict=True)
            for name, _, amount in rows:
                there = found.setdefault(name, [0, 0])
                there[0], there[1] = there[0] + 1, there[1] + amount
        rows_shown = [
            (name if everything else mask_name(name), count, amount)
            for name, (count, amount) in sorted(found.items(), key=lambda each: (-each[1][1], each[0]))
        ]
        money = money_of(ledger)
        shown = where(context.obj, ledger) | {
            "broker": broker,
            "batches": len(batches),
            "clients": [
                {"client": name, "allocations": count, "amount_minor": str(amount)}
                for name, count, amount in rows_shown
            ],
        }
    if json_wanted:
        write_json(shown)
        return
    if not rows_shown:
        write_text(f"{broker} has affirmed no allocations to clients.")
        return
    from settlement.report.layout import columns_table, whole

    table = columns_table(f"client of {broker}", ("allocations", "right"), (money.currency, "right"))
    for name, count, amount in rows_shown:
        table.add_row(name, f"{count:,}", money.bare(amount))
    write_text(whole(table))


def disclose(
    context: typer.Context,
    broker: BrokerOption,
    client: Annotated[str, typer.Option("--client", metavar="C", help="The client's account.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where the disclosure is written to.")
    ],
    trade: Annotated[int | None, typer.Option(metavar="NUMBER", min=0, help="Only of this trade.")] = None,
    date: DateOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a file that shows one client's allocations, and proves that they were affirmed.

    It holds the client's account, and nothing of other clients. Who has it can show it to anybody.
    """
    json_wanted = wants_json(form, as_json)
    with opened(context.obj, write=False) as ledger:
        from settlement.clients import disclosing
        from settlement.clients.disclosure import write
        from settlement.clients.kept import OWN
        from settlement.files import write_whole

        found = disclosing.disclose(ledger, broker, client, trade=trade, trading_day=day_of(date))
        write_whole(output, write(found), OWN)
        money = money_of(ledger)
        shown = where(context.obj, ledger) | {
            "disclosure": str(output),
            "broker": broker,
            "client": client,
            "batches": len(found.batches),
            "allocations": [_as_json(leaf) for leaf in found.leaves],
        }
    if json_wanted:
        write_json(shown)
        return
    from settlement.report.layout import plural

    write_text(
        f"{output} shows {plural(len(found.leaves), 'allocation')} of {broker} to {client}:",
        *(f"  {_as_text(leaf, money)}" for leaf in found.leaves),
        then=[f"clearing clients DIR verify {output}"],
    )


def verify(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Disclosures.")],
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check disclosures against what was affirmed on this ledger, each by itself and all together.

    Exit codes: 0 they hold; 1 they do not, and why; 2 a file is no disclosure.
    """
    json_wanted = wants_json(form, as_json)
    with opened(context.obj, write=False) as ledger:
        from settlement.clients import disclosing
        from settlement.clients.disclosure import read
        from settlement.files import read_regular

        found = [read(read_regular(file), str(file)) for file in files]
        checked = disclosing.check(ledger, found)
        money, holds = money_of(ledger), not checked.wrong
        shown = where(context.obj, ledger) | {
            "disclosures": [str(file) for file in files],
            "verified": holds,
            "wrong": list(checked.wrong),
            "whole": [_side(each) for each in checked.whole],
            "partly": [_side(each) for each in checked.partly],
            "clients": [
                {
                    "broker": each.broker,
                    "client": each.client,
                    "allocations": [_as_json(leaf) for leaf in each.leaves],
                }
                for each in (found if holds else ())
            ],
        }
    if json_wanted:
        write_json(shown)
    elif not holds:
        together = f"{', '.join(map(str, files))} does not hold:" if len(files) == 1 else "They do not hold:"
        write_text(together, *(f"  {each}" for each in checked.wrong))
    else:
        from settlement.report.layout import plural

        lines: list[Any] = []
        for file, each in zip(files, found, strict=True):
            lines.append(f"{file} holds: {each.broker} affirmed that of client {each.client} were")
            lines += [f"  {_as_text(leaf, money)}" for leaf in each.leaves]
        if checked.partly:
            shared = plural(len(checked.partly), "side of a trade", "sides of trades")
            lines.append(f"In {shared} other clients have a part; they are not shown.")
        else:
            lines.append("No other client has a part in these sides of the trades.")
        lines.append("Whether the client has more allocations than these cannot be told from what is shown.")
        write_text(*lines)
    leave(not holds)


def _as_json(leaf: Leaf) -> dict[str, Any]:
    return {
        "batch": f"0x{leaf.batch_hash.hex()}",
        "trade": leaf.trade,
        "side": leaf.side.name,
        "quantity": str(leaf.quantity),
        "amount_minor": str(leaf.amount),
    }


def _as_text(leaf: Leaf, money: Money) -> str:
    return f"trade {leaf.trade} {leaf.side.name} {leaf.quantity:,} for {money.amount(leaf.amount)}"


def _side(side: tuple[bytes, int, Any]) -> dict[str, Any]:
    return {"batch": f"0x{side[0].hex()}", "trade": side[1], "side": side[2].name}

"""Looking at a ledger and after it: status, report, doctor, backup, resync, node."""

from __future__ import annotations

import json
from dataclasses import asdict
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
    failures,
    leave,
    money_of,
    opened,
    wants_json,
    where,
    write_json,
    write_out,
    write_text,
)
from settlement.report.progress import Progress

if TYPE_CHECKING:
    from settlement.doctor import Finding
    from settlement.node import Foreign
    from settlement.operations import Ledger
    from settlement.report.layout import Money


def status(path: DirectoryArgument, form: FormatOption = None, as_json: JsonOption = False) -> None:
    """Say where a ledger stands: its blocks, its trades by day, who is writing to it."""
    json_wanted = wants_json(form, as_json)
    with opened(path, write=False) as ledger:
        shown = where(path, ledger) | _status(path, ledger)
        money = money_of(ledger)
    if json_wanted:
        write_json(shown)
        return
    write_text(*_said_status(path, shown, money), then=_after(path, shown))


def _status(path: Path, ledger: Ledger) -> dict[str, Any]:
    from datetime import UTC, datetime

    from settlement import directory
    from settlement.agreements.attention import attention
    from settlement.agreements.facts import facts
    from settlement.node import foreign_transactions
    from settlement.report.standing import Count, by_day

    market, history, chain = ledger.market, ledger.read(), ledger.market.chain
    newest, final = chain.block(), chain.final_block()
    days = by_day(history, final.number)
    total = sum(days.values(), Count())
    venue = market.index.get(market.scenario.venue, 0)
    sharing = attention(facts(history.revenue, history.blocks), max(newest.timestamp, ledger.seconds_now))
    return {
        "scenario": market.scenario.name,
        "chain": chain.url,
        "currency": market.scenario.cash.currency,
        "time": datetime.fromtimestamp(newest.timestamp, UTC).isoformat(),
        "included": {"number": newest.number, "hash": f"0x{newest.hash.hex()}"},
        "final": {"number": final.number, "hash": f"0x{final.hash.hex()}"},
        "recorded": total.recorded,
        "settled": total.settled,
        "settled_final": total.final,
        "pending": total.pending,
        "disputed": total.disputed,
        "held": total.held,
        "ended": total.ended,
        "unaffirmed": total.unaffirmed,
        "days": [
            {
                "trading_day": str(day),
                "recorded": count.recorded,
                "settled": count.settled,
                "pending": count.pending,
                "disputed": count.disputed,
                "held": count.held,
                "ended": count.ended,
            }
            for day, count in days.items()
        ],
        "agreements": {
            name: str(value) if name.endswith("_minor") else value for name, value in asdict(sharing).items()
        },
        "cycle_open": venue in history.open_cycles,
        "institutions": len(market.index),
        "securities": len(market.asset) - 1,
        "writer": directory.writer(path),
        "foreign_transactions": [asdict(each) for each in foreign_transactions(ledger)],
    }


def _said_status(path: Path, shown: dict[str, Any], money: Money) -> list[Any]:
    from settlement.report.layout import columns_table, plural, whole

    included, final = shown["included"], shown["final"]
    there = plural(shown["institutions"], "institution")
    there += f", {plural(shown['securities'], 'security', 'securities')}"
    parts: list[Any] = [
        f"{path}: scenario {shown['scenario']} on {shown['chain']}, {shown['currency']}, {there}",
        f"final     block {final['number']:,}\n          {final['hash']}",
    ]
    if included != final:
        parts.append(f"included  block {included['number']:,}\n          {included['hash']}")
    parts += [f"time      {shown['time']}", ""]
    columns = ["recorded", "settled", "pending", "disputed"]
    columns += [name for name in ("held", "ended") if shown[name]]
    if shown["days"]:
        totals = ["together", *(f"{shown[name]:,}" for name in columns)] if len(shown["days"]) > 1 else []
        table = columns_table("trading day", *((name, "right") for name in columns), totals=totals)
        for day in shown["days"]:
            table.add_row(day["trading_day"], *(f"{day[name]:,}" for name in columns))
        parts += [whole(table), ""]
    else:
        parts += ["No trades yet.", ""]
    if shown["unaffirmed"]:
        parts.append(f"{plural(shown['unaffirmed'], 'trade')} not affirmed by both sides.")
    if shown["settled"] != shown["settled_final"]:
        parts.append(
            f"{shown['settled'] - shown['settled_final']:,} of the settled trades are not final yet."
        )
    parts += _said_agreements(shown["agreements"], money)
    if shown["cycle_open"]:
        parts.append(f"A settlement cycle is open; `clearing settle {path}` completes it.")
    if shown["writer"]:
        parts.append(f"Being written to by {shown['writer']}.")
    if shown["foreign_transactions"]:
        parts.append(f"{plural(len(shown['foreign_transactions']), 'transaction')} of others, newest last:")
        table = columns_table("block", ("sender", "left"), ("to", "left"), ("function", "left"))
        for each in shown["foreign_transactions"][-10:]:
            table.add_row(
                f"{each['block']:,}", each["sender"], each["to"] or "a new contract", each["function"] or "-"
            )
        parts.append(whole(table))
    return parts


def _said_agreements(counts: dict[str, Any], money: Money) -> list[str]:
    """What there is to do under agreements, in one sentence; nothing where there is nothing."""
    from settlement.report.layout import plural

    said = [
        f"{plural(counts[name], noun)} {doing}"
        for name, noun, doing in (
            ("lines", "line", "can be run"),
            ("reserves", "reserve", "can be released"),
            ("measures", "measure", "waited for"),
            ("contests", "line", "contested"),
        )
        if counts[name]
    ]
    if counts["unpaid"]:
        said.append(f"{money.amount(int(counts['unpaid_minor']))} unpaid under {counts['unpaid']:,}")
    if counts["owed_back_minor"] != "0":
        said.append(f"{money.amount(int(counts['owed_back_minor']))} owed back")
    return [f"Of {plural(counts['concluded'], 'agreement')}: {', '.join(said)}."] if said else []


def _after(path: Path, shown: dict[str, Any]) -> list[str]:
    """The commands that make sense now."""
    if not shown["recorded"]:
        return [f"clearing record {path} FILE"]
    steps = ["affirm"] if shown["unaffirmed"] else []
    if shown["pending"] > shown["disputed"] + shown["held"]:
        steps += ["fund", "settle"]
    sharing = shown["agreements"]
    steps += [f"agreement {do}" for do, of in (("run", "lines"), ("release", "reserves")) if sharing[of]]
    if sharing["unpaid"]:
        steps += [*(["fund"] if "fund" not in steps else []), "agreement pay"]
    return [f"clearing {step} {path}" for step in (*steps, "reconcile", "report")]


def report(
    path: DirectoryArgument,
    date: DateOption = None,
    export: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the ledger, or the day, as Parquet files into DIR."),
    ] = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
    everything: AllOption = False,
) -> None:
    """Show all that a ledger has, or one trading day of it, as `day` does at its end."""
    json_wanted = wants_json(form, as_json)
    with opened(path, write=False) as ledger:
        from settlement.report.sources import known_day
        from settlement.report.summary import summarize

        day = known_day(ledger, day_of(date))
        if export is not None:
            from settlement.export import export as write_files
            from settlement.export import prepare

            prepare(export)
        summary = summarize(ledger, day)
        if export is not None:
            ledger.progress("report")
            write_files(ledger, export, day)
    if json_wanted:
        write_json(summary.as_json())
    else:
        from rich.console import Console

        from settlement.report.text import report as in_words

        write_out(in_words(summary, (), Console(), everything=everything))
    leave(summary.needs_attention)


def doctor(path: DirectoryArgument, form: FormatOption = None, as_json: JsonOption = False) -> None:
    """Check everything of a ledger that can be checked; say what is wrong, and what to do."""
    json_wanted = wants_json(form, as_json)
    with failures(), Progress() as progress:
        progress("open")
        from ledger.chain.local import JOURNAL
        from settlement import directory
        from settlement.doctor import examine
        from settlement.errors import NotALedger

        # A ledger that has lost a part is examined; a directory that was mistyped is not.
        parts = (directory.CONFIG, directory.DEPLOYMENT, JOURNAL)
        if not any((path / part).exists() for part in parts):
            raise NotALedger(str(path))
        findings = examine(path, progress)
    ok = all(each.ok for each in findings)
    if json_wanted:
        checks = [
            {"check": each.check, "ok": each.ok, "found": each.found, "remedy": each.remedy}
            for each in findings
        ]
        write_json({"ledger": str(path)} | _newest(path, ok) | {"ok": ok, "checks": checks})
    else:
        write_text(*_said_findings(findings))
    leave(not ok)


def _newest(path: Path, ok: bool) -> dict[str, Any]:
    """The newest final block; null where the ledger is not well enough to say."""
    from ledger.errors import LedgerError
    from settlement import directory
    from settlement.errors import SettlementError

    try:
        with directory.connected(path, write=False) as chain:
            final = chain.final_block()
            return {"head": f"0x{final.hash.hex()}", "block": final.number}
    except (LedgerError, SettlementError):
        if ok:
            raise
        return {"head": None, "block": None}


def _said_findings(findings: list[Finding]) -> list[Any]:
    from rich.table import Table
    from rich.text import Text

    from settlement.doctor import NOT_CHECKED

    table = Table.grid(padding=(0, 2, 0, 0))
    left_out = [each for each in findings if not each.ok and each.found.startswith(NOT_CHECKED)]
    for each in findings:
        if each in left_out:
            table.add_row(Text("-", "dim"), Text(each.check, "dim"), Text(each.found, "dim"))
            continue
        mark = Text("ok", "green") if each.ok else Text("wrong", "bold red")
        table.add_row(mark, each.check, Text(each.found))
        if each.remedy and not each.ok:
            table.add_row("", "", Text(each.remedy, "yellow"))
    wrong = sum(not each.ok for each in findings) - len(left_out)
    said = f"{wrong} of {len(findings)} checks found something" if wrong or left_out else "All is well"
    return [table, "", f"{said}, {len(left_out)} could not be made." if left_out else f"{said}."]


def backup(
    path: DirectoryArgument,
    to: Annotated[Path, typer.Argument(metavar="TO", help="An empty directory, or one to be made.")],
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy a ledger into another directory, also while somebody writes to it."""
    json_wanted = wants_json(form, as_json)
    with failures(), Progress() as progress:
        progress("backup")
        from settlement import directory

        newest = directory.backup(path, to)
    if json_wanted:
        write_json(
            {"ledger": str(path), "head": f"0x{newest.hash.hex()}", "block": newest.number, "to": str(to)}
        )
        return
    write_text(
        f"{to} has {path} up to block {newest.number:,}, 0x{newest.hash.hex()}.",
        then=[f"clearing doctor {to}"],
    )


def resync(
    path: DirectoryArgument,
    new_genesis: Annotated[
        bool, typer.Option("--new-genesis", help="The network was begun anew; send everything again.")
    ] = False,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a network's chain back what it has forgotten of this ledger."""
    json_wanted = wants_json(form, as_json)
    with failures():
        with Progress() as progress:
            progress("resync")
            from settlement import directory

            done = directory.resync(path, new_genesis=new_genesis)
        refused = [] if done is None else done.refused
        shown: dict[str, Any] = {"ledger": str(path)} | _newest(path, True)
        shown |= {
            "kept": 0 if done is None else done.kept,
            "sent_again": 0 if done is None else done.sent_again,
            "refused": [
                {"transaction": f"0x{transaction.hex()}", "reason": reason} for transaction, reason in refused
            ],
        }
        if json_wanted:
            write_json(shown)
        else:
            write_text(*_said_resync(path, shown, is_local=done is None), then=[f"clearing status {path}"])
        leave(bool(refused))


def _said_resync(path: Path, shown: dict[str, Any], *, is_local: bool) -> list[Any]:
    from settlement.report.layout import plural

    if is_local:
        return [f"{path} is on a chain of its own, which forgets nothing: there is nothing to resync."]
    done = f"{plural(shown['kept'], 'transaction')} still there, {shown['sent_again']:,} sent again"
    parts: list[Any] = [f"{done}; the chain is at block {shown['block']:,}, {shown['head']}."]
    if shown["refused"]:
        parts.append(f"{plural(len(shown['refused']), 'transaction')} refused now, which did not use to be:")
        parts += [f"  {each['transaction']}: {each['reason']}" for each in shown["refused"]]
    return parts


def node(
    path: DirectoryArgument,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65_535, metavar="N", help="Of this machine; else any that is free."),
    ] = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep the ledger's local node running for outside tools, until interrupted; name what they send."""
    json_wanted = wants_json(form, as_json)

    def ready(url: str) -> None:
        progress.__exit__(None, None, None)
        if json_wanted:
            write_out(json.dumps({"ledger": str(path), "url": url}) + "\n")
        else:
            write_out(f"{path} answers at {url} until interrupted. Transactions of others:\n")

    def came(found: Foreign) -> None:
        if json_wanted:
            write_out(json.dumps(asdict(found)) + "\n")
        else:
            called = f"{found.to or 'a new contract'}{'.' + found.function if found.function else ''}"
            write_out(f"  block {found.block:,}  {found.sender} → {called}  {found.transaction}\n")

    with failures(), Progress() as progress:
        progress("open")
        from settlement.node import serve

        serve(path, port=port, on_ready=ready, on_transaction=came, progress=progress)

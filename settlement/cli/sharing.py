"""What parties do under an agreement: `clearing agreement report`, `countersign`, `dispute`, `run`, `pay`,
`repay`, `release`, `contest`, `resolve`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from settlement.cli import ran
from settlement.cli.output import (
    AsOption,
    DirectoryArgument,
    FormatOption,
    JsonOption,
    PassphraseOption,
    TodayOption,
    leave,
    opened,
    wants_json,
    where,
    write_json,
    write_text,
)

if TYPE_CHECKING:
    from ledger.chain import Receipt
    from settlement.agreements.desk import Desk, Named
    from settlement.report.layout import Money

AgreementArgument = Annotated[
    str, typer.Argument(metavar="PAYER/NAME", help="Whose agreement, and its name.")
]
MaybeAgreementArgument = Annotated[
    str | None, typer.Argument(metavar="PAYER/NAME", help="One agreement; else all of them.")
]
MeasureArgument = Annotated[str, typer.Argument(metavar="MEASURE", help="As the terms call it.")]
ValueArgument = Annotated[
    int, typer.Argument(metavar="VALUE", min=0, max=2**64 - 1, help="A whole number, in the terms' unit.")
]
PeriodOption = Annotated[str, typer.Option("--period", metavar="P", help="2019-11, 2019Q4, 2019H2 or 2019.")]
MaybePeriodOption = Annotated[
    str | None, typer.Option("--period", metavar="P", help="One of its periods; else all that have ended.")
]
LineOption = Annotated[
    int, typer.Option("--line", metavar="N", min=0, max=255, help="As a statement numbers it, from 0.")
]
TransactionOption = Annotated[
    str | None,
    typer.Option("--transaction", metavar="HASH", help="Which settlement; without it, the period's run."),
]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, in at most 200 bytes.")]


def register(group: typer.Typer) -> None:
    """Put these commands into the group `clearing agreement`."""
    for command in (report, countersign, dispute, run, pay, repay, release, contest, resolve):
        group.command()(command)


@contextmanager
def _desk(
    path: Path, agreement: str, passphrase_file: Path | None, today: datetime | None
) -> Iterator[tuple[Desk, Named]]:
    with opened(path, write=True, passphrase_file=passphrase_file, today=today) as ledger:
        from settlement.agreements.desk import Desk

        desk = Desk(ledger)
        yield desk, desk.agreement(agreement)


def _said(shown: dict[str, Any], json_wanted: bool, sent: Receipt | None, text: str, already: str) -> None:
    """One step: that it was done, or that it was so already."""
    shown["already"] = sent is None
    shown["transaction"] = None if sent is None else f"0x{sent.transaction_hash.hex()}"
    if json_wanted:
        write_json(shown)
    else:
        write_text(already if sent is None else text)


def _head(path: Path, desk: Desk, named: Named, **more: Any) -> dict[str, Any]:
    return where(path, desk.ledger) | {"agreement": named.name} | more


def report(
    path: DirectoryArgument,
    agreement: AgreementArgument,
    measure: MeasureArgument,
    value: ValueArgument,
    period: PeriodOption,
    institution: AsOption,
    today: TodayOption = None,
    passphrase_file: PassphraseOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Report a measure of a period that is over, as the institution that the terms name."""
    json_wanted = wants_json(form, as_json)
    with _desk(path, agreement, passphrase_file, today) as (desk, named):
        from settlement.agreements import measuring

        sent = measuring.report(desk, named, measure, value, period, institution)
        shown = _head(path, desk, named, period=period, measure=measure, value=str(value), by=institution)
    of = f"{measure} of {period} is {value:,}"
    _said(shown, json_wanted, sent, f"{institution} reports: {of}.", f"Reported already: {of}.")


def countersign(
    path: DirectoryArgument,
    agreement: AgreementArgument,
    measure: MeasureArgument,
    value: ValueArgument,
    period: PeriodOption,
    institution: AsOption,
    today: TodayOption = None,
    passphrase_file: PassphraseOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Agree to what was reported; the measure is final then."""
    json_wanted = wants_json(form, as_json)
    with _desk(path, agreement, passphrase_file, today) as (desk, named):
        from settlement.agreements import measuring

        sent = measuring.countersign(desk, named, measure, value, period, institution)
        shown = _head(path, desk, named, period=period, measure=measure, value=str(value), by=institution)
    of = f"{measure} of {period} is {value:,}, and final"
    _said(shown, json_wanted, sent, f"{institution} agrees: {of}.", f"Countersigned already: {of}.")


def dispute(
    path: DirectoryArgument,
    agreement: AgreementArgument,
    measure: MeasureArgument,
    period: PeriodOption,
    institution: AsOption,
    today: TodayOption = None,
    passphrase_file: PassphraseOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Do not agree to what was reported; its reporter has to report again."""
    json_wanted = wants_json(form, as_json)
    with _desk(path, agreement, passphrase_file, today) as (desk, named):
        from settlement.agreements import measuring

        sent = measuring.dispute(desk, named, measure, period, institution)
        shown = _head(path, desk, named, period=period, measure=measure, by=institution)
    of = f"{measure} of {period}"
    _said(shown, json_wanted, sent, f"{institution} disputes {of}.", f"Disputed already: {of}.")


def run(
    path: DirectoryArgument,
    agreement: MaybeAgreementArgument = None,
    period: MaybePeriodOption = None,
    today: TodayOption = None,
    passphrase_file: PassphraseOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute and pay every line of every period that has ended, and say which lines wait for whom."""
    json_wanted = wants_json(form, as_json)
    if period is not None and agreement is None:
        raise typer.BadParameter("say of which agreement", param_hint="'--period'")
    with opened(path, write=True, passphrase_file=passphrase_file, today=today) as ledger:
        from settlement.agreements import operating
        from settlement.agreements.desk import Desk

        desk = Desk(ledger)
        chosen = [desk.agreement(agreement)] if agreement else list(desk.agreements())
        first = desk.ended(chosen[0], period)[0] if period is not None else None
        done = operating.run(desk, chosen, first)
        shown = where(path, ledger) | ran.as_json(desk, done, "computed")
        money = desk.money(chosen[0]) if chosen else None
    if json_wanted:
        write_json(shown)
    else:
        nothing = "Nothing was left to compute." if chosen else "There are no agreements yet."
        write_text(*ran.said(shown, "computed", money, nothing), then=_next(path, list(done.deferred)))
    leave(done.needs_attention)


def _next(path: Path, unpaid: list[str]) -> list[str]:
    """The commands that bring what is due to whom it is due, where anything is."""
    if not unpaid:
        return []
    which = f" {quote(unpaid[0])}" if len(unpaid) == 1 else ""
    return [f"clearing fund {quote(str(path))}", f"clearing agreement pay {quote(str(path))}{which}"]


def pay(
    path: DirectoryArgument,
    agreement: MaybeAgreementArgument = None,
    today: TodayOption = None,
    passphrase_file: PassphraseOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have payers pay what is still due: all of it or, where a payer has too little, nothing."""
    json_wanted = wants_json(form, as_json)
    with opened(path, write=True, passphrase_file=passphrase_file, today=today) as ledger:
        from settlement.agreements import operating
        from settlement.agreements.desk import Desk

        desk = Desk(ledger)
        chosen = [desk.agreement(agreement)] if agreement else list(desk.agreements())
        paid = []
        for named in chosen:
            before = dict(named.of.dues)
            _, left = operating.pay(desk, named)
            gone = {each: due - named.of.dues[each] for each, due in before.items() if due > 0}
            to = {desk.names[each]: str(amount) for each, amount in gone.items() if amount}
            paid.append({"agreement": named.name, "paid_minor": to, "due_minor": str(left)})
        shown = where(path, ledger) | {"paid": paid}
        money = desk.money(chosen[0]) if chosen else None
    left_over = [each for each in paid if each["due_minor"] != "0"]
    if json_wanted:
        write_json(shown)
    elif money is None:
        write_text("There are no agreements yet.")
    else:
        write_text(*_said_paid(paid, left_over, money))
    leave(bool(left_over))


def _said_paid(paid: list[dict[str, Any]], left: list[dict[str, Any]], money: Money) -> list[Any]:
    done = [each for each in paid if each["paid_minor"]]
    if not done and not left:
        return ["Nothing is due: it is paid already."]
    total = money.amount(sum(int(amount) for each in done for amount in each["paid_minor"].values()))
    if len(paid) == 1:
        payer = paid[0]["agreement"].rsplit("/", 1)[0]
        if left:
            lacking = money.amount(int(left[0]["due_minor"]))
            return [f"{payer} has too little cash for {lacking}; it stays due."]
        return [f"{payer} paid {total}.", "", ran.received(done, money)]
    parts: list[Any] = []
    if done:
        from settlement.report.layout import plural

        under = done[0]["agreement"] if len(done) == 1 else plural(len(done), "agreement")
        parts += [f"{total} was paid under {under}.", "", ran.received(done, money)]
    if left:
        unpaid = {each["agreement"]: int(each["due_minor"]) for each in left}
        parts += ["", ran.unpaid(unpaid, money)] if parts else [ran.unpaid(unpaid, money)]
    return parts


def repay(
    path: DirectoryArgument,
    agreement: AgreementArgument,
    institution: AsOption,
    today: TodayOption = None,
    passphrase_file: PassphraseOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pay the payer back what an institution owes it, all of it."""
    json_wanted = wants_json(form, as_json)
    with _desk(path, agreement, passphrase_file, today) as (desk, named):
        from settlement.agreements import operating

        paid = operating.repay(desk, named, institution)
        money, payer = desk.money(named), desk.names[named.payer]
        shown = _head(path, desk, named, by=institution, paid_minor=str(paid))
    if json_wanted:
        write_json(shown)
    elif paid:
        write_text(f"{institution} paid {payer} {money.amount(paid)}.")
    else:
        write_text(f"{institution} owes {payer} nothing, or has repaid it already.")


def release(
    path: DirectoryArgument,
    agreement: MaybeAgreementArgument = None,
    today: TodayOption = None,
    passphrase_file: PassphraseOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Release every reserve whose time has come, and say which wait for a measure."""
    json_wanted = wants_json(form, as_json)
    with opened(path, write=True, passphrase_file=passphrase_file, today=today) as ledger:
        from settlement.agreements import operating
        from settlement.agreements.desk import Desk

        desk = Desk(ledger)
        chosen = [desk.agreement(agreement)] if agreement else list(desk.agreements())
        done = operating.release(desk, chosen)
        shown = where(path, ledger) | ran.as_json(desk, done, "released")
        money = desk.money(chosen[0]) if chosen else None
    if json_wanted:
        write_json(shown)
    else:
        write_text(*ran.said(shown, "released", money, "No reserve can be released now."))
    leave(done.needs_attention)


def contest(
    path: DirectoryArgument,
    agreement: AgreementArgument,
    period: PeriodOption,
    line: LineOption,
    reason: ReasonOption,
    institution: AsOption,
    transaction: TransactionOption = None,
    today: TodayOption = None,
    passphrase_file: PassphraseOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Contest a line: that is recorded, and statements show it until it is resolved."""
    json_wanted = wants_json(form, as_json)
    settled_in = _hash(transaction)
    with _desk(path, agreement, passphrase_file, today) as (desk, named):
        from settlement.agreements import operating

        sent = operating.contest(desk, named, period, line, reason, institution, settled_in)
        shown = _head(path, desk, named, period=period, line=line, by=institution, reason=reason)
    of = f"line {line} of {period}"
    _said(shown, json_wanted, sent, f"{institution} contests {of}.", f"Contested already: {of}.")


def resolve(
    path: DirectoryArgument,
    agreement: AgreementArgument,
    period: PeriodOption,
    line: LineOption,
    institution: AsOption,
    transaction: TransactionOption = None,
    today: TodayOption = None,
    passphrase_file: PassphraseOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Contest a line no more."""
    json_wanted = wants_json(form, as_json)
    settled_in = _hash(transaction)
    with _desk(path, agreement, passphrase_file, today) as (desk, named):
        from settlement.agreements import operating

        sent = operating.resolve(desk, named, period, line, institution, settled_in)
        shown = _head(path, desk, named, period=period, line=line, by=institution)
    of = f"line {line} of {period}"
    _said(shown, json_wanted, sent, f"{institution} contests {of} no more.", f"Not contested already: {of}.")


def _hash(text: str | None) -> bytes:
    if text is None:
        return bytes(32)
    digits = text.removeprefix("0x")
    if len(digits) != 64 or not all(each in "0123456789abcdefABCDEF" for each in digits):
        raise typer.BadParameter("0x and 64 hexadecimal digits are wanted", param_hint="'--transaction'")
    return bytes.fromhex(digits)

"""The end of a day, and of a member: what fails, what is closed, who bears what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from settlement.cli.output import (
    DateOption,
    DirectoryArgument,
    FormatOption,
    JsonOption,
    PassphraseOption,
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
    from settlement.outcomes.defaults import Default


def end_day(
    path: DirectoryArgument,
    date: DateOption = None,
    passphrase_file: PassphraseOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Record what should have settled by the end of a day and has not, why, and what that costs whom."""
    json_wanted = wants_json(form, as_json)
    with opened(path, write=True, passphrase_file=passphrase_file) as ledger:
        from settlement.breaks.reconciling import AfterCycles
        from settlement.ending import end
        from settlement.report.after_cycles import found_breaks, reconciled_json, reconciled_lines
        from settlement.report.sources import known_day, only_day

        day = known_day(ledger, day_of(date)) or only_day(ledger)
        fails, money = ledger.outcomes.fails, money_of(ledger)
        failed, closed, paid = len(fails.failed), len(fails.compensated), len(fails.paid)
        ledger.on_cycle = after = AfterCycles()
        sent = end(ledger.market, ledger.read, ledger.balances, fails, day, ledger.seconds_now)
        ledger.settled_by(sent)
        names = {index: name for name, index in ledger.market.index.items()}
        owed = fails.due(ledger.market.index[ledger.market.scenario.venue], ledger.market.cash_asset)
        shown: dict[str, Any] = where(path, ledger) | {
            "trading_day": str(day),
            "failed": [
                {
                    "trade": each.trade[1],
                    "failed_days": each.failed_days,
                    "reasons": list(each.codes),
                    "quantity": each.quantity,
                    "settlement_amount_minor": str(each.amount),
                    "penalties": [
                        {"payer": names[payer], "payee": names[payee], "amount_minor": str(amount)}
                        for payer, payee, amount in each.penalties
                    ],
                }
                for each in fails.failed[failed:]
            ],
            "compensated": [
                {
                    "trade": each.trade[1],
                    "payer": names.get(each.payer),
                    "payee": names.get(each.payee),
                    "amount_minor": str(each.amount),
                }
                for each in fails.compensated[closed:]
            ],
            "claims_collected_minor": str(sum(amount for _, amount in fails.paid[paid:])),
            "owed_minor": str(sum(owed.values())),
        }
        shown |= reconciled_json(after)
    if json_wanted:
        write_json(shown)
    else:
        said = [*_said_ended(shown, money), *reconciled_lines(after, money)]
        write_text(*said, then=[f"clearing settle {path}", f"clearing reconcile {path}"])
    leave(bool(shown["failed"]) or found_breaks(after))


def _said_ended(shown: dict[str, Any], money: Any) -> list[Any]:
    from settlement.report.layout import columns_table, plural, whole

    parts: list[Any] = [f"{shown['trading_day']}: {plural(len(shown['failed']), 'trade')} failed."]
    if shown["failed"]:
        table = columns_table(
            "trade", ("day", "right"), ("because", "left"), (f"penalty, {money.currency}", "right")
        )
        for each in shown["failed"]:
            penalty = sum(int(one["amount_minor"]) for one in each["penalties"])
            row = (f"{each['failed_days']:,}", " ".join(each["reasons"]), money.bare(penalty))
            table.add_row(str(each["trade"]), *row)
        parts.append(whole(table))
    if shown["compensated"]:
        total = sum(int(each["amount_minor"]) for each in shown["compensated"])
        parts.append(f"{plural(len(shown['compensated']), 'trade')} closed in cash: {money.amount(total)}.")
    if int(shown["claims_collected_minor"]):
        parts.append(f"Collected from earlier days: {money.amount(int(shown['claims_collected_minor']))}.")
    if int(shown["owed_minor"]):
        parts.append(f"Owed, to be collected in the next cycle: {money.amount(int(shown['owed_minor']))}.")
    return parts


def default(
    path: DirectoryArgument,
    institution: Annotated[str, typer.Argument(metavar="INSTITUTION", help="Who cannot pay.")],
    date: DateOption = None,
    passphrase_file: PassphraseOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have exchange and regulator declare a default, close out its trades and run the loss down the
    waterfall.
    """
    json_wanted = wants_json(form, as_json)
    with opened(path, write=True, passphrase_file=passphrase_file) as ledger:
        from settlement.defaulting import default as declare
        from settlement.errors import NameUnknown
        from settlement.report.sources import known_day, only_day

        if institution not in ledger.market.scenario.brokers:
            raise NameUnknown("broker", institution, ledger.market.scenario.brokers)
        day = known_day(ledger, day_of(date)) or only_day(ledger)
        declare(ledger, institution, day)
        ledger.read()
        newest = list(ledger.outcomes.defaults.by_id.values())[-1]
        names = {index: name for name, index in ledger.market.index.items()}
        money = money_of(ledger)
        shown = where(path, ledger) | default_json(newest, names)
    if json_wanted:
        write_json(shown)
        return
    write_text(*said_default(shown, money), then=[f"clearing settle {path}", f"clearing reconcile {path}"])


def default_json(default: Default, names: dict[int, str]) -> dict[str, Any]:
    """A default as JSON has it: what was closed out, and who bore and got what."""
    return {
        "institution": names[default.institution],
        "closed_out": len(default.closed_out),
        "loss_minor": str(sum(default.claims.values())),
        "waterfall": [
            {"step": step.name, "institution": names[who], "amount_minor": str(amount)}
            for step, who, amount in default.steps
        ],
        "paid_minor": {names[who]: str(amount) for who, amount in default.paid.items()},
    }


def said_default(shown: dict[str, Any], money: Any) -> list[Any]:
    """A default in words."""
    from settlement.report.layout import columns_table, plural, whole

    loss = money.amount(int(shown["loss_minor"]))
    closed = plural(shown["closed_out"], "trade")
    parts: list[Any] = [f"{shown['institution']} defaulted: {closed} closed out, loss {loss}."]
    if shown["waterfall"]:
        table = columns_table("step", ("borne by", "left"), (money.currency, "right"))
        for each in shown["waterfall"]:
            table.add_row(each["step"].lower(), each["institution"], money.bare(int(each["amount_minor"])))
        parts.append(whole(table))
    return parts

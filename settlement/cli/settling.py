"""The steps that move securities and cash, and the one that checks them: fund, settle, reconcile."""

from __future__ import annotations

from typing import Any

from settlement.cli.output import (
    AllOption,
    CoverOption,
    DirectoryArgument,
    FormatOption,
    JsonOption,
    ModelOption,
    PassphraseOption,
    TimeLimitOption,
    TradesObjectiveOption,
    cover_ppm,
    failures,
    leave,
    money_of,
    opened,
    search_for,
    wants_json,
    where,
    write_json,
    write_text,
)


def fund(
    path: DirectoryArgument,
    cover: CoverOption = None,
    passphrase_file: PassphraseOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Issue the securities and the cash that pending trades, and what is due by agreements, need beyond what
    is held."""
    json_wanted = wants_json(form, as_json)
    with opened(path, write=True, passphrase_file=passphrase_file) as ledger:
        from settlement.agreements.standing import standing

        issued = ledger.fund(cover_ppm(cover))
        currency = ledger.market.scenario.cash.currency
        cash = {name: amount for (name, asset), amount in issued.items() if asset == currency}
        units: dict[str, int] = {}
        for (_, asset), amount in sorted(issued.items(), key=lambda each: each[0][1]):
            if asset != currency:
                units[asset] = units.get(asset, 0) + amount
        shown = where(path, ledger) | {
            "cash_minor": str(sum(cash.values())),
            "securities": units,
            "institutions": len({name for name, _ in issued}),
        }
        money, history = money_of(ledger), ledger.read()
        pending = any(not (each.settled | each.ended).all() for each in history.batches.values())
        due = bool(standing(history.revenue).unpaid(ledger.market.cash_asset))
    if json_wanted:
        write_json(shown)
        return
    from settlement.report.layout import plural

    said = "Nothing to issue: what is needed is held."
    if issued:
        parts = [f"{money.amount(sum(cash.values()))} to {plural(len(cash), 'institution')}"] if cash else []
        if units:
            securities = plural(len(units), "security", "securities")
            parts.append(f"{plural(sum(units.values()), 'unit')} of {securities}")
        said = f"Issued {', and '.join(parts)}."
    steps = ["settle"] if pending or not due else []
    steps += ["agreement pay"] if due else []
    write_text(said, then=[f"clearing {step} {path}" for step in steps])


def settle(
    path: DirectoryArgument,
    objective: TradesObjectiveOption = "value",
    time_limit: TimeLimitOption = None,
    passphrase_file: PassphraseOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
    everything: AllOption = False,
    model: ModelOption = 3,
) -> None:
    """Settle what can settle now, and say what waits and why."""
    json_wanted = wants_json(form, as_json)
    with failures():
        search = search_for(objective, time_limit)
    with opened(path, write=True, passphrase_file=passphrase_file) as ledger:
        from settlement.breaks.reconciling import AfterCycles
        from settlement.report.after_cycles import found_breaks, reconciled_json, reconciled_lines
        from settlement.report.choice import choice_json, choice_line
        from settlement.report.standing import Mark, spent
        from settlement.report.waiting import waiting, waiting_json

        before = Mark.of(ledger.read())
        ledger.on_cycle = after = AfterCycles()
        settled = ledger.settle(search, model)
        history = ledger.read()
        done = Mark.of(history).since(before)
        events = history.netting_sets[before.netting_sets :]
        names = {index: name for name, index in ledger.market.index.items()}
        money = money_of(ledger)
        waits = waiting(history.batches.values(), names, settled.waiting, money.currency, history.suspended)
        shown = where(path, ledger) | {
            "model": model,
            "netting_sets": done.netting_sets,
            "settled": done.settled,
            "settled_value_minor": str(sum(event["grossAmount"] for event in events)),
            "settled_net_value_minor": str(sum(event["netAmount"] for event in events)),
            **choice_json(settled),
            "pending": len(waits),
            "waiting": [waiting_json(each, money.currency) for each in waits],
        }
        shown |= spent(ledger, "settle") | reconciled_json(after)
    if json_wanted:
        write_json(shown)
    else:
        from settlement.report.layout import plural
        from settlement.report.lists import waiting_rows

        parts: list[Any] = ["Nothing settled." if waits else "Nothing to settle."]
        if done.settled:
            gross, net = (int(shown[name]) for name in ("settled_value_minor", "settled_net_value_minor"))
            sets = plural(done.netting_sets, "netting set")
            parts = [
                f"{plural(done.settled, 'trade')} settled in {sets}: {money.amount(gross)}.",
                f"{money.amount(net)} of it moved, net.",
            ]
        if waits and settled.upper_bound:
            parts.append(choice_line(settled, money))
        if waits:
            parts += waiting_rows(waits, money, everything=everything)
        steps = ["reconcile", "report"] if not waits else ["status", "fund", "settle"]
        parts += reconciled_lines(after, money)
        write_text(*parts, then=[f"clearing {step} {path}" for step in steps])
    leave(bool(waits) or found_breaks(after))

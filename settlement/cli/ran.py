"""How `clearing agreement run` and `release` say what they did: each line, what it came to, who was paid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from settlement.agreements.desk import Desk
    from settlement.agreements.operating import Done
    from settlement.report.layout import Money


def as_json(desk: Desk, done: Done, word: str) -> dict[str, Any]:
    """What was done, under `word`; what waits, and what was deferred."""
    return {
        word: [
            {
                "agreement": named.name,
                "period": desk.written(named, period),
                "lines": list(lines),
                "transaction": f"0x{transaction.hex()}",
                "amounts": [
                    {
                        "line": each.line,
                        "basis": each.basis,
                        "amount_minor": str(each.amount),
                        "on_account_minor": str(each.on_account),
                    }
                    for each in done.results
                    if each.transaction == transaction
                ],
                "paid_minor": {
                    desk.names[each.institution]: str(each.amount)
                    for each in done.paid
                    if each.transaction == transaction
                },
            }
            for named, period, lines, transaction in done.lines
        ],
        "waiting": [
            {
                "agreement": named.name,
                "period": desk.written(named, each.period),
                "line": each.line,
                "measure": each.measure or None,
                "status": each.status.name.lower() if each.measure else None,
                "for": desk.names[each.institution] if each.institution else None,
                "unpaid_minor": str(each.unpaid_minor) if each.unpaid_minor else None,
                "after": None if each.after is None else desk.written(named, each.after),
            }
            for named, each in done.waiting
        ],
        "deferred": [
            {"agreement": name, "amount_minor": str(amount)} for name, amount in done.deferred.items()
        ],
    }


def said(shown: dict[str, Any], word: str, money: Money | None, nothing: str) -> list[Any]:
    """The same for people; `nothing` where there is nothing of it."""
    if money is None:
        return [nothing]
    parts: list[Any] = []
    if shown[word]:
        parts += [_amounts(shown[word], word, money), "", *_paid(shown[word], money)]
    elif shown["deferred"] or shown["waiting"]:
        parts.append(nothing)
    if shown["waiting"]:
        parts += ["", _waiting(shown["waiting"], money)]
    parts += [""] if shown["deferred"] else []
    for each in shown["deferred"]:
        payer = each["agreement"].rsplit("/", 1)[0]
        amount = money.amount(int(each["amount_minor"]))
        parts.append(f"{payer} still has to pay {amount} under {each['agreement']}: it had too little cash.")
    return parts or [nothing]


def _amounts(ran: list[dict[str, Any]], word: str, money: Money) -> Any:
    """A row a line. What settlements have paid on account of it is told apart, where they have."""
    from settlement.report.layout import columns_table, whole

    rows = [(each, line) for each in ran for line in each["amounts"]]
    amounts = [(int(line["amount_minor"]), int(line["on_account_minor"])) for _, line in rows]
    on_account = any(before for _, before in amounts)

    def cells(amount: int, before: int) -> list[str]:
        three = (amount, before, amount - before) if on_account else (amount,)
        return [money.bare(each) for each in three]

    figures = (
        (f"{money.currency} {word}", "on account", "left") if on_account else (f"{money.currency} {word}",)
    )
    table = columns_table(
        "agreement",
        *(("period", "left"), ("line", "right"), ("", "left")),
        *((each, "right") for each in figures),
        totals=["together", "", "", "", *cells(*map(sum, zip(*amounts, strict=True)))]
        if len(rows) > 1
        else (),
    )
    for (each, line), pair in zip(rows, amounts, strict=True):
        table.add_row(each["agreement"], each["period"], str(line["line"]), line["basis"], *cells(*pair))
    return whole(table)


def _paid(ran: list[dict[str, Any]], money: Money) -> list[Any]:
    """A row an institution that received or paid back anything."""
    from settlement.report.layout import columns_table, whole

    paid: dict[str, int] = {}
    for each in ran:
        for name, amount in each["paid_minor"].items():
            paid[name] = paid.get(name, 0) + int(amount)
    if not paid:
        return ["Nothing was paid."]
    table = columns_table(
        "paid now",
        (money.currency, "right"),
        totals=("together", money.bare(sum(paid.values()))) if len(paid) > 1 else (),
    )
    for name, amount in sorted(paid.items(), key=lambda each: -each[1]):
        table.add_row(name, money.bare(amount))
    return [whole(table)]


def _waiting(waiting: list[dict[str, Any]], money: Money) -> Any:
    from settlement.report.layout import columns_table, whole

    table = columns_table("waiting", ("period", "left"), ("line", "right"), ("for", "left"))
    for each in waiting:
        table.add_row(each["agreement"], each["period"], str(each["line"]), _waits_for(each, money))
    return whole(table)


def _waits_for(each: dict[str, Any], money: Money) -> str:
    if each["unpaid_minor"] is not None:
        return f"{each['for']} to pay {money.amount(int(each['unpaid_minor']))} into the reserve"
    if each["measure"] is None:
        return f"line {each['line']} of {each['after']}, which comes first"
    doing = {"reported": "to countersign", "disputed": "to report again"}.get(each["status"], "to report")
    return f"{each['for']} {doing} {each['measure']}"

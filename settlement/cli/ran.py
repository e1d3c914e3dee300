"""How `clearing agreement run` and `release` say what they did: each line, what it came to, who was paid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from settlement.agreements.desk import Desk
    from settlement.agreements.operating import Done
    from settlement.report.layout import Justify, Money


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
        parts += [*_amounts(shown[word], word, money), "", received(shown[word], money)]
    if shown["waiting"]:
        parts += ["", _waiting(shown["waiting"], money)] if parts else [_waiting(shown["waiting"], money)]
    if shown["deferred"]:
        due = {each["agreement"]: int(each["amount_minor"]) for each in shown["deferred"]}
        parts += ["", unpaid(due, money)] if parts else [unpaid(due, money)]
    return parts or [nothing]


def _amounts(done: list[dict[str, Any]], word: str, money: Money) -> Iterator[Any]:
    """A row a line, what all rows have in common above them. What settlements have paid of a line before is
    told apart, where they have.
    """
    from settlement.report.layout import columns_table, whole

    rows = [(each, line) for each in done for line in each["amounts"]]
    alike = {(each["period"], line["line"], line["basis"]) for each, line in rows}
    if len(alike) == 1:
        ((period, number, basis),) = alike
        yield f"{word.capitalize()} for {period}, line {number}: {basis}"
    amounts = [(int(line["amount_minor"]), int(line["on_account_minor"])) for _, line in rows]
    on_account = any(before for _, before in amounts)

    def cells(amount: int, before: int) -> list[str]:
        three = (amount, before, amount - before) if on_account else (amount,)
        return [money.bare(each) for each in three]

    of: tuple[tuple[str, Justify], ...] = (("period", "left"), ("line", "right"), ("", "left"))
    of = of if len(alike) > 1 else ()
    figures = ("paid at settlement", "by this run") if on_account else ()
    together = cells(*map(sum, zip(*amounts, strict=True)))
    table = columns_table(
        "agreement",
        *of,
        *((each, "right") for each in (f"{money.currency} {word}", *figures)),
        totals=["together", *("" for _ in of), *together] if len(rows) > 1 else (),
    )
    for (each, line), pair in zip(rows, amounts, strict=True):
        which = (each["period"], str(line["line"]), line["basis"]) if of else ()
        table.add_row(each["agreement"], *which, *cells(*pair))
    yield whole(table)


def received(done: list[dict[str, Any]], money: Money) -> Any:
    """A row an institution that was paid or, negative, gave anything, the payers apart."""
    from settlement.report.layout import columns_table, whole

    paid: dict[str, int] = {}
    for each in done:
        for name, amount in each["paid_minor"].items():
            paid[name] = paid.get(name, 0) + int(amount)
    if not paid:
        return "Nothing was paid now."
    table = columns_table(
        "paid now to",
        (money.currency, "right"),
        totals=("together", money.bare(sum(paid.values()))) if len(paid) > 1 else (),
    )
    for name, amount in sorted(paid.items(), key=lambda each: -each[1]):
        table.add_row(name, money.bare(amount))
    return whole(table)


def unpaid(due: Mapping[str, int], money: Money) -> Any:
    """A row an agreement whose payer had too little cash."""
    from settlement.report.layout import columns_table, whole

    table = columns_table(
        "still due: too little cash",
        (money.currency, "right"),
        totals=("together", money.bare(sum(due.values()))) if len(due) > 1 else (),
    )
    for name, amount in due.items():
        table.add_row(name, money.bare(amount))
    return whole(table)


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

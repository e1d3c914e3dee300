"""Questions to a ledger: `clearing audit DIR trades`, `trade`, `positions`, `holders`, `cash`, `movements`,
`revenue`, `agreements`, `institutions`, `approvals`, `breaks` and `summary`.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from settlement.cli.answering import (
    AfterOption,
    AllOption,
    AtOption,
    CounterpartyOption,
    CurrencyOption,
    Form,
    FormOption,
    FromOption,
    InstitutionOption,
    JsonOption,
    LeastOption,
    LimitOption,
    MostOption,
    OutOption,
    ReasonOption,
    SecurityOption,
    StatusOption,
    ToOption,
    ViewerOption,
    answered,
)
from settlement.cli.output import DirectoryArgument


def register(group: typer.Typer) -> None:
    """Put these commands into the group `clearing audit DIR`."""
    group.callback()(_of)
    for command in (trades, trade, positions, holders, cash, movements, revenue, agreements, institutions):
        group.command()(command)
    for further in (approvals, breaks, summary):
        group.command()(further)


def _of(context: typer.Context, path: DirectoryArgument) -> None:
    """Questions to a ledger, each answered as of one block, to a viewer what the access policy lets it see;
    every query is kept in the ledger's audit log."""
    context.obj = path


def trades(
    context: typer.Context,
    institution: InstitutionOption = None,
    counterparty: CounterpartyOption = None,
    security: SecurityOption = None,
    currency: CurrencyOption = None,
    first: FromOption = None,
    last: ToOption = None,
    at: AtOption = None,
    status: StatusOption = None,
    least: LeastOption = None,
    most: MostOption = None,
    reason: ReasonOption = None,
    limit: LimitOption = None,
    after: AfterOption = None,
    everything: AllOption = False,
    viewer: ViewerOption = None,
    form: FormOption = Form.TEXT,
    as_json: JsonOption = False,
    out: OutOption = None,
) -> None:
    """Trades, by day and number."""
    from settlement.audit.questions.trades import trades as asked

    answered(context, "trades", asked, locals())


def trade(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="TRADE", help="YYYY-MM-DD/NUMBER.")],
    viewer: ViewerOption = None,
    form: FormOption = Form.TEXT,
    as_json: JsonOption = False,
    out: OutOption = None,
) -> None:
    """The life of one trade, from its file to finality."""
    from settlement.audit.questions.life import trade as asked

    options = locals() | {"everything": True}
    answered(context, "trade", lambda audit, _: asked(audit, name), options, trade=name)


def positions(
    context: typer.Context,
    institution: InstitutionOption = None,
    security: SecurityOption = None,
    at: AtOption = None,
    limit: LimitOption = None,
    after: AfterOption = None,
    everything: AllOption = False,
    viewer: ViewerOption = None,
    form: FormOption = Form.TEXT,
    as_json: JsonOption = False,
    out: OutOption = None,
) -> None:
    """What institutions hold of securities, now or at any earlier block or time."""
    from settlement.audit.questions.holdings import positions as asked

    answered(context, "positions", asked, locals())


def holders(
    context: typer.Context,
    security: Annotated[str, typer.Argument(metavar="SECURITY", help="Its code.")],
    at: AtOption = None,
    limit: LimitOption = None,
    after: AfterOption = None,
    everything: AllOption = False,
    viewer: ViewerOption = None,
    form: FormOption = Form.TEXT,
    as_json: JsonOption = False,
    out: OutOption = None,
) -> None:
    """Who holds a security, the largest first."""
    from settlement.audit.questions.holdings import holders as asked

    answered(context, "holders", lambda audit, filters: asked(audit, security, filters), locals())


def cash(
    context: typer.Context,
    institution: InstitutionOption = None,
    currency: CurrencyOption = None,
    at: AtOption = None,
    limit: LimitOption = None,
    after: AfterOption = None,
    everything: AllOption = False,
    viewer: ViewerOption = None,
    form: FormOption = Form.TEXT,
    as_json: JsonOption = False,
    out: OutOption = None,
) -> None:
    """What institutions hold of currencies, now or at any earlier block or time."""
    from settlement.audit.questions.holdings import cash as asked

    answered(context, "cash", asked, locals())


def movements(
    context: typer.Context,
    institution: InstitutionOption = None,
    counterparty: CounterpartyOption = None,
    security: SecurityOption = None,
    currency: CurrencyOption = None,
    first: FromOption = None,
    last: ToOption = None,
    at: AtOption = None,
    least: LeastOption = None,
    most: MostOption = None,
    limit: LimitOption = None,
    after: AfterOption = None,
    everything: AllOption = False,
    viewer: ViewerOption = None,
    form: FormOption = Form.TEXT,
    as_json: JsonOption = False,
    out: OutOption = None,
) -> None:
    """What went from one account to another, in the chain's order; days are those of the blocks."""
    from settlement.audit.questions.movements import movements as asked

    answered(context, "movements", asked, locals())


def revenue(
    context: typer.Context,
    institution: InstitutionOption = None,
    counterparty: CounterpartyOption = None,
    agreement: Annotated[str | None, typer.Option(metavar="NAME", help="Of this agreement.")] = None,
    period: Annotated[str | None, typer.Option(metavar="PERIOD", help="Of this period, as 2019Q4.")] = None,
    by: Annotated[list[str] | None, typer.Option(metavar="WORD", help="Sums by this, as party.")] = None,
    currency: CurrencyOption = None,
    first: FromOption = None,
    last: ToOption = None,
    limit: LimitOption = None,
    after: AfterOption = None,
    everything: AllOption = False,
    viewer: ViewerOption = None,
    form: FormOption = Form.TEXT,
    as_json: JsonOption = False,
    out: OutOption = None,
) -> None:
    """Where commission went: each receiver's part of each accrual and run, and why."""
    from settlement.audit.questions.revenue import revenue as asked

    more: dict[str, Any] = {"agreement": agreement, "period": period, "by": tuple(by or ())}
    answered(context, "revenue", lambda audit, filters: asked(audit, filters, **more), locals(), **more)


def agreements(
    context: typer.Context,
    institution: InstitutionOption = None,
    counterparty: CounterpartyOption = None,
    status: StatusOption = None,
    first: FromOption = None,
    last: ToOption = None,
    limit: LimitOption = None,
    after: AfterOption = None,
    everything: AllOption = False,
    viewer: ViewerOption = None,
    form: FormOption = Form.TEXT,
    as_json: JsonOption = False,
    out: OutOption = None,
) -> None:
    """Agreements in all their versions, with who consented and when."""
    from settlement.audit.questions.revenue import agreements as asked

    answered(context, "agreements", asked, locals())


def institutions(
    context: typer.Context,
    institution: InstitutionOption = None,
    everything: AllOption = False,
    viewer: ViewerOption = None,
    form: FormOption = Form.TEXT,
    as_json: JsonOption = False,
    out: OutOption = None,
) -> None:
    """Who takes part, with roles, signers and standing."""
    from settlement.audit.questions.movements import institutions as asked

    answered(context, "institutions", asked, locals())


def approvals(
    context: typer.Context,
    institution: InstitutionOption = None,
    kind: Annotated[
        list[str] | None, typer.Option(metavar="WORD", help="Only these, as affirmation.")
    ] = None,
    person: Annotated[str | None, typer.Option(metavar="NAME", help="Approved or proposed by them.")] = None,
    first: FromOption = None,
    last: ToOption = None,
    limit: LimitOption = None,
    after: AfterOption = None,
    everything: AllOption = False,
    viewer: ViewerOption = None,
    form: FormOption = Form.TEXT,
    as_json: JsonOption = False,
    out: OutOption = None,
) -> None:
    """Who agreed to what: affirmations, consents, joint decisions, closures of breaks."""
    from settlement.audit.questions.breaks import approvals as asked

    more: dict[str, Any] = {"kind": tuple(kind or ()), "person": person}
    answered(context, "approvals", lambda audit, filters: asked(audit, filters, **more), locals(), **more)


def breaks(
    context: typer.Context,
    institution: InstitutionOption = None,
    security: SecurityOption = None,
    status: StatusOption = None,
    reason: ReasonOption = None,
    least: LeastOption = None,
    most: MostOption = None,
    first: FromOption = None,
    last: ToOption = None,
    limit: LimitOption = None,
    after: AfterOption = None,
    everything: AllOption = False,
    viewer: ViewerOption = None,
    form: FormOption = Form.TEXT,
    as_json: JsonOption = False,
    out: OutOption = None,
) -> None:
    """Differences between books that were ever found, closed ones too."""
    from settlement.audit.questions.breaks import breaks as asked

    answered(context, "breaks", asked, locals())


def summary(
    context: typer.Context,
    by: Annotated[str, typer.Option(metavar="day|status|institution", help="A row each of these.")] = "day",
    institution: InstitutionOption = None,
    counterparty: CounterpartyOption = None,
    security: SecurityOption = None,
    currency: CurrencyOption = None,
    first: FromOption = None,
    last: ToOption = None,
    status: StatusOption = None,
    everything: AllOption = False,
    viewer: ViewerOption = None,
    form: FormOption = Form.TEXT,
    as_json: JsonOption = False,
    out: OutOption = None,
) -> None:
    """Totals of trades, settlement, commission and levy."""
    from settlement.audit.questions.summary import summary as asked

    answered(context, "summary", lambda audit, filters: asked(audit, filters, by), locals(), by=by)

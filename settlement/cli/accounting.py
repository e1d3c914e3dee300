"""Questions of revenue and of who agreed: `clearing audit DIR revenue`, `agreements`, `charges`, `approvals`
and `breaks`.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from settlement.cli.answering import (
    AfterOption,
    AllOption,
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

PayerOption = Annotated[str | None, typer.Option(metavar="NAME", help="Whose income it is.")]
PartyOption = Annotated[str | None, typer.Option(metavar="NAME", help="Who has a part.")]
CycleOption = Annotated[int | None, typer.Option(metavar="N", help="Of this settlement cycle.")]


def register(group: typer.Typer) -> None:
    """Put these commands into the group `clearing audit DIR`."""
    for name, command in (
        *(("revenue", revenue), ("agreements", agreements), ("charges", charges)),
        *(("approvals", approvals), ("breaks", breaks)),
    ):
        group.command(name)(command)


def revenue(
    context: typer.Context,
    institution: InstitutionOption = None,
    counterparty: CounterpartyOption = None,
    payer: PayerOption = None,
    party: PartyOption = None,
    agreement: Annotated[str | None, typer.Option(metavar="NAME", help="Of this agreement.")] = None,
    period: Annotated[str | None, typer.Option(metavar="PERIOD", help="Of this period, as 2019Q4.")] = None,
    cycle: CycleOption = None,
    kind: Annotated[list[str] | None, typer.Option(metavar="WORD", help="Only these, as accrual.")] = None,
    trade: Annotated[
        str | None, typer.Option(metavar="TRADE", help="The way of this trade's commission.")
    ] = None,
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

    more: dict[str, Any] = {
        "payer": payer,
        "party": party,
        "agreement": agreement,
        "period": period,
        "cycle": cycle,
        "kind": tuple(kind or ()),
        "by": tuple(by or ()),
        "trade": trade,
    }
    answered(context, "revenue", lambda audit, filters: asked(audit, filters, **more), locals(), **more)


def agreements(
    context: typer.Context,
    institution: InstitutionOption = None,
    counterparty: CounterpartyOption = None,
    payer: PayerOption = None,
    party: PartyOption = None,
    agreement: Annotated[str | None, typer.Option(metavar="NAME", help="This one.")] = None,
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

    more: dict[str, Any] = {"payer": payer, "party": party, "agreement": agreement}
    answered(context, "agreements", lambda audit, filters: asked(audit, filters, **more), locals(), **more)


def charges(
    context: typer.Context,
    institution: InstitutionOption = None,
    payer: PayerOption = None,
    cycle: CycleOption = None,
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
    """What each settlement charged each institution: commission earned, levy paid."""
    from settlement.audit.questions.revenue import charges as asked

    more: dict[str, Any] = {"payer": payer, "cycle": cycle}
    answered(context, "charges", lambda audit, filters: asked(audit, filters, **more), locals(), **more)


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
    level: Annotated[list[str] | None, typer.Option(metavar="WORD", help="Only these, as trade.")] = None,
    kind: Annotated[list[str] | None, typer.Option(metavar="WORD", help="Only these, as quantity.")] = None,
    owner: Annotated[str | None, typer.Option(metavar="NAME", help="Only those that are theirs.")] = None,
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

    more: dict[str, Any] = {"level": tuple(level or ()), "kind": tuple(kind or ()), "owner": owner}
    answered(context, "breaks", lambda audit, filters: asked(audit, filters, **more), locals(), **more)

"""Questions to a ledger: `clearing audit DIR trades`, `trade`, `positions`, `holders`, `cash`, `movements`,
`institutions` and `summary`.
"""

from __future__ import annotations

from typing import Annotated

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
    for command in (trades, trade, positions, holders, cash, movements, institutions):
        group.command()(command)
    group.command()(summary)


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


def summary(
    context: typer.Context,
    by: Annotated[str, typer.Option(metavar="day|status|institution", help="A row each of these.")] = "day",
    institution: InstitutionOption = None,
    counterparty: CounterpartyOption = None,
    security: SecurityOption = None,
    currency: CurrencyOption = None,
    first: FromOption = None,
    last: ToOption = None,
    at: AtOption = None,
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

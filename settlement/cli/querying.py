"""What is asked of the audit views in other forms: `clearing audit DIR sql`, `semt022` and `log`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from settlement.cli.answering import (
    AllOption,
    AtOption,
    CounterpartyOption,
    Form,
    FormOption,
    FromOption,
    InstitutionOption,
    JsonOption,
    OutOption,
    SecurityOption,
    ToOption,
    ViewerOption,
    filters_of,
    session,
    write_answer,
)
from settlement.cli.output import FormatOption, wants_json, write_json, write_out

if TYPE_CHECKING:
    from settlement.audit.view import View


def register(group: typer.Typer) -> None:
    """Put these commands into the group `clearing audit DIR`."""
    for command in (sql, semt022, log):
        group.command()(command)
    group.command("views")(views)


def sql(
    context: typer.Context,
    statement: Annotated[str, typer.Argument(metavar="SELECT", help="One SELECT over the views.")],
    time_limit: Annotated[int, typer.Option(metavar="S", help="Seconds it may take.")] = 30,
    memory: Annotated[int, typer.Option(metavar="MB", help="Megabytes it may take.")] = 1024,
    everything: AllOption = False,
    viewer: ViewerOption = None,
    form: FormOption = Form.TEXT,
    as_json: JsonOption = False,
    out: OutOption = None,
) -> None:
    """Run one SELECT over the views; `clearing audit DIR views` lists them."""
    with session(context, "sql", viewer) as audit:
        from settlement.audit import asking
        from settlement.audit.sandbox import Limits, SqlRefused

        answer = asking.sql(audit, statement, Limits(time_s=time_limit, memory_mb=memory))
        try:
            write_answer(audit, answer, form, as_json, out, everything)
        except (OverflowError, NotImplementedError, ValueError):
            # DuckDB has years that Python has not, and types that Parquet has not.
            reason = "it answers with dates or types that cannot be written so; cast them to varchar"
            raise SqlRefused(reason) from None


def views(form: FormatOption = None, as_json: JsonOption = False) -> None:
    """List the views that SQL is about, with their columns."""
    from settlement.audit.views import VIEWS

    if wants_json(form, as_json):
        write_json({"views": [_described(view) for view in VIEWS.values()]})
        return
    lines = []
    for view in VIEWS.values():
        lines.append(f"{view.name}: {view.meaning}")
        for column in view.columns:
            unit = f" ({column.unit})" if column.unit else ""
            lines.append(f"    {column.name:<26}{column.meaning}{unit}")
        lines.append("")
    write_out("\n".join(lines))


def _described(view: View) -> dict[str, Any]:
    columns = [{"name": each.name, "unit": each.unit, "meaning": each.meaning} for each in view.columns]
    return {"name": view.name, "meaning": view.meaning, "columns": columns}


def semt022(
    context: typer.Context,
    trade: Annotated[
        str | None, typer.Option(metavar="TRADE", help="Of this one, as 2019-03-25/1071.")
    ] = None,
    institution: InstitutionOption = None,
    counterparty: CounterpartyOption = None,
    security: SecurityOption = None,
    first: FromOption = None,
    last: ToOption = None,
    at: AtOption = None,
    viewer: ViewerOption = None,
    out: OutOption = None,
) -> None:
    """Write ISO's settlement audit trail of trades: a message a trade and side."""
    filters, options = filters_of(locals()), {"trade": trade}
    with session(context, "semt022", viewer) as audit:
        from settlement.audit import asking
        from settlement.audit.questions.semt022 import as_xml
        from settlement.audit.questions.semt022 import semt022 as asked

        answer = asking.ask(audit, "semt022", lambda of, by: asked(of, by, trade=trade), filters, options)
        data = as_xml(answer)
        if out is not None:
            from settlement.files import write_whole

            write_whole(out, data)
        else:
            write_out(data.decode())


def log(
    context: typer.Context,
    viewer: ViewerOption = None,
    form: FormOption = Form.TEXT,
    as_json: JsonOption = False,
    out: OutOption = None,
    everything: AllOption = False,
) -> None:
    """Who asked what and when, as far as the viewer may see it."""
    with session(context, "log", viewer) as audit:
        from settlement.audit import asking
        from settlement.audit.log import AuditLog

        def answer(audit: Any, filters: Any) -> Any:
            import pyarrow as pa

            kept = AuditLog(audit.path, write=False)
            try:
                entries = kept.entries(audit.access)
            finally:
                kept.close()
            rows = [
                {
                    "number": each.number,
                    "date_time": each.when.replace(tzinfo=None),
                    "viewer": each.viewer,
                    "user": each.user,
                    "question": each.question,
                    "details": _said(each.details),
                    "outcome": each.outcome,
                    "block": each.block,
                    "rows": each.rows,
                    "error": each.error,
                }
                for each in entries
            ]
            table = pa.Table.from_pylist(rows, schema=_log_schema())
            return audit.answer("log", table, total=table.num_rows)

        write_answer(audit, asking.ask(audit, "log", answer), form, as_json, out, everything)


def _said(details: Any) -> str:
    import json

    return json.dumps(dict(details), default=str)


def _log_schema() -> Any:
    import pyarrow as pa

    texts = ("viewer", "user", "question", "details", "outcome", "error")
    kinds = {"number": pa.int64(), "date_time": pa.timestamp("us"), "block": pa.int64(), "rows": pa.int64()}
    order = (
        "number",
        "date_time",
        "viewer",
        "user",
        "question",
        "details",
        "outcome",
        "block",
        "rows",
        "error",
    )
    return pa.schema([(name, pa.string() if name in texts else kinds[name]) for name in order])

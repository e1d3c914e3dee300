"""Evidence that holds without this ledger: `clearing evidence` makes it, `clearing verify` checks it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from settlement.cli.output import (
    DAY,
    AllOption,
    DateOption,
    DirectoryArgument,
    FormatOption,
    JsonOption,
    day_of,
    failures,
    opened,
    page_width,
    wants_json,
    write_json,
    write_out,
)

if TYPE_CHECKING:
    from settlement.evidence.asking import Known
    from verifier.bundle import Condition

T = TypeVar("T")


def evidence(
    path: DirectoryArgument,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where it is written to.")],
    trade: Annotated[
        str | None,
        typer.Option("--trade", metavar="T", help="Of one trade, as 2024-03-14/1207, or 1207 with --date."),
    ] = None,
    date: DateOption = None,
    institution: Annotated[
        str | None, typer.Option("--institution", metavar="NAME", help="Of every trade of an institution.")
    ] = None,
    first: Annotated[
        datetime | None,
        typer.Option("--from", help="From this trading day on.", **DAY),
    ] = None,
    last: Annotated[
        datetime | None,
        typer.Option("--to", help="Up to this trading day.", **DAY),
    ] = None,
    query: Annotated[
        list[str] | None,
        typer.Option(
            "--query",
            metavar="TEXT",
            help='Of every trade that meets conditions, as \'institution="Kestrel Rock" amount_minor>=100000'
            " status=settled'; nothing stands for every trade, and of several all hold.",
        ),
    ] = None,
    affirmation_of: Annotated[
        str | None,
        typer.Option(
            "--affirmation-of",
            metavar="NAME",
            help="Instead, an institution's newest affirmation: keep it, and no other chain passes for this.",
        ),
    ] = None,
    viewer: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="Who takes it: by the access policy it must see all."),
    ] = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write one file that proves trades, and that there is no other, to whoever has not the ledger.

    `clearing verify FILE` checks it without the ledger, and so does `python -m verifier FILE`.
    """
    json_wanted = wants_json(form, as_json)
    asked_for = None if query is None else " ".join(query)
    asked = {
        "--trade": trade,
        "--institution": institution,
        "--query": asked_for,
        "--affirmation-of": affirmation_of,
    }
    given = [option for option, value in asked.items() if value is not None]
    if len(given) != 1:
        reason = f"{' and '.join(given)} do not go together" if given else "say of what"
        raise typer.BadParameter(f"{reason}; one of {', '.join(asked)} is wanted", param_hint="'--trade'")
    if date is not None and trade is None:
        raise typer.BadParameter("it is of a --trade", param_hint="'--date'")
    if (first is not None or last is not None) and institution is None:
        raise typer.BadParameter("it is of an --institution", param_hint="'--from'")
    if affirmation_of is not None:
        _affirmation(path, affirmation_of, viewer, output, json_wanted)
        return
    with opened(path, write=False) as ledger:
        from settlement.evidence import asking, taking
        from settlement.evidence.building import Unproven, build, checked
        from settlement.files import write_whole

        history, market = ledger.read(), ledger.market
        details: dict[str, Any] = {"trade": trade, "institution": institution, "query": asked_for}
        details |= {"from": day_of(first), "to": day_of(last), "date": day_of(date), "output": output}
        members = taking.members(market.clients, history)
        with taking.logged(path, viewer, members, "evidence", details) as noted:
            known = asking.Known.of(history)
            conditions = _conditions(known, trade, date, institution, first, last, asked_for)
            ledger.progress("evidence")
            data = build(market.clients, market.deployment, history, conditions)
            ledger.progress("evidence checked")
            verdict = checked(data)
            if trade is not None and not verdict.rows:
                raise Unproven(f"trade {trade} is in a block that is not final yet")
            noted.answered(len(verdict.rows), taking.as_of(market.clients))
        write_whole(output, data)
    head = verdict.head
    shown: dict[str, Any] = {
        "ledger": str(path),
        "evidence": str(output),
        "bytes": len(data),
        "trades": len(verdict.rows),
        "block": head.number,
        "head": f"0x{head.hash.hex()}",
        "blocks": len(verdict.bundle.headers),
        "whole_blocks": len(verdict.bundle.blocks),
        "batches": len(verdict.facts.batches),
        "code_proven": verdict.code_proven,
    }
    if json_wanted:
        write_json(shown)
        return
    from verifier.forms.telling import claim

    whole, every = shown["whole_blocks"], shown["blocks"]
    write_out(
        f"{output} proves {claim(verdict)}\n"
        f"as of block {head.number:,}\n  {shown['head']}\n"
        f"{len(data):,} bytes: {whole:,} of {every:,} blocks whole, of the others their headers\n"
        f"next:\n  clearing verify {quote(str(output))} --trusted-head {shown['head']}\n"
    )


def _conditions(
    known: Known,
    trade: str | None,
    date: datetime | None,
    institution: str | None,
    first: datetime | None,
    last: datetime | None,
    query: str | None,
) -> tuple[Condition, ...]:
    from settlement.evidence import asking

    if trade is not None:
        return asking.of_trade(known, trade, day_of(date))
    if institution is not None:
        return asking.of_institution(known, institution, day_of(first), day_of(last))
    return asking.of_query(known, query or "")


def _affirmation(path: Path, institution: str, viewer: str | None, output: Path, json_wanted: bool) -> None:
    with opened(path, write=False) as ledger:
        from settlement.evidence import asking, taking
        from settlement.evidence.building import newest_statement, statement_text
        from settlement.files import write_whole
        from verifier.anchors import signer_of

        history = ledger.read()
        # 0 is nobody's: an institution that is not there is nobody's own.
        clients, index = ledger.market.clients, history.institutions.get(institution, 0)
        details: dict[str, Any] = {"affirmation_of": institution, "output": output}
        members = taking.members(clients, history)
        with taking.logged(path, viewer, members, "evidence", details, of=index) as noted:
            asking.check_name("institution", institution, list(history.institutions))
            statement, block = newest_statement(clients, history, institution)
            noted.answered(1, taking.as_of(clients))
        write_whole(output, statement_text(statement, institution).encode())
        said = statement.affirmation
        signer = signer_of(said, statement.chain_id, statement.clearing_house)
    assert signer is not None
    shown: dict[str, Any] = {
        "ledger": str(path),
        "affirmation": str(output),
        "institution": institution,
        "batch": f"0x{said.batch_hash.hex()}",
        "prior_block_hash": f"0x{said.prior_block_hash.hex()}",
        "signer": f"0x{signer.hex()}",
        "affirmed_in_block": block,
    }
    if json_wanted:
        write_json(shown)
        return
    write_out(
        f"{output} has what {institution} affirmed in block {block:,},\n"
        f"signed with the key of {shown['signer']}\n"
        f"it vouches for this block and all before it\n  {shown['prior_block_hash']}\n"
        f"next:\n  clearing verify BUNDLE --affirmation {quote(str(output))}"
        f" --key {quote(institution + '=' + shown['signer'])}\n"
    )


def verify(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="The file of evidence.")],
    trusted_head: Annotated[
        str | None,
        typer.Option("--trusted-head", metavar="HASH", help="Of a block that you know to be the ledger's."),
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(
            "--key", metavar="NAME=ADDRESS", help="A key of an institution; may be given several times."
        ),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option("--keys", metavar="FILE", help="YAML or JSON: names, each with an address or several."),
    ] = None,
    affirmation: Annotated[
        list[Path] | None,
        typer.Option(
            "--affirmation", metavar="FILE", help="An affirmation that you kept; may be given several times."
        ),
    ] = None,
    deployment: Annotated[
        Path | None,
        typer.Option(
            "--deployment",
            metavar="FILE",
            help="The ledger's deployment.json, if you have it from elsewhere.",
        ),
    ] = None,
    everything: AllOption = False,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check evidence, without the ledger and without a network.

    Exit code 0: all that the answer rests on is vouched for by what you gave; 1: it is consistent in itself,
    and nothing vouches for it; 2: it proves nothing.
    """
    json_wanted = wants_json(form, as_json)
    with failures():
        from settlement.files import read_regular
        from verifier import Refused
        from verifier import verify as check
        from verifier.forms import given, telling

        option = "--key"
        try:
            given.keys_from(key or ())
            option = "--keys"
            named = given.keys_from(key or (), None if keys is None else _keys_file(keys))
            option = "--trusted-head"
            head = None if trusted_head is None else given.hash_from(trusted_head)
        except given.Unusable as error:
            raise typer.BadParameter(str(error), param_hint=f"'{option}'") from None
        statements = [_brought(file, given.statement_from) for file in affirmation or ()]
        known = given.Deployed() if deployment is None else _brought(deployment, given.deployment_from)
        data = read_regular(bundle)
        try:
            verdict = check(data, trusted_head=head, keys=named, statements=statements, **known._asdict())
        except Refused as refused:
            if json_wanted:
                write_json({"verdict": "refused", "exit_code": telling.REFUSED, "reason": str(refused)})
            print(f"clearing: {bundle}: refused: {refused}", file=sys.stderr)
            raise typer.Exit(telling.REFUSED) from None
        if json_wanted:
            write_out("".join(telling.json_text(verdict)))
        else:
            said = telling.lines(verdict, everything=everything, width=page_width())
            write_out("".join(f"{line}\n" for line in said))
        raise typer.Exit(telling.exit_code(verdict))


def _keys_file(path: Path) -> object:
    """Raises FileUnreadable where it is no YAML."""
    import yaml

    from settlement.errors import FileUnreadable
    from settlement.files import read_regular

    try:
        # Without aliases' help a small file cannot be a large value; addresses stay text.
        return yaml.load(read_regular(path), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FileUnreadable(str(path), " ".join(str(error).split())) from None


def _brought(path: Path, read: Callable[[bytes], T]) -> T:
    """A file that the verifier reads. Raises FileUnreadable."""
    from settlement.errors import FileUnreadable
    from settlement.files import read_regular
    from verifier.forms import given

    try:
        return read(read_regular(path))
    except given.Unusable as error:
        raise FileUnreadable(str(path), str(error)) from None

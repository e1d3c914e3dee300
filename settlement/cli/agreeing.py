"""Coming to an agreement: `clearing agreement propose`, `consent`, `withdraw`, `notice`, `show`, `diff` and
`list`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

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
    write_out,
    write_text,
)

if TYPE_CHECKING:
    from ledger.chain import Receipt
    from ledger.terms import Terms
    from settlement.agreements.consenting import Office
    from settlement.agreements.registry import Known, Proposal

MaybeAsOption = Annotated[str | None, typer.Option("--as", metavar="INSTITUTION", help="Who does it.")]
TermsArgument = Annotated[
    str,
    typer.Argument(metavar="TERMS", help="A hash, or PAYER/NAME where one proposal of that name waits."),
]
EitherArgument = Annotated[
    str, typer.Argument(metavar="TERMS", help="PAYER/NAME, PAYER/NAME@VERSION, a hash, or a YAML file.")
]


def register(group: typer.Typer) -> None:
    """Put these commands into the group `clearing agreement`."""
    for command in (propose, consent, withdraw, notice, show, diff):
        group.command()(command)
    group.command("list")(list_agreements)


@contextmanager
def _office(
    path: Path, passphrase_file: Path | None = None, today: datetime | None = None, *, write: bool
) -> Iterator[Office]:
    with opened(path, write=write, passphrase_file=passphrase_file, today=today) as ledger:
        from settlement.agreements.consenting import Office

        yield Office(ledger)


def propose(
    path: DirectoryArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The terms, in YAML.")],
    institution: MaybeAsOption = None,
    consents: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A consent that was handed over; may be given several times."),
    ] = None,
    today: TodayOption = None,
    passphrase_file: PassphraseOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put terms before their parties, as the payer unless --as names another, who thereby consents."""
    json_wanted = wants_json(form, as_json)
    with _office(path, passphrase_file, today, write=True) as office:
        from settlement.agreements import consenting

        terms = office.document(file)
        given = [consenting.received(office, terms, each) for each in consents or ()]
        sent = consenting.propose(office, terms, institution, given)
        shown = _proposal(path, office, office.registry.proposals[office.digest(terms)], sent)
    _said(path, shown, json_wanted, "Proposed", "Proposed already")


def consent(
    path: DirectoryArgument,
    terms: Annotated[
        str, typer.Argument(metavar="TERMS", help="A hash, PAYER/NAME, or with --offline a YAML file.")
    ],
    institution: MaybeAsOption = None,
    everyone: Annotated[bool, typer.Option("--all", help="As all whose keys this ledger holds.")] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Print the consent, to hand over; send nothing.")
    ] = False,
    today: TodayOption = None,
    passphrase_file: PassphraseOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Consent to terms. With the last consent they come into force."""
    json_wanted = wants_json(form, as_json)
    if (institution is None) != everyone:
        raise typer.BadParameter("say who consents: --as INSTITUTION, or --all", param_hint="'--as'")
    if offline and institution is None:
        raise typer.BadParameter("one consent at a time is printed", param_hint="'--offline'")
    with _office(path, passphrase_file, today, write=not offline) as office:
        from settlement.agreements import consenting

        if offline and institution is not None:
            write_json(consenting.handed(office, office.terms(terms, pending=True), institution).model_dump())
            return
        proposal = office.proposal(terms, pending=True)
        who = consenting.held(office, proposal) if institution is None else [institution]
        sent = consenting.consent(office, proposal, who)
        shown = _proposal(path, office, proposal, sent)
    _said(path, shown, json_wanted, "Consented", "Consented already")


def withdraw(
    path: DirectoryArgument,
    terms: TermsArgument,
    institution: AsOption,
    today: TodayOption = None,
    passphrase_file: PassphraseOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a consent back, or refuse terms beforehand, while they are not in force."""
    json_wanted = wants_json(form, as_json)
    with _office(path, passphrase_file, today, write=True) as office:
        from settlement.agreements import consenting

        proposal = office.proposal(terms, pending=True)
        sent = consenting.withdraw(office, proposal, institution)
        shown = _proposal(path, office, proposal, sent)
    _said(path, shown, json_wanted, f"{institution} withdrew", f"{institution} withdrew already")


def notice(
    path: DirectoryArgument,
    agreement: Annotated[str, typer.Argument(metavar="PAYER/NAME", help="Whose agreement, and its name.")],
    institution: AsOption,
    today: TodayOption = None,
    passphrase_file: PassphraseOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """End an agreement, as its terms say."""
    json_wanted = wants_json(form, as_json)
    with _office(path, passphrase_file, today, write=True) as office:
        from settlement.agreements import consenting

        known = office.concluded(agreement)
        sent = consenting.give_notice(office, known, institution)
        shown = where(path, office.ledger) | _notice(office, known) | {"already": sent is None}
        shown["transaction"] = None if sent is None else f"0x{sent.transaction_hash.hex()}"
    if json_wanted:
        write_json({"agreement": agreement} | shown)
        return
    begin = "Notice was given already" if sent is None else f"{institution} gives notice"
    write_text(f"{begin}: {agreement} ends on {shown['ends'][:10]}, by notice of {shown['notice_by']}.")


def show(
    path: DirectoryArgument,
    terms: EitherArgument,
    version: Annotated[
        int | None, typer.Option("--version", metavar="N", min=1, help="Another version than the newest.")
    ] = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print terms in their canonical form, with their hash and where they stand; so can be checked what a
    signature is for.
    """
    json_wanted = wants_json(form, as_json)
    with _office(path, write=False) as office:
        from settlement.agreements.document import render

        found = office.terms(terms, version)
        proposal = office.stands(terms, version, found)
        digest = office.digest(found) if proposal is None else proposal.terms_hash
        shown = where(path, office.ledger) | {"agreement": office.name(found), "version": found.version}
        shown |= {"terms_hash": f"0x{digest.hex()}", "terms": render(found, office.names)}
        shown |= {"proposed": proposal is not None}
        whole = proposal is None or office.is_whole(proposal)
        if proposal is not None:
            shown |= {"whole": whole} | _standing(office, proposal)
    if json_wanted:
        write_json(shown)
    else:
        write_out("".join(f"# {line}\n" for line in _remarks(shown)) + shown["terms"])
    leave(not whole)


def diff(
    path: DirectoryArgument,
    old: Annotated[str, typer.Argument(metavar="OLD", help="PAYER/NAME[@VERSION], a hash, or a file.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="PAYER/NAME[@VERSION], a hash, or a file.")],
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what two versions, or an agreement and a file, say differently, key by key."""
    json_wanted = wants_json(form, as_json)
    with _office(path, write=False) as office:
        from settlement.agreements.difference import differences

        pair = office.terms(old), office.terms(new)
        found = differences(*pair, office.names)
        shown = where(path, office.ledger) | {"old": old, "new": new}
        for key, what, terms in zip(("old_hash", "new_hash"), (old, new), pair, strict=True):
            proposal = office.stands(what, None, terms)
            digest = office.digest(terms) if proposal is None else proposal.terms_hash
            shown[key] = f"0x{digest.hex()}"
        shown["differences"] = [each._asdict() for each in found]
    if json_wanted:
        write_json(shown)
    elif not found and shown["old_hash"] == shown["new_hash"]:
        write_text(f"Nothing differs: both are {shown['old_hash']}.")
    elif not found:
        write_text(f"No document differs, but {shown['old_hash']} is not {shown['new_hash']}.")
    else:
        lines = (f"{each.key}\n" + _change(each.old, each.new) for each in found)
        write_out("".join(lines))
    leave(not found and shown["old_hash"] != shown["new_hash"])


def list_agreements(path: DirectoryArgument, form: FormatOption = None, as_json: JsonOption = False) -> None:
    """List the agreements in force, and what was proposed and waits for consents."""
    json_wanted = wants_json(form, as_json)
    with _office(path, write=False) as office:
        agreements = [
            {"agreement": office.name(known.newest.terms), "version": known.newest.version}
            | {"currency": office.names.currency(known.currency), "parties": _parties(office, known)}
            | {"starts": _moment(known.newest.starts_at), "terms_hash": f"0x{known.newest.terms_hash.hex()}"}
            | _notice(office, known)
            for known in office.registry.agreements.values()
        ]
        waiting: list[dict[str, Any]] = [
            {"agreement": office.name(each.terms), "version": each.terms.version}
            | {"terms_hash": f"0x{each.terms_hash.hex()}", "missing": office.who(each.missing)}
            | {"proposed_by": office.who([each.proposed_by])[0], "withdrawn": office.who(each.withdrawn)}
            for each in office.open()
        ]
        shown = where(path, office.ledger) | {"agreements": agreements, "proposed": waiting}
    if json_wanted:
        write_json(shown)
        return
    wanted = [each["terms_hash"] for each in waiting if not each["withdrawn"]]
    write_text(*_listed(agreements, waiting), then=_next(path, wanted))


def _listed(agreements: list[dict[str, Any]], waiting: list[dict[str, Any]]) -> list[Any]:
    from settlement.report.layout import columns_table, whole

    parts: list[Any] = []
    if agreements:
        table = columns_table(
            "agreement",
            *(("version", "right"), ("", "left"), ("since", "left"), ("until", "left"), ("parties", "right")),
        )
        for each in agreements:
            row = each["agreement"], str(each["version"]), each["currency"], each["starts"][:10]
            table.add_row(*row, (each["ends"] or "")[:10], str(len(each["parties"])))
        parts.append(whole(table))
    if waiting:
        table = columns_table(
            "proposed", ("version", "right"), ("hash", "left"), ("by", "left"), ("waits for", "left")
        )
        for each in waiting:
            refused = [name + " (refused)" if name in each["withdrawn"] else name for name in each["missing"]]
            row = each["agreement"], str(each["version"]), each["terms_hash"][:10], each["proposed_by"]
            table.add_row(*row, ", ".join(refused))
        parts += ["", whole(table)] if parts else [whole(table)]
    return parts or ["There are no agreements yet."]


def _parties(office: Office, known: Known) -> list[str]:
    return office.who(known.newest.terms.parties)


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _notice(office: Office, known: Known) -> dict[str, Any]:
    given = known.notice
    return {
        "ends": None if given is None else _moment(given.ends_at),
        "notice_by": None if given is None else office.names.institution(given.institution),
    }


def _standing(office: Office, proposal: Proposal) -> dict[str, Any]:
    """Who has consented, who has not, since when it is in force."""
    from settlement.agreements import periods

    shown: dict[str, Any] = {
        "proposed_by": office.names.institution(proposal.proposed_by),
        "consented": office.who(each for each in proposal.signatories if each in proposal.consented),
        "missing": office.who(proposal.missing),
        "withdrawn": office.who(proposal.withdrawn),
        "agreement_id": proposal.agreement_id or None,
        "starts": None,
        "from_period": None,
    }
    if proposal.agreement_id:
        known = office.registry.agreements[proposal.agreement_id]
        version = next(each for each in known.versions if each.terms_hash == proposal.terms_hash)
        shown["starts"] = _moment(version.starts_at)
        shown["from_period"] = periods.text(version.from_period, version.terms.months)
        shown |= _notice(office, known)
    return shown


def _proposal(path: Path, office: Office, proposal: Proposal, sent: Receipt | None) -> dict[str, Any]:
    terms: Terms = proposal.terms
    return (
        where(path, office.ledger)
        | {"agreement": office.name(terms), "version": terms.version}
        | {"terms_hash": f"0x{proposal.terms_hash.hex()}", "already": sent is None}
        | {"transaction": None if sent is None else f"0x{sent.transaction_hash.hex()}"}
        | _standing(office, proposal)
    )


def _remarks(shown: dict[str, Any]) -> list[str]:
    lines = [f"{shown['agreement']}, version {shown['version']}: {shown['terms_hash']}"]
    if not shown["proposed"]:
        return [*lines, "not proposed on this ledger"]
    if not shown["whole"]:
        lines.append("THIS IS NOT ALL THAT IS SIGNED: the words say more than a document can; do not consent")
    lines.append(
        f"proposed by {shown['proposed_by']}; consented: {', '.join(shown['consented']) or 'nobody'}"
    )
    if shown["withdrawn"]:
        lines.append(f"refused: {', '.join(shown['withdrawn'])}")
    if shown["missing"]:
        return [*lines, f"not in force: {', '.join(shown['missing'])} must consent"]
    if shown["starts"] is None:
        return [*lines, "not in force"]
    lines.append(f"in force from {shown['starts']}, first in {shown['from_period']}")
    return lines + ([f"ends {shown['ends']}, by notice of {shown['notice_by']}"] if shown["ends"] else [])


def _said(path: Path, shown: dict[str, Any], json_wanted: bool, done: str, already: str) -> None:
    if json_wanted:
        write_json(shown)
        return
    begin = already if shown["already"] else done
    lines = [f"{begin}: {shown['agreement']}, version {shown['version']}.", shown["terms_hash"]]
    if shown["missing"]:
        lines.append(f"Not in force: {', '.join(shown['missing'])} must consent.")
        write_text(*lines, then=_next(path, [shown["terms_hash"]]))
        return
    lines.append(f"In force from {shown['starts']}, first in {shown['from_period']}.")
    write_text(*lines)


def _next(path: Path, hashes: list[str]) -> list[str]:
    return [f"clearing agreement consent {quote(str(path))} {each} --as INSTITUTION" for each in hashes[:1]]


def _change(old: str | None, new: str | None) -> str:
    return "".join(f"  {sign} {text}\n" for sign, text in (("-", old), ("+", new)) if text is not None)

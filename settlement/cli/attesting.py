"""Signing books: `clearing attest`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    write_out,
    write_text,
)

if TYPE_CHECKING:
    from settlement.operations import Ledger
    from settlement.sources import Source


def attest(
    path: DirectoryArgument,
    institution: Annotated[
        str | None,
        typer.Option("--as", metavar="INSTITUTION", help="Whose book; without it, what was attested."),
    ] = None,
    book: Annotated[
        str | None,
        typer.Option(
            "--book", metavar="SOURCE", help="The book: a file or table; else its own on the ledger."
        ),
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option("--mapping", metavar="FILE", help="What the columns of SOURCE are.")
    ] = None,
    cycle: Annotated[
        int | None, typer.Option("--cycle", metavar="N", min=1, help="Of which cycle; else the newest.")
    ] = None,
    prove: Annotated[
        int | None,
        typer.Option("--prove", metavar="TRADE", min=0, help="Show that the signed book had this trade."),
    ] = None,
    date: DateOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where the proof is written to.")
    ] = None,
    verify: Annotated[
        Path | None, typer.Option("--verify", metavar="FILE", help="Check a proof against the ledger.")
    ] = None,
    passphrase_file: PassphraseOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign the root of a book of a cycle and put it on the ledger; prove an entry, check a proof, or list.

    A later change of the book shows in the list. Nobody learns the book from the ledger.
    """
    json_wanted = wants_json(form, as_json)
    _check_options(institution, book, mapping, cycle, prove, date, output, verify)
    if verify is not None:
        _verify(path, verify, json_wanted)
    elif institution is None:
        _list(path, json_wanted)
    elif prove is not None:
        _prove(path, institution, cycle, prove, date, output, json_wanted)
    else:
        _attest(path, institution, book, mapping, cycle, passphrase_file, json_wanted)


def _check_options(
    institution: str | None,
    book: str | None,
    mapping: Path | None,
    cycle: int | None,
    prove: int | None,
    date: datetime | None,
    output: Path | None,
    verify: Path | None,
) -> None:
    """Raises a usage error where options contradict each other."""
    refused: Mapping[str, object]
    signing = {"--book": book, "--mapping": mapping}
    asked = {"--prove": prove, **signing, "--cycle": cycle, "--date": date, "--output": output}
    if verify is not None:
        refused, reason = {**asked, "--as": institution}, "a proof says itself whose it is"
    elif institution is None:
        refused, reason = asked, "say whose book it is, with --as"
    elif prove is not None:
        refused, reason = signing, "what is proved is in the signed book"
    else:
        refused, reason = {"--date": date, "--output": output}, "that is of --prove"
    for option, given in refused.items():
        if given is not None:
            raise typer.BadParameter(reason, param_hint=f"'{option}'")
    if mapping is not None and book is None:
        raise typer.BadParameter("it is of a --book", param_hint="'--mapping'")
    if prove is not None and output is None:
        raise typer.BadParameter("say which file the proof is written to", param_hint="'--output'")


def _attest(
    path: Path,
    institution: str,
    book: str | None,
    mapping: Path | None,
    cycle: int | None,
    passphrase_file: Path | None,
    json_wanted: bool,
) -> None:
    with opened(path, write=True, passphrase_file=passphrase_file) as ledger:
        from settlement.attesting import cycles, signing
        from settlement.attesting.kept import OWN
        from settlement.reconciliation.entries import Entries

        number = cycles.closed_cycle(ledger, cycle)
        archive = signing.archive_of(ledger)
        if book is None:
            entries, balances = cycles.own_book(ledger, institution, number)
        else:
            source = _source(ledger, institution, book, mapping)
            entries = cycles.of_cycle(
                ledger,
                institution,
                number,
                source.entries if source.entries is not None else Entries.nothing(),
            )
            balances = source.balances
        done = signing.attest(
            ledger, archive, institution, number, entries, balances, source=OWN if book is None else book
        )
        said, receipt = done.book.attestation, done.receipt
        shown = where(path, ledger) | {
            "institution": institution,
            "cycle": number,
            "revision": said.revision,
            "root": f"0x{said.root.hex()}",
            "size": said.size,
            "entries": len(done.book.entries),
            "balances": len(done.book.balances),
            "signed_after_block": said.prior_block,
            "already": receipt is None,
            "transaction": None if receipt is None else f"0x{receipt.transaction_hash.hex()}",
            "gas_used": 0 if receipt is None else receipt.gas_used,
            "kept": str(archive.folder / done.book.file_name) if archive.folder else None,
        }
    if json_wanted:
        write_json(shown)
        return
    from settlement.report.layout import plural

    had = "had attested already" if shown["already"] else "attested"
    write_text(
        f"{institution} {had} its book of cycle {number}, revision {said.revision}: "
        f"{plural(shown['entries'], 'trade')}, {plural(shown['balances'], 'balance')}",
        f"root {shown['root']}",
        f"kept in {shown['kept']}",
    )


def _source(ledger: Ledger, institution: str, book: str, mapping: Path | None) -> Source:
    """A book that is brought. Raises RowRefused where a row cannot be read: half a book is not signed."""
    from settlement.errors import RowRefused
    from settlement.sources import read_source
    from settlement.sources.configured import Brought
    from settlement.sources.gathering import context

    brought = Brought("book", institution, book)
    source = read_source(book, context(ledger, brought), mapping=mapping)
    for row in source.refused:
        raise RowRefused(row.source, row.line, row.field, row.value, row.reason)
    return source


def _list(path: Path, json_wanted: bool) -> None:
    with opened(path, write=False) as ledger:
        from settlement.attesting import signing
        from settlement.report.attested import attestation_json, attestations_text

        found = signing.standing(ledger, signing.archive_of(ledger))
        changes = list(signing.present_changes(ledger, found))
        begun, money = where(path, ledger), money_of(ledger)
    attention = any(each.damage for each in found) or any(changes)
    if json_wanted:
        rows = [attestation_json(each, changed) for each, changed in zip(found, changes, strict=True)]
        write_json(begun | {"attestations": rows})
    else:
        write_text(*attestations_text(found, changes, money))
    leave(attention)


def _prove(
    path: Path,
    institution: str,
    cycle: int | None,
    trade: int,
    date: datetime | None,
    output: Path | None,
    json_wanted: bool,
) -> None:
    with opened(path, write=False) as ledger:
        from ledger.ids import day_number
        from settlement.attesting import cycles, proofs, signing
        from settlement.files import write_whole
        from settlement.report.attested import entry_json

        number = cycles.closed_cycle(ledger, cycle)
        signed = signing.newest(ledger, signing.archive_of(ledger), institution, number)
        day = day_of(date)
        proof = proofs.prove(ledger, signed, trade, None if day is None else day_number(day))
        assert output is not None
        write_whole(output, proofs.write(proof))
        shown = where(path, ledger) | {
            "institution": institution,
            "cycle": number,
            "revision": proof.revision,
            "root": f"0x{proof.root.hex()}",
            "proof": str(output),
            "entries": [entry_json(said) for said in proof.entries()],
        }
    if json_wanted:
        write_json(shown)
    else:
        write_out(f"{output} proves that {institution}'s book of cycle {number} had trade {trade}.\n")


def _verify(path: Path, file: Path, json_wanted: bool) -> None:
    with opened(path, write=False) as ledger:
        from settlement.attesting import proofs
        from settlement.files import read_regular
        from settlement.report.attested import entry_json, entry_text, time_text

        proof = proofs.read(read_regular(file), str(file))
        found = proofs.check(ledger, proof)
        money = money_of(ledger)
        shown = where(path, ledger) | {
            "proof": str(file),
            "verified": found.reason is None,
            "reason": found.reason,
            "institution": found.institution,
            "cycle": proof.cycle,
            "revision": proof.revision,
            "root": f"0x{proof.root.hex()}",
            "attested_in_block": found.block,
            "time": None if found.at is None else time_text(found.at),
            "entries": [entry_json(said) for said in proof.entries()] if found.reason is None else [],
        }
    if json_wanted:
        write_json(shown)
    elif found.reason is not None:
        write_out(f"{file} proves nothing: {found.reason}.\n")
    else:
        write_text(
            f"{file} holds: the book that {found.institution} signed for cycle {proof.cycle} (revision "
            f"{proof.revision}, in block {found.block:,}, {shown['time']}) had",
            *(f"  {entry_text(said, money)}" for said in proof.entries()),
        )
    leave(found.reason is not None)

"""The index of a ledger: `clearing index rebuild DIR` and `verify DIR`."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import typer

from settlement.cli.output import (
    DirectoryArgument,
    FormatOption,
    JsonOption,
    failures,
    leave,
    wants_json,
    write_json,
    write_text,
)
from settlement.report.progress import Progress

if TYPE_CHECKING:
    from ledger.index.manifest import Manifest

_MOST = 20
"""Findings that are shown as text."""


def register(group: typer.Typer) -> None:
    """Put these commands into the group `clearing index`."""
    for command in (rebuild, verify):
        group.command()(command)


def rebuild(path: DirectoryArgument, form: FormatOption = None, as_json: JsonOption = False) -> None:
    """Make the index anew from the chain; the one that is there stays until the new one is whole."""
    json_wanted = wants_json(form, as_json)
    with failures(), Progress() as progress:
        progress("index")
        from settlement import indexing

        manifest = indexing.rebuild(path)
    shown = _shown(path, manifest)
    if json_wanted:
        write_json(shown)
        return
    write_text(_said(shown), then=[f"clearing index verify {quote(str(path))}"])


def verify(path: DirectoryArgument, form: FormatOption = None, as_json: JsonOption = False) -> None:
    """Hash every file of the index, make its tables again from the chain, and compare. Exit code 1 where any
    differs, 2 where the index is damaged or another ledger's."""
    json_wanted = wants_json(form, as_json)
    with failures(), Progress() as progress:
        progress("verify")
        from settlement import indexing

        manifest, findings = indexing.verify(path)
    shown = _shown(path, manifest) | {
        "ok": not findings,
        "findings": [
            {"segment": each.segment, "table": each.table, "row": each.row, "found": each.found}
            for each in findings
        ],
    }
    if json_wanted:
        write_json(shown)
    elif not findings:
        write_text(_said(shown), "Every table is what the chain gives.")
    else:
        lines = [
            f"segment {each.segment}, {each.table}"
            + ("" if each.row is None else f", row {each.row:,}")
            + f": {each.found}"
            for each in findings[:_MOST]
        ]
        more = [f"and {len(findings) - _MOST:,} more"] if len(findings) > _MOST else []
        write_text(_said(shown), *lines, *more, then=[f"clearing index rebuild {quote(str(path))}"])
    leave(bool(findings))


def _shown(path: Path, manifest: Manifest) -> dict[str, Any]:
    newest = manifest.as_of
    files = [each for segment in manifest.segments for each in segment.files.values()]
    return {
        "ledger": str(path),
        "head": f"0x{newest.hash.hex()}",
        "block": newest.block,
        "final": newest.final,
        "segments": len(manifest.segments),
        "files": len(files),
        "rows": sum(each.rows for each in files),
        "bytes": sum(each.bytes for each in files),
        "digest": manifest.digest,
    }


def _said(shown: dict[str, Any]) -> str:
    from settlement.report.layout import plural

    kept = "" if shown["final"] else ", not final yet"
    files, segments = plural(shown["files"], "file"), plural(shown["segments"], "segment")
    return (
        f"Index of {shown['ledger']} up to block {shown['block']:,}{kept}:"
        f" {shown['rows']:,} rows in {files} of {segments}, {shown['bytes']:,} bytes."
    )

"""`python -m verifier BUNDLE`: exit code 0 anchored, 1 consistent but unanchored, 2 refused."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from verifier import Refused, verify
from verifier.forms import given, telling

T = TypeVar("T")


def main() -> int:
    """Check the file that the command line names, and say what it proves."""
    parser = argparse.ArgumentParser(prog="python -m verifier", description="Check a bundle of evidence.")
    add = parser.add_argument
    add("bundle", type=Path, help="the file")
    add("--trusted-head", metavar="HASH", help="of a block that you know to be the ledger's")
    add("--key", metavar="NAME=ADDRESS", action="append", default=[], help="of an institution")
    add("--keys", metavar="FILE", type=Path, help="JSON: names with an address or several")
    add("--affirmation", metavar="FILE", type=Path, action="append", default=[])
    add("--deployment", metavar="FILE", type=Path, help="the ledger's deployment.json")
    add("--all", action="store_true", help="show every row")
    add("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    try:
        head = None if asked.trusted_head is None else given.hash_from(asked.trusted_head)
        keys = given.keys_from(asked.key)
        if asked.keys:
            keys = _read(asked.keys, lambda data: given.keys_from(asked.key, given.json_from(data)))
        statements = [_read(each, given.statement_from) for each in asked.affirmation]
        known = _read(asked.deployment, given.deployment_from) if asked.deployment else given.Deployed()
        data = asked.bundle.read_bytes()
    except (given.Unusable, OSError) as error:
        parser.error(str(error))
    try:
        verdict = verify(data, trusted_head=head, keys=keys, statements=statements, **known._asdict())
    except Refused as refused:
        if asked.json:
            print(json.dumps({"verdict": "refused", "exit_code": telling.REFUSED, "reason": str(refused)}))
        print(f"refused: {refused}", file=sys.stderr)
        return telling.REFUSED
    if asked.json:
        shown = telling.json_text(verdict)
    else:
        told = telling.lines(verdict, everything=asked.all, width=_width())
        shown = (f"{line}\n" for line in told)
    try:
        for piece in shown:
            print(piece, end="")
        print(end="", flush=True)
    except BrokenPipeError:  # Who stops reading is told the verdict by the exit code.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return telling.exit_code(verdict)


def _width() -> int | None:
    """Characters that a line has room for: the terminal's, or as $COLUMNS says; None in a pipe or a file."""
    is_known = sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdecimal()
    return shutil.get_terminal_size().columns if is_known else None


def _read(path: Path, form: Callable[[bytes], T]) -> T:
    """What a file says. Raises Unusable, with its name."""
    try:
        return form(path.read_bytes())
    except given.Unusable as error:
        raise given.Unusable(f"{path}: {error}") from None


if __name__ == "__main__":
    sys.exit(main())

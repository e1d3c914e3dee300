"""`python -m verifier BUNDLE`: exit code 0 anchored, 1 consistent but unanchored, 2 refused."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from verifier import given, telling
from verifier.bundle import Refused
from verifier.verifying import verify


def main() -> int:
    """Check the file that the command line names, and say what it proves."""
    parser = argparse.ArgumentParser(prog="python -m verifier", description="Check a bundle of evidence.")
    parser.add_argument("bundle", type=Path, help="the file")
    parser.add_argument("--trusted-head", metavar="HASH", help="of a block that you know to be the ledger's")
    parser.add_argument(
        "--key", metavar="NAME=ADDRESS", action="append", default=[], help="of an institution"
    )
    parser.add_argument("--keys", metavar="FILE", type=Path, help="JSON: names with an address or several")
    parser.add_argument("--affirmation", metavar="FILE", type=Path, action="append", default=[])
    parser.add_argument("--deployment", metavar="FILE", type=Path, help="the ledger's deployment.json")
    parser.add_argument("--all", action="store_true", help="show every row")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    at: Path | None = None
    try:
        keys = given.keys_from(
            asked.key, given.json_from((at := asked.keys).read_bytes()) if asked.keys else None
        )
        statements = [given.statement_from((at := each).read_bytes()) for each in asked.affirmation]
        contracts = given.deployment_from((at := asked.deployment).read_bytes()) if asked.deployment else None
        at = None
        head = given.hash_from(asked.trusted_head) if asked.trusted_head else None
        data = (at := asked.bundle).read_bytes()
    except (given.Unusable, OSError) as error:
        parser.error(f"{at}: {error}" if at and isinstance(error, given.Unusable) else str(error))
    try:
        verdict = verify(data, trusted_head=head, keys=keys, statements=statements, contracts=contracts)
    except Refused as refused:
        if asked.json:
            print(json.dumps({"verdict": "refused", "exit_code": telling.REFUSED, "reason": str(refused)}))
        print(f"refused: {refused}", file=sys.stderr)
        return telling.REFUSED
    if asked.json:
        _write(json.dumps(telling.as_json(verdict), indent=2))
    else:
        _write("\n".join(telling.lines(verdict, everything=asked.all)))
    return telling.exit_code(verdict)


def _write(text: str) -> None:
    """Also to who stops reading: the exit code says the verdict."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())

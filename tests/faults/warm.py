"""A process that has imported everything, and forks one that runs the command whenever it is asked.

Reads {"argv", "out", "kill_after_s", "whom"} a line, writes {"code", "seconds", "killed"}: `code` is negative
for a signal, 70 for a traceback. Unless the command ends before, it is killed ("self"), or every anvil under
it ("anvil"), or Control-C is pressed ("interrupt"), or it stands still for some seconds ("stop").
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from contextlib import suppress
from typing import Any

PAUSE_S = 0.0005
STANDS_S = 2.0
LOADED = (
    "settlement.cli settlement.directory settlement.operations settlement.intake settlement.sample"
    " settlement.report.standing settlement.report.waiting settlement.report.summary"
    " settlement.report.sources"
    " settlement.report.lists settlement.report.layout ledger.chain.anvil ledger.chain.network"
    " settlement.report.reconciliation settlement.report.after_cycles settlement.breaks.reconciling"
    " settlement.breaks.opening settlement.books.own_file settlement.attesting.cycles"
    " settlement.clients.reading settlement.sources.gathering"
    " pyarrow.parquet pyarrow.dataset pyarrow.csv numpy.ma encodings.idna pydantic.type_adapter"
    " duckdb rich.table eth_abi"
)


def run(argv: list[str], out: str) -> None:
    """Be the command, from here to the end."""
    code = 0
    handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for old, new in ((0, nothing), (1, handle), (2, handle)):
        os.dup2(new, old)
    os.chdir(os.path.dirname(out))
    sys.argv = ["clearing", *argv]
    from settlement.cli import main

    try:
        main()
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else int(left.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 70
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def kill(pid: int, whom: str) -> bool:
    """Do to the command what `whom` says; whether there was anything to do it to."""
    if whom != "anvil":
        signals = {"self": signal.SIGKILL, "interrupt": signal.SIGINT, "stop": signal.SIGSTOP}
        os.kill(pid, signals[whom])
        if whom == "stop":
            time.sleep(STANDS_S)
            os.kill(pid, signal.SIGCONT)
        return True
    shown = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,comm="], capture_output=True, text=True, check=True)
    rows = [line.split(None, 2) for line in shown.stdout.splitlines()]
    parents = {int(child): int(parent) for child, parent, _ in rows}
    found = False
    for child, _, name in rows:
        if os.path.basename(name).startswith("anvil"):
            above = int(child)
            while above in parents and above != pid:
                above = parents[above]
            if above == pid:
                with suppress(ProcessLookupError):  # It may have ended since it was seen.
                    os.kill(int(child), signal.SIGKILL)
                    found = True
    return found


def ask(asked: dict[str, Any]) -> dict[str, Any]:
    """Run one command."""
    start = time.monotonic()
    pid = os.fork()
    if not pid:
        run(asked["argv"], asked["out"])
    limit, killed = asked["kill_after_s"], False
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        seconds = time.monotonic() - start
        if ended:
            return {"code": os.waitstatus_to_exitcode(status), "seconds": seconds, "killed": killed}
        if limit is not None and seconds >= limit and not killed:
            killed = kill(pid, asked["whom"])
        time.sleep(PAUSE_S)


if __name__ == "__main__":
    for module in LOADED.split():
        __import__(module)
    if "pyevm" in sys.argv:
        __import__("ledger.chain.pyevm")
    for line in sys.stdin:
        print(json.dumps(ask(json.loads(line))), flush=True)

"""What a ledger needs around it: its directory, its disk, its plain files, nobody in the way."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

from ledger.chain import OUTBOX
from ledger.chain.local import JOURNAL, STATES
from ledger.chain.lock import LOCK
from ledger.deploy import CONTRACTS, Deployment
from ledger.index.manifest import INDEX
from settlement.audit.log import FILE as QUERIES
from settlement.audit.log import AuditLog
from settlement.audit.policy import FILE as ACCESS
from settlement.breaks import Breaks
from settlement.breaks.events import FILE as BREAKS
from settlement.directory import (
    ATTESTED,
    BOOKS,
    CLIENTS,
    CONFIG,
    DEPLOYMENT,
    KEYS,
    SCENARIO,
    config,
    is_ledger,
    scenario_of,
    writer,
)
from settlement.doctor.findings import Examination, Wrong, count, listed
from settlement.errors import NotALedger
from settlement.files import read_regular
from settlement.sources.configured import FILE as SOURCES

LEAST_FREE = 256 << 20
_PARTIAL = re.compile(r".*\.partial|\..*\.part")
_DATABASES = {
    name + end for name in (JOURNAL, OUTBOX, BREAKS, QUERIES) for end in ("", "-wal", "-shm", "-journal")
}
_FILES = {CONFIG, SCENARIO, DEPLOYMENT, LOCK, ACCESS, SOURCES, *_DATABASES}
_FOLDERS = {
    STATES: re.compile(r"\d+\.state"),
    INDEX: re.compile(r"manifest\.json|checked\.json|lock|writing|\d{6,}-[0-9a-f]{16}"),
    BOOKS: re.compile(r"trades-.*\.parquet|deposit-.*\.json"),
    ATTESTED: re.compile(r".*\.parquet"),
    CLIENTS: re.compile(r".*\.parquet|.*\.salt"),
    KEYS: re.compile(r".*\.json"),
}
_RESTORE = "restore the file from a backup made with `clearing backup`"


def check(examination: Examination) -> None:
    """From the directory itself to who is writing."""
    path = examination.path
    examination.check(
        "directory",
        lambda: _directory(path),
        remedy="give the path of a ledger's directory, and let this user read and write in it",
    )
    examination.check(
        "disk",
        lambda: _disk(path),
        remedy="free some space: a transaction is on disk before it is executed, or it is not executed",
        needs=("directory",),
    )
    examination.check("config", lambda: _config(examination), remedy=_RESTORE, needs=("directory",))
    examination.check("scenario", lambda: _scenario(examination), remedy=_RESTORE, needs=("config",))
    examination.check(
        "deployment",
        lambda: _deployment(examination),
        remedy=f"{_RESTORE}",
        needs=("config",),
    )
    examination.check(
        "writer", lambda: _writer(examination), remedy="let this user read the lock", needs=("directory",)
    )
    examination.check(
        "partial files",
        lambda: _partial(examination),
        remedy="delete them: what they were to become was never finished",
        needs=("directory",),
    )
    examination.check(
        "other files",
        lambda: _others(path),
        remedy="move them elsewhere: nothing here reads them, and a backup leaves them out",
        needs=("config",),
    )
    if (path / BREAKS).exists():
        examination.check("breaks", lambda: _breaks(path), remedy=_RESTORE, needs=("directory",))
    if (path / QUERIES).exists():
        examination.check("audit log", lambda: _queries(path), remedy=_RESTORE, needs=("directory",))


def _directory(path: Path) -> str:
    if not path.exists():
        raise Wrong(f"there is no {path}")
    if not path.is_dir():
        raise Wrong(f"{path} is no directory")
    for may, what in ((os.R_OK | os.X_OK, "read"), (os.W_OK, "written to")):
        if not os.access(path, may):
            raise Wrong(f"{path} cannot be {what} by this user")
    barred = [
        name for name in sorted(_FILES) if (path / name).exists() and not os.access(path / name, os.R_OK)
    ]
    if barred:
        raise Wrong(f"{listed(barred)} cannot be read by this user")
    return f"{path} can be read and written to"


def _disk(path: Path) -> str:
    free = shutil.disk_usage(path).free
    if free < LEAST_FREE:
        raise Wrong(f"{free >> 20:,} MiB are free, less than {LEAST_FREE >> 20}")
    return f"{free >> 20:,} MiB are free"


def _config(examination: Examination) -> str:
    if not is_ledger(examination.path):
        raise Wrong(str(NotALedger(str(examination.path))), "give the path of a ledger's directory")
    examination.config = config(examination.path)
    return f"on {examination.config.chain}, {examination.config.clock} clock"


def _scenario(examination: Examination) -> str:
    examination.scenario = scenario_of(examination.path)
    return examination.scenario.name


def _deployment(examination: Examination) -> str:
    file = examination.path / DEPLOYMENT
    if not file.exists():
        raise Wrong(
            f"there is no {DEPLOYMENT}: the ledger was not set up to its end",
            f"`clearing init {examination.path}` goes on where it stopped",
        )
    try:
        deployment = Deployment(**json.loads(read_regular(file)))
        there = deployment.addresses.keys() & deployment.code_hashes.keys() & {*CONTRACTS}
    except (ValueError, TypeError, AttributeError) as error:
        raise Wrong(f"{DEPLOYMENT} is no deployment: {error}") from None
    if len(there) < len(CONTRACTS) or not isinstance(deployment.block, int):
        raise Wrong(f"{DEPLOYMENT} lacks some of the contracts, or their block")
    examination.deployment = deployment
    return f"{count(len(there), 'contract')}, complete at block {deployment.block:,}"


def _breaks(path: Path) -> str:
    with Breaks.open(path, write=False) as breaks:
        kept = breaks.kept()
    events = sum(len(each.history) for each in kept)
    still = sum(each.status != "closed" for each in kept)
    return f"{count(events, 'event')} of {count(len(kept), 'break')}, {still:,} not closed"


def _queries(path: Path) -> str:
    log = AuditLog(path, write=False)
    try:
        return f"{count(log.checked(), 'event')} of queries"
    finally:
        log.close()


def _writer(examination: Examination) -> str:
    examination.writer = writer(examination.path)
    return examination.writer or "nobody is writing"


def _partial(examination: Examination) -> str:
    found = [
        str(file.relative_to(examination.path))
        for file in sorted(examination.path.rglob("*"))
        if _PARTIAL.fullmatch(file.name)
    ]
    if found and not examination.writer:
        raise Wrong(f"{listed(found)}, left by a run that was interrupted")
    return f"{count(len(found), 'file')} being written" if found else "none"


def _others(path: Path) -> str:
    found = []
    for entry in sorted(path.iterdir()):
        if _PARTIAL.fullmatch(entry.name):
            continue
        if entry.name in _FOLDERS and entry.is_dir():
            known = _FOLDERS[entry.name]
            found += [
                f"{entry.name}/{inner.name}"
                for inner in sorted(entry.iterdir())
                if not (known.fullmatch(inner.name) or _PARTIAL.fullmatch(inner.name))
            ]
        elif entry.name not in _FILES or not entry.is_file():
            found.append(entry.name)
    if found:
        raise Wrong(f"{listed(found)}: no files of a ledger")
    return "none"

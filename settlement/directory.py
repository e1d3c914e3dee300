"""A ledger is a directory: what lies in it, how it is made, opened, copied.

ledger.json       what the ledger runs on: chain, clock, limits
scenario.yaml     the scenario as it was given
deployment.json   the contracts' addresses; written last, so it being there means the ledger is set up
journal.sqlite    on a local chain: every transaction and what came of it. This is the ledger.
outbox.sqlite     on a network: every transaction before it was sent
state/            states of the engine, which may be deleted
index/            the chain's facts as tables, which may be deleted and are made again from the chain
books/            the institutions' own books
clients/          brokers' allocations to their clients and the secrets of their salts, for nobody else
breaks.sqlite     what differed between books, and what was done about it
sources.yaml      which books and statements each cycle is reconciled with; may be missing
audit.sqlite      who asked what, digest-chained
access.yaml       who sees what of answers; may be missing
attested/         the books whose roots institutions signed, as they were then
keys/             on a network: keystores, encrypted
lock              who is writing
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ledger.accounts import Signer
from ledger.chain import KNOWN, OUTBOX, Block, Chain, connect, default_engine, is_network
from ledger.chain.engine import ENGINES
from ledger.chain.local import JOURNAL
from ledger.chain.lock import holder, writing
from ledger.chain.store import copy_database
from ledger.clock import Clock, SteppedClock, SystemClock
from ledger.deploy import CONTRACTS, Deployment
from ledger.errors import UnknownChain
from settlement.day import opens_at
from settlement.errors import (
    ClockRuns,
    DayPast,
    FileUnreadable,
    FileUnwritable,
    LedgerExists,
    LedgerOutdated,
    LedgerUnfinished,
    NotALedger,
    ScenarioDiffers,
)
from settlement.files import read_regular, write_whole

if TYPE_CHECKING:
    from ledger.chain.network import NetworkConfig
    from ledger.chain.resync import Resynced
    from settlement.operations import Ledger, Progress
    from settlement.scenario import Scenario

CONFIG, SCENARIO, DEPLOYMENT = "ledger.json", "scenario.yaml", "deployment.json"
BOOKS, KEYS, ATTESTED, CLIENTS = "books", "keys", "attested", "clients"
Passphrase = Callable[[], str]
_FIRST = {SCENARIO, SCENARIO + ".partial", CONFIG + ".partial"}
"""What is there where `init` ended before it was one."""
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""Where a simulated clock stands when nothing moves it: each block is then a second after the last."""


def no_passphrase() -> str:
    """Where nobody can be asked: no keystore opens with it."""
    return ""


class Config(BaseModel):
    """What a ledger runs on. `clock` "simulated" goes on a second a block from the last block's time.

    The rest is of networks: how many blocks lie on a final one, or the chain's own `finalized`; what a
    transaction may be at most where it is less than what the chain says; how long to wait for a block.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal[1] = 1
    chain: str
    clock: Literal["system", "simulated"] = "system"
    finality: Annotated[int, Field(ge=0)] | Literal["finalized"] = "finalized"
    transaction_gas: Annotated[int, Field(ge=1)] | None = None
    transaction_bytes: Annotated[int, Field(ge=1)] | None = None
    timeout_s: Annotated[int, Field(ge=1)] = 120

    @property
    def is_local(self) -> bool:
        """Whether the chain is this machine's own."""
        return self.chain in ENGINES


def is_ledger(path: str | Path) -> bool:
    """Whether `init` has begun a ledger in a directory."""
    return (Path(path) / CONFIG).is_file()


def config(path: str | Path) -> Config:
    """What the ledger at `path` runs on. Raises NotALedger and FileRefused."""
    if not is_ledger(path):
        raise NotALedger(str(path))
    data = read_regular(Path(path) / CONFIG)
    try:
        return Config.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise NotALedger(f"{path} ({CONFIG}: {where}: {first['msg']})") from None


def scenario_of(path: str | Path) -> Scenario:
    """The scenario of the ledger at `path`."""
    from settlement import scenario as scenarios

    file = Path(path) / SCENARIO
    return scenarios.parse(read_regular(file), source=str(file))


def deployment_of(path: str | Path) -> Deployment:
    """Where the contracts of the ledger at `path` are. Raises LedgerUnfinished and LedgerOutdated."""
    file = Path(path) / DEPLOYMENT
    if not file.exists():
        raise LedgerUnfinished(str(path))
    return _deployment(file)


def init(
    path: str | Path,
    scenario: str,
    wanted: Config | None = None,
    *,
    join: Path | None = None,
    start: datetime | None = None,
    progress: Progress | None = None,
    passphrase: Passphrase = no_passphrase,
) -> None:
    """Make a ledger at `path` with the scenario's market on it, or go on with an `init` that was interrupted.

    `start` is where a simulated clock begins; `join` is the deployment.json of a ledger that others have set
    up on the network. Raises LedgerExists, ScenarioDiffers, FileUnwritable, and what loading a scenario and
    connecting to a chain raise.
    """
    from settlement import scenario as scenarios
    from settlement.market import establish

    folder = Path(path)
    data = scenarios.source(scenario)
    loaded = scenarios.parse(data, source=scenario)
    if (folder / DEPLOYMENT).exists():
        raise LedgerExists(str(path), "a ledger already")
    if not is_ledger(folder):
        wanted = wanted or Config(chain=default_engine())
        if not wanted.is_local and not is_network(wanted.chain):
            raise UnknownChain(wanted.chain, KNOWN)
        _make(folder, data, wanted)
    elif read_regular(folder / SCENARIO) != data:
        raise ScenarioDiffers(str(path), scenario_of(path).name, loaded.name)
    with connected(folder, write=True, start=start) as chain:
        if progress is not None:
            progress("market")
        if join is None:
            deployment = establish(chain, loaded, _signers(folder, loaded, passphrase, new=True)).deployment
        else:
            deployment = _deployment(join)
        write_whole(folder / DEPLOYMENT, json.dumps(deployment.as_json(), indent=2).encode())


@contextmanager
def open_ledger(
    path: str | Path,
    *,
    write: bool,
    progress: Progress | None = None,
    start: datetime | None = None,
    today: date | None = None,
    passphrase: Passphrase = no_passphrase,
) -> Iterator[Ledger]:
    """The ledger at `path`, for writing by one process at a time, for reading by any number.

    `start` moves a simulated clock forward to it, where it is not past that; `today` moves it to that day's
    opening, and raises ClockRuns or DayPast where it cannot be that day. Raises NotALedger, LedgerUnfinished,
    LedgerOutdated, LedgerLocked, StoreUnusable, JournalDamaged and what starting the engine raises.
    """
    from settlement.books.shelf import Shelf
    from settlement.clients.kept import Kept
    from settlement.market import opened
    from settlement.operations import Ledger, quiet

    folder = Path(path)
    found = config(path)
    if today is not None:
        if found.clock != "simulated":
            raise ClockRuns(str(path), "this machine's" if found.is_local else "the network's")
        start = opens_at(today)
    loaded = scenario_of(path)
    deployment = deployment_of(path)
    with connected(folder, write=write, start=start, blocks=deployment.block) as chain:
        market = opened(chain, loaded, deployment, _signers(folder, loaded, passphrase))
        clock = SystemClock() if found.clock == "system" else _LastBlock(chain, start)
        if today is not None and today < (newest := _LastBlock(chain).now().date()):
            raise DayPast(str(path), str(today), str(newest))
        # As with keys: on a local ledger nothing is a secret to whoever has the scenario.
        kept = Kept(folder / CLIENTS, f"{loaded.name}/{loaded.seed}" if found.is_local else None)
        yield Ledger(
            market,
            Shelf(folder / BOOKS),
            path=folder,
            progress=progress or quiet,
            clock=clock,
            allocations=kept,
        )


class _LastBlock:
    """The time of the newest block: what a simulated clock says when nobody moves it; `start` where that is
    later, at which the next block will be.
    """

    def __init__(self, chain: Chain, start: datetime | None = None) -> None:
        self._chain = chain
        self._start = start or _LONG_AGO

    def now(self) -> datetime:
        """See `Clock`."""
        return max(datetime.fromtimestamp(self._chain.block().timestamp, UTC), self._start)

    def wait_until(self, moment: datetime) -> None:
        """See `Clock`; only blocks move it."""


def resync(
    path: str | Path, *, new_genesis: bool = False, progress: Callable[[int, int], None] | None = None
) -> Resynced | None:
    """Give a network's chain back what it has forgotten of this ledger; None for a local ledger, which
    forgets nothing. Raises what `ledger.chain.resync` does.
    """
    folder, found = Path(path), config(path)
    if found.is_local:
        return None
    from ledger.chain.resync import resync as send_again

    with writing(folder, clock=SystemClock()):
        return send_again(
            found.chain, folder / OUTBOX, _network(found), progress=progress, new_genesis=new_genesis
        )


def backup(path: str | Path, to: str | Path) -> Block:
    """Copy the ledger at `path` into a new directory, also while somebody writes; the newest block copied.

    All but what is made again from that, the engine's states and the index. Files that `sources.yaml` names
    lie elsewhere and are not copied.

    Raises LedgerExists where `to` holds anything, FileUnwritable.
    """
    from settlement.audit.log import FILE as QUERIES
    from settlement.audit.policy import FILE as ACCESS
    from settlement.breaks.events import FILE as BREAKS
    from settlement.sources.configured import FILE as SOURCES

    source, target = Path(path), Path(to)
    found = config(path)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise LedgerExists(str(to), "something")
    try:
        target.mkdir(parents=True, exist_ok=True)
        with connected(source, write=False) as chain:
            newest = chain.block()
            database = JOURNAL if found.is_local else OUTBOX
            copy_database(source / database, target / database)
        # After the journal: a book may know more than the ledger, never less.
        for name in (BOOKS, CLIENTS, ATTESTED, KEYS):
            if (source / name).is_dir():
                shutil.copytree(source / name, target / name, ignore=shutil.ignore_patterns("*.partial"))
        for name in (BREAKS, QUERIES):
            if (source / name).is_file():
                copy_database(source / name, target / name)
        for name in (
            SCENARIO,
            DEPLOYMENT,
            *(each for each in (ACCESS, SOURCES) if (source / each).is_file()),
        ):
            shutil.copy2(source / name, target / name)
        write_whole(target / CONFIG, _encoded(found))
    except OSError as error:
        raise FileUnwritable(str(error.filename or to), error.strerror or str(error)) from None
    return newest


def writer(path: str | Path) -> str | None:
    """Who is writing to the ledger, in words; None where nobody is."""
    return holder(Path(path))


def _make(folder: Path, scenario: bytes, wanted: Config) -> None:
    if folder.exists() and not folder.is_dir():
        raise LedgerExists(str(folder), "a file")
    if folder.exists() and not {each.name for each in folder.iterdir()} <= _FIRST:
        raise LedgerExists(str(folder), "files that are no ledger's")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileUnwritable(str(folder), error.strerror or str(error)) from None
    write_whole(folder / SCENARIO, scenario)
    write_whole(folder / CONFIG, _encoded(wanted))


def _encoded(wanted: Config) -> bytes:
    return (wanted.model_dump_json(indent=2) + "\n").encode()


def _deployment(path: Path) -> Deployment:
    try:
        found = Deployment(**json.loads(read_regular(path)))
        missing = [name for name in CONTRACTS if name not in found.addresses]
    except (ValueError, TypeError) as error:
        raise FileUnreadable(str(path), f"it is no deployment: {error}") from None
    if missing:
        raise LedgerOutdated(str(path), missing)
    return found


def _signers(
    folder: Path, scenario: Scenario, passphrase: Passphrase, *, new: bool = False
) -> Mapping[str, Signer]:
    """The keys in the directory: on a local chain those that follow from the scenario's seed; on a network's
    those in keystores, `new` ones where there are none.
    """
    from settlement.market import OPERATOR, seed_signers

    if config(folder).is_local:
        return seed_signers(scenario)
    from ledger.keystore import Keyring

    keys = Keyring(folder / KEYS, passphrase)
    if new:
        for name in (OPERATOR, *(each.name for each in scenario.institutions)):
            keys.ensure(name)
    return keys


@contextmanager
def connected(
    folder: Path, *, write: bool, start: datetime | None = None, blocks: int = 0
) -> Iterator[Chain]:
    """The chain of the ledger in `folder`, locked where it is to be written to; `blocks` are known to be
    there.
    """
    found = config(folder)
    clock: Clock = SystemClock() if found.clock == "system" else SteppedClock(start or _LONG_AGO)
    with ExitStack() as stack:
        if write:
            stack.enter_context(writing(folder, clock=SystemClock()))
        network = None if found.is_local else _network(found)
        yield stack.enter_context(
            connect(found.chain, clock=clock, folder=folder, write=write, blocks=blocks, network=network)
        )


def _network(found: Config) -> NetworkConfig:
    from ledger.chain.network import NetworkConfig

    return NetworkConfig(
        transaction_gas=found.transaction_gas,
        transaction_bytes=found.transaction_bytes,
        finality=found.finality,
        timeout_s=found.timeout_s,
    )

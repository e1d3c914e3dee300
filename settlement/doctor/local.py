"""A local ledger's journal and engine."""

from __future__ import annotations

from calendar import timegm

from ledger.chain import LocalChain, available
from ledger.chain.engine import start_engine
from ledger.chain.journal import Journal, Origin
from ledger.chain.local import JOURNAL, STATES
from ledger.chain.states import States
from ledger.clock import SystemClock
from ledger.errors import EngineFailed
from settlement.directory import open_ledger
from settlement.doctor.findings import Examination, Wrong, count, listed

AHEAD_S = 60
_RESTORE = "restore the ledger from a backup made with `clearing backup`; do not go on with this one"


def check(examination: Examination) -> None:
    """From the engine to a whole replay."""
    examination.check(
        "engine",
        lambda: _engine(examination),
        remedy="run `make setup`, or set CLEARING_ANVIL to the program's path",
        needs=("config",),
    )
    examination.check("journal", lambda: _journal(examination), remedy=_RESTORE, needs=("deployment",))
    examination.check(
        "tail",
        lambda: _tail(examination),
        remedy=f"the next command that writes executes them first: `clearing settle {examination.path}`",
        needs=("journal", "writer"),
    )
    examination.check(
        "clock",
        lambda: _clock(examination),
        remedy="set this machine's clock; until it has caught up, each block is a second after the last",
        needs=("journal",),
    )
    examination.check(
        "states",
        lambda: _states(examination),
        remedy=f"delete {examination.path / STATES}: states only save time, and are made again",
        needs=("engine", "journal"),
    )
    examination.check(
        "reading", lambda: reading(examination), remedy=_RESTORE, needs=("scenario", "engine", "journal")
    )
    examination.check("replay", lambda: _replay(examination), remedy=_RESTORE, needs=("reading",))


def reading(examination: Examination) -> str:
    """Open the ledger as a reader does."""
    ledger = examination.stack.enter_context(open_ledger(examination.path, write=False))
    examination.ledger = ledger
    history = ledger.read()
    trades = sum(len(batch.records) for batch in history.batches.values())
    return f"{count(trades, 'trade')} in {count(len(history.batches), 'batch', 'batches')}"


def _engine(examination: Examination) -> str:
    assert examination.config is not None
    if examination.config.chain not in available():
        raise Wrong(f"{examination.config.chain} is not installed here")
    return f"{examination.config.chain} is installed"


def _journal(examination: Examination) -> str:
    file = examination.path / JOURNAL
    if not file.exists():
        raise Wrong(f"there is no {JOURNAL}: it is the ledger")
    journal = Journal(file, write=False)
    examination.stack.callback(journal.close)
    assert examination.config is not None
    assert examination.deployment is not None
    if journal.origin is None or journal.entries < examination.deployment.block:
        raise Wrong(
            f"{JOURNAL} has {count(journal.entries, 'transaction')}, and {examination.deployment.block:,} "
            "set the ledger up: its end is gone"
        )
    if journal.origin.engine != examination.config.chain:
        raise Wrong(f"{JOURNAL} is of {journal.origin.engine}, and the configuration says another engine")
    examination.journal = journal
    return f"{count(journal.entries, 'transaction')}, each with its digest"


def _tail(examination: Examination) -> str:
    assert examination.journal is not None
    left = len(examination.journal.pending())
    if left and not examination.writer:
        raise Wrong(f"{count(left, 'transaction')} written, but not executed: the run was interrupted")
    return f"{count(left, 'transaction')} being executed" if left else "nothing is left to execute"


def _clock(examination: Examination) -> str:
    assert examination.journal is not None
    assert examination.config is not None
    if examination.config.clock != "system":
        return "simulated: only blocks move it"
    ahead_s = examination.journal.block().timestamp - timegm(SystemClock().now().utctimetuple())
    if ahead_s > AHEAD_S:
        raise Wrong(f"the newest block is {ahead_s:,} seconds ahead of this machine's clock")
    return "no block is ahead of this machine's clock"


def _states(examination: Examination) -> str:
    journal = examination.journal
    assert journal is not None
    assert journal.origin is not None
    folder = examination.path / STATES
    usable = {
        f"{number:010d}.state"
        for number, state in States(folder).newest_first(journal)
        if _starts(journal, journal.origin, number, state)
    }
    unusable = sorted(file.name for file in folder.glob("*.state") if file.name not in usable)
    if unusable:
        raise Wrong(f"{listed(unusable)} cannot be used; opening takes longer, and is as right as ever")
    return f"{count(len(usable), 'state')} to start from" if usable else "none; opening executes everything"


def _starts(journal: Journal, origin: Origin, number: int, state: bytes) -> bool:
    """Whether an engine begins with a state where the journal's block is."""
    try:
        engine = start_engine(origin.engine, origin.genesis_time, state)
    except EngineFailed:
        return False
    try:
        return engine.head() == journal.block(number)
    finally:
        engine.close()


def _replay(examination: Examination) -> str:
    assert examination.ledger is not None
    chain = examination.ledger.market.chain
    assert isinstance(chain, LocalChain)
    return f"{count(chain.check(), 'block')} made again, each with its hash"

"""Who asked what of a ledger: audit.sqlite, which only grows, digest-chained.

A query is two events. `asked`, before anything is read for it: who, in whose account of the operating
system, which question with which filters or which SQL. Then how it ended, before the answer is given away:
`answered` with the block it is as of and how many rows, `refused` with why, or `stopped` at a limit. A query
without an end was killed. What cannot be written is not answered.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ledger.clock import Clock, SystemClock
from settlement.audit.access import Access, AccessRefused
from settlement.chained import ChainedFile, Event
from settlement.errors import FileUnwritable

if TYPE_CHECKING:
    from settlement.audit.answer import AsOf

FILE = "audit.sqlite"


class LogUnwritable(FileUnwritable):
    """The audit log at `path` cannot be written, so nothing is answered."""

    exit_code = 3

    def __init__(self, path: str, cause: str) -> None:
        super().__init__(path, f"{cause}; without the audit log no question is answered")


@dataclass(slots=True)
class Asked:
    """A query that was asked: what is told of its answer before the end of `AuditLog.asking`."""

    number: int
    """By which the log names it."""
    as_of: AsOf | None = None
    rows: int | None = None

    def answered(self, rows: int, as_of: AsOf) -> None:
        """The answer is there and has so many rows."""
        self.rows, self.as_of = rows, as_of


@dataclass(frozen=True, slots=True)
class Entry:
    """One query as the log has it."""

    number: int
    when: datetime
    viewer: str
    user: str
    """Of the operating system."""
    question: str
    details: Mapping[str, Any]
    """Filters, or `sql` and limits, as JSON has them; what was not given is not there."""
    outcome: str
    """`answered`, `refused`, `stopped`, or `unfinished`."""
    ended: datetime | None = None
    block: int | None = None
    rows: int | None = None
    error: str = ""
    """Of what was refused or stopped: the error's class and what it said."""
    institutions: frozenset[int] = field(default_factory=frozenset)
    """For whom the viewer acted."""


class AuditLog:
    """The log of the ledger in a directory, or one in memory. Several processes may write at once."""

    def __init__(self, folder: Path | None, *, write: bool, clock: Clock | None = None) -> None:
        """Open it. Raises LogUnwritable where it is to be written and cannot be, BookDamaged and
        FileUnreadable.
        """
        self._clock = clock or SystemClock()
        path = None if folder is None else folder / FILE
        with _unwritable():
            self._file = ChainedFile(path, "queries", _text, write=write)

    def close(self) -> None:
        """Let go of the file. A second call does nothing."""
        self._file.close()

    @contextmanager
    def asking(self, access: Access, question: str, details: Mapping[str, Any]) -> Iterator[Asked]:
        """One query: `asked` is on disk when it begins, how it ended when it is left. Whoever asks calls
        `Asked.answered` inside, and gives nothing away before it is left. Raises LogUnwritable, BookDamaged
        and what is raised inside.
        """
        body = {
            "question": question,
            "details": {name: value for name, value in details.items() if value is not None},
            "user": _user(),
            "sees": access.sees,
            "institutions": sorted(access.institutions),
        }
        number = self._write(0, "asked", access.viewer, body)
        asked = Asked(number)
        try:
            yield asked
            if asked.rows is None or asked.as_of is None:
                raise RuntimeError(f"{question} was left without an answer")
        except BaseException as error:
            # Also where somebody interrupts: an end is an end.
            what = "stopped" if getattr(error, "is_limit", False) else "refused"
            said = str(error) if isinstance(error, Exception) else "interrupted"
            self._write(number, what, access.viewer, {"error": type(error).__name__, "said": said[:2_000]})
            raise
        at = asked.as_of
        told = {"rows": asked.rows, "block": at.block, "hash": at.hash.hex(), "final": at.final}
        self._write(number, "answered", access.viewer, told)

    def refused(self, viewer: str, question: str, details: Mapping[str, Any], error: Exception) -> None:
        """Write that somebody asked whom the policy does not let in. Raises LogUnwritable."""
        nobody = Access(viewer, "masked")
        try:
            with self.asking(nobody, question, details):
                raise error
        except type(error):
            pass

    def checked(self) -> int:
        """How many events there are, each checked. Raises BookDamaged."""
        return len(self._file.newer())

    def entries(self, access: Access) -> list[Entry]:
        """The queries that a viewer may see, oldest first: all for who sees all, else those that were asked
        for the institutions it acts for; who is masked has none. The whole file is checked. Raises
        AccessRefused and BookDamaged.
        """
        if access.sees == "masked":
            reason = "may not see the audit log; regulator, auditor and who works on the directory see all"
            raise AccessRefused(access.viewer, f"{reason}, other institutions their own queries")
        found: dict[int, Entry] = {}
        for event in self._file.newer():
            if event.what == "asked":
                found[event.number] = _asked(event)
            elif event.subject in found:
                found[event.subject] = _ended(found[event.subject], event)
        every = found.values()
        if access.sees == "own":
            return [each for each in every if each.institutions & access.institutions]
        return list(every)

    def _write(self, subject: int, what: str, viewer: str, body: Mapping[str, Any]) -> int:
        with _unwritable():
            (event,) = self._file.append([(subject, what, viewer, body)], self._clock.now())
        return event.number


def _asked(event: Event) -> Entry:
    body = event.body
    return Entry(
        number=event.number,
        when=event.when,
        viewer=event.by,
        user=body["user"],
        question=body["question"],
        details=body["details"],
        outcome="unfinished",
        institutions=frozenset(body["institutions"]),
    )


def _ended(entry: Entry, event: Event) -> Entry:
    body = event.body
    error = f"{body['error']}: {body['said']}" if "error" in body else ""
    return replace(
        entry,
        outcome=event.what,
        ended=event.when,
        block=body.get("block"),
        rows=body.get("rows"),
        error=error,
    )


@contextmanager
def _unwritable() -> Iterator[None]:
    try:
        yield
    except FileUnwritable as error:
        raise LogUnwritable(error.path, error.cause) from None


def _user() -> str:
    """The account of the operating system that this runs in, which no environment variable can change."""
    import pwd

    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"#{number}"


def _text(value: object) -> str:
    return json.dumps(
        value, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain
    )


def _plain(value: object) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date | Path):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{value!r} cannot be kept exactly")

"""Every error that `settlement` raises on purpose.

    SettlementError
    ├── FileRefused             an input file that cannot be taken at all; one subclass a cause
    │   ├── FileMissing         there is no such file
    │   ├── FileIsDirectory     it is a directory
    │   ├── FileNotRegular      it is a pipe, a socket or a device
    │   ├── FileUnreadable      the system does not let it be read
    │   ├── FileEmpty           it holds nothing
    │   ├── HeaderWrong         its first line is not the format's header
    │   ├── CaseRefused         a gridlock's case that nobody could settle
    │   ├── ConsentDiffers      a consent to other terms, or for no party of them
    │   ├── BookDamaged         an institution's own record that is not what was kept
    │   ├── SourceRefused       a table or statement that cannot be held against the ledger
    │   ├── MessageRefused      an ISO 20022 message that is malformed, hostile, or not one that is known
    │   ├── DayOther            a statement or messages of other days than the one that is asked for
    │   └── TradingDayUnknown   no row says which day it is, and nobody else did
    ├── LedgerRefused           a directory that a command cannot work on; one subclass a cause
    │   ├── NotALedger          it holds no ledger
    │   ├── LedgerExists        it holds one already, or other files
    │   ├── LedgerUnfinished    `init` was interrupted in it
    │   ├── LedgerOutdated      its contracts are an earlier version's
    │   ├── ScenarioDiffers     its ledger is of another scenario
    │   ├── ClockRuns           its clock is not simulated and cannot be moved
    │   └── DayPast             its simulated clock has passed the day that it should stand at
    ├── NameUnknown             an institution or security that the ledger does not have
    ├── TradingDayNeeded        there are several trading days, or none, and nobody said which
    ├── QueryInvalid            no condition on a trade; in settlement.evidence.asking
    ├── Unproven                what no evidence can be made of; in settlement.evidence.building
    ├── FileUnwritable          an output file that cannot be written
    ├── InstructionsInvalid     balances or instructions that nobody could settle, and where
    ├── RowRefused              a refused row, where refusals are not tolerated (`--strict`)
    ├── ScenarioUnknown         neither a shipped scenario nor a file
    ├── DocumentInvalid         what people write, with mistakes, each with its key and line
    │   ├── ScenarioInvalid     a scenario
    │   ├── AgreementInvalid    an agreement's document
    │   ├── MappingInvalid      a mapping of a source's columns; in settlement.sources.errors
    │   └── AccessInvalid       an access policy; in settlement.audit.policy
    ├── ScheduleInvalid         a fee schedule whose tiers do not cover every amount once
    ├── SharingRefused          what an agreement does not allow; in settlement.agreements.errors
    │   ├── PeriodUnknown       a period that the agreement does not have, or that has not ended
    │   ├── NotTheirs           the terms have another institution do that
    │   └── MeasureStands       a measure that stands otherwise than it would have to
    ├── BreakRefused            what cannot be done with a break that is kept; in settlement.breaks.errors
    │   ├── BreakUnknown        there is none of that name
    │   ├── BreakClosed         it is closed
    │   ├── BreakPending        it only waits for the other side's cut-off
    │   ├── SamePerson          who proposed something would approve it
    │   ├── NothingProposed     nothing waits for an approval
    │   └── CorrectionInvalid   an entry that could correct nothing
    ├── AllocationsDiffer       kept allocations that are of another trade; in settlement.clients.errors
    ├── MeasureMissing          a line depends on a measure that is not final; in settlement.agreements.errors
    ├── AccessRefused, MomentUnknown, SqlRefused, TooManyRows, LogUnwritable    in settlement.audit
    └── LedgerDisagrees         the contracts computed something else than is recomputed from the ledger

`transient` says whether the same thing may work when tried again. `exit_code` is what the command
line ends with: 2 for bad input, 3 for an environment that lacks something. A break or a business
fail is a value, never an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class SettlementError(Exception):
    """The root: catching it catches every expected failure of this package."""

    transient: ClassVar[bool] = False
    exit_code: ClassVar[int] = 2


class FileRefused(SettlementError):
    """The file at `path` cannot be read as what it should be."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class FileMissing(FileRefused):
    """There is no file at `path`."""

    def __init__(self, path: str) -> None:
        super().__init__(path, "there is no such file")


class FileIsDirectory(FileRefused):
    """`path` is a directory."""

    def __init__(self, path: str) -> None:
        super().__init__(path, "is a directory, a file is wanted")


class FileNotRegular(FileRefused):
    """`path` is a pipe, a socket or a device: nothing that can be read to its end and read again."""

    def __init__(self, path: str) -> None:
        super().__init__(path, "is not a regular file")


class FileUnreadable(FileRefused):
    """The operating system refuses to read `path`; `cause` is what it says."""

    def __init__(self, path: str, cause: str) -> None:
        super().__init__(path, f"cannot be read: {cause}")
        self.cause = cause


class FileEmpty(FileRefused):
    """The file at `path` has nothing in it."""

    def __init__(self, path: str) -> None:
        super().__init__(path, "is empty")


class HeaderWrong(FileRefused):
    """The first line is not the header of the expected format."""

    def __init__(self, path: str, format_name: str, expected: str, found: str) -> None:
        super().__init__(
            path, f"line 1 is not the header of format {format_name}: {expected} is wanted, not {found}"
        )
        self.format_name = format_name
        self.expected = expected
        self.found = found


class TradingDayUnknown(FileRefused):
    """No row of the file has a readable trading day; `refused` rows stand before its end."""

    def __init__(self, path: str, refused: int) -> None:
        rows = "has no rows" if not refused else f"has no row with a readable trading day among {refused}"
        super().__init__(path, f"{rows}; give the day with --date YYYY-MM-DD")
        self.refused = refused


class CaseRefused(FileRefused):
    """The `case` of the file at `path` (empty: the only one) is impossible at `where` (empty: as a whole)."""

    def __init__(self, path: str, case: str, where: str, reason: str) -> None:
        super().__init__(path, ": ".join([*filter(None, (case, where)), reason]))
        self.case = case
        self.where = where


class BookDamaged(FileRefused):
    """An institution's own record at `path` is not what was kept there; `what` says where it shows."""

    exit_code = 3

    def __init__(self, path: str, what: str) -> None:
        super().__init__(path, f"is not what was kept: {what}; restore it from a backup")
        self.what = what


class FileUnwritable(SettlementError):
    """The operating system refuses to write `path`; `cause` is what it says."""

    def __init__(self, path: str, cause: str) -> None:
        super().__init__(f"{path}: cannot be written: {cause}")
        self.path = path
        self.cause = cause


class LedgerRefused(SettlementError):
    """The directory at `path` is not what the command needs."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class NotALedger(LedgerRefused):
    """There is no ledger at `path`."""

    def __init__(self, path: str) -> None:
        super().__init__(path, f"is no ledger; `clearing init {path}` makes one")


class LedgerExists(LedgerRefused):
    """`path` holds a ledger, or `found` that is none and should not be mixed with one."""

    def __init__(self, path: str, found: str) -> None:
        super().__init__(path, f"holds {found}; give a directory that is empty or not there yet")
        self.found = found


class LedgerUnfinished(LedgerRefused):
    """`init` ended early at `path`."""

    def __init__(self, path: str) -> None:
        super().__init__(path, f"was not set up to its end; `clearing init {path}` goes on where it stopped")


class LedgerOutdated(LedgerRefused):
    """The deployment at `path` lacks contracts that this version works with: `missing`."""

    def __init__(self, path: str, missing: Sequence[str]) -> None:
        super().__init__(
            path,
            f"names no {', '.join(missing)}: it was set up by an earlier version; go on with that one,"
            " or make a new ledger with `clearing init`",
        )
        self.missing = tuple(missing)


class ScenarioDiffers(LedgerRefused):
    """The ledger at `path` is of scenario `found`, where `wanted` was asked for."""

    def __init__(self, path: str, found: str, wanted: str) -> None:
        super().__init__(path, f"is a ledger of scenario {found}, not of {wanted} as it is now")
        self.found = found
        self.wanted = wanted


class ClockRuns(LedgerRefused):
    """The ledger at `path` has a clock that nobody moves: `whose`, as "this machine's"."""

    def __init__(self, path: str, whose: str) -> None:
        super().__init__(path, f"has {whose} clock; --date is for ledgers whose clock is simulated")
        self.whose = whose


class DayPast(LedgerRefused):
    """The simulated clock of the ledger at `path` should stand at `day`, and its newest block is of `newest`;
    both as YYYY-MM-DD.
    """

    def __init__(self, path: str, day: str, newest: str) -> None:
        super().__init__(path, f"its newest block is of {newest}; --date {day} would go back")
        self.day = day
        self.newest = newest


class NameUnknown(SettlementError):
    """`name` is no `what` of this ledger, or of something on it; `known` are, or some of them."""

    def __init__(self, what: str, name: str, known: Sequence[str], of: str = "on this ledger") -> None:
        shown = ", ".join(known[:8]) + (", …" if len(known) > 8 else "")
        super().__init__(f"no {what} {name!r} {of}; there are {shown}")
        self.what = what
        self.name = name
        self.known = tuple(known)


class TradingDayNeeded(SettlementError):
    """It is not plain which of the trading days, or of the trades of several, `known` is meant; `how` to say
    it."""

    def __init__(self, known: Sequence[str], how: str = "day with --date YYYY-MM-DD") -> None:
        super().__init__(f"the ledger has {', '.join(known) or 'no trading day'}; say which {how}")
        self.known = tuple(known)


class InstructionsInvalid(SettlementError):
    """Balances or instructions that say something impossible at `where`, as
    "instructions[3].legs[0].payee"."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}")
        self.where = where
        self.reason = reason


class RowRefused(SettlementError):
    """The first refused row of a file that has to be perfect."""

    def __init__(self, path: str, line: int, field: str, value: str, reason: str) -> None:
        super().__init__(f"{path}: line {line}: {field} {value!r} {reason}")
        self.path = path
        self.line = line
        self.field = field
        self.value = value
        self.reason = reason


class ScenarioUnknown(SettlementError):
    """`name` is neither one of the `shipped` scenarios nor the path of a file."""

    def __init__(self, name: str, shipped: Sequence[str]) -> None:
        super().__init__(f"no scenario {name!r}: give one of {', '.join(shipped)} or the path of a YAML file")
        self.name = name
        self.shipped = tuple(shipped)


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake of a file: its `key`, as "fees.tiers[1].up_to", and its `line` from 1; 0 if unknown."""

    line: int
    key: str
    reason: str

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.key}: {self.reason}" if self.key else f"{where}{self.reason}"


class DocumentInvalid(SettlementError):
    """What people wrote in `source` has `mistakes`: all that were found, in the order of its lines."""

    def __init__(self, source: str, mistakes: Sequence[Mistake]) -> None:
        self.source = source
        self.mistakes = tuple(sorted(mistakes, key=lambda mistake: mistake.line))
        super().__init__(listed(source, self.mistakes))


class ScenarioInvalid(DocumentInvalid):
    """`source` is a scenario."""


class AgreementInvalid(DocumentInvalid):
    """`source` is an agreement's document."""


def listed(source: str, mistakes: Sequence[Mistake]) -> str:
    """Mistakes of a file, one a line."""
    if len(mistakes) == 1:
        return f"{source}: {mistakes[0]}"
    return "\n".join([f"{source}: {len(mistakes)} mistakes", *(f"  {mistake}" for mistake in mistakes)])


class ScheduleInvalid(SettlementError):
    """A fee schedule that does not give every amount exactly one rate."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"fee schedule: {reason}")
        self.reason = reason


class LedgerDisagrees(SettlementError):
    """What a contract computed is not what comes out of the recorded trades; nobody should go on.

    `where` says in which transaction and for whom, `ledger` what the chain has, `recomputed` what it should
    be.
    """

    exit_code = 3

    def __init__(self, where: str, ledger: object, recomputed: object) -> None:
        super().__init__(
            f"{where}: the ledger says {ledger}, the recorded trades come to {recomputed}; "
            "do not settle further before this is explained"
        )
        self.where = where
        self.ledger = ledger
        self.recomputed = recomputed

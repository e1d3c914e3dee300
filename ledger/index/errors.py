"""What can be wrong with an index; listed in `ledger.errors`. Nothing is lost: the chain has it all."""

from __future__ import annotations

from shlex import quote

from ledger.errors import LedgerError


class IndexUnusable(LedgerError):
    """The index in `folder` cannot be used: `reason`. The index can be rebuilt from the chain."""

    def __init__(self, folder: str, reason: str) -> None:
        remedy = f"clearing index rebuild {quote(folder)}"
        super().__init__(f"the index in {folder} {reason}; `{remedy}` makes it anew from the chain")
        self.folder = folder
        self.reason = reason


class IndexDamaged(IndexUnusable):
    """It is not what was written: `where` is the file, segment or entry, `reason` what is wrong with it."""

    def __init__(self, folder: str, where: str, reason: str) -> None:
        super().__init__(folder, f"is damaged: {where}: {reason}")
        self.where = where


class IndexOtherVersion(IndexUnusable):
    """Another version of this package made it, in a format `found`; `expected` is this version's."""

    def __init__(self, folder: str, found: int, expected: int) -> None:
        age = "an earlier" if found < expected else "a later"
        super().__init__(
            folder, f"was made by {age} version of clearing (format {found}; this version reads {expected})"
        )
        self.found = found
        self.expected = expected


class IndexForeign(IndexUnusable):
    """It is of another chain, or of contracts at other places; `what` differs, `found` in the index and
    `expected` on the ledger."""

    def __init__(self, folder: str, what: str, found: str, expected: str) -> None:
        super().__init__(folder, f"is another ledger's: its {what} is {found}, the ledger's is {expected}")
        self.what = what
        self.found = found
        self.expected = expected


class IndexMissing(IndexUnusable):
    """There is none yet."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder, "is not there yet")


class IndexBusy(LedgerError):
    """Another process has been reading or writing the index for longer than can be waited for."""

    transient = True

    def __init__(self, folder: str, waited_s: int) -> None:
        super().__init__(f"the index in {folder} is in use by another process, for {waited_s} s; try again")
        self.folder = folder

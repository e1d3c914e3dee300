"""What is refused of what is brought to a reconciliation; the tree is drawn in `settlement.errors`."""

from __future__ import annotations

from collections.abc import Sequence

from settlement.errors import DocumentInvalid, FileRefused


class SourceRefused(FileRefused):
    """The source `path` (a file, a database's table) is not what can be held against the ledger."""


class MessageRefused(FileRefused):
    """A message of the file at `path` cannot be taken: at the element `where` (names with strokes between
    them; empty outside of all), which starts or stops in `line`, for `cause`.
    """

    def __init__(self, path: str, where: str, line: int, cause: str) -> None:
        super().__init__(path, f"line {line}: {where} {cause}" if where else f"line {line}: {cause}")
        self.where = where
        self.line = line
        self.cause = cause


class DayOther(FileRefused):
    """The source `path` is of the days `found`, and none is `wanted`; all as YYYY-MM-DD."""

    def __init__(self, path: str, found: Sequence[str], wanted: str) -> None:
        days = ", ".join(found[:4]) + (", …" if len(found) > 4 else "")
        super().__init__(path, f"is of {days}, not of {wanted}, which is asked for")
        self.found = tuple(found)
        self.wanted = wanted


class MappingInvalid(DocumentInvalid):
    """`source` is a mapping of columns."""

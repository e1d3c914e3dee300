"""The file of what happened to breaks."""

from __future__ import annotations

from pathlib import Path

from settlement.breaks.codec import text_of
from settlement.chained import ChainedFile, Draft, Event

__all__ = ["FILE", "Draft", "Event", "EventFile"]

FILE = "breaks.sqlite"


class EventFile(ChainedFile):
    """The events in the file `folder`/breaks.sqlite, or in memory where `folder` is None; the subject of each
    is a break. What happens is `opened`, `pending`, `changed`, `updated`, `assigned`, `explained`,
    `proposed`, `approved`, `rejected`, `closed` or `reopened`.
    """

    def __init__(self, folder: Path | None, *, write: bool) -> None:
        """See ChainedFile."""
        super().__init__(None if folder is None else folder / FILE, "breaks", text_of, write=write)

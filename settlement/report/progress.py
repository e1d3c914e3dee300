"""Progress while a command runs: a line a stage on standard error, and only where that is a terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

_DOING = {
    "open": "opening the ledger",
    "intake": "reading the trade file",
    "market": "deploying the contracts and setting up the market",
    "books": "putting each side's trades into its book",
    "fund": "issuing what pending trades need",
    "record": "recording the trades",
    "affirm": "affirming, each broker from its own book",
    "settle": "choosing what can settle, and settling it",
    "reconcile": "holding each book against the ledger",
    "report": "writing the report",
    "agreements": "reading the agreements",
    "index": "making the index from the chain",
    "verify": "making the index again and comparing",
    "backup": "copying the ledger",
    "evidence": "gathering the blocks that prove it",
    "evidence checked": "checking it as an auditor will",
    "resync": "giving back to the chain what it has lost",
}


class Progress:
    """Call it with a stage's name when the stage begins; leaving the context clears the lines away."""

    def __init__(self) -> None:
        self._stages: _Lines | None = _Lines() if sys.stderr.isatty() else None

    def __call__(self, stage: str) -> None:
        if self._stages:
            self._stages.begin(_DOING.get(stage, stage))

    def __enter__(self) -> Self:
        if self._stages:
            self._stages.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._stages:
            self._stages.stop()


class _Lines:
    """The live lines. rich is loaded only where there is a terminal to draw on."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import Progress as Bars
        from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

        self._bars = Bars(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._current: TaskID | None = None

    def start(self) -> None:
        self._bars.start()

    def begin(self, doing: str) -> None:
        self._finish()
        self._current = self._bars.add_task(doing, total=1)

    def stop(self) -> None:
        self._finish()
        self._bars.stop()

    def _finish(self) -> None:
        if self._current is not None:
            self._bars.update(self._current, completed=1)

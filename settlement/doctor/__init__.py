"""Everything of a ledger that can be checked, checked: what is wrong, and what to do about it.

Nothing is written to the ledger, and a broken one raises nothing. Where one thing that is wrong keeps
others from being checked, these say so.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from settlement.doctor import contents, local, network, surroundings
from settlement.doctor.findings import NOT_CHECKED, Examination, Finding
from settlement.operations import Progress, quiet

__all__ = ["NOT_CHECKED", "Finding", "examine"]


def examine(path: str | Path, progress: Progress = quiet) -> list[Finding]:
    """What every check of the ledger at `path` found, in the order in which they were made."""
    with ExitStack() as stack:
        examination = Examination(Path(path), progress, stack)
        surroundings.check(examination)
        if examination.config is None or examination.config.is_local:
            local.check(examination)
        else:
            network.check(examination)
        contents.check(examination)
        return examination.findings

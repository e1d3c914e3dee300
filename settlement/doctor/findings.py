"""What a check found, and one examination with what it has opened so far."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from ledger.chain.journal import Journal
from ledger.deploy import Deployment
from ledger.errors import LedgerError
from settlement.directory import Config
from settlement.errors import SettlementError
from settlement.operations import Ledger, Progress
from settlement.scenario import Scenario

NOT_CHECKED = "not checked"
"""What is found begins with this where something else has to be mended first."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: whether all is well, what was `found`, and what to do where it is not."""

    check: str
    ok: bool
    found: str
    remedy: str = ""


class Wrong(Exception):
    """Raised by a check: what is `found` is not as it should be, and the remedy where it is its own."""

    def __init__(self, found: str, remedy: str = "") -> None:
        super().__init__(found)
        self.remedy = remedy


@dataclass(slots=True)
class Examination:
    """One look at a ledger: its findings, and whatever of it could be opened."""

    path: Path
    progress: Progress
    stack: ExitStack
    """Closes what was opened."""
    findings: list[Finding] = field(default_factory=list)
    config: Config | None = None
    scenario: Scenario | None = None
    deployment: Deployment | None = None
    writer: str | None = None
    journal: Journal | None = None
    ledger: Ledger | None = None

    def check(self, name: str, look: Callable[[], str], *, remedy: str, needs: tuple[str, ...] = ()) -> None:
        """Have a look that says what it found or raises; only where all that it needs was well."""
        well = {finding.check for finding in self.findings if finding.ok}
        lacking = [need for need in needs if need not in well]
        if lacking:
            first = f"{NOT_CHECKED}, because of {', '.join(lacking)}"
            self.findings.append(Finding(name, False, first, "see there"))
            return
        self.progress(name)
        try:
            finding = Finding(name, True, look())
        except Wrong as wrong:
            finding = Finding(name, False, str(wrong), wrong.remedy or remedy)
        except (LedgerError, SettlementError) as error:
            finding = Finding(name, False, str(error), remedy)
        except Exception as error:  # a broken ledger may break anything, and the rest is still to be checked
            finding = Finding(name, False, f"it could not be checked: {error!r}", remedy)
        self.findings.append(finding)


def count(number: int, thing: str, things: str = "") -> str:
    """ "1 block", "2,000 blocks"."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def listed(names: list[str]) -> str:
    """The first of several, and how many there are."""
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5:,} more"

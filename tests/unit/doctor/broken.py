"""Ledgers, what is not well with them, and ways to break them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ledger.accounts import Signer
from ledger.chain import available
from ledger.chain.journal import Journal
from settlement import day, directory, sample
from settlement.doctor import NOT_CHECKED, Finding, examine
from settlement.intake import parse_trades
from settlement.operations import Ledger
from settlement.scenario import load

ENGINE = available()[0]
SAMPLE = load("sample")
TRADES = sample.generate(3, trades=40)


def make(path: Path, chain: str) -> Path:
    """A ledger with a settled day."""
    directory.init(path, "sample", directory.Config(chain=chain, finality=0), passphrase=lambda: "open")
    with directory.open_ledger(path, write=True, passphrase=lambda: "open") as ledger:
        day.run(ledger, parse_trades(TRADES, SAMPLE, source="day.csv"), TRADES, source="day.csv")
    return path


def wrong(path: Path) -> dict[str, Finding]:
    """What is not well, what was not checked for that left out."""
    findings = examine(path)
    assert len({finding.check for finding in findings}) == len(findings)
    assert all(finding.remedy for finding in findings if not finding.ok)
    assert all(finding.found for finding in findings)
    bad = {finding.check: finding for finding in findings if not finding.ok}
    found = {name: finding for name, finding in bad.items() if not finding.found.startswith(NOT_CHECKED)}
    assert bool(bad) == bool(found)
    return found


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text()
    after = change(before)
    assert after != before
    path.write_text(after)


def send_all(path: Path, calls: Callable[[Ledger], object]) -> None:
    """Do something on the ledger past this program's steps."""
    with directory.open_ledger(path, write=True) as ledger:
        calls(ledger)


def leave_a_tail(path: Path) -> None:
    """A transaction that a run wrote and did not execute."""
    journal = Journal(path / "journal.sqlite")
    raw = Signer.from_seed("doctor", "tail").sign_transaction(31337, 0, "0x" + "11" * 20, b"", 100_000)
    journal.intend([(journal.block().timestamp + 1, raw)])
    journal.close()


def forge(path: Path, number: int, block_hash: bytes) -> None:
    """Another block hash in the journal, and every digest anew: only executing it shows."""
    old = Journal(path / "journal.sqlite", write=False)
    forged = Journal(path / "forged")
    assert old.origin is not None
    forged.begin(old.origin)
    for entry, receipt in zip(old._rows(0, old.height), old.receipts(1, old.height), strict=True):
        changed = replace(receipt, block_hash=block_hash) if entry.number == number else receipt
        forged.intend([(entry.time, entry.raw)], own=entry.own)
        forged.conclude(changed, entry.time)
    old.close()
    forged.close()
    for left in path.glob("journal.sqlite*"):
        left.unlink()
    (path / "forged").rename(path / "journal.sqlite")

"""Who may take evidence of a ledger away, and the note of it in the audit log.

A bundle shows whole blocks, with trades of everybody. So only who sees all of the ledger may have one; an
institution may have its own affirmation, of which it knows everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ledger.clients import Clients
from ledger.history import History
from settlement.audit.access import Access, AccessRefused, Member, access_of
from settlement.audit.answer import AsOf
from settlement.audit.log import Asked, AuditLog


def members(clients: Clients, history: History) -> list[Member]:
    """Every institution as the chain has it now."""
    found = (clients.consortium.institution(index) for index in history.institutions.values())
    return [
        Member(each.index, each.name, sum(1 << role for role in each.roles), each.suspended) for each in found
    ]


@contextmanager
def logged(
    folder: Path,
    viewer: str | None,
    known: list[Member],
    question: str,
    details: Mapping[str, Any],
    *,
    of: int | None = None,
) -> Iterator[Asked]:
    """Something that is taken away, written to the audit log before anything is read for it. `of` is the
    institution whose own it is, where it is one's. Whoever takes it calls `Asked.answered`.

    Raises AccessRefused, LogUnwritable, and what reading the policy raises.
    """
    log = AuditLog(folder, write=True)
    try:
        try:
            access = access_of(folder, viewer, known)
            _check(access, of)
        except AccessRefused as error:
            log.refused(error.viewer, question, details, error)
            raise
        with log.asking(access, question, details) as asked:
            yield asked
    finally:
        log.close()


def _check(access: Access, of: int | None) -> None:
    if access.sees == "all" or (access.sees == "own" and of in access.institutions):
        return
    what = "evidence has whole blocks, with trades of others" if of is None else "it is another's affirmation"
    raise AccessRefused(
        access.viewer, f"{what}; only who sees all of the ledger may take it ({access.because})"
    )


def as_of(clients: Clients) -> AsOf:
    """The block that evidence is of."""
    block = clients.clearing_house.chain.final_block()
    return AsOf(block.number, block.hash, block.timestamp)

"""Asking with the log: what is asked is on disk before it is answered, and how it ended before anybody sees
the answer. The command line asks so, and so should every program that answers others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import Any

from settlement.audit.access import AccessRefused
from settlement.audit.answer import Answer
from settlement.audit.filters import NONE, Filters
from settlement.audit.log import AuditLog
from settlement.audit.sandbox import Limits, Scene, run
from settlement.audit.session import Audit, opened
from settlement.audit.views import VIEWS


def ask(
    audit: Audit,
    question: str,
    answer: Callable[[Audit, Filters], Answer],
    filters: Filters = NONE,
    details: Mapping[str, Any] | None = None,
) -> Answer:
    """The answer to a question, which is in the log of the ledger's directory. Raises LogUnwritable,
    BookDamaged and what the question raises."""
    said = {name: value for name, value in asdict(filters).items() if value not in (None, ())}
    said |= {name: value for name, value in (details or {}).items() if value not in (None, ())}
    log = AuditLog(audit.path, write=True, clock=audit.clock)
    try:
        with log.asking(audit.access, question, said) as asked:
            found = answer(audit, filters)
            asked.answered(found.table.num_rows, found.as_of)
        return found
    finally:
        log.close()


def sql(audit: Audit, statement: str, limits: Limits | None = None) -> Answer:
    """What one SELECT over the views answers, in the log like every question. Raises SqlRefused, SqlStopped
    and as `ask` does."""
    from settlement.audit.reading import index_folder

    scene = Scene(
        statements=audit.statements,
        views={view.name: [column.name for column in view.columns] for view in VIEWS.values()},
        folder=index_folder(audit.path),
        rows_left_out=audit.access.sees == "own",
    )

    def answer(audit: Audit, filters: Filters) -> Answer:
        table = run(statement, scene, limits)
        return audit.answer("sql", table, total=table.num_rows)

    return ask(audit, "sql", answer, details={"sql": statement})


@contextmanager
def session_for(path: Any, viewer: str | None, question: str) -> Iterator[Audit]:
    """`opened`, with whoever the policy does not let in written to the log. Raises as `opened` does."""
    with ExitStack() as stack:
        try:
            audit = stack.enter_context(opened(path, viewer))
        except AccessRefused as error:
            _refused(path, error, question)
            raise
        yield audit


def _refused(path: Any, error: AccessRefused, question: str) -> None:
    from pathlib import Path

    log = AuditLog(Path(path), write=True)
    try:
        log.refused(error.viewer, question, {}, error)
    finally:
        log.close()

"""docs/views.md is what the views say of themselves; `python -m tests.repo.test_views_page` writes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from settlement.audit.view import View
from settlement.audit.views import VIEWS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "views.md"
_ABOUT = """# Views

What `clearing audit DIR sql` is over; `clearing audit DIR views` prints the same. A viewer sees of each view
the rows that the access policy lets it see, masked where it is (`docs/audit.md`).

Amounts in minor units end in `_minor`; times are UTC; hashes and addresses are 0x and hex. A trade is named
as its file names it, `YYYY-MM-DD/NUMBER`. What is not known or not there is null.
"""


def _lines() -> Iterator[str]:
    yield _ABOUT
    for view in VIEWS.values():
        yield from _of(view)


def _of(view: View) -> Iterator[str]:
    yield f"## {view.name}\n\n{view.meaning[0].upper()}{view.meaning[1:]}.\n"
    yield "| column | unit | what it is |\n|---|---|---|"
    for column in view.columns:
        yield f"| {column.name} | {column.unit} | {column.meaning} |"
    yield ""


def page() -> str:
    """The whole page."""
    return "\n".join(_lines())


def test_page_given_the_views_says_what_they_are() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it anew: python -m tests.repo.test_views_page"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

"""What is said of a source in a report, so that it shows what was compared and what was not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from settlement.sources import Source


def source_row(source: Source, notes: Mapping[str, object]) -> dict[str, object]:
    """A source as every report has it; `notes` are what of its trades was not compared."""
    exact = {name: by for name, by in asdict(source.tolerances).items() if by}
    return {
        "source": source.name,
        "side": source.side,
        "institution": source.owner,
        "format": source.format,
        "rows": source.rows,
        "others": source.others,
        "tolerances": exact,
        "cut_off": source.cut_off,
        **(notes if source.entries is not None else {}),
        **source.notes,
    }

"""Answers as text, JSON, CSV, Parquet and workbooks.

JSON: amounts in minor units, what may be either amounts or units, and what SQL computed with digits behind
the point are decimal strings; counts and quantities integers; times ISO 8601 in UTC. CSV and Parquet have an
answer's columns as they are; a CSV cell that a spreadsheet might take for a formula has an apostrophe in
front. Parquet keeps what the answer is and of which block in the schema's metadata. Text and workbooks show
amounts in currency units.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Any

from settlement.audit.answer import Answer, AsOf
from settlement.errors import SettlementError
from settlement.report.wording import cell, plain

if TYPE_CHECKING:
    import pyarrow as pa

_EITHER = {"amount", "before", "after", "position_limit", "exposure_limit"}
"""Columns that hold minor units of a currency or units of a security, by the row's `asset`."""
_COUNTS = {"trades", "settled_trades", "parts", "sides", "breaks", "rows", "failed_days", "age_days"}
_COUNTS |= {"share_ppm"}
"""Columns that say how many or how much; other whole numbers name what they are of, as a block's."""
_MINOR = "_minor"
_CODES = {"trade", "payer", "party", "agreement_name", "security", "asset", "currency"}
"""Columns whose words text keeps on one line, however narrow it is."""
_TERMS = {"roles", "status", "kind", "step", "what", "level", "outcome"}
"""Columns of the ledger's own terms, which text writes as words: settlement bank for settlement_bank."""
_NONE = {"sender": "(issued)", "receiver": "(redeemed)"}
"""What text says where a movement has nobody on a side."""
_NOUNS = {
    "trades": "trade",
    "trade": "step",
    "holders": "holder",
    "movements": "movement",
    "institutions": "institution",
    "agreements": "agreement",
    "charges": "charge",
    "approvals": "approval",
    "breaks": "break",
    "log": "query",
}
"""What the rows of a question's answer are."""
_HASH = re.compile(r"0x[0-9a-f]{40,64}")
"""Hashes and addresses."""
_LONGEST = 66
"""Characters of a word that is never broken."""
_LABELS = 26
"""Characters that the labels of one trade's facts take."""
_ROWS_AT_ONCE = 65_536


class TooManyRows(SettlementError):
    """A workbook's sheet has no room for so many `rows`."""

    def __init__(self, rows: int, most: int) -> None:
        super().__init__(
            f"a sheet holds {most:,} rows, not {rows:,}; narrow the question, or take csv or parquet"
        )
        self.rows = rows
        self.most = most


def as_json(answer: Answer) -> dict[str, Any]:
    """One object: the question, `as_of`, how many rows there are, what goes on behind this page, the rows."""
    shown: dict[str, Any] = {
        "question": answer.question,
        "as_of": as_of_json(answer.as_of),
        "total": answer.total,
        "next": answer.next,
    }
    if answer.about is not None:
        shown["about"] = [_json_row(row) for row in answer.about.to_pylist()]
    return shown | {"rows": [_json_row(row) for row in answer.table.to_pylist()]}


def as_of_json(as_of: AsOf) -> dict[str, Any]:
    """The block that an answer is of."""
    return {
        "block": as_of.block,
        "hash": f"0x{as_of.hash.hex()}",
        "time": _moment(as_of.time_s).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "final": as_of.final,
    }


def as_csv(answer: Answer) -> Iterator[str]:
    """RFC 4180, UTF-8, in pieces; what the columns hold as it is, lists with "; " between."""
    yield _csv([answer.table.column_names])
    for batch in answer.table.to_batches(max_chunksize=_ROWS_AT_ONCE):
        yield _csv([_csv_cell(value) for value in row.values()] for row in batch.to_pylist())


def as_parquet(answer: Answer) -> bytes:
    """A Parquet file with the columns as they are."""
    import pyarrow.parquet as pq

    said = {"question": answer.question, "as_of": json.dumps(as_of_json(answer.as_of))}
    out = BytesIO()
    pq.write_table(answer.table.replace_schema_metadata(said), out, compression="zstd")
    return out.getvalue()


def as_xlsx(answer: Answer, decimals: Mapping[str, int]) -> bytes:
    """A workbook with the rows on a sheet of their own. Amounts are numbers in currency units, or text where
    a spreadsheet would lose digits. Raises TooManyRows.
    """
    from xlsxwriter import Workbook

    from settlement.report.layout import Money
    from settlement.report.reconciliation.sheet import MOST_ROWS, OPTIONS, Sheet, Styles

    if answer.table.num_rows >= MOST_ROWS:
        raise TooManyRows(answer.table.num_rows, MOST_ROWS - 1)
    out = BytesIO()
    workbook = Workbook(out, OPTIONS)
    workbook.set_properties({"title": f"clearing audit: {answer.question}", "created": _EPOCH, "author": ""})
    styles = {each: Styles(workbook, Money("", each)) for each in {0, *decimals.values()}}
    tables = [("Rows", answer.table)] + ([("About", answer.about)] if answer.about is not None else [])
    for name, table in tables:
        sheet = Sheet(workbook, name, styles[0])
        titles = [(_title(column), 20) for column in table.column_names]
        numbers = [i for i, field in enumerate(table.schema) if _is_number(field.type)]
        sheet.columns(*titles, numbers=numbers)
        for row in table.to_pylist():
            for at, (column, value) in enumerate(row.items()):
                exponent = _exponent(column, row, decimals)
                sheet.styles = styles[exponent]
                if isinstance(value, Decimal) and _has_digits_behind(value):
                    sheet.text(at, _pointed(value, exponent), "text right")
                else:
                    _put(sheet, at, column, value)
            sheet.next()
        if table.num_rows:
            sheet.filtered(len(titles))
    about = Sheet(workbook, "As of", styles[0])
    for each, value in as_of_json(answer.as_of).items():
        about.text(0, each)
        about.line(plain(str(value)), at=1)
    workbook.close()
    return out.getvalue()


def as_text(
    answer: Answer,
    decimals: Mapping[str, int],
    *,
    columns: Sequence[str] = (),
    limit: int | None = None,
    width: int | None = None,
    seen: str = "",
) -> list[Any]:
    """Parts for people: a table that lines up, how many rows there are, of which block, and how to go on.
    `columns` are those to show, all where none are named; `limit` how many rows; `width` how many characters
    a line has room for, where that matters; `seen` what is said of what the viewer does not see. Hashes and
    addresses are shortened in the table, but where SQL asked for them.
    """
    from settlement.report.layout import columns_table, plural, whole

    parts: list[Any] = []
    if answer.about is not None:
        for row in answer.about.to_pylist():
            facts = columns_table("", ("", "left"))
            facts.show_header = False
            for column, value in row.items():
                if value is not None:
                    said = _words(column, value, row, decimals)
                    is_long = width is not None and len(said) > width - _LABELS
                    facts.add_row(_title(column), _HASH.sub(_short, said) if is_long else said)
            parts += [whole(facts), ""]
    table = answer.table.slice(0, limit) if limit is not None else answer.table
    shown = [each for each in (columns or table.column_names) if each in table.column_names]
    notes: list[str] = []
    if table.num_rows:
        grid, notes = _grid(answer.question, table, shown, decimals, width)
        parts += [grid, ""]
    total = answer.table.num_rows if answer.total is None else answer.total
    noun = _NOUNS.get(answer.question, "row")
    there = plural(total, noun, "queries" if noun == "query" else "")
    if not total:
        parts.append(f"No {noun} meets the question.")
    else:
        parts.append(there if table.num_rows == total else f"{table.num_rows:,} of {there}")
    parts += [*notes, seen] if seen else notes
    at = as_of_json(answer.as_of)
    final = "" if answer.as_of.final else ", not yet final"
    parts.append(f"As of block {answer.as_of.block:,}, {at['hash']}, {at['time']}{final}")
    if answer.next is not None:
        parts.append(f"next: --after {answer.next}")
    return parts


def _grid(
    question: str, table: pa.Table, shown: Sequence[str], decimals: Mapping[str, int], width: int | None
) -> tuple[Any, list[str]]:
    """The table, and what is said below it of columns that there is no room for."""
    from settlement.audit.fitting import Said, fitted
    from settlement.report.layout import columns_table, whole

    numbers = {field.name for field in table.schema if _is_number(field.type)}
    rows = table.to_pylist()
    said: dict[str, Said] = {}
    for name in shown:
        cells = [_words(name, row[name], row, decimals) for row in rows]
        if question != "sql":
            cells = [_HASH.sub(_short, each) for each in cells]
        title, is_word = _title(name), all(" " not in each and len(each) <= _LONGEST for each in cells)
        if is_word and len(title) > max(map(len, cells)) + 2:
            title = title.replace(" ", "\n")
        breaks = not (is_word or name in numbers or name in _CODES or name == shown[0])
        said[name] = Said(title, cells, breaks)
    notes: list[str] = []
    if width is not None and question != "sql":
        shown, notes = fitted(question, said, numbers, width)
    first, *rest = shown
    grid = columns_table(
        said[first].title, *((said[name].title, "right" if name in numbers else "left") for name in rest)
    )
    for row in zip(*(said[name].cells for name in shown), strict=True):
        grid.add_row(*row)
    for name, column in zip(shown, grid.columns, strict=True):
        column.no_wrap = not said[name].breaks
    grid.columns[0].justify = "right" if first in numbers else "left"
    return whole(grid), notes


_EPOCH = datetime(1980, 1, 1, tzinfo=UTC).replace(tzinfo=None)
"""Workbooks of the same answer are the same bytes."""


def _json_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _json(name, value) for name, value in row.items()}


def _json(name: str, value: Any) -> Any:
    if isinstance(value, Decimal):
        is_text = name.endswith(_MINOR) or name in _EITHER or _has_digits_behind(value)
        return str(value) if is_text else int(value)
    if isinstance(value, datetime):
        return value.isoformat() + ("" if value.tzinfo else "Z")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if isinstance(value, list | tuple):
        return [_json(name, each) for each in value]
    if isinstance(value, dict):
        return _json_row(value)
    return value


def _csv(rows: Any) -> str:
    out = StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()


def _csv_cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | Decimal):
        return value
    if isinstance(value, list):
        return cell("; ".join(str(each) for each in value))
    said = _json("", value)
    return cell(said if isinstance(said, str) else json.dumps(said))


def _title(column: str) -> str:
    return column.removesuffix(_MINOR).replace("_", " ") if column.isidentifier() else column


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return any(each(kind) for each in (pa.types.is_decimal, pa.types.is_integer, pa.types.is_floating))


def _exponent(column: str, row: Mapping[str, Any], decimals: Mapping[str, int]) -> int:
    if column.endswith(_MINOR):
        return decimals.get(row.get("currency") or "", max(decimals.values(), default=0))
    return decimals.get(row.get("asset") or "", 0) if column in _EITHER else 0


def _words(column: str, value: Any, row: Mapping[str, Any], decimals: Mapping[str, int]) -> str:
    from ledger.units import format_minor, format_quantity

    if value is None:
        return _NONE.get(column, "")
    if isinstance(value, Decimal):
        exponent = _exponent(column, row, decimals)
        if _has_digits_behind(value):
            return _pointed(value, exponent)
        return format_minor(int(value), exponent) if exponent else format_quantity(int(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and column in _COUNTS:
        return format_quantity(value)
    if column in _TERMS:
        return plain(str(value)).replace("_", " ")
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, list):
        return plain(", ".join(str(each) for each in value))
    return plain(str(value))


def _has_digits_behind(value: Decimal) -> bool:
    """Whether it has digits behind the point, as what SQL computes may have."""
    return int(value.as_tuple().exponent) < 0


def _pointed(value: Decimal, exponent: int) -> str:
    """A number of units of which 10^`exponent` are one that is shown, with every digit."""
    sign, digits, places = value.as_tuple()
    return f"{Decimal((sign, digits, int(places) - exponent)):,f}"


def _short(found: re.Match[str]) -> str:
    """A hash by its ends, enough to tell it from others; the other formats have it whole."""
    return f"{found[0][:10]}…{found[0][-4:]}"


def _moment(time_s: int) -> datetime:
    return datetime.fromtimestamp(time_s, UTC)


def _put(sheet: Any, at: int, column: str, value: Any) -> None:
    if isinstance(value, bool) or value is None:
        sheet.text(at, "" if value is None else str(value).lower())
    elif isinstance(value, Decimal):
        (sheet.amount if column.endswith(_MINOR) or column in _EITHER else sheet.count)(at, int(value))
    elif isinstance(value, int):
        sheet.count(at, value)
    elif isinstance(value, date) and not isinstance(value, datetime):
        sheet.day(at, value)
    else:
        said = "; ".join(map(str, value)) if isinstance(value, list) else _json("", value)
        sheet.text(at, plain(str(said)))

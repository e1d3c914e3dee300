"""A proposed mapping as YAML that loads, with how sure each of its lines is."""

from __future__ import annotations

import json
import re
from pathlib import Path

from settlement.files import read_regular
from settlement.sources import Context, csv_table, database, parquet_table, reading
from settlement.sources.errors import SourceRefused
from settlement.sources.evidence import BUYS, SELLS, Cells
from settlement.sources.guessing import Guess, Proposal, days_of, propose, undecided
from settlement.sources.mapping_checks import DATES, FIELDS
from settlement.sources.table import Table
from settlement.sources.trade_rows import iso

_ROWS = 400
"""Rows that are looked at."""
_BYTES = 1 << 20
_UNKNOWN = "?"
"""Stands for a column that was not found: such a mapping loads, and says so when it is used."""
_FALLBACK = "cp1252"
_SPECIAL = re.compile(r"[.^$*+?{}\[\]|()\\]")
"""Characters that mean something in a regular expression."""


def guess_mapping(where: str, context: Context) -> tuple[str, list[Guess]]:
    """See `settlement.sources.guess_mapping`."""
    table, encoding, delimiter = _open(where)
    loaded = table.load(table.columns)
    cells = [
        Cells(column, [_text(value) for value in loaded.array(column).slice(0, _ROWS).to_pylist()], context)
        for column in table.columns
    ]
    if not len(loaded.line):
        raise SourceRefused(table.name, "has no rows to guess from")
    proposal = propose(cells, context)
    return _yaml(where, proposal, context, encoding, delimiter), proposal.guesses


def _open(where: str) -> tuple[Table, str, str]:
    """The table, of a CSV its beginning; how that is encoded and what parts its cells."""
    if database.is_database(where):
        return database.read(where), "utf-8", ","
    head = read_regular(where, _BYTES)
    if reading.messages(head) is not None:
        raise SourceRefused(where, "is of messages, which need no mapping")
    if head.startswith(parquet_table.MAGIC):
        return parquet_table.read(where, where), "utf-8", ","
    if len(head) == _BYTES:
        head = head[: head.rfind(b"\n") + 1] or head
    encoding, delimiter = "utf-8", csv_table.sniff(head)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    else:
        try:
            head.decode("utf-8")
        except UnicodeDecodeError:
            encoding = _FALLBACK
    if encoding == "utf-16":
        delimiter = csv_table.sniff(head.decode("utf-16", errors="replace").encode())
    table = csv_table.read(head, where, encoding=encoding, delimiter=delimiter)
    if table.looks_like_data():
        from settlement.sources.table import headless

        raise headless(table)
    return table, encoding, delimiter


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _yaml(where: str, proposal: Proposal, context: Context, encoding: str, delimiter: str) -> str:
    """The proposal as a mapping, required fields that were not found standing there to be filled in."""
    lines = [f"# proposed from {database.masked(where)}: read it before it is used"]
    lines += [f"# undecided: {each}" for each in undecided(proposal, context)]
    lines += [f"source: {_quoted(_source(where, context))}", f"level: {proposal.level}"]
    if encoding != "utf-8":
        lines.append(f"encoding: {encoding}")
    if delimiter != ",":
        lines.append(f"delimiter: {_quoted(delimiter)}")
    if proposal.decimal != ".":
        lines.append(f"decimal: {_quoted(proposal.decimal)}")
    if proposal.thousands and _separated(proposal):
        lines.append(f"thousands: {_quoted(proposal.thousands)}")
    lines += _formats(proposal, context)
    lines.append("columns:")
    lines += [_line(guess, proposal) for guess in proposal.guesses if guess.column]
    lines += [f'  {field}: "{_UNKNOWN}"  # not found: write its column here' for field in _lacking(proposal)]
    absent = [guess.field for guess in proposal.guesses if not guess.column]
    if absent:
        lines.append(f"# not found: {', '.join(absent)}")
    return "".join(f"{_printable(line)}\n" for line in lines)


def _source(where: str, context: Context) -> str:
    if database.is_database(where):
        return re.sub(r"(://[^:/@]*):[^@/]*@", r"\1@", where)
    name = Path(where).name
    return name.replace(iso(context.day), "{date}") if context.day else name


def _formats(proposal: Proposal, context: Context) -> list[str]:
    lines = []
    forms = [days_of(proposal, field, context) for field in DATES if proposal.of(field)]
    decided = {form[0] for form in forms if len(form) == 1}
    if len(decided) == 1 and decided != {"YYYY-MM-DD"}:
        lines.append(f"date_format: {_quoted(decided.pop())}")
    column = proposal.of("time")
    if column and (times := proposal.cells[column].time_forms) and times[0] != "HH:MM:SS":
        lines.append(f"time_format: {_quoted(times[0])}")
    return lines


def _separated(proposal: Proposal) -> bool:
    return any(proposal.thousands in text for name in proposal.numbers for text in proposal.cells[name].given)


def _line(guess: Guess, proposal: Proposal) -> str:
    cells = proposal.cells[guess.column]
    more: list[str] = []
    if guess.field == "trade_number":
        prefix = cells.prefix
        if cells.contracts:
            more.append(f"pattern: {_quoted('[0-9]{8}([0-9]{8})')}")
        elif prefix:
            plain = _SPECIAL.sub(r"\\\g<0>", prefix)
            more.append(f"pattern: {_quoted(plain + '([0-9]+)')}")
    elif guess.field == "trading_day" and cells.contracts:
        more.append(f"pattern: {_quoted('([0-9]{8})[0-9]{8}')}")
    elif guess.field == "side":
        words = sorted({text.strip() for text in cells.given})
        buys = [word for word in words if word.casefold() in BUYS]
        sells = [word for word in words if word.casefold() in SELLS]
        more += [
            f"{key}: [{', '.join(map(_quoted, said))}]"
            for key, said in (("buy", buys), ("sell", sells))
            if said
        ]
    more += _counted(guess.field, proposal)
    said = f"{{column: {_quoted(guess.column)}, {', '.join(more)}}}" if more else _quoted(guess.column)
    return f"  {guess.field}: {said}  # {guess.sure} %: {guess.why}"


def _counted(field: str, proposal: Proposal) -> list[str]:
    """Units and signs of a column of numbers of trades; those of balances are kept as they are."""
    product, values = proposal.product, proposal.numbers.get(proposal.of(field), [])
    if proposal.level != "trades":
        return []
    more = []
    if product is not None and field == "quantity" and product.lot != 1:
        more.append(f"unit: {product.lot}")
    if product is not None and field == "settlement_amount" and product.minor:
        more.append("unit: minor")
    negative = any((value or 0) < 0 for value in values)
    if negative and field in ("quantity", "settlement_amount", "commission", "levy", "price"):
        by_sign = field == "quantity" and not proposal.of("side") and not proposal.of("buyer")
        more.append("sign: signed" if by_sign else "sign: ignored")
    return more


def _lacking(proposal: Proposal) -> list[str]:
    """Fields without which the mapping would not load."""
    found = {guess.field for guess in proposal.guesses if guess.column}
    if proposal.level == "trades":
        wanted = ["security", "quantity", "settlement_amount"]
        if found & {"buyer", "seller"}:
            wanted += ["buyer", "seller"]
    elif proposal.level == "revenue":
        wanted = ["closing"] + ([] if {"payer", "party"} <= found else ["line"])
    else:
        wanted = ["asset"] if proposal.level == "positions" else []
        if not found & {"opening", "movements", "closing", "amount"}:
            wanted.append("closing")
    return [field for field in FIELDS[proposal.level] if field in wanted and field not in found]


def _printable(line: str) -> str:
    """A line that YAML takes, whatever the columns' names are."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in line)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=not text.isprintable())

"""What the trade file formats have in common: fields, rows, and why a row is refused.

A field has a pattern for its whole text. A row whose line fits all patterns at once is taken
without looking further; only one that does not is split, unquoted and explained. Both ways use the
same patterns, so they agree. One line is one row: a quoted field (RFC 4180) may hold commas and
doubled quotes, but no line break, so that a stray quote spoils its own row and no other.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ledger.ids import LOCAL_CODE_PATTERN
from settlement.model import Reject

SHOWN = 80
"""At most so many characters of a refused value are repeated."""

_UNDECODED = re.compile(r"[\udc80-\udcff]")
_QUOTED_OR_PLAIN = re.compile(r'"([^"]*(?:""[^"]*)*)"(,|\Z)|([^",]*)(,|\Z)')
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(?:[,' _\u00a0\u202f][0-9]{3})+(?:\.[0-9]*)?")
_EXPONENT = re.compile(r"[+-]?[0-9]*\.?[0-9]+[eE][+-]?[0-9]+")
_NUMBER = re.compile(r"([0-9]+)(?:\.([0-9]+))?")


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a format: `plain` matches it inside an unquoted row, `full` on its own."""

    name: str
    plain: str
    full: str
    explain: Callable[[str], str]
    """Why a text that `full` does not match is refused."""


@dataclass(frozen=True)
class RowForm:
    """The fields of a row, in order."""

    fields: tuple[Field, ...]

    @property
    def header(self) -> str:
        """The line that a file of this format starts with."""
        return ",".join(field.name for field in self.fields)

    @cached_property
    def fast(self) -> re.Pattern[str]:
        """Matches a whole good row without quotes, one group a field."""
        return re.compile(",".join(f"({field.plain})" for field in self.fields) + r"\r?")

    @cached_property
    def _full(self) -> tuple[re.Pattern[str], ...]:
        return tuple(re.compile(field.full) for field in self.fields)

    def parse(self, line: int, text: str) -> tuple[str, ...] | Reject:
        """The fields of the row `text`, or the first thing that is wrong with its form."""
        text = text.removesuffix("\r")
        if not text:
            return Reject(line, "row", "", "is empty")
        values = split(text)
        if values is None:
            return Reject(line, "row", shown(text), "has a quote that is not closed or stands in a field")
        if len(values) != len(self.fields):
            counted = f"has {len(values)} field{'' if len(values) == 1 else 's'}, not {len(self.fields)}"
            return Reject(line, "row", shown(text), counted)
        for field, pattern, value in zip(self.fields, self._full, values, strict=True):
            if not pattern.fullmatch(value):
                return Reject(line, field.name, shown(value), bytes_fault(value) or field.explain(value))
        return values


def split(text: str) -> tuple[str, ...] | None:
    """The fields of one line of CSV, or None where its quotes are wrong."""
    values: list[str] = []
    position = 0
    while match := _QUOTED_OR_PLAIN.match(text, position):
        quoted, quoted_end, plain, plain_end = match.groups()
        values.append(plain if quoted is None else quoted.replace('""', '"'))
        if not (quoted_end or plain_end):
            return tuple(values)
        position = match.end()
    return None


def value_of(text: str, place: int) -> str:
    """The value of the field at `place` in a line that is well formed."""
    row = text.removesuffix("\r")
    values = split(row) if '"' in row else row.split(",")
    return values[place] if values else ""


def shown(value: str) -> str:
    """`value` for a message: bytes that are not UTF-8 and control characters escaped, cut when long."""
    if len(value) <= SHOWN and value.isprintable():
        return value
    cut = value if len(value) <= SHOWN else value[:SHOWN] + f"… ({len(value):,} characters)"
    return "".join(character if character.isprintable() else _escaped(character) for character in cut)


def _escaped(character: str) -> str:
    if _UNDECODED.match(character):
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def bytes_fault(value: str) -> str:
    """What is wrong with the very bytes of a value, if anything."""
    if _UNDECODED.search(value):
        return "holds bytes that are not UTF-8"
    return "holds a NUL byte" if "\0" in value else ""


class Numbers(NamedTuple):
    """How a number may look: how many digits before and after the point."""

    digits: int
    decimals: int

    @property
    def pattern(self) -> str:
        """Plain decimal digits, ASCII only; the value's own bounds are checked later."""
        fraction = rf"(?:\.[0-9]{{1,{self.decimals}}})?" if self.decimals else ""
        return rf"[0-9]{{1,{self.digits}}}{fraction}"

    def explain(self, value: str) -> str:
        """Why `value` does not fit `pattern`."""
        word = value.strip().lstrip("+-").lower()
        number = _NUMBER.fullmatch(value)
        if number:
            return self._explain_digits(number.group(1), number.group(2) or "")
        if not value:
            return "is empty"
        if word == "nan":
            return "is not a number"
        if word in ("inf", "infinity"):
            return "is infinite"
        if value != value.strip():
            return "has spaces around it"
        if _THOUSANDS.fullmatch(value):
            return "has thousands separators"
        if _EXPONENT.fullmatch(value):
            return "is in exponent notation"
        if value[0] in "+-" and _NUMBER.fullmatch(value[1:]):
            return "is negative" if value[0] == "-" else "has a sign"
        return "is not a plain decimal number"

    def _explain_digits(self, whole: str, fraction: str) -> str:
        if len(whole) > self.digits:
            return f"is too large for the record: more than {self.digits} digits"
        if not self.decimals:
            return "is fractional, whole units are wanted"
        return f"has {len(fraction)} decimals, at most {self.decimals} are wanted"


def number_field(name: str, digits: int, decimals: int = 0) -> Field:
    """A number without sign, of at most that many digits before and after the point."""
    form = Numbers(digits, decimals)
    return Field(name, form.pattern, form.pattern, form.explain)


def code_field(name: str) -> Field:
    """A broker's or a security's code: 1 to 31 printable ASCII characters, no space at the ends."""
    plain = LOCAL_CODE_PATTERN.replace("[!-~]", r"[!#-+\--~]").replace("[ -~]", r"[ !#-+\--~]")
    return Field(name, plain, LOCAL_CODE_PATTERN, _explain_code)


def free_field(name: str) -> Field:
    """A field that is there and means nothing to the ledger: any text."""
    return Field(name, r'[^",\r\n\0\udc80-\udcff]*', r"[^\0\udc80-\udcff]*", lambda _: "is not text")


def _explain_code(value: str) -> str:
    if not value:
        return "is empty"
    if value != value.strip():
        return "has spaces around it"
    return "is not a code of 1 to 31 printable ASCII characters"

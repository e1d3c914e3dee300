"""What the cells of a column look like: dates and in which form, numbers, names that are known."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from ledger.errors import InvalidValue
from ledger.ids import currency_exponent, parse_isin
from settlement.sources import Context
from settlement.sources.numbers import Form
from settlement.sources.words import ISO_DAY, ISO_TIME, Parsed, day_reader, time_reader

DAY_FORMS = (
    ISO_DAY,
    "YYYYMMDD",
    "YYYY/MM/DD",
    *(form.replace("/", mark) for mark in "/.-" for form in ("DD/MM/YYYY", "MM/DD/YYYY")),
    *(form.replace("-", mark) for mark in "- " for form in ("DD-MON-YYYY", "DD-MON-YY")),
    *(form.replace("/", mark) for mark in "/." for form in ("DD/MM/YY", "MM/DD/YY")),
)
TIME_FORMS = (ISO_TIME, "HH:MM", "HHMMSS")
WRITINGS = ((".", ""), (".", ","), (",", "."), (",", ""), (".", "'"), (",", " "), (".", " "))
"""Decimal sign and thousands separator."""
BUYS, SELLS = frozenset(("b", "buy", "bought", "purchase")), frozenset(("s", "sell", "sold", "sale"))
MOST = 80
"""Percent of the cells that have to look like something; some rows of a book may be spoilt."""
DIGITS = 6
"""After the point, of the numbers that are tried."""
Values = list[int | None]
"""Millionths; None for what is no number."""
_PREFIXED = re.compile(r"([^0-9]*)([0-9]{1,18})")
_CONTRACT = re.compile("[0-9]{16}")


@dataclass(frozen=True)
class Cells:
    """Some cells of a column."""

    column: str
    texts: Sequence[str]
    context: Context

    @cached_property
    def given(self) -> list[str]:
        """Those that are not empty."""
        return [text for text in self.texts if text]

    @cached_property
    def counted(self) -> Counter[str]:
        """The different ones, and how many there are of each."""
        return Counter(self.given)

    @cached_property
    def day_forms(self) -> list[str]:
        """The forms in which most cells are days, all that have as many."""
        return self._forms(DAY_FORMS, day_reader)

    @cached_property
    def time_forms(self) -> list[str]:
        """The forms in which most cells are times of day."""
        return self._forms(TIME_FORMS, time_reader)

    def _forms(self, forms: Sequence[str], reader: Callable[[str], Callable[[str], Parsed]]) -> list[str]:
        fits = {form: self._share(partial(_reads, reader(form))) for form in forms}
        most = max(fits.values())
        return [form for form in forms if fits[form] == most >= MOST]

    def _share(self, fits: Callable[[str], bool]) -> int:
        """Of how many in a hundred of the cells that are not empty `fits` holds."""
        count = sum(times for text, times in self.counted.items() if fits(text))
        return 100 * count // max(1, len(self.given))

    def numbers(self, decimal: str, thousands: str) -> Values | None:
        """The cells as millionths, None in one that is no number; None where most are none written so."""
        form = Form(scale=DIGITS, sign="signed", decimal=decimal, thousands=thousands)
        fits = re.compile(form.expression, re.ASCII)
        if self._share(lambda text: fits.fullmatch(text) is not None) < MOST or not self.given:
            return None
        return [
            _millionths(text, decimal, thousands) if fits.fullmatch(text) else None for text in self.texts
        ]

    @cached_property
    def distinct(self) -> bool:
        """Whether no cell is empty or there twice."""
        return len(self.given) == len(self.texts) == len(set(self.given))

    @cached_property
    def prefix(self) -> str | None:
        """What stands before the digits of most cells; None where they are no prefix and digits."""
        found = Counter(match.group(1) for text in self.given if (match := _PREFIXED.fullmatch(text)))
        prefix, count = found.most_common(1)[0] if found else ("", 0)
        return prefix if 100 * count >= MOST * len(self.given) and self.given else None

    @cached_property
    def contracts(self) -> bool:
        """Whether most cells are a day and eight digits."""
        read = day_reader("YYYYMMDD")
        fits = self._share(lambda text: bool(_CONTRACT.fullmatch(text)) and not read(text[:8])[1])
        return fits >= MOST

    def known(self, names: Collection[str]) -> int:
        """How many of a hundred cells are among `names`."""
        there = frozenset(names)
        return self._share(lambda text: text in there)

    @cached_property
    def isins(self) -> bool:
        """Whether most cells are ISINs with the right check digit."""
        return self._share(lambda text: _is(parse_isin, text)) >= MOST

    @cached_property
    def currencies(self) -> bool:
        """Whether most cells are currencies' codes."""
        return self._share(lambda text: _is(currency_exponent, text)) >= MOST

    @cached_property
    def sides(self) -> bool:
        """Whether most cells say buy or sell."""
        return self._share(lambda text: text.strip().casefold() in BUYS | SELLS) >= MOST


def _reads(read: Callable[[str], Parsed], text: str) -> bool:
    return not read(text)[1]


def _is(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except InvalidValue:
        return False
    return True


def _millionths(text: str, decimal: str, thousands: str) -> int:
    plain = text.replace(thousands, "") if thousands else text
    whole, _, fraction = plain.lstrip("+-").partition(decimal)
    value = int(whole + fraction.rstrip("0").ljust(DIGITS, "0"))
    return -value if text.startswith("-") else value

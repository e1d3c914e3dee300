"""Filters as conditions in SQL on the raw columns, so that what does not match is never looked at twice.

Names become indexes first: a condition then compares numbers, which Parquet's statistics can rule out by
whole row groups.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

from ledger.clients.clearing_house import Status
from ledger.clients.fails import Reason
from ledger.errors import InvalidValue
from ledger.units import parse_minor
from settlement.audit.access import Access, AccessRefused
from settlement.audit.filters import Filters
from settlement.audit.names import Names, one_of

STATUSES = tuple(each.name.lower() for each in Status if each is not Status.UNKNOWN)
REASONS = tuple(each.name for each in Reason)
_LOW = 1 << 64
_MOST = 10**15
"""Rows that no ledger has: a larger page is all of them."""
_NAMED = re.compile(r"(?:(\d{4}-\d{2}-\d{2})/)?(\d{1,10})")
_CURSOR = re.compile(r"(\d{4}-\d{2}-\d{2})/(\d{1,10})(?::(\d{1,18}))?")


def check_masked(access: Access, filters: Filters) -> None:
    """Who is masked may not filter by what is under the mask: a row's being there would tell. Raises
    AccessRefused."""
    asked = [
        name
        for name in ("institution", "counterparty", "least", "most")
        if getattr(filters, name) is not None
    ]
    if access.sees == "masked" and asked:
        raise AccessRefused(access.viewer, "names and amounts are masked, so nothing is chosen by them")


def parties(names: Names, filters: Filters, buyer: str, seller: str) -> list[str]:
    """Conditions on who is on either side of a row. Raises NameUnknown."""
    found = [
        names.institution(name) for name in (filters.institution, filters.counterparty) if name is not None
    ]
    if len(found) == 2:
        first, second = found
        if first == second:
            return [f"{buyer} = {first}", f"{seller} = {first}"]
        both = f"({first}, {second})"
        # Conditions on one column each are tried on row groups before anything is read.
        return [f"{buyer} in {both}", f"{seller} in {both}", f"{buyer} <> {seller}"]
    return [f"({buyer} = {each} or {seller} = {each})" for each in found]


def days(filters: Filters, column: str) -> list[str]:
    """Conditions on a day. Raises InvalidValue where the first is after the last."""
    if filters.first is not None and filters.last is not None and filters.first > filters.last:
        raise InvalidValue("first day", str(filters.first), f"it is after {filters.last}, the last day")
    found = []
    if filters.first is not None:
        found.append(f"{column} >= date '{filters.first}'")
    if filters.last is not None:
        found.append(f"{column} <= date '{filters.last}'")
    return found


def statuses(filters: Filters, column: str) -> list[str]:
    """A condition on where a trade stands. Raises NameUnknown."""
    if not filters.status:
        return []
    wanted = (Status[one_of("status", each, STATUSES).upper()] for each in filters.status)
    return [f"{column} in ({', '.join(str(int(each)) for each in wanted)})"]


def reasons(filters: Filters, bits: str) -> list[str]:
    """A condition on a set of reasons, whoever's they are. Raises NameUnknown."""
    if filters.reason is None:
        return []
    place = 2 * Reason[one_of("reason", filters.reason, REASONS)]
    return [f"({bits} & {3 << place}) > 0"]


def amounts(names: Names, filters: Filters, low: str, high: str, *, wide: bool = True) -> list[str]:
    """Conditions on an amount in two columns; where none is `wide`, the lower is all of it. Raises
    InvalidValue, and NameUnknown for a currency.
    """
    found = []
    least, most = least_and_most(filters, lambda text: minor(names, filters, text))
    if not wide:
        if least is not None:
            found.append(f"{low} >= {least}")
        if most is not None:
            found.append(f"{low} <= {most}")
        return found
    if least:
        below = f"({low} >= {least} or {high} > 0)"
        found.append(below if least < _LOW else f"wide({low}, {high}) >= {least}")
    if most is not None:
        found.append(f"({low} <= {most} and {high} = 0)" if most < _LOW else f"wide({low}, {high}) <= {most}")
    return found


def least_and_most(filters: Filters, read: Callable[[str], int]) -> tuple[int | None, int | None]:
    """Both amounts that are asked for, as `read` has them. Raises InvalidValue where they are the wrong way
    round."""
    least, most = (None if text is None else read(text) for text in (filters.least, filters.most))
    if least is not None and most is not None and least > most:
        raise InvalidValue("least amount", filters.least, f"it is more than {filters.most}, the largest")
    return least, most


def minor(names: Names, filters: Filters, text: str) -> int:
    """An amount in the ledger's currency, or in the one that the filters name."""
    known = names.currencies()
    if filters.currency is not None:
        names.currency(filters.currency)
        return parse_minor(text, known[filters.currency])
    exponents = set(known.values())
    if len(exponents) != 1:
        raise InvalidValue("amount", text, f"of which currency? there are {', '.join(known) or 'none'}")
    return parse_minor(text, exponents.pop())


def trade_named(text: str) -> tuple[date | None, int]:
    """(trading day where it is said, number) of "YYYY-MM-DD/NUMBER" or "NUMBER". Raises InvalidValue."""
    found = _NAMED.fullmatch(text.strip())
    if found is not None:
        try:
            day = None if found[1] is None else date.fromisoformat(found[1])
        except ValueError:
            found = None
        else:
            if int(found[2]) < 1 << 32:
                return day, int(found[2])
    raise InvalidValue("trade", text, "YYYY-MM-DD/NUMBER is wanted, as 2019-03-25/1071")


def behind(after: str | None, day: str, number: str, trade: str) -> list[str]:
    """A condition on what comes behind an answer's `next`, or behind a trade. Raises InvalidValue."""
    if after is None:
        return []
    found = _CURSOR.fullmatch(after)
    try:
        if found is None:
            raise ValueError
        first = date.fromisoformat(found[1])
    except ValueError:
        wanted = "what an answer said to go on with is wanted, or a trade, as 2019-03-25/1071"
        raise InvalidValue("cursor", after, wanted) from None
    index = int(found[3]) if found[3] is not None else (1 << 62)
    # The first part alone lets row groups be left out.
    return [f"{day} >= date '{first}'", f"({day}, {number}, {trade}) > (date '{first}', {found[2]}, {index})"]


def limited(limit: int | None) -> int | None:
    """A page's size. Raises InvalidValue unless it is at least 1."""
    if limit is not None and limit < 1:
        raise InvalidValue("limit", str(limit), "at least 1 is wanted")
    return None if limit is None else min(limit, _MOST)


def row_after(after: str | None) -> int:
    """The row, from 0, that a page begins with where `next` counts rows. Raises InvalidValue."""
    if after is None:
        return 0
    if not (after.isascii() and after.isdigit() and len(after) < 16):
        raise InvalidValue("cursor", after, "what an answer said to go on with is wanted")
    return int(after)

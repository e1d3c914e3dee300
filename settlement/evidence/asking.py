"""Which trades evidence is asked of: conditions from a trade's name, an institution's days, or a query."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches

import numpy as np
import numpy.typing as npt

from ledger.history import History
from ledger.ids import day_number, parse_day_number
from settlement.errors import NameUnknown, SettlementError, TradingDayNeeded
from verifier.bundle import Condition
from verifier.facts import STATUSES

_DAYS = ("=", ">=", "<=")
FIELDS = {
    **dict.fromkeys(("institution", "counterparty", "buyer", "seller"), ("=",)),
    **dict.fromkeys(("security", "currency", "status"), ("=",)),
    **dict.fromkeys(("trading_day", "number", "quantity", "amount_minor"), _DAYS),
}
"""What a query can name, and how it can be compared."""
_INSTITUTIONS = ("institution", "counterparty", "buyer", "seller")
_ONE = re.compile(r"""\s*(\w+)\s*([<>=!~]+)\s*("[^"]*"|'[^']*'|[^\s"'<>=]+)(?=\s|$)""")
_TRADE = re.compile(r"(?:(\d{4}-\d\d-\d\d)/)?(\d{1,10})", re.ASCII)
_NEAR = 8


class QueryInvalid(SettlementError):
    """A query says `where` something that is no condition on a trade, for a `reason`."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"query: {where}: {reason}")
        self.where = where
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Known:
    """What a ledger has that a condition can name."""

    institutions: Collection[str]
    assets: Collection[str]
    numbers: dict[str, list[npt.NDArray[np.uint32]]] = field(default_factory=dict)
    """Trading day → numbers of its trades, by batch."""

    @classmethod
    def of(cls, history: History) -> Known:
        """All of a ledger."""
        numbers: dict[str, list[npt.NDArray[np.uint32]]] = {}
        for batch in history.batches.values():
            day = parse_day_number(batch.header.trading_day).isoformat()
            numbers.setdefault(day, []).append(batch.records.number)
        return cls(list(history.institutions), list(history.assets), numbers)

    def days_of(self, number: int) -> list[str]:
        """The trading days that have a trade of this number."""
        return sorted(
            day for day, several in self.numbers.items() if any((n == number).any() for n in several)
        )

    def near(self, number: int, day: str | None) -> list[int]:
        """Numbers of trades next to this one, of any day where none is said; nearest first."""
        found = set[int]()
        for several in self.numbers.values() if day is None else [self.numbers[day]]:
            for each in several:
                distance = np.abs(each.astype(np.int64) - number)
                found.update(each[np.argsort(distance, kind="stable")[:_NEAR]].tolist())
        return sorted(found, key=lambda each: (abs(each - number), each))[:_NEAR]


def of_trade(known: Known, name: str, day: date | None = None) -> tuple[Condition, ...]:
    """The one trade that is named YYYY-MM-DD/NUMBER, or by its number alone where one day has it or `day`
    says which. Raises NameUnknown and TradingDayNeeded.
    """
    found = _TRADE.fullmatch(name.strip())
    if found is None:
        raise QueryInvalid(
            name, "is no trade's name; they are as 2024-03-14/1207, or 1207 where one day has it"
        )
    number = int(found[2])
    if found[1] and day is not None and found[1] != day.isoformat():
        raise QueryInvalid(name, f"is of another day than {day}")
    wanted = found[1] or (day.isoformat() if day else None)
    if wanted is not None and wanted not in known.numbers:
        raise NameUnknown("trading day", wanted, sorted(known.numbers))
    days = known.days_of(number)
    if wanted is None and len(days) > 1:
        raise TradingDayNeeded(days)
    if not days or wanted not in (None, *days):
        near = [str(each) for each in known.near(number, wanted)]
        raise NameUnknown("trade", name, near, "there, nearest first")
    return Condition("trading_day", "=", wanted or days[0]), Condition("number", "=", str(number))


def of_institution(
    known: Known, name: str, first: date | None = None, last: date | None = None
) -> tuple[Condition, ...]:
    """Every trade of an institution on trading days from `first` to `last`. Raises NameUnknown."""
    check_name("institution", name, known.institutions)
    if first and last and first > last:
        raise QueryInvalid(f"{first} to {last}", "ends before it begins")
    days = ((">=", first), ("<=", last))
    if first == last and first is not None:
        days = (("=", first), ("=", None))
    own = [Condition("trading_day", how, day.isoformat()) for how, day in days if day is not None]
    return Condition("institution", "=", name), *own


def of_query(known: Known, text: str) -> tuple[Condition, ...]:
    """The conditions that a query says, each `field comparison value`, with quotes where a value has spaces:
    institution="Kestrel Rock" trading_day>=2024-03-14 amount_minor>=100000 status=settled

    Raises QueryInvalid and NameUnknown, both with what would be right.
    """
    found = list(_conditions(text))
    for each in found:
        _check(known, each)
    texts = [each.field for each in found if FIELDS[each.field] == ("=",)]
    for name in texts:
        if texts.count(name) > 1:
            raise QueryInvalid(name, "is there twice; no trade has two")
    if "counterparty" in texts and "institution" not in texts:
        raise QueryInvalid("counterparty", "of which institution? say it with institution=NAME")
    return tuple(found)


def _conditions(text: str) -> Iterator[Condition]:
    at = 0
    while text[at:].strip():
        match = _ONE.match(text, at)
        if match is None:
            fields = ", ".join(FIELDS)
            raise QueryInvalid(
                repr(text[at:].strip()),
                f'is no condition; one is as institution="Kestrel Rock" or quantity>=100, of {fields}',
            )
        value = match[3][1:-1] if match[3][0] in "\"'" else match[3]
        if value.isdecimal() and FIELDS.get(match[1]) == _DAYS:
            value = value.lstrip("0") or "0"  # A number has one form in a bundle.
        yield Condition(match[1], match[2], value)
        at = match.end()


def _check(known: Known, each: Condition) -> None:
    name, compared, value = each.field, each.comparison, each.value
    if name not in FIELDS:
        near = get_close_matches(name, FIELDS, n=1, cutoff=0.5)  # share_of alike
        meant = f"did you mean {near[0]}? " if near else ""
        raise QueryInvalid(name, f"{meant}there are {', '.join(FIELDS)}")
    if compared not in FIELDS[name]:
        raise QueryInvalid(f"{name}{compared}{value}", f"{name} is compared by {' '.join(FIELDS[name])}")
    if name in _INSTITUTIONS:
        check_name("institution", value, known.institutions)
    elif name in ("security", "currency"):
        check_name(name, value, known.assets)
    elif name == "status":
        check_name("status", value, STATUSES[1:])
    elif name == "trading_day":
        if not _is_day(value):
            raise QueryInvalid(f"{name}{compared}{value}", "a day as 2024-03-14 is wanted")
    elif not (value.isascii() and value.isdecimal() and len(value) <= 30):
        unit = "minor units of the currency, " if name == "amount_minor" else ""
        raise QueryInvalid(f"{name}{compared}{value}", f"a whole number is wanted, {unit}without separators")


def check_name(what: str, name: str, known: Collection[str]) -> None:
    """Raises NameUnknown, with the nearest first, where a ledger has no such name."""
    if name not in known:
        near = get_close_matches(name, known, n=_NEAR, cutoff=0.3)  # share_of alike
        rest = [each for each in sorted(known) if each not in near]
        raise NameUnknown(what, name, [*near, *rest])


def _is_day(value: str) -> bool:
    try:
        return str(parse_day_number(day_number(date.fromisoformat(value)))) == value
    except ValueError:
        return False

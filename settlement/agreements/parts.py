"""A mapping of a YAML file, taken apart key by key; what is wrong is collected, and reading goes on.

Every reader gives back something of the right type, a plain 0 or "" where the file has nothing that fits, so
that one run finds all mistakes of form and of meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ledger.units import format_minor
from settlement.marked_yaml import Path, Unquoted
from settlement.scenario_checks import Found
from settlement.scenario_explain import nearest, not_text, shown

PRICE_DECIMALS = 6
"""How many digits a unit price has beyond the currency's own: rates are millionths."""
_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,59})(?:\.([0-9]{1,20}))?")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?")


@dataclass(slots=True)
class Part:
    """One mapping of the file, at a path. `exponent` is the number of decimals of its currency."""

    data: Mapping[str, Any]
    path: Path
    found: list[Found]
    exponent: int = 0
    asked: list[str] = field(default_factory=list)

    def at(self, key: str) -> Path:
        """The path of a key."""
        return (*self.path, key)

    def wrong(self, key: str, reason: str) -> None:
        """A mistake at a key; at the whole part where it is ""."""
        self.found.append((self.at(key) if key else self.path, reason))

    def has(self, key: str) -> bool:
        """Whether the key is there; it is one of the keys that can be."""
        if key not in self.asked:
            self.asked.append(key)
        return key in self.data

    def take(self, key: str) -> Any:
        """The plain value of a key that has to be there; None, and a mistake, where it is not."""
        if not self.has(key):
            self.wrong(key, "is missing")
            return None
        return self.data[key]

    def text(self, key: str) -> str:
        """A text."""
        there, value = self.has(key), self.take(key)
        if isinstance(value, str):
            return value
        if there:
            self.wrong(key, not_text(value))
        return ""

    def choice(self, key: str, allowed: Sequence[str]) -> str:
        """One of a few words."""
        there, value = self.has(key), self.take(key)
        if value in allowed:
            return str(value)
        if there:
            reason = f"must be one of {', '.join(allowed)}, not {shown(value)}{nearest(value, allowed)}"
            self.wrong(key, reason)
        return ""

    def whole(self, key: str, most: int, least: int = 0) -> int:
        """A whole number."""
        there, value = self.has(key), self.take(key)
        if isinstance(value, int):
            if least <= value <= most:
                return value
            bound = f"at least {least:,}" if value < least else f"at most {most:,}"
            self.wrong(key, f"must be {bound}, not {value:,}")
        elif there:
            self.wrong(key, f"must be a whole number without quotes, not {shown(value)}")
        return 0

    def money(self, key: str, most: int) -> int:
        """An amount of the currency, in minor units."""
        return self._decimal(key, self.exponent, most, "50000.00"[: 6 + self.exponent].rstrip("."))

    def price(self, key: str, most: int) -> int:
        """A price a unit, in millionths of a minor unit."""
        return self._decimal(key, self.exponent + PRICE_DECIMALS, most, "12.50")

    def _decimal(self, key: str, decimals: int, most: int, example: str) -> int:
        there, value = self.has(key), self.take(key)
        if not there:
            return 0
        match = _DECIMAL.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            self.wrong(key, f'must be an amount in quotes, as "{example}", not {shown(value)}')
            return 0
        fraction = match[2] or ""
        if len(fraction) > decimals:
            self.wrong(key, f"has at most {decimals} digits after the point")
            return 0
        amount = int(match[1] + fraction.ljust(decimals, "0"))
        if amount > most:
            self.wrong(key, f"must be at most {format_minor(most, decimals)}, not {match[0]}")
            return 0
        return amount

    def moment(self, key: str) -> int:
        """A date, for its beginning, or a moment in UTC, in seconds since 1970."""
        there, value = self.has(key), self.take(key)
        given = value.text if isinstance(value, Unquoted) else value
        if there and isinstance(given, str) and _MOMENT.fullmatch(given):
            try:
                seconds = int(datetime.fromisoformat(given.removesuffix("Z")).replace(tzinfo=UTC).timestamp())
            except ValueError:
                seconds = 0
            if seconds > 0:
                return seconds
        if there:
            reason = f"must be a date or a moment, 2019-10-01 or 2019-10-01T09:00:00Z, not {shown(value)}"
            self.wrong(key, reason)
        return 0

    def yes(self, key: str) -> bool:
        """Whether a key that can only be true is there."""
        if not self.has(key):
            return False
        if self.data[key] != Unquoted("true"):
            self.wrong(key, f"must be true, or not there, not {shown(self.data[key])}")
        return True

    def part(self, key: str) -> Part | None:
        """The mapping at a key that has to be there."""
        there, value = self.has(key), self.take(key)
        if isinstance(value, Mapping):
            return Part(value, self.at(key), self.found, self.exponent)
        if there:
            self.wrong(key, f"must be a mapping of keys, not {shown(value)}")
        return None

    def parts(self, key: str) -> list[Part]:
        """The mappings of a list at a key that has to be there; in place of an item that is none stands an
        empty one, of which nothing more is said.
        """
        found = []
        for index, value in enumerate(self.items(key)):
            path: Path = (*self.at(key), index)
            if isinstance(value, Mapping):
                found.append(Part(value, path, self.found, self.exponent))
            else:
                self.found.append((path, f"must be a mapping of keys, not {shown(value)}"))
                found.append(Part({}, path, [], self.exponent))
        return found

    def items(self, key: str) -> tuple[Any, ...]:
        """The items of a list at a key that has to be there."""
        there, value = self.has(key), self.take(key)
        if isinstance(value, tuple):
            return value
        if there:
            self.wrong(key, f"must be a list, not {shown(value)}")
        return ()

    def names(self, key: str) -> list[str]:
        """The texts of a list; "" where an item is none."""
        found = []
        for index, value in enumerate(self.items(key)):
            if not isinstance(value, str):
                self.found.append(((*self.at(key), index), not_text(value)))
            found.append(value if isinstance(value, str) else "")
        return found

    def close(self) -> None:
        """Nothing else is read: what was not asked for is a mistake."""
        for key in self.data:
            if key not in self.asked:
                self.wrong(key, f"is no key here; known: {', '.join(self.asked)}{nearest(key, self.asked)}")


def overlaps(path: Path, others: Iterable[Path]) -> bool:
    """Whether a path is one of the others, lies in one or around one."""
    return any(path[: len(other)] == other or other[: len(path)] == path for other in others)

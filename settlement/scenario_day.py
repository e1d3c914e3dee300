"""What a scenario may say of a settlement day beyond one netting cycle: its times and rules, what a fail
costs, the default fund, limits, and what institutions do on the way.

All of it may be left out. A list is `[HH:MM, …]` of UTC times, money a quoted decimal string in currency
units, a price one of a unit, rates are whole parts per million.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ledger.errors import InvalidValue
from ledger.ids import parse_local_code
from ledger.units import MAX_QUANTITY, PPM, parse_minor
from settlement.marked_yaml import Path

Entry = Literal["none", "fifo", "fifo_bypass"]
Objective = Literal["value", "count"]
Deed = Literal[
    "hold",
    "release",
    "allow-parts",
    "refuse-parts",
    "cancel",
    "keep",
    "dispute",
    "withdraw",
    "stands",
    "falls",
    "suspend",
    "reinstate",
    "default",
]
"""Words of `settlement.conditions`, what decides a dispute, and what is done to an institution."""
DECISIONS = frozenset({"stands", "falls"})
OF_INSTITUTIONS = frozenset({"suspend", "reinstate", "default"})

_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} ([01][0-9]|2[0-3]):[0-5][0-9]")
_MAX_PPM = 1_000 * PPM


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Day(_Model):
    """When and how trades settle. Between netting cycles they settle one by one as they come (`entry`), by
    DvP model 1: `fifo` stops at the first that does not fit, `fifo_bypass` passes it over, `none` waits for
    the cycle. Trades without a time come evenly between `opens` and the last cycle, in the order of their
    numbers.
    """

    opens: str = "09:00"
    cycles: Annotated[tuple[str, ...], Field(min_length=1, max_length=48)] = ("17:00",)
    """When what is left is netted; the last one ends the day."""
    model: Annotated[int, Field(ge=1, le=3)] = 3
    """DvP model of the BIS by which the netting cycles settle."""
    entry: Entry = "none"
    objective: Objective = "value"
    priority_above: tuple[str, ...] = ()
    """Amounts from large to small; a trade above the first has the highest priority, and so on."""
    parts: Literal["never", "always"] = "never"
    """Whether every broker allows its trades to settle in parts."""


class Fails(_Model):
    """What a trade that does not settle on its day costs, a day, and when it ends. The shipped rates are
    those of the European penalty mechanism: basis points a day of the value, by kind of security; cash by the
    overnight rate, a year of 360 days. Penalties are credited in the next cycle, not once a month: that is
    our choice.
    """

    closing_after_days: Annotated[int, Field(ge=1, le=365)]
    """Failed days after which a trade is closed with the difference in cash, as a buy-in would."""
    securities_ppm: Annotated[int, Field(ge=0, le=PPM)] = 100
    by_security: dict[str, Annotated[int, Field(ge=0, le=PPM)]] = Field(default_factory=dict)
    cash_ppm_per_year: Annotated[int, Field(ge=0, le=_MAX_PPM)] = 0


class DefaultFund(_Model):
    """The fund's account, an institution of its own, and what its members and the venue put in: parts of each
    member's pending settlement amounts (margin) and of its recorded ones (contribution), and the venue's own
    `capital`.
    """

    account: str = "DEFAULT FUND"
    margin_ppm: Annotated[int, Field(ge=0, le=PPM)]
    contribution_ppm: Annotated[int, Field(ge=0, le=PPM)]
    capital: str = "0"


class Limit(_Model):
    """What an institution may hold at most of an asset (`position`), and what settlements of one day may take
    from it on balance (`exposure`): units of a security, money of the currency.
    """

    institution: str
    asset: str
    position: str | None = None
    exposure: str | None = None


class Happening(_Model):
    """What happens at a time of a day: something that is done to `trades`, by the institution `by`, or to an
    `institution` by exchange and regulator.
    """

    at: str
    """`YYYY-MM-DD HH:MM`, UTC."""
    do: Deed
    by: str | None = None
    institution: str | None = None
    trades: tuple[Annotated[int, Field(ge=1)], ...] = ()

    @property
    def moment(self) -> datetime:
        """When."""
        return datetime.fromisoformat(self.at).replace(tzinfo=UTC)


def check(
    data: Mapping[str, Any], roles: Mapping[str, tuple[Any, ...]], exponent: int | None
) -> Iterator[tuple[Path, str]]:
    """Mistakes of meaning in these sections of a scenario's plain data. `exponent` is the currency's."""
    yield from _day(data.get("day"), exponent)
    yield from _fails(data.get("fails"))
    yield from _fund(data.get("default_fund"), roles, exponent)
    yield from _limits(data, roles, exponent)
    yield from _happenings(data.get("happenings"), roles)


def _each(data: Any, key: str) -> Iterator[tuple[int, Any]]:
    found = data.get(key) if isinstance(data, Mapping) else None
    yield from enumerate(found if isinstance(found, tuple) else ())


def _day(day: Any, exponent: int | None) -> Iterator[tuple[Path, str]]:
    if not isinstance(day, Mapping):
        return
    last = day.get("opens", Day.model_fields["opens"].default)
    if isinstance(last, str) and not _TIME.fullmatch(last):
        yield ("day", "opens"), f'{last!r} is no time of day: HH:MM is wanted, as "09:00"'
        return
    for index, at in _each(day, "cycles"):
        if not isinstance(at, str):
            return
        if not _TIME.fullmatch(at):
            yield ("day", "cycles", index), f'{at!r} is no time of day: HH:MM is wanted, as "17:00"'
        elif isinstance(last, str) and at <= last:
            yield ("day", "cycles", index), f"must be after {last}: times of a day rise"
        else:
            last = at
    above: int | None = None
    for index, bound in _each(day, "priority_above"):
        amount, why = _money(bound, exponent)
        if why:
            yield ("day", "priority_above", index), why
        elif amount is not None and above is not None and amount >= above:
            yield ("day", "priority_above", index), "must be below the one before: from large to small"
        above = amount if amount is not None else above


def _fails(fails: Any) -> Iterator[tuple[Path, str]]:
    by_security = fails.get("by_security") if isinstance(fails, Mapping) else None
    for code in by_security if isinstance(by_security, Mapping) else ():
        try:
            parse_local_code(code)
        except InvalidValue as error:
            yield ("fails", "by_security", code), str(error)


def _fund(fund: Any, roles: Mapping[str, Any], exponent: int | None) -> Iterator[tuple[Path, str]]:
    if not isinstance(fund, Mapping):
        return
    account = fund.get("account", DefaultFund.model_fields["account"].default)
    if account in roles:
        yield ("default_fund", "account"), f"{account!r} is an institution; the fund is one of its own"
    elif isinstance(account, str):
        try:
            parse_local_code(account)
        except InvalidValue as error:
            yield ("default_fund", "account"), str(error)
    _, why = _money(fund.get("capital"), exponent)
    if why:
        yield ("default_fund", "capital"), why


def _limits(
    data: Mapping[str, Any], roles: Mapping[str, Any], exponent: int | None
) -> Iterator[tuple[Path, str]]:
    cash = data.get("cash")
    currency = cash.get("currency") if isinstance(cash, Mapping) else None
    seen: dict[tuple[Any, Any], int] = {}
    for index, limit in _each(data, "limits"):
        if not isinstance(limit, Mapping):
            continue
        place = limit.get("institution"), limit.get("asset")
        if isinstance(place[0], str) and roles and place[0] not in roles:
            yield ("limits", index, "institution"), f"there is no institution {place[0]!r}"
        if all(isinstance(each, str) for each in place) and seen.setdefault(place, index) != index:
            yield ("limits", index), f"{place[1]} of {place[0]} is limited by limits[{seen[place]}]"
        if limit.get("position") is None and limit.get("exposure") is None:
            yield ("limits", index), "must have a position or an exposure"
        for key in ("position", "exposure"):
            given = limit.get(key)
            _, why = _money(given, exponent) if place[1] == currency else _units(given)
            if why:
                yield ("limits", index, key), why


def _happenings(happenings: Any, roles: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    for index, one in _each({"happenings": happenings}, "happenings"):
        if not isinstance(one, Mapping):
            continue
        path: Path = ("happenings", index)
        at, deed = one.get("at"), one.get("do")
        if isinstance(at, str) and not _is_moment(at):
            yield (*path, "at"), f'{at!r} is no moment: YYYY-MM-DD HH:MM is wanted, as "2024-03-14 12:30"'
        for key in ("by", "institution"):
            name = one.get(key)
            if isinstance(name, str) and roles and name not in roles:
                yield (*path, key), f"there is no institution {name!r}"
        if not isinstance(deed, str):
            continue
        whom = roles.get(one.get("institution") or "", ())
        regulators = [name for name, held in roles.items() if "REGULATOR" in held]
        if deed == "default" and whom and "BROKER" not in whom:
            yield (*path, "institution"), "is no broker, and only a broker can default"
        elif deed == "suspend" and one.get("institution") in regulators[:1]:
            yield (*path, "institution"), "is the regulator that suspends, and cannot suspend itself"
        wanted = {"institution"} if deed in OF_INSTITUTIONS else {"trades"}
        wanted |= set() if deed in OF_INSTITUTIONS | DECISIONS else {"by"}
        given = {key for key in ("by", "institution", "trades") if one.get(key)}
        for key in sorted(wanted - given):
            yield path, f"{deed} needs the key {key}"
        for key in sorted(given - wanted):
            yield (*path, key), f"is no part of {deed}"


def _is_moment(text: str) -> bool:
    try:
        return bool(_MOMENT.fullmatch(text) and datetime.fromisoformat(text))
    except ValueError:
        return False


def _money(text: Any, exponent: int | None) -> tuple[int | None, str]:
    """An amount in minor units, or why it is none; neither where that cannot be said."""
    if not isinstance(text, str) or exponent is None:
        return None, ""
    try:
        return parse_minor(text, exponent), ""
    except InvalidValue as error:
        return None, str(error)


def _units(text: Any) -> tuple[int | None, str]:
    if not isinstance(text, str):
        return None, ""
    if not (text.isascii() and text.isdigit() and int(text) <= MAX_QUANTITY):
        return None, f"{text!r} is no quantity: whole units are wanted"
    return int(text), ""

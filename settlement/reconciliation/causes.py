"""What may have made a break, each with the entry that would mend it; the surest first, nothing where nothing
fits.

A cause is proposed where the two values show it, digit by digit or to the unit. Values agree by chance the
more easily the less a cause demands, and in that order they come: what is exact to the amount of a fee before
a digit that could be any.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ledger.ids import parse_day_number
from ledger.units import TIME_UNKNOWN, format_quantity
from settlement.reconciliation.model import Break, Cause, Kind, Side
from settlement.reconciliation.units import day_of, field_words, say

SUREST = (
    "wrong_side",
    "duplicate",
    "booked_together",
    "sign",
    "gross_of_fee",
    "unit",
    "day_month",
    "swapped_digits",
    "typo",
    "wrong_digit",
)
"""Codes of causes."""
_NUMBERS = ("quantity", "price", "settlement_amount", "commission", "levy", "opening", "movements", "closing")
_NAMES = ("buyer", "seller", "security")
_HELD = ("security", "buyer", "seller", "quantity", "settlement_amount")
"""What tells a surplus entry from the one that is right."""
_DAYS = ("trading_day", "settlement_date")
_ALIKE = {
    "quantity": ("settlement_amount", "commission", "levy"),
    "price": ("settlement_amount", "commission", "levy"),
    "settlement_amount": ("price", "commission", "levy"),
}
"""What is computed from a field, and so is wrong with it."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known besides the break: of the ledger's trade, and of the market."""

    commission: int | None = None
    """What the trade earns the institution, minor units."""
    levy: int | None = None
    parties: Collection[str] = ()
    securities: Collection[str] = ()
    units: Collection[int] = (10, 100, 1000)
    """By how many times a price, an amount or a quantity in another unit differs; lots."""
    trades: Mapping[int, Mapping[str, object]] = field(default_factory=dict)
    """The ledger's trades that the break concerns, by number: the fields of `model.NAMED`."""
    exponent: int = 2
    """Decimals of the currency."""


NOTHING = Known()


@dataclass(frozen=True, slots=True)
class _Fit:
    """One cause that fits: it sets `fields` right."""

    code: str
    said: str
    fields: Mapping[str, object]
    was: Mapping[str, object]


def causes(each: Break, known: Known = NOTHING) -> tuple[Cause, ...]:
    """What may have made the break; pure. The mending entry is one of the side that is wrong: the one that
    stands alone, else the one that was held against the ledger.
    """
    held = (side for side in each.sides if side != "ledger")
    wrong: Side = next(held, "ledger") if each.odd is None else each.odd
    others = [side for side in each.sides if side != wrong]
    right: Side = "ledger" if "ledger" in others else next(iter(others), "ledger")
    whole = list(_whole(each, wrong, known))
    fits = list(_fits(_pairs(each, wrong, right), known, each))
    fits.sort(key=lambda fit: SUREST.index(fit.code))
    mended = [_mended(fit, each, wrong) for fit in _together(fits, each)]
    found = sorted([*whole, *mended], key=lambda cause: SUREST.index(cause.code))
    return tuple({(cause.code, cause.said): cause for cause in found}.values())


Pairs = Mapping[str, tuple[Any, Any]]
"""Field → what the wrong side has, what the right one has."""


def _pairs(each: Break, wrong: Side, right: Side) -> Pairs:
    return {
        name: (values[wrong], values[right])
        for name, values in each.fields.items()
        if values.get(wrong) is not None and values.get(right) is not None and values[wrong] != values[right]
    }


def _whole(each: Break, wrong: Side, known: Known) -> Iterator[Cause]:
    """Causes that are of the entry, not of one of its fields."""
    mend: dict[str, object]
    if each.kind is Kind.DUPLICATE:
        held = {name: values.get(wrong) for name, values in each.fields.items() if name in _HELD}
        was = {name: value for name, value in held.items() if value is not None}
        mend = {"action": "remove", "side": wrong, "trade": each.subject, "keep": 1}
        mend |= {"was": was} if was else {}
        yield Cause("duplicate", f"Trade {each.subject} was booked more than once.", mend)
    trades = [known.trades[number] for number in each.numbers if number in known.trades]
    if each.kind is Kind.MERGED and len(trades) == len(each.numbers) > 1:
        names = ("quantity", "settlement_amount")
        parts = [
            {"trade_number": number}
            | {name: trade[name] for name in names}
            | {name: trade[name] for name in ("time",) if trade.get(name, TIME_UNKNOWN) != TIME_UNKNOWN}
            for number, trade in zip(each.numbers, trades, strict=True)
        ]
        sums = " + ".join(format_quantity(_number(part["quantity"])) for part in parts)
        total = format_quantity(sum(_number(part["quantity"]) for part in parts))
        numbers = ", ".join(map(str, each.numbers))
        said = f"Trades {numbers} were booked as one: {sums} = {total}."
        mend = {"action": "split", "side": wrong, "trade": each.subject, "into": parts}
        yield Cause("booked_together", said, mend)


def _fits(pairs: Pairs, known: Known, each: Break) -> Iterator[_Fit]:
    buyer, seller = pairs.get("buyer"), pairs.get("seller")
    if buyer and seller and buyer == seller[::-1]:
        said = f"Bought for sold: booked as {buyer[0]} buying from {buyer[1]}, who is the buyer."
        yield _fit("wrong_side", said, pairs, "buyer", "seller")
        pairs = {name: pair for name, pair in pairs.items() if name not in ("buyer", "seller")}
    explained: set[str] = set()
    for name in sorted(pairs, key=lambda name: _NUMBERS.index(name) if name in _NUMBERS else -1):
        wrong, right = pairs[name]
        if name in explained:
            continue
        if name in _NUMBERS and _are_numbers(wrong, right):
            alike = [
                other
                for other in _ALIKE.get(name, ())
                if other in pairs and _are_numbers(*pairs[other]) and _follows(pairs[name], pairs[other])
            ]
            for code, said in _of_number(name, int(wrong), int(right), known, each):
                follows = () if code == "gross_of_fee" else alike
                explained.update(follows)
                yield _fit(code, said, pairs, name, *follows)
        elif name == "trade_number" and _are_numbers(wrong, right):
            for code, said in _of_digits("The trade number", str(wrong), str(right), str):
                yield _fit(code, said, pairs, name)
            if _distance(str(wrong), str(right)) == 1 and len(str(wrong)) != len(str(right)):
                yield _fit("typo", f"A digit too many or too few: {wrong} for {right}.", pairs, name)
        elif name in _DAYS:
            for code, said in _of_day(name, day_of(each.level, name, wrong), day_of(each.level, name, right)):
                yield _fit(code, said, pairs, name)
        elif name in _NAMES and isinstance(wrong, str) and isinstance(right, str):
            there = known.securities if name == "security" else known.parties
            for code, said in _of_name(name, wrong, right, there):
                yield _fit(code, said, pairs, name)


def _fit(code: str, said: str, pairs: Pairs, *names: str) -> _Fit:
    return _Fit(code, said, {n: pairs[n][1] for n in names}, {n: pairs[n][0] for n in names})


def _of_number(name: str, wrong: int, right: int, known: Known, each: Break) -> Iterator[tuple[str, str]]:
    title = _title(name)

    def shown(value: int) -> str:
        return say(known.exponent, each.level, name, value)

    if wrong == -right:
        yield "sign", f"{title} has the other sign: {shown(wrong)} for {shown(right)}."
    elif name == "settlement_amount":
        yield from _of_fee(wrong, right, known, shown)
    for times in sorted(known.units):
        if right and times > 1 and wrong in (right * times, right * -times):
            yield "unit", f"{title} in another unit: {shown(wrong)} is {times:,} times {shown(right)}."
        elif wrong and times > 1 and right == wrong * times:
            yield "unit", f"{title} in another unit: {shown(right)} is {times:,} times {shown(wrong)}."
    yield from _of_digits(title, str(wrong), str(right), lambda text: shown(int(text)))


def _of_fee(wrong: int, right: int, known: Known, shown: Any) -> Iterator[tuple[str, str]]:
    commission, levy = known.commission or 0, known.levy or 0
    for fee, what in (
        (commission, "commission"),
        (levy, "levy"),
        (commission + levy, "commission and levy"),
    ):
        if (
            fee > 0
            and abs(wrong - right) == fee
            and not (what == "commission and levy" and 0 in (commission, levy))
        ):
            if wrong > right:
                said = f"Booked gross: {shown(wrong)} is {shown(right)} and the {what} of {shown(fee)}."
            else:
                said = f"Booked net: {shown(wrong)} is {shown(right)} less the {what} of {shown(fee)}."
            yield "gross_of_fee", said


def _of_digits(title: str, wrong: str, right: str, shown: Any) -> Iterator[tuple[str, str]]:
    if len(wrong) != len(right) or len(right) < 2:
        return
    differing = [i for i in range(len(right)) if wrong[i] != right[i]]
    both = f"{shown(wrong)} for {shown(right)}"
    if len(differing) == 1 and wrong[differing[0]].isdigit() and right[differing[0]].isdigit():
        yield "wrong_digit", f"{title} has one wrong digit: {both}."
    elif len(differing) == 2 and differing[1] == differing[0] + 1:
        i, j = differing
        if (wrong[i], wrong[j]) == (right[j], right[i]):
            swapped = f"{wrong[i]}{wrong[j]} for {right[i]}{right[j]}"
            yield "swapped_digits", f"{title} has two digits swapped ({swapped}): {both}."


def _of_day(name: str, wrong: date | None, right: date | None) -> Iterator[tuple[str, str]]:
    if wrong is None or right is None or wrong == right:
        return
    if (wrong.year, wrong.month, wrong.day) == (right.year, right.day, right.month):
        yield "day_month", f"{_title(name)} has day and month exchanged: {wrong} for {right}."
    else:
        yield from _of_digits(_title(name), f"{wrong:%Y%m%d}", f"{right:%Y%m%d}", _day_shown)


def _day_shown(text: str) -> str:
    return parse_day_number(int(text)).isoformat()


def _of_name(name: str, wrong: str, right: str, known: Collection[str]) -> Iterator[tuple[str, str]]:
    title, both = _title(name), f"{wrong} for {right}"
    if wrong.isdigit() and right.isdigit():
        yield from _of_digits(title, wrong, right, str)
    elif wrong in known:
        return  # a name of its own, however alike
    elif wrong.casefold().split() == right.casefold().split():
        yield "typo", f"{title} is written otherwise: {both}."
    elif (away := _distance(wrong.casefold(), right.casefold())) <= 2 and 2 * away < len(right):
        also = [
            each for each in known if each != right and _distance(wrong.casefold(), each.casefold()) <= away
        ]
        if not also:
            letters = "one letter" if away == 1 else "two letters"
            yield "typo", f"{title} is {letters} away from the ledger's: {both}."


def _together(fits: Sequence[_Fit], each: Break) -> Iterator[_Fit]:
    """What mends all that differs, from several causes where one alone does not, then each alone."""
    whole = set(each.fields)
    left, chosen = set(whole), []
    for fit in fits:
        if left & fit.fields.keys():
            chosen.append(fit)
            left -= fit.fields.keys()
    if not left and len(chosen) > 1:
        fields = {name: value for fit in reversed(chosen) for name, value in fit.fields.items()}
        was = {name: value for fit in reversed(chosen) for name, value in fit.was.items()}
        yield _Fit(chosen[0].code, " ".join(fit.said for fit in chosen), fields, was)
    # What mends more comes first among equally sure ones.
    yield from sorted(fits, key=lambda fit: (SUREST.index(fit.code), -len(fit.fields)))


def _mended(fit: _Fit, each: Break, wrong: Side) -> Cause:
    what = "trade" if each.level == "trade" else "asset"
    mend: dict[str, object] = {"action": "replace", "side": wrong, what: each.subject}
    was = dict(fit.was) if each.level == "trade" else {}
    return Cause(fit.code, fit.said, mend | dict(fit.fields) | ({"was": was} if was else {}))


def _follows(one: tuple[Any, Any], other: tuple[Any, Any]) -> bool:
    """Whether two fields are wrong by the same factor, up to the rounding of a unit."""
    (a, b), (c, d) = one, other
    return b != 0 and abs(int(c) * int(b) - int(d) * int(a)) <= abs(int(b))


def _are_numbers(*values: object) -> bool:
    return all(isinstance(value, int) and not isinstance(value, bool) for value in values)


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value


def _title(name: str) -> str:
    return field_words(name).capitalize()


def _distance(one: str, other: str) -> int:
    """Letters to put in, leave out, change or swap with the next (optimal string alignment)."""
    if abs(len(one) - len(other)) > 2:
        return 3
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        older, before, row = before, row, [i]
        for j, b in enumerate(other, start=1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, older[j - 2] + 1)
            row.append(best)
    return row[-1]

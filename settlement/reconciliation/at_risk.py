"""From what differs to a break: which it is, and what it puts at risk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger.ids import parse_day_number
from ledger.units import exact_sum, mul_div_up
from settlement.reconciliation.entries import NO_DAY, NO_NUMBER, PRICE_DECIMALS, Entries
from settlement.reconciliation.model import Break, Kind, Level, Side
from settlement.reconciliation.trades import Difference

_NOTHING_AT_RISK = frozenset({Kind.TIME})
_BY_DIFFERENCE = ("quantity", "settlement_amount", "price", "commission", "levy")
"""Fields of which only the difference is at risk; of any other it is the whole amount."""


@dataclass(frozen=True, slots=True)
class Stated:
    """What a side says of one balance: opening + movements = closing. None is what it does not say."""

    opening: int | None = None
    movements: int | None = None
    closing: int | None = None

    def adds_up(self, explained: int = 0) -> bool:
        """Whether what is said comes to what it should, but for what is explained already."""
        if self.opening is None or self.movements is None or self.closing is None:
            return True
        return self.opening + self.movements - self.closing in (0, explained)


def trade_break(
    found: Difference, mine: Entries, theirs: Entries, *, institution: str, side: Side, exponent: int
) -> Break:
    """The break that a difference of trades is, `mine` being `side`'s entries and `theirs` the ledger's."""
    day, number = _first(found, mine, theirs)
    names = [_name(mine, theirs, row, there) for there, row in _rows(found)]
    subject = mine.name(found.mine[0]) if found.mine else names[0]
    candidates = [_name(mine, theirs, row, bool(found.mine)) for row in found.candidates]
    others = [name for name in dict.fromkeys([*candidates, *names]) if name != subject]
    numbers = {int(theirs.number[row]) for row in found.theirs} or ({number} - {NO_NUMBER})
    return Break(
        institution=institution,
        level="trade",
        kind=found.kind,
        subject=subject,
        fields={name: {side: here, "ledger": there} for name, (here, there) in found.fields.items()},
        value_at_risk=_at_risk(found, mine, theirs, exponent),
        trading_day=None if day == NO_DAY else parse_day_number(day),
        numbers=tuple(sorted(numbers)),
        lines=tuple(int(mine.line[row]) for row in found.mine),
        sides=(side, "ledger"),
        candidates=tuple(others),
    )


def balance_break(
    institution: str,
    level: Level,
    asset: str,
    here: Stated,
    there: Stated,
    *,
    side: Side = "book",
    explained: int = 0,
    expected: int | None = None,
    price: tuple[int, int] = (1, 1),
) -> Break | None:
    """The break that a balance is, None where it is none. `explained` is what differing trades account for
    (this side's less the ledger's), `expected` what the ledger's movements should be by what this side knows;
    `price` is amount and units of the asset's last trade, for what a unit is worth.
    """
    fields: dict[str, Mapping[Side, object]] = {}

    def differ(name: str, mine: int | None, theirs: int | None) -> None:
        fields[name] = {side: mine, "ledger": theirs}

    if here.opening is not None and here.opening != there.opening:
        differ("opening", here.opening, there.opening)
    moved = there.movements or 0
    if expected is not None and moved != expected:
        differ("movements", expected, moved)
    elif here.movements is not None and here.movements - moved not in (0, explained):
        differ("movements", here.movements, moved)
    closing = there.closing or 0
    off = 0 if here.closing is None else here.closing - closing
    if not there.adds_up() or off not in (0, explained):
        differ("closing", here.closing, there.closing)
    kind = Kind(next(iter(fields))) if fields else Kind.ARITHMETIC
    if not fields:
        if here.adds_up(explained):
            return None
        differ("closing", here.closing, (here.opening or 0) + (here.movements or 0))
    pairs = [(values[side], values["ledger"]) for values in fields.values()]
    units = max(abs(_number(mine) - _number(theirs)) for mine, theirs in pairs)
    amount, quantity = price if level == "position" else (1, 1)
    if level == "revenue":
        kind = Kind.SHARE if asset.startswith("share ") else Kind.FEE
    at_risk = mul_div_up(units, amount, quantity)
    return Break(institution, level, kind, asset, fields, at_risk, sides=(side, "ledger"))


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _rows(found: Difference) -> list[tuple[bool, int]]:
    """Each row, and whether it is the ledger's."""
    return [(True, row) for row in found.theirs] or [(False, row) for row in found.mine]


def _first(found: Difference, mine: Entries, theirs: Entries) -> tuple[int, int]:
    """Trading day and number, as the ledger has them where it does."""
    entries, rows = (theirs, found.theirs) if found.theirs else (mine, found.mine or found.candidates)
    return int(entries.day[rows[0]]), int(entries.number[rows[0]])


def _name(mine: Entries, theirs: Entries, row: int, there: bool) -> str:
    """A row's trade as the side that is held against the ledger would name it."""
    if not there:
        return mine.name(row)
    number, day = int(theirs.number[row]), int(theirs.day[row])
    return mine.naming.format(day=day, number=number, line=0)


def _at_risk(found: Difference, mine: Entries, theirs: Entries, exponent: int) -> int:
    if found.kind in _NOTHING_AT_RISK:
        return 0
    entries, rows = (theirs, found.theirs) if found.theirs else (mine, found.mine or found.candidates[:1])
    amount, quantity = _sum(entries.amount, rows), _sum(entries.quantity, rows)
    if found.kind is Kind.WRONG_SIDE:
        return 2 * amount
    if not set(found.fields) <= set(_BY_DIFFERENCE) or not (found.mine and found.theirs):
        return amount
    risks = [0]
    for name, (here, there) in found.fields.items():
        off = abs(_number(here) - _number(there))
        if name == "quantity":
            risks.append(mul_div_up(off, amount, quantity) if quantity else amount)
        elif name == "price":
            risks.append(mul_div_up(off, quantity, 10 ** (PRICE_DECIMALS - exponent)))
        else:
            risks.append(off)
    return max(risks)


def _sum(column: Sequence[int] | object, rows: Sequence[int]) -> int:
    return exact_sum([int(column[row]) for row in rows])  # type: ignore[index]

"""Breaks of one row whose fields differ: what each field can have that is wrong."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from planting.bed import Bed
from planting.market import MAPPED_FORMS, MARKET_FORMS, Form, Row, altered
from settlement.reconciliation.model import Kind

Alteration = Callable[[Bed, Row], dict[str, Any] | None]
"""What changes in a row, None where it cannot."""
UNLISTED = "XX0000000000"
STRANGERS: Mapping[Form, str] = {Form.NEPSE: "2", Form.CANONICAL: "Nowhere Brokers", Form.PARQUET: "Nobody"}
"""Counterparties that no market has."""


def swapped(chance: random.Random, value: int) -> int | None:
    """The number with two neighbouring digits exchanged, as a tired hand types it."""
    digits = str(value)
    places = [i for i in range(len(digits) - 1) if digits[i] != digits[i + 1] and (i or digits[1] != "0")]
    if not places:
        return None
    at = chance.choice(places)
    return int(digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :])


def next_day(day: int, days: int) -> int:
    """Another day of the month, so many after it or, where the month has none, before."""
    return day + days if 1 <= day % 100 + days <= 28 else day - days


def _one_unit(bed: Bed, row: Row) -> dict[str, Any] | None:
    return {"quantity": row.quantity + (bed.chance.choice([-1, 1]) if row.quantity > 1 else 1)}


def _swapped_quantity(bed: Bed, row: Row) -> dict[str, Any] | None:
    quantity = swapped(bed.chance, row.quantity)
    return {"quantity": quantity} if quantity else None


def _swapped_with_amount(bed: Bed, row: Row) -> dict[str, Any] | None:
    quantity = swapped(bed.chance, row.quantity)
    if not quantity or row.price * row.quantity != row.amount * 10_000:
        return None
    return {"quantity": quantity, "amount": row.price * quantity // 10_000}


def _one_minor(bed: Bed, row: Row) -> dict[str, Any] | None:
    return {"amount": row.amount + bed.chance.choice([-1, 1])}


def _swapped_amount(bed: Bed, row: Row) -> dict[str, Any] | None:
    amount = swapped(bed.chance, row.amount)
    return {"amount": amount} if amount else None


def _unit_of_price(bed: Bed, row: Row) -> dict[str, Any] | None:
    return {"price": row.price * 100}


def _tick_of_price(bed: Bed, row: Row) -> dict[str, Any] | None:
    return {"price": row.price + 10_000}


def _other_security(bed: Bed, row: Row) -> dict[str, Any] | None:
    return {"security": bed.chance.choice([code for code in bed.day.securities if code != row.security])}


def _unlisted(bed: Bed, row: Row) -> dict[str, Any] | None:
    return {"security": UNLISTED}


def _against(bed: Bed, row: Row, name: str) -> dict[str, Any]:
    return {"seller" if row.buyer == bed.owner else "buyer": name}


def _other_party(bed: Bed, row: Row) -> dict[str, Any] | None:
    names = [name for name in bed.day.brokers if name not in (row.buyer, row.seller)]
    return _against(bed, row, bed.chance.choice(names))


def _stranger(bed: Bed, row: Row) -> dict[str, Any] | None:
    return _against(bed, row, STRANGERS.get(bed.form, "Unheard Of & Sons"))


def _not_own(bed: Bed, row: Row) -> dict[str, Any] | None:
    """Another in the owner's place: a row that is not the owner's, under the number of its trade."""
    names = [name for name in bed.day.brokers if name not in (row.buyer, row.seller)]
    if row.buyer == row.seller:
        return None
    return {"buyer" if row.buyer == bed.owner else "seller": bed.chance.choice(names)}


def _wrong_side(bed: Bed, row: Row) -> dict[str, Any] | None:
    if row.buyer == row.seller:
        return None
    return {"buyer": row.seller, "seller": row.buyer}


def _currency(bed: Bed, row: Row) -> dict[str, Any] | None:
    return {"currency": "USD"}


def _another_day(bed: Bed, row: Row) -> dict[str, Any] | None:
    return {"day": next_day(row.day, bed.chance.choice([1, 2]))}


def _settled_early(bed: Bed, row: Row) -> dict[str, Any] | None:
    return {"settles": row.settles - 1}


def _settled_late(bed: Bed, row: Row) -> dict[str, Any] | None:
    return {"settles": row.settles + bed.chance.choice([1, 2])}


def _time(bed: Bed, row: Row) -> dict[str, Any] | None:
    return None if row.time is None else {"time": row.time - bed.chance.choice([1, 600])}


def _fee_one_minor(bed: Bed, row: Row) -> dict[str, Any] | None:
    return {"commission": row.commission + 1}


def _fee_twice(bed: Bed, row: Row) -> dict[str, Any] | None:
    return {"commission": row.commission * 2} if row.commission else None


ALL = frozenset(Form)
ALTERATIONS: Mapping[str, tuple[Kind, frozenset[Form], Alteration]] = {
    "quantity, one unit": (Kind.QUANTITY, ALL, _one_unit),
    "quantity, swapped digits": (Kind.QUANTITY, ALL, _swapped_quantity),
    "quantity and amount, swapped digits": (Kind.QUANTITY, ALL, _swapped_with_amount),
    "amount, one minor unit": (Kind.AMOUNT, ALL, _one_minor),
    "amount, swapped digits": (Kind.AMOUNT, ALL, _swapped_amount),
    "price, another unit": (Kind.PRICE, ALL, _unit_of_price),
    "price, a tick": (Kind.PRICE, ALL, _tick_of_price),
    "security, another": (Kind.SECURITY, ALL, _other_security),
    "security, unlisted": (Kind.SECURITY, ALL, _unlisted),
    "counterparty, another": (Kind.COUNTERPARTY, ALL, _other_party),
    "counterparty, unknown": (Kind.COUNTERPARTY, ALL, _stranger),
    "counterparty, not the owner's": (Kind.COUNTERPARTY, MARKET_FORMS, _not_own),
    "wrong side": (Kind.WRONG_SIDE, ALL, _wrong_side),
    "currency": (Kind.CURRENCY, MAPPED_FORMS, _currency),
    "date, trading day": (Kind.DATE, ALL, _another_day),
    "date, settled early": (Kind.DATE, MAPPED_FORMS, _settled_early),
    "late": (Kind.LATE, MAPPED_FORMS, _settled_late),
    "time": (Kind.TIME, MARKET_FORMS - {Form.NEPSE}, _time),
    "fee, one minor unit": (Kind.FEE, MAPPED_FORMS, _fee_one_minor),
    "fee, twice": (Kind.FEE, MAPPED_FORMS, _fee_twice),
}
_ALONE = {
    "date, trading day",
    "wrong side",
    "counterparty, not the owner's",
    "quantity and amount, swapped digits",
}
"""Not together with another on one trade: of several that differ it would be another trade, or more would
differ than leave one trade without a number recognisable."""


def alter(bed: Bed, plant: str) -> bool:
    """One alteration of one trade; whether there was a trade for it."""
    kind, _, change = ALTERATIONS[plant]
    row = bed.pick(lambda each: _changed(bed, each, [change]) is not None)
    return row is not None and _put(bed, row, plant, kind, [change])


def alter_twice(bed: Bed) -> bool:
    """Two alterations of one trade, which go by the name of the first in the order of kinds."""
    fit = [name for name, (_, forms, _) in ALTERATIONS.items() if bed.form in forms and name not in _ALONE]
    pairs = [(a, b) for a in fit for b in fit if ALTERATIONS[a][0] != ALTERATIONS[b][0] and a < b]
    pair = bed.chance.choice([each for each in pairs if _recognisable(bed, *each)])
    changes = [ALTERATIONS[name][2] for name in pair]
    row = bed.pick(lambda each: _changed(bed, each, changes) is not None)
    kinds = list(Kind)
    kind = min((ALTERATIONS[name][0] for name in pair), key=kinds.index)
    return row is not None and _put(bed, row, " + ".join(pair), kind, changes)


def _recognisable(bed: Bed, a: str, b: str) -> bool:
    """Whether a trade with both is still that trade: a settlement date has one wrong value, and without a
    number nothing speaks for a row whose quantity and amount are wrong apart from each other.
    """
    kinds = {ALTERATIONS[a][0], ALTERATIONS[b][0]}
    return kinds != {Kind.DATE, Kind.LATE} and (bed.numbered or kinds != {Kind.QUANTITY, Kind.AMOUNT})


def _changed(bed: Bed, row: Row, changes: list[Alteration]) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    for change in changes:
        some = change(bed, row)
        if some is None or any(getattr(row, name) == value for name, value in some.items()):
            return None
        found |= some
    return found


def _put(bed: Bed, row: Row, plant: str, kind: Kind, changes: list[Alteration]) -> bool:
    """Alter the row, unless what it becomes resembles something else."""
    for _ in range(20):
        changed = _changed(bed, row, changes)
        if changed is None:
            continue
        wrong = altered(row, **changed)
        if bed.free(wrong) and not bed.twins(wrong):
            break
    else:
        return False
    mine, theirs = wrong.values(), row.values()
    fields = {name: (mine[name], theirs[name]) for name in mine if mine[name] != theirs[name]}
    bed.replace([row], [wrong])
    bed.planted(plant, kind, [wrong], [row], fields)
    return True

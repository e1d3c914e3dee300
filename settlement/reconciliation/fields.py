"""In which fields an entry of one side differs from one of the other: for columns at once, and for two rows.

Both say the same; the columns only whether anything differs, so that of millions of rows those that agree
never become objects. A field that either side does not say (`price`, `currency`, `time`, `settlement_date`,
a charge) cannot differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ledger.units import TIME_UNKNOWN, Column
from settlement.reconciliation.entries import NO_DAY
from settlement.reconciliation.model import NAMED, Kind
from settlement.reconciliation.sides import Both, Row, Where

Mask = npt.NDArray[np.bool_]
Fields = dict[str, tuple[object, object]]
_ORDER = {kind: place for place, kind in enumerate(Kind)}


def differ(both: Both, here: Where, there: Where) -> Mask:
    """Whether rows `here` of mine differ from the rows `there` of theirs, one to one, beyond tolerance."""
    mine, theirs, may = both.mine, both.theirs, both.tolerances
    a, b = mine.entries, theirs.entries
    off: Mask = mine.security(here) != theirs.security(there)
    off |= _party(both, mine.buyer(here), theirs.buyer(there))
    off |= _party(both, mine.seller(here), theirs.seller(there))
    off |= a.day[here] != b.day[there]
    off |= _known(mine.currency(here), theirs.currency(there), -1)
    off |= _known(a.settles[here], b.settles[there], NO_DAY)
    off |= beyond(a.quantity[here], b.quantity[there], may.quantity)
    off |= beyond(a.amount[here], b.amount[there], may.amount)
    time, its = a.time[here].astype(np.int64), b.time[there].astype(np.int64)
    off |= beyond(time, its, may.time) & (time != TIME_UNKNOWN) & (its != TIME_UNKNOWN)
    price, its = a.price[here], b.price[there]
    off |= beyond(price, its, may.price) & (price >= 0).astype(bool) & (its >= 0).astype(bool)
    for column, other, most in (
        (a.commission, b.commission, may.commission),
        (a.levy, b.levy, may.levy),
    ):
        if column is not None and other is not None:
            off |= beyond(column[here], other[there], most)
    return off


def beyond(column: Column, other: Column, most: int) -> Mask:
    """Whether values differ by more than `most`, exactly: where they differ at all, in Python integers."""
    off: Mask = (column != other).astype(bool)
    if most and off.any():
        rows = np.flatnonzero(off)
        apart = column[rows].astype(object) - other[rows].astype(object)
        off[rows] = (np.abs(apart) > most).astype(bool)
    return off


def _party(both: Both, mine: npt.NDArray[np.int32], theirs: npt.NDArray[np.int32]) -> Mask:
    off: Mask = mine != theirs
    return off if both.names_both else off & (mine >= 0)


def _known(mine: npt.NDArray[np.int32], theirs: npt.NDArray[np.int32], unsaid: int) -> Mask:
    off: Mask = (mine != theirs) & (mine != unsaid) & (theirs != unsaid)
    return off


def differing(both: Both, mine: Row, theirs: Row) -> tuple[str, ...]:
    """The fields in which two rows differ beyond tolerance, in the order of `model.NAMED`."""
    may = both.tolerances
    off = []
    if mine.currency != theirs.currency and mine.currency >= 0 and theirs.currency >= 0:
        off.append("currency")
    if mine.security != theirs.security:
        off.append("security")
    for name, party, its in (("buyer", mine.buyer, theirs.buyer), ("seller", mine.seller, theirs.seller)):
        if party != its and (both.names_both or party >= 0):
            off.append(name)
    if abs(mine.quantity - theirs.quantity) > may.quantity:
        off.append("quantity")
    if abs(mine.amount - theirs.amount) > may.amount:
        off.append("settlement_amount")
    if mine.price >= 0 and theirs.price >= 0 and abs(mine.price - theirs.price) > may.price:
        off.append("price")
    if mine.day != theirs.day:
        off.append("trading_day")
    if mine.settles != theirs.settles and mine.settles != NO_DAY and theirs.settles != NO_DAY:
        off.append("settlement_date")
    known = mine.time != TIME_UNKNOWN and theirs.time != TIME_UNKNOWN
    if known and abs(mine.time - theirs.time) > may.time:
        off.append("time")
    for name, charge, other, most in (
        ("commission", mine.commission, theirs.commission, may.commission),
        ("levy", mine.levy, theirs.levy, may.levy),
    ):
        if charge is not None and other is not None and abs(charge - other) > most:
            off.append(name)
    return tuple(off)


def values_of(both: Both, mine: Row | None, theirs: Row | None, names: Sequence[str]) -> Fields:
    """Both sides' values of some fields, None where a side is missing or does not say."""
    here = {} if mine is None else both.values(mine)
    there = {} if theirs is None else both.values(theirs)
    return {name: (here.get(name), there.get(name)) for name in names}


def said(both: Both, row: Row, *, is_mine: bool) -> Fields:
    """All that a row says, where the other side has nothing."""
    values = both.values(row)
    return {name: (value, None) if is_mine else (None, value) for name, value in values.items()}


def sums(both: Both, mine: Sequence[Row], theirs: Sequence[Row]) -> Fields:
    """Of several rows: the sums of quantity and amount, even where they agree, and the other fields in which
    each side is of one mind and the sides differ.
    """
    found: Fields = {
        "quantity": (sum(row.quantity for row in mine), sum(row.quantity for row in theirs)),
        "settlement_amount": (sum(row.amount for row in mine), sum(row.amount for row in theirs)),
    }
    here, there = _agreed(both, mine), _agreed(both, theirs)
    for name in ("currency", "security", "buyer", "seller", "trading_day", "settlement_date"):
        if name in here and name in there and here[name] != there[name]:
            found[name] = here[name], there[name]
    return {name: found[name] for name in NAMED if name in found}


def _agreed(both: Both, rows: Sequence[Row]) -> Mapping[str, object]:
    said = [both.values(row) for row in rows]
    return {name: value for name, value in said[0].items() if all(each.get(name) == value for each in said)}


def _side(owner: int, row: Row) -> str:
    """What the owner does in it; nothing of a self-trade, or where it is no party."""
    if (row.buyer == owner) == (row.seller == owner):
        return ""
    return "buys" if row.buyer == owner else "sells"


def exchanged(mine: Row, theirs: Row) -> bool:
    """Whether one side has bought what the other has sold: by its parties, or by the sign."""
    swapped = mine.buyer == theirs.seller and mine.seller == theirs.buyer and mine.buyer != mine.seller
    return swapped or (mine.quantity == -theirs.quantity and mine.quantity != 0)


def kind_of(both: Both, mine: Row, theirs: Row, names: Sequence[str]) -> Kind:
    """What two rows that differ in these fields are called: the first in the order of `Kind`."""
    kinds = {NAMED[name] for name in names}
    turned = {_side(both.owner, mine), _side(both.owner, theirs)} == {"buys", "sells"}
    if kinds & {Kind.COUNTERPARTY, Kind.QUANTITY} and (turned or exchanged(mine, theirs)):
        kinds.add(Kind.WRONG_SIDE)
    if "settlement_date" in names and "trading_day" not in names and mine.settles > theirs.settles:
        kinds -= {Kind.DATE}
        kinds.add(Kind.LATE)
    return min(kinds, key=_ORDER.__getitem__)

"""Every kind of break that a book of trades can have, and how it is planted."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from planting.bed import Bed, Book
from planting.fields import ALL, ALTERATIONS, alter, alter_twice, swapped
from planting.market import MAPPED_FORMS, Day, Form, Row, altered
from planting.writing import write
from settlement.reconciliation.model import Kind

NUMBERED = ALL - {Form.UNNUMBERED}
LEAST = 30
"""Trades of an institution in whose book breaks are planted."""


def _missing_here(bed: Bed) -> bool:
    row = bed.pick()
    if row is None:
        return False
    bed.replace([row], [])
    bed.planted("missing here", Kind.MISSING_HERE, [], [row])
    return True


def _missing_there(bed: Bed) -> bool:
    """A trade that never was; in half of the books under a number that others' trade has."""
    row = bed.pick()
    if row is None:
        return False
    owned = {each.number for each in bed.ledger}
    others = [each.number for each in bed.day.rows if each.number not in owned]
    number = bed.new_number()
    if others and not bed.whole and bed.chance.random() < 0.5:  # width of a coin
        number = bed.chance.choice(others)
    extra = altered(row, number=number, quantity=row.quantity * 3 + 1, amount=row.amount * 3 + 7)
    if not bed.free(extra) or bed.twins(extra):
        return False
    bed.replace([], [extra])
    bed.planted("missing there", Kind.MISSING_THERE, [extra], [])
    bed.rightly(row)
    return True


def _duplicate(bed: Bed) -> bool:
    """A row twice; but a book by sides may have a trade of its owner with itself bought and sold."""
    sided = bed.form in MAPPED_FORMS
    row = bed.pick(lambda each: not (sided and each.buyer == each.seller))
    if row is None:
        return False
    again = altered(row)
    bed.replace([], [again])
    bed.planted("duplicate", Kind.DUPLICATE, [again], [row] if bed.numbered else [])
    return True


def _duplicate_altered(bed: Bed) -> bool:
    """The number twice, once rightly and once with another quantity."""
    row = bed.pick(lambda each: bool(swapped(bed.chance, each.quantity)))
    if row is None:
        return False
    again = altered(row, quantity=row.quantity + bed.chance.choice([1, 10]))
    bed.replace([], [again])
    bed.planted("duplicate, altered", Kind.DUPLICATE, [again], [row])
    return True


def _number(bed: Bed) -> bool:
    row = bed.pick(lambda each: bed.twins(each) == 1)
    if row is None:
        return False
    wrong = altered(row, number=bed.new_number())
    bed.replace([row], [wrong])
    bed.planted("number", Kind.NUMBER, [wrong], [row], {"trade_number": (wrong.number, row.number)})
    return True


def _merged(bed: Bed, size: int) -> bool:
    """Several trades of one security, buyer, seller and price as one row with the number of one of them."""
    groups = [group for group in bed.groups(size) if len(group) < 12]
    if not groups:
        return False
    parts = bed.chance.sample(bed.chance.choice(groups), size)
    whole = altered(
        parts[0],
        quantity=sum(row.quantity for row in parts),
        amount=sum(row.amount for row in parts),
        commission=sum(row.commission for row in parts),
    )
    bed.replace(parts, [whole])
    bed.planted(f"merged, {size} trades", Kind.MERGED, [whole], parts)
    return True


def _halves(bed: Bed, row: Row, off: int) -> list[Row]:
    """Two rows of different quantity that come to the trade of at least ten units, or are so many off."""
    first = bed.chance.choice([1, 2, row.quantity // 3, row.quantity // 2 + 1])
    units = [first, row.quantity - first + off]
    amounts = [row.price * first // 10_000]
    fees = [row.commission * first // row.quantity]
    amounts.append(row.amount - amounts[0] + off * row.price // 10_000)
    fees.append(row.commission - fees[0])
    return [
        altered(row, quantity=unit, amount=amount, commission=fee)
        for unit, amount, fee in zip(units, amounts, fees, strict=True)
    ]


def _split_off(bed: Bed) -> bool:
    """The number twice, the parts one unit more or less than the trade."""
    row = bed.pick(lambda each: each.quantity >= 10)
    if row is None:
        return False
    parts = _halves(bed, row, bed.chance.choice([-1, 1]))
    if len({part.quantity for part in parts}) == 1:
        return False  # the same row twice is a duplicate
    if any(part.quantity >= row.quantity or part.amount <= 0 for part in parts):
        return False
    bed.replace([row], parts)
    bed.planted("split, parts off", Kind.SPLIT, parts, [row])
    return True


def _split_numbers(bed: Bed) -> bool:
    """Parts that come to the trade, one of them under a number that there is not."""
    row = bed.pick(lambda each: each.quantity >= 10)
    if row is None:
        return False
    first, second = _halves(bed, row, 0)
    second = altered(second, number=bed.new_number())
    bed.replace([row], [first, second])
    bed.planted("split, own numbers", Kind.SPLIT, [first, second], [row])
    return True


def _twin_missing(bed: Bed) -> bool:
    """One of two trades that say the same is missing, and nobody can tell which."""
    some = [row for row in bed.ledger if bed.twins(row) > 1 and not bed.touched(row)]
    if not some:
        return False
    row = bed.chance.choice(some)
    bed.replace([row], [])
    bed.planted("ambiguous, twin missing", Kind.AMBIGUOUS, [], bed.twins_of(row))
    return True


def _bought_and_sold(bed: Bed) -> bool:
    """A trade of the owner with itself, once for each side, each with its part of the commission."""
    row = bed.pick(lambda each: each.buyer == each.seller)
    if row is None:
        return False
    bed.replace([row], [altered(row, commission=row.commission // 2) for _ in "BS"])
    bed.rightly(row)
    return True


def _rightly_split(bed: Bed) -> bool:
    row = bed.pick(lambda each: each.quantity >= 10)
    if row is None:
        return False
    parts = _halves(bed, row, 0)
    if not bed.numbered and any(not bed.free(part) or bed.twins(part) for part in parts):
        return False
    bed.replace([row], parts)
    bed.rightly(row, *parts)
    return True


def _rightly_merged(bed: Bed) -> bool:
    groups = [group for group in bed.groups(2) if len(group) == 2]
    if not groups:
        return False
    parts = bed.chance.choice(groups)
    whole = altered(
        parts[0],
        quantity=sum(row.quantity for row in parts),
        amount=sum(row.amount for row in parts),
        commission=sum(row.commission for row in parts),
    )
    if not bed.free(whole) or bed.twins(whole):
        return False
    bed.replace(parts, [whole])
    bed.rightly(*parts, whole)
    return True


Plant = tuple[frozenset[Form], Callable[[Bed], bool]]
UNNUMBERED = frozenset({Form.UNNUMBERED})
PLANTS: Mapping[str, Plant] = {
    **{
        name: (forms, lambda bed, name=name: alter(bed, name))  # type: ignore[misc]
        for name, (_, forms, _) in ALTERATIONS.items()
    },
    **{f"two fields {times}": (ALL, alter_twice) for times in ("once", "again", "thrice")},
    "missing here": (ALL, _missing_here),
    "missing there": (ALL, _missing_there),
    "duplicate": (ALL, _duplicate),
    "duplicate, altered": (NUMBERED, _duplicate_altered),
    "number": (NUMBERED, _number),
    "merged, 2 trades": (NUMBERED, lambda bed: _merged(bed, 2)),
    "merged, 3 trades": (NUMBERED, lambda bed: _merged(bed, 3)),
    "split, parts off": (NUMBERED, _split_off),
    "split, own numbers": (NUMBERED, _split_numbers),
    "ambiguous, twin missing": (UNNUMBERED, _twin_missing),
}
"""By name: the forms of books in which it can be, and what plants it, if the book has a trade for it."""
DECOYS: Sequence[Plant] = (
    (ALL, _rightly_split),
    (UNNUMBERED, _rightly_merged),
    (MAPPED_FORMS, _bought_and_sold),
)
"""What looks wrong and is not."""


def forms_of(day: Day) -> list[Form]:
    """In which a book of this market's day may be."""
    nepse = day.format is Form.NEPSE
    own = [Form.NEPSE] if nepse else [Form.CANONICAL, Form.PARQUET]
    return [*own, Form.MAPPED, Form.UNNUMBERED]


def plant(day: Day, seed: int, *, only: Sequence[str] | None = None, form: Form | None = None) -> Book:
    """A book of one of the day's institutions with what the seed plants in it: one break, or up to a dozen
    together (five where trades have no numbers); `only` are the plants to choose from, each once.
    """
    chance = random.Random(seed)
    form = form or chance.choice(forms_of(day))
    owners = [name for name, rows in day.owners.items() if len(rows) >= LEAST]
    whole = form in (Form.NEPSE, Form.CANONICAL, Form.PARQUET) and chance.randrange(4) == 0
    bed = Bed(day, chance.choice(owners), form, chance, whole)
    for forms, decoy in DECOYS:
        if form in forms and chance.randrange(2):
            decoy(bed)
    names = [name for name in only or PLANTS if form in PLANTS[name][0]]
    if only is None:
        names = chance.sample(names, 1 if chance.randrange(3) == 0 else chance.randrange(2, 13))
        names = names[:5] if form is Form.UNNUMBERED else names
    for name in names:
        PLANTS[name][1](bed)
    rows = bed.written()
    files, main = write(form, rows, bed.owner)
    return Book(bed.owner, form, seed, files, main, bed.truth(rows), bed.decoys)

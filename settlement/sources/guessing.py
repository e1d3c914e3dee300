"""Which column of a table is which field, by its name and by what stands in it, and how sure that is.

Nothing that is proposed is used before somebody has read it: it is a YAML file to be looked at. What has two
readings that the cells do not decide (a date's day and month, whole numbers that may be minor units) is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import NamedTuple

from settlement.sources import Context
from settlement.sources.evidence import DIGITS, WRITINGS, Cells, Values
from settlement.sources.mapping_checks import DATES, FIELDS, MONEY
from settlement.sources.synonyms import named
from settlement.sources.words import day_reader

CERTAIN, LIKELY, LEAST = 100, 75, 50
"""Percent: proved by arithmetic; proved but for the unit; below the last nothing is proposed."""
_INTERCHANGEABLE = frozenset(("buyer", "seller", "trade_number", *DATES))
"""Fields whose cells look like those of another field."""
_LOTS = (1, 10, 100, 1000)
_MOST_COLUMNS = 12
"""Of numbers, among which products are looked for."""
_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "trades": ("security", "quantity", "settlement_amount"),
    "positions": ("asset", "closing"),
    "cash": (),
    "revenue": ("line", "closing"),
}


class Guess(NamedTuple):
    """A field and the column it may be in; "" and 0 where none was found."""

    field: str
    column: str
    sure: int
    """Whole percent."""
    why: str


@dataclass(frozen=True, slots=True)
class Product:
    """Columns of which one times another is the third, in every row."""

    quantity: str
    price: str
    amount: str
    lot: int
    minor: bool
    """Whether the amount is in minor units of what the price is in currency units."""
    share: int
    """Percent of the rows in which it holds."""
    decided: bool
    """Whether decimals show the unit of the amount, which could otherwise be another with other lots."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Everything that was found out about a table."""

    level: str
    guesses: list[Guess]
    decimal: str
    thousands: str
    cells: Mapping[str, Cells]
    numbers: Mapping[str, Values]
    product: Product | None

    def of(self, field: str) -> str:
        """The column that is proposed for a field, "" for none."""
        return next((guess.column for guess in self.guesses if guess.field == field), "")


def propose(cells: Sequence[Cells], context: Context) -> Proposal:
    """The most that the cells of a table say; it has rows."""
    by_name = {each.column: each for each in cells}
    best: tuple[int, Proposal] | None = None
    for decimal, thousands in WRITINGS:
        read = {each.column: each.numbers(decimal, thousands) for each in cells}
        numbers = {column: values for column, values in read.items() if values is not None}
        pointed = frozenset(name for name in numbers if any(decimal in text for text in by_name[name].given))
        product = _product(numbers, pointed, context)
        for level in FIELDS:
            guesses = _assign(level, cells, numbers, product if level == "trades" else None, context)
            score = sum(guess.sure for guess in guesses) + 20 * len(numbers) - 200 * _lacking(level, guesses)
            score += 500 if level == "trades" and product else 0
            if best is None or score > best[0]:
                best = score, Proposal(level, guesses, decimal, thousands, by_name, numbers, product)
    assert best is not None
    return best[1]


def _lacking(level: str, guesses: Sequence[Guess]) -> int:
    """How many fields were not found without which the level means nothing."""
    fields = {guess.field for guess in guesses if guess.column}
    if level == "cash":
        return int(not fields & {"closing", "amount"}) + int("currency" not in fields)
    return sum(field not in fields for field in _REQUIRED[level])


def _assign(
    level: str,
    cells: Sequence[Cells],
    numbers: Mapping[str, Values],
    product: Product | None,
    context: Context,
) -> list[Guess]:
    """Each field of a level with the column that is likeliest, each column once."""
    candidates = [
        guess
        for field in FIELDS[level]
        for each in cells
        if (guess := _judge(level, field, each, numbers, context)).sure >= LEAST
    ]
    if product is not None:
        where = "every row" if product.share == CERTAIN else f"{product.share} % of the rows"
        why = f"{product.quantity} × {product.price} = {product.amount} in {where}"
        money = product.share if product.decided else LIKELY
        proved = [
            Guess("quantity", product.quantity, product.share, why),
            Guess("price", product.price, money, why),
            Guess("settlement_amount", product.amount, money, why),
        ]
        candidates = [each for each in candidates if each.field not in {guess.field for guess in proved}]
        candidates = [each for each in candidates if each.column not in {guess.column for guess in proved}]
        candidates += proved
    taken: dict[str, Guess] = {}
    used: set[str] = set()
    for guess in sorted(candidates, key=lambda each: -each.sure):
        if guess.field in taken or guess.column in used or _excluded(guess.field, taken):
            continue
        rivals = [
            each.column
            for each in candidates
            if (each.field, each.sure) == (guess.field, guess.sure)
            and each.column not in {*used, guess.column}
        ]
        if rivals:
            said = f"{guess.why}; so has {rivals[0]!r}"
            guess = guess._replace(sure=guess.sure // 2, why=said)
        taken[guess.field] = guess
        used.add(guess.column)
        both = next((each for each in cells if each.column == guess.column and each.contracts), None)
        if guess.field == "trade_number" and both is not None and "trading_day" not in taken:
            why = "its first eight digits are a day"
            taken["trading_day"] = Guess("trading_day", guess.column, guess.sure, why)
    return [taken.get(field) or Guess(field, "", 0, "no column looks like it") for field in FIELDS[level]]


def _excluded(field: str, taken: Mapping[str, Guess]) -> bool:
    """Whether a field has no place beside those that are taken."""
    ways = ({"buyer", "seller"}, {"side", "counterparty"}), ({"payer", "party"}, {"line"})
    for one, other in (*ways, *((b, a) for a, b in ways)):
        if field in one and other & set(taken):
            return True
    balances = {"opening", "movements", "closing"}
    return (field == "amount" and bool(balances & set(taken))) or (field in balances and "amount" in taken)


def _judge(level: str, field: str, cells: Cells, numbers: Mapping[str, Values], context: Context) -> Guess:
    """How sure it is that a column is a field."""
    name = named(field, cells.column)
    content, why = _content(level, field, cells, numbers, context)
    if content == 0 or (content == 1 and name == 0):
        return Guess(field, cells.column, 0, why)
    sure = {(2, 2): 98, (2, 1): 90, (1, 2): 88, (1, 1): 65, (0, 2): 70}[name, content]
    said = {2: "it is called so", 1: "it is called something like it", 0: ""}[name]
    if content == 2 and name == 0 and field in _INTERCHANGEABLE:
        sure = LEAST
    return Guess(field, cells.column, sure, " and ".join(part for part in (said, why) if part))


def _content(
    level: str, field: str, cells: Cells, numbers: Mapping[str, Values], context: Context
) -> tuple[int, str]:
    """2: what stands in the cells speaks for the field, 1: nothing against it, 0: it cannot be."""
    if field in DATES:
        if field == "trading_day" and cells.contracts:
            return 0, ""
        forms = cells.day_forms
        known = f"its cells are days as {forms[0]}" if len(forms) == 1 else "its cells are days, two ways"
        return (0, "") if not forms else (2 if len(forms) == 1 else 1, known)
    if field == "time":
        return (2, f"its cells are times as {cells.time_forms[0]}") if cells.time_forms else (0, "")
    if field == "side":
        return (2, "its cells say buy and sell") if cells.sides else (0, "")
    if field == "currency":
        return (2, "its cells are currencies") if cells.currencies else (0, "")
    if field in ("security", "asset"):
        share = cells.known(context.securities)
        if share >= LEAST or cells.isins:
            return 2, f"{share} % of its cells are known securities" if share else "its cells are ISINs"
        return (0, "") if cells.day_forms or cells.currencies or cells.sides else (1, "")
    if field in ("buyer", "seller", "counterparty", "holder", "payer", "party"):
        share = cells.known(context.institutions)
        if share >= LEAST:
            return 2, f"{share} % of its cells are known institutions"
        return (0, "") if cells.day_forms or cells.isins or cells.currencies else (1, "")
    if field == "trade_number":
        numbered = cells.contracts or (cells.prefix is not None and cells.distinct)
        return (2, "its cells are numbers, each once") if numbered else (int(cells.prefix is not None), "")
    if field == "quantity" or (level == "positions" and field in MONEY):
        values = numbers.get(cells.column)
        whole = values is not None and not any((value or 0) % 10**DIGITS for value in values)
        return (int(whole and not cells.contracts), "its cells are whole numbers" if whole else "")
    if field in MONEY:
        return (int(cells.column in numbers and not cells.contracts), "its cells are numbers")
    return 1, ""


def _product(numbers: Mapping[str, Values], pointed: frozenset[str], context: Context) -> Product | None:
    """Three columns of which the first times the second is the third; of several the best named. Those in
    `pointed` are written with decimals.
    """
    found = sorted(
        _products(numbers, pointed, context),
        key=lambda each: (-each.share, -_names(each), *_simplest(each), each.quantity, each.price),
    )
    return found[0] if found else None


def _simplest(product: Product) -> tuple[int, bool]:
    """What is likelier comes first: units rather than lots, unless the column is called after them."""
    lots = "lot" in product.quantity.casefold()
    return (-product.lot if lots else product.lot, product.minor)


def _names(product: Product) -> int:
    return (
        named("quantity", product.quantity)
        + named("price", product.price)
        + named("settlement_amount", product.amount)
    )


def _products(numbers: Mapping[str, Values], pointed: frozenset[str], context: Context) -> Iterator[Product]:
    """All such columns; rows in which one of the three is no number are left out."""
    one = 10**DIGITS
    varied = [name for name, values in numbers.items() if len(set(values)) > 1 or len(values) < 3]
    for names in permutations(varied[:_MOST_COLUMNS], 3):
        counts, prices, amounts = (numbers[name] for name in names)
        rows = [
            (abs(q), abs(p), abs(a))
            for q, p, a in zip(counts, prices, amounts, strict=True)
            if q is not None and p is not None and a is not None
        ]
        if not rows or any(q % one for q, _, _ in rows) or all(q == a or not p for q, p, a in rows):
            continue
        _, price, amount = names
        for lot in _LOTS:
            for minor in (False,) if amount in pointed else (False, True):
                up = lot * 10**context.exponent if minor else lot
                share = 100 * sum(q * p * up == a * one for q, p, a in rows) // len(rows)
                if share >= 90:
                    decided = amount in pointed or (price in pointed and lot == 1 and not minor)
                    yield Product(*names, lot, minor, share, decided)


def undecided(proposal: Proposal, context: Context) -> list[str]:
    """What the cells leave open, a sentence each."""
    said = []
    for field in DATES:
        column = proposal.of(field)
        if column and len(forms := days_of(proposal, field, context)) > 1:
            said.append(f"{field}: {column!r} reads as {' or as '.join(forms)}; write date_format")
    amounts = [proposal.of(field) for field in MONEY if field != "price" and proposal.of(field)]
    values = [value or 0 for column in amounts for value in proposal.numbers.get(column, ())]
    minor = proposal.product is not None and proposal.product.minor
    if amounts and not minor and proposal.level != "positions" and not any(v % 10**DIGITS for v in values):
        said.append("the amounts have no decimals: they may be minor units (unit: minor)")
    return said


def days_of(proposal: Proposal, field: str, context: Context) -> list[str]:
    """The forms that a column of days has; where one of several makes all of them the day asked for, it."""
    cells = proposal.cells[proposal.of(field)]
    if cells.contracts:
        return ["YYYYMMDD"]
    forms = cells.day_forms
    if len(forms) > 1 and context.day:
        right = [
            form for form in forms if all(day_reader(form)(text)[0] == context.day for text in cells.given)
        ]
        forms = right if len(right) == 1 else forms
    return forms

"""Breaks of balances: positions, cash and revenue with one unit off, in an institution's table or in a
statement.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from planting.bed import Book, Planted
from planting.market import Form, money_text
from planting.statements import Cash, camt_053, entry_name, semt_002
from planting.writing import MAPPING_FILE, figures_mapping, text
from settlement.reconciliation.model import Kind, Level

LEVELS = {"position": "positions", "cash": "cash", "revenue": "revenue"}
"""Of figures, and as mappings call them."""
PARTS = (Kind.OPENING, Kind.MOVEMENTS, Kind.CLOSING)


@dataclass(frozen=True, slots=True)
class Figure:
    """What a holder has of an asset: whole units of a security, minor units of a currency or of revenue."""

    level: Level
    holder: str
    asset: str
    opening: int
    movements: int
    closing: int


def plant_table(figures: Sequence[Figure], owner: str, seed: int) -> Book:
    """The owner's own table of one level's figures, one of them a unit off: its opening, movements or closing
    alone, or its opening and closing together, which still add up.
    """
    chance = random.Random(seed)
    own = [each for each in figures if each.holder == owner]
    wrong = chance.choice(own)
    unit = chance.choice([-1, 1])
    part = chance.choice(PARTS)
    parts = (Kind.OPENING, Kind.CLOSING) if part is Kind.OPENING and chance.randrange(2) else (part,)
    off = _off(wrong, dict.fromkeys(parts, unit))
    rows = [off if each is wrong else each for each in own]
    chance.shuffle(rows)
    table = [["Level", "Asset", "Opened", "Moved", "Closed"]]
    for each in rows:
        values = (each.opening, each.movements, each.closing)
        show = str if each.level == "position" else money_text
        table.append([each.level, each.asset, *(show(value) for value in values)])
    files = {"book.csv": text(table, ";"), MAPPING_FILE: figures_mapping(LEVELS[wrong.level]).encode()}
    return Book(owner, Form.MAPPED, seed, files, MAPPING_FILE, (_planted(wrong, off, part),))


def plant_camt(figures: Sequence[Figure], day: int, currency: str, seed: int) -> Book:
    """A bank's statement of all holders of cash, what moved on the day as one entry each, in which one
    balance or one entry is a minor unit off.
    """
    chance = random.Random(seed)
    cash = [each for each in figures if each.level == "cash" and each.asset == currency]
    wrong = chance.choice([each for each in cash if each.movements])
    part = chance.choice(PARTS)
    off = _off(wrong, {part: chance.choice([-1, 1])})
    accounts = []
    for each in cash:
        said = off if each is wrong else each
        entries = [said.movements] if said.movements else []
        accounts.append(Cash(each.holder, said.opening, entries, said.closing))
    files = {"statement.xml": camt_053(day, currency, accounts)}
    planted = _planted(wrong, off, part)
    if part is Kind.MOVEMENTS:
        entry = entry_name(cash.index(wrong) + 1, 1)
        fields = {"movement": (off.movements, wrong.movements)}
        planted = replace(
            planted,
            kind=Kind.AMOUNT,
            subject=entry,
            names=frozenset({entry, f"entry {entry}"}),
            fields=fields,
        )
    return Book("", Form.MAPPED, seed, files, "statement.xml", (planted,))


def plant_semt(figures: Sequence[Figure], day: int, holder: str, seed: int) -> Book:
    """A custodian's statement of one holder's securities, one of them a unit off."""
    chance = random.Random(seed)
    held = [each for each in figures if each.level == "position" and each.holder == holder]
    wrong = chance.choice(held)
    off = _off(wrong, {Kind.CLOSING: chance.choice([-1, 1])})
    holdings = [(each.asset, (off if each is wrong else each).closing) for each in held]
    chance.shuffle(holdings)
    files = {"statement.xml": semt_002(day, holder, holdings)}
    return Book(holder, Form.MAPPED, seed, files, "statement.xml", (_planted(wrong, off, Kind.CLOSING),))


def _off(figure: Figure, by: dict[Kind, int]) -> Figure:
    return replace(figure, **{str(kind): getattr(figure, kind) + unit for kind, unit in by.items()})


def _planted(right: Figure, wrong: Figure, kind: Kind) -> Planted:
    fields = {
        str(part): (getattr(wrong, part), getattr(right, part))
        for part in PARTS
        if getattr(wrong, part) != getattr(right, part)
    }
    if right.level == "revenue":
        kind = Kind.SHARE if right.asset.startswith("share ") else Kind.FEE
    names = frozenset({right.asset})
    return Planted(right.holder, right.level, kind, right.asset, names, fields, f"{right.level}, {kind}")

"""Results of reconciliations made by hand and by seed, for its reports."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from settlement.reconciliation.model import Break, Cause, Compared, Kind, Level, Refused, Result, Values
from settlement.report.layout import Money
from settlement.report.reconciliation import Item, View

NPR = Money("NPR", 2)
DAY = date(2019, 11, 21)
MADE = datetime(2019, 11, 22, 6, 45, tzinfo=UTC)
HOSTILE = (
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://x","y")',
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    " =1+1",
    "\u3000＝1+1",
    "＝1+1",
    "<script>alert(1)</script>",
    '" onload="x',
    "</style><img src=x onerror=y>",
    "Quill \u202egnp.exe\u2069",
    "a\x1b]0;owned\x07\x00b",
    "two\nlines",
    "[bold]markup[/bold] \ud800",
    "Himalaya Securities and Investment Company of the Valley " * 4,
)
TRADE: dict[str, object] = {
    "security": "HBL",
    "quantity": 510,
    "settlement_amount": 27_642_000,
    "buyer": "Aldersgate",
    "seller": "Brightwell",
    "price": 542_000_000,
    "time": 40_530,
}
SOURCES = (
    {
        "source": "books/aldersgate-2019-11-21.csv",
        "side": "book",
        "institution": "Aldersgate",
        "format": "canonical",
        "rows": 412,
        "tolerances": {},
        "others": 31,
    },
    {
        "source": "books/brightwell.xml",
        "side": "book",
        "institution": "Brightwell",
        "format": "sese.025",
        "rows": 388,
        "tolerances": {"amount": 1, "time": 60},
    },
    {
        "source": "statements/bank-2019-11-21.xml",
        "side": "bank",
        "institution": None,
        "format": "camt.053",
        "rows": 1_204,
        "tolerances": {},
    },
)
COMPARED = Compared(books=2, trades=800, positions=96, cash=2, revenue=6, statements=1)


def two(book: object, ledger: object, **others: object) -> Values:
    """What the sides have of a field."""
    return {"book": book, "ledger": ledger, **others}  # type: ignore[dict-item]


def brk(kind: Kind, fields: dict[str, Values], at_risk: int, **given: Any) -> Break:
    """A break of a trade of Aldersgate, unless other things are given."""
    base = Break(
        "Aldersgate", "trade", kind, "20191121-10114", fields, at_risk, trading_day=DAY, lines=(np.int64(17),)
    )  # type: ignore[arg-type]
    return replace(base, **given)


def swapped() -> Break:
    """Digits of a quantity exchanged, and the amount with them."""
    cause = Cause(
        "swapped_digits",
        "510 is 150 with two digits exchanged; the amount follows from it.",
        {
            "action": "replace",
            "side": "book",
            "trade": "20191121-10114",
            "quantity": 150,
            "settlement_amount": 8_130_000,
            "was": {"quantity": 510, "settlement_amount": 27_642_000},
        },
    )
    fields = {"quantity": two(510, 150), "settlement_amount": two(27_642_000, 8_130_000)}
    return brk(Kind.QUANTITY, fields, 19_512_000, causes=(cause,))


def alone(side: str) -> Break:
    """A trade that one side has alone."""
    kind = Kind.MISSING_HERE if side == "ledger" else Kind.MISSING_THERE
    fields = {name: two(value, None) if side == "book" else two(None, value) for name, value in TRADE.items()}
    return brk(kind, fields, 27_642_000, subject="20191121-10120", lines=() if side == "ledger" else (20,))


def every_kind() -> list[Break]:
    """One of each, some on three sides."""
    bank = ("book", "ledger", "bank")
    return [
        swapped(),
        alone("ledger"),
        alone("book"),
        brk(Kind.AMBIGUOUS, {"quantity": two(100, None)}, 1_000_000, candidates=("line 4", "20191121-9")),
        brk(Kind.DUPLICATE, {"quantity": two(20, None)}, 980_000, lines=(31, 32)),
        brk(
            Kind.MERGED,
            {"quantity": two(300, 100), "settlement_amount": two(9_000_000, 3_000_000)},
            6_000_000,
        ),
        brk(Kind.SPLIT, {"quantity": two(90, 100)}, 300_000, lines=(5, 6, 7)),
        brk(Kind.NUMBER, {"trade_number": two(10141, 10114)}, 3_000_000),
        brk(Kind.CURRENCY, {"currency": two("INR", "NPR")}, 3_000_000),
        brk(Kind.SECURITY, {"security": two("NABIL", "NABILP")}, 4_500_000, institution="Brightwell"),
        brk(Kind.WRONG_SIDE, {"buyer": two("A", "B"), "seller": two("B", "A")}, 2 * 4_500_000),
        brk(
            Kind.COUNTERPARTY, {"seller": two("Brightwel", "Brightwell")}, 4_500_000, institution="Brightwell"
        ),
        brk(Kind.AMOUNT, {"settlement_amount": two(100_000_01, 100_000_00)}, 1),
        brk(Kind.PRICE, {"price": two(542_000_000, 542_500_000)}, 25_500),
        brk(Kind.DATE, {"trading_day": two(20191120, 20191121)}, 1_500_000),
        brk(Kind.LATE, {"settlement_date": two(20191122, 20191121)}, 1_500_000),
        brk(Kind.TIME, {"time": two(40_531, 40_530)}, 0),
        brk(Kind.FEE, {"commission": two(16_585, 14_927)}, 1_658, institution="Brightwell"),
        Break(
            "Brightwell",
            "cash",
            Kind.CLOSING,
            "NPR",
            {"closing": two(981_450_75, 981_455_75, bank=981_455_75)},
            500,
            sides=bank,  # type: ignore[arg-type]
            odd="book",
        ),
        Break("Aldersgate", "position", Kind.MOVEMENTS, "HBL", {"movements": two(-40, 60)}, 5_420_000),
        Break("Aldersgate", "position", Kind.OPENING, "NLIC", {"opening": two(2**64 - 1, 7)}, 2**80),
        Break(
            "Brightwell", "revenue", Kind.SHARE, "share Brightwell → Lantern", {"closing": two(3_00, 2_99)}, 1
        ),
        Break("Brightwell", "cash", Kind.ARITHMETIC, "NPR", {"closing": {"bank": 5, "ledger": 6}}, 1),
    ]


def view(breaks: Iterable[Break | Item] = (), **given: Any) -> View:
    """A report's input."""
    items = tuple(each if isinstance(each, Item) else Item(each) for each in breaks)
    base = View.of(
        Result((), (), COMPARED, sources=SOURCES),
        ledger="demo",
        head="0x" + "5e" * 32,
        block=1_204,
        scope="cycle 3",
        money=NPR,
        made=MADE,
    )
    return replace(base, breaks=items, **given)


def kept(found: Break, number: int, days: int, owner: str | None = "Maya", status: str = "open") -> Item:
    """A break that was first seen so many days before."""
    age = "today" if not days else "1 to 3 days" if days < 4 else "4 days and more"
    return Item(found, f"B{number}", status, MADE.date() - timedelta(days=days), age, owner)


def full() -> View:
    """A morning on which everything happened."""
    items = [kept(each, i, i % 6, "Maya" if i % 2 else None) for i, each in enumerate(every_kind())]
    items[3] = replace(items[3], status="proposed")
    refused = (
        Refused("books/cobalt.csv", 0, "", "", "no column of it is a trade's; give a mapping"),
        Refused("books/aldersgate-2019-11-21.csv", 40, "quantity", "5l0", "plain digits are wanted"),
    )
    pending = (Item(alone("ledger")), Item(replace(alone("ledger"), subject="20191121-10121")))
    return view(items, pending=pending, refused=refused, accepted=1, corrected=2)


def many(count: int, seed: int = 6, parties: int = 20) -> View:
    """So many breaks of so many institutions."""
    chance = random.Random(seed)
    kinds = [each for each in every_kind() if each.value_at_risk < 2**70]
    names = [f"Broker {place:02}" for place in range(1, parties + 1)]
    names[0] = "Himalaya Securities and Investment Company of the Valley Pvt. Ltd. " * 2
    items = []
    for number in range(count):
        found = chance.choice(kinds)
        owner = names[min(int(chance.expovariate(0.3)), parties - 1)]
        value = chance.randrange(1, 10 ** chance.randrange(3, 11)) if found.value_at_risk else 0
        subject = found.subject if found.level != "trade" else f"20191121-{number + 1}"
        found = replace(found, institution=owner, value_at_risk=value, subject=subject, lines=(number + 2,))
        items.append(kept(found, number, chance.choice((0, 0, 0, 1, 2, 5))))
    return view(items)


def hostile() -> View:
    """Every text that comes from elsewhere is an attack."""
    items = []
    for number, text in enumerate(HOSTILE):
        cause = Cause(
            "sign", text, {"action": "replace", "side": "book", "trade": text, text: 5, "security": text}
        )
        found = brk(
            Kind.SECURITY,
            {"security": two(text, "HBL"), "buyer": two(text, None)},
            1_000 + number,
            institution=text,
            subject=text,
            candidates=(text,),
            causes=(cause,),
        )
        items.append(Item(found, text, text, DAY, text, text))
    refused = tuple(Refused(text, 3, text, text, text) for text in HOSTILE)
    sources = tuple({"source": t, "side": "book", "institution": t, "format": t, "note": t} for t in HOSTILE)
    pending = tuple(replace(each, found=replace(each.found, kind=Kind.MISSING_HERE)) for each in items)
    given: dict[str, Any] = {"refused": refused, "sources": sources, "pending": pending}
    return view(items, **given, scope=HOSTILE[0], ledger=HOSTILE[10], head=HOSTILE[11])


LEVELS: tuple[Level, ...] = ("trade", "position", "cash", "revenue")

"""Random days, each from its seed: small markets with everything odd that a real one may have.

3 to 8 brokers, 1 to 9 securities (a storage slot of the register holds four), 1 to 60 trades with gaps
between their numbers, trades of a broker with itself, amounts and quantities near the limits of a record, any
tiers, levy and revenue shares that a scenario may have.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from tests.independent import PPM, Place, Rules, Trade, opening

BROKERS = tuple(f"B{i}" for i in range(1, 9))
SECURITIES = tuple(f"S{i}" for i in range(1, 10))
PARTIES = ("P1", "P2", "P3", "V", "R")
"""Who may receive revenue shares: partners, the venue, the regulator that receives the levy, too."""
DAY = "2019-11-21"
MAX_QUANTITY = 2**64 - 1
MAX_AMOUNT = 2**88 - 1
MAX_FLAT = 2**64 - 1
PAGE = 1 << 16


@dataclass(frozen=True)
class Case:
    """One day. `cover_ppm` of the cash is issued; of each place in `less` one unit less."""

    seed: int
    brokers: tuple[str, ...]
    rules: Rules
    trades: tuple[Trade, ...]
    cover_ppm: int
    less: tuple[Place, ...]

    @property
    def cover(self) -> Fraction:
        return Fraction(self.cover_ppm, PPM)

    @property
    def held(self) -> dict[Place, int]:
        """What brokers open with, zeros left out."""
        held = opening(self.rules, self.trades, self.cover)
        for place in self.less:
            held[place] -= 1
        return {place: amount for place, amount in held.items() if amount}

    def csv(self) -> bytes:
        """The day as a file in the canonical format."""
        lines = ["trade_no,trade_date,trade_time,buyer,seller,security,quantity,price,settlement_amount"]
        lines += [
            f"{t.number},{DAY},,{t.buyer},{t.seller},{t.security},"
            f"{t.quantity},{_money(t.amount // t.quantity)},{_money(t.amount)}"
            for t in self.trades
        ]
        return "\n".join([*lines, ""]).encode()


def case(seed: int) -> Case:
    """The day of a seed: the same in every run."""
    draw = random.Random(seed)
    brokers = BROKERS[: draw.randint(3, 8)]
    securities = draw.sample(SECURITIES, draw.randint(1, 9))
    trades = tuple(_within_limits(_trades(draw, brokers, securities)))
    rules = _rules(draw)
    cover_ppm = draw.choice((PPM, PPM, draw.randint(1, PPM), draw.randint(PPM // 2, PPM)))
    issued = sorted(p for p, n in opening(rules, trades, Fraction(cover_ppm, PPM)).items() if n)
    less = draw.sample(issued, min(len(issued), draw.choice((0, 0, 1, 1, 2, 5))))
    return Case(seed, brokers, rules, trades, cover_ppm, tuple(less))


def _rules(draw: random.Random) -> Rules:
    bounds = sorted(draw.sample(range(1, 10**7), draw.randint(0, 3)))
    if draw.random() < 0.1:
        bounds.append(draw.randint(2**60, MAX_AMOUNT - 1))
    tiers = tuple((bound, _rate(draw)) for bound in [*bounds, None])
    levy = draw.choice((0, 150, draw.randint(0, 5_000), draw.randint(0, PPM)))
    shares = _shares(draw)
    flats = tuple(
        draw.choice((0, 0, 0, 0, *(draw.randint(0, 5_000) for _ in range(5)), MAX_FLAT)) for _ in tiers
    )
    return Rules(tiers, levy, "R", shares, flats=flats, graduated=draw.random() < 0.5)


def _rate(draw: random.Random) -> int:
    return draw.choice((6_000, 5_500, 4_000, draw.randint(0, 20_000), draw.randint(0, PPM), 0, PPM))


def _shares(draw: random.Random) -> tuple[tuple[str, int], ...]:
    parties = draw.sample(PARTIES, draw.randint(0, len(PARTIES)))
    cuts = sorted(draw.sample(range(1, PPM), len(parties)))
    shares = [high - low for low, high in zip([0, *cuts], cuts, strict=False)]
    if shares and draw.random() < 0.3:
        shares[-1] = PPM - sum(shares[:-1])  # the whole commission is given away
    return tuple(zip(parties, shares, strict=True))


def _trades(draw: random.Random, brokers: tuple[str, ...], securities: list[str]) -> Iterator[Trade]:
    numbers = []
    number = draw.choice((0, 0, 1_000_000, 2**32 - 8 * PAGE))
    for _ in range(draw.randint(1, 60)):
        number += draw.choice((1, 1, 1, 2, 300)) + (PAGE if draw.random() < 0.01 else 0)
        numbers.append(number)
    wild = draw.random() < 0.15
    draw.shuffle(numbers)
    for number in numbers:
        buyer, seller = draw.choice(brokers), draw.choice(brokers)
        if draw.random() < 0.07:
            seller = buyer
        quantity, price = draw.choice((1, 10, 100, draw.randint(1, 5_000))), draw.randint(1, 100_000)
        if draw.random() < 0.1:
            quantity, price = 1, draw.randint(1, 300)  # so small that charges round to nothing
        if wild and draw.random() < 0.2:
            quantity = draw.choice((MAX_QUANTITY // draw.randint(1, 4), 1 << draw.randint(32, 63)))
            price = draw.randint(1, 1 << 20)
        elif wild and draw.random() < 0.2:
            quantity, price = 1, draw.choice((MAX_AMOUNT, draw.randint(2**80, MAX_AMOUNT)))
        yield Trade(number, buyer, seller, draw.choice(securities), quantity, quantity * price)


def _within_limits(trades: Iterator[Trade]) -> Iterator[Trade]:
    """Those whose quantities could be issued: a security has at most as many units as a record takes."""
    traded: dict[str, int] = {}
    for trade in trades:
        total = traded.get(trade.security, 0) + trade.quantity
        if total <= MAX_QUANTITY and trade.amount <= MAX_AMOUNT:
            traded[trade.security] = total
            yield trade


def _money(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"

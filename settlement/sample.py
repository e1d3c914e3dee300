"""A made-up trading day, the same bytes for the same seed on every Python.

The sizes are as uneven as real markets have them: a few brokers and securities make most trades,
quantities have a heavy tail, prices walk in ticks, trading is busiest at the open and the close,
about seven in a hundred trades have one broker on both sides, and trade numbers have gaps. Only
integers are drawn, from Mersenne Twister bits, so no platform's arithmetic or change of a library's
method can alter a byte.
"""

from __future__ import annotations

import datetime as dt
import random
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import accumulate
from typing import NamedTuple

from ledger.errors import InvalidValue
from ledger.units import MAX_TRADE_NO
from settlement.intake import canonical
from settlement.scenario import Scenario, load

TRADING_DAY = dt.date(2024, 3, 14)

_TICK_MINOR = 5
_OPEN_S, _CLOSE_S = 9 * 3600, 17 * 3600 + 30 * 60
_RUSH_S = 30 * 60
_SELF_TRADES_PPM = 70_000
_GAP_PPM = 20_000
_ODD_LOT_PPM = 100_000
_STEPS = (0, 0, 0, 0, 1, 1, -1, -1, 2, -2)
"""Ticks from the last price: mostly none or one."""


class SampleTrade(NamedTuple):
    """One generated trade; `price_minor` and the amount, its product with `quantity`, in minor units."""

    number: int
    time_s: int
    buyer: str
    seller: str
    security: str
    quantity: int
    price_minor: int

    @property
    def amount_minor(self) -> int:
        """The settlement amount."""
        return self.quantity * self.price_minor


Draw = Callable[[], int]
"""Draws an integer."""


class _Draw:
    """Integers from a seed, by rejection, so that each is equally likely and none depends on a library.

    All draws of one seed take from the same bits, in the order in which they are called.
    """

    def __init__(self, seed: int) -> None:
        if seed < 0:
            raise InvalidValue("seed", seed, "at least 0 is wanted")
        self._bits = random.Random(seed).getrandbits

    def below(self, bound: int) -> Draw:
        """Draws a number from 0 to `bound` - 1."""
        bits, width = self._bits, bound.bit_length()

        def draw() -> int:
            while (value := bits(width)) >= bound:
                pass
            return value

        return draw

    def weighted(self, totals: Sequence[int]) -> Draw:
        """Draws an index, as likely as its step in the running `totals`."""
        below, place = self.below(totals[-1]), bisect_right
        return lambda: place(totals, below())


def generate(
    seed: int, *, trades: int = 2000, scenario: Scenario | None = None, trading_day: dt.date = TRADING_DAY
) -> bytes:
    """A day's trade file in the `canonical` format, for the shipped sample scenario unless another is given.

    The scenario lists its securities and has at least two brokers and a currency of two decimals.
    """
    scenario = scenario or load("sample")
    lines = [canonical.of_exponent(scenario.exponent).form.header]
    for number, time_s, buyer, seller, security, quantity, price in _drawn(seed, trades, scenario):
        amount = quantity * price
        lines.append(
            f"{number},{trading_day},{_clock(time_s)},{buyer},{seller},{security},{quantity},"
            f"{price // 100}.{price % 100:02d},{amount // 100}.{amount % 100:02d}"
        )
    return ("\n".join(lines) + "\n").encode("ascii")


def generate_trades(seed: int, *, trades: int = 2000, scenario: Scenario) -> list[SampleTrade]:
    """The trades of `generate`, by rising number and time."""
    return [SampleTrade(*row) for row in _drawn(seed, trades, scenario)]


def _drawn(seed: int, trades: int, scenario: Scenario) -> Iterator[tuple[int, int, str, str, str, int, int]]:
    """The fields of each trade, in the order of SampleTrade."""
    brokers, securities = scenario.brokers, scenario.securities.codes
    _check(trades, scenario)
    draw = _Draw(seed)
    opening = draw.below(4_000)
    prices = [_TICK_MINOR * (100 + opening()) for _ in securities]
    ppm, gap, tick = draw.below(1_000_000), draw.below(3), draw.below(len(_STEPS))
    security_of, parties, quantity = (
        draw.weighted(_falling(len(securities))),
        _parties(draw, brokers),
        _quantity(draw),
    )
    number = 0
    time = _time(draw)
    for time_s in sorted([time() for _ in range(trades)]):
        number += 1
        if ppm() < _GAP_PPM:
            number += 1 + gap()
        security = security_of()
        price = prices[security] + _TICK_MINOR * _STEPS[tick()]
        prices[security] = price = max(_TICK_MINOR, price)
        buyer, seller = parties()
        yield number, time_s, buyer, seller, securities[security], quantity(), price


def _check(trades: int, scenario: Scenario) -> None:
    if not 0 <= trades <= MAX_TRADE_NO // 4:
        raise InvalidValue("number of trades", trades, f"from 0 to {MAX_TRADE_NO // 4:,} are wanted")
    if scenario.format != canonical.NAME or scenario.exponent != 2:
        raise InvalidValue("sample's scenario", scenario.name, "canonical and two decimals are wanted")
    if len(scenario.brokers) < 2 or not scenario.securities.codes:
        raise InvalidValue("sample's scenario", scenario.name, "two brokers and a listed security are wanted")
    if any(set(code) & {",", '"'} for code in (*scenario.brokers, *scenario.securities.codes)):
        raise InvalidValue("sample's scenario", scenario.name, "names without comma and quote are wanted")


@cache
def _clock(time_s: int) -> str:
    return f"{time_s // 3600:02d}:{time_s // 60 % 60:02d}:{time_s % 60:02d}"


def _falling(count: int) -> list[int]:
    """Running totals of weights that fall with the rank, the first twice the second (Zipf)."""
    return list(accumulate(1_000_000 // rank for rank in range(1, count + 1)))


def _time(draw: _Draw) -> Draw:
    """Draws seconds of the day: a quarter in the first half hour, a quarter in the last, else any time."""
    part_of, rush, any_time = draw.below(4), draw.below(_RUSH_S), draw.below(_CLOSE_S - _OPEN_S)

    def time() -> int:
        part = part_of()
        if part == 0:
            return _OPEN_S + rush()
        return _CLOSE_S - 1 - rush() if part == 1 else _OPEN_S + any_time()

    return time


def _parties(draw: _Draw, brokers: Sequence[str]) -> Callable[[], tuple[str, str]]:
    """Draws a buyer and a seller."""
    broker, ppm = draw.weighted(_falling(len(brokers))), draw.below(1_000_000)

    def parties() -> tuple[str, str]:
        buyer = seller = broker()
        if ppm() >= _SELF_TRADES_PPM:
            while (seller := broker()) == buyer:
                pass
        return brokers[buyer], brokers[seller]

    return parties


def _quantity(draw: _Draw) -> Draw:
    """Draws whole units: half of the trades small, each doubling half as likely, one in ten an odd lot."""
    coin, tens, ppm = draw.below(2), draw.below(10), draw.below(1_000_000)

    def quantity() -> int:
        doublings = 0
        while doublings < 10 and coin():
            doublings += 1
        units = 10 * (1 + tens()) << doublings
        return 1 + draw.below(units)() if ppm() < _ODD_LOT_PPM else units

    return quantity

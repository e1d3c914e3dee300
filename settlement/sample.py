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
from collections.abc import Sequence
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


class _Draw:
    """Integers from a seed, by rejection, so that each is equally likely and none depends on a library."""

    def __init__(self, seed: int) -> None:
        if seed < 0:
            raise InvalidValue("seed", seed, "at least 0 is wanted")
        self._bits = random.Random(seed).getrandbits

    def below(self, bound: int) -> int:
        """A number from 0 to `bound` - 1."""
        width = bound.bit_length()
        while (value := self._bits(width)) >= bound:
            pass
        return value

    def chance(self, ppm: int) -> bool:
        """True in `ppm` of a million cases."""
        return self.below(1_000_000) < ppm

    def weighted(self, totals: Sequence[int]) -> int:
        """An index, as likely as its step in the running `totals`."""
        return bisect_right(totals, self.below(totals[-1]))


def generate(
    seed: int, *, trades: int = 2000, scenario: Scenario | None = None, trading_day: dt.date = TRADING_DAY
) -> bytes:
    """A day's trade file in the `canonical` format, for the shipped sample scenario unless another is given.

    The scenario lists its securities and has at least two brokers and a currency of two decimals.
    """
    scenario = scenario or load("sample")
    lines = [canonical.of_exponent(scenario.exponent).form.header]
    for trade in generate_trades(seed, trades=trades, scenario=scenario):
        minutes, second = divmod(trade.time_s, 60)
        lines.append(
            f"{trade.number},{trading_day},{minutes // 60:02d}:{minutes % 60:02d}:{second:02d},"
            f"{trade.buyer},{trade.seller},{trade.security},{trade.quantity},"
            f"{_plain(trade.price_minor)},{_plain(trade.amount_minor)}"
        )
    return ("\n".join(lines) + "\n").encode("ascii")


def generate_trades(seed: int, *, trades: int = 2000, scenario: Scenario) -> list[SampleTrade]:
    """The trades of `generate`, by rising number and time."""
    brokers, securities = scenario.brokers, scenario.securities.codes
    _check(trades, scenario)
    draw = _Draw(seed)
    broker_weights, security_weights = _falling(len(brokers)), _falling(len(securities))
    prices = [_TICK_MINOR * (100 + draw.below(4_000)) for _ in securities]
    generated: list[SampleTrade] = []
    number = 0
    for time_s in sorted(_time(draw) for _ in range(trades)):
        number += 1 + (1 + draw.below(3) if draw.chance(_GAP_PPM) else 0)
        security = draw.weighted(security_weights)
        prices[security] = max(_TICK_MINOR, prices[security] + _TICK_MINOR * _step(draw))
        buyer, seller = _parties(draw, broker_weights)
        generated.append(
            SampleTrade(
                number,
                time_s,
                brokers[buyer],
                brokers[seller],
                securities[security],
                _quantity(draw),
                prices[security],
            )
        )
    return generated


def _check(trades: int, scenario: Scenario) -> None:
    if not 0 <= trades <= MAX_TRADE_NO // 4:
        raise InvalidValue("number of trades", trades, f"from 0 to {MAX_TRADE_NO // 4:,} are wanted")
    if scenario.format != canonical.NAME or scenario.exponent != 2:
        raise InvalidValue("sample's scenario", scenario.name, "canonical and two decimals are wanted")
    if len(scenario.brokers) < 2 or not scenario.securities.codes:
        raise InvalidValue("sample's scenario", scenario.name, "two brokers and a listed security are wanted")
    if any(set(code) & {",", '"'} for code in (*scenario.brokers, *scenario.securities.codes)):
        raise InvalidValue("sample's scenario", scenario.name, "names without comma and quote are wanted")


def _falling(count: int) -> list[int]:
    """Running totals of weights that fall with the rank, the first twice the second (Zipf)."""
    return list(accumulate(1_000_000 // rank for rank in range(1, count + 1)))


def _time(draw: _Draw) -> int:
    """Seconds of the day: a quarter in the first half hour, a quarter in the last, else any time."""
    part = draw.below(4)
    if part == 0:
        return _OPEN_S + draw.below(_RUSH_S)
    if part == 1:
        return _CLOSE_S - 1 - draw.below(_RUSH_S)
    return _OPEN_S + draw.below(_CLOSE_S - _OPEN_S)


def _step(draw: _Draw) -> int:
    """Ticks from the last price: mostly none or one."""
    return (0, 0, 0, 0, 1, 1, -1, -1, 2, -2)[draw.below(10)]


def _parties(draw: _Draw, weights: Sequence[int]) -> tuple[int, int]:
    buyer = draw.weighted(weights)
    if draw.chance(_SELF_TRADES_PPM):
        return buyer, buyer
    while (seller := draw.weighted(weights)) == buyer:
        pass
    return buyer, seller


def _quantity(draw: _Draw) -> int:
    """Whole units: half of the trades small, each doubling half as likely, one in ten an odd lot."""
    doublings = 0
    while doublings < 10 and draw.below(2):
        doublings += 1
    quantity = 10 * (1 + draw.below(10)) << doublings
    return 1 + draw.below(quantity) if draw.chance(100_000) else quantity


def _plain(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"

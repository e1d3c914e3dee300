"""What a fail costs: late-settlement penalties by the day, and the difference that closes a trade.

Written apart from the contract `Fails`, which computes the same; what differs stops the run. Values round
down, once, at the end of each formula, and what one side is charged the other is credited: nobody gains by
rounding.

A reference price is that of one unit, in millionths of a minor unit.
"""

from __future__ import annotations

from ledger.units import PPM

PRICE = 1_000_000
"""Parts of a minor unit that prices are in."""
YEAR_DAYS = 360
"""Of the overnight rate: actual/360, as the money market counts."""


def value(quantity: int, price: int) -> int:
    """What units are worth at a reference price, in minor units, rounded down."""
    return quantity * price // PRICE


def securities_penalty(quantity: int, price: int, rate_ppm: int) -> int:
    """A day's penalty, in minor units, where `quantity` units are short; the seller's to pay. The product is
    rounded down once, not the value first.
    """
    return quantity * price * rate_ppm // (PRICE * PPM)


def cash_penalty(amount: int, rate_ppm_per_year: int) -> int:
    """A day's penalty, in minor units, where `amount` minor units are short; the buyer's to pay."""
    return amount * rate_ppm_per_year // (YEAR_DAYS * PPM)


def difference(quantity: int, price: int, amount: int) -> int:
    """What replacing a trade costs the buyer at a reference price, in minor units; negative where it costs
    the seller.
    """
    return value(quantity, price) - amount

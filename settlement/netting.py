"""Netting: many obligations into few. Pure functions over the columns of a day.

An *obligation* is what a party must deliver or pay. Positions are signed from the party's side: what it
receives is positive, what it delivers or pays is negative.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ledger.units import Column, exact_add
from settlement.model import Trades


def net_quantities(trades: Trades) -> Column:
    """Net units of each security to each party: shape (parties, securities), signed."""
    shape = (len(trades.parties), len(trades.securities))
    net = exact_add(shape[0] * shape[1], _cell(trades.buyer, trades), trades.quantity)
    net = net - exact_add(shape[0] * shape[1], _cell(trades.seller, trades), trades.quantity)
    return net.reshape(shape)


def net_cash(trades: Trades) -> Column:
    """Net cash of the trades alone to each party, in minor units, signed: before commission and levy."""
    parties = len(trades.parties)
    cash: Column = exact_add(parties, trades.seller, trades.amount) - exact_add(
        parties, trades.buyer, trades.amount
    )
    return cash


def both_sides(trades: Trades, each: Column) -> Column:
    """What a charge on each side of each trade comes to for each party; a self-trade is charged twice."""
    parties = len(trades.parties)
    total: Column = exact_add(parties, trades.buyer, each) + exact_add(parties, trades.seller, each)
    return total


def owed(net: Column) -> int:
    """The sum of what those owe who owe on balance."""
    return -sum(int(value) for value in net.tolist() if value < 0)


def _cell(party: npt.NDArray[np.int32], trades: Trades) -> npt.NDArray[np.int64]:
    return party.astype(np.int64) * len(trades.securities) + trades.security

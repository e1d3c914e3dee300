"""What brokers lack for the trades that are pending: net, and no more than they do not hold yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from ledger.history import History, RecordedBatch
from ledger.records import Records
from ledger.units import PPM, Column, exact_add
from settlement import fees
from settlement.agreements.sharing import NOTHING
from settlement.agreements.standing import standing
from settlement.cycle import extent_of, next_block_at
from settlement.limits import Part, next_netting_set
from settlement.market import Market

Place = tuple[int, int]
"""(institution, asset), by the ledger's indexes."""
_ATTEMPTS = 8


def need(
    market: Market,
    history: History,
    held: Mapping[Place, int],
    cover_ppm: int,
    securities_ppm: int = PPM,
    now_s: int = 0,
) -> dict[tuple[str, str], int]:
    """What each broker lacks for all pending trades: (broker, asset) → units, or minor units of cash.

    Trades net within a netting set. Where the chain's limits make several of them, a broker can need more on
    the way than at the end; the most it needs at any point counts. What is due by agreements and could not be
    paid is needed, too. Of the cash, revenue shares and levy included, it is the part `cover_ppm`, of each
    security `securities_ppm`, rounded down. `now_s` is what
    time it is, chain seconds, where the newest block may be long ago.
    """
    names = {index: name for name, index in market.index.items()}
    codes = {index: code for code, index in market.asset.items()}
    cash = market.cash_asset
    there, found = dict(held), dict[Place, int]()
    for _ in range(_ATTEMPTS):
        sets = _netting_sets(market, history, there)
        taken = _most_taken(market, history, sets, now_s)
        more = {
            place: amount * (cover_ppm if place[1] == cash else securities_ppm) // PPM - there.get(place, 0)
            for place, amount in taken.items()
        }
        more = {place: amount for place, amount in more.items() if amount > 0}
        for place, amount in more.items():
            there[place] = there.get(place, 0) + amount
            found[place] = found.get(place, 0) + amount
        if len(sets) < 2 or not more:
            break  # else how much fits a set has changed, as what is issued fills slots
    return {(names[party], codes[asset]): amount for (party, asset), amount in found.items()}


def _netting_sets(market: Market, history: History, held: Mapping[Place, int]) -> list[list[Records]]:
    """The pending trades as they settle, if all do: one set, unless a transaction cannot carry them. Each set
    is planned with the securities that those before it leave.
    """
    rest = [part for batch in history.batches.values() if (part := _open(batch, history)).rows.any()]
    now, sets = dict(held), list[list[Records]]()
    while rest:
        parts, rest = next_netting_set(rest, now, extent_of(market, history), market.chain.limits)
        sets.append([part.batch.records.take(part.rows) for part in parts])
        for place, units in _securities_out(sets[-1]).items() if rest else ():
            now[place] = now.get(place, 0) - units
    return sets


def _open(batch: RecordedBatch, history: History) -> Part:
    """What of a batch may settle yet: of what has ended otherwise nothing is needed, and to who is suspended
    nothing can be issued.
    """
    out = list(history.suspended)
    barred = np.isin(batch.records.buyer, out) | np.isin(batch.records.seller, out)
    return Part(batch, ~batch.settled & ~batch.ended & ~barred)


def _most_taken(market: Market, history: History, sets: list[list[Records]], now_s: int) -> dict[Place, int]:
    """What the sets, one after the other, have taken from each broker when they have taken most."""
    schedule, cash = fees.VenueSchedule.of(market.scenario), market.cash_asset
    stands = standing(history.revenue)
    sharing = stands.sharings(cash, next_block_at(market, now_s))
    out: dict[Place, int] = defaultdict(int)
    most: dict[Place, int] = {}
    for rows in sets:
        for place, units in _securities_out(rows).items():
            out[place] += units
            most[place] = max(most.get(place, 0), out[place])
        for party, (paid, earned) in _cash_out(rows, schedule).items():
            place, own = (party, cash), sharing.get(party, NOTHING)
            out[place] += paid + own.given(earned)
            sharing[party] = own.after(earned)
            most[place] = max(most.get(place, 0), out[place])
    for payer, due in stands.unpaid(cash).items():
        if payer not in history.suspended:
            most[payer, cash] = max(0, most.get((payer, cash), 0)) + due
    return most


def _securities_out(rows: list[Records]) -> dict[Place, int]:
    """Net units that each institution delivers of each security; negative where it receives."""
    asset = np.concatenate([r.asset.astype(np.int64) for r in rows])
    quantity = np.concatenate([r.quantity for r in rows])
    seller, buyer = (
        np.concatenate([getattr(r, side).astype(np.int64) for r in rows]) for side in ("seller", "buyer")
    )
    places, cell = np.unique(np.concatenate([seller << 16 | asset, buyer << 16 | asset]), return_inverse=True)
    out = exact_add(len(places), cell[: len(asset)], quantity)
    out = out - exact_add(len(places), cell[len(asset) :], quantity)
    return {(at >> 16, at & 0xFFFF): units for at, units in zip(places.tolist(), out.tolist(), strict=True)}


def _cash_out(rows: list[Records], schedule: fees.VenueSchedule) -> dict[int, tuple[int, int]]:
    """Institution → (net cash that it pays, levy included, negative where it receives; commission earned)."""
    parties = 1 + max(int(side.max()) for r in rows for side in (r.buyer, r.seller))
    out: Column = np.zeros(parties, dtype=object)
    commission: Column = np.zeros(parties, dtype=object)
    for r in rows:
        levy, earned = fees.levy(schedule, r.amount), fees.commission(schedule, r.amount)
        for side, sign in ((r.buyer, 1), (r.seller, -1)):
            out = out + sign * exact_add(parties, side, r.amount) + exact_add(parties, side, levy)
            commission = commission + exact_add(parties, side, earned)
    pairs = zip(out.tolist(), commission.tolist(), strict=True)
    return {party: each for party, each in enumerate(pairs) if any(each)}

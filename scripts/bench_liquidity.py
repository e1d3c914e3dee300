"""What of the shared days can settle at once, by how much cash and securities there are: the solver against
queues. A part of scripts/bench.py.

Every broker opens with what its day takes from it net: of cash the cover, of securities all, or of each
opening holding nine tenths, rounded down. The bound is proven in integers; nothing that settles is worth
more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ledger.units import PPM, exact_sum
from settlement import fees, intake, scenario
from settlement.agreements.sharing import NOTHING, Sharing, fixed
from settlement.liquidity import (
    CASH,
    TIME_LIMIT_S,
    Holdings,
    Instructions,
    choose,
    choose_by_rule,
    choose_in_order,
)
from settlement.liquidity.columns import Positions
from settlement.model import Trades

COVERS = tuple(range(10, 2, -1))
"""Tenths of the cash."""
SECURITIES = (10, 9)
"""Tenths of the securities."""


def measure(files: Sequence[Path], time_limit_s: float = TIME_LIMIT_S) -> list[dict[str, Any]]:
    """A row for each day, tenths of the securities and tenths of the cash; and one without charges, to
    compare."""
    rows = []
    for path in files:
        nepse = scenario.load("nepse-2019")
        trades = intake.parse_trades(path.read_bytes(), nepse, source=path.name).trades
        schedule = fees.VenueSchedule.of(nepse)
        sharing = fixed({i: share.share_ppm for i, share in enumerate(nepse.agreements.shares)})
        charged = _instructions(trades, schedule)
        for securities in SECURITIES:
            for cover in COVERS:
                held = _opening(charged, sharing, cover, securities)
                rows.append(_row(path.stem, cover, securities, charged, held, time_limit_s))
        if path.stem == "2019-11-21":
            free = _instructions(trades, fees.VenueSchedule(fees.Kind.SLAB, (fees.Tier(None),)))
            row = _row(path.stem, 8, 10, free, _opening(free, NOTHING, 8, 10), time_limit_s)
            rows.append(row | {"without": "charges"})
    return rows


def _instructions(trades: Trades, schedule: fees.VenueSchedule) -> Instructions:
    return Instructions(
        day=np.zeros(len(trades), dtype=np.int64),
        number=trades.number,
        buyer=trades.buyer,
        seller=trades.seller,
        security=trades.security,
        quantity=trades.quantity,
        amount=trades.amount,
        fee=fees.commission(schedule, trades.amount),
        levy=fees.levy(schedule, trades.amount),
    )


def _opening(trades: Instructions, sharing: Sharing, cover: int, securities: int) -> Holdings:
    """Tenths of what settling everything takes from each broker, rounded down; all share alike."""
    everything = Positions(trades, Holdings({}))
    held = {}
    for party, cash, earned in zip(
        everything.parties.tolist(), everything.cash, everything.earned, strict=True
    ):
        held[party, CASH] = max(0, sharing.given(earned) - cash) * cover // 10
    codes = everything.securities.tolist()
    for cell, units in zip(everything.cells.tolist(), everything.units().tolist(), strict=True):
        party = int(everything.parties[cell // len(codes)])
        held[party, codes[cell % len(codes)]] = max(0, -units) * securities // 10
    return Holdings(held, dict.fromkeys(everything.parties.tolist(), sharing))


def _row(
    day: str, cover: int, securities: int, trades: Instructions, held: Holdings, time_limit_s: float
) -> dict[str, Any]:
    found = choose(trades, held, time_limit_s=time_limit_s)
    total = exact_sum(trades.amount)
    rows: dict[str, Any] = {
        "day": day,
        "cash_tenths": cover,
        "securities_tenths": securities,
        "trades": len(trades),
        "settled": int(found.settles.sum()),
        "value_ppm": found.reached * PPM // total,
        "bound_ppm": -(-found.upper_bound * PPM // total),
        "gap_ppm": -(-found.gap * PPM // found.upper_bound) if found.upper_bound else 0,
        "proof": found.proof.value,
        "seconds": round(found.seconds, 2),
    }
    # Trades of a broker with itself take no cash but charges, and always settle: the rest by itself.
    own = exact_sum(trades.amount[trades.buyer == trades.seller])
    rows["value_of_others_ppm"] = (found.reached - own) * PPM // (total - own)
    by_rule, _ = choose_by_rule(trades, held)
    others = {
        "rule": by_rule,
        "fifo": choose_in_order(trades, held, bypass=False),
        "bypass": choose_in_order(trades, held, bypass=True),
    }
    for name, taken in others.items():
        rows[name] = int(taken.sum())
        rows[f"{name}_value_ppm"] = exact_sum(trades.amount[taken]) * PPM // total
    return rows


def shown(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The rows as lines of a Markdown table, parts in percent."""
    heads = (
        "day",
        "cash",
        "securities",
        "settled",
        "value",
        "at most",
        "gap",
        "s",
        "plain rule",
        "bypass",
        "FIFO",
    )
    yield "| " + " | ".join(heads) + " |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        cells = (
            row["day"] + (", no charges" if "without" in row else ""),
            f"{row['cash_tenths'] * 10} %",
            f"{row['securities_tenths'] * 10} %",
            f"{row['settled']:,} of {row['trades']:,}",
            _percent(row["value_ppm"], 2),
            _percent(row["bound_ppm"], 2),
            _percent(row["gap_ppm"], 4) if row["gap_ppm"] else "none",
            f"{row['seconds']:.1f}",
            *(
                f"{_percent(row[f'{name}_value_ppm'], 1)}, {row[name]:,}"
                for name in ("rule", "bypass", "fifo")
            ),
        )
        yield "| " + " | ".join(cells) + " |"


def _percent(ppm: int, digits: int) -> str:
    whole, rest = divmod(ppm * 10**digits // 10_000, 10**digits)
    return f"{whole}.{rest:0{digits}d} %"

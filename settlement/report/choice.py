"""How good the choice of what settled is: what was reached, and what no choice could have exceeded."""

from __future__ import annotations

from typing import Any

from ledger.units import PPM
from settlement.cycle import Settled
from settlement.liquidity import Objective
from settlement.report.layout import Money, plural

CHOICE_KEYS = ("objective", "objective_reached", "upper_bound", "gap_ppm")
"""What `choice_json` says."""


def choice_json(settled: Settled) -> dict[str, Any]:
    """As `--json` prints it: minor units as decimal strings, trades as integers."""
    is_value = settled.objective is Objective.VALUE
    reached, most = settled.reached, settled.upper_bound
    return {
        "objective": settled.objective.value,
        "objective_reached": str(reached) if is_value else reached,
        "upper_bound": str(most) if is_value else most,
        "gap_ppm": _gap_ppm(reached, most),
    }


def choice_line(settled: Settled, money: Money) -> str:
    """In words: what settled of what at most could."""
    reached, most = settled.reached, settled.upper_bound
    if settled.objective is Objective.VALUE:
        shown, bound = money.amount(reached), money.amount(most)
    else:
        shown, bound = plural(reached, "trade"), f"{most:,}"
    if reached == most:
        return f"{shown} settled; with what is held no more could have."
    return f"{shown} settled of at most {bound} that could have (gap {_gap_ppm(reached, most):,} ppm)."


def _gap_ppm(reached: int, most: int) -> int:
    """In millionths of the bound, rounded up: 0 only where there is no gap."""
    return -(-(most - reached) * PPM // most) if most > reached else 0

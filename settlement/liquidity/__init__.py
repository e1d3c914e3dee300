"""Choosing what can settle with the holdings there are: in theory hard, in practice solved, and always
checked.

- `choose` takes a day's trades as columns; `choose_by_rule` is the plain rule, `choose_in_order` two queues.
- `resolve` takes instructions of any number of legs, with what each party holds: a gridlock, resolved.
"""

from settlement.liquidity.columns import CASH, Holdings, Instructions, Shortage
from settlement.liquidity.gridlock import Level, Resolution, Short, resolve
from settlement.liquidity.instructions import Instruction, Leg
from settlement.liquidity.objectives import TIME_LIMIT_S, Objective, Search
from settlement.liquidity.rule import choose_by_rule
from settlement.liquidity.solve import Proof
from settlement.liquidity.trades import Chosen, choose, choose_in_order, shortages

__all__ = [
    "CASH",
    "TIME_LIMIT_S",
    "Chosen",
    "Holdings",
    "Instruction",
    "Instructions",
    "Leg",
    "Level",
    "Objective",
    "Proof",
    "Resolution",
    "Search",
    "Short",
    "Shortage",
    "choose",
    "choose_by_rule",
    "choose_in_order",
    "resolve",
    "shortages",
]

"""The day of tests of clients: a generated day, its allocations, of which one broker has none."""

from __future__ import annotations

from settlement import sample
from settlement.clients import generated
from settlement.intake import parse_trades
from settlement.scenario import load

SAMPLE = load("sample")
DATA = sample.generate(7, trades=40)
WHO, OTHER, NONE = "Aldersgate", "Birchwood", "Calder Vale"
TRADES = parse_trades(DATA, SAMPLE, source="day").trades
CLIENTS = generated.generate(7, TRADES).decode().splitlines()
ROWS = [line.split(",") for line in CLIENTS[1:] if f",{NONE}," not in line]


def client_of(broker: str) -> str:
    """One with several allocations, one of which is a part of a side."""
    own = [row for row in ROWS if row[3] == broker]
    sides = [tuple(row[1:3]) for row in own]
    shared = {row[4] for row in own if sides.count(tuple(row[1:3])) > 1}
    return max(sorted(shared), key=lambda client: sum(row[4] == client for row in own))

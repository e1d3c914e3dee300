"""What parties say of trades, for the tests of Conditions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ledger.chain import Receipt
from ledger.clients.clearing_house import Status
from ledger.clients.conditions import Condition, Conditions
from tests.contracts.clearing import Batch, Floor
from tests.contracts.clearing_model import Trade
from tests.contracts.support import Ledger

TRADES = (
    Trade(1, "B1", "B2", "S1"),
    Trade(2, "B2", "B1", "S1"),
    Trade(3, "B1", "B1", "S2"),
    Trade(4, "B3", "B2", "S3"),
)
"""B1 buys 0, sells 1, is both in 2; B2 is party to 0, 1, 3."""
WAYS = {
    "hold": (Condition.HELD, True),
    "release": (Condition.HELD, False),
    "allow": (Condition.PARTIAL, True),
    "disallow": (Condition.PARTIAL, False),
    "cancel": (Condition.CANCEL, True),
    "withdrawCancel": (Condition.CANCEL, False),
    "dispute": (Condition.DISPUTED, True),
    "withdrawDispute": (Condition.DISPUTED, False),
}
"""What a party can do, and what it says thereby."""
RESTRICTING = ("hold", "disallow", "cancel", "dispute")
"""What could take from a settlement under way."""


class Parties:
    """A floor with a batch of `TRADES` that all have affirmed, and what its parties say."""

    def __init__(self, ledger: Ledger, batch: Batch | None = None) -> None:
        self.ledger, self.floor = ledger, Floor(ledger)
        self.batch = batch or self.floor.entered(*TRADES)

    @property
    def conditions(self) -> Conditions:
        return self.ledger.clients.conditions

    def say(
        self, name: str, way: str, *positions: int, batch: Batch | None = None, records: Any = None
    ) -> Receipt:
        """An institution does one of `WAYS`."""
        it = batch or self.batch
        signer = self.ledger.signers[name]
        function = "allowPartial" if way in ("allow", "disallow") else way
        more = [way == "allow"] if function == "allowPartial" else []
        given = it.records if records is None else records
        return self.conditions.send(signer, function, it.header.as_tuple(), given, list(positions), *more)

    def decide(self, name: str, position: int, stands: bool) -> Receipt:
        batch = self.batch
        return self.conditions.decide(
            self.ledger.signers[name], batch.header, batch.records, position, stands
        )

    def decided(self, position: int, stands: bool) -> Receipt:
        """By V and R; the second's receipt."""
        self.decide("V", position, stands)
        return self.decide("R", position, stands)

    def status(self, position: int) -> Status:
        return self.floor.house.status_of(self.batch.hash, position)

    @property
    def statuses(self) -> list[Status]:
        return [self.status(i) for i in range(len(self.batch.trades))]

    def flags(self, position: int) -> int:
        return self.conditions.flags_of(self.batch.hash, position)

    def said(self, name: str, way: str, position: int) -> tuple[str, dict[str, Any]]:
        """The event of it."""
        condition, stands = WAYS[way]
        return (
            "ConditionChanged",
            {
                "batchHash": self.batch.hash,
                "tradeNo": self.batch.trades[position].number,
                "institution": self.ledger.index[name],
                "condition": condition,
                "stands": stands,
            },
        )

    def moved(self, position: int, before: Status, after: Status) -> tuple[str, dict[str, Any]]:
        """The clearing house's event of a new status."""
        return (
            "StatusChanged",
            {"batchHash": self.batch.hash, "position": position, "from": before, "to": after},
        )


def bits(condition: Condition, sides: Sequence[str]) -> int:
    """Of a trade's flags, by hand: "b" the buyer's, "s" the seller's."""
    return sum({"b": 1, "s": 2}[side] << 2 * condition for side in sides)

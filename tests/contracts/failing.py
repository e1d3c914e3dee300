"""Days that fail, for the tests of Fails: what parties have, and penalties reckoned anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import floor as down
from typing import Any

from ledger.chain import Receipt
from ledger.clients.fails import Claim, Fails, Reason
from tests.contracts.clearing import Batch, Floor
from tests.contracts.clearing_model import Trade, commission, levy
from tests.contracts.support import DAY, Ledger

RATE = 100
"""Of securities: ppm of the value a day; a basis point."""
CASH_RATE = 50_000
"""Of NPR: ppm a year."""
PRICE = 110_000_000_000
"""Of S1, millionths of a minor unit: 110,000 minor units, where a trade's own price is 100,000."""


def bit(reason: Reason, sides: str) -> int:
    """Of a trade's reasons, by hand: "b" the buyer's, "s" the seller's."""
    return sum({"b": 1, "s": 2}[side] << 2 * reason for side in sides)


def cost(trade: Trade) -> int:
    """What settling the trade by itself takes from its buyer, who has no agreement: minor units."""
    return trade.amount + levy(trade.amount)


def for_securities(quantity: int, price: int, rate: int = RATE) -> int:
    """A day's penalty, minor units: of the value at a price in millionths."""
    return down(Fraction(quantity) * Fraction(price, 10**6) * Fraction(rate, 10**6))


def for_cash(amount: int, rate: int = CASH_RATE) -> int:
    """A day's penalty, minor units: a 360th of a year's interest."""
    return down(Fraction(amount) * Fraction(rate, 10**6) / 360)


class Desk:
    """A floor where V says what failed, with rates and a price set unless `bare`."""

    def __init__(self, ledger: Ledger, fails: Fails | None = None, *, bare: bool = False) -> None:
        self.ledger, self.floor = ledger, Floor(ledger)
        self.fails = fails or ledger.clients.fails
        if not bare:
            for security in ("S1", "S2", "S3"):
                self.rate(security, RATE)
            self.rate("NPR", CASH_RATE)
            self.closing_after(2)
            self.prices(DAY, S1=PRICE, S2=PRICE, S3=PRICE)

    def rate(self, code: str, ppm: int) -> None:
        for name in ("V", "R"):
            self.fails.set_penalty_rate(self.ledger.signers[name], self.ledger.asset[code], ppm)

    def closing_after(self, days: int) -> None:
        for name in ("V", "R"):
            self.fails.set_closing_after(self.ledger.signers[name], days)

    def prices(self, day: int, *, by: str = "V", currency: str = "NPR", **prices: int) -> Receipt:
        asset = self.ledger.asset
        return self.fails.set_prices(
            self.ledger.signers[by], day, asset[currency], {asset[code]: p for code, p in prices.items()}
        )

    def hold(self, batch: Batch, name: str, *positions: int) -> None:
        self.ledger.clients.conditions.hold(self.ledger.signers[name], batch.header, batch.records, positions)

    def fail(self, batch: Batch, positions: Sequence[int] = (0,), day: int = DAY, by: str = "V") -> Receipt:
        return self.fails.fail(self.ledger.signers[by], day, batch.header, batch.records, positions)

    def failed(self, batch: Batch, positions: Sequence[int] = (0,), day: int = DAY) -> Receipt:
        """In a cycle of its own."""
        self.floor.rest()
        self.floor.open()
        receipt = self.fail(batch, positions, day)
        self.floor.close()
        return receipt

    def compensate(
        self, batch: Batch, positions: Sequence[int] = (0,), day: int = DAY, by: str = "V"
    ) -> Receipt:
        return self.fails.compensate(self.ledger.signers[by], day, batch.header, batch.records, positions)

    def collect(self, *pairs: tuple[str, str], by: str = "V", currency: str = "NPR") -> Receipt:
        index = self.ledger.index
        words = [(index[debtor], index[creditor]) for debtor, creditor in pairs]
        return self.fails.collect(self.ledger.signers[by], self.ledger.asset[currency], words)

    def claim(self, debtor: str, creditor: str, *, venue: str = "V", currency: str = "NPR") -> Claim:
        index = self.ledger.index
        return self.fails.claim_of(index[venue], self.ledger.asset[currency], index[debtor], index[creditor])

    def owed(self, debtor: str, creditor: str) -> int:
        claim = self.claim(debtor, creditor)
        return claim.due + claim.accrued

    def told(self, receipt: Receipt) -> list[tuple[str, dict[str, Any]]]:
        """Events of Fails in a receipt."""
        return [(event.name, event.arguments) for event in self.fails.events(receipt.logs)]

    def trade_failed(
        self, batch: Batch, position: int, reasons: int, *, day: int = DAY, days: int = 1, **rest: int
    ) -> tuple[str, dict[str, Any]]:
        trade = batch.trades[position]
        return (
            "TradeFailed",
            {
                "batchHash": batch.hash,
                "tradeNo": trade.number,
                "day": day,
                "reasons": reasons,
                "failedDays": days,
                "quantity": rest.get("quantity", trade.quantity),
                "amount": rest.get("amount", trade.amount),
            },
        )

    def penalty(
        self, batch: Batch, position: int, payer: str, payee: str, amount: int, *, day: int = DAY
    ) -> tuple[str, dict[str, Any]]:
        index = self.ledger.index
        return (
            "PenaltyAccrued",
            {
                "batchHash": batch.hash,
                "tradeNo": batch.trades[position].number,
                "payer": index[payer],
                "payee": index[payee],
                "day": day,
                "currency": batch.header.cash_asset,
                "amount": amount,
            },
        )

    def compensated(
        self, batch: Batch, position: int, price: int, payer: str = "", payee: str = "", amount: int = 0
    ) -> tuple[str, dict[str, Any]]:
        index = self.ledger.index | {"": 0}
        return (
            "TradeCompensated",
            {
                "batchHash": batch.hash,
                "tradeNo": batch.trades[position].number,
                "day": DAY,
                "price": price,
                "payer": index[payer],
                "payee": index[payee],
                "amount": amount,
            },
        )


def give(ledger: Ledger, holdings: Iterable[tuple[str, str, int]], reference: str = "given") -> None:
    """Issue (institution, asset, amount), zeros left out."""
    ledger.issue({(name, code): amount for name, code, amount in holdings if amount}, reference)


__all__ = ["Desk", "bit", "commission", "cost", "for_cash", "for_securities", "give"]

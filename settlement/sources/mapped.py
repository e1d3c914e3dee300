"""Tables read by a mapping."""

from __future__ import annotations

from ledger.ids import currency_exponent
from ledger.units import MAX_AMOUNT, MAX_QUANTITY, parse_minor
from settlement.reconciliation.entries import PRICE_DECIMALS
from settlement.sources import Context, Source, Tolerances, balance_rows, numbers, trade_rows
from settlement.sources.mapping import Allowed, Column, Mapping
from settlement.sources.numbers import Form, Sign
from settlement.sources.table import Table
from settlement.sources.trade_rows import Counted, Direction, Named, Plan


def read(table: Table, mapping: Mapping, context: Context) -> Source:
    """What the table holds, its columns being what the mapping says. Raises SourceRefused."""
    forms = _Forms(mapping, context)
    if mapping.level == "trades":
        return trade_rows.read(table, _trades(forms), context)
    return balance_rows.read(table, _balances(forms), context)


def tolerances_of(allowed: Allowed, exponent: int) -> Tolerances:
    """What a mapping allows, in a currency's minor units; less than one of them is nothing."""
    amount, commission, levy = (
        parse_minor(text, max(exponent, 6)) // 10 ** (max(exponent, 6) - exponent)
        for text in (allowed.amount, allowed.commission, allowed.levy)
    )
    price = parse_minor(allowed.price, PRICE_DECIMALS)
    return Tolerances(allowed.quantity, amount, price, allowed.time, commission, levy)


class _Forms:
    """The columns of a mapping as they are read, for a currency's decimals."""

    def __init__(self, mapping: Mapping, context: Context) -> None:
        self.mapping = mapping
        self.currency = mapping.currency or context.currency
        self.exponent = currency_exponent(mapping.currency) if mapping.currency else context.exponent
        self.given = mapping.columns.given()

    def named(self, name: str) -> Named | None:
        cell = self.given.get(name)
        return Named(cell.column, cell.pattern, cell.names) if cell else None

    def day(self, name: str) -> Named | None:
        cell = self.given.get(name)
        return Named(cell.column, cell.pattern, form=self.mapping.date_format) if cell else None

    def time(self) -> Named | None:
        cell = self.given.get("time")
        return Named(cell.column, cell.pattern, form=self.mapping.time_format) if cell else None

    def number(self) -> Counted | None:
        cell = self.given.get("trade_number")
        whole = numbers.whole()
        form = Form(digits=whole.digits, largest=whole.largest, pattern=cell.pattern) if cell else whole
        return Counted(cell.column, form) if cell else None

    def quantity(self, name: str, sign: Sign) -> Counted | None:
        cell = self.given.get(name)
        if cell is None:
            return None
        factor = cell.unit if isinstance(cell.unit, int) else 1
        plain = numbers.quantity()
        return Counted(cell.column, self._form(cell, plain.digits, 0, factor, sign, MAX_QUANTITY, False))

    def money(self, name: str, sign: Sign, decimals: int | None = None) -> Counted | None:
        cell = self.given.get(name)
        if cell is None:
            return None
        scale = self.exponent if decimals is None else decimals
        factor = cell.unit if isinstance(cell.unit, int) else 1
        if cell.unit == "minor":
            scale -= self.exponent
        elif cell.unit == "thousand":
            scale += 3
        return Counted(
            cell.column, self._form(cell, numbers.money(0).digits, scale, factor, sign, MAX_AMOUNT, True)
        )

    def _form(
        self, cell: Column, digits: int, scale: int, factor: int, sign: Sign, largest: int, money: bool
    ) -> Form:
        return Form(
            scale=scale,
            factor=factor,
            sign=cell.sign or sign,
            decimal=self.mapping.decimal,
            thousands=self.mapping.thousands or "",
            digits=digits,
            largest=largest,
            pattern=cell.pattern,
            money=money,
        )

    def tolerances(self) -> Tolerances:
        return tolerances_of(self.mapping.tolerances, self.exponent)


def _trades(forms: _Forms) -> Plan:
    given, named = forms.given, forms.named
    by_sign = "buyer" not in given and "side" not in given
    quantity = forms.quantity("quantity", "signed" if by_sign else "none")
    amount, security = forms.money("settlement_amount", "none"), named("security")
    assert quantity is not None
    assert amount is not None
    assert security is not None
    direction = None
    if "side" in given:
        side = given["side"]
        direction = Direction(side.column, _folded(side.buy), _folded(side.sell), side.pattern)
    elif by_sign:
        direction = Direction(None)
    return Plan(
        "mapped",
        security=security,
        quantity=quantity,
        amount=amount,
        number=forms.number(),
        day=forms.day("trading_day"),
        settles=forms.day("settlement_date"),
        time=forms.time(),
        buyer=named("buyer"),
        seller=named("seller"),
        direction=direction,
        counterparty=named("counterparty"),
        price=forms.money("price", "none", PRICE_DECIMALS),
        currency=named("currency"),
        commission=forms.money("commission", "none"),
        levy=forms.money("levy", "none"),
        tolerances=forms.tolerances(),
        cut_off=forms.mapping.cut_off,
        default_currency=forms.currency,
    )


def _folded(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word.strip().casefold() for word in words)


def _balances(forms: _Forms) -> balance_rows.Plan:
    level = forms.mapping.level

    def counted(name: str) -> Counted | None:
        return forms.quantity(name, "signed") if level == "positions" else forms.money(name, "signed")

    return balance_rows.Plan(
        level={"positions": "position", "cash": "cash"}.get(level, "revenue"),  # type: ignore[arg-type]
        holder=forms.named("holder"),
        asset=forms.named({"positions": "asset", "cash": "currency"}.get(level, "line")),
        payer=forms.named("payer"),
        party=forms.named("party"),
        opening=counted("opening"),
        movements=counted("movements"),
        closing=counted("closing"),
        as_of=forms.day("as_of"),
        amount=forms.money("amount", "signed"),
        reference=forms.named("reference"),
        date=forms.day("date"),
        currency=forms.currency,
        tolerances=forms.tolerances(),
        cut_off=forms.mapping.cut_off,
    )

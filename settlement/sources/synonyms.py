"""What people call the fields of trades, balances and statements."""

from __future__ import annotations

import re
from functools import cache

_CALLED = {
    "trade_number": "trade number|trade no|trade id|trade ref|trade reference|deal|deal no|deal id|"
    "contract no|contract|execution id|exec id|ticket|ticket no|ref|reference|number",
    "trading_day": "trading day|trade date|traded|traded on|deal date|transaction date|business date|date",
    "time": "time|trade time|execution time|exec time|deal time",
    "settlement_date": "settlement date|settle date|value date|settles|intended settlement date",
    "buyer": "buyer|buyer broker|buying broker|buying member|purchaser|bought by|buy side",
    "seller": "seller|seller broker|selling broker|selling member|sold by|sell side",
    "side": "side|b s|bs|buy sell|direction|way",
    "counterparty": "counterparty|cpty|counter party|contra|contra broker|other side|broker|against",
    "security": "security|isin|symbol|stock symbol|stock|instrument|ticker|scrip|security code|security id",
    "quantity": "quantity|qty|shares|units|volume|nominal|lots|no of shares|quantity of shares|size",
    "price": "price|rate|unit price|trade price|px",
    "settlement_amount": "settlement amount|amount|consideration|value|turnover|gross amount|net amount|cash|"
    "principal|gross",
    "currency": "currency|ccy|cur|cash currency",
    "commission": "commission|comm|brokerage|fee|broker fee",
    "levy": "levy|tax|stamp duty|regulatory fee|exchange fee",
    "holder": "holder|account|account holder|owner|institution|member|participant",
    "asset": "asset|security|isin|symbol|instrument|ticker|stock|scrip|security code",
    "line": "line|revenue line|item|revenue",
    "payer": "payer|from|paid by",
    "party": "party|payee|to|beneficiary|paid to",
    "opening": "opening|opening balance|open|brought forward|start|start of day|b f",
    "movements": "movements|movement|net movement|change|net|net change|day",
    "closing": "closing|closing balance|balance|holding|position|close|carried forward|end of day|"
    "quantity|qty|c f",
    "as_of": "as of|as at|statement date|balance date|date|day",
    "amount": "amount|value|booked amount|movement",
    "reference": "reference|ref|narrative|description|details|text",
    "date": "date|booking date|booked|value date|entry date",
}


def named(field: str, column: str) -> int:
    """2 where a column is called as the field is, 1 where its name has that in it, 0 where not."""
    words = _words(column)
    called = _synonyms(field)
    if words in called:
        return 2
    there = set(words)
    return int(any(set(each) <= there for each in called if len(each[0]) > 1))


@cache
def _synonyms(field: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(each.split()) for each in _CALLED[field].split("|"))


def _words(column: str) -> tuple[str, ...]:
    """The words of a column's name, in small letters: "TradeDate" is trade, date."""
    apart = re.sub("(?<=[a-z])(?=[A-Z])", " ", column)
    return tuple(re.findall("[a-z]+|[0-9]+", apart.casefold()))

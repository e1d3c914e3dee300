"""What a mapping may not say: what cannot be read, fields that its level does not have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ledger.errors import InvalidValue
from ledger.ids import currency_exponent
from settlement.scenario_checks import Found

if TYPE_CHECKING:
    from settlement.sources.mapping import Column, Mapping

BALANCES = ("opening", "movements", "closing")
_OF_BALANCES = ("holder", *BALANCES, "as_of")
FIELDS = {
    "trades": (
        "trade_number",
        "trading_day",
        "time",
        "settlement_date",
        "buyer",
        "seller",
        "side",
        "counterparty",
        "security",
        "quantity",
        "price",
        "settlement_amount",
        "currency",
        "commission",
        "levy",
    ),
    "positions": ("asset", *_OF_BALANCES),
    "cash": ("currency", *_OF_BALANCES, "amount", "reference", "date"),
    "revenue": ("line", "payer", "party", *_OF_BALANCES),
}
"""Of each level."""
DATES = ("trading_day", "settlement_date", "as_of", "date")
COUNTED = ("trade_number", "quantity")
MONEY = ("price", "settlement_amount", "commission", "levy", "amount", *BALANCES)
NAMED = (
    "buyer",
    "seller",
    "counterparty",
    "security",
    "currency",
    "holder",
    "asset",
    "line",
    "payer",
    "party",
)


def pattern(text: str) -> str:
    """A regular expression of one group, which both engines take that read by it; raises ValueError."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        groups = re.compile(text).groups
        pc.match_substring_regex(pa.array([""]), f"^(?:{text})$")
    except (re.error, pa.ArrowException) as error:
        said = next(iter(str(error).splitlines()), "")
        raise ValueError(f"is no regular expression that is read here: {said}") from None
    if groups != 1:
        raise ValueError(f"must have one group, which is the value, not {groups}")
    return text


def date_format(text: str) -> str:
    """A form of dates with one year, month and day; raises ValueError."""
    found = sorted(
        {"YY": "YYYY", "MON": "MM"}.get(part, part) for part in re.findall("YYYY|YY|MON|MM|DD", text)
    )
    if found != ["DD", "MM", "YYYY"]:
        raise ValueError(
            "must have a year (YYYY or YY), a month (MM or MON) and a day (DD), as in DD/MM/YYYY"
        )
    return text


def time_format(text: str) -> str:
    """A form of times of day; raises ValueError."""
    found = re.findall("HH|MM|SS", text)
    if sorted(found) not in (["HH", "MM"], ["HH", "MM", "SS"]):
        raise ValueError("must have HH, MM and perhaps SS, as in HH:MM:SS")
    return text


def currency(text: str) -> str:
    """A currency's code; raises ValueError."""
    try:
        currency_exponent(text)
    except InvalidValue as error:
        raise ValueError(str(error)) from None
    return text


def amount(given: Any) -> Any:
    """A quoted decimal that is not negative; raises ValueError."""
    if not isinstance(given, str) or not re.fullmatch(r"[0-9]{1,20}(?:\.[0-9]{1,6})?", given):
        raise ValueError('must be a quoted decimal in currency units, as "0.05"')
    return given


def check_source(source: str | None) -> list[Found]:
    """What is wrong with where a mapping says that its data is."""
    if source is not None and re.search(r"\{(?!date\})", source):
        return [(("source",), "may have {date} in it, and no other brace")]
    return []


def check(mapping: Mapping) -> list[Found]:
    """What is wrong with a mapping of columns whose form is right, each with its key's path."""
    given = mapping.columns.given()
    fields = FIELDS[mapping.level]
    found: list[Found] = [
        (("columns", name), f"is no field of {mapping.level}; its fields are {', '.join(fields)}")
        for name in given
        if name not in fields
    ]
    found += [(("columns",), reason) for reason in _lacking(mapping.level, set(given))]
    for name, cell in given.items():
        found += [(("columns", name, key), reason) for key, reason in _misplaced(mapping, name, cell)]
    if mapping.thousands is not None and mapping.thousands == mapping.decimal:
        found.append((("thousands",), "is the decimal sign, too"))
    return found


def _lacking(level: str, given: set[str]) -> list[str]:
    if level == "trades":
        lacking = [name for name in ("security", "quantity", "settlement_amount") if name not in given]
        reasons = [f"lacks {', '.join(lacking)}"] if lacking else []
        if ("buyer" in given) != ("seller" in given):
            reasons.append("has one of buyer and seller; both are wanted, or side and counterparty")
        if "buyer" in given and given & {"side", "counterparty"}:
            reasons.append("has buyer and seller and side or counterparty as well; one way is wanted")
        return reasons
    reasons = []
    if level == "positions" and "asset" not in given:
        reasons.append("lacks asset")
    if level == "revenue" and "line" not in given and not {"payer", "party"} <= given:
        reasons.append("lacks line, or payer and party")
    if level == "cash" and "amount" in given:
        if given & set(BALANCES):
            reasons.append("has amount, of movements, and balances as well; one of them is wanted")
    elif not given & set(BALANCES):
        reasons.append(
            "lacks a balance: opening, movements or closing" + (", or amount" if level == "cash" else "")
        )
    return reasons


def _misplaced(mapping: Mapping, name: str, cell: Column) -> list[tuple[str, str]]:
    """Keys of a column that mean nothing for its field."""
    number = name in MONEY or name in COUNTED
    whole = name in COUNTED or mapping.level == "positions"
    wrong: list[tuple[str, str]] = []
    for key in cell.model_fields_set:
        allowed = {
            "names": name in NAMED,
            "unit": number and name != "trade_number",
            "sign": number and name != "trade_number",
            "buy": name == "side",
            "sell": name == "side",
        }.get(key, True)
        if not allowed:
            wrong.append((key, f"means nothing for {name}"))
    if number and whole and isinstance(cell.unit, str) and cell.unit != "major":
        wrong.append(("unit", "of a quantity is a whole number: how many units one is"))
    if name == "side" and {w.casefold() for w in cell.buy} & {w.casefold() for w in cell.sell}:
        wrong.append(("sell", "has a word that is in buy, too"))
    return wrong

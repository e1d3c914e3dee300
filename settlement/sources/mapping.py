"""A mapping: what the columns of somebody's own table are, in YAML.

    source: book-{date}.csv        # may be left out; beside the mapping, {date} as YYYY-MM-DD; or a table
    level: trades                  # or positions, cash, revenue
    encoding: utf-8                # encoding to tolerances may all be left out
    delimiter: ";"
    decimal: ","
    thousands: "."
    date_format: DD/MM/YYYY        # YYYY, YY, MM, MON, DD and what stands between
    time_format: HH:MM             # HH, MM, SS
    currency: EUR                  # where no column says
    cut_off: "18:00"               # UTC of the trading day; until then what the source lacks is pending
    tolerances: {amount: "0.01", quantity: 0, price: "0.0001", time: 60, commission: "0.01", levy: "0.01"}
    columns:                       # a field, and the column it is in: its name, or a mapping
      trade_number: {column: Ref, pattern: "EX-([0-9]+)"}    # the one group is the value
      trading_day: Traded
      side: {column: B/S, buy: [B], sell: [S]}
      counterparty: {column: Broker, names: {"Aldersgate Sec.": Aldersgate}}    # ours for theirs
      security: ISIN
      quantity: {column: Lots, unit: 100}
      settlement_amount: {column: Consideration, unit: minor, sign: ignored}

Of trades: security, quantity, settlement_amount, and buyer and seller or side and counterparty (without
either, the sign of the quantity says the side: a purchase is positive); trade_number, trading_day, time,
settlement_date, price, currency, commission, levy. Of positions: asset; of cash: currency, or amount,
reference and date where rows are movements; of revenue: line, or payer and party. Of all three: holder,
opening, movements, closing, as_of.

`unit` of a quantity is how many units one is; of money `major`, `minor`, `thousand`, or how many major units.
`sign` is `none` (a sign is refused; of trades the default), `signed`, `reversed` or `ignored`.

A mapping without level and columns is for messages, which say themselves where what stands:

    source: executions-{date}.log
    institutions: {BRKANPKA: Aldersgate, 529900T8BM49AURSDO55: Birchwood}    # ours for any id of theirs
    securities: {US0378331005: AAPL}
    utc_offset: 345                # minutes of the venue's time beyond UTC; FIX only, which has UTC
    cut_off: "18:00"
    tolerances: {amount: "0.01"}
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from settlement import marked_yaml
from settlement.errors import Mistake
from settlement.files import read_regular
from settlement.scenario_explain import explain, not_text
from settlement.sources import mapping_checks
from settlement.sources.errors import MappingInvalid
from settlement.sources.numbers import Sign

Level = Literal["trades", "positions", "cash", "revenue"]
_MOST_DIGITS = 15
_MOST_OFFSET = 14 * 60
"""Minutes; no place is further from UTC."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _words(given: Any) -> Any:
    return (given,) if isinstance(given, str) else given


def _unit(given: Any) -> Any:
    sound = isinstance(given, int) and not isinstance(given, bool) and 0 < given < 10**_MOST_DIGITS
    if not sound and given not in ("major", "minor", "thousand"):
        raise ValueError("must be major, minor, thousand or a whole number of at least 1")
    return given


def _pattern(given: Any) -> Any:
    return mapping_checks.pattern(given) if isinstance(given, str) else given


def _date_format(given: Any) -> Any:
    return mapping_checks.date_format(given) if isinstance(given, str) else given


def _time_format(given: Any) -> Any:
    return mapping_checks.time_format(given) if isinstance(given, str) else given


def _clock(given: Any) -> Any:
    if isinstance(given, str) and not re.fullmatch("(?:[01][0-9]|2[0-3]):[0-5][0-9]", given):
        raise ValueError('must be a time of day as "HH:MM"')
    return given


def _currency(given: Any) -> Any:
    return mapping_checks.currency(given) if isinstance(given, str) else given


def _one(given: Any) -> Any:
    if isinstance(given, str) and (len(given) != 1 or given.isalnum()):
        raise ValueError("must be one character that is no letter or digit")
    return given


Words = Annotated[tuple[str, ...], BeforeValidator(_words), Field(min_length=1)]
Mark = Annotated[str, BeforeValidator(_one)]
Ours = Annotated[str, Field(min_length=1)]


class Column(_Model):
    """One column: its name, and how what stands in it is to be read."""

    column: Annotated[str, Field(min_length=1)]
    pattern: Annotated[str | None, BeforeValidator(_pattern)] = None
    names: dict[str, str] = {}
    unit: Annotated[int | str, BeforeValidator(_unit)] = "major"
    sign: Sign | None = None
    buy: Words = ("buy", "b", "bought")
    sell: Words = ("sell", "s", "sold")


def _column(given: Any) -> Any:
    if isinstance(given, int | marked_yaml.Unquoted):
        raise ValueError(not_text(given))
    return {"column": given} if isinstance(given, str) else given


Cell = Annotated[Column | None, BeforeValidator(_column)]


class Columns(_Model):
    """The fields of every level; which of them a level has, `mapping_checks` knows."""

    trade_number: Cell = None
    trading_day: Cell = None
    time: Cell = None
    settlement_date: Cell = None
    buyer: Cell = None
    seller: Cell = None
    side: Cell = None
    counterparty: Cell = None
    security: Cell = None
    quantity: Cell = None
    price: Cell = None
    settlement_amount: Cell = None
    currency: Cell = None
    commission: Cell = None
    levy: Cell = None
    holder: Cell = None
    asset: Cell = None
    line: Cell = None
    payer: Cell = None
    party: Cell = None
    opening: Cell = None
    movements: Cell = None
    closing: Cell = None
    as_of: Cell = None
    amount: Cell = None
    reference: Cell = None
    date: Cell = None

    def given(self) -> dict[str, Column]:
        """The fields that are mapped."""
        return {name: cell for name in type(self).model_fields if (cell := getattr(self, name)) is not None}


Amount = Annotated[str, BeforeValidator(mapping_checks.amount)]
Count = Annotated[int, Field(ge=0)]


class Allowed(_Model):
    """By how much fields may differ; money as quoted decimals in currency units."""

    quantity: Count = 0
    amount: Amount = "0"
    price: Amount = "0"
    time: Count = 0
    commission: Amount = "0"
    levy: Amount = "0"


class Mapping(_Model):
    """A whole mapping."""

    source: str | None = None
    level: Level
    encoding: str = "utf-8"
    delimiter: Mark | None = None
    decimal: Literal[".", ","] = "."
    thousands: Mark | None = None
    date_format: Annotated[str | None, BeforeValidator(_date_format)] = None
    time_format: Annotated[str | None, BeforeValidator(_time_format)] = None
    currency: Annotated[str | None, BeforeValidator(_currency)] = None
    cut_off: Annotated[str | None, BeforeValidator(_clock)] = None
    tolerances: Allowed = Allowed()
    columns: Columns


class MessageMapping(_Model):
    """What messages do not say in our words: whose an id is, and when the venue's day begins."""

    source: str | None = None
    institutions: dict[str, Ours] = {}
    securities: dict[str, Ours] = {}
    utc_offset: Annotated[int | None, Field(ge=-_MOST_OFFSET, le=_MOST_OFFSET)] = None
    """Minutes."""
    cut_off: Annotated[str | None, BeforeValidator(_clock)] = None
    tolerances: Allowed = Allowed()


AnyMapping = Mapping | MessageMapping


def load(path: Path) -> AnyMapping:
    """The mapping in a file. Raises FileRefused, and MappingInvalid with every mistake that can be seen."""
    return parse(read_regular(path), str(path))


def parse(data: bytes, source: str) -> AnyMapping:
    """The mapping that the YAML `data` holds; `source` names it in the error. Raises MappingInvalid."""
    try:
        marked = marked_yaml.read(data)
    except marked_yaml.MarkedYamlError as error:
        raise MappingInvalid(source, [error.mistake]) from None
    if not isinstance(marked.data, dict):
        raise MappingInvalid(source, [Mistake(marked.line(()), "", "a mapping is a mapping of keys")])
    model = MessageMapping if _is_of_messages(set(marked.data)) else Mapping
    mapping: AnyMapping | None = None
    try:
        mapping = model.model_validate(marked.data)
        found = mapping_checks.check_source(mapping.source)
        if isinstance(mapping, Mapping):
            found += mapping_checks.check(mapping)
    except ValidationError as error:
        found = explain(error, model)
    mistakes = marked.mistakes + [
        Mistake(marked.line(path), marked_yaml.key_text(path), reason) for path, reason in found
    ]
    if mapping is None or mistakes:
        raise MappingInvalid(source, mistakes)
    return mapping


def _is_of_messages(keys: set[str]) -> bool:
    """Whether some keys are those of a mapping of messages and none is only of columns."""
    of_messages, of_columns = set(MessageMapping.model_fields), set(Mapping.model_fields)
    return bool(keys & of_messages) and not keys & (of_columns - of_messages)

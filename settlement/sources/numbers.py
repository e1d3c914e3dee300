"""Columns of numbers as exact integers: from text as it was declared, from integers and decimals as is.

A value is `text × 10^scale × factor`. Text is checked by one expression for the whole column and then parsed
by Arrow as decimals of 38 digits; only what does not fit is looked at by itself, to say why.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ledger.units import MAX_AMOUNT, MAX_QUANTITY, Column, exact
from settlement.intake.rows import Numbers
from settlement.sources.errors import SourceRefused
from settlement.sources.table import Rows

Sign = Literal["none", "signed", "reversed", "ignored"]
"""none: a sign is refused; signed: it is kept; reversed: it is turned round; ignored: it is dropped."""

_CURRENCY = re.compile(r"(?<![A-Za-z])([A-Z]{3}|[$€£¥₹])(?![A-Za-z])")
INEXACT = " (floating point)"
"""After a number that a database keeps in floating point and cannot tell exactly."""
_WITH_CURRENCY = r"^(?:.*[^A-Za-z])??([A-Z]{3}|[$€£¥₹])(?:[^A-Za-z].*)?$"
_EXTRA = 6
"""Digits after the point beyond the scale that a factor may make whole."""
_QUANTITY_DIGITS, _MONEY_DIGITS = 20, 27


@dataclass(frozen=True, slots=True)
class Form:
    """How the numbers of one column are written, and what they are in units of."""

    scale: int = 0
    """Digits after the point that are whole units of the result."""
    factor: int = 1
    sign: Sign = "none"
    decimal: str = "."
    thousands: str = ""
    digits: int = _MONEY_DIGITS
    largest: int = MAX_AMOUNT
    pattern: str | None = None
    """An expression with one group, which is the number; the whole cell must fit."""
    money: bool = False
    """Whether cells that name different currencies have to be told."""

    @property
    def extra(self) -> int:
        """Digits that are parsed and have to come out whole after the factor."""
        return _EXTRA if self.factor != 1 else 0

    @property
    def expression(self) -> str:
        """What the whole text of a number matches."""
        sign = "" if self.sign == "none" else "[-+]?"
        whole = f"[0-9]{{1,{self.digits}}}"
        if self.thousands:
            group = re.escape(self.thousands)
            whole = f"(?:{whole}|[0-9]{{1,3}}(?:{group}[0-9]{{3}}){{1,{self.digits // 3}}})"
        places = self.scale + self.extra
        some = f"[0-9]{{1,{places}}}0*|0+" if places else "0+"
        return f"^{sign}{whole}(?:{re.escape(self.decimal)}(?:{some}))?$"


def whole(digits: int = 18, largest: int = 10**18 - 1) -> Form:
    """A number that names something, as a trade's."""
    return Form(digits=digits, largest=largest)


def quantity() -> Form:
    """Whole units of a security."""
    return Form(digits=_QUANTITY_DIGITS, largest=MAX_QUANTITY)


def money(exponent: int) -> Form:
    """Currency units, as minor units."""
    return Form(scale=exponent, money=True)


def read(rows: Rows, array: Any, column: str, form: Form, *, empty: int | None = None) -> Column:
    """The integers of a chunked array; 0 in rows that were refused, `empty` where a cell is and that is
    allowed. Raises SourceRefused where the column is of floating-point numbers or no numbers at all.
    """
    import pyarrow as pa

    kind = array.type
    value_kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_floating(value_kind):
        raise SourceRefused(
            rows.source,
            f"column {column!r} is of floating-point numbers, which do not hold "
            "such values exactly; write it as decimals, integers or text",
        )
    if pa.types.is_dictionary(kind):
        array = array.cast(value_kind)
    if pa.types.is_null(value_kind) or (form.pattern is not None and pa.types.is_integer(value_kind)):
        array = array.cast(pa.string())
    elif not (_is_text(value_kind) or pa.types.is_integer(value_kind) or pa.types.is_decimal(value_kind)):
        raise SourceRefused(rows.source, f"column {column!r} is of type {kind}, numbers are wanted")
    parts = [_chunk(chunk, form) for chunk in array.chunks] or [_nothing()]
    values = _joined([part.values for part in parts])
    sound = np.concatenate([part.sound for part in parts])
    vacant = np.concatenate([part.vacant for part in parts])
    if form.money and (form.pattern is not None or not sound.all()):
        _check_currencies(rows, array, column, form, sound)
    if empty is not None:
        sound |= vacant
    _refuse(rows, array, column, form, values, sound)
    if values.dtype == object or form.largest < 2**63 - 1:
        _refuse_large(rows, array, column, values, form.largest)
    if empty is not None and vacant.any():
        values = values if -(2**63) <= empty < 2**63 else values.astype(object)
        values[vacant] = empty
    return values


@dataclass(slots=True)
class _Part:
    values: Column
    sound: npt.NDArray[np.bool_]
    vacant: npt.NDArray[np.bool_]


def _nothing() -> _Part:
    return _Part(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.bool_), np.zeros(0, dtype=np.bool_))


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _chunk(chunk: Any, form: Form) -> _Part:
    if _is_text(chunk.type):
        return _text(chunk, form)
    return _typed(chunk, form)


def _text(chunk: Any, form: Form) -> _Part:
    import pyarrow as pa
    import pyarrow.compute as pc

    from settlement.books.arrow import from_decimals

    if not pa.types.is_string(chunk.type):
        chunk = chunk.cast(pa.string())
    filled = pc.fill_null(chunk, "")
    vacant = pc.equal(filled, "").to_numpy(zero_copy_only=False)
    if form.pattern is not None:
        filled = extracted(filled, form.pattern)
    sound_mask = pc.match_substring_regex(filled, form.expression)
    if not pc.all(sound_mask).as_py():
        filled = pc.if_else(sound_mask, filled, "0")
    sound = sound_mask.to_numpy(zero_copy_only=False).copy()
    plain = pc.replace_substring(filled, form.thousands, "") if form.thousands else filled
    if form.decimal != ".":
        plain = pc.replace_substring(plain, form.decimal, ".")
    scale = form.scale + form.extra
    decimals = pc.cast(plain, pa.decimal128(38, scale))
    values = from_decimals(pa.chunked_array([decimals]))
    if form.sign != "none":
        # A zero with a minus says that something else was meant.
        zero = (values == 0) & pc.starts_with(plain, "-").to_numpy(zero_copy_only=False)
        sound &= ~zero.astype(np.bool_)
    return _signed(_Part(values, sound, vacant), form, scale)


def extracted(texts: Any, pattern: str) -> Any:
    """Of each text what the one group of `pattern` is, "" where the whole does not fit."""
    import pyarrow.compute as pc

    whole_cell = f"^(?:{pattern})$"
    fits = pc.match_substring_regex(texts, whole_cell)
    return pc.if_else(fits, pc.replace_substring_regex(texts, whole_cell, r"\1"), "")


def _check_currencies(rows: Rows, array: Any, column: str, form: Form, sound: npt.NDArray[np.bool_]) -> None:
    """Raises SourceRefused where the cells of one column name different currencies."""
    if not _is_text(array.type):
        return
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.fill_null(array.cast(pa.string()), "")
    named = pc.match_substring_regex(texts, _WITH_CURRENCY)
    if form.pattern is None:
        named = pc.and_(named, pa.array(~sound))
    codes = pc.if_else(named, pc.replace_substring_regex(texts, _WITH_CURRENCY, r"\1"), "")
    found = [code for code in pc.unique(codes).to_pylist() if code]
    first = {code: int(pc.index(codes, code).as_py()) for code in found}
    if len(first) > 1:
        said = ", ".join(f"{code} (line {int(rows.line[row])})" for code, row in list(first.items())[:4])
        raise SourceRefused(
            rows.source,
            f"column {column!r} has amounts in different currencies: {said}; one column holds one currency, "
            "give each its own, or a source its own",
        )


def _typed(chunk: Any, form: Form) -> _Part:
    import pyarrow as pa
    import pyarrow.compute as pc

    from settlement.books.arrow import from_decimals

    vacant = pc.is_null(chunk).to_numpy(zero_copy_only=False).copy()
    if pa.types.is_integer(chunk.type):
        scale, values = 0, exact(pc.fill_null(chunk, 0).to_numpy(zero_copy_only=False)).copy()
    else:
        scale = chunk.type.scale
        if pa.types.is_decimal128(chunk.type):
            if vacant.any():
                chunk = pc.fill_null(chunk, pa.scalar(0, chunk.type))
            values = from_decimals(pa.chunked_array([chunk]))
        else:  # decimals of other widths
            values = exact([_unscaled(value, scale) for value in chunk.to_pylist()])
    sound = ~vacant
    if form.sign == "none":
        sound &= ~(values < 0).astype(np.bool_)
    return _signed(_Part(values, sound, vacant), form, scale)


def _unscaled(value: Any, scale: int) -> int:
    return 0 if value is None else int(value.scaleb(scale))


def _signed(part: _Part, form: Form, scale: int) -> _Part:
    """The values in units of the form: from `scale` digits after the point, with factor and sign."""
    values = part.values
    up, down = form.factor * 10 ** max(0, form.scale - scale), 10 ** max(0, scale - form.scale)
    if up != 1:
        fits = values.dtype != object and (not len(values) or _most(values) <= (2**63 - 1) // up)
        values = values * up if fits else exact(values.astype(object) * up)
    if down != 1:
        whole_units = values // down
        part.sound &= (whole_units * down == values).astype(np.bool_)
        values = whole_units
    if form.sign == "reversed":
        values = -values if values.dtype == object or _least(values) > -(2**63) else -values.astype(object)
    elif form.sign == "ignored":
        values = (
            abs(values) if values.dtype == object or _least(values) > -(2**63) else abs(values.astype(object))
        )
    part.values = exact(values)
    return part


def _most(values: Column) -> int:
    return max(int(values.max()), -int(values.min()))


def _least(values: Column) -> int:
    return int(values.min()) if len(values) else 0


def _joined(parts: list[Column]) -> Column:
    if any(part.dtype == object for part in parts):
        return np.concatenate([part.astype(object) for part in parts])
    return np.concatenate(parts)


def _refuse(
    rows: Rows, array: Any, column: str, form: Form, values: Column, sound: npt.NDArray[np.bool_]
) -> None:
    if sound.all():
        return
    bad = np.flatnonzero(~sound)
    values[bad] = 0
    rows.refuse(
        bad, column, lambda row: shown_cell(array, row), lambda row: explain(array[row].as_py(), form)
    )


def _refuse_large(rows: Rows, array: Any, column: str, values: Column, largest: int) -> None:
    if not len(values) or _most(values) <= largest:
        return
    bad = np.flatnonzero((values > largest) | (values < -largest))
    values[bad] = 0
    rows.refuse(
        bad,
        column,
        lambda row: shown_cell(array, row),
        lambda row: f"is too large for the record: at most {largest:,} of its smallest units",
    )


def shown_cell(array: Any, row: int) -> str:
    """A cell for a message; nothing for one that is empty."""
    from settlement.intake.rows import shown

    value = array[row].as_py()
    return "" if value is None else shown(str(value))


def explain(value: object, form: Form) -> str:
    """Why a cell is no number of the form."""
    text = "" if value is None else str(value)
    if not text:
        return "is empty"
    if not isinstance(value, str):
        return "is negative" if text.startswith("-") and form.sign == "none" else _not_whole(form)
    if form.pattern is not None:
        fit = re.fullmatch(form.pattern, text, re.ASCII)
        if fit is None:
            return f"does not fit the pattern {form.pattern}"
        text = fit.group(1)
    if text.endswith(INEXACT):
        return "is kept by the database in floating point, which does not hold so many digits exactly"
    if form.money and (code := _CURRENCY.search(text)):
        return f"names a currency, {code.group(1)}; a `pattern` in the mapping can take the number out"
    bare = text[text[0] in "+-" :] if form.sign != "none" else text
    if bare[:1] in ("+", "-") and form.sign != "none":
        return "has two signs"
    whole_part = bare.partition(form.decimal)[0]
    if form.thousands and form.thousands in bare:
        if not re.fullmatch(rf"[0-9]{{1,3}}(?:{re.escape(form.thousands)}[0-9]{{3}})+", whole_part):
            return f"has its thousands separators {form.thousands!r} in the wrong places"
        bare = bare.replace(form.thousands, "")
    if form.decimal != ".":
        if "." in bare:
            return f"has a point, the decimal sign is {form.decimal!r}"
        bare = bare.replace(form.decimal, ".")
    if form.sign != "none" and text.startswith("-") and not bare.strip("0."):
        return "is a negative zero"
    if re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", bare) and len(bare.partition(".")[0]) <= form.digits:
        return _not_whole(form)
    return Numbers(form.digits, form.scale).explain(bare)


def _not_whole(form: Form) -> str:
    if form.scale:
        return f"has more than {form.scale} decimals"
    return "is fractional, whole units are wanted" if form.factor == 1 else "does not come to whole units"

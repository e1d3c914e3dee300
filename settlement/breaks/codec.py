"""Breaks as JSON and back, exactly: an integer stays one however large, a day stays a day."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from settlement.reconciliation.model import NAMED, Break, Cause, Kind

_DAY = "$day"
_ORDER = {name: place for place, name in enumerate(NAMED)}


def decoded(value: Any) -> Any:
    """What JSON has as the value it was; a list becomes a tuple."""
    if isinstance(value, dict):
        if value.keys() == {_DAY}:
            return date.fromisoformat(value[_DAY])
        return {name: decoded(each) for name, each in value.items()}
    return tuple(map(decoded, value)) if isinstance(value, list) else value


def text_of(value: object) -> str:
    """The one JSON text of a value: equal values have equal texts. Raises TypeError for what has no exact
    form.
    """
    return _ENCODER.encode(value)


def break_to(each: Break) -> dict[str, Any]:
    """Everything of a break, as `text_of` takes it. Raises TypeError where a value is not exact."""
    for values in each.fields.values():
        for value in values.values():
            if not isinstance(value, int | str | date | np.integer | Sequence | None):
                raise TypeError(f"{value!r} cannot be kept exactly")
    whole = {name: getattr(each, name) for name in Break.__slots__}
    whole["causes"] = [{"code": cause.code, "said": cause.said, "mend": cause.mend} for cause in each.causes]
    return whole


def break_from(kept: Mapping[str, Any]) -> Break:
    """The break again, from JSON. Raises KeyError, TypeError and ValueError where it is none."""
    whole = {name: value if type(value) in _PLAIN else decoded(value) for name, value in kept.items()}
    whole["causes"] = tuple(Cause(**cause) for cause in whole["causes"])
    whole["kind"] = Kind(whole["kind"])
    fields = whole["fields"]
    whole["fields"] = {name: fields[name] for name in sorted(fields, key=_place)}
    return Break(**whole)


def _place(name: str) -> tuple[int, str]:
    """Fields in the order in which they name a break."""
    return _ORDER.get(name, len(_ORDER)), name


def substance(kept: Mapping[str, Any]) -> str:
    """What makes a break, as `break_to` or JSON has it, another one where it changes: its kind, and what each
    side has.
    """
    return text_of([kept[name] for name in ("kind", "sides", "fields", "candidates")])


def _exact(value: object) -> Any:
    if isinstance(value, date):
        return {_DAY: value.isoformat()}
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{value!r} cannot be kept exactly")


_PLAIN = (str, int, type(None))
_ENCODER = json.JSONEncoder(
    ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_exact
)

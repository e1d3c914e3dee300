"""Breaks as JSON and back, exactly: an integer stays one however large, a day stays a day."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any, cast

import numpy as np

from settlement.reconciliation.model import Break, Cause, Kind

_DAY = "$day"


def encoded(value: object) -> Any:
    """A value as JSON has it. Raises TypeError for what has no exact form there."""
    if value is None or isinstance(value, bool | int | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, date):
        return {_DAY: value.isoformat()}
    if isinstance(value, Mapping):
        return {str(name): encoded(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [encoded(each) for each in value]
    raise TypeError(f"{value!r} cannot be kept exactly")


def decoded(value: Any) -> Any:
    """The value again; a list becomes a tuple."""
    if isinstance(value, dict):
        if value.keys() == {_DAY}:
            return date.fromisoformat(value[_DAY])
        return {name: decoded(each) for name, each in value.items()}
    return tuple(map(decoded, value)) if isinstance(value, list) else value


def text_of(value: object) -> str:
    """The one JSON text of a value: equal values have equal texts."""
    return json.dumps(encoded(value), ensure_ascii=True, sort_keys=True, separators=(",", ":"))


def break_to(each: Break) -> dict[str, Any]:
    """Everything of a break, as `encoded` takes it."""
    whole = {name: getattr(each, name) for name in Break.__slots__}
    causes = [{"code": cause.code, "said": cause.said, "mend": cause.mend} for cause in each.causes]
    return cast(dict[str, Any], encoded(whole | {"kind": each.kind.value, "causes": causes}))


def break_from(kept: Mapping[str, Any]) -> Break:
    """The break again. Raises KeyError, TypeError and ValueError where it is none."""
    whole = decoded(dict(kept))
    causes = tuple(Cause(**cause) for cause in whole.pop("causes"))
    return Break(**whole | {"kind": Kind(whole["kind"]), "causes": causes})


def substance(each: Break) -> str:
    """What makes a break another one where it changes: its kind, and what each side has."""
    return text_of((each.kind.value, each.sides, each.fields, each.candidates))

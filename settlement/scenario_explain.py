"""What is wrong with a scenario's form, from pydantic's errors to words that name the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from settlement.marked_yaml import Unquoted
from settlement.scenario_checks import Found


def explain(error: ValidationError, model: type[BaseModel]) -> list[Found]:
    """Each of pydantic's findings as a path and a reason; findings of whole-model checks are left out."""
    return [
        (tuple(details["loc"]), _reason(details, model))
        for details in error.errors(include_url=False)
        if details["loc"]
    ]


def _reason(details: ErrorDetails, model: type[BaseModel]) -> str:
    kind, given, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return _unknown_key(details["loc"], model)
    if kind == "string_type":
        return not_text(given)
    if kind == "int_type":
        return f"must be a whole number without quotes, not {shown(given)}"
    if kind == "literal_error":
        allowed = [str(value) for value in _literals(details, model)]
        return f"must be one of {', '.join(allowed)}, not {shown(given)}{nearest(given, allowed)}"
    if kind in ("model_type", "dict_type"):
        return f"must be a mapping of keys, not {shown(given)}"
    if kind == "tuple_type":
        return f"must be a list, not {shown(given)}"
    if kind == "too_short":
        return "must not be empty"
    if kind == "too_long":
        return f"must have at most {context['max_length']:,} entries"
    if kind in ("greater_than_equal", "less_than_equal", "less_than"):
        return f"must be {_bound(kind, context)}, not {given}"
    return str(context.get("error") or details["msg"])


def shown(given: Any) -> str:
    """A value as the YAML file has it, for a message."""
    if isinstance(given, Unquoted):
        return given.text
    if given is None:
        return "null"
    if isinstance(given, dict):
        return "a mapping"
    if isinstance(given, tuple | list):
        return "a list"
    text = repr(given)
    return text if len(text) <= 60 else text[:57] + "..."


def not_text(given: Any) -> str:
    """Why a value is no text."""
    if isinstance(given, int | Unquoted):
        return f'must be text: write it in quotes, "{shown(given)}"'
    return f"must be text, not {shown(given)}"


def _bound(kind: str, context: dict[str, Any]) -> str:
    if kind == "greater_than_equal":
        return f"at least {context['ge']:,}"
    if kind == "less_than_equal":
        return f"at most {context['le']:,}"
    return f"below {context['lt']:,}"


def _unknown_key(path: Sequence[str | int], model: type[BaseModel]) -> str:
    known = list(_model_at(path[:-1], model).model_fields)
    return f"is no key here; known: {', '.join(known)}{nearest(path[-1], known)}"


def nearest(given: Any, known: Sequence[str]) -> str:
    """What was meant, perhaps: " (did you mean EUR?)", or nothing."""
    near = get_close_matches(given, known, n=1, cutoff=0.5) if isinstance(given, str) else []
    return f" (did you mean {near[0]}?)" if near else ""


def _literals(details: ErrorDetails, model: type[BaseModel]) -> tuple[Any, ...]:
    """The values that the literal at the error's place allows."""
    path = list(details["loc"])
    while isinstance(path[-1], int):
        path.pop()
    annotation: Any = _model_at(path[:-1], model).model_fields[str(path[-1])].annotation
    while args := [arg for arg in get_args(annotation) if arg is not Ellipsis]:
        if isinstance(args[0], str):
            return tuple(args)
        annotation = args[0]
    return ()


def _model_at(path: Sequence[str | int], model: type[BaseModel]) -> type[BaseModel]:
    """The model that `path` leads to; list positions do not change it."""
    for part in path:
        if isinstance(part, str):
            annotation: Any = model.model_fields[part].annotation
            while not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
                annotation = get_args(annotation)[0]
            model = annotation
    return model

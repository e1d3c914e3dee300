"""What two versions of an agreement say differently, key by key, as their documents have it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ledger.terms import Terms
from settlement.agreements.names import Names
from settlement.agreements.rendering import scalar, tree


class Difference(NamedTuple):
    """What stands at a key in the one and in the other; None where the one has nothing there.

    Parts of lists go by what they are about: "clauses[performance NAV].shares[Compass Data].share_ppm".
    """

    key: str
    old: str | None
    new: str | None


def differences(old: Terms, new: Terms, names: Names) -> list[Difference]:
    """Every key whose value is another, in the order of the new document; none where the terms are equal."""
    return list(_compared("", tree(old, names), tree(new, names)))


def _compared(key: str, old: Any, new: Any) -> Iterator[Difference]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for each in [*new, *(each for each in old if each not in new)]:
            below = f"{key}.{each}" if key else each
            if each not in old:
                yield Difference(below, None, scalar(new[each]))
            elif each not in new:
                yield Difference(below, scalar(old[each]), None)
            else:
                yield from _compared(below, old[each], new[each])
    elif _is_parts(old) and _is_parts(new):
        before, after = _by_label(old), _by_label(new)
        both = before.keys() & after.keys()
        if [each for each in before if each in both] != [each for each in after if each in both]:
            yield Difference(key, _order(before), _order(after))
        for label, was, now in _compared("", before, after):
            yield Difference(key + label, was, now)
    elif scalar(old) != scalar(new):
        yield Difference(key, scalar(old), scalar(new))


def _is_parts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, Mapping) for part in value)


def _by_label(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The parts of a list by what they are about; by their place where nothing says that."""
    found: dict[str, Any] = {}
    for place, part in enumerate(parts):
        label = _label(part) or str(place)
        again = 2
        while f"[{label}]" in found:
            label = f"{_label(part)} {again}"
            again += 1
        found[f"[{label}]"] = part
    return found


def _label(part: Mapping[str, Any]) -> str:
    for keys in (("basis", "measure"), ("party", "measure"), ("name",)):
        if keys[0] in part:
            return " ".join(str(part[key]) for key in keys if key in part)
    return ""


def _order(parts: Mapping[str, Any]) -> str:
    return ", ".join(label[1:-1] for label in parts)

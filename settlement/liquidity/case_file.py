"""Files of cases for `resolve`: one JSON object, or a list of them.

    {"id": "cycle", "balances": [50, 60, 70], "payments": [[1, 2, 80], [2, 3, 70], [3, 1, 90]]}

has what the parties 1, 2, … hold of the one asset, and payments from whom to whom and how much. Otherwise
balances are {party: amount} or {party: {asset: amount}}, and `instructions`, in place of `payments`, are
lists of legs [payer, payee, asset, amount] or {"legs": [...], "value": ..., "priority": ...}. Amounts are
integers. Other keys of a case are left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from settlement.errors import CaseRefused, InstructionsInvalid
from settlement.files import parse_json
from settlement.liquidity.gridlock import Resolution, resolve
from settlement.liquidity.instructions import ONE_ASSET, Instruction
from settlement.liquidity.objectives import Objective


class _Instruction(BaseModel):
    """An instruction with more to it than legs. What the legs are is checked with the balances."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    legs: list[Any]
    value: int | None = None
    priority: int = 0


@dataclass(frozen=True, slots=True)
class FileCase:
    """A case of a file, not checked beyond its shape. `key` is what its instructions are under."""

    name: str
    balances: Any
    instructions: list[Any]
    key: str


@dataclass(frozen=True, slots=True)
class CaseFile:
    """The cases of a file, and whether it has a list of them."""

    path: str
    cases: tuple[FileCase, ...]
    is_list: bool


def parse(data: bytes, path: str) -> CaseFile:
    """The cases in the bytes of the file at `path`. Raises CaseRefused."""
    try:
        found = parse_json(data)
    except ValueError as error:
        raise CaseRefused(path, "", "", str(error)) from None
    is_list = isinstance(found, list)
    every = found if is_list else [found]
    return CaseFile(path, tuple(_case(each, path, i, is_list) for i, each in enumerate(every)), is_list)


def resolve_case(
    file: CaseFile, case: FileCase, objective: Objective | str, time_limit_s: float
) -> Resolution:
    """Resolve a case of the file. Raises CaseRefused where it says something impossible."""
    try:
        return resolve(case.balances, case.instructions, objective=objective, time_limit_s=time_limit_s)
    except InstructionsInvalid as error:
        where = case.key + error.where.removeprefix("instructions")
        where = where if error.where.startswith("instructions") else error.where
        raise CaseRefused(file.path, case.name, where, error.reason) from None


def as_json(case: FileCase, found: Resolution) -> dict[str, Any]:
    """What came of a case. Amounts are integers and balances have the form that they came in."""
    shown: dict[str, Any] = {
        "id": case.name or None,
        "objective": found.objective.value,
        "settled": list(found.settled),
        "value": found.value,
        "count": found.count,
        "balances": found.balances,
        "objective_reached": found.reached,
        "upper_bound": found.upper_bound,
        "gap": found.gap,
        "optimal": found.is_optimal,
        "proof": found.proof.value,
        "waiting": [
            {
                "position": position,
                "short": [
                    {"party": each.party}
                    | ({} if each.asset == ONE_ASSET else {"asset": each.asset})
                    | {"amount": each.short}
                    for each in short
                ],
            }
            for position, short in found.waiting.items()
        ],
    }
    if found.objective is Objective.PRIORITY:
        shown["levels"] = [
            {"priority": each.priority, "value": each.value, "upper_bound": each.upper_bound}
            for each in found.levels
        ]
    return shown


def _case(given: Any, path: str, position: int, is_list: bool) -> FileCase:
    name = f"case {position}" if is_list else ""
    if not isinstance(given, dict):
        raise CaseRefused(path, name, "", "an object with balances and payments is wanted")
    if isinstance(given.get("id"), (str, int)):
        name = str(given["id"])
    keys = [key for key in ("payments", "instructions") if key in given]
    if "balances" not in given or len(keys) != 1:
        raise CaseRefused(path, name, "", "balances are wanted, and either payments or instructions")
    (key,) = keys
    if not isinstance(given[key], list):
        raise CaseRefused(path, name, key, "a list is wanted")
    # Keys of a JSON object are text: a number names the party that is written so.
    named = isinstance(given["balances"], dict)
    instructions = [_instruction(each, named, path, name, f"{key}[{i}]") for i, each in enumerate(given[key])]
    return FileCase(name, given["balances"], instructions, key)


def _instruction(given: Any, named: bool, path: str, name: str, where: str) -> Any:
    if not isinstance(given, Mapping):
        return _named(given) if named else given
    try:
        model = _Instruction.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join([where, *(str(part) for part in first["loc"])])
        raise CaseRefused(path, name, key, first["msg"]) from None
    return Instruction(_named(model.legs) if named else model.legs, model.value, model.priority)


def _named(given: Any) -> Any:
    """A leg, or a list of them, with numbers of parties and assets as the text they are written as."""
    if not isinstance(given, list):
        return given
    if given and isinstance(given[0], list):
        return [_named(leg) for leg in given]
    names = [str(each) if isinstance(each, int) and not isinstance(each, bool) else each for each in given]
    return [*names[:-1], *given[-1:]]

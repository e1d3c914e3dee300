"""What is to be resolved: balances and instructions, from whatever plain form they come in, checked."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np

from ledger.units import MAX_AMOUNT
from settlement.errors import InstructionsInvalid

Party = Hashable
Asset = Hashable
Place = tuple[Party, Asset]
ONE_ASSET = ""
"""The name of the asset where there is only one and nobody names it."""
MAX_BALANCE = 2**256 - 1
"""What a token contract can hold of one asset."""
MAX_VALUE = 2**128 - 1
MAX_PRIORITY = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Leg:
    """`payer` gives `amount` of `asset` (minor or whole units, 1 to MAX_AMOUNT) to `payee`, another party."""

    payer: Party
    payee: Party
    asset: Asset
    amount: int


@dataclass(frozen=True, slots=True)
class Instruction:
    """Legs that settle all or none. A leg is a Leg, (payer, payee, asset, amount), or, where there is only
    one asset, (payer, payee, amount).

    `value` is what settling it is worth: the sum of its legs' amounts where it is not given, which is right
    for a payment. For delivery versus payment give the amount of cash. The larger `priority` goes first.
    """

    legs: Sequence[Leg | Sequence[Any]]
    value: int | None = None
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Case:
    """Checked: what each party holds of each asset, and what is to settle."""

    held: Mapping[Place, int]
    """Every party and asset that is known, zeros included where they were said."""
    parties: frozenset[Party]
    assets: frozenset[Asset]
    legs: tuple[tuple[Leg, ...], ...]
    values: tuple[int, ...]
    priorities: tuple[int, ...]


def checked(balances: Any, instructions: Any) -> Case:
    """A case from plain forms. `balances` are {(party, asset): n}, {party: {asset: n}}, {party: n} of the one
    asset, or a list of what the parties 1, 2, … have of it; `instructions` are Instructions, lists of legs,
    or single legs, mixed at will. Raises InstructionsInvalid, saying where.
    """
    held, parties, assets = _balances(balances)
    if not _is_list(instructions):
        raise InstructionsInvalid("instructions", f"a list is wanted, not {_shown(instructions)}")
    legs, values, priorities = [], [], []
    for position, given in enumerate(instructions):
        where = f"instructions[{position}]"
        each = given if isinstance(given, Instruction) else Instruction(_legs_of(given, where))
        if not _is_list(each.legs) or not len(each.legs):
            raise InstructionsInvalid(f"{where}.legs", f"at least one leg is wanted, not {_shown(each.legs)}")
        found = tuple(_leg(leg, f"{where}.legs[{i}]", parties, assets) for i, leg in enumerate(each.legs))
        legs.append(found)
        value = sum(leg.amount for leg in found) if each.value is None else each.value
        values.append(_whole(value, f"{where}.value", 0, max(MAX_VALUE, sum(leg.amount for leg in found))))
        priorities.append(_whole(each.priority, f"{where}.priority", -MAX_PRIORITY, MAX_PRIORITY))
    return Case(held, parties, assets, tuple(legs), tuple(values), tuple(priorities))


def like(balances: Any, after: Mapping[Place, int]) -> Any:
    """What parties hold `after`, in the form that `balances` came in."""
    if not isinstance(balances, Mapping):
        return [after[party, ONE_ASSET] for party in range(1, len(balances) + 1)]
    form = _form(balances)
    if form == "places":
        return dict(after)
    if form == "parties":
        return {party: after[party, ONE_ASSET] for party in balances}
    nested: dict[Party, dict[Asset, int]] = {party: {} for party in balances}
    for (party, asset), amount in after.items():
        nested[party][asset] = amount
    return nested


def _balances(given: Any) -> tuple[dict[Place, int], frozenset[Party], frozenset[Asset]]:
    held: dict[Place, int] = {}
    if isinstance(given, Mapping):
        form = _form(given)
        parties: list[Party] = []
        for key, value in given.items():
            where = f"balances[{key!r}]"
            if form == "nested":
                if not isinstance(value, Mapping):
                    raise InstructionsInvalid(where, f"amounts by asset are wanted, not {_shown(value)}")
                parties.append(key)
                for asset, amount in value.items():
                    held[key, asset] = _whole(amount, f"{where}[{asset!r}]", 0, MAX_BALANCE)
                continue
            if form == "places" and not (isinstance(key, tuple) and len(key) == 2):
                raise InstructionsInvalid(where, "every key is to be (party, asset), where one is")
            place = key if form == "places" else (key, ONE_ASSET)
            parties.append(place[0])
            held[place] = _whole(value, where, 0, MAX_BALANCE)
        assets = {asset for _, asset in held}
        return held, frozenset(parties), frozenset(assets or {ONE_ASSET})
    if not _is_list(given):
        raise InstructionsInvalid("balances", f"a list or a mapping is wanted, not {_shown(given)}")
    for i, value in enumerate(given):
        held[i + 1, ONE_ASSET] = _whole(value, f"balances[{i}]", 0, MAX_BALANCE)
    return held, frozenset(range(1, len(given) + 1)), frozenset({ONE_ASSET})


def _form(given: Mapping[Any, Any]) -> str:
    if any(isinstance(value, Mapping) for value in given.values()):
        return "nested"
    return "places" if any(isinstance(key, tuple) for key in given) else "parties"


def _legs_of(given: Any, where: str) -> Sequence[Any]:
    """The legs of an instruction in a plain form: a list of legs, or a single one."""
    if isinstance(given, Leg):
        return [given]
    if not _is_list(given) or not len(given):
        raise InstructionsInvalid(
            where, f"[payer, payee, amount] or a list of legs is wanted, not {_shown(given)}"
        )
    return given if isinstance(given[0], Leg) or _is_list(given[0]) else [given]


def _leg(given: Any, where: str, parties: frozenset[Party], assets: frozenset[Asset]) -> Leg:
    if not isinstance(given, Leg):
        if not _is_list(given) or len(given) not in (3, 4):
            wanted = "[payer, payee, asset, amount] is wanted, or [payer, payee, amount] of the one asset"
            raise InstructionsInvalid(where, f"{wanted}, not {_shown(given)}")
        given = Leg(*given) if len(given) == 4 else Leg(given[0], given[1], ONE_ASSET, given[2])
    for role, party in (("payer", given.payer), ("payee", given.payee)):
        if not _is_name(party) or party not in parties:
            known = _some(parties)
            raise InstructionsInvalid(f"{where}.{role}", f"{_shown(party)} has no balance; {known} have")
    asset = given.asset
    if not _is_name(asset) or asset not in assets:
        if asset == ONE_ASSET:
            reason = f"no asset is named, and balances are of {_some(assets)}"
        else:
            reason = f"{_shown(asset)} is in no balance; " + (
                "no asset is named there" if assets == {ONE_ASSET} else f"{_some(assets)} are"
            )
        raise InstructionsInvalid(f"{where}.asset", reason)
    if given.payer == given.payee:
        raise InstructionsInvalid(f"{where}.payee", f"{_shown(given.payee)} is the payer; another is wanted")
    return Leg(given.payer, given.payee, asset, _whole(given.amount, f"{where}.amount", 1, MAX_AMOUNT))


def _whole(value: Any, where: str, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise InstructionsInvalid(where, f"an integer is wanted, not {_shown(value)}")
    if not least <= value <= most:
        raise InstructionsInvalid(where, f"{_shown(value)} is not from {least} to {most}")
    return int(value)


def _is_name(value: Any) -> bool:
    """Whether a dictionary would not take it for another's name: to one, True is 1, and so is 1.0."""
    if isinstance(value, int):
        return not isinstance(value, bool)
    return isinstance(value, Hashable) and not isinstance(value, Number)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python writes
        return "a number of thousands of digits"
    return text if len(text) <= 60 else text[:57] + "..."


def _some(names: frozenset[Any]) -> str:
    shown = sorted((_shown(name) for name in names), key=lambda text: (len(text), text))
    return ", ".join(shown[:8]) + (", …" if len(shown) > 8 else "") if shown else "none"

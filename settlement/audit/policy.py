"""The access policy of a ledger: `access.yaml` in its directory, and the rules where there is none.

    format: 1
    roles:              # what an institution sees by its roles; of several the one that sees most
      regulator: all    # all | own | masked | refused
      partner: masked
    institutions:       # by name, before its roles
      Aldersgate: all
    people:             # for whom people act
      ana: Aldersgate
      ben: [Aldersgate, Nimbus]
    local: all          # who gives no name, and works on the directory itself
    others: masked      # every other name

Without a rule of the file these hold, by least privilege:

- regulator and auditor see all: that is what they are there for.
- exchange, depository, settlement bank, broker and partner see their own. To a venue belong the trades that
  it recorded, which it knows anyway, but not who holds what; to a depository the holdings and movements of
  the securities that it issued, as its own books have them, but not trades or cash; to a settlement bank the
  same of its cash; to a broker its trades and balances; to a partner its agreements and what they paid.
- a suspended institution sees no more than its own, whatever its roles: a regulator that was put out should
  not go on reading, and nobody loses sight of what belongs to them.
- who gives no name has the directory, and with it every fact: a mask would only seem to hide something.
- everybody else sees masked rows.

A person who acts for several institutions sees the most that one of them does, and the own rows of each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from settlement.errors import DocumentInvalid, Mistake
from settlement.files import read_regular

FILE = "access.yaml"
LOCAL = "local"
"""The viewer who gives no name."""

Rule = Literal["all", "own", "masked", "refused"]
RULES: tuple[Rule, ...] = ("all", "own", "masked", "refused")
ROLES = ("exchange", "depository", "broker", "settlement_bank", "partner", "regulator", "auditor")
"""By their bits on the chain; `ledger.clients.consortium.Role`."""

_DEFAULT: Mapping[str, Rule] = MappingProxyType(
    {role: "all" if role in ("regulator", "auditor") else "own" for role in ROLES}
)


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one ledger."""

    roles: Mapping[str, Rule] = field(default_factory=lambda: _DEFAULT)
    institutions: Mapping[str, Rule] = field(default_factory=dict)
    people: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    local: Rule = "all"
    others: Rule = "masked"

    def of_roles(self, roles: int) -> dict[str, Rule]:
        """The rules of those roles, as the chain has them: role r is bit r."""
        return {name: self.roles[name] for bit, name in enumerate(ROLES) if roles >> bit & 1}


class AccessInvalid(DocumentInvalid):
    """`source` is an access policy."""


def load(folder: Path, institutions: Sequence[str]) -> Policy:
    """The policy of the ledger in `folder`, whose institutions have those names. Raises AccessInvalid and
    FileRefused; a policy that cannot be read lets nobody in.
    """
    path = folder / FILE
    if not path.exists() and not path.is_symlink():
        return Policy()
    return parse(read_regular(path), str(path), institutions)


def parse(data: bytes, source: str, institutions: Sequence[str]) -> Policy:
    """The policy that the YAML `data` holds; `source` names it in the error. Raises AccessInvalid."""
    from settlement import marked_yaml

    try:
        marked = marked_yaml.read(data)
    except marked_yaml.MarkedYamlError as error:
        raise AccessInvalid(source, [error.mistake]) from None
    reading = _Reading(institutions)
    policy = reading.policy(marked.data)
    mistakes = marked.mistakes + [
        Mistake(marked.line(path), marked_yaml.key_text(path), reason) for path, reason in reading.found
    ]
    if mistakes:
        raise AccessInvalid(source, mistakes)
    return policy


class _Reading:
    """One file's data on its way to a policy, and what is wrong with it."""

    def __init__(self, institutions: Sequence[str]) -> None:
        self.known = list(institutions)
        self.found: list[tuple[tuple[str | int, ...], str]] = []

    def policy(self, data: Any) -> Policy:
        top = self._keys((), data, ("format", "roles", "institutions", "people", "local", "others"))
        if "format" in top and top["format"] != 1:
            self.found.append((("format",), f"must be 1, not {_shown(top['format'])}"))
        roles = self._keys(("roles",), top.get("roles", {}), ROLES)
        institutions = self._keys(("institutions",), top.get("institutions", {}), self.known, "institution")
        people = self._mapping(("people",), top.get("people", {}))
        return Policy(
            roles={**_DEFAULT, **{name: self._rule(("roles", name), rule) for name, rule in roles.items()}},
            institutions={name: self._rule(("institutions", name), x) for name, x in institutions.items()},
            people={name: self._person(name, acting) for name, acting in people.items()},
            local=self._rule(("local",), top["local"], masks=False) if "local" in top else "all",
            others=self._rule(("others",), top["others"], own=False) if "others" in top else "masked",
        )

    def _person(self, name: str, acting: Any) -> tuple[str, ...]:
        path = ("people", name)
        if name in self.known:
            self.found.append((path, "is an institution; a person has another name"))
        if not name.strip() or name != name.strip() or not name.isprintable():
            self.found.append((path, "must be a name, without control characters or space at its ends"))
        several = acting if isinstance(acting, tuple) else (acting,)
        if not several:
            self.found.append((path, "must name an institution"))
        for place, each in enumerate(several):
            if not isinstance(each, str) or each not in self.known:
                where = (*path, place) if isinstance(acting, tuple) else path
                near = _nearest(each, self.known)
                self.found.append((where, f"must be an institution of this ledger, not {_shown(each)}{near}"))
        return tuple(each for each in several if isinstance(each, str))

    def _rule(self, path: tuple[str, ...], given: Any, *, own: bool = True, masks: bool = True) -> Rule:
        allowed = [rule for rule in RULES if (own or rule != "own") and (masks or rule in ("all", "refused"))]
        for rule in allowed:
            if rule == given:
                return rule
        near = _nearest(given, allowed)
        self.found.append((path, f"must be one of {', '.join(allowed)}, not {_shown(given)}{near}"))
        return "refused"

    def _keys(
        self, path: tuple[str, ...], given: Any, known: Sequence[str], what: str = "key"
    ) -> dict[str, Any]:
        """The entries of a mapping whose keys are known."""
        found = self._mapping(path, given)
        for key in found.keys() - set(known):
            near = _nearest(key, known)
            shown = ", ".join(known[:8]) + (", …" if len(known) > 8 else "")
            self.found.append(((*path, key), f"is no {what} here; there are {shown}{near}"))
        return {key: value for key, value in found.items() if key in known}

    def _mapping(self, path: tuple[str, ...], given: Any) -> dict[str, Any]:
        if not isinstance(given, dict):
            self.found.append((path, f"must be a mapping of keys, not {_shown(given)}"))
            return {}
        return given


def _shown(given: Any) -> str:
    from settlement.scenario_explain import shown

    return shown(given)


def _nearest(given: Any, known: Sequence[str]) -> str:
    from settlement.scenario_explain import nearest

    return nearest(given, known)

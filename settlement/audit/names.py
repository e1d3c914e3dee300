"""Names of institutions and assets, and what they stand for in the index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from settlement.errors import NameUnknown

TRANSIT = "clearing house"
"""What the transit account, which has index 0, is called."""
CURRENCY = 0x8000
"""Assets above it are currencies, the others securities."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A security or a currency of the register; `issuer` is an institution's index."""

    index: int
    code: str
    issuer: int
    decimals: int

    @property
    def is_currency(self) -> bool:
        """Whether amounts of it are minor units; else they are whole units of a security."""
        return self.index > CURRENCY


@dataclass(frozen=True, slots=True)
class Names:
    """Everybody and everything that has a name on the ledger, by index."""

    institutions: Mapping[int, str]
    assets: Mapping[int, Asset]

    def institution(self, name: str) -> int:
        """The index of an institution. Raises NameUnknown."""
        found = {each: index for index, each in self.institutions.items()}
        if name not in found:
            raise unknown("institution", name, found)
        return found[name]

    def security(self, code: str) -> int:
        """The index of a security. Raises NameUnknown."""
        return self._asset("security", code, currency=False)

    def currency(self, code: str) -> int:
        """The index of a currency. Raises NameUnknown."""
        return self._asset("currency", code, currency=True)

    def decimals(self, code: str) -> int:
        """Digits after the point of a currency that is there."""
        return next(each.decimals for each in self.assets.values() if each.code == code)

    def currencies(self) -> Mapping[str, int]:
        """Code → digits after the point."""
        return {each.code: each.decimals for each in self.assets.values() if each.is_currency}

    def _asset(self, what: str, code: str, *, currency: bool) -> int:
        found = {each.code: each.index for each in self.assets.values() if each.is_currency is currency}
        if code not in found:
            raise unknown(what, code, found)
        return found[code]


def unknown(what: str, name: str, known: Iterable[str], of: str = "on this ledger") -> NameUnknown:
    """The error that says which name is nearest to one that nobody has."""
    from settlement.scenario_explain import nearest

    listed: Sequence[str] = list(known)
    return NameUnknown(what, name, listed or ["none"], of + nearest(name, listed))


def one_of(what: str, name: str, known: Sequence[str]) -> str:
    """The word of `known` that was given, in any case. Raises NameUnknown."""
    for each in known:
        if each.lower() == name.lower().replace("-", "_"):
            return each
    raise unknown(what, name, known, "in this question")

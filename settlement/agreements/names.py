"""What an agreement's document calls institutions and currencies, and what its terms call them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from ledger.errors import InvalidValue
from ledger.ids import currency_exponent
from ledger.records import CURRENCY_FLAG


@dataclass(frozen=True)
class Names:
    """Name ↔ index of institutions, code ↔ index of currencies (ISO 4217)."""

    institutions: Mapping[str, int]
    currencies: Mapping[str, int]

    @classmethod
    def of(cls, institutions: Mapping[str, int], assets: Mapping[str, int]) -> Names:
        """Those of a ledger, whose assets are securities as well."""
        return cls(institutions, {code: index for code, index in assets.items() if index & CURRENCY_FLAG})

    @cached_property
    def _institution(self) -> dict[int, str]:
        return {index: name for name, index in self.institutions.items()}

    @cached_property
    def _currency(self) -> dict[int, str]:
        return {index: code for code, index in self.currencies.items()}

    def institution(self, index: int) -> str:
        """The institution's name; one that is not known shows as "#17"."""
        return self._institution.get(index, f"#{index}")

    def currency(self, index: int) -> str:
        """The currency's code; one that is not known shows as "#17"."""
        return self._currency.get(index, f"#{index}")

    def exponent(self, currency: int) -> int:
        """How many decimals a currency has; 0 where it is not known."""
        try:
            return currency_exponent(self.currency(currency))
        except InvalidValue:
            return 0

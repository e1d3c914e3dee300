"""A scenario: everything that a settlement day needs besides the trade file.

Who takes part and in which roles, the cash and securities, the fees, the agreements that split the
commission, the opening balances, the trade file's format. Scenarios are YAML files; the ones that
ship with the package go by name. Names of keys are those of ISO 20022 and the CPMI-IOSCO glossary
where they have one. Money is a quoted decimal string in currency units, rates are whole parts per
million. A mistake is reported with the file, the key and the line, and all mistakes at once.
"""

from __future__ import annotations

import os
from functools import lru_cache
from importlib.resources import files
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from ledger.errors import InvalidValue
from ledger.ids import currency_exponent, parse_local_code
from ledger.units import PPM, parse_ppm
from settlement import marked_yaml, scenario_checks, scenario_day
from settlement.errors import Mistake, ScenarioInvalid, ScenarioUnknown
from settlement.files import read_regular
from settlement.scenario_explain import explain

Role = Literal["EXCHANGE", "DEPOSITORY", "BROKER", "SETTLEMENT_BANK", "PARTNER", "REGULATOR", "AUDITOR"]
ROLES: tuple[str, ...] = get_args(Role)


def _code(text: str) -> str:
    try:
        return parse_local_code(text)
    except InvalidValue as error:
        raise ValueError(str(error)) from None


Name = Annotated[str, AfterValidator(_code)]
Ppm = Annotated[int, Field(ge=0, le=PPM)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Cash(_Model):
    """The settlement currency (ISO 4217) and the settlement bank that issues it against deposits."""

    currency: str
    issuer: Name


class Institution(_Model):
    """A member of the consortium, by the name that trade files and reports use."""

    name: Name
    roles: Annotated[tuple[Role, ...], Field(min_length=1)]


class Securities(_Model):
    """Which securities there are: the `codes` listed beforehand, or any that a trade file brings first."""

    issuer: Name
    listing: Literal["on_first_trade", "listed"]
    codes: tuple[Name, ...] = ()


class Tier(_Model):
    """Amounts above the previous bound up to and including `up_to`; it and `flat` in currency units (null: no
    bound)."""

    up_to: str | None
    rate_ppm: Ppm
    flat: str = "0"


class Levy(_Model):
    """The regulator's levy, on each side of a trade; it goes whole to `beneficiary`."""

    rate_ppm: Ppm
    beneficiary: Name


class Fees(_Model):
    """What a broker earns on its side of a trade. By slab: the rate of the tier that the amount falls in, on
    the whole of it, and the tier's flat part. Graduated: each tier's rate on what of the amount is in it, and
    the flat parts of all tiers that it enters."""

    kind: Literal["slab", "graduated"] = "slab"
    tiers: Annotated[tuple[Tier, ...], Field(min_length=1, max_length=scenario_checks.MAX_TIERS)]
    levy: Levy


class RevenueShare(_Model):
    """The part of a broker's commission that goes to `party`."""

    party: Name
    share_ppm: Annotated[int, Field(ge=1, le=PPM)]


class Agreements(_Model):
    """The same agreement with every broker as payer, which keeps what the shares leave."""

    shares: tuple[RevenueShare, ...]
    reserve_account: Name | None = None
    """An institution besides the others, which the contract `RevenueSharing` acts for: it keeps the reserves
    of agreements.
    """


class Opening(_Model):
    """Opening balances: the parts, above 0 and up to 1, of cash and of each security that the day takes."""

    cover: str
    securities: str = "1"


class Scenario(_Model):
    """A checked scenario. Built in code or loaded from YAML, its cross-references hold."""

    name: Name
    description: str
    venue: Name
    format: Literal["nepse", "canonical"]
    settlement_lag_days: Annotated[int, Field(ge=0, le=30)]
    """Calendar days from the trading day to the intended settlement date; 0 is T+0."""
    seed: Annotated[int, Field(ge=0, lt=2**64)]
    """Of the institutions' signing keys."""
    cash: Cash
    institutions: Annotated[
        tuple[Institution, ...], Field(min_length=1, max_length=scenario_checks.MAX_INDEX)
    ]
    securities: Securities
    fees: Fees
    agreements: Agreements
    opening: Opening
    day: scenario_day.Day = Field(default_factory=scenario_day.Day)
    fails: scenario_day.Fails | None = None
    default_fund: scenario_day.DefaultFund | None = None
    limits: tuple[scenario_day.Limit, ...] = ()
    happenings: tuple[scenario_day.Happening, ...] = ()

    @model_validator(mode="after")
    def _check_references(self) -> Scenario:
        found = scenario_checks.check(self.model_dump())
        if found:
            raise ValueError("; ".join(f"{marked_yaml.key_text(path)}: {reason}" for path, reason in found))
        return self

    @property
    def exponent(self) -> int:
        """How many decimals the currency has."""
        return currency_exponent(self.cash.currency)

    @property
    def cover_ppm(self) -> int:
        """The opening cash cover in parts per million."""
        return parse_ppm(self.opening.cover)

    @property
    def securities_ppm(self) -> int:
        """The opening cover of each security in parts per million."""
        return parse_ppm(self.opening.securities)

    @property
    def brokers(self) -> tuple[str, ...]:
        """The names of the brokers, in the scenario's order."""
        return self.with_role("BROKER")

    def with_role(self, role: Role) -> tuple[str, ...]:
        """The names of the institutions that have `role`, in the scenario's order."""
        return tuple(institution.name for institution in self.institutions if role in institution.roles)

    def with_cover(self, cover: str) -> Scenario:
        """The same scenario with another cover; raises InvalidValue unless it is above 0 and at most 1."""
        if not parse_ppm(cover):
            raise InvalidValue("cover", cover, "more than 0 is wanted")
        return self.model_copy(update={"opening": self.opening.model_copy(update={"cover": cover})})


def shipped() -> tuple[str, ...]:
    """The names of the scenarios that ship with the package."""
    names = (entry.name for entry in files("settlement").joinpath("scenarios").iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml")))


def load(name_or_path: str | os.PathLike[str]) -> Scenario:
    """The shipped scenario of that name, or the one in the YAML file at that path.

    Raises ScenarioUnknown, FileRefused (missing, empty, a directory, …) or ScenarioInvalid.
    """
    shown = os.fspath(name_or_path)
    return parse(source(name_or_path), source=f"{shown}.yaml" if shown in shipped() else shown)


def source(name_or_path: str | os.PathLike[str]) -> bytes:
    """The YAML of a scenario, as `load` finds it. Raises ScenarioUnknown and FileRefused."""
    shown = os.fspath(name_or_path)
    if isinstance(name_or_path, str) and name_or_path in shipped():
        return files("settlement").joinpath("scenarios", f"{name_or_path}.yaml").read_bytes()
    looks_like_path = isinstance(name_or_path, os.PathLike) or FilePath(shown).name != shown
    if looks_like_path or shown.endswith((".yaml", ".yml")) or (shown and _exists(shown)):
        return read_regular(name_or_path)
    raise ScenarioUnknown(shown, shipped())


def parse(data: bytes, source: str) -> Scenario:
    """The scenario that the YAML `data` holds; `source` names it in the error.

    Raises ScenarioInvalid with every mistake that can be seen at once.
    """
    scenario, mistakes = _read(data)
    if scenario is None or mistakes:
        raise ScenarioInvalid(source, mistakes)
    return scenario


@lru_cache(maxsize=8)
def _read(data: bytes) -> tuple[Scenario | None, list[Mistake]]:
    """Kept, as a command reads the same one again for each ledger that it opens, and nobody can change it."""
    try:
        marked = marked_yaml.read(data)
    except marked_yaml.MarkedYamlError as error:
        return None, [error.mistake]
    if not isinstance(marked.data, dict):
        return None, [Mistake(marked.line(()), "", "a scenario is a mapping of keys")]
    found, scenario = _validate(marked.data)
    mistakes = marked.mistakes + [
        Mistake(marked.line(path), marked_yaml.key_text(path), reason) for path, reason in found
    ]
    return scenario, mistakes


def _validate(data: dict[str, Any]) -> tuple[list[scenario_checks.Found], Scenario | None]:
    crossed = scenario_checks.check(data)
    try:
        return crossed, Scenario.model_validate(data)
    except ValidationError as error:
        shaped = explain(error, Scenario)
    wrong = {path for path, _ in shaped}
    return shaped + [(path, reason) for path, reason in crossed if path not in wrong], None


def _exists(path: str) -> bool:
    try:
        return os.path.exists(path)
    except ValueError:
        return False

"""The canonical form of an agreement's document: one text for one set of terms.

Every key stands in one order and one spelling; what is not needed is left out. `tree` has the same as plain
data, for those who compare.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import yaml

from ledger.terms import BY_TIME, MAX_UP_TO, Basis, Clause, DayCount, Guarantee, Step, Terms, Tier
from ledger.units import PPM
from settlement.agreements.names import Names
from settlement.agreements.parts import PRICE_DECIMALS

BASES = {basis.name.lower(): basis for basis in Basis}
DAY_COUNTS = {
    "ACT/360": DayCount.ACTUAL_360,
    "ACT/365": DayCount.ACTUAL_365,
    "30/360": DayCount.THIRTY_360,
}
PERIODS = {"month": 1, "quarter": 3, "half_year": 6, "year": 12}
SINGLE = dict.fromkeys(Basis, "rate_ppm") | {Basis.SUBSCRIPTION: "amount", Basis.USAGE: "price"}
"""The key that stands for tiers where there is one rate."""
WHOLE = (Basis.COMMISSION, Basis.PERFORMANCE)
"""Of these, no rate means all of it."""
WIDTH = 100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Quoted:
    """A text that is always in quotes: an amount."""

    text: str


@dataclass(frozen=True, slots=True)
class Plain:
    """A text that never is: a date, true."""

    text: str


def plain_tiers(basis: Basis, value: int) -> tuple[Tier, ...]:
    """The one tier that a single rate, price or amount means."""
    is_amount = basis is Basis.SUBSCRIPTION
    return (Tier(MAX_UP_TO, 0 if is_amount else value, value if is_amount else 0),)


def rate_key(basis: Basis) -> str:
    """How a tier's rate is called."""
    return "price" if basis in (Basis.SUBSCRIPTION, Basis.USAGE) else "rate_ppm"


def render(terms: Terms, names: Names) -> str:
    """The document of terms, in YAML. Terms that are not well formed are shown, too, as far as there are
    words.
    """
    return "".join(f"{line}\n" for line in _block(tree(terms, names), ""))


def tree(terms: Terms, names: Names) -> dict[str, Any]:
    """What the document says, as plain data: mappings, lists, texts, numbers, Quoted and Plain."""
    return _Writer(terms, names).top()


def scalar(value: Any) -> str:
    """A value, or a whole part, on one line as the document has it."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {scalar(each)}" for key, each in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(scalar, value)) + "]"
    if isinstance(value, Quoted):
        return json.dumps(value.text)
    if isinstance(value, Plain):
        return value.text
    if isinstance(value, str):
        return _text(value)
    return "null" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class _Writer:
    terms: Terms
    names: Names

    def top(self) -> dict[str, Any]:
        terms, names = self.terms, self.names
        periods = {months: word for word, months in PERIODS.items()}
        document: dict[str, Any] = {
            "agreement": terms.name,
            "version": terms.version,
            "payer": names.institution(terms.payer),
            "currency": names.currency(terms.currency),
            "effective": _moment(terms.effective_from) if terms.effective_from else "on_consent",
            "period": periods.get(terms.months, terms.months),
            "notice_days": terms.notice_days,
            "parties": [names.institution(party) for party in terms.parties],
        }
        if terms.reserve_account:
            document["reserve_account"] = names.institution(terms.reserve_account)
        if terms.measures:
            document["measures"] = [
                {"name": each.name}
                | (
                    {
                        "reporter": names.institution(each.reporter),
                        "countersigner": names.institution(each.countersigner),
                    }
                    if each.countersigner
                    else {"calculation_agent": names.institution(each.reporter)}
                )
                for each in terms.measures
            ]
        document["clauses"] = [self._clause(clause) for clause in terms.clauses]
        if terms.guarantees:
            document["guarantees"] = [self._guarantee(each) for each in terms.guarantees]
        return document

    def _clause(self, clause: Clause) -> dict[str, Any]:
        part: dict[str, Any] = {"basis": clause.basis.name.lower()}
        if clause.measure:
            part["measure"] = self._measure(clause.measure)
        if clause.units:
            part["units"] = self._measure(clause.units)
        if clause.basis is Basis.PERFORMANCE:
            part["opening_value" if clause.resets else "high_water_mark"] = clause.mark
        if clause.hurdle_ppm:
            part["hurdle_ppm"] = clause.hurdle_ppm
        if clause.day_count:
            part["day_count"] = next(word for word, each in DAY_COUNTS.items() if each is clause.day_count)
        part |= self._tiers(clause)
        if (kept := clause.reserve) is not None:
            part["reserve"] = {"rate_ppm": kept.rate_ppm, "release_after_periods": kept.after}
            if kept.measure:
                part["reserve"]["unless"] = {
                    "measure": self._measure(kept.measure),
                    "above": kept.above,
                    "to": self._party(kept.to),
                }
        if clause.floor:
            part["floor"] = self._money(clause.floor)
        if clause.cap:
            part["cap"] = self._money(clause.cap)
        part["shares"] = self._steps(clause)
        return part

    def _tiers(self, clause: Clause) -> dict[str, Any]:
        basis = clause.basis
        if len(clause.tiers) == 1 and not clause.graduated and not clause.tier_by:
            tier = clause.tiers[0]
            value = tier.flat if basis is Basis.SUBSCRIPTION else tier.rate_ppm
            if clause.tiers == plain_tiers(basis, value):
                if basis in WHOLE and value == PPM:
                    return {}
                shown = self._money(value) if basis is Basis.SUBSCRIPTION else self._rate(basis, value)
                return {SINGLE[basis]: shown}
        tiers: dict[str, Any] = {"kind": "graduated" if clause.graduated else "slab"}
        if clause.tier_by:
            tiers["by"] = self._measure(clause.tier_by)
        tiers["rates"] = [self._tier(clause, tier) for tier in clause.tiers]
        return {"tiers": tiers}

    def _tier(self, clause: Clause, tier: Tier) -> dict[str, Any]:
        is_money = not clause.tier_by and clause.basis <= Basis.PERFORMANCE
        bound = self._money(tier.up_to) if is_money else tier.up_to
        row: dict[str, Any] = {"up_to": None if tier.up_to == MAX_UP_TO else bound}
        if tier.rate_ppm or not tier.flat:
            row[rate_key(clause.basis)] = self._rate(clause.basis, tier.rate_ppm)
        if tier.flat:
            row["flat"] = self._money(tier.flat)
        return row

    def _steps(self, clause: Clause) -> Any:
        if len(clause.steps) == 1 and not clause.step_by:
            return self._shares(clause.steps[0])
        part: dict[str, Any] = {}
        if clause.step_by != BY_TIME:
            part["by"] = self._measure(clause.step_by)
        part["steps"] = [self._step(clause, step) for step in clause.steps]
        return part

    def _step(self, clause: Clause, step: Step) -> dict[str, Any]:
        row: dict[str, Any] = {}
        if step.above and clause.step_by == BY_TIME:
            row["from"] = _moment(step.above + 1)
        elif step.above:
            row["above"] = step.above
        return row | {"shares": self._shares(step)}

    def _shares(self, step: Step) -> list[dict[str, Any]]:
        parties = zip(self.terms.parties, step.shares_ppm, strict=False)
        return [{"party": self.names.institution(who), "share_ppm": ppm} for who, ppm in parties if ppm]

    def _guarantee(self, each: Guarantee) -> dict[str, Any]:
        clawback: dict[str, Any] = {}
        if each.rate_ppm:
            clawback["per_unit"] = self._price(each.rate_ppm)
        if each.flat:
            clawback["flat"] = self._money(each.flat)
        if each.cap:
            clawback["cap"] = self._money(each.cap)
        return {
            "party": self._party(each.party),
            "measure": self._measure(each.measure),
            "promised": each.promised,
            "clawback": clawback,
        }

    def _measure(self, place: int) -> str:
        found = 0 < place <= len(self.terms.measures)
        return self.terms.measures[place - 1].name if found else f"#{place}"

    def _party(self, place: int) -> str:
        members = (self.terms.payer, *self.terms.parties)
        return self.names.institution(members[place]) if place < len(members) else f"#{place}"

    def _rate(self, basis: Basis, rate: int) -> Any:
        return self._price(rate) if rate_key(basis) == "price" else rate

    def _money(self, amount: int) -> Quoted:
        return Quoted(_decimal(amount, self.names.exponent(self.terms.currency)))

    def _price(self, rate: int) -> Quoted:
        exponent = self.names.exponent(self.terms.currency)
        whole, _, fraction = _decimal(rate, exponent + PRICE_DECIMALS).partition(".")
        fraction = fraction.rstrip("0").ljust(exponent, "0")
        return Quoted(f"{whole}.{fraction}" if fraction else whole)


def _decimal(amount: int, decimals: int) -> str:
    whole, fraction = divmod(amount, 10**decimals)
    return f"{whole}.{fraction:0{decimals}d}" if decimals else str(whole)


def _moment(seconds: int) -> Plain:
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return Plain(str(seconds))  # later than there are dates; the words have room for it
    return Plain(moment.strftime("%Y-%m-%d" if seconds % 86_400 == 0 else "%Y-%m-%dT%H:%M:%SZ"))


@lru_cache(maxsize=1024)
def _text(text: str) -> str:
    """Without quotes where YAML reads the same text back, also inside a list."""
    try:
        plain = not set(text) & set(",[]{}#:&*!|>'\"%@`?") and yaml.safe_load(text) == text
    except yaml.YAMLError:
        plain = False
    return text if plain else json.dumps(text)


def _block(value: Mapping[str, Any], indent: str) -> Iterator[str]:
    """A mapping, a key a line; what is short stays on one line."""
    for key, each in value.items():
        line = f"{indent}{key}: {scalar(each)}"
        if not isinstance(each, Mapping | list) or not each or (_is_row(each) and len(line) <= WIDTH):
            yield line
            continue
        yield f"{indent}{key}:"
        if isinstance(each, Mapping):
            yield from _block(each, indent + "  ")
            continue
        for item in each:
            yield from _item(item, indent + "  ")


def _item(item: Any, indent: str) -> Iterator[str]:
    line = f"{indent}- {scalar(item)}"
    if not isinstance(item, Mapping) or (_is_row(item) and len(line) <= WIDTH):
        yield line
        return
    first, *rest = _block(item, indent + "  ")
    yield f"{indent}- {first.lstrip()}"
    yield from rest


def _is_row(value: Any) -> bool:
    """Whether it has no parts of its own, so that one line can be read at a glance."""
    parts = value.values() if isinstance(value, Mapping) else value
    return not any(isinstance(part, Mapping | list) for part in parts)

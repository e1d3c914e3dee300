"""An agreement as a document: one readable YAML file a version, from which the terms follow and no others.

    agreement: platform            # the name, unique among the payer's agreements
    version: 1
    payer: Aldersgate              # whose income is shared; it keeps what the shares leave
    currency: EUR
    effective: on_consent          # or 2019-10-01, or 2019-10-01T09:00:00Z
    period: quarter                # month, quarter, half_year, year
    notice_days: 90
    parties: [Lantern Platform, Compass Data]
    reserve_account: Revenue Reserve     # where a clause has a reserve
    measures:                      # may be left out; whole numbers, of money in minor units
      - {name: USERS, reporter: Lantern Platform, countersigner: Aldersgate}
      - {name: AUM, calculation_agent: Plumbline Audit}
    clauses:
      - basis: commission
        tiers:                     # or rate_ppm, the only one; left out, the whole
          kind: graduated          # or slab
          by: USERS                # slab only; left out, the tiers are of the basis itself
          rates:
            - {up_to: "100000.00", rate_ppm: 200000}
            - {up_to: null, rate_ppm: 300000, flat: "10.00"}
        reserve:
          rate_ppm: 50000
          release_after_periods: 4
          unless: {measure: LOSSES, above: 0, to: Aldersgate}
        floor: "1000.00"           # of what the clause comes to in a period
        cap: "50000.00"
        shares:
          - {party: Lantern Platform, share_ppm: 150000}
          - {party: Compass Data, residual: true}    # what the others leave
      - basis: management_fee
        measure: AUM
        rate_ppm: 15000            # or tiers; a year's
        day_count: ACT/365         # or ACT/360, 30/360
        shares:                    # in steps by a measure, or without `by` and each `from` a date
          by: USERS
          steps:
            - shares: [{party: Lantern Platform, share_ppm: 300000}]
            - {above: 1000000, shares: [{party: Lantern Platform, share_ppm: 350000}]}
      - basis: performance
        measure: NAV               # the value a unit, and how many units there are
        units: UNITS               # may be left out: one
        high_water_mark: 10000     # or opening_value: the mark follows the value, down as well
        hurdle_ppm: 40000          # may be left out; a year's, with a day_count
        day_count: 30/360
        shares: …                  # as above
      - {basis: subscription, amount: "500.00", shares: …}        # or tiers
      - {basis: usage, measure: HOURS, price: "12.50", shares: …} # or tiers, with a price each
    guarantees:
      - party: Lantern Platform
        measure: USERS
        promised: 500000
        clawback: {per_unit: "0.05", flat: "100.00", cap: "5000.00"}   # the cap is of both together

Money is a quoted decimal string in currency units, rates are whole millionths; a price may have six digits
more than the currency. `up_to` and `above` are in units of what the tiers or steps go by: money is quoted, a
measure's values are plain whole numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from ledger.terms import (
    BY_TIME,
    MAX_MEASURE,
    MAX_POOL,
    MAX_UP_TO,
    Basis,
    Clause,
    DayCount,
    Guarantee,
    Measure,
    Reserve,
    Step,
    Terms,
    Tier,
)
from ledger.units import PPM
from settlement import marked_yaml
from settlement.agreements.checks import mistakes
from settlement.agreements.names import Names
from settlement.agreements.parts import Part, overlaps
from settlement.agreements.rendering import (
    BASES,
    DAY_COUNTS,
    PERIODS,
    SINGLE,
    WHOLE,
    plain_tiers,
    rate_key,
    render,
)
from settlement.errors import AgreementInvalid, Mistake
from settlement.scenario_checks import Found
from settlement.scenario_explain import nearest

__all__ = ["Names", "read", "render"]

MOST_DECIMALS = 4
"""Of any currency (ISO 4217)."""
_U96, _U64, _U32 = 2**96 - 1, 2**64 - 1, 2**32 - 1


def read(data: bytes, source: str, names: Names, now_s: int = 0, following: int = 0) -> Terms:
    """The terms that a document says; `source` names it in the error. Where `now_s` is given they must not
    take effect before it, where `following` is, their version must be that.

    Raises AgreementInvalid with every mistake that can be seen at once.
    """
    try:
        marked = marked_yaml.read(data)
    except marked_yaml.MarkedYamlError as error:
        raise AgreementInvalid(source, [error.mistake]) from None
    if not isinstance(marked.data, dict):
        raise AgreementInvalid(source, [Mistake(marked.line(()), "", "an agreement is a mapping of keys")])
    reader = _Reader(names)
    terms = reader.terms(Part(marked.data, (), reader.found))
    if 0 < terms.effective_from < now_s:
        reader.found.append((("effective",), f"is in the past: on the ledger it is {_shown(now_s)}"))
    if following and terms.version not in (0, following):
        reader.found.append((("version",), f"must be {following}, the agreement's next, not {terms.version}"))
    wrong = [path for path, _ in reader.found] + reader.unsure
    found = reader.found + [
        (flaw.path, flaw.reason) for flaw in mistakes(terms) if not overlaps(flaw.path, wrong)
    ]
    if found or marked.mistakes:
        said = [Mistake(marked.line(path), marked_yaml.key_text(path), reason) for path, reason in found]
        raise AgreementInvalid(source, marked.mistakes + said)
    return terms


def _shown(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


@dataclass(slots=True)
class _Reader:
    """Reads on after a mistake; the terms are whole where `found` stays empty. Places count from 1."""

    names: Names
    found: list[Found] = field(default_factory=list)
    payer: str = ""
    parties: list[str] = field(default_factory=list)
    measures: list[str] = field(default_factory=list)
    unsure: list[marked_yaml.Path] = field(default_factory=list)
    """Parties of which nothing can be said, as those of the agreement are wrong."""

    def terms(self, top: Part) -> Terms:
        name, version = top.text("agreement"), top.whole("version", _U32, 1)
        payer, currency = self._institution(top, "payer"), self._currency(top)
        self.payer = str(top.data.get("payer"))
        # Where the ledger lacks the currency, no amount is blamed for its decimals.
        top.exponent = self.names.exponent(currency) if currency else MOST_DECIMALS
        effective = 0
        if top.take("effective") != "on_consent" and "effective" in top.data:
            effective = top.moment("effective")
        months = PERIODS.get(top.choice("period", list(PERIODS)), 1)
        notice_days = top.whole("notice_days", 2**16 - 1)
        self.parties = top.names("parties")
        parties = tuple(
            self._index(top, ("parties", place), each) if each else 0
            for place, each in enumerate(self.parties)
        )
        account = self._institution(top, "reserve_account") if top.has("reserve_account") else 0
        rows = top.parts("measures") if top.has("measures") else []
        self.measures = [str(row.data.get("name")) for row in rows]
        terms = Terms(
            *(payer, currency, name, parties),
            tuple(self._clause(row) for row in top.parts("clauses")),
            *(version, effective, notice_days, months),
            tuple(self._measure(row) for row in rows),
            tuple(self._guarantee(row) for row in (top.parts("guarantees") if top.has("guarantees") else ())),
            account,
        )
        top.close()
        return terms

    def _measure(self, row: Part) -> Measure:
        name = row.text("name")
        if row.has("calculation_agent"):
            measure = Measure(name, self._institution(row, "calculation_agent"))
        else:
            row.has("reporter")
            measure = Measure(
                name, self._institution(row, "reporter"), self._institution(row, "countersigner")
            )
        row.close()
        return measure

    def _clause(self, row: Part) -> Clause:
        chosen = row.choice("basis", list(BASES))
        if not chosen:
            return Clause(Basis.SUBSCRIPTION, (Tier(MAX_UP_TO, 0),), (Step(0, (0,) * len(self.parties)),))
        basis = BASES[chosen]
        measured = basis not in (Basis.COMMISSION, Basis.SUBSCRIPTION)
        measure = self._measured(row, "measure") if measured else 0
        performs = basis is Basis.PERFORMANCE
        units = self._measured(row, "units") if performs and row.has("units") else 0
        mark, resets = self._mark(row) if performs else (0, False)
        hurdle_ppm = row.whole("hurdle_ppm", PPM, 1) if performs and row.has("hurdle_ppm") else 0
        day_count = DayCount.NONE
        if basis is Basis.MANAGEMENT_FEE or hurdle_ppm or row.has("day_count"):
            day_count = DAY_COUNTS.get(row.choice("day_count", list(DAY_COUNTS)), DayCount.NONE)
        tiers, graduated, tier_by = self._tiers(row, basis)
        reserve = self._reserve(row.part("reserve")) if row.has("reserve") else None
        floor = row.money("floor", MAX_POOL) if row.has("floor") else 0
        cap = row.money("cap", MAX_POOL) if row.has("cap") else 0
        if "cap" in row.data and not cap and not overlaps(row.at("cap"), [path for path, _ in self.found]):
            row.wrong("cap", "must be above 0; leave it out where there is none")
        steps, step_by = self._steps(row)
        row.close()
        return Clause(
            *(basis, tiers, steps, measure, units, graduated, tier_by, step_by, day_count, floor, cap),
            *(reserve, mark, hurdle_ppm, resets),
        )

    def _mark(self, row: Part) -> tuple[int, bool]:
        resets = row.has("opening_value")
        if resets and row.has("high_water_mark"):
            row.wrong("opening_value", "is instead of high_water_mark")
        return row.whole("opening_value" if resets else "high_water_mark", _U64), resets

    def _tiers(self, row: Part, basis: Basis) -> tuple[tuple[Tier, ...], bool, int]:
        """Tiers, whether they are graduated, what measure they go by."""
        key = SINGLE[basis]
        if row.has(key):
            if row.has("tiers"):
                row.wrong("tiers", f"are instead of {key}")
            return plain_tiers(basis, self._single(row, basis)), False, 0
        if not row.has("tiers"):
            if basis not in WHOLE:
                row.wrong(key, "is missing, or tiers")
            return plain_tiers(basis, PPM), False, 0
        tiers = row.part("tiers")
        if tiers is None:
            return plain_tiers(basis, 0), False, 0
        graduated = tiers.choice("kind", ("slab", "graduated")) == "graduated"
        by = self._measured(tiers, "by") if tiers.has("by") else 0
        is_money = not tiers.has("by") and basis <= Basis.PERFORMANCE
        found = tuple(self._tier(each, basis, is_money) for each in tiers.parts("rates"))
        tiers.close()
        return found, graduated, by

    def _single(self, row: Part, basis: Basis) -> int:
        if basis is Basis.SUBSCRIPTION:
            return row.money("amount", _U96)
        return row.price("price", _U64) if basis is Basis.USAGE else row.whole("rate_ppm", PPM)

    def _tier(self, row: Part, basis: Basis, is_money: bool) -> Tier:
        up_to = MAX_UP_TO
        if row.take("up_to") is not None:
            up_to = row.money("up_to", MAX_UP_TO - 1) if is_money else row.whole("up_to", MAX_UP_TO - 1)
        key = rate_key(basis)
        flat = row.money("flat", _U96) if row.has("flat") else 0
        rate = 0
        if row.has(key) or not row.has("flat"):
            rate = row.price(key, _U64) if key == "price" else row.whole(key, PPM)
        row.close()
        return Tier(up_to, rate, flat)

    def _reserve(self, part: Part | None) -> Reserve | None:
        if part is None:
            return None
        rate_ppm, after = part.whole("rate_ppm", PPM, 1), part.whole("release_after_periods", 255)
        measure = to = above = 0
        unless = part.part("unless") if part.has("unless") else None
        if unless is not None:
            measure, above = self._measured(unless, "measure"), unless.whole("above", MAX_MEASURE)
            if (whom := unless.text("to")) != self.payer:
                to = self._place(unless, "to", whom)
            unless.close()
        part.close()
        return Reserve(rate_ppm, after, measure, to, above) if rate_ppm else None

    def _steps(self, row: Part) -> tuple[tuple[Step, ...], int]:
        """Steps, and what they go by."""
        if not isinstance(row.data.get("shares"), dict):
            return (Step(0, self._shares(row)),), 0
        part = row.part("shares")
        assert part is not None
        by, key = BY_TIME, "from"
        if part.has("by"):
            by, key = self._measured(part, "by"), "above"
        steps = []
        for place, each in enumerate(part.parts("steps")):
            above = 0
            if place or each.has(key):
                above = each.whole("above", MAX_MEASURE) if key == "above" else max(0, each.moment(key) - 1)
            steps.append(Step(above, self._shares(each)))
            each.close()
        part.close()
        return tuple(steps), by

    def _shares(self, row: Part) -> tuple[int, ...]:
        """One a party, in the agreement's order."""
        shares, rest, seen = [0] * len(self.parties), 0, set[int]()
        for each in row.parts("shares"):
            party = each.text("party")
            place = self._place(each, "party", party) if party else 0
            residual = each.yes("residual")
            ppm = 0 if residual else each.whole("share_ppm", PPM)
            if residual and each.has("share_ppm"):
                each.wrong("residual", "is instead of share_ppm")
            if place in seen:
                each.wrong("party", f"{party} has a share here already")
            elif place:
                seen.add(place)
                shares[place - 1] = ppm
            if residual and rest:
                each.wrong("residual", f"{self.parties[rest - 1]} has what is left already")
            elif residual:
                rest = place
            each.close()
        if rest:
            shares[rest - 1] = PPM - sum(shares)
            if shares[rest - 1] <= 0:
                row.wrong("shares", f"leave nothing of the whole of {PPM:,} ppm for the residual")
                shares[rest - 1] = 0
        return tuple(shares)

    def _guarantee(self, row: Part) -> Guarantee:
        party = self._place(row, "party", row.text("party"))
        measure, promised = self._measured(row, "measure"), row.whole("promised", MAX_MEASURE, 1)
        rate = flat = cap = 0
        if (back := row.part("clawback")) is not None:
            rate = back.price("per_unit", _U64) if back.has("per_unit") else 0
            flat = back.money("flat", _U96) if back.has("flat") else 0
            cap = back.money("cap", _U96) if back.has("cap") else 0
            if back.has("cap") and not cap and not overlaps(back.at("cap"), [p for p, _ in self.found]):
                back.wrong("cap", "must be above 0; leave it out where there is none")
            back.close()
        row.close()
        return Guarantee(measure, party, promised, rate, flat, cap)

    def _institution(self, part: Part, key: str) -> int:
        name = part.text(key)
        return self._index(part, part.at(key), name) if name else 0

    def _index(self, part: Part, path: marked_yaml.Path, name: str) -> int:
        known = self.names.institutions
        if name not in known:
            part.found.append((path, f"there is no institution {name!r}{nearest(name, list(known))}"))
        return known.get(name, 0)

    def _currency(self, part: Part) -> int:
        code, known = part.text("currency"), self.names.currencies
        if code and code not in known:
            part.wrong("currency", f"the ledger has no currency {code!r}; there are {', '.join(known)}")
        return known.get(code, 0)

    def _place(self, part: Part, key: str, party: str) -> int:
        if party in self.parties:
            return self.parties.index(party) + 1
        if party and party == self.payer:
            part.wrong(key, f"{party} is the payer, which keeps what the shares leave")
        elif party and any(path[0] == "parties" for path, _ in self.found):
            self.unsure.append(part.at(key))
        elif party:
            part.wrong(key, f"{party} is none of the parties{nearest(party, self.parties)}")
        return 0

    def _measured(self, part: Part, key: str) -> int:
        name = part.text(key)
        if name in self.measures:
            return self.measures.index(name) + 1
        if name:
            part.wrong(key, f"{name!r} is none of the measures{nearest(name, self.measures)}")
        return 0

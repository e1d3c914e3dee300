"""An agreement reckoned from its document, apart from the package: what its terms come to, what is paid when.

Plain ints, fractions and the YAML reader; nothing is imported from the package, and nothing of its words or
terms is used. It was written from what the contracts' interfaces say in prose, so that a test which holds
contract and package against it sees a mistake of either. Amounts are minor units of a currency with two
decimals, periods months as (year, month).
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from typing import Any

PPM = 1_000_000
Month = tuple[int, int]
Document = Mapping[str, Any]
YEARS = {"ACT/360": 360, "ACT/365": 365, "30/360": 360}


def minor(text: str) -> Fraction:
    """A quoted amount of money, or a price, in minor units."""
    return Fraction(text) * 100


def begins(month: Month) -> dt.datetime:
    """The first moment of a month."""
    return dt.datetime(*month, 1, tzinfo=dt.UTC)


def after(month: Month, months: int = 1) -> Month:
    """The month so many later."""
    year, index = divmod(month[0] * 12 + month[1] - 1 + months, 12)
    return year, index + 1


def shared(amount: int, shares: Sequence[int]) -> list[int]:
    """By largest remainder, the payer last with what the shares leave; without the payer's part."""
    every = [*shares, PPM - sum(shares)]
    parts = [floor(Fraction(amount * ppm, PPM)) for ppm in every]
    remainders = [Fraction(amount * ppm, PPM) % 1 for ppm in every]
    for place in sorted(range(len(every)), key=lambda i: (-remainders[i], i))[: amount - sum(parts)]:
        parts[place] += 1
    return parts[:-1]


@dataclass(frozen=True)
class Computed:
    """A clause of a month, for good."""

    basis: int
    pool: int
    reserve: int
    amounts: list[int]


@dataclass
class Reckoned:
    """One agreement from its versions' documents. What it pays is told as (institution, cash gained)."""

    versions: list[tuple[Month, Document]]
    """Each with the first month that it covers."""
    starts_at: dt.datetime
    totals: Counter[Month] = field(default_factory=Counter)
    due: Counter[str] = field(default_factory=Counter)
    measures: dict[Month, dict[str, int]] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)
    computed: dict[tuple[Month, int], Computed] = field(default_factory=dict)
    clawbacks: dict[tuple[Month, int], int] = field(default_factory=dict)

    def document(self, month: Month) -> Document:
        """What covers a month."""
        return [document for first, document in self.versions if first <= month][-1]

    def keeper(self, month: Month) -> str:
        """Whose account reserves lie on."""
        return str(self.document(month)["reserve_account"])

    def earn(self, month: Month, commission: int) -> Counter[str]:
        """What a settlement pays of a commission; what an institution owes is kept back of it."""
        before, self.totals[month] = self.on_account(month), self.totals[month] + commission
        paid = Counter[str]()
        for who, entitled in self.on_account(month).items():
            change = entitled - before[who]
            paid[who] = max(0, min(change, self.due[who] + change))
            self.due[who] += change - paid[who]
        return self._with_payer(paid)

    def on_account(self, month: Month) -> Counter[str]:
        """What each has, or had been paid but for what it owes, of the commission of a month so far."""
        document, total, found = self.document(month), self.totals[month], Counter[str]()
        found.update(dict.fromkeys([*document["parties"], self.keeper(month)], 0))
        for clause in document["clauses"]:
            if clause["basis"] != "commission":
                continue
            by = 0 if "by" in clause.get("tiers", {}) else total
            pool = min([floor(self._tiers(clause, total, by)), *self._bound(clause, "cap")])
            reserve = self._reserve(clause, pool)
            found[self.keeper(month)] += reserve
            step = None if "by" in self._stepped(clause) else begins(month)
            for party, ppm in self._shares(document, clause, step).items():
                found[party] += floor(Fraction((pool - reserve) * ppm, PPM))
        return found

    def run(self, month: Month, lines: Sequence[int]) -> None:
        """Compute lines of a month for good; what comes of it is due."""
        document = self.document(month)
        clauses = document["clauses"]
        for line in lines:
            if line >= len(clauses):
                self._run_guarantee(month, line, document["guarantees"][line - len(clauses)])
                continue
            self._run_clause(month, line, clauses[line])
        if any(line < len(clauses) and clauses[line]["basis"] == "commission" for line in lines):
            assert set(range(4)) <= set(lines), "commission clauses are run together here"
            self.due.subtract(self.on_account(month))

    def pay(self, month: Month, cash: int) -> Counter[str] | None:
        """What is due to the parties and the reserve is paid, all of it, or nothing where the payer has less
        `cash` (then None); the reserve gives back before."""
        keeper, back = self.keeper(month), Counter[str]()
        if self.due[keeper] < 0:
            back[keeper], self.due[keeper] = self.due[keeper], 0
        cash -= back[keeper]
        paid = Counter({who: due for who, due in self.due.items() if due > 0})
        if paid.total() > cash:
            return None if not back else self._with_payer(back)
        for who in paid:
            self.due[who] = 0
        paid.update(back)
        return self._with_payer(paid)

    def release(self, month: Month, line: int) -> tuple[list[int], Counter[str]]:
        """What the reserve of a clause goes to (before netting), and what that pays."""
        document, kept = self.document(month), self.computed[month, line].reserve
        clause, amounts = document["clauses"][line], list[int]()
        rule = clause["reserve"].get("unless")
        if rule and self.measures[month][rule["measure"]] > rule["above"]:
            amounts = [kept if party == rule["to"] else 0 for party in document["parties"]]
        else:
            amounts = shared(kept, list(self._final_shares(month, clause).values()))
        paid = Counter({self.keeper(month): -kept})
        for party, amount in zip(document["parties"], amounts, strict=True):
            netted = min(amount, max(0, -self.due[party]))
            self.due[party] += netted
            paid[party] += amount - netted
        paid[document["payer"]] = -paid.total()
        return amounts, paid

    def _with_payer(self, paid: Counter[str]) -> Counter[str]:
        paid[self.versions[0][1]["payer"]] -= paid.total()
        return paid

    def _run_clause(self, month: Month, line: int, clause: Document) -> None:
        found = self.measures[month]
        match clause["basis"]:
            case "commission":
                basis = self.totals[month]
            case "subscription":
                basis = 1
            case "performance":
                basis = self._performance(month, clause)
            case _:
                basis = found[clause["measure"]]
        by = clause.get("tiers", {}).get("by")
        exact = self._tiers(clause, basis, found[by] if by else basis)
        if clause["basis"] == "management_fee":
            exact *= self._part_of_year(month, clause)
        pool = max([floor(exact), *self._bound(clause, "floor")])
        pool = min([pool, *self._bound(clause, "cap")])
        reserve = self._reserve(clause, pool)
        shares = self._final_shares(month, clause)
        amounts = shared(pool - reserve, list(shares.values()))
        self.computed[month, line] = Computed(basis, pool, reserve, amounts)
        self.due[self.keeper(month)] += reserve
        self.due.update(dict(zip(shares, amounts, strict=True)))

    def _run_guarantee(self, month: Month, line: int, promise: Document) -> None:
        missing, back = promise["promised"] - self.measures[month][promise["measure"]], promise["clawback"]
        owed = 0
        if missing > 0:
            owed = floor(minor(back.get("per_unit", "0")) * missing) + floor(minor(back.get("flat", "0")))
            owed = min([owed, *self._bound(back, "cap")])
        self.clawbacks[month, line] = owed
        self.due[promise["party"]] -= owed

    def _performance(self, month: Month, clause: Document) -> int:
        name, found = clause["measure"], self.measures[month]
        mark = self.marks.get(name, clause.get("high_water_mark", clause.get("opening_value")))
        benchmark = mark
        if "hurdle_ppm" in clause:
            yearly = Fraction(mark * clause["hurdle_ppm"], PPM)
            benchmark += floor(yearly * self._part_of_year(month, clause))
        value = found[name]
        self.marks[name] = value if "opening_value" in clause else max(mark, value)
        return max(0, value - benchmark) * (found[clause["units"]] if "units" in clause else 1)

    def _part_of_year(self, month: Month, clause: Document) -> Fraction:
        start, end = max(begins(month), self.starts_at), begins(after(month))
        days = (end - start).days
        if clause["day_count"] == "30/360":
            days = 30 * (end.year * 12 + end.month - start.year * 12 - start.month)
            days += min(end.day, 30) - min(start.day, 30)
        return Fraction(days, YEARS[clause["day_count"]])

    def _tiers(self, clause: Document, basis: int, by: int) -> Fraction:
        """Before rounding."""
        single = clause["basis"] != "usage"
        if "tiers" not in clause:
            if "amount" in clause:
                return minor(clause["amount"])
            rate = minor(clause["price"]) if "price" in clause else Fraction(clause.get("rate_ppm", PPM), PPM)
            return basis * rate
        tiers, exact, below = clause["tiers"], Fraction(0), 0
        is_money = single and "by" not in tiers
        for tier in tiers["rates"]:
            bound = tier["up_to"]
            up_to = None if bound is None else floor(minor(bound)) if is_money else bound
            rate = minor(tier["price"]) if "price" in tier else Fraction(tier.get("rate_ppm", 0), PPM)
            flat = minor(tier.get("flat", "0"))
            if tiers["kind"] == "slab":
                if up_to is None or by <= up_to:
                    return basis * rate + flat
                continue
            top = basis if up_to is None else min(basis, up_to)
            exact += (top - below) * rate + flat
            if up_to is None or basis <= up_to:
                break
            below = up_to
        return exact

    def _bound(self, part: Document, key: str) -> list[int]:
        return [floor(minor(part[key]))] if key in part else []

    def _reserve(self, clause: Document, pool: int) -> int:
        return floor(Fraction(pool * clause.get("reserve", {}).get("rate_ppm", 0), PPM))

    def _stepped(self, clause: Document) -> Document:
        return clause["shares"] if isinstance(clause["shares"], dict) else {}

    def _final_shares(self, month: Month, clause: Document) -> dict[str, int]:
        by = self._stepped(clause).get("by")
        value = self.measures[month][by] if by else begins(month)
        return self._shares(self.document(month), clause, value)

    def _shares(
        self, document: Document, clause: Document, value: int | dt.datetime | None
    ) -> dict[str, int]:
        """Party → share, by the last step that `value` has reached; None: the first."""
        rows = clause["shares"]
        if isinstance(rows, dict):
            steps = rows["steps"]
            rows = steps[0]["shares"]
            for step in steps[1:]:
                if isinstance(value, dt.datetime):
                    start = dt.datetime.combine(step["from"], dt.time(), dt.UTC)
                    rows = step["shares"] if value >= start else rows
                elif value is not None and value > step["above"]:
                    rows = step["shares"]
        given = {row["party"]: row["share_ppm"] for row in rows}
        return {party: given.get(party, 0) for party in document["parties"]}

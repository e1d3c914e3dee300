"""Agreements on commission for tests, and what a payer gives by them, computed naively in fractions."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from fractions import Fraction
from functools import cache
from math import floor

from eth_utils import keccak

from ledger.contract import Event
from ledger.history import History
from ledger.terms import BY_TIME, MAX_UP_TO, Basis, Clause, Reserve, Step, Terms, Tier, name_key, pack
from settlement.agreements import periods
from settlement.agreements.sharing import MAX_TOTAL, Running, Sharing, fixed
from settlement.agreements.standing import standing
from settlement.market import Market
from tests.quick import calls

PPM = 10**6
PERIOD = 2019 * 12 + 9


def clause(*tiers: tuple[int, ...], shares: tuple[int, ...], **more: object) -> Clause:
    """A commission clause; the last tier is (rate, flat), which has no bound."""
    *bounded, last = tiers
    made = [Tier(*tier) for tier in bounded] + [Tier(MAX_UP_TO, *last)]
    steps = more.pop("steps", (Step(0, shares),))
    return Clause(Basis.COMMISSION, tuple(made), steps, **more)  # type: ignore[arg-type]


def running(
    *clauses: Clause, total: int = 0, dues: dict[int, int] | None = None, parties: int = 2
) -> Running:
    """An agreement of payer 9 with parties 1, 2, …, whose reserve is kept by 7."""
    terms = Terms(9, 5, "a", tuple(range(1, parties + 1)), clauses, reserve_account=7)
    found = {(4, who): due for who, due in (dues or {}).items()}
    return Running.of(terms, 4, PERIOD, {(4, PERIOD): total}, found)


def naive(terms: Clause, total: int) -> list[int]:
    """What the reserve and each party is entitled to of a total, from the words of the interface."""
    tiers = terms.tiers[:1] if terms.tier_by else terms.tiers
    pool, below = Fraction(0), 0
    for tier in tiers:
        last = tier is tiers[-1] or total <= tier.up_to
        part = (total if last else tier.up_to) - below
        if terms.graduated or last:
            pool += Fraction(part * tier.rate_ppm, PPM) + tier.flat
        if terms.graduated:
            below = tier.up_to
        if last:
            break
    whole = min(floor(pool), terms.cap or MAX_TOTAL)
    kept = floor(Fraction(whole * (terms.reserve.rate_ppm if terms.reserve else 0), PPM))
    step = terms.steps[0]
    for later in terms.steps[1:]:
        if terms.step_by == BY_TIME and periods.start_s(PERIOD) > later.above:
            step = later
    return [kept, *(floor(Fraction((whole - kept) * ppm, PPM)) for ppm in step.shares_ppm)]


class Naive:
    """An agreement that keeps what each is entitled to, has been paid, and owes."""

    def __init__(self, clauses: list[Clause], total: int, dues: dict[int, int], who: list[int]) -> None:
        self.clauses, self.total, self.who = clauses, total, who
        self.dues = {each: dues.get(each, 0) for each in who}

    def __copy__(self) -> Naive:
        return Naive(self.clauses, self.total, self.dues, self.who)

    def entitled(self) -> list[int]:
        if not self.total:
            return [0] * len(self.who)
        return [sum(each) for each in zip(*(naive(c, self.total) for c in self.clauses), strict=True)]

    def earn(self, commission: int) -> dict[int, int]:
        before, paid = self.entitled(), dict.fromkeys(self.who, 0)
        self.total = min(self.total + commission, 2**96 - 1)
        for who, old, new in zip(self.who, before, self.entitled(), strict=True):
            if new < old:
                self.dues[who] -= old - new
            else:
                netted = min(new - old, -min(0, self.dues[who]))
                self.dues[who] += netted
                paid[who] = new - old - netted
        return {who: amount for who, amount in paid.items() if amount}


def random_clause(draw: random.Random, parties: int) -> Clause:
    size = draw.choice((20, 5_000, 2**70))
    bounds = sorted({draw.randint(1, size) for _ in range(draw.choice((0, 0, 1, 3)))})
    top = draw.choice((1000, PPM))
    tiers = tuple(
        Tier(up_to, draw.randint(0, top), draw.randint(0, 30) if i and draw.random() < 0.4 else 0)
        for i, up_to in enumerate([*bounds, MAX_UP_TO])
    )
    if not draw.randint(0, 3):
        tiers = (Tier(MAX_UP_TO, PPM),)
    counts = draw.choice((1, 1, 3))
    above = sorted({draw.randint(1, 2 * periods.start_s(PERIOD)) for _ in range(counts - 1)})
    by = draw.choice((BY_TIME, 1)) if counts > 1 else 0
    steps = tuple(
        Step(start, tuple(draw.randint(0, PPM // parties) for _ in range(parties))) for start in (0, *above)
    )
    graduated = draw.random() < 0.5
    return Clause(
        Basis.COMMISSION,
        tiers,
        steps,
        graduated=graduated,
        tier_by=0 if graduated else draw.choice((0, 0, 1)),
        step_by=by,
        cap=draw.choice((0, 0, draw.randint(1, size))),
        reserve=draw.choice((None, Reserve(draw.randint(1, PPM), 1))),
    )


def random_sharing(draw: random.Random, agreements: int = 2) -> tuple[Sharing, list[Naive]]:
    made: list[Running] = []
    beside: list[Naive] = []
    for _ in range(draw.randint(0, agreements)):
        parties = draw.randint(1, 3)
        clauses = [random_clause(draw, parties) for _ in range(draw.choice((1, 1, 2)))]
        total = draw.choice((0, draw.randint(0, 30), draw.randint(0, 6_000), 2**96 - 5))
        who = [7, *range(1, parties + 1)]
        dues = {each: draw.choice((0, 0, draw.randint(-50, 50))) for each in who}
        made.append(running(*clauses, total=total, dues=dues, parties=parties))
        beside.append(Naive(clauses, total, dues, who))
    return Sharing(tuple(made)), beside


def giving(beside: Sequence[Naive]) -> Callable[[int], int]:
    """What the payer gives away of so much more commission at once."""

    @cache
    def given(commission: int) -> int:
        return sum(sum(copy(each).earn(commission).values()) for each in beside)

    return given


def alike(shares_ppm: Sequence[int], totals: dict[int, int]) -> dict[int, Sharing]:
    """Payers that all have one agreement of fixed shares, payer → what it has earned before."""
    shares = dict(enumerate(shares_ppm, 100))
    return {payer: fixed(shares, total) for payer, total in totals.items()}


def earned(history: History, currency: int) -> dict[int, int]:
    """Payer → the newest running total of its commission in a currency."""
    accruals = standing(history.revenue).accruals
    return {each.payer: each.after for each in accruals if each.currency == currency}


def commission_totals(market: Market, brokers: Iterable[str]) -> dict[str, int]:
    """The running total of the scenario's agreement with each broker, in the period of the newest block."""
    brokers, key = list(brokers), name_key("commission")
    asked = [(market.index[broker], key) for broker in brokers]
    agreements = calls(market.clients.agreements, "agreementNamed", asked)
    period = periods.at(market.chain.block().timestamp, 3)
    totals = calls(market.clients.revenue, "totalOf", [(agreement, period) for agreement in agreements])
    return dict(zip(brokers, totals, strict=True))


def conclusion(terms: Terms, agreement_id: int, transaction: bytes, starts_at: int = 0) -> list[Event]:
    """The events by which terms are proposed and concluded, without those of consents."""
    known = keccak(text=f"terms {agreement_id} {terms.version}")
    proposed = {"termsHash": known, "payer": terms.payer, "institution": terms.payer, "terms": pack(terms)}
    concluded = {
        "agreementId": agreement_id,
        "version": terms.version,
        "termsHash": known,
        "startsAt": starts_at,
        "fromPeriod": periods.at(starts_at, terms.months),
    }
    return [
        Event("TermsProposed", proposed, transaction),
        Event("AgreementConcluded", concluded, transaction),
    ]


def accrual(agreement_id: int, period: int, before: int, after: int, transaction: bytes) -> Event:
    """The event of an accrual."""
    told = {"agreementId": agreement_id, "period": period, "totalBefore": before, "totalAfter": after}
    return Event("RevenueAccrued", told, transaction)


def due_changed(agreement_id: int, institution: int, due: int, transaction: bytes) -> Event:
    """The event of a due that has changed."""
    return Event(
        "DueChanged", {"agreementId": agreement_id, "institution": institution, "due": due}, transaction
    )

"""What there is to do under a ledger's agreements, counted; it follows from their facts alone."""

from __future__ import annotations

from dataclasses import dataclass

from settlement.agreements import planning
from settlement.agreements.facts import Facts


@dataclass(frozen=True, slots=True)
class Attention:
    """Counts over all agreements of a ledger; amounts in minor units."""

    concluded: int = 0
    """Agreements, whether or not there is anything to do under them."""
    lines: int = 0
    """That can be run: their periods have ended, and nothing is missing."""
    reserves: int = 0
    """That can be released."""
    measures: int = 0
    """That a line or a reserve waits for, each of an agreement and period once."""
    unpaid: int = 0
    """Agreements whose payer owes something, `unpaid_minor` altogether."""
    unpaid_minor: int = 0
    owed_back_minor: int = 0
    """What parties owe payers, clawbacks above all; what they earn next is netted against it."""
    contests: int = 0
    """Lines, each by one institution, that are contested."""


def attention(facts: Facts, now_s: int) -> Attention:
    """What there is to do at a moment, chain seconds."""
    lines = reserves = unpaid = unpaid_minor = owed_back_minor = contests = 0
    measures: set[tuple[int, int, str]] = set()
    for agreement_id, of in facts.agreements.items():
        plan, releases = planning.plan(of, now_s), planning.releases(of, now_s)
        lines += sum(len(each) for _, each in plan.ready)
        reserves += sum(len(each) for _, each in releases.ready)
        waiting = (*plan.waiting, *releases.waiting)
        measures |= {(agreement_id, each.period, each.measure) for each in waiting if each.measure}
        due = sum(each for each in of.dues.values() if each > 0)
        unpaid, unpaid_minor = unpaid + bool(due), unpaid_minor + due
        owed_back_minor -= sum(each for each in of.dues.values() if each < 0)
        contests += len(of.contests)
    return Attention(
        concluded=len(facts.agreements),
        lines=lines,
        reserves=reserves,
        measures=len(measures),
        unpaid=unpaid,
        unpaid_minor=unpaid_minor,
        owed_back_minor=owed_back_minor,
        contests=contests,
    )

"""Each party's account under an agreement, period by period, from the contract's events.

Every movement of cash belongs to one period: an accrual's to its period, a run's to the period run, a
release's to the period released, a payment of what was still due to the period last run before it. So
`opening + earned - paid == closing` in each, and what stands last is what the contract has as due.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from ledger.clients.revenue_sharing import IN_THE_RUN
from settlement.agreements.explaining import Naming, basis_words, formula, tier_words
from settlement.agreements.facts import AgreementFacts, ClauseRun, DueChanged, GuaranteeRun
from settlement.agreements.lines import Kind, Line, PartyAccount
from settlement.agreements.replaying import Earning, Replayed, replay


@dataclass(frozen=True, slots=True)
class Payment:
    """Cash that an institution received under the agreement, or (negative) paid back, minor units."""

    transaction: bytes
    period: int
    institution: int
    amount: int


def payments(of: AgreementFacts) -> list[Payment]:
    """What each institution, the payer apart, received and paid back, in the chain's order.

    It is what an institution earned in a transaction, less what it is owed more than before, which
    DueChanged says.
    """
    return [each for step in _steps(of) for each in step.payments]


def accounts(of: AgreementFacts, naming: Naming) -> dict[int, tuple[PartyAccount, ...]]:
    """The accounts of every period of which there is anything, by period: first the parties of its terms, in
    their order, then the reserve's account, then who is none of these but had something due or paid.

    Raises LedgerDisagrees where the contract computed what could not be computed; whether it computed right
    is for `settlement.agreements.verifying`.
    """
    lines: dict[int, list[Line]] = {period: [] for period in of.begun()}
    paid: dict[tuple[int, int], int] = {}
    for step in _steps(of):
        for replayed in step.replayed:
            if replayed.period is not None:
                lines[replayed.period] += _lines(of, replayed, naming)
        for payment in step.payments:
            place = payment.period, payment.institution
            paid[place] = paid.get(place, 0) + payment.amount
    opening: dict[int, int] = {}
    found = {}
    for period, of_period in lines.items():
        found[period] = tuple(_accounts(of, period, of_period, paid, opening))
        opening = {account.party: account.closing_minor for account in found[period]}
    return found


@dataclass(frozen=True, slots=True)
class _Step:
    """One transaction: what happened in it, and what was paid."""

    replayed: list[Replayed]
    payments: list[Payment]


def _steps(of: AgreementFacts) -> Iterator[_Step]:
    due: dict[int, int] = {}
    last_run = of.agreement.versions[0].from_period
    for transaction, group in groupby(replay(of), key=lambda each: each.fact.transaction):
        replayed = list(group)
        for each in replayed:
            if isinstance(each.fact, ClauseRun | GuaranteeRun):
                last_run = each.fact.period
        yield _Step(replayed, _paid(transaction, replayed, due, last_run))


def _paid(transaction: bytes, replayed: list[Replayed], due: dict[int, int], last_run: int) -> list[Payment]:
    """Payments of one transaction; `due` is brought up to it."""
    paid: dict[tuple[int, int], int] = {}
    latest: dict[int, int] = {}
    after = {}
    for each in replayed:
        if isinstance(each.fact, DueChanged):
            after[each.fact.institution] = each.fact.due
        if each.period is not None:
            for institution, amount in each.earned().items():
                place = institution, each.period
                paid[place] = paid.get(place, 0) + amount
                latest[institution] = each.period
    for institution, now in after.items():
        place = institution, latest.get(institution, last_run)
        paid[place] = paid.get(place, 0) + due.get(institution, 0) - now
        due[institution] = now
    return [
        Payment(transaction, period, institution, amount)
        for (institution, period), amount in paid.items()
        if amount
    ]


def _accounts(
    of: AgreementFacts,
    period: int,
    lines: list[Line],
    paid: dict[tuple[int, int], int],
    opening: dict[int, int],
) -> Iterator[PartyAccount]:
    terms = of.version(period).terms
    first = [*terms.parties, *([terms.reserve_account] if terms.reserve_account else [])]
    others = [party for party, amount in opening.items() if amount]
    others += [party for at, party in paid if at == period] + [line.party for line in lines]
    for party in dict.fromkeys(first + sorted(others)):
        own = tuple(line for line in lines if line.party == party)
        before, earned = opening.get(party, 0), sum(line.amount_minor for line in own)
        received = paid.get((period, party), 0)
        yield PartyAccount(party, before, earned, received, before + earned - received, own)


def _lines(of: AgreementFacts, replayed: Replayed, naming: Naming) -> Iterator[Line]:
    fact, version, period = replayed.fact, replayed.version, replayed.period
    assert version is not None
    assert period is not None
    measures = of.final_measures(period)
    for each in replayed.earnings:
        if not each.exact and not each.amount and each.kind is not Kind.CLAWBACK:
            continue
        value = 0
        if each.kind is Kind.CLAWBACK:
            promise = version.terms.guarantees[each.line - len(version.terms.clauses)]
            value = measures[version.terms.measures[promise.measure - 1].name]
        yield Line(
            agreement_id=of.agreement.agreement_id,
            version=version.version,
            period=period,
            line=each.line,
            kind=each.kind,
            party=each.institution,
            basis=basis_words(version.terms, each.line, each.kind),
            tier=tier_words(version.terms, replayed, each, naming),
            formula=formula(version.terms, each, naming, value=value),
            exact=each.exact,
            rounding=each.exact - each.amount,
            amount_minor=each.amount,
            transaction=fact.transaction,
            block=fact.block,
            contested=tuple(_contested(of, period, each, fact.transaction, naming)),
        )


def _contested(
    of: AgreementFacts, period: int, earning: Earning, transaction: bytes, naming: Naming
) -> Iterator[str]:
    """Contests of the line by whom it concerns: the institution that earned it, and the payer."""
    named = {transaction} if earning.kind in (Kind.ACCRUAL, Kind.RELEASE) else {transaction, IN_THE_RUN}
    for each in of.contests.values():
        here = (each.period, each.line) == (period, earning.line) and each.settled_in in named
        if here and each.institution in (earning.institution, of.agreement.payer):
            yield f"{naming.of(each.institution)}: {each.reason}"

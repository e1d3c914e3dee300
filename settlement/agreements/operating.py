"""What is done under agreements once their periods have ended: lines computed, dues paid, reserves released,
lines contested.

Each step looks at what the chain has and does what is missing, so it can be repeated after whatever
interrupted it: what was done before is said to be so, and is no error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ledger.chain import Receipt
from ledger.clients.revenue_sharing import IN_THE_RUN
from ledger.errors import InvalidValue
from settlement.agreements import planning
from settlement.agreements.account import Payment, payments
from settlement.agreements.desk import Desk, Named
from settlement.agreements.errors import NotTheirs, SharingRefused
from settlement.agreements.explaining import basis_words
from settlement.agreements.facts import AgreementFacts, ClauseRun, GuaranteeRun, Released
from settlement.agreements.lines import Kind
from settlement.agreements.planning import Waiting
from settlement.agreements.replaying import replay
from settlement.errors import NameUnknown

LONGEST_REASON = 200
"""Bytes of a contest's reason."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one line came to in a run, or what of it was released, for all together; minor units."""

    transaction: bytes
    line: int
    basis: str
    """In words."""
    amount: int
    """A clawback's is negative."""
    on_account: int
    """What settlements had paid of it before."""


@dataclass(slots=True)
class Done:
    """What a run or a release did, and what it could not."""

    lines: list[tuple[Named, int, tuple[int, ...], bytes]] = field(default_factory=list)
    """(agreement, period, lines, transaction), in order."""
    results: list[Result] = field(default_factory=list)
    paid: list[Payment] = field(default_factory=list)
    """What each institution but the payers received in these transactions, or paid back."""
    waiting: list[tuple[Named, Waiting]] = field(default_factory=list)
    deferred: dict[str, int] = field(default_factory=dict)
    """Agreement → what its payer has too little cash for, minor units; it stays due."""

    @property
    def needs_attention(self) -> bool:
        """Whether anything waits, for a measure or for cash."""
        return bool(self.waiting or self.deferred)


def run(desk: Desk, agreements: Sequence[Named], period: int | None = None) -> Done:
    """Compute every line that can be computed now, of every period that has ended or of one, in order, and
    hold the contract's figures against the second computation, before and after.

    Raises LedgerDisagrees; then nothing more is run.
    """
    desk.verify()
    done = Done()
    for named in agreements:
        found = planning.plan(named.of, desk.now_s, period)
        sender = desk.anyone(named) if found.ready else None
        for each, lines in found.ready:
            assert sender is not None
            desk.ledger.progress(f"computing {named.name}, {desk.written(named, each)}")
            sent = desk.revenue.run(sender, named.agreement_id, each, lines)
            done.lines.append((named, each, lines, sent.transaction_hash))
        done.waiting += [(named, each) for each in found.waiting]
    _look(desk, done)
    done.deferred = {named.name: owed(named.of) for named in agreements if owed(named.of)}
    return done


def pay(desk: Desk, named: Named) -> tuple[int, int]:
    """Have the payer pay what is due; (what was due, what is due now), minor units. The two are the same
    where the payer has too little, and 0 where nothing was due.
    """
    before = owed(named.of)
    for each in reversed(named.of.agreement.versions):
        receivers = (*each.terms.parties, each.terms.reserve_account)
        if any(named.of.dues.get(index, 0) > 0 for index in receivers):
            desk.revenue.pay(desk.anyone(named), named.agreement_id, each.version)
            desk.read()
    if before:
        desk.verify()
    return before, owed(named.of)


def repay(desk: Desk, named: Named, by: str) -> int:
    """Have an institution pay back all that it owes the payer; how much that was, minor units. Raises
    SharingRefused where it holds less, NotTheirs where it has never had a part in the agreement.
    """
    index = desk.institution(by)
    agreement = named.of.agreement
    parties = {party for each in agreement.versions for party in each.terms.parties}
    if index not in parties:
        raise NotTheirs(named.name, by, "repay", [desk.names[each] for each in sorted(parties)])
    owes = max(0, -named.of.dues.get(index, 0))
    if owes:
        held = desk.ledger.balances().get((index, named.of.agreement.currency), 0)
        if held < owes:
            money = desk.money(named)
            reason = f"{by} owes {money.amount(owes)} and has {money.amount(held)}"
            raise SharingRefused(named.name, f"{reason}; what it receives next is netted against it")
        desk.revenue.repay(desk.signer(by), named.agreement_id)
        desk.read()
        desk.verify()
    return owes


def release(desk: Desk, agreements: Sequence[Named]) -> Done:
    """Release every reserve whose time has come and which waits for nothing. Raises LedgerDisagrees."""
    desk.verify()
    done = Done()
    for named in agreements:
        found = planning.releases(named.of, desk.now_s)
        for period, clauses in found.ready:
            sent = desk.revenue.release(desk.anyone(named), named.agreement_id, period, clauses[0])
            done.lines.append((named, period, clauses, sent.transaction_hash))
        done.waiting += [(named, each) for each in found.waiting]
    _look(desk, done)
    return done


def contest(
    desk: Desk, named: Named, period: str, line: int, reason: str, by: str, transaction: bytes = IN_THE_RUN
) -> Receipt | None:
    """Record that a party contests a line, of the settlement in `transaction` or of the run; None where it
    does already. Raises NotTheirs, PeriodUnknown, NameUnknown, SharingRefused and InvalidValue.
    """
    first = _place(desk, named, period, line, by, transaction)
    # What a terminal passes on that is no text is kept as half a character, which nothing can encode.
    if not 0 < len(reason.encode(errors="surrogatepass")) <= LONGEST_REASON or not _is_text(reason):
        raise InvalidValue("reason", reason, f"1 to {LONGEST_REASON} bytes of UTF-8 are wanted")
    if (first, line, transaction, desk.institution(by)) in named.of.contests:
        return None
    signer = desk.signer(by)
    return desk.revenue.contest(signer, named.agreement_id, first, line, reason, transaction)


def resolve(
    desk: Desk, named: Named, period: str, line: int, by: str, transaction: bytes = IN_THE_RUN
) -> Receipt | None:
    """Contest a line no more; None where the institution does not. Raises as `contest` does."""
    first = _place(desk, named, period, line, by, transaction)
    if (first, line, transaction, desk.institution(by)) not in named.of.contests:
        return None
    return desk.revenue.resolve(desk.signer(by), named.agreement_id, first, line, transaction)


def _look(desk: Desk, done: Done) -> None:
    """Hold what was done against the second computation, and see what came of it."""
    if not done.lines:
        return
    desk.read()
    desk.verify()
    sent = {transaction for *_, transaction in done.lines}
    for named in {named.agreement_id: named for named, *_ in done.lines}.values():
        done.paid += [each for each in payments(named.of) if each.transaction in sent]
        done.results += [each for each in _results(named.of) if each.transaction in sent]


def _results(of: AgreementFacts) -> Iterator[Result]:
    for each in replay(of):
        fact, kind, gained = each.fact, Kind.RUN, sum(each.earned().values())
        match fact:
            case ClauseRun():
                line, amount = fact.clause, sum(fact.amounts) + fact.reserve
            case GuaranteeRun():
                line, amount = each.earnings[0].line, gained
            case Released():
                line, amount, kind = fact.clause, sum(fact.amounts) + fact.to_payer, Kind.RELEASE
                gained = amount
            case _:
                continue
        assert each.version is not None
        basis = basis_words(each.version.terms, line, kind)
        yield Result(fact.transaction, line, basis, amount, amount - gained)


def owed(of: AgreementFacts) -> int:
    """What the payer owes under an agreement, to all together, minor units."""
    return sum(due for due in of.dues.values() if due > 0)


def _is_text(text: str) -> bool:
    return not any("\ud800" <= each <= "\udfff" for each in text)


def _place(desk: Desk, named: Named, text: str, line: int, by: str, transaction: bytes) -> int:
    """The period of a line that `by` can contest."""
    period, version = desk.period(named, text)
    terms = version.terms
    parties = (terms.payer, *terms.parties)
    if desk.institution(by) not in parties:
        raise NotTheirs(named.name, by, "contest its lines", [desk.names[each] for each in parties])
    if not 0 <= line < terms.lines:
        known_lines = [str(each) for each in range(terms.lines)]
        raise NameUnknown("line", str(line), known_lines, f"of {named.name}")
    known = {fact.transaction for fact in named.of.happened if getattr(fact, "period", None) == period}
    if transaction != IN_THE_RUN and transaction not in known:
        reason = (
            f"nothing of {text} came about in transaction 0x{transaction.hex()}; a statement says in which"
        )
        raise SharingRefused(named.name, reason)
    if transaction == IN_THE_RUN and (period, line) not in planning.computed(named.of):
        reason = f"line {line} of {text} has not been run; of a settlement, say which with --transaction"
        raise SharingRefused(named.name, reason)
    return period

"""Statements of a ledger: its agreements' accounts, checked against the second computation first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime

from ledger.clients.revenue_sharing import ReportStatus
from settlement.agreements import periods, planning
from settlement.agreements.account import accounts
from settlement.agreements.desk import Desk, Named
from settlement.agreements.explaining import basis_words
from settlement.agreements.lines import Kind, PartyAccount
from settlement.agreements.registry import Concluded
from settlement.agreements.statements.statement import Head, Statement, statement
from settlement.errors import NameUnknown

_DOING = {ReportStatus.REPORTED: "to countersign", ReportStatus.DISPUTED: "to report again"}
"""What is to be done about a measure, by where it stands."""


def read(desk: Desk, named: Named, period: str, party: str | None = None) -> Statement:
    """The statement of an agreement for a period, or for all its periods within a longer one, of one `party`
    or of all.

    Raises PeriodUnknown, InvalidValue and NameUnknown for what there is not, LedgerDisagrees where the
    contract's figures are not what comes out again.
    """
    span = desk.span(named, period)
    index = None if party is None else desk.institution(party)
    desk.verify()
    found = accounts(named.of, desk.naming)
    shown = _rolled(span, found)
    known = {account.party for each in shown for account in each}
    if index is not None and index not in known:
        names = [desk.names[each] for each in sorted(known)]
        raise NameUnknown("party", str(party), names or ["none yet"], f"of {named.name} in {period}")
    head = desk.ledger.market.chain.block()
    first, last = min(span), max(span)
    end_s = periods.end_s(last, span[last].terms.months)
    times = desk.ledger.read().times
    lines = [line for each in shown for account in each for line in account.lines]
    return statement(
        Head(
            payer=desk.names[named.payer],
            agreement=named.of.agreement.name,
            agreement_id=named.agreement_id,
            period=period,
            first_day=_day(periods.start_s(first)),
            last_day=_day(end_s - 1),
            money=desk.money(named),
            periods={each: periods.text(each, version.terms.months) for each, version in span.items()},
            names=desk.names,
            reserve=span[last].terms.reserve_account,
            block=head.number,
            block_hash=head.hash,
        ),
        shown,
        {line.block: _day(times[line.transaction]) for line in lines},
        index,
        list(named.of.contests.values()),
        list(_not_computed(desk, named, span)),
    )


def _not_computed(desk: Desk, named: Named, span: Mapping[int, Concluded]) -> Iterator[str]:
    """The lines of periods that are over which no run has computed, in words, with whose turn it is."""
    found = planning.plan(named.of, desk.now_s)
    turns: dict[tuple[int, int], list[str]] = {
        (period, line): ["nobody has run it"] for period, lines in found.ready for line in lines
    }
    for each in found.waiting:
        doing = _DOING.get(each.status, "to report")
        turn = f"{desk.names.get(each.institution, '')} {doing} {each.measure}"
        if each.after is not None:
            turn = f"line {each.line} of {desk.written(named, each.after)} comes first"
        turns.setdefault((each.period, each.line), []).append(turn)
    for (period, line), whose in sorted(turns.items()):
        if period in span:
            basis = basis_words(span[period].terms, line, Kind.RUN)
            yield f"line {line} of {desk.written(named, period)}, {basis}: {'; '.join(whose)}"


def _rolled(
    span: Iterable[int], found: dict[int, tuple[PartyAccount, ...]]
) -> list[tuple[PartyAccount, ...]]:
    """The accounts of each period of the span. Where nothing has happened since, an account stands as it
    stood.
    """
    shown = []
    for period in span:
        if period in found:
            shown.append(found[period])
            continue
        before = [each for each in found if each < period]
        stood = found[max(before)] if before else ()
        shown.append(tuple(PartyAccount(a.party, a.closing_minor, 0, 0, a.closing_minor, ()) for a in stood))
    return shown


def _day(seconds: int) -> date:
    return datetime.fromtimestamp(seconds, UTC).date()

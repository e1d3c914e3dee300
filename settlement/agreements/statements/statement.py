"""What an agreement brought its parties in a period or in several, checked before it is shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from settlement.agreements.facts import Contest
from settlement.agreements.lines import Kind, Line, PartyAccount
from settlement.agreements.statements.wording import KINDS
from settlement.errors import LedgerDisagrees
from settlement.report.layout import Money, percent
from settlement.report.wording import plain


@dataclass(frozen=True, slots=True)
class Head:
    """What a statement is of, and what it was made from."""

    payer: str
    agreement: str
    """Its name among the payer's."""
    agreement_id: int
    period: str
    """As it was asked for: "2019Q4", "2019"."""
    first_day: date
    last_day: date
    """Both within the period."""
    money: Money
    periods: Mapping[int, str]
    """First month of each period → how people call it, in order."""
    names: Mapping[int, str]
    """Index → name of the institutions."""
    reserve: int = 0
    """The account that reserves lie on; 0 where there is none."""
    block: int = 0
    block_hash: bytes = b""
    """The newest block that was read."""


@dataclass(frozen=True, slots=True)
class Clause:
    """A column of the report: the lines of one place in the terms that have one basis, of all versions."""

    line: int
    basis: str
    kind: Kind
    """RUN stands for accruals and runs, which are one clause's."""


@dataclass(frozen=True, slots=True)
class Statement:
    """Accounts that add up, one a party, over all periods of the head. Make it with `statement`."""

    head: Head
    accounts: tuple[PartyAccount, ...]
    days: Mapping[int, date]
    """Block → its day (UTC), of each line's."""
    party: int | None = None
    """Whose statement it is; None: all of them, side by side."""
    contests: tuple[Contest, ...] = ()
    """What is contested under the agreement in these periods and not resolved, whoever contests it."""
    not_computed: tuple[str, ...] = ()
    """In words, the lines of periods that are over which have not been run, so that nothing stands here."""

    @property
    def lines(self) -> Iterator[Line]:
        """Of all accounts, one account after the other."""
        return (line for account in self.accounts for line in account.lines)

    @property
    def clauses(self) -> list[Clause]:
        """What was earned by: clauses, then clawbacks, then releases, in the terms' order."""
        order = list(Kind)
        found = {clause_of(line) for line in self.lines}
        return sorted(found, key=lambda each: (order.index(each.kind), each.line, each.basis))

    @property
    def versions(self) -> list[int]:
        """Versions of the terms that lines came of."""
        return sorted({line.version for line in self.lines})

    @property
    def income_minor(self) -> int:
        """What clauses brought all accounts together, minor units: the whole of which each has a part."""
        return sum(income_of(account) for account in self.accounts)

    def name_of(self, party: int) -> str:
        """The institution's name, or its number where it has none."""
        return self.head.names.get(party, f"institution {party}")

    def day_of(self, line: Line) -> date:
        """When it came about."""
        return self.days.get(line.block, self.head.last_day)


def clause_of(line: Line) -> Clause:
    """Which column of the report a line belongs to."""
    kind = Kind.RUN if line.kind is Kind.ACCRUAL else line.kind
    return Clause(line.line, line.basis, kind)


def earned_by(account: PartyAccount) -> dict[Clause, int]:
    """What each clause brought a party, minor units; a missed guarantee and what left a reserve are
    negative."""
    found: dict[Clause, int] = {}
    for line in account.lines:
        clause = clause_of(line)
        found[clause] = found.get(clause, 0) + line.amount_minor
    return found


def statement(
    head: Head,
    periods: Sequence[Sequence[PartyAccount]],
    days: Mapping[int, date],
    party: int | None = None,
    contests: Sequence[Contest] = (),
    not_computed: Sequence[str] = (),
) -> Statement:
    """A statement over the accounts of consecutive periods, of one `party` or of all.

    Raises LedgerDisagrees where anything does not add up: a line's exact amount, rounding and amount; the
    lines and what was earned; opening, earned, paid and closing; the closing of a period and the opening of
    the next.
    """
    merged: dict[int, PartyAccount] = {}
    for accounts in periods:
        for account in accounts:
            if party not in (None, account.party):
                continue
            _check(head, account)
            before = merged.get(account.party)
            merged[account.party] = account if before is None else _joined(head, before, account)
    shown = tuple(each for each in contests if each.period in head.periods)
    return Statement(head, tuple(merged.values()), days, party, shown, tuple(not_computed))


def _joined(head: Head, before: PartyAccount, after: PartyAccount) -> PartyAccount:
    if before.closing_minor != after.opening_minor:
        where = f"{_where(head, after)}: what one period ends and the next begins with"
        raise LedgerDisagrees(where, after.opening_minor, before.closing_minor)
    return PartyAccount(
        party=before.party,
        opening_minor=before.opening_minor,
        earned_minor=before.earned_minor + after.earned_minor,
        paid_minor=before.paid_minor + after.paid_minor,
        closing_minor=after.closing_minor,
        lines=before.lines + after.lines,
    )


def _check(head: Head, account: PartyAccount) -> None:
    where = _where(head, account)
    for line in account.lines:
        if line.exact - line.rounding != line.amount_minor:
            says = f"{line.exact} − {line.rounding}"
            raise LedgerDisagrees(
                f"{where}, line {line.line} of period {line.period}", line.amount_minor, says
            )
        if line.party != account.party or line.period not in head.periods:
            said = f"party {line.party}, period {line.period}"
            raise LedgerDisagrees(f"{where}, line {line.line}", said, "another account")
    total = sum(line.amount_minor for line in account.lines)
    if total != account.earned_minor:
        raise LedgerDisagrees(f"{where}: what was earned", account.earned_minor, total)
    closing = account.opening_minor + account.earned_minor - account.paid_minor
    if closing != account.closing_minor:
        raise LedgerDisagrees(f"{where}: the closing balance", account.closing_minor, closing)


def _where(head: Head, account: PartyAccount) -> str:
    name = head.names.get(account.party, f"institution {account.party}")
    return f"agreement {head.payer}/{head.agreement}, {head.period}, {name}"


def decimal(minor: Fraction, exponent: int) -> str:
    """An exact amount of minor units in currency units, for people: six digits more than the currency has,
    without zeros at the end; "…" says that it goes on. Fraction(1, 3) of exponent 2 is "0.00333333…".
    """
    digits = exponent + 6
    whole, rest = divmod(abs(minor.numerator) * 10**6, minor.denominator)
    units, part = divmod(whole, 10**digits)
    decimals = f"{part:0{digits}d}"
    kept = decimals if rest else decimals[:exponent] + decimals[exponent:].rstrip("0")
    text = f"{units:,}.{kept}" if kept else f"{units:,}"
    return ("-" if minor < 0 else "") + text + ("…" if rest else "")


def rounded(line: Line, exponent: int) -> str:
    """What rounding did to a line, in words: "rounded down by 0.00333333…"."""
    if not line.rounding:
        return "exact"
    how = "down" if line.rounding > 0 else "up"
    return f"rounded {how} by {decimal(abs(line.rounding), exponent)}"


def label_of(clause: Clause) -> str:
    """A clause in words: its number as the ledger counts, its basis, and what of it is meant."""
    basis = plain(clause.basis)
    of = "" if clause.kind in (Kind.ACCRUAL, Kind.RUN) else f" ({KINDS[clause.kind]})"
    return f"{clause.line}: {basis}{of}"


def owing(statement: Statement, account: PartyAccount) -> str:
    """Who owes whom what is left, in words."""
    payer, party = plain(statement.head.payer), plain(statement.name_of(account.party))
    if not account.closing_minor:
        return "Nothing is owed."
    left = statement.head.money.amount(abs(account.closing_minor))
    if account.closing_minor < 0:
        return f"{party} owes {payer} {left}; it is netted against what {party} receives next."
    return f"{payer} owes {party} {left}."


def contest_words(statement: Statement, contest: Contest) -> str:
    """A contest in words: which line of what, by whom and why."""
    where = statement.head.periods[contest.period] if len(statement.head.periods) > 1 else ""
    which = f"as settled in 0x{contest.settled_in.hex()}" if any(contest.settled_in) else "as it was run"
    said = " of ".join(filter(None, (f"line {contest.line}", where)))
    return f"{said}, {which}, by {plain(statement.name_of(contest.institution))}: {plain(contest.reason)}"


def income_of(account: PartyAccount) -> int:
    """What clauses brought a party, minor units, before clawbacks and without what reserves gave back."""
    return sum(amount for clause, amount in earned_by(account).items() if clause.kind is Kind.RUN)


def part_of_income(statement: Statement, minor: int) -> str:
    """A part of what clauses brought all together, in per cent; a dash where it is none."""
    whole = statement.income_minor
    return percent(minor, whole) if 0 <= minor <= whole != 0 else "-"

"""What revenue sharing came to, fact by fact: business tables that the index keeps beside the events.

    entitlements  a party's part of each accrual, clause and guarantee that was run, reserve released
    payments      what each agreement moved in a transaction, for everyone whom it moved something for
    proposals     terms that were put before their parties, decoded

Events tell totals and what is due; shares follow from terms. A segment's rows come from its own events and
from where agreements, totals and dues stood before, which is read from the events of earlier segments: so
neither calldata nor the chain is wanted again. Amounts are minor units of the agreement's currency.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa

from ledger.contract import Event
from ledger.terms import Terms
from settlement.agreements import computing
from settlement.agreements.registry import Registry
from settlement.agreements.sharing import Running
from settlement.agreements.standing import in_force
from settlement.audit.revenue_tables import AMOUNT, TABLES, Kind

Tables = Callable[[str], pa.Table | None]
"""A table by its name; None where there is none of it."""

_AGREED = ("TermsProposed", "AgreementConcluded", "NoticeGiven")
_SHARED = ("RevenueAccrued", "DueChanged", "ClauseRun", "GuaranteeRun", "ReserveReleased", "PaymentDeferred")
_Place = tuple[int, int]
_Row = tuple[int, int, Event]
"""Transaction, log, event."""


class Segment(Protocol):
    """The facts of a segment that is made."""

    @property
    def tables(self) -> Mapping[str, pa.Table]:
        """By name; those of events where there are any."""


class Earlier(Protocol):
    """The facts of all segments before."""

    def table(self, name: str) -> pa.Table | None:
        """One table, segment after segment."""


def derive(segment: Segment, earlier: Earlier) -> dict[str, pa.Table]:
    """What the index takes for `derive`: the tables of a segment by name, without those that are empty."""
    found = derived(segment.tables.get, earlier.table)
    return {name: table for name, table in found.items() if len(table)}


def derived(new: Tables, earlier: Tables) -> dict[str, pa.Table]:
    """The business tables of a segment: `new` are its facts, `earlier` those of all segments before it."""
    rows = [*_events(new, "Agreements", _AGREED), *_events(new, "RevenueSharing", _SHARED)]
    rows.sort(key=lambda row: row[:2])
    made = _Making(_times(new) if rows else {})
    if rows:
        made.begin(earlier)
    for transaction, log, event in rows:
        made.take(transaction, log, event)
    made.end()
    return made.tables()


@dataclass(slots=True)
class _Reckoned:
    """An agreement in a period under one version, and what its newest total comes to."""

    running: Running
    whose: tuple[tuple[int, int, int], tuple[int, int, int]]
    """Agreement, version, payer; currency, period, months."""
    fixed_ppm: tuple[int | None, ...]
    total: int
    entitled: tuple[int, ...]

    def gains(self, before: int, after: int) -> list[int]:
        """By how much each entitlement rises; goes on to `after`."""
        old = self.entitled if before == self.total else self.running.entitled_of(before)
        new = self.running.entitled_of(after)
        self.total, self.entitled = after, new
        return [now - was for now, was in zip(new, old, strict=True)]


@dataclass(slots=True)
class _Making:
    """Goes through the events in the chain's order, and keeps what they come to."""

    times: Mapping[int, int]
    registry: Registry = field(default_factory=Registry)
    totals: dict[_Place, int] = field(default_factory=dict)
    dues: dict[_Place, int | None] = field(default_factory=dict)
    rows: dict[str, list[tuple[Any, ...]]] = field(default_factory=lambda: {name: [] for name in TABLES})
    _reckoned: dict[tuple[int, int, int], _Reckoned] = field(default_factory=dict)
    _held: list[Event] = field(default_factory=list)
    """What has changed of dues and may be told of an accrual that comes next."""
    _transaction: int = -1
    _earned: dict[_Place, int | None] = field(default_factory=dict)
    _payers: dict[int, _Place] = field(default_factory=dict)
    """Agreement → its payer and currency."""
    _owed: dict[_Place, int | None] = field(default_factory=dict)
    """(agreement, institution) → what was due as the transaction began, of those that it changed."""

    def begin(self, earlier: Tables) -> None:
        """Stand where the earlier segments end."""
        for _, _, event in sorted(_events(earlier, "Agreements", _AGREED), key=lambda row: row[:2]):
            self.registry.apply(event)
        self.totals |= _last(earlier, "RevenueSharing_RevenueAccrued", "period", "totalAfter")
        self.dues |= _last(earlier, "RevenueSharing_DueChanged", "institution", "due")

    def take(self, transaction: int, log: int, event: Event) -> None:
        """The next event."""
        if transaction != self._transaction:
            self.end()
            self._transaction = transaction
        if event.name == "DueChanged":
            self._held.append(event)
            return
        if event.name != "RevenueAccrued":
            self._due()
        match event.name:
            case "RevenueAccrued":
                self._accrued(log, event)
                self._due()
            case "ClauseRun":
                self._clause_run(log, event)
            case "GuaranteeRun":
                self._guarantee_run(log, event)
            case "ReserveReleased":
                self._released(log, event)
            case "TermsProposed":
                self._proposed(event)
            case _:
                self.registry.apply(event)

    def end(self) -> None:
        """The transaction is over: what each agreement has moved in it."""
        self._due()
        if not self._earned and not self._owed:
            return
        given: dict[int, int | None] = {}
        rows, transaction = self.rows["payments"], self._transaction
        for key in sorted(self._earned.keys() | self._owed.keys()):
            agreement, institution = key
            after = self.dues.get(key, 0)
            before, earned = self._owed.get(key, after), self._earned.get(key, 0)
            amount = None if before is None or after is None or earned is None else before + earned - after
            payer, currency = self._payer(agreement)
            rows.append((transaction, agreement, payer, institution, currency, amount, before, after))
            so_far = given.get(agreement, 0)
            given[agreement] = None if so_far is None or amount is None else so_far - amount
        for agreement, amount in given.items():
            if amount != 0:
                payer, currency = self._payer(agreement)
                rows.append((transaction, agreement, payer, payer, currency, amount, None, None))
        self._earned, self._owed = {}, {}

    def tables(self) -> dict[str, pa.Table]:
        """All rows so far."""
        return {name: _table(self.rows[name], schema) for name, schema in TABLES.items()}

    def _due(self) -> None:
        for event in self._held:
            key = event["agreementId"], event["institution"]
            self._owed.setdefault(key, self.dues.get(key, 0))
            self.dues[key] = event["due"]
        self._held.clear()

    def _earn(self, agreement: int, institution: int, amount: int | None) -> None:
        if amount != 0:
            before = self._earned.get((agreement, institution), 0)
            both = None if before is None or amount is None else before + amount
            self._earned[agreement, institution] = both

    def _accrued(self, log: int, event: Event) -> None:
        agreement, period = event["agreementId"], event["period"]
        before, after = event["totalBefore"], event["totalAfter"]
        known = self.registry.agreements[agreement]
        terms = in_force(known, self.times[self._transaction])
        self.totals[agreement, period] = after
        if terms is None:
            return
        reckoned = self._reckoned_of(terms, agreement, period, before)
        at, whose = (self._transaction, log), reckoned.whose
        rows, earned, dues = self.rows["entitlements"], self._earned, self.dues
        gains = reckoned.gains(before, after)
        for place, party in enumerate(reckoned.running.receivers):
            gain = gains[place]
            if not party or (place == 0 and not gain):
                continue
            key = agreement, party
            # What an institution owes is netted; a due that 38 digits do not hold is no debt of its own.
            owed = dues.get(key) or 0
            paid = gain if gain >= 0 <= owed else max(0, gain + min(0, owed))
            what = Kind.ACCRUAL.value, None, reckoned.fixed_ppm[place], before, after, gain, paid
            rows.append((*at, *whose[0], party, place, *whose[1], *what))
            if gain:
                so_far = earned.get(key, 0)
                earned[key] = None if so_far is None else so_far + gain

    def _reckoned_of(self, terms: Terms, agreement: int, period: int, total: int) -> _Reckoned:
        key = agreement, period, terms.version
        if key not in self._reckoned:
            running = Running.of(terms, agreement, period, {(agreement, period): total}, {})
            whose = (agreement, terms.version, terms.payer), (terms.currency, period, terms.months)
            self._reckoned[key] = _Reckoned(running, whose, running.fixed_ppm, total, running.entitled)
        return self._reckoned[key]

    def _clause_run(self, log: int, event: Event) -> None:
        agreement, period, line = event["agreementId"], event["period"], event["clause"]
        terms = self._covering(agreement, period)
        total = self.totals.get((agreement, period), 0)
        on_account = {each.clause: each for each in computing.on_account(terms, period, total)}.get(line)
        reserve = event["reserve"] - (on_account.reserve if on_account else 0)
        had = on_account.amounts if on_account else (0,) * len(terms.parties)
        amounts = [amount - paid for amount, paid in zip(event["amounts"], had, strict=True)]
        self._line(log, agreement, terms, period, Kind.CLAUSE, line, (reserve, *amounts))

    def _guarantee_run(self, log: int, event: Event) -> None:
        agreement, period = event["agreementId"], event["period"]
        terms = self._covering(agreement, period)
        promise, owed = event["guarantee"], event["clawback"]
        place = terms.guarantees[promise].party
        amount = None if owed is None else -owed
        row = (Kind.GUARANTEE, len(terms.clauses) + promise, None, None, None, amount, None)
        self._entitled(log, agreement, terms, period, place, event["party"], *row)

    def _released(self, log: int, event: Event) -> None:
        agreement, period, line = event["agreementId"], event["period"], event["clause"]
        terms = self._covering(agreement, period)
        reserve = -sum(event["amounts"]) - event["toPayer"]
        self._line(log, agreement, terms, period, Kind.RELEASE, line, (reserve, *event["amounts"]))

    def _line(
        self,
        log: int,
        agreement: int,
        terms: Terms,
        period: int,
        kind: Kind,
        line: int,
        amounts: Sequence[int],
    ) -> None:
        for place, (party, amount) in enumerate(
            zip((terms.reserve_account, *terms.parties), amounts, strict=True)
        ):
            if party and (place or amount):
                row = (kind, line, None, None, None, amount, None)
                self._entitled(log, agreement, terms, period, place, party, *row)

    def _entitled(
        self, log: int, agreement: int, terms: Terms, period: int, place: int, party: int, *row: Any
    ) -> None:
        self._earn(agreement, party, row[5])
        head = (self._transaction, log, agreement, terms.version, terms.payer, party, place, terms.currency)
        self.rows["entitlements"].append((*head, period, terms.months, *row))

    def _payer(self, agreement: int) -> _Place:
        found = self._payers.get(agreement)
        if found is None:
            known = self.registry.agreements[agreement]
            found = self._payers[agreement] = known.payer, known.currency
        return found

    def _covering(self, agreement: int, period: int) -> Terms:
        """The terms of a period that was run: the contract runs none that no version covers."""
        found = self.registry.agreements[agreement].covering(period)
        assert found is not None
        return found.terms

    def _proposed(self, event: Event) -> None:
        if event["termsHash"] in self.registry.proposals:
            return
        self.registry.apply(event)
        proposal = self.registry.proposals[event["termsHash"]]
        terms = proposal.terms
        head = (self._transaction, proposal.terms_hash, proposal.proposed_by, terms.payer, terms.name)
        who = (terms.version, terms.currency, list(terms.parties), list(proposal.former))
        rest = (terms.months, terms.notice_days, terms.reserve_account, len(terms.clauses))
        names = [each.name for each in terms.measures]
        self.rows["proposals"].append((*head, *who, *rest, len(terms.guarantees), names))


def _events(tables: Tables, contract: str, names: Sequence[str]) -> Iterator[_Row]:
    for name in names:
        table = tables(f"{contract}_{name}")
        if table is None or not len(table):
            continue
        arguments = [each for each in table.column_names if each not in ("transaction", "log")]
        columns = [_values(table[each]) for each in arguments]
        places = zip(table["transaction"].to_pylist(), table["log"].to_pylist(), strict=True)
        for (transaction, log), values in zip(places, zip(*columns, strict=True), strict=True):
            yield transaction, log, Event(name, dict(zip(arguments, values, strict=True)))


def _values(column: pa.ChunkedArray) -> list[Any]:
    """Python values; whole numbers, also those in lists, as integers."""
    values: list[Any] = column.to_pylist()
    if pa.types.is_decimal(column.type):
        return [None if value is None else int(value) for value in values]
    if pa.types.is_list(column.type):
        return [[_number(each) for each in value] for value in values]
    return values


def _number(value: Any) -> Any:
    """A word of terms is 32 bytes where 38 digits would not hold it."""
    return int.from_bytes(value, "big") if isinstance(value, bytes) else int(value)


def _times(new: Tables) -> dict[int, int]:
    """Transaction → when it was included, seconds."""
    blocks, transactions = new("blocks"), new("transactions")
    assert blocks is not None
    assert transactions is not None
    at = dict(zip(blocks["block"].to_pylist(), blocks["time_s"].to_pylist(), strict=True))
    places = zip(transactions["transaction"].to_pylist(), transactions["block"].to_pylist(), strict=True)
    return {transaction: at[block] for transaction, block in places}


def _last(tables: Tables, name: str, by: str, value: str) -> dict[_Place, Any]:
    """(agreement, `by`) → the newest value, of all that were told."""
    table = tables(name)
    if table is None or not len(table):
        return {}
    table = table.sort_by([("transaction", "ascending"), ("log", "ascending")])
    agreements = table["agreementId"].to_pylist()
    keys = zip(agreements, table[by].to_pylist(), strict=True)
    return dict(zip(keys, _values(table[value]), strict=True))


def _table(rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    arrays = [_column(column, each.type) for column, each in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if kind == AMOUNT:
        try:
            # By way of 64 bits, which hold nearly all, it takes a third of the time.
            return pa.array(values, type=pa.int64()).cast(kind)
        except (OverflowError, pa.ArrowInvalid):
            pass
    return pa.array(values, type=kind)

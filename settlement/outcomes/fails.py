"""What failed, why, and what is owed for it: recomputed from the ledger's facts, event by event.

The contract `Fails` has computed the same. Where the two differ, LedgerDisagrees says where. Of limits it is
not recomputed that they stood in the way, only that nothing else did.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from ledger.clients.fails import Reason
from ledger.contract import Event
from ledger.errors import InvalidValue
from ledger.history import History, RecordedBatch
from ledger.ids import parse_day_number
from settlement.errors import LedgerDisagrees
from settlement.outcomes.moment import Left, Moment
from settlement.penalties import cash_penalty, difference, securities_penalty

BUYER, SELLER = 0, 1
Trade = tuple[bytes, int]
"""(batch's hash, trade number)."""
Debt = tuple[int, int, int, int]
"""(venue, currency, debtor, creditor)."""
Penalty = tuple[bytes, int, int, int, int, int, int]
"""As `PenaltyAccrued` has it: (batch's hash, trade number, payer, payee, day, currency, minor units)."""
_HELD = 0
"""Of `Conditions`: the condition that a side holds the trade."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A trade that failed: the last day (yyyymmdd), on how many by then, and why (see `Reason`). What was
    left of it: units, minor units. `penalties` are of that day.
    """

    trade: Trade
    day: int
    failed_days: int
    reasons: int
    quantity: int
    amount: int
    penalties: tuple[tuple[int, int, int], ...]
    """(payer, payee, minor units)."""

    @property
    def codes(self) -> tuple[str, ...]:
        """The reasons by ISO 20022's codes, each once, whoever's they are."""
        return tuple(reason.name for reason in Reason if self.reasons >> 2 * reason & 3)


@dataclass(frozen=True, slots=True)
class Compensated:
    """A trade that was closed with the difference: who owes whom how much, in minor units; zeros where nobody
    does.
    """

    trade: Trade
    day: int
    price: int
    payer: int
    payee: int
    amount: int


def bit(reason: Reason, side: int) -> int:
    """A reason of a side, as the ledger has it."""
    return 1 << 2 * reason + side


@dataclass(slots=True)
class Fails:
    """What has come of fails so far. `apply` takes the next event."""

    prices: dict[tuple[int, int, int, int], int] = field(default_factory=dict)
    """(venue, day, currency, security) → millionths of a minor unit a unit."""
    rates: dict[int, int] = field(default_factory=dict)
    """Asset → ppm: of a security a day, of a currency a year."""
    closing_after: int = 0
    newest: dict[Trade, Failed] = field(default_factory=dict)
    """The last fail of each trade that failed."""
    failed: list[Failed] = field(default_factory=list)
    compensated: list[Compensated] = field(default_factory=list)
    claims: dict[Debt, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    """What is owed, by the venue's cycle in which it came about; minor units."""
    paid: list[tuple[Debt, int]] = field(default_factory=list)
    suspended: set[int] = field(default_factory=set)
    held: dict[Trade, set[int]] = field(default_factory=lambda: defaultdict(set))
    """Institutions that hold a trade."""
    ended: dict[Trade, str] = field(default_factory=dict)
    """What was compensated or closed out, and which event said so."""
    _expected: list[Penalty] = field(default_factory=list)
    """Penalties of the last fail that the ledger has not named yet."""
    _collected: dict[int, int] = field(default_factory=dict)
    """Institution → minor units that the claims of the transaction at hand brought it so far."""
    _now: bytes = b""

    def apply(self, event: Event, history: History, moment: Moment) -> None:
        """Take the next event in the chain's order. Raises LedgerDisagrees."""
        if event.name != "PenaltyAccrued":
            self.complete(where(event))
        if event.transaction != self._now:
            self._now, self._collected = event.transaction, defaultdict(int)
        match event.name:
            case "InstitutionSuspended":
                self.suspended.add(event["institution"])
            case "InstitutionReinstated":
                self.suspended.discard(event["institution"])
            case "ConditionChanged" if event["condition"] == _HELD:
                held = self.held[event["batchHash"], event["tradeNo"]]
                (held.add if event["stands"] else held.discard)(event["institution"])
            case "PricesSet":
                for word in event["words"]:
                    key = event["venue"], event["day"], event["currency"], word >> 240
                    self.prices[key] = word & (1 << 128) - 1
            case "PenaltyRateSet":
                self.rates[event["asset"]] = event["ratePpm"]
            case "ClosingAfterSet":
                self.closing_after = event["failedDays"]
            case "TradeFailed":
                self._fail(event, batch_of(event, history), moment)
            case "PenaltyAccrued":
                self._penalty(event)
            case "TradeCompensated":
                self._compensate(event, batch_of(event, history), moment)
            case "ClaimPaid" | "ClaimUnpaid":
                self._collect(event, moment)

    def complete(self, at: str) -> None:
        """Raises LedgerDisagrees where a penalty of the last fail was not named."""
        if self._expected:
            raise LedgerDisagrees(at, "no penalty", self._expected[0])

    def end(self, event: Event) -> None:
        """The trade has ended. Raises LedgerDisagrees where it had before."""
        trade = event["batchHash"], event["tradeNo"]
        if trade in self.ended:
            raise LedgerDisagrees(where(event), event.name, f"nothing after {self.ended[trade]}")
        self.ended[trade] = event.name

    def price(self, event: Event, venue: int, day: int, currency: int, asset: int) -> int:
        """The venue's price of that day. Raises LedgerDisagrees where it gave none."""
        found = self.prices.get((venue, day, currency, asset))
        if found is None:
            raise LedgerDisagrees(f"{where(event)}, price of asset {asset} on {day}", "used", "not given")
        return found

    def due(self, venue: int, currency: int) -> dict[tuple[int, int], int]:
        """(debtor, creditor) → all that is owed, in minor units; zeros left out."""
        sums = {
            key[2:]: sum(owed.values()) for key, owed in self.claims.items() if key[:2] == (venue, currency)
        }
        return {pair: amount for pair, amount in sums.items() if amount}

    def _fail(self, event: Event, batch: RecordedBatch, moment: Moment) -> None:
        trade = event["batchHash"], event["tradeNo"]
        left = left_of(event, batch, moment)
        if trade in self.ended:
            raise LedgerDisagrees(where(event), event.name, f"nothing after {self.ended[trade]}")
        agree(event, "quantity", left.quantity)
        agree(event, "amount", left.amount)
        known = self.newest.get(trade)
        agree(event, "failedDays", 1 + (known.failed_days if known else 0))
        earliest = max(batch.header.intended_settlement_date, known.day + 1 if known else 0)
        if event["day"] < earliest:
            raise LedgerDisagrees(f"{where(event)}, day", event["day"], f"{earliest} or later")
        self._check_reasons(event, batch, left, moment)
        penalties = self._penalties(event, batch, left)
        failed = Failed(
            trade, event["day"], event["failedDays"], event["reasons"], left.quantity, left.amount, penalties
        )
        self.newest[trade] = failed
        self.failed.append(failed)
        day, currency = event["day"], batch.header.cash_asset
        self._expected = [(*trade, payer, payee, day, currency, amount) for payer, payee, amount in penalties]
        key = batch.header.venue, batch.header.cash_asset
        for payer, payee, amount in penalties:
            self._owe((*key, payer, payee), moment.cycle(key[0]), amount)

    def _check_reasons(self, event: Event, batch: RecordedBatch, left: Left, moment: Moment) -> None:
        expected, parties = 0, (left.buyer, left.seller)
        for side, party in enumerate(parties):
            expected |= bit(Reason.PREA, side) * (party in self.held[event["batchHash"], event["tradeNo"]])
            expected |= bit(Reason.CLAT, side) * (not moment.affirmed(batch, party))
            expected |= bit(Reason.SBLO, side) * (party in self.suspended)
        if not expected & (bit(Reason.CLAT, BUYER) | bit(Reason.CLAT, SELLER)):
            cash = batch.header.cash_asset
            change = moment.cash_change(left, cash)
            for side, party in enumerate(parties):
                short = moment.balances[party, cash] + change[party] < 0 and change[party] < 0
                expected |= bit(Reason.MONY, side) * short
            lacks = left.buyer != left.seller and moment.balances[left.seller, left.asset] < left.quantity
            expected |= bit(Reason.LACK, SELLER) * lacks
        limits = bit(Reason.FLIM, BUYER) | bit(Reason.FLIM, SELLER)
        only_limits = not expected and event["reasons"] and not event["reasons"] & ~limits
        if not (only_limits or event["reasons"] == expected != 0):
            raise LedgerDisagrees(f"{where(event)}, reasons", event["reasons"], expected)

    def _penalties(self, event: Event, batch: RecordedBatch, left: Left) -> tuple[tuple[int, int, int], ...]:
        """Who is short owes the other side, unless that stood in the way or a side has not affirmed."""
        reasons, header, parties = event["reasons"], batch.header, (left.buyer, left.seller)
        if left.buyer == left.seller or reasons & (bit(Reason.CLAT, BUYER) | bit(Reason.CLAT, SELLER)):
            return ()
        found = []
        for side, payer in enumerate(parties):
            other = 1 - side
            if reasons & (bit(Reason.PREA, other) | bit(Reason.SBLO, other)):
                continue
            if reasons & bit(Reason.LACK, side) and (rate := self.rates.get(left.asset, 0)):
                price = self.price(event, header.venue, event["day"], header.cash_asset, left.asset)
                found.append((payer, parties[other], securities_penalty(left.quantity, price, rate)))
            if reasons & bit(Reason.MONY, side):
                rate = self.rates.get(header.cash_asset, 0)
                found.append((payer, parties[other], cash_penalty(left.amount, rate)))
        return tuple(each for each in found if each[2])

    def _penalty(self, event: Event) -> None:
        names = ("batchHash", "tradeNo", "payer", "payee", "day", "currency", "amount")
        found = tuple(event[name] for name in names)
        if not self._expected or self._expected[0] != found:
            raise LedgerDisagrees(f"{where(event)}, penalty", found, self._expected[:1])
        self._expected.pop(0)

    def _compensate(self, event: Event, batch: RecordedBatch, moment: Moment) -> None:
        trade, header = (event["batchHash"], event["tradeNo"]), batch.header
        left = left_of(event, batch, moment)
        newest = self.newest.get(trade)
        if newest is None or not 0 < self.closing_after <= newest.failed_days:
            failed = newest.failed_days if newest else 0
            raise LedgerDisagrees(f"{where(event)}, failed days", failed, self.closing_after)
        self.end(event)
        agree(event, "day", newest.day)
        price = self.prices.get((header.venue, newest.day, header.cash_asset, left.asset), 0)
        agree(event, "price", price)
        payer, payee, amount = self._difference(newest, left, price)
        for name, expected in (("payer", payer), ("payee", payee), ("amount", amount)):
            agree(event, name, expected)
        self.compensated.append(Compensated(trade, newest.day, price, payer, payee, amount))
        if amount:
            key = header.venue, header.cash_asset, payer, payee
            self._owe(key, moment.cycle(header.venue), amount)

    def _difference(self, newest: Failed, left: Left, price: int) -> tuple[int, int, int]:
        """Who owes whom what closing the rest of the trade at that price costs the other."""
        nothing = 0, 0, 0
        if left.buyer == left.seller or newest.reasons & (bit(Reason.CLAT, BUYER) | bit(Reason.CLAT, SELLER)):
            return nothing
        failing = [
            any(newest.reasons & bit(reason, side) for reason in (Reason.LACK, Reason.MONY, Reason.PREA))
            for side in (BUYER, SELLER)
        ]
        more = difference(left.quantity, price, left.amount)
        if more > 0 and failing[SELLER]:
            return left.seller, left.buyer, more
        if more < 0 and failing[BUYER]:
            return left.buyer, left.seller, -more
        return nothing

    def _collect(self, event: Event, moment: Moment) -> None:
        """Paid is what the debtor's balance covers, at that place in the transaction."""
        moment.at(event.transaction)
        venue, currency, debtor, creditor = key = (
            *(event["venue"], event["currency"]),
            *(event["debtor"], event["creditor"]),
        )
        now = moment.cycle(venue)
        earlier = [cycle for cycle in self.claims.get(key, {}) if cycle < now]
        amount = sum(self.claims[key][cycle] for cycle in earlier)
        agree(event, "amount", amount)
        balance = moment.balances.get((debtor, currency), 0) + self._collected[debtor]
        pays = 0 < amount <= balance and not {debtor, creditor} & self.suspended
        if pays != (event.name == "ClaimPaid") or not amount:
            raise LedgerDisagrees(where(event), event.name, f"{amount} due, {balance} there")
        if not pays:
            agree(event, "balance", balance)
            return
        for cycle in earlier:
            del self.claims[key][cycle]
        self._collected[debtor] -= amount
        self._collected[creditor] += amount
        self.paid.append((key, amount))

    def _owe(self, key: Debt, cycle: int, amount: int) -> None:
        owed = self.claims[key]
        owed[cycle] = owed.get(cycle, 0) + amount


def batch_of(event: Event, history: History) -> RecordedBatch:
    """The batch that an event is about. Raises LedgerDisagrees where none was recorded."""
    if event["batchHash"] not in history.batches:
        raise LedgerDisagrees(where(event), f"batch 0x{event['batchHash'].hex()}", "not recorded")
    return history.batches[event["batchHash"]]


def left_of(event: Event, batch: RecordedBatch, moment: Moment) -> Left:
    """What was left of the event's trade before its transaction. Raises LedgerDisagrees where nothing was."""
    moment.at(event.transaction)
    row = moment.row(batch, event["tradeNo"])
    if row is None or moment.settled(batch, row):
        raise LedgerDisagrees(where(event), event.name, "not recorded" if row is None else "settled")
    return moment.left(batch, row)


def agree(event: Event, name: str, expected: object) -> None:
    """Raises LedgerDisagrees where an event's argument is another than expected."""
    if event[name] != expected:
        raise LedgerDisagrees(f"{where(event)}, {name}", event[name], expected)


def where(event: Event) -> str:
    """Which event it is, for people."""
    arguments: Mapping[str, object] = event.arguments
    about = f" of trade {arguments['tradeNo']}" if "tradeNo" in arguments else ""
    day = arguments.get("day")
    when = f" on {_day(day)}" if isinstance(day, int) else ""
    return f"{event.name}{about}{when} in 0x{event.transaction.hex()}"


def _day(number: int) -> str:
    try:
        return str(parse_day_number(number))
    except InvalidValue:
        return str(number)

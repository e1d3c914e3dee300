"""camt.053, BankToCustomerStatement: balances and booked entries of cash accounts.

Opening is the balance OPBD, or the last statement's closing PRCD; closing is CLBD; movements are the booked
entries, a credit being positive. Entries that are pending or for information are not of the balance and are
left out. Where an entry cannot be read, its account's movements are not said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ledger.errors import InvalidValue
from settlement.reconciliation.model import Refused
from settlement.sources import Balance, CashMovement, Context, Source
from settlement.sources.iso.parts import account_ids, date_text, direction, money, party_ids
from settlement.sources.iso.xml import Element
from settlement.sources.messages import Names, check_days, parse_date, refused

NAME = "camt.053"

_OPENING, _CLOSING = ("OPBD", "PRCD"), "CLBD"
_REFERENCES = (
    "NtryRef",
    "AcctSvcrRef",
    "NtryDtls/TxDtls/Refs/EndToEndId",
    "NtryDtls/TxDtls/Refs/InstrId",
    "NtryDtls/TxDtls/Refs/TxId",
)


def read_camt053(documents: Sequence[Element], name: str, context: Context, mapping: object | None) -> Source:
    """Balances by account and currency, and each booked entry. Of statements of several days those of the day
    that is asked for count.
    """
    institutions = Names.of(context.institutions, mapping, "institutions")
    balances: list[Balance] = []
    moves: list[CashMovement] = []
    faults: list[Refused] = []
    days: list[int] = []
    rows = pending = 0
    for element in _statements(documents):
        day = _day(element)
        days.append(day)
        if context.day not in (0, day):
            continue
        statement = _Statement(element, name, context, institutions.pick(_ids(element)), day)
        statement.read()
        balances += statement.balances()
        moves += statement.moves
        faults += statement.faults
        rows += statement.rows
        pending += statement.pending
    check_days(name, days, context.day)
    return Source(
        name=name,
        side=context.side,
        owner=context.owner,
        format=NAME,
        rows=rows,
        balances=tuple(balances),
        movements=tuple(moves),
        refused=tuple(faults),
        notes={"entries not booked, left out": str(pending)} if pending else {},
    )


def _statements(documents: Sequence[Element]) -> Iterator[Element]:
    for document in documents:
        message = document.need("BkToCstmrStmt")
        message.need("Stmt")
        yield from message.all("Stmt")


def _ids(statement: Element) -> list[str]:
    """What may name the holder of the account: whom the bank says owns it, then the account."""
    account = statement.need("Acct")
    account.need("Id")
    ids = [*party_ids(account.find("Ownr")), *account_ids(account)]
    if not ids:
        account.refuse("has an Id that says nothing")
    return ids


def _day(statement: Element) -> int:
    """The day of the closing balance."""
    closing = next((each for each in statement.all("Bal") if _code(each) == _CLOSING), None)
    if closing is None:
        statement.refuse(f"a closing balance (Bal of {_CLOSING}) is wanted and is not there")
    moment = closing.need("Dt")
    try:
        return parse_date("Dt", date_text(moment))
    except InvalidValue as error:
        moment.refuse(f"{error.value!r}: {error.reason}")


def _code(balance: Element) -> str:
    return balance.at("Tp/CdOrPrtry/Cd", "Tp/Cd")


@dataclass(slots=True)
class _Statement:
    """One account's statement as it is read; the dictionaries are by currency."""

    element: Element
    name: str
    context: Context
    holder: str
    day: int
    opening: dict[str, int] = field(default_factory=dict)
    closing: dict[str, int] = field(default_factory=dict)
    moved: dict[str, int] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    moves: list[CashMovement] = field(default_factory=list)
    faults: list[Refused] = field(default_factory=list)
    rows: int = 0
    pending: int = 0
    whole: bool = True
    """Whether every booked entry could be read."""

    def read(self) -> None:
        """Take balances and entries in; rows that cannot be read go to `faults`."""
        for balance in sorted(self.element.all("Bal"), key=_rank):
            code = _code(balance)
            if code != _CLOSING and code not in _OPENING:
                continue
            self.rows += 1
            side = self.closing if code == _CLOSING else self.opening
            try:
                currency, amount = self._signed(balance)
            except InvalidValue as error:
                self.faults.append(refused(self.name, balance.line, error))
                continue
            if currency in side and code != _OPENING[1]:
                balance.refuse(f"is a second balance {code} in {currency} of one statement")
            side.setdefault(currency, amount)
            self.lines[currency] = balance.line
        for entry in self.element.all("Ntry"):
            self._entry(entry)

    def _signed(self, place: Element) -> tuple[str, int]:
        amount, sign = place.need("Amt"), place.need("CdtDbtInd")
        currency, minor = money(amount, self.context)
        return currency, direction(sign) * minor

    def _entry(self, entry: Element) -> None:
        status = entry.need("Sts")
        if (status.at("Cd") or status.text) != "BOOK":
            self.pending += 1
            return
        self.rows += 1
        try:
            currency, amount = self._signed(entry)
            booked = date_text(entry.find("BookgDt")) or date_text(entry.find("ValDt"))
            day = parse_date("BookgDt", booked) if booked else self.day
        except InvalidValue as error:
            self.whole = False
            self.faults.append(refused(self.name, entry.line, error))
            return
        reference = entry.at(*_REFERENCES)
        self.moves.append(CashMovement(self.holder, currency, amount, reference, day, entry.line))
        self.moved[currency] = self.moved.get(currency, 0) + amount

    def balances(self) -> list[Balance]:
        """Opening, movements and closing in each currency that the statement has."""
        return [
            Balance(
                level="cash",
                holder=self.holder,
                asset=currency,
                opening=self.opening.get(currency),
                movements=self.moved.get(currency, 0) if self.whole else None,
                closing=self.closing.get(currency),
                day=self.day,
                line=self.lines.get(currency, self.element.line),
            )
            for currency in {**self.opening, **self.closing, **self.moved}
        ]


def _rank(balance: Element) -> int:
    """OPBD comes before PRCD, which counts only where there is no OPBD; closing sets the line last."""
    return {"OPBD": 0, "PRCD": 1}.get(_code(balance), 2)

"""From one FIX message to the trade that it reports.

The owner's side of an execution report is the executing firm, else the clearing or entering firm, else the
owner of the book; the other side is the contra firm. A capture report says each side's own firm. The amount
is GrossTradeAmt, or price times quantity where it is not given; net money is not the trade's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ledger.errors import InvalidValue
from ledger.units import MAX_AMOUNT, TIME_UNKNOWN
from settlement.reconciliation.entries import NO_DAY, PRICE_DECIMALS
from settlement.sources import Context
from settlement.sources.fix.framing import Message
from settlement.sources.fix.reports import Id, Report
from settlement.sources.messages import (
    Names,
    Row,
    checked_day,
    exponent_of,
    has_day,
    number_of,
    parse_amount,
    parse_exact,
    parse_quantity,
    shown,
)

Fields = Sequence[tuple[int, str]]

EXECUTION, CAPTURE = "8", "AE"
"""MsgType (35)."""

_OWN_ROLES, _CONTRA_ROLES = ("1", "4", "7"), ("17", "18")
"""PartyRole (452): executing, clearing and entering firm; contra firm, contra clearing firm."""
_SIDES = {**dict.fromkeys("13", "buy"), **dict.fromkeys("2456", "sell")}
"""Side (54): buy, buy minus; sell, sell plus, sell short, sell short exempt."""
_ACTIONS = {"F": "new", "G": "correct", "H": "cancel"}
"""ExecType (150)."""
_CAPTURES = {"0": "new", "1": "cancel", "2": "correct", "4": "cancel"}
"""TradeReportTransType (487): new, cancel, replace, reverse."""
_ISIN = "4"
"""SecurityIDSource (22)."""
_PER_UNIT, _ABSOLUTE = "1", "3"
"""CommType (13)."""
_LEVIES = ("1", "6")
"""MiscFeeType (139): regulatory, levy."""
_BY_UNIT = "2"
"""PriceType (423)."""
_NOT_GIVEN = "[N/A]"
"""Symbol (55) of an instrument that has none."""

_GROUPS = {453: (448, {447, 452, 802, 523, 803}), 382: (375, {337, 437, 438, 655}), 454: (455, {456})}
_GROUPS[136] = (137, {138, 139, 891})
_ONCE = {12, 13, 15, 17, 19, 22, 31, 32, 48, 54, 55, 60, 64, 75, 150, 381, 423, 487, 571, 572, 880, 1003}
_REFERENCES = {19: 17, 572: 571}
_STAMP = re.compile(r"([0-9]{8})-([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)(?:\.[0-9]{1,12})?")


class Part:
    """Fields that stand together: a message, or one side of a capture report."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self.said: dict[int, str] = {}
        for tag, text in fields:
            if tag in _ONCE and tag in self.said:
                raise InvalidValue(str(tag), shown(text), "stands twice where it may stand once")
            self.said.setdefault(tag, text)

    def group(self, count: int) -> Iterator[Mapping[int, str]]:
        """Each member of the repeating group that the tag `count` begins."""
        first, others = _GROUPS[count]
        place = next((i for i, (tag, _) in enumerate(self._fields) if tag == count), len(self._fields))
        members: list[dict[int, str]] = []
        for tag, text in self._fields[place + 1 :]:
            if tag == first:
                members.append({})
            elif not members or tag not in others:
                break
            members[-1].setdefault(tag, text)
        _counted(count, self.said.get(count, "0"), len(members))
        yield from members

    def parties(self, roles: Sequence[str]) -> list[str]:
        """The ids of the parties in these roles, by role."""
        held = [(each.get(452), each[448]) for each in self.group(453)]
        return [text for role in roles for found, text in held if found == role]

    def contra(self) -> list[str]:
        """What may name the other side."""
        brokers = list(dict.fromkeys(each[375] for each in self.group(382)))
        return [*self.parties(_CONTRA_ROLES), *(brokers if len(brokers) == 1 else [])]


def _counted(tag: int, said: str, found: int) -> None:
    if said != str(found):
        raise InvalidValue(str(tag), shown(said), f"{found} are there")


@dataclass(frozen=True)
class Trade:
    """A message of a trade and its parts; `offset`, minutes of the venue's time beyond UTC, if known."""

    message: Message
    context: Context
    institutions: Names
    securities: Names
    offset: int | None

    @property
    def kind(self) -> str:
        """Its MsgType."""
        return self.message.fields[2][1]

    @cached_property
    def _split(self) -> int:
        tags = [tag for tag, _ in self.message.fields]
        return tags.index(552) if self.kind == CAPTURE and 552 in tags else len(tags)

    @cached_property
    def head(self) -> Part:
        """The message; of a capture report without its sides."""
        return Part(self.message.fields[: self._split])

    @cached_property
    def sides(self) -> list[Part]:
        """The sides of a capture report."""
        rest = self.message.fields[self._split :]
        begins = [i for i, (tag, _) in enumerate(rest) if tag == 54]
        if rest:
            _counted(552, rest[0][1], len(begins))
        return [Part(rest[a:b]) for a, b in zip(begins, [*begins, len(rest)][1:], strict=True)]

    def report(self) -> Report | None:
        """What it says, or None where it is not of a trade. InvalidValue where it cannot be held."""
        if self.kind not in (EXECUTION, CAPTURE):
            return None
        action = self._action()
        if action is None:
            return None
        said = self.head.said
        ids = tuple((tag, said[tag]) for tag in (17, 571, 1003) if tag in said)
        replaces: tuple[Id, ...] = ()
        if action != "new":
            old = tuple((_REFERENCES[tag], said[tag]) for tag in _REFERENCES if tag in said)
            replaces = old or tuple(each for each in ids if each[0] == 1003)
            if not replaces:
                tag = "19" if self.kind == EXECUTION else "572"
                raise InvalidValue(tag, "", f"is wanted: which report does this one {action}")
        row = None if action == "cancel" else self.row()
        resent = said.get(43) == "Y" or said.get(97) == "Y"
        return Report(row, ids, replaces, firm=1003 in said or 880 in said, resent=resent)

    def _action(self) -> str | None:
        said = self.head.said
        if self.kind == CAPTURE and 150 not in said:
            return _CAPTURES.get(said.get(487, "0"))
        if 150 not in said:
            raise InvalidValue("150", "", "ExecType is wanted")
        action = _ACTIONS.get(said[150])
        if self.kind == CAPTURE and action == "new":
            return _CAPTURES.get(said.get(487, "0"))
        return action

    def row(self) -> Row:
        """The trade."""
        day, clock = self._moment()
        currency = self._value(15) or self.context.currency
        exponent = exponent_of("15", currency, self.context)
        quantity = parse_quantity("32", self._value(32) or self._missing("32", "LastQty"))
        price = self._price()
        sides = self._parties()
        commission, levy = self._charges(currency, exponent, quantity)
        return Row(
            number=number_of(self._id(), day),
            day=day,
            settles=_day("64", settles) if (settles := self._value(64)) else NO_DAY,
            time=clock,
            buyer=self.institutions.pick(sides["buy"]),
            seller=self.institutions.pick(sides["sell"]),
            security=self.securities.pick(self._securities()),
            currency=currency,
            quantity=quantity,
            amount=self._amount(price, quantity, exponent),
            price=price,
            line=self.message.line,
            commission=commission,
            levy=levy,
            with_day=has_day(self._id(), day),
        )

    def _value(self, tag: int) -> str:
        """What the message or its sides say; empty where they do not."""
        if tag in self.head.said:
            return self.head.said[tag]
        said = list(dict.fromkeys(side.said[tag] for side in self.sides if tag in side.said))
        if len(said) > 1:
            raise InvalidValue(str(tag), shown(" and ".join(said)), "the sides of one trade differ")
        return said[0] if said else ""

    def _missing(self, tag: str, name: str) -> str:
        raise InvalidValue(tag, "", f"{name} is wanted")

    def _moment(self) -> tuple[int, int]:
        """The trading day, which is the date in UTC where only the time says it, and the venue's time."""
        text, stamp = self._value(75), self._value(60)
        match = _STAMP.fullmatch(stamp)
        if stamp and match is None:
            raise InvalidValue("60", shown(stamp), "a time is wanted, as 20191121-05:15:00")
        if not text and match is None:
            self._missing("75", "TradeDate")
        day = _day("75", text) if text or match is None else _day("60", match.group(1))
        if match is None or self.offset is None:
            return day, TIME_UNKNOWN
        hour, minute, second = (int(part) for part in match.group(2, 3, 4))
        return day, (hour * 3600 + (minute + self.offset) * 60 + second) % 86_400

    def _id(self) -> str:
        """The trade's id, else the match's, else the report's: the first that is there."""
        return next((found for tag in (1003, 880, 17, 571) if (found := self._value(tag))), "")

    def _price(self) -> int:
        """Millionths, or -1 where the price is not per unit."""
        text = self._value(31)
        if self._value(423) not in ("", _BY_UNIT):
            return -1
        return parse_exact("31", text or self._missing("31", "LastPx"), PRICE_DECIMALS)

    def _amount(self, price: int, quantity: int, exponent: int) -> int:
        if gross := self._value(381):
            return parse_amount("381", gross, exponent)
        if price < 0:
            self._missing("381", "GrossTradeAmt")
        return _minor("31", price * quantity, PRICE_DECIMALS, exponent)

    def _parties(self) -> dict[str, list[str]]:
        """What may name the buyer and the seller."""
        parts = self.sides or [self.head]
        found: dict[str, list[str]] = {}
        for part in parts:
            said = part.said.get(54, "")
            side = _SIDES.get(said)
            if side is None or side in found or len(parts) > 2:
                raise InvalidValue("54", shown(said), "one side that buys and one that sells are wanted")
            found[side] = part.parties(_OWN_ROLES)
        if len(parts) == 1:
            side = next(iter(found))
            if not found[side] and self.context.owner:
                found[side] = [self.context.owner]
            found["sell" if side == "buy" else "buy"] = parts[0].contra()
        return found

    def _securities(self) -> list[str]:
        """What may name the security: an ISIN, the symbol, any other code."""
        code, symbol = self._value(48), self._value(55)
        others = [(each.get(456), each[455]) for each in self.head.group(454)]
        isins = [code] if self._value(22) == _ISIN else []
        isins += [text for source, text in others if source == _ISIN]
        plain = [symbol] if symbol != _NOT_GIVEN else []
        return [each for each in (*isins, *plain, code, *(text for _, text in others)) if each]

    def _charges(self, currency: str, exponent: int, quantity: int) -> tuple[int | None, int | None]:
        """Commission and levy of the owner's side, minor units; None where it does not say."""
        part = self._own()
        if part is None:
            return None, None
        text, sort = part.said.get(12, ""), part.said.get(13, _ABSOLUTE)
        commission = None
        if text and part.said.get(479, currency) == currency and sort in (_PER_UNIT, _ABSOLUTE):
            commission = parse_exact("12", text, 12) * (quantity if sort == _PER_UNIT else 1)
            commission = _minor("12", commission, 12, exponent)
        fees = [
            parse_amount("137", each[137], exponent)
            for each in part.group(136)
            if each.get(139) in _LEVIES and each.get(138, currency) == currency
        ]
        return commission, sum(fees) if fees else None

    def _own(self) -> Part | None:
        if not self.sides:
            return self.head
        owned = [
            part
            for part in self.sides
            if self.institutions.pick(part.parties(_OWN_ROLES)) == self.context.owner
        ]
        return owned[0] if len(owned) == 1 else None


def _day(tag: str, text: str) -> int:
    if len(text) != 8 or not (text.isascii() and text.isdigit()):
        raise InvalidValue(tag, shown(text), "a date is wanted, as 20191121")
    return checked_day(tag, text, int(text))


def _minor(tag: str, value: int, decimals: int, exponent: int) -> int:
    """`value` of 10^-decimals currency units as whole minor units."""
    amount, rest = divmod(value * int(10**exponent), int(10**decimals))
    if rest:
        raise InvalidValue(tag, "", "the amount that it makes is no whole minor unit")
    if abs(amount) > MAX_AMOUNT:
        raise InvalidValue(tag, "", f"the amount that it makes is above {MAX_AMOUNT} minor units")
    return amount

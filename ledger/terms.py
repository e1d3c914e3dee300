"""Terms of a revenue sharing agreement, as the words that are signed and executed.

The layout is that of `contracts/interfaces/IRevenueSharing.sol`; a `Terms` and its words say the same, so
`unpack(pack(terms)) == terms`. Institutions are indexes. A place of a measure or a party counts from 1 and 0
is none, as in the words. Amounts are minor units, times seconds, rates millionths.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from ledger.errors import InvalidValue
from ledger.ids import from_bytes32
from ledger.signatures import Domain, terms_hash

MAX_PARTIES = 24
MAX_WORDS = 255
BY_TIME = 255
"""A clause's `step_by` where its steps go by the beginning of the period."""
MAX_UP_TO = 2**96 - 1
"""The bound of the last tier: there is none."""
MAX_MEASURE = 2**64 - 1
MAX_POOL = 2**96 - 1
"""No pool is larger, minor units."""
_SHARE_BITS, _SHARES_A_WORD = 24, 10


class Basis(IntEnum):
    """What a clause pays a part of."""

    COMMISSION = 0
    MANAGEMENT_FEE = 1
    PERFORMANCE = 2
    SUBSCRIPTION = 3
    USAGE = 4


class DayCount(IntEnum):
    """How days become a part of a year; ISO 20022 A004, A005 and A001."""

    NONE = 0
    ACTUAL_360 = 1
    ACTUAL_365 = 2
    THIRTY_360 = 3


@dataclass(frozen=True, slots=True)
class Measure:
    """What is reported of a period. Where `countersigner` is 0 the reporter is a calculation agent."""

    name: str
    reporter: int
    countersigner: int = 0


@dataclass(frozen=True, slots=True)
class Tier:
    """Of amounts above the last bound up to and including `up_to`: `rate_ppm` millionths, and `flat`."""

    up_to: int
    rate_ppm: int
    flat: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """The parties' shares, in the terms' order, once what the steps go by is above `above`."""

    above: int
    shares_ppm: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Reserve:
    """What a clause puts aside first: released `after` periods later by the clause's shares, or to `to` (a
    party's place, 0 the payer) where `measure` of the period is above `above`."""

    rate_ppm: int
    after: int
    measure: int = 0
    to: int = 0
    above: int = 0


@dataclass(frozen=True, slots=True)
class Clause:
    """One line of income and how it is shared; the interface says what each field means."""

    basis: Basis
    tiers: tuple[Tier, ...]
    steps: tuple[Step, ...]
    measure: int = 0
    units: int = 0
    graduated: bool = False
    tier_by: int = 0
    step_by: int = 0
    day_count: DayCount = DayCount.NONE
    floor: int = 0
    cap: int = 0
    reserve: Reserve | None = None
    mark: int = 0
    hurdle_ppm: int = 0
    resets: bool = False


@dataclass(frozen=True, slots=True)
class Guarantee:
    """`party` (a place) promised `measure` to be `promised` at least; for each unit that is missing it owes
    the payer `rate_ppm` millionths of a minor unit, and `flat`, at most `cap` (0: without bound)."""

    measure: int
    party: int
    promised: int
    rate_ppm: int = 0
    flat: int = 0
    cap: int = 0


@dataclass(frozen=True, slots=True)
class Terms:
    """One version of an agreement, as its parties sign it. `effective_from` is 0 where the last consent
    decides: the first version at once, later ones with the next period."""

    payer: int
    currency: int
    name: str
    parties: tuple[int, ...]
    clauses: tuple[Clause, ...]
    version: int = 1
    effective_from: int = 0
    notice_days: int = 0
    months: int = 3
    measures: tuple[Measure, ...] = ()
    guarantees: tuple[Guarantee, ...] = ()
    reserve_account: int = 0

    @property
    def lines(self) -> int:
        """How many lines a period has: the clauses, then the guarantees."""
        return len(self.clauses) + len(self.guarantees)

    def digest(self, domain: Domain) -> bytes:
        """What the payer and each party sign."""
        return domain.digest(terms_hash(pack(self)))


@dataclass(slots=True)
class _Reader:
    words: Sequence[int]
    at: int = 0
    left: int = field(default=0)
    value: int = field(default=0)

    def word(self) -> int:
        if self.at == len(self.words):
            raise InvalidValue("terms", f"{len(self.words)} words", "more words are wanted")
        self.value, self.left = self.words[self.at], 256
        self.at += 1
        return self.value

    def take(self, *bits: int) -> Iterator[int]:
        """Fields of the current word, from the top on."""
        for count in bits:
            self.left -= count
            yield self.value >> self.left & (1 << count) - 1


def pack(terms: Terms) -> list[int]:
    """The words of terms. Raises InvalidValue where a field does not fit its bits."""
    counts = (len(terms.parties), len(terms.measures), len(terms.clauses), len(terms.guarantees))
    words = [
        _word(
            *((terms.payer, 16), (terms.currency, 16), (terms.version, 32), (terms.effective_from, 64)),
            *((terms.notice_days, 16), (terms.months, 8), *((count, 8) for count in counts)),
            (terms.reserve_account, 16),
        ),
        _name(terms.name, 32),
    ]
    words += [_word(*((p, 16) for p in part)) for part in _chunks(terms.parties, 16)]
    for each in terms.measures:
        words.append(_name(each.name, 28) | _field(each.reporter, 16) << 16 | _field(each.countersigner, 16))
    for clause in terms.clauses:
        words += _pack_clause(clause)
    for promise in terms.guarantees:
        words.append(_word((promise.measure, 8), (promise.party, 8), (0, 112), (promise.promised, 128)))
        words.append(_word((promise.rate_ppm, 64), (promise.flat, 96), (promise.cap, 96)))
    return words


def unpack(words: Sequence[int]) -> Terms:
    """The terms that words say. Raises InvalidValue where they end early or go on; whether the terms are
    allowed is not looked at.
    """
    reader = _Reader(words)
    reader.word()
    payer, currency, version, effective_from, notice_days, months, *counts, reserve_account = reader.take(
        16, 16, 32, 64, 16, 8, 8, 8, 8, 8, 16
    )
    name = _text(reader.word())
    parties: list[int] = []
    for start in range(0, counts[0], 16):
        reader.word()
        parties += reader.take(*[16] * min(16, counts[0] - start))
    measures = []
    for _ in range(counts[1]):
        word = reader.word()
        measures.append(Measure(_text(word >> 32 << 32), word >> 16 & 0xFFFF, word & 0xFFFF))
    clauses = tuple(_unpack_clause(reader, counts[0]) for _ in range(counts[2]))
    guarantees = []
    for _ in range(counts[3]):
        reader.word()
        measure, party, _, promised = reader.take(8, 8, 112, 128)
        reader.word()
        guarantees.append(Guarantee(measure, party, promised, *reader.take(64, 96, 96)))
    if reader.at != len(words):
        raise InvalidValue("terms", f"{len(words)} words", f"{reader.at} words are wanted")
    return Terms(
        *(payer, currency, name, tuple(parties), clauses, version, effective_from, notice_days, months),
        *(tuple(measures), tuple(guarantees), reserve_account),
    )


def name_key(name: str) -> bytes:
    """An agreement's name as the contract's calls and events have it, bytes32."""
    return _name(name, 32).to_bytes(32, "big")


def measure_key(name: str) -> bytes:
    """A measure's name as the contract's calls and events have it, bytes28."""
    return _name(name, 28).to_bytes(32, "big")[:28]


def _pack_clause(clause: Clause) -> list[int]:
    kept = clause.reserve or Reserve(0, 0)
    words = [_word((clause.floor, 128), (clause.cap, 128))]
    if clause.basis is Basis.PERFORMANCE:
        words.append(_word((clause.mark, 64), (clause.hurdle_ppm, 32), (int(clause.resets), 8)))
    words += [_word((t.up_to, 96), (t.rate_ppm, 64), (t.flat, 96)) for t in clause.tiers]
    for step in clause.steps:
        words.append(_word((step.above, 256)))
        for part in _chunks(step.shares_ppm, _SHARES_A_WORD):
            words.append(_word(*((ppm, _SHARE_BITS) for ppm in part)))
    head = _word(
        *((clause.basis, 8), (len(words) + 1, 8), (clause.measure, 8), (clause.units, 8)),
        *((int(clause.graduated), 8), (clause.tier_by, 8), (len(clause.tiers), 8)),
        *((clause.step_by, 8), (len(clause.steps), 8), (clause.day_count, 8)),
        *((kept.rate_ppm, 24), (kept.after, 8), (kept.measure, 8), (kept.to, 8), (kept.above, 128)),
    )
    return [head, *words]


def _unpack_clause(reader: _Reader, parties: int) -> Clause:
    reader.word()
    basis, _, measure, units, graduated, tier_by, tiers, step_by, steps, day_count, *kept = reader.take(
        8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 24, 8, 8, 8, 128
    )
    reader.word()
    floor, cap = reader.take(128, 128)
    mark = hurdle_ppm = resets = 0
    if basis == Basis.PERFORMANCE:
        reader.word()
        mark, hurdle_ppm, resets = reader.take(64, 32, 8)
    found_tiers = []
    for _ in range(tiers):
        reader.word()
        found_tiers.append(Tier(*reader.take(96, 64, 96)))
    found_steps = []
    for _ in range(steps):
        above, shares = reader.word(), list[int]()
        for start in range(0, parties, _SHARES_A_WORD):
            reader.word()
            shares += reader.take(*[_SHARE_BITS] * min(_SHARES_A_WORD, parties - start))
        found_steps.append(Step(above, tuple(shares)))
    return Clause(
        *(Basis(basis), tuple(found_tiers), tuple(found_steps), measure, units, bool(graduated)),
        *(tier_by, step_by, DayCount(day_count), floor, cap),
        *(Reserve(*kept) if any(kept) else None, mark, hurdle_ppm, bool(resets)),
    )


def _word(*fields: tuple[int, int]) -> int:
    """(value, bits) from the top on; the rest is zero."""
    word, left = 0, 256
    for value, bits in fields:
        left -= bits
        word |= _field(value, bits) << left
    return word


def _field(value: int, bits: int) -> int:
    if not 0 <= value < 1 << bits:
        raise InvalidValue("terms", value, f"0 to 2^{bits} - 1")
    return value


def _name(name: str, size: int) -> int:
    data = name.encode("ascii", "replace")
    if not name.isascii() or not 0 < len(data) <= size:
        raise InvalidValue("name", name, f"1 to {size} ASCII characters")
    return int.from_bytes(data.ljust(32, b"\0"), "big")


def _text(word: int) -> str:
    return from_bytes32(word.to_bytes(32, "big"))


def _chunks(values: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]

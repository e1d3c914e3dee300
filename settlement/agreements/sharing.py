"""What a payer gives away of its commission in settlements, by its agreements and what it has earned so far.

Each agreement has a running total T of its period. Of T a clause makes a pool, the reserve takes its part,
and each party is entitled to floor(rest * share / 1,000,000); a settlement pays the difference to before. So
neither the order nor the splitting of payments shifts a unit between parties. Where a period's rates fall
with its volume, an entitlement can fall, too: nobody pays back, but owes it, and what comes next is netted
against it. Amounts are minor units. The contract `RevenueSharing` computes the same; this is written apart
from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ledger.terms import BY_TIME, MAX_UP_TO, Basis, Clause, Terms, Tier
from ledger.units import PPM
from settlement.agreements import periods

MAX_TOTAL = 2**96 - 1
"""A running total goes no further, and no pool is larger."""

_UNSURE = 3
"""How far, below this, rounding a clause's pool, reserve and one share down moves that share off its line."""


@dataclass(frozen=True, slots=True)
class OnAccount:
    """A commission clause in one period, as settlements count with it: the first tier and the first step
    where a measure decides, and no floor. `shares_ppm` are in the order of the terms' parties.
    `computing.on_account` computes the same again, apart from this.
    """

    tiers: tuple[Tier, ...]
    shares_ppm: tuple[int, ...]
    graduated: bool = False
    cap: int = MAX_TOTAL
    reserve_ppm: int = 0

    @classmethod
    def of(cls, clause: Clause, period: int) -> OnAccount:
        """The clause in a period."""
        begun = [each for each in clause.steps[1:] if periods.start_s(period) > each.above]
        step = begun[-1] if begun and clause.step_by == BY_TIME else clause.steps[0]
        tiers = clause.tiers
        if clause.tier_by:
            tiers = (Tier(MAX_UP_TO, tiers[0].rate_ppm, tiers[0].flat),)
        reserve_ppm = clause.reserve.rate_ppm if clause.reserve else 0
        return cls(tiers, step.shares_ppm, clause.graduated, clause.cap or MAX_TOTAL, reserve_ppm)

    @property
    def is_whole(self) -> bool:
        """Whether all commission is shared, with nothing between it and the shares."""
        only = self.tiers[0]
        plain = (only.rate_ppm, only.flat, self.cap, self.reserve_ppm) == (PPM, 0, MAX_TOTAL, 0)
        return len(self.tiers) == 1 and plain

    @property
    def bounds(self) -> list[int]:
        """Where one tier ends and the next begins."""
        return [tier.up_to for tier in self.tiers[:-1]]

    def uncapped(self, total: int) -> int:
        """What the tiers make of the total."""
        scaled = below = 0
        for tier in self.tiers:
            if self.graduated:
                scaled += (min(total, tier.up_to) - below) * tier.rate_ppm + tier.flat * PPM
                below = tier.up_to
            if total <= tier.up_to:
                break
        return (scaled if self.graduated else total * tier.rate_ppm + tier.flat * PPM) // PPM

    def split(self, total: int) -> Iterator[int]:
        """What the reserve and then each party is entitled to of the total."""
        pool = min(self.uncapped(total), self.cap)
        reserve = pool * self.reserve_ppm // PPM
        yield reserve
        for share_ppm in self.shares_ppm:
            yield (pool - reserve) * share_ppm // PPM


@dataclass(frozen=True, slots=True)
class Running:
    """One agreement in its period, at a moment. `receivers` are the reserve's account (0 where there is
    none), then the parties; `dues` is what the payer owes each, negative what it is owed.
    """

    receivers: tuple[int, ...]
    lines: tuple[OnAccount, ...]
    total: int = 0
    dues: tuple[int, ...] = ()
    agreement_id: int = 0
    period: int = 0
    entitled: tuple[int, ...] = field(init=False)
    """What the total so far comes to for each."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "entitled", self.entitled_of(self.total))
        object.__setattr__(self, "dues", self.dues or (0,) * len(self.receivers))

    @classmethod
    def of(
        cls,
        terms: Terms,
        agreement_id: int,
        period: int,
        totals: Mapping[tuple[int, int], int],
        dues: Mapping[tuple[int, int], int],
    ) -> Running:
        """The agreement in a period, with (agreement, period) → total and (agreement, institution) → due."""
        receivers = (terms.reserve_account, *terms.parties)
        lines = tuple(OnAccount.of(each, period) for each in terms.clauses if each.basis is Basis.COMMISSION)
        due = tuple(dues.get((agreement_id, each), 0) for each in receivers)
        return cls(receivers, lines, totals.get((agreement_id, period), 0), due, agreement_id, period)

    @property
    def fixed_ppm(self) -> tuple[int | None, ...]:
        """Each receiver's share of all commission, None where it is not fixed."""
        if not all(line.is_whole for line in self.lines):
            return (None,) * len(self.receivers)
        shares = zip(*(line.shares_ppm for line in self.lines), strict=True)
        return (0, *map(sum, shares))

    def entitled_of(self, total: int) -> tuple[int, ...]:
        """What each receiver is entitled to of a total; of nothing earned nothing."""
        if not total or not self.lines:
            return (0,) * len(self.receivers)
        return tuple(map(sum, zip(*(line.split(total) for line in self.lines), strict=True)))

    def after(self, commission: int) -> Running:
        """Once so much more has been earned."""
        total = min(self.total + commission, MAX_TOTAL)
        gains = self._gains(total)
        dues = tuple(
            due + gain if gain < 0 else due + min(gain, max(0, -due))
            for due, gain in zip(self.dues, gains, strict=True)
        )
        return Running(self.receivers, self.lines, total, dues, self.agreement_id, self.period)

    def paid(self, commission: int) -> list[int]:
        """What each receiver is paid if so much more is earned at once."""
        gains = self._gains(min(self.total + commission, MAX_TOTAL))
        return [max(0, gain + min(0, due)) for gain, due in zip(gains, self.dues, strict=True)]

    def _gains(self, total: int) -> list[int]:
        now = self.entitled_of(total)
        return [new - old for new, old in zip(now, self.entitled, strict=True)]

    def bends(self, most: int) -> set[int]:
        """Of 0 to `most` more commission the amounts between which whatever is paid goes along a straight
        line, but for rounding.
        """
        found = {0, 1, most, min(most, MAX_TOTAL - self.total)}
        for bound in {bound for line in self.lines for bound in line.bounds}:
            found |= {bound - self.total, bound + 1 - self.total}
        bends = sorted(each for each in found if 0 <= each <= most)
        for low, high in pairwise(bends):
            low, high = self.total + low, self.total + high
            crossed = [_first(low, high, line.uncapped, line.cap) for line in self.lines]
            for i, due in enumerate(self.dues):
                paid_from = self.entitled[i] - min(0, due)
                crossed.append(_first(low, high, self._entitled_at(i), paid_from))
            found |= {at - self.total + k for at in crossed for k in (-1, 0)}
        return {each for each in found if 0 <= each <= most}

    def _entitled_at(self, i: int) -> Callable[[int], int]:
        return lambda total: self.entitled_of(total)[i]

    @property
    def may_owe(self) -> bool:
        """Whether a settlement can change what a receiver owes."""
        return any(due < 0 for due in self.dues) or self.jumps(-1) > 0

    def jumps(self, sign: int) -> int:
        """By how much entitlements rise (or, `sign` -1, fall) from tier to tier on the way from here."""
        bounds = {bound for line in self.lines for bound in line.bounds if bound >= self.total}
        pairs = ((self.entitled_of(bound), self.entitled_of(bound + 1)) for bound in bounds)
        return sum(max(0, sign * (new - old)) for pair in pairs for old, new in zip(*pair, strict=True))


@dataclass(frozen=True, slots=True)
class Around:
    """A straight line around what is given of a commission c, in millionths of a minor unit: no more than
    slope_ppm * c + over, no less than slope_ppm * c - under. So much more commission takes rate_ppm * more +
    jump at most.
    """

    slope_ppm: int
    over: int
    under: int
    rate_ppm: int
    jump: int


@dataclass(frozen=True, slots=True)
class Sharing:
    """All that a payer gives of its commission in a currency, at a moment."""

    running: tuple[Running, ...] = ()
    floors: tuple[tuple[int, int], ...] | None = field(init=False, compare=False)
    """Where every agreement shares all commission by fixed shares: (fraction in millionths that the total so
    far has left, share in ppm) of each share, so that floor((fraction + c * share) / 1e6) is given of c more.
    """

    def __post_init__(self) -> None:
        object.__setattr__(self, "floors", _floors(self.running))

    def paid(self, commission: int) -> dict[int, int]:
        """Institution → what it is paid if the payer earns so much more at once, zeros left out."""
        found: dict[int, int] = {}
        for each in self.running:
            for receiver, amount in zip(each.receivers, each.paid(commission), strict=True):
                found[receiver] = found.get(receiver, 0) + amount
        return {receiver: amount for receiver, amount in found.items() if amount}

    def given(self, commission: int) -> int:
        """What the payer gives away if it earns so much more at once."""
        floors = self.floors_within(commission)
        if floors is None:
            return sum(sum(each.paid(commission)) for each in self.running)
        total = 0
        for rest, ppm in floors:
            total += (rest + commission * ppm) // PPM
        return total

    def after(self, commission: int) -> Sharing:
        """Once so much more has been earned, and what was due for it paid."""
        return Sharing(tuple(each.after(commission) for each in self.running)) if commission else self

    def floors_within(self, most: int) -> tuple[tuple[int, int], ...] | None:
        """`floors`, where they hold for so much more commission."""
        if self.floors and any(each.total + most > MAX_TOTAL for each in self.running):
            return None
        return self.floors

    @property
    def rate_ppm(self) -> int:
        """What is given of more commission at most, jumps from tier to tier aside, rounded up."""
        rate = 0
        for line in (line for each in self.running for line in each.lines):
            shared = PPM * line.reserve_ppm + (PPM - line.reserve_ppm) * sum(line.shares_ppm)
            rate += -(-max(tier.rate_ppm for tier in line.tiers) * shared // PPM**2)
        return rate

    @property
    def falls(self) -> int:
        """By how much what is given can fall while more is earned."""
        return 0 if self.floors is not None else sum(each.jumps(-1) for each in self.running)

    def around(self, most: int) -> Around:
        """A straight line around what is given of 0 to `most` more commission."""
        floors = self.floors_within(most)
        if floors is not None:
            rests = sum(rest for rest, _ in floors)
            slope_ppm, rounding = sum(ppm for _, ppm in floors), len(floors) * (PPM - 1)
            return Around(slope_ppm, rests, rounding - rests, slope_ppm, rounding)
        slope_ppm = self.given(most) * PPM // most if most else 0
        bends = {bend for each in self.running for bend in each.bends(most)}
        above = [self.given(bend) * PPM - slope_ppm * bend for bend in bends]
        unsure = _UNSURE * PPM * sum(len(each.lines) * len(each.receivers) for each in self.running)
        jump = unsure + PPM * sum(each.jumps(1) for each in self.running)
        return Around(slope_ppm, max(above) + unsure, unsure - min(above), self.rate_ppm, jump)


def fixed(shares_ppm: Mapping[int, int], total: int = 0) -> Sharing:
    """One agreement that shares all commission, institution → ppm; `total` has been earned before."""
    line = OnAccount((Tier(MAX_UP_TO, PPM),), tuple(shares_ppm.values()))
    return Sharing((Running((0, *shares_ppm), (line,), total),))


def _first(low: int, high: int, rising: Callable[[int], int], enough: int) -> int:
    """The first of low to high at which what rises is enough; high + 1 where none is."""
    high += 1
    while low < high:
        middle = (low + high) // 2
        if rising(middle) >= enough:
            high = middle
        else:
            low = middle + 1
    return low


def _floors(running: Sequence[Running]) -> tuple[tuple[int, int], ...] | None:
    if not all(line.is_whole for each in running for line in each.lines):
        return None
    if any(due < 0 for each in running for due in each.dues):
        return None
    return tuple(_fractions(running))


def _fractions(running: Iterable[Running]) -> Iterator[tuple[int, int]]:
    for each in running:
        for line in each.lines:
            for ppm in line.shares_ppm:
                if ppm:
                    yield each.total * ppm % PPM, ppm


NOTHING = Sharing()
"""Who has no agreement gives nothing away."""

"""registerFeeSchedule(levyBeneficiary, levyPpm, graduated, tiers): what a venue charges, for good.

when the caller is an exchange      ─ kept as given under the next id, told, and readable
when it is anyone else              ─ refused
when the beneficiary is no active regulator ─ refused
when a rate is above 1,000,000 ppm  ─ refused; 1,000,000 is not
when there are 0 or 33 tiers ─ refused, with their number
when tiers do not rise, or the last is not without bound ─ refused, with the position of that one
when what is charged is by slab     ─ each amount by its own tier, on the whole
                     is graduated   ─ what lies in each tier by that tier, at any rates, falling and rising
                     is the largest ─ exact: the highest rate, and every flat part as large as can be said
when a flat part has more than 64 bits ─ refused
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from ledger import reverts
from ledger.clients.consortium import Role
from ledger.contract import send
from ledger.errors import Reverted
from tests.contracts.clearing import Floor, slice_of, transfers_in
from tests.contracts.clearing_model import Model, Trade
from tests.contracts.support import LEVY_PPM, MAX_AMOUNT, TIERS, Ledger, refused

PPM = 1_000_000
MAX_FLAT = 2**64 - 1
LAST = (MAX_AMOUNT, 4_000, 0)


def register(
    ledger: Ledger,
    *tiers: tuple[int, int, int],
    levy: int = 10,
    to: int | None = None,
    by: str = "V",
    graduated: bool = False,
) -> object:
    beneficiary = ledger.index["R"] if to is None else to
    return ledger.clearing_house.register_fee_schedule(
        ledger.signers[by], beneficiary, levy, tiers, graduated
    )


@pytest.mark.parametrize("graduated", [False, True])
def test_register_fee_schedule_when_exchange_calls_keeps_and_tells(ledger: Ledger, graduated: bool) -> None:
    tiers = ((0, 1, 7), (1, 0, 0), (2, PPM, MAX_FLAT), LAST)
    house = ledger.clearing_house
    receipt = house.register_fee_schedule(ledger.signers["V"], ledger.index["R2"], PPM, tiers, graduated)
    assert ledger.facts(receipt) == [
        (
            "FeeScheduleRegistered",
            {
                "feeScheduleId": 2,
                "venue": 1,
                "levyBeneficiary": ledger.index["R2"],
                "levyPpm": PPM,
                "graduated": graduated,
                "tiers": tiers,
            },
        )
    ]
    assert tuple(house.call("feeSchedule", 2)) == (1, ledger.index["R2"], PPM, graduated, tiers)
    assert tuple(house.call("feeSchedule", 1)) == (1, ledger.index["R"], LEVY_PPM, False, TIERS)


def test_register_fee_schedule_returns_next_id_over_all_venues(ledger: Ledger) -> None:
    ledger.admit("V2", Role.EXCHANGE)
    register(ledger, LAST, by="V2")
    returned = ledger.clearing_house.call(
        "registerFeeSchedule", ledger.index["R"], 0, False, [LAST], sender=ledger.signers["V"].address
    )
    assert returned == 3


def test_register_fee_schedule_when_caller_is_no_exchange_reverts(ledger: Ledger) -> None:
    for _, signer in ledger.everyone_but("V"):
        with refused(reverts.Consortium_RoleRequired, caller=signer.address, role=Role.EXCHANGE):
            ledger.clearing_house.register_fee_schedule(signer, ledger.index["R"], 0, [LAST])


def test_register_fee_schedule_given_exchange_is_suspended_reverts(ledger: Ledger) -> None:
    ledger.suspend("V")
    with refused(reverts.Consortium_RoleRequired, caller=ledger.signers["V"].address, role=Role.EXCHANGE):
        register(ledger, LAST)


@pytest.mark.parametrize("who", [0, 1, 2, 3, 6, 7, 8, 11, 256 + 4, 0xFFFF])
def test_register_fee_schedule_when_beneficiary_is_no_regulator_reverts(ledger: Ledger, who: int) -> None:
    with refused(reverts.ClearingHouse_NotRegulator, institution=who):
        register(ledger, LAST, to=who)


def test_register_fee_schedule_given_regulator_is_suspended_reverts(ledger: Ledger) -> None:
    ledger.suspend("R2")
    with refused(reverts.ClearingHouse_NotRegulator, institution=ledger.index["R2"]):
        register(ledger, LAST, to=ledger.index["R2"])


@pytest.mark.parametrize("rate", [PPM + 1, 2**24 - 1])
def test_register_fee_schedule_when_rate_is_above_all_reverts(ledger: Ledger, rate: int) -> None:
    with refused(reverts.ClearingHouse_InvalidRate, ratePpm=rate):
        register(ledger, LAST, levy=rate)
    for tiers in ([(MAX_AMOUNT, rate, 0)], [(5, rate, 0), LAST], [(5, 1, 0), (6, rate, 0), LAST]):
        with refused(reverts.ClearingHouse_InvalidRate, ratePpm=rate):
            register(ledger, *tiers)


@pytest.mark.parametrize(
    ("bounds", "position"),
    [((5, 5), 1), ((5, 4), 1), ((1, 3, 2), 2), ((1, 2, 2, 9), 2), ((MAX_AMOUNT,), 1), ((1, MAX_AMOUNT), 2)],
)
def test_register_fee_schedule_when_tiers_do_not_rise_reverts(
    ledger: Ledger, bounds: tuple[int, ...], position: int
) -> None:
    with refused(reverts.ClearingHouse_InvalidTier, position=position):
        register(ledger, *((bound, 1, 0) for bound in bounds), LAST)


def test_register_fee_schedule_when_there_are_none_reverts(ledger: Ledger) -> None:
    with refused(reverts.ClearingHouse_InvalidTier, position=0):
        register(ledger)


def test_register_fee_schedule_when_there_are_32_registers_and_33_reverts(ledger: Ledger) -> None:
    tiers = [(bound, bound, bound) for bound in range(1, 33)]
    register(ledger, *tiers[:31], LAST)
    assert len(ledger.clearing_house.call("feeSchedule", 2)[4]) == 32
    for count in (33, 34, 256):
        many = [(bound, bound, 0) for bound in range(1, count)]
        with refused(reverts.ClearingHouse_InvalidTier, position=count):
            register(ledger, *many, LAST)
        with refused(reverts.ClearingHouse_InvalidTier, position=count):
            register(ledger, *many, (count, 1, 0))


@pytest.mark.parametrize("bounds", [(MAX_AMOUNT - 1,), (0,), (1, 2), (5, MAX_AMOUNT - 1)])
def test_register_fee_schedule_when_last_has_a_bound_reverts_with_its_position(
    ledger: Ledger, bounds: tuple[int, ...]
) -> None:
    """The tier that is wrong is the last one, at one less than their number."""
    with refused(reverts.ClearingHouse_InvalidTier, position=len(bounds) - 1):
        register(ledger, *((bound, 1, 0) for bound in bounds))


def settles_as_expected(ledger: Ledger, trades: list[Trade], model: Model, schedule: int = 2) -> None:
    """Under the schedule; B1 gives all its commission to P."""
    shares = [("P", PPM)]
    floor = Floor(ledger)
    floor.agree("B1", shares)
    floor.fund(*trades, model=replace(model, agreements={"B1": shares}))
    batch = floor.entered(*trades, fee_schedule_id=schedule)
    floor.open()
    outcome = replace(model, agreements={"B1": shares}, totals=Counter()).settle(trades)
    facts = ledger.facts(floor.settle(slice_of(batch)))
    assert transfers_in(facts) == floor.expected_transfers(outcome)
    (sums,) = [fact for name, fact in facts if name == "NettingSetSettled"]
    assert (sums["commission"], sums["levy"]) == (outcome.commission.total(), outcome.levy.total())


@pytest.mark.parametrize("graduated", [False, True])
def test_register_fee_schedule_given_32_tiers_each_charges_its_own(ledger: Ledger, graduated: bool) -> None:
    """Amounts at each bound and one above it; rates and flat parts rise and fall."""
    rates = [10_000 * n if n % 3 else 990_000 - n for n in range(1, 32)]
    tiers = [(100 * n, rate, 7 * (n % 4)) for n, rate in enumerate(rates, start=1)] + [(MAX_AMOUNT, PPM, 1)]
    register(ledger, *tiers, levy=PPM, graduated=graduated)
    amounts = [bound + more for bound, _, _ in tiers[:-1] for more in (0, 1)]
    trades = [Trade(n, "B1", "B2", "S1", 1, amount) for n, amount in enumerate(amounts)]
    settles_as_expected(ledger, trades, Model(tiers=tiers, levy_ppm=PPM, graduated=graduated))
    assert ledger.balance("R", "NPR") == 2 * sum(amounts)


@pytest.mark.parametrize("graduated", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_register_fee_schedule_when_random_charges_as_computed_apart(
    ledger: Ledger, seed: int, graduated: bool
) -> None:
    draw = random.Random(seed)
    bounds = [*sorted(draw.sample(range(1, 2000), 5)), draw.randint(2**60, MAX_AMOUNT - 1), MAX_AMOUNT]
    tiers = [(up_to, draw.choice((0, PPM, draw.randint(0, PPM))), draw.randint(0, 99)) for up_to in bounds]
    amounts = [bound + more for bound in bounds for more in (0, 1) if bound + more <= MAX_AMOUNT]
    amounts += [draw.randint(1, 3000) for _ in range(20)] + [draw.randint(2**50, MAX_AMOUNT)]
    trades = [
        Trade(n, draw.choice(("B1", "B2")), draw.choice(("B2", "B3")), "S1", 1, amount)
        for n, amount in enumerate(amounts)
    ]
    register(ledger, *tiers, levy=150, graduated=graduated)
    settles_as_expected(ledger, trades, Model(tiers=tiers, graduated=graduated))


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ((PPM, 0, 0), (100, 100, 100)),  # all of the first hundred, nothing of what is above
        ((0, PPM, 0), (0, 1, 100)),
        ((0, 0, PPM), (0, 0, 1)),
    ],
)
def test_register_fee_schedule_when_graduated_rates_fall_to_zero_never_charges_less(
    ledger: Ledger, rates: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    tiers = [(up_to, rate, 0) for up_to, rate in zip((100, 200, MAX_AMOUNT), rates, strict=True)]
    register(ledger, *tiers, levy=0, graduated=True)
    floor = Floor(ledger)
    trades = [Trade(n, "B1", "B2", "S1", 1, amount) for n, amount in enumerate((100, 101, 201))]
    floor.fund(*trades, model=Model(tiers=tiers, levy_ppm=0, graduated=True))
    batch = floor.entered(*trades, fee_schedule_id=2)
    floor.open()
    for position, commission in enumerate(expected):
        facts = ledger.facts(floor.settle(slice_of(batch, [position])))
        (sums,) = [fact for name, fact in facts if name == "NettingSetSettled"]
        assert sums["commission"] == 2 * commission


def test_register_fee_schedule_when_flat_parts_are_the_largest_sums_do_not_overflow(ledger: Ledger) -> None:
    """Each side of each trade is charged its whole amount and 32 flat parts of 2^64 - 1."""
    tiers = [(n, PPM, MAX_FLAT) for n in range(1, 32)] + [(MAX_AMOUNT, PPM, MAX_FLAT)]
    register(ledger, *tiers, levy=PPM, graduated=True)
    trades = [Trade(n, "B1", "B1" if n % 2 else "B2", "S1", 1, MAX_AMOUNT) for n in range(8)]
    settles_as_expected(ledger, trades, Model(tiers=tiers, levy_ppm=PPM, graduated=True))


def test_register_fee_schedule_when_a_flat_part_takes_more_than_64_bits_cannot_be_said(
    ledger: Ledger,
) -> None:
    """The same call with one bit more, which only one that is written by hand has."""
    house = ledger.clearing_house
    data = house.encode("registerFeeSchedule", ledger.index["R"], 0, True, [(MAX_AMOUNT, 0, MAX_FLAT)])
    assert int.from_bytes(data[-32:], "big") == MAX_FLAT
    with pytest.raises(Reverted):
        send(
            ledger.chain, ledger.signers["V"], house.address, data[:-32] + (MAX_FLAT + 1).to_bytes(32, "big")
        )
    send(ledger.chain, ledger.signers["V"], house.address, data)

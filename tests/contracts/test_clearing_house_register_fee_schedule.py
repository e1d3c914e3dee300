"""registerFeeSchedule(levyBeneficiary, levyPpm, slabs): what a venue charges, for good.

when the caller is an exchange      ─ kept as given under the next id, told, and readable
when it is anyone else              ─ refused
when the beneficiary is no active regulator ─ refused
when a rate is above 1,000,000 ppm  ─ refused; 1,000,000 is not
when there are 0 or 33 slabs ─ refused, with their number
when slabs do not rise, or the last is not without bound ─ refused, with the position of that one
"""

from __future__ import annotations

import pytest

from ledger import reverts
from ledger.clients.consortium import Role
from tests.contracts.clearing import Floor, slice_of, transfers_in
from tests.contracts.clearing_model import Model, Trade
from tests.contracts.support import LEVY_PPM, MAX_AMOUNT, SLABS, Ledger, refused

PPM = 1_000_000
LAST = (MAX_AMOUNT, 4_000)


def register(
    ledger: Ledger, *slabs: tuple[int, int], levy: int = 10, to: int | None = None, by: str = "V"
) -> object:
    beneficiary = ledger.index["R"] if to is None else to
    return ledger.clearing_house.register_fee_schedule(ledger.signers[by], beneficiary, levy, slabs)


def test_register_fee_schedule_when_exchange_calls_keeps_and_tells(ledger: Ledger) -> None:
    slabs = ((0, 1), (1, 0), (2, PPM), LAST)
    house = ledger.clearing_house
    receipt = house.register_fee_schedule(ledger.signers["V"], ledger.index["R2"], PPM, slabs)
    assert ledger.facts(receipt) == [
        (
            "FeeScheduleRegistered",
            {
                "feeScheduleId": 2,
                "venue": 1,
                "levyBeneficiary": ledger.index["R2"],
                "levyPpm": PPM,
                "slabs": slabs,
            },
        )
    ]
    assert tuple(house.call("feeSchedule", 2)) == (1, ledger.index["R2"], PPM, slabs)
    assert tuple(house.call("feeSchedule", 1)) == (1, ledger.index["R"], LEVY_PPM, SLABS)


def test_register_fee_schedule_returns_next_id_over_all_venues(ledger: Ledger) -> None:
    ledger.admit("V2", Role.EXCHANGE)
    register(ledger, LAST, by="V2")
    returned = ledger.clearing_house.call(
        "registerFeeSchedule", ledger.index["R"], 0, [LAST], sender=ledger.signers["V"].address
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
    for slabs in ([(MAX_AMOUNT, rate)], [(5, rate), LAST], [(5, 1), (6, rate), LAST]):
        with refused(reverts.ClearingHouse_InvalidRate, ratePpm=rate):
            register(ledger, *slabs)


@pytest.mark.parametrize(
    ("bounds", "position"),
    [((5, 5), 1), ((5, 4), 1), ((1, 3, 2), 2), ((1, 2, 2, 9), 2), ((MAX_AMOUNT,), 1), ((1, MAX_AMOUNT), 2)],
)
def test_register_fee_schedule_when_slabs_do_not_rise_reverts(
    ledger: Ledger, bounds: tuple[int, ...], position: int
) -> None:
    with refused(reverts.ClearingHouse_InvalidSlab, position=position):
        register(ledger, *((bound, 1) for bound in bounds), LAST)


def test_register_fee_schedule_when_there_are_none_reverts(ledger: Ledger) -> None:
    with refused(reverts.ClearingHouse_InvalidSlab, position=0):
        register(ledger)


def test_register_fee_schedule_when_there_are_32_registers_and_33_reverts(ledger: Ledger) -> None:
    slabs = [(bound, bound) for bound in range(1, 33)]
    register(ledger, *slabs[:31], LAST)
    assert len(ledger.clearing_house.call("feeSchedule", 2)[3]) == 32
    for count in (33, 34, 256):
        many = [(bound, bound) for bound in range(1, count)]
        with refused(reverts.ClearingHouse_InvalidSlab, position=count):
            register(ledger, *many, LAST)
        with refused(reverts.ClearingHouse_InvalidSlab, position=count):
            register(ledger, *many, (count, 1))


@pytest.mark.parametrize("bounds", [(MAX_AMOUNT - 1,), (0,), (1, 2), (5, MAX_AMOUNT - 1)])
def test_register_fee_schedule_when_last_has_a_bound_reverts_with_its_position(
    ledger: Ledger, bounds: tuple[int, ...]
) -> None:
    """The slab that is wrong is the last one, at one less than their number."""
    with refused(reverts.ClearingHouse_InvalidSlab, position=len(bounds) - 1):
        register(ledger, *((bound, 1) for bound in bounds))


def test_register_fee_schedule_given_32_slabs_each_charges_its_own(ledger: Ledger) -> None:
    """Amounts at each bound and one above it; everything is taken at the highest rates there are."""
    slabs = [(100 * n, 10_000 * n) for n in range(1, 32)] + [(MAX_AMOUNT, PPM)]
    register(ledger, *slabs, levy=PPM)
    floor = Floor(ledger)
    amounts = [bound + more for bound, _ in slabs[:-1] for more in (0, 1)]
    trades = [Trade(n, "B1", "B2", "S1", 1, amount) for n, amount in enumerate(amounts)]
    shares = [("P", PPM)]
    model = Model({"B1": shares}, slabs=slabs, levy_ppm=PPM)
    floor.agree("B1", shares)
    floor.fund(*trades, model=model)
    batch = floor.entered(*trades, fee_schedule_id=2)
    floor.open()
    outcome = Model({"B1": shares}, slabs=slabs, levy_ppm=PPM).settle(trades)
    assert transfers_in(ledger.facts(floor.settle(slice_of(batch)))) == floor.expected_transfers(outcome)
    assert ledger.balance("R", "NPR") == 2 * sum(amounts)

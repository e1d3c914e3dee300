"""Commission and levy in SQL, by the schedules that the ledger holds: `settlement.fees` says the rule."""

from __future__ import annotations

from collections.abc import Mapping

from ledger.units import PPM
from settlement.audit.facts import Script
from settlement.fees import VenueSchedule, offsets

FITS = 1 << 42
"""An amount below it, times a rate, fits 64 bits; so does what a tier adds where no bound is above."""
_READ = """
    select "feeScheduleId", "levyPpm", graduated,
        list_transform(tiers, x -> [x."upTo"::varchar, x."ratePpm"::varchar, x.flat::varchar])
    from facts."ClearingHouse_FeeScheduleRegistered" order by 1"""


def macros(script: Script) -> None:
    """Make `commission_of` and `levy_of`; the facts have to be there."""
    schedules = {
        number: VenueSchedule.registered(
            levy, graduated, [(int(up_to), int(rate), int(flat)) for up_to, rate, flat in tiers]
        )
        for number, levy, graduated, tiers in script.execute(_READ).fetchall()
    }
    for name, rule in (("commission_of", _commission), ("levy_of", _levy)):
        small = _by_schedule({n: rule(each, "low::bigint", True) for n, each in schedules.items()})
        large = _by_schedule(
            {n: rule(each, "wide(low, high)::hugeint", False) for n, each in schedules.items()}
        )
        shorter = _by_schedule({n: rule(each, "low", True) for n, each in schedules.items()})
        script.run(f"create macro {name}_small(schedule, low) as ({shorter})::bigint")
        # Division of 128 bits takes ten times as long as that of 64.
        script.run(
            f"create macro {name}(schedule, low, high) as"
            f" (case when high = 0 and low < {FITS} then {small} else {large} end)::decimal(38, 0)"
        )


def _by_schedule(rules: Mapping[int, str]) -> str:
    if not rules:
        return "null::hugeint"
    if len(set(rules.values())) == 1:
        return f"({next(iter(rules.values()))})"
    return "case schedule " + " ".join(f"when {n} then {rule}" for n, rule in rules.items()) + " end"


def _commission(schedule: VenueSchedule, amount: str, small: bool) -> str:
    parts = []
    for (up_to, rate, _), offset in zip(schedule.as_registered(), offsets(schedule), strict=True):
        kind = "bigint" if small and abs(offset) < 1 << 62 else "hugeint"
        parts.append((up_to, f"(({amount})::{kind} * {rate} + ({offset})::{kind}) // {PPM}"))
        if small and up_to >= FITS:
            break
    rest = parts.pop()[1]
    chosen = " ".join(f"when {amount} <= {up_to} then {rule}" for up_to, rule in parts)
    return f"case {chosen} else {rest} end" if parts else rest


def _levy(schedule: VenueSchedule, amount: str, small: bool) -> str:
    return f"{amount} * {schedule.levy_ppm} // {PPM}"


def charge_columns(small: bool) -> tuple[str, str, str]:
    """SQL for the amount, the commission and the levy of a trade with its batch's `fee_schedule`; in 64 bits
    where all amounts are `small`, which is five times as fast."""
    if small:
        return (
            "amount_low::bigint",
            "commission_of_small(fee_schedule, amount_low::bigint)",
            "levy_of_small(fee_schedule, amount_low::bigint)",
        )
    both = "(fee_schedule, amount_low, amount_high)"
    return "wide(amount_low, amount_high)", f"commission_of{both}", f"levy_of{both}"

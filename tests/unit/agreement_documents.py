"""An agreement that uses every kind of term, as a file and as terms; reading of others like it."""

from __future__ import annotations

import pytest

from ledger.terms import (
    BY_TIME,
    MAX_UP_TO,
    Basis,
    Clause,
    DayCount,
    Guarantee,
    Measure,
    Reserve,
    Step,
    Terms,
    Tier,
)
from settlement.agreements.document import Names, read
from settlement.errors import AgreementInvalid, Mistake

NAMES = Names(
    {"Aldersgate": 1, "Lantern Platform": 2, "Compass Data": 3, "Plumbline Audit": 4, "Revenue Reserve": 5},
    {"EUR": 0x8000, "JPY": 0x8001},
)
FILE = """\
agreement: platform
version: 2
payer: Aldersgate
currency: EUR
effective: 2020-01-01
period: quarter
notice_days: 90
parties: [Lantern Platform, Compass Data]
reserve_account: Revenue Reserve
measures:
  - {name: USERS, reporter: Lantern Platform, countersigner: Aldersgate}
  - {name: AUM, calculation_agent: Plumbline Audit}
  - {name: UNITS, calculation_agent: Plumbline Audit}
clauses:
  - basis: commission
    tiers:
      kind: graduated
      rates:
        - {up_to: "100000.00", rate_ppm: 200000}
        - {up_to: null, rate_ppm: 300000, flat: "10.00"}
    reserve:
      rate_ppm: 50000
      release_after_periods: 4
      unless: {measure: UNITS, above: 9, to: Compass Data}
    floor: "1000.00"
    cap: "50000.00"
    shares:
      - {party: Lantern Platform, share_ppm: 150000}
      - {party: Compass Data, share_ppm: 850000}
  - basis: management_fee
    measure: AUM
    day_count: ACT/365
    rate_ppm: 15000
    shares:
      by: USERS
      steps:
        - shares:
            - {party: Lantern Platform, share_ppm: 300000}
        - above: 1000000
          shares:
            - {party: Lantern Platform, share_ppm: 350000}
  - basis: performance
    measure: AUM
    units: UNITS
    high_water_mark: 10000
    hurdle_ppm: 40000
    day_count: 30/360
    shares:
      steps:
        - shares:
            - {party: Lantern Platform, share_ppm: 150000}
        - from: 2027-01-01
          shares: []
  - basis: subscription
    amount: "500.00"
    shares:
      - {party: Compass Data, share_ppm: 1000000}
  - basis: usage
    measure: USERS
    tiers:
      kind: slab
      by: UNITS
      rates:
        - {up_to: 100, price: "12.50"}
        - {up_to: null, price: "0.005"}
    shares:
      - {party: Compass Data, share_ppm: 1000000}
guarantees:
  - party: Lantern Platform
    measure: USERS
    promised: 500000
    clawback: {per_unit: "0.05", flat: "100.00", cap: "5000.00"}
"""
"""In the canonical form."""

TERMS = Terms(
    payer=1,
    currency=0x8000,
    name="platform",
    parties=(2, 3),
    version=2,
    effective_from=1_577_836_800,
    notice_days=90,
    months=3,
    measures=(Measure("USERS", 2, 1), Measure("AUM", 4), Measure("UNITS", 4)),
    clauses=(
        Clause(
            Basis.COMMISSION,
            (Tier(10_000_000, 200_000), Tier(MAX_UP_TO, 300_000, 1_000)),
            (Step(0, (150_000, 850_000)),),
            graduated=True,
            floor=100_000,
            cap=5_000_000,
            reserve=Reserve(50_000, 4, measure=3, to=2, above=9),
        ),
        Clause(
            Basis.MANAGEMENT_FEE,
            (Tier(MAX_UP_TO, 15_000),),
            (Step(0, (300_000, 0)), Step(1_000_000, (350_000, 0))),
            measure=2,
            step_by=1,
            day_count=DayCount.ACTUAL_365,
        ),
        Clause(
            Basis.PERFORMANCE,
            (Tier(MAX_UP_TO, 1_000_000),),
            (Step(0, (150_000, 0)), Step(1_798_761_600 - 1, (0, 0))),
            measure=2,
            units=3,
            step_by=BY_TIME,
            day_count=DayCount.THIRTY_360,
            mark=10_000,
            hurdle_ppm=40_000,
        ),
        Clause(Basis.SUBSCRIPTION, (Tier(MAX_UP_TO, 0, 50_000),), (Step(0, (0, 1_000_000)),)),
        Clause(
            Basis.USAGE,
            (Tier(100, 1_250_000_000), Tier(MAX_UP_TO, 500_000)),
            (Step(0, (0, 1_000_000)),),
            measure=1,
            tier_by=3,
        ),
    ),
    guarantees=(Guarantee(1, 1, 500_000, 5_000_000, 10_000, 500_000),),
    reserve_account=5,
)
"""What the file says, by hand."""


def said(text: str, names: Names = NAMES, now_s: int = 0) -> Terms:
    return read(text.encode(), "file.yaml", names, now_s)


def refused(text: str, now_s: int = 0) -> tuple[Mistake, ...]:
    with pytest.raises(AgreementInvalid) as found:
        said(text, now_s=now_s)
    assert str(found.value).startswith("file.yaml: ")
    return found.value.mistakes

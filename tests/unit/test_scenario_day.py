"""What a scenario says of a settlement day beyond one cycle: what it may leave out, and every mistake.

nothing said          ─ one netting cycle by model 3, no fund, no limit, no penalty
all of it said        ─ as it is said
day                   ─ times rise and are times; a model is 1, 2 or 3; priorities fall
fails, default_fund   ─ rates and money are what they should be; the fund is an institution of its own
limits, happenings    ─ name whom there is, once, with what belongs to them
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from settlement import errors, scenario_day
from settlement.scenario import Scenario, parse
from tests.unit.test_scenario import SMALL

FULL = (
    SMALL
    + """\
day:
  opens: "09:30"
  cycles: ["11:00", "17:00"]
  model: 2
  entry: fifo_bypass
  objective: count
  priority_above: ["1000.00", "10.00"]
  parts: always
fails:
  closing_after_days: 4
  securities_ppm: 50
  by_security: {AAA: 10}
  cash_ppm_per_year: 37500
default_fund: {account: FUND, margin_ppm: 50000, contribution_ppm: 10000, capital: "500.00"}
limits:
  - {institution: "1", asset: AAA, position: "1000"}
  - {institution: "1", asset: EUR, exposure: "250.50"}
happenings:
  - {at: "2024-03-14 10:30", do: hold, by: "1", trades: [1, 2]}
  - {at: "2024-03-14 11:30", do: default, institution: "2"}
"""
)


def read(text: str) -> Scenario:
    return parse(text.encode(), "small.yaml")


def mistakes(text: str) -> list[tuple[str, str]]:
    with pytest.raises(errors.ScenarioInvalid) as caught:
        read(text)
    lines = text.splitlines()
    for mistake in caught.value.mistakes:
        assert 0 < mistake.line <= len(lines)
    return [(mistake.key, mistake.reason) for mistake in caught.value.mistakes]


def test_scenario_that_says_nothing_has_one_cycle_and_no_more() -> None:
    scenario = read(SMALL)
    assert scenario.day == scenario_day.Day(
        opens="09:00", cycles=("17:00",), model=3, entry="none", objective="value", parts="never"
    )
    assert (scenario.fails, scenario.default_fund) == (None, None)
    assert (scenario.limits, scenario.happenings) == ((), ())
    assert scenario.securities_ppm == 1_000_000


def test_scenario_that_says_all_is_as_it_says() -> None:
    scenario = read(FULL)
    assert scenario.day.cycles == ("11:00", "17:00")
    assert (scenario.day.model, scenario.day.entry, scenario.day.parts) == (2, "fifo_bypass", "always")
    assert scenario.fails is not None
    assert scenario.fails.by_security == {"AAA": 10}
    assert scenario.default_fund is not None
    assert scenario.default_fund.capital == "500.00"
    assert [limit.asset for limit in scenario.limits] == ["AAA", "EUR"]
    first, second = scenario.happenings
    assert first.moment == datetime(2024, 3, 14, 10, 30, tzinfo=UTC)
    assert (first.trades, second.institution) == ((1, 2), "2")


@pytest.mark.parametrize(
    ("old", "new", "key", "reason"),
    [
        ('"09:30"', '"9:30"', "day.opens", "no time of day"),
        ('"11:00", "17:00"', '"17:00", "11:00"', "day.cycles[1]", "must be after 17:00"),
        ('"11:00", "17:00"', '"09:30"', "day.cycles[0]", "must be after 09:30"),
        ('"11:00", "17:00"', '"24:00"', "day.cycles[0]", "no time of day"),
        ('"11:00", "17:00"', "", "day.cycles", "must not be empty"),
        ("model: 2", "model: 4", "day.model", "at most 3"),
        ("entry: fifo_bypass", "entry: lifo", "day.entry", "must be one of none, fifo, fifo_bypass"),
        ('"1000.00", "10.00"', '"10.00", "10.00"', "day.priority_above[1]", "from large to small"),
        ('"1000.00", "10.00"', '"10.001"', "day.priority_above[0]", "10.001"),
        ("days: 4", "days: 0", "fails.closing_after_days", "at least 1"),
        ("securities_ppm: 50", "securities_ppm: 1000001", "fails.securities_ppm", "at most 1,000,000"),
        ("account: FUND", "account: BNK", "default_fund.account", "the fund is one of its own"),
        ('capital: "500.00"', 'capital: "-1"', "default_fund.capital", "-1"),
        ("margin_ppm: 50000", "margin_ppm: 1000001", "default_fund.margin_ppm", "at most"),
        ('institution: "1", asset: AAA', 'institution: "9", asset: AAA', "limits[0].institution", "no inst"),
        ("asset: AAA, position", "asset: EUR, position", "limits[1]", "is limited by limits[0]"),
        (', position: "1000"', "", "limits[0]", "must have a position or an exposure"),
        ('position: "1000"', 'position: "1.5"', "limits[0].position", "no quantity"),
        ('exposure: "250.50"', 'exposure: "250.505"', "limits[1].exposure", "250.505"),
        ("2024-03-14 10:30", "2024-02-30 10:30", "happenings[0].at", "no moment"),
        ("2024-03-14 10:30", "2024-03-14", "happenings[0].at", "no moment"),
        ('by: "1", trades', 'by: "9", trades', "happenings[0].by", "there is no institution '9'"),
        (", trades: [1, 2]", "", "happenings[0]", "hold needs the key trades"),
        ('do: default, institution: "2"', "do: default", "happenings[1]", "default needs the key inst"),
        ("do: hold", "do: stands", "happenings[0].by", "is no part of stands"),
        ("trades: [1, 2]", "trades: [0]", "happenings[0].trades[0]", "at least 1"),
    ],
)
def test_mistake_is_named_with_its_key(old: str, new: str, key: str, reason: str) -> None:
    assert FULL.count(old) == 1
    found = mistakes(FULL.replace(old, new))
    assert [each for each, _ in found] == [key]
    assert reason in found[0][1]

"""What `clearing simulate` refuses: one clear message, nothing on standard output, 2, no ledger half made.

a scenario that makes no sense        ─ says the line and what is wanted
a happening                           ─ of nobody, of a trade that its day does not have, that cannot be done
files                                 ─ two of one day, the same twice, none, not there, not of the scenario
--cover, --ledger, --chain, --format  ─ what other commands say
what happens before the day opens     ─ is not lost
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from settlement import sample
from tests.integration.simulations import RULES, day, simulated, written
from tests.unit.cli_runs import clearing


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulate")
    (folder / "day.csv").write_bytes(sample.generate(7, trades=6))
    (folder / "same.csv").write_bytes(sample.generate(8, trades=3))
    (folder / "wrong.csv").write_bytes(sample.generate(7, trades=1) + b"x\n")
    (folder / "full").mkdir()
    (folder / "full" / "file").touch()
    return folder


@pytest.fixture(autouse=True)
def inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def refused(*arguments: str) -> str:
    """What is said, once it is sure that nothing else happened."""
    left = clearing("simulate", *arguments, "--ledger", "L")
    assert (left.code, left.out) == (2, ""), left.err
    assert "Traceback" not in left.err
    assert not Path("L").exists()
    return left.err


HAPPENS = "happenings: [{{at: '2024-03-14 {}', {}}}]"


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ("day: {opens: '25:00'}", "day.opens: '25:00' is no time of day"),
        ("day: {cycles: []}", "day.cycles: "),
        ("day: {cycles: ['08:00']}", "day.cycles[0]: must be after 09:00"),
        ("day: {cycles: ['12:00', '12:00']}", "day.cycles[1]: must be after 12:00"),
        ("day: {model: 4}", "day.model: must be at most 3"),
        ("day: {model: 0}", "day.model: must be at least 1"),
        ("day: {entry: lifo}", "day.entry: "),
        ("day: {objective: beauty}", "day.objective: "),
        ("day: {parts: sometimes}", "day.parts: "),
        ("day: {priority_above: ['1.00', '2.00']}", "day.priority_above[1]: must be below the one before"),
        ("day: {priority_above: ['1.005']}", "day.priority_above[0]: "),
        ("day: {halftime: 1}", "day.halftime: is no key here"),
        ("dya: {}", "dya: is no key here"),
        ("fails: {}", "fails.closing_after_days: "),
        ("fails: {closing_after_days: 0}", "fails.closing_after_days: must be at least 1"),
        ("fails: {closing_after_days: 2, securities_ppm: -1}", "fails.securities_ppm: must be at least 0"),
        ("fails: {closing_after_days: 2, securities_ppm: 1.5}", "fails.securities_ppm: "),
        ("default_fund: {margin_ppm: 1, contribution_ppm: 1000001}", "default_fund.contribution_ppm: "),
        (
            "default_fund: {margin_ppm: 1, contribution_ppm: 1, account: Dunmore}",
            "default_fund.account: 'Dunmore' is an institution",
        ),
        ("default_fund: {margin_ppm: 1, contribution_ppm: 1, capital: '-1'}", "default_fund.capital: "),
        ("limits: [{institution: Nobody, asset: EUR, exposure: '1'}]", "there is no institution 'Nobody'"),
        ("limits: [{institution: Dunmore, asset: EUR}]", "must have a position or an exposure"),
        ("limits: [{institution: Dunmore, asset: EUR, exposure: much}]", "limits[0].exposure: "),
        (HAPPENS.format("10:00", "do: hold, by: Nobody, trades: [1]"), "there is no institution 'Nobody'"),
        (HAPPENS.format("10:00", "do: default, institution: Nobody"), "there is no institution 'Nobody'"),
        (HAPPENS.format("10:00", "do: explode, by: Dunmore, trades: [1]"), "happenings[0].do: "),
        (HAPPENS.format("10:00", "do: hold, by: Dunmore"), "hold needs the key trades"),
        (HAPPENS.format("10:00", "do: hold, trades: [1]"), "hold needs the key by"),
        (HAPPENS.format("10:00", "do: hold, by: Dunmore, trades: [0]"), "happenings[0].trades[0]: "),
        (HAPPENS.format("24:00", "do: suspend, institution: Dunmore"), "is no moment"),
        (HAPPENS.format("10:00", "do: suspend, by: Dunmore, institution: Dunmore"), "is no part of suspend"),
        (HAPPENS.format("10:00", "do: suspend, institution: Market Authority"), "cannot suspend itself"),
        (HAPPENS.format("10:00", "do: default, institution: Tidewater Bank"), "only a broker can default"),
        (HAPPENS.format("10:00", "do: hold, by: Dunmore, trades: [1, 999]"), "no trade '999 of 2024-03-14'"),
        (HAPPENS.format("10:00", "do: stands, trades: [4294967296]"), "no trade '4294967296 of 2024-03-14'"),
    ],
)
def test_simulate_given_a_scenario_that_makes_no_sense_says_where(
    folder: Path, sections: str, said: str
) -> None:
    written(folder, "absurd.yaml", sections + "\n")
    err = refused("day.csv", "--scenario", "absurd.yaml")
    assert err.startswith("clearing: ")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("day.csv day.csv", "day.csv' is no trade file: is of 2024-03-14 as day.csv is"),
        ("day.csv same.csv", "same.csv' is no trade file: is of 2024-03-14 as day.csv is"),
        ("missing.csv", "missing.csv: there is no such file"),
        ("full", "full: is a directory"),
        ("day.csv wrong.csv", "wrong.csv: line 3: row"),
        ("day.csv --cover 0", "'0' is no cover: more than 0 is wanted"),
        ("day.csv --cover 1.5", "'1.5' is no fraction: at most 1"),
        ("day.csv --cover nan", "'nan' is no "),
        ("day.csv --chain besu", "unknown chain 'besu'"),
        ("day.csv --scenario nope", "no scenario 'nope'"),
        ("day.csv --scenario nope.yaml", "nope.yaml: there is no such file"),
    ],
)
def test_simulate_given_a_mistake_says_so(arguments: str, said: str) -> None:
    more = () if "--scenario" in arguments else ("--scenario", "sample")
    err = refused(*arguments.split(), *more)
    assert err.startswith("clearing: ")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--scenario sample", "Missing argument 'FILE...'"),
        ("day.csv", "Missing option '--scenario'"),
        ("day.csv --scenario sample --json --format text", "contradict each other"),
    ],
)
def test_simulate_given_a_mistake_of_usage_says_so(arguments: str, said: str) -> None:
    assert said in " ".join(refused(*arguments.split()).split())


def test_simulate_given_a_directory_with_other_files_leaves_them() -> None:
    left = clearing("simulate", "day.csv", "--scenario", "sample", "--ledger", "full")
    assert (left.code, left.out) == (2, "")
    assert "full: holds files that are no ledger's" in left.err
    assert [each.name for each in Path("full").iterdir()] == ["file"]


def test_simulate_given_what_happens_before_the_day_opens_does_it(folder: Path) -> None:
    """Held from before nine, a trade cannot settle in the first cycle."""
    number, buyer = 1, (folder / "day.csv").read_text().splitlines()[1].split(",")[3]
    deed = HAPPENS.format("08:00", f"do: hold, by: {buyer}, trades: [{number}]")
    shown = simulated(written(folder, "early.yaml", day() + RULES + deed + "\n"), Path("day.csv"))
    assert shown["days"][0]["reasons"] == {"PREA": 1}
    assert shown["days"][0]["pending"] == 1


def test_simulate_given_everybody_is_suspended_records_nothing_more(folder: Path) -> None:
    """The next day's trades are turned away, and the day goes on without them."""
    names = sorted({name for row in sample_rows(folder / "day.csv") for name in row[3:5]})
    deeds = [f"  - {{at: '2024-03-14 18:00', do: suspend, institution: {name}}}" for name in names]
    written(folder, "all.yaml", day() + RULES + "happenings:\n" + "\n".join(deeds) + "\n")
    next_day = (folder / "day.csv").read_text().replace("2024-03-14", str(dt.date(2024, 3, 15)))
    (folder / "next.csv").write_text(next_day)
    shown = simulated(folder / "all.yaml", Path("day.csv"), Path("next.csv"))
    first, second = shown["days"]
    assert (second["recorded"], second["recorded_value_minor"], second["rejected"]) == (0, "0", 6)
    assert second["pending"] == first["pending"]
    assert second["breaks"] == 0


def sample_rows(path: Path) -> list[list[str]]:
    return [line.split(",") for line in path.read_text().splitlines()[1:]]

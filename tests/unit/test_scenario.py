"""Scenarios: the shipped ones, and every mistake with its key and the line of the YAML."""

from __future__ import annotations

import os
import time
from importlib.resources import files
from pathlib import Path

import pytest
from pydantic import ValidationError

from ledger.errors import InvalidValue
from settlement import errors
from settlement.fees import Kind, Tier, VenueSchedule
from settlement.scenario import Scenario, load, parse, shipped

SHIPPED = files("settlement").joinpath("scenarios", "nepse-2019.yaml").read_text()
BROKER_NUMBERS = [
    *(1, 3, 4, 5, 6, 7, 8, 10, 11, 13, 14, 16, 17, 18, 19, 20, 21, 22, 25, 26, 28, 29),
    *range(32, 60),
]

SMALL = """\
name: small
description: A small market
venue: EXC
format: canonical
settlement_lag_days: 0
seed: 1
cash: {currency: EUR, issuer: BNK}
securities: {issuer: DEP, listing: listed, codes: [AAA, BBB]}
fees:
  tiers:
    - {up_to: "100.00", rate_ppm: 6000}
    - {up_to: null, rate_ppm: 4000}
  levy: {rate_ppm: 150, beneficiary: REG}
agreements:
  shares:
    - {party: EXC, share_ppm: 200000}
    - {party: PAR, share_ppm: 50_000}
opening: {cover: "1.0"}
institutions:
  - {name: EXC, roles: [EXCHANGE]}
  - {name: DEP, roles: [DEPOSITORY]}
  - {name: BNK, roles: [SETTLEMENT_BANK]}
  - {name: REG, roles: [REGULATOR, AUDITOR]}
  - {name: PAR, roles: [PARTNER]}
  - {name: "1", roles: [BROKER]}
  - {name: "2", roles: [BROKER]}
"""


def mistakes(text: str) -> list[errors.Mistake]:
    with pytest.raises(errors.ScenarioInvalid) as caught:
        parse(text.encode(), "small.yaml")
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith("small.yaml: ")
    return list(caught.value.mistakes)


def test_small_scenario() -> None:
    scenario = parse(SMALL.encode(), "small.yaml")
    assert scenario.brokers == ("1", "2")
    assert scenario.with_role("AUDITOR") == ("REG",)
    assert (scenario.exponent, scenario.cover_ppm) == (2, 1_000_000)
    assert VenueSchedule.of(scenario) == VenueSchedule(
        Kind.SLAB, (Tier(10_000, 6_000), Tier(None, 4_000)), 150
    )


def test_nepse_2019_is_what_the_specification_says() -> None:
    scenario = load("nepse-2019")
    roles = {institution.name: institution.roles for institution in scenario.institutions}
    assert {name: kept for name, kept in roles.items() if kept != ("BROKER",)} == {
        "NEPSE": ("EXCHANGE",),
        "CDSC": ("DEPOSITORY",),
        "SEBON": ("REGULATOR",),
        "BANK": ("SETTLEMENT_BANK",),
        "PLATFORM": ("PARTNER",),
        "RESERVE": ("PARTNER",),
    }
    assert len(BROKER_NUMBERS) == 50
    assert scenario.brokers == tuple(str(number) for number in BROKER_NUMBERS)
    assert (scenario.venue, scenario.format, scenario.settlement_lag_days) == ("NEPSE", "nepse", 0)
    assert (scenario.cash.currency, scenario.cash.issuer, scenario.exponent) == ("NPR", "BANK", 2)
    assert (scenario.securities.issuer, scenario.securities.listing) == ("CDSC", "on_first_trade")
    assert VenueSchedule.of(scenario) == VenueSchedule(
        Kind.SLAB,
        (
            Tier(5_000_000, 6_000),
            Tier(50_000_000, 5_500),
            Tier(200_000_000, 5_000),
            Tier(1_000_000_000, 4_500),
            Tier(None, 4_000),
        ),
        150,
    )
    assert scenario.fees.levy.beneficiary == "SEBON"
    shares = {share.party: share.share_ppm for share in scenario.agreements.shares}
    assert shares == {"NEPSE": 200_000, "PLATFORM": 50_000, "RESERVE": 50_000}
    assert scenario.cover_ppm == 1_000_000
    assert "not public" in SHIPPED


def test_cover_can_be_another() -> None:
    scenario = load("nepse-2019")
    assert scenario.with_cover("0.8").cover_ppm == 800_000
    assert scenario.cover_ppm == 1_000_000
    for wrong in ("0", "0.0", "1.1", "-0.5", "80%", "0.0000001", "nan"):
        with pytest.raises(InvalidValue):
            scenario.with_cover(wrong)


# Each case: the change to the small scenario, the line and key that must be named, words of the reason.
MISTAKES = [
    ("venue: EXC", "venue: EXH", 3, "venue", "there is no institution 'EXH' (did you mean EXC?)"),
    ("venue: EXC", "venue: DEP", 3, "venue", "DEP has not the role EXCHANGE"),
    ("issuer: BNK", "issuer: EXC", 7, "cash.issuer", "has not the role SETTLEMENT_BANK"),
    ("issuer: DEP", 'issuer: "1"', 8, "securities.issuer", "has not the role DEPOSITORY"),
    ("beneficiary: REG", "beneficiary: PAR", 13, "fees.levy.beneficiary", "has not the role REGULATOR"),
    (
        "format: canonical",
        "format: canonic",
        4,
        "format",
        "must be one of nepse, canonical, not 'canonic' (did you",
    ),
    ("seed: 1", "sed: 1", 6, "sed", "is no key here; known: name, description"),
    ("seed: 1", "seed: -1", 6, "seed", "must be at least 0, not -1"),
    ("seed: 1", "seed: one", 6, "seed", "must be a whole number without quotes, not 'one'"),
    ("seed: 1", "seed: 017", 6, "seed", "must be a whole number without quotes, not 017"),
    ("seed: 1", "seed: 1.0", 6, "seed", "must be a whole number without quotes, not 1.0"),
    ("seed: 1", "seed: 99999999999999999999", 6, "seed", "must be below 18,446,744,073,709,551,616"),
    ("settlement_lag_days: 0", "settlement_lag_days: 31", 5, "settlement_lag_days", "must be at most 30"),
    ("settlement_lag_days: 0", "settlement_lag_days: no", 5, "settlement_lag_days", "must be a whole number"),
    ("currency: EUR", "currency: EURO", 7, "cash.currency", "'EURO' is no currency"),
    ("currency: EUR", "currency: {a: b}", 7, "cash.currency", "must be text, not a mapping"),
    ("cash: {currency: EUR, issuer: BNK}", "cash: BNK", 7, "cash", "must be a mapping of keys, not 'BNK'"),
    ("issuer: DEP, ", "", 8, "securities.issuer", "is missing"),
    ("codes: [AAA, BBB]", "codes: []", 8, "securities.codes", "must name at least one security"),
    ("codes: [AAA, BBB]", "codes: AAA", 8, "securities.codes", "must be a list, not 'AAA'"),
    ("codes: [AAA, BBB]", "codes: [AAA, BBB, AAA]", 8, "securities.codes[2]", "'AAA' is listed twice"),
    ("codes: [AAA, BBB]", "codes: [AAA, EUR]", 8, "securities.codes[1]", "EUR is the settlement currency"),
    ("codes: [AAA, BBB]", 'codes: [AAA, " B"]', 8, "securities.codes[1]", "' B' is no code"),
    ("listing: listed", "listing: list", 8, "securities.listing", "(did you mean listed?)"),
    (
        'up_to: "100.00"',
        "up_to: 100.00",
        11,
        "fees.tiers[0].up_to",
        'must be text: write it in quotes, "100.00"',
    ),
    ('up_to: "100.00"', "up_to: 100", 11, "fees.tiers[0].up_to", 'must be text: write it in quotes, "100"'),
    (
        'up_to: "100.00"',
        'up_to: "100.001"',
        11,
        "fees.tiers[0].up_to",
        "at most 2 digits may follow the point",
    ),
    ('up_to: "100.00"', 'up_to: "1e2"', 11, "fees.tiers[0].up_to", "plain decimal digits are wanted"),
    ('up_to: "100.00"', 'up_to: "0"', 11, "fees.tiers[0].up_to", "must be above 0.00"),
    ('up_to: "100.00"', "up_to: null", 11, "fees.tiers[0].up_to", "only the last tier may be without bound"),
    (
        "up_to: null",
        'up_to: "200.00"',
        12,
        "fees.tiers[1].up_to",
        "the last tier must be without bound: null",
    ),
    ("rate_ppm: 6000", "rate_ppm: 0.6", 11, "fees.tiers[0].rate_ppm", "must be a whole number"),
    ("rate_ppm: 6000", "rate_ppm: 1000001", 11, "fees.tiers[0].rate_ppm", "must be at most 1,000,000"),
    ("rate_ppm: 6000", "rate: 6000", 11, "fees.tiers[0].rate", "(did you mean rate_ppm?)"),
    ("rate_ppm: 6000", "rate_ppm: 6000, flat: 1", 11, "fees.tiers[0].flat", 'write it in quotes, "1"'),
    ("rate_ppm: 6000", 'rate_ppm: 6000, flat: "-1"', 11, "fees.tiers[0].flat", "plain decimal digits"),
    ("rate_ppm: 6000", 'rate_ppm: 6000, flat: "0.001"', 11, "fees.tiers[0].flat", "at most 2 digits"),
    (
        "rate_ppm: 6000",
        'rate_ppm: 6000, flat: "184467440737095516.16"',
        11,
        "fees.tiers[0].flat",
        "must be at most 184,467,440,737,095,516.15",
    ),
    ("  tiers:", "  kind: graduate\n  tiers:", 10, "fees.kind", "(did you mean graduated?)"),
    ("  tiers:", "  kind: null\n  tiers:", 10, "fees.kind", "must be one of slab, graduated, not null"),
    (
        'up_to: "100.00"',
        f'up_to: "{(2**88 - 1) // 100}.{(2**88 - 1) % 100}"',
        11,
        "fees.tiers[0].up_to",
        "no amount is larger",
    ),
    ("party: PAR", "party: PARR", 17, "agreements.shares[1].party", "(did you mean PAR?)"),
    (
        "party: PAR",
        'party: "1"',
        17,
        "agreements.shares[1].party",
        "is a broker, and so the payer of its own",
    ),
    ("party: PAR", "party: EXC", 17, "agreements.shares[1].party", "EXC already has a share"),
    ("share_ppm: 50_000", "share_ppm: 800001", 15, "agreements.shares", "add up to 1,000,001 ppm"),
    ("share_ppm: 50_000", "share_ppm: 0", 17, "agreements.shares[1].share_ppm", "must be at least 1"),
    ('cover: "1.0"', 'cover: "1.1"', 18, "opening.cover", "at most 1 is wanted"),
    ('cover: "1.0"', 'cover: "0"', 18, "opening.cover", "must be more than 0"),
    ('cover: "1.0"', "cover: 1.0", 18, "opening.cover", 'must be text: write it in quotes, "1.0"'),
    ("name: DEP, ", "name: EXC, ", 21, "institutions[1].name", "'EXC' is taken by institutions[0]"),
    ('name: "2"', "name: 2", 26, "institutions[6].name", 'must be text: write it in quotes, "2"'),
    ('name: "2"', "name: NO", 26, "institutions[6].name", 'must be text: write it in quotes, "NO"'),
    ("roles: [PARTNER]", "roles: [PARTNR]", 24, "institutions[4].roles[0]", "(did you mean PARTNER?)"),
    ("roles: [PARTNER]", "roles: []", 24, "institutions[4].roles", "must not be empty"),
    (
        "roles: [PARTNER]",
        "roles: [PARTNER, PARTNER]",
        24,
        "institutions[4].roles[1]",
        "PARTNER is given twice",
    ),
    ("roles: [PARTNER]", "roles: PARTNER", 24, "institutions[4].roles", "must be a list"),
    ("seed: 1", "seed: 1\nseed: 2", 7, "seed", "is given twice, first on line 6"),
]


@pytest.mark.parametrize(("old", "new", "line", "key", "reason"), MISTAKES)
def test_mistake_is_named_with_its_key_and_line(old: str, new: str, line: int, key: str, reason: str) -> None:
    assert old in SMALL
    found = [
        mistake
        for mistake in mistakes(SMALL.replace(old, new, 1))
        if (mistake.line, mistake.key) == (line, key)
    ]
    assert len(found) == 1
    assert reason in found[0].reason


@pytest.mark.parametrize("key", [name for name, each in Scenario.model_fields.items() if each.is_required()])
def test_missing_key_is_named(key: str) -> None:
    kept, inside = [], False
    for line in SMALL.splitlines():
        if not line.startswith(" "):
            inside = line.startswith(f"{key}:")
        if not inside:
            kept.append(line)
    assert ("is missing", key) in [(mistake.reason, mistake.key) for mistake in mistakes("\n".join(kept))]


def test_all_mistakes_are_reported_at_once_in_the_order_of_lines() -> None:
    text = SMALL.replace("venue: EXC", "venue: XXX").replace("seed: 1", "seed: x").replace('"1.0"', '"2"')
    text = text.replace('up_to: "100.00"', "up_to: 5.5").replace("party: PAR", "party: NOBODY")
    found = mistakes(text)
    assert [(mistake.line, mistake.key) for mistake in found] == [
        (3, "venue"),
        (6, "seed"),
        (11, "fees.tiers[0].up_to"),
        (17, "agreements.shares[1].party"),
        (18, "opening.cover"),
    ]
    with pytest.raises(errors.ScenarioInvalid) as caught:
        parse(text.encode(), "small.yaml")
    lines = str(caught.value).splitlines()
    assert lines[0] == "small.yaml: 5 mistakes"
    assert lines[1].startswith("  line 3: venue: ")


def test_one_mistake_is_one_line() -> None:
    with pytest.raises(errors.ScenarioInvalid) as caught:
        parse(SMALL.replace("venue: EXC", "venue: DEP").encode(), "small.yaml")
    assert str(caught.value) == "small.yaml: line 3: venue: DEP has not the role EXCHANGE"


def test_levy_to_a_broker_is_refused() -> None:
    """Its book is made from its own side of the day and could not know what others pay it."""
    text = SHIPPED.replace("beneficiary: SEBON", 'beneficiary: "1"').replace(
        '{name: "1", roles: [BROKER]}', '{name: "1", roles: [BROKER, REGULATOR]}'
    )
    (mistake,) = mistakes(text)
    assert mistake.key == "fees.levy.beneficiary"
    assert "is a broker" in mistake.reason


def test_tiers_out_of_order() -> None:
    text = SMALL.replace("    - {up_to: null", '    - {up_to: "50.00", rate_ppm: 1}\n    - {up_to: null')
    (found,) = mistakes(text)
    assert (found.line, found.key) == (12, "fees.tiers[1].up_to")
    assert found.reason == "must be above 100.00: tiers go from small to large"


def test_more_than_32_tiers_are_refused() -> None:
    tiers = [f'    - {{up_to: "0.{n:02}", rate_ppm: 1}}\n' for n in range(1, 33)]
    (found,) = mistakes(SMALL.replace('    - {up_to: "100.00", rate_ppm: 6000}\n', "".join(tiers)))
    assert (found.line, found.key) == (10, "fees.tiers")
    assert found.reason == "must have at most 32 entries"
    parse(
        SMALL.replace('    - {up_to: "100.00", rate_ppm: 6000}\n', "".join(tiers[1:])).encode(), "small.yaml"
    )


def test_graduated_tiers_with_flat_parts() -> None:
    text = SMALL.replace("  tiers:", "  kind: graduated\n  tiers:").replace(
        "rate_ppm: 4000}", 'rate_ppm: 4000, flat: "1.5"}'
    )
    assert VenueSchedule.of(parse(text.encode(), "small.yaml")) == VenueSchedule(
        Kind.GRADUATED, (Tier(10_000, 6_000), Tier(None, 4_000, 150)), 150
    )


def test_without_brokers_there_is_no_market() -> None:
    (found,) = mistakes(SMALL.replace("roles: [BROKER]", "roles: [PARTNER]"))
    assert (found.line, found.key, found.reason) == (19, "institutions", "nobody has the role BROKER")


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a: &x [1]\nb: *x\n", 1, "anchor"),
        ("a: 1\nb: *x\n", 2, "alias"),
        ("a: 1\nb: !!python/object/apply:os.system [echo]\n", 2, "tags are not read here"),
        ("!!python/name:os.system\n", 1, "tags are not read here"),
        ("a: !!str 1\n", 1, "tags are not read here"),
        ("a: 1\n---\nb: 2\n", 2, "second YAML document"),
        ("a: [" * 30, 1, "nests deeper"),
        ("[" * 100_000, 1, "nests deeper"),
        ("a:\n  - b\n c: d\n", 3, "is not YAML"),
        ("a: 'open\n", 2, "is not YAML"),
        ("a: 1\n\tb: 2\n", 2, "is not YAML"),
        ("a: 1\nb: \x07\n", 2, "is not YAML"),
        ("# nothing\n", 1, "holds no YAML document"),
        ("just text\n", 1, "a scenario is a mapping of keys"),
        ("- a\n- b\n", 1, "a scenario is a mapping of keys"),
        ("{[1, 2]: 3}\n", 1, "has a key that is not a plain word"),
        ("x" * 1_000_001, 0, "is larger than"),
    ],
)
def test_hostile_or_broken_yaml_is_refused_quickly(text: str, line: int, reason: str) -> None:
    start = time.monotonic()
    found = mistakes(text)
    assert time.monotonic() - start < 10
    assert any(mistake.line == line and reason in mistake.reason for mistake in found)


def test_bytes_that_are_not_utf8_are_named_by_line() -> None:
    with pytest.raises(errors.ScenarioInvalid) as caught:
        parse(b"a: 1\nb: \xff\n", "small.yaml")
    assert str(caught.value) == "small.yaml: line 2: is not UTF-8"


def test_load_by_name_and_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(shipped()) >= {"nepse-2019", "sample"}
    for name in shipped():
        assert load(name).name == name
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    assert load(path) == load(str(path)) == parse(SMALL.encode(), "x")
    monkeypatch.chdir(tmp_path)
    assert load("small.yaml").name == "small"
    (tmp_path / "plain").write_bytes(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode())
    assert load("plain").name == "small"


@pytest.mark.parametrize("name", ["nepse", "", "NEPSE-2019", "a\0b"])
def test_unknown_name_lists_the_shipped_ones(name: str) -> None:
    with pytest.raises(errors.ScenarioUnknown, match=r"nepse-2019, sample") as caught:
        load(name)
    assert caught.value.shipped == shipped()


def test_file_that_cannot_be_read_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").touch()
    os.mkfifo(tmp_path / "pipe.yaml")
    for name, error in [
        ("missing.yaml", errors.FileMissing),
        ("empty.yaml", errors.FileEmpty),
        ("pipe.yaml", errors.FileNotRegular),
        ("", errors.FileIsDirectory),
    ]:
        with pytest.raises(error):
            load(tmp_path / name)


def test_scenario_built_in_code_is_checked_and_frozen() -> None:
    scenario = parse(SMALL.encode(), "small.yaml")
    assert Scenario.model_validate(scenario.model_dump()) == scenario
    with pytest.raises(ValidationError, match="there is no institution 'XXX'"):
        Scenario.model_validate(scenario.model_dump() | {"venue": "XXX"})
    with pytest.raises(ValidationError, match="frozen"):
        scenario.venue = "DEP"  # type: ignore[misc]

"""The generated day: the same bytes everywhere, uneven, and read by intake without a refusal."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import date

import numpy as np
import pytest

from ledger.errors import InvalidValue
from ledger.ids import parse_isin
from settlement.intake import parse_trades
from settlement.sample import generate
from settlement.scenario import ROLES, load

SAMPLE = load("sample")


def test_same_seed_same_bytes_on_every_python() -> None:
    assert generate(7) == generate(7)
    assert generate(7) != generate(8)
    digest = hashlib.sha256(generate(7)).hexdigest()
    assert digest == "8406efcea7912c282a3cdcf9ab4b201c4a138ac2b3fe3ee070b718c704791580"


@pytest.mark.parametrize(
    ("seed", "trades", "digest"),
    [
        (0, 1, "3fe603f40b8aa05cc82d2302bbc1eb9d2adf899238009a5ad07025a66effb612"),
        (1, 5_000, "d6ce56b08092a6f1ae805b4eecd9f5b6c0cc7705543fbbaa30e939eabca681df"),
        (5, 0, "3c18c6db089341eba6ac7f2f66e2420ec7a60f53784eff45c7cfcd98e5855a6d"),
        (SAMPLE.seed, 20_000, "ac3c0ab832d6c059b83b2b3568c00d7cf55d434e2ba0543fc9febbed4c73bdf4"),
        (2**64 - 1, 3_000, "303b8a8f9ce217136eb1e99a8d371eaddc3e366562642fe8aae0b2e227e50b34"),
        (2**200 + 1, 500, "9fb332bb44ff77c982e08e8374ef5457d3178e6d050191a8f9a0e382418bf257"),
    ],
)
def test_generate_given_a_seed_and_a_size_has_known_bytes(seed: int, trades: int, digest: str) -> None:
    """As version 0.1.0 made them."""
    assert hashlib.sha256(generate(seed, trades=trades)).hexdigest() == digest


def test_generate_given_two_brokers_and_one_security_has_known_bytes() -> None:
    brokers = set(SAMPLE.brokers[:2])
    small = SAMPLE.model_copy(
        update={
            "institutions": tuple(
                each for each in SAMPLE.institutions if "BROKER" not in each.roles or each.name in brokers
            ),
            "securities": SAMPLE.securities.model_copy(update={"codes": SAMPLE.securities.codes[:1]}),
        }
    )
    data = generate(3, trades=700, scenario=small, trading_day=date(999, 1, 2))
    digest = "228177f3ecc6e0b1c22f4b34d023bc8a28aed633c570953641b07f1a6f03c49e"
    assert hashlib.sha256(data).hexdigest() == digest


@pytest.mark.parametrize("seed", [0, 1, 7, SAMPLE.seed, 2**64 - 1])
def test_intake_takes_every_row(seed: int) -> None:
    intake = parse_trades(generate(seed), SAMPLE, source="sample.csv")
    assert (intake.rows, len(intake.trades), intake.rejects) == (2000, 2000, ())
    assert intake.trades.trading_day == date(2024, 3, 14)


def test_the_day_is_as_uneven_as_real_ones() -> None:
    trades = parse_trades(generate(7), SAMPLE, source="sample.csv").trades
    brokers = Counter(trades.buyer.tolist() + trades.seller.tolist()).most_common()
    securities = Counter(trades.security.tolist()).most_common()
    assert len(brokers) == 12
    assert len(securities) == 20
    assert sum(count for _, count in brokers[:3]) > sum(count for _, count in brokers[3:])
    assert securities[0][1] > 10 * securities[-1][1]
    assert 100 <= int((trades.buyer == trades.seller).sum()) <= 180
    quantities = np.sort(trades.quantity)
    assert int(quantities[-20:].sum()) > int(quantities[:1000].sum())
    assert np.all(np.diff(trades.number.astype(np.int64)) > 0)
    assert int(trades.number[-1]) > 2000
    assert np.all(np.diff(trades.time.astype(np.int64)) >= 0)
    assert 9 * 3600 <= int(trades.time[0]) <= int(trades.time[-1]) < 17 * 3600 + 1800


def test_sample_scenario_is_a_whole_market() -> None:
    assert len(SAMPLE.institutions) >= 12
    assert {role for institution in SAMPLE.institutions for role in institution.roles} == set(ROLES)
    assert len(SAMPLE.securities.codes) == 20
    for code in SAMPLE.securities.codes:
        parse_isin(code)


@pytest.mark.parametrize("count", [0, 1, 50])
def test_other_sizes_and_days(count: int) -> None:
    data = generate(3, trades=count, trading_day=date(2025, 1, 2))
    intake = parse_trades(data, SAMPLE, source="sample.csv", date=date(2025, 1, 2))
    assert (len(intake.trades), intake.rejects) == (count, ())


def test_what_cannot_be_generated_is_refused() -> None:
    for arguments in ({"trades": -1}, {"trades": 2**31}, {"scenario": load("nepse-2019")}):
        with pytest.raises(InvalidValue):
            generate(1, **arguments)
    with pytest.raises(InvalidValue):
        generate(-1)

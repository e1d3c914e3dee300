"""The part of the benchmark that compares with splitter contracts, on two small days."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

import pytest

from ledger.chain import default_engine
from settlement import sample, scenario

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))

import bench_splits
from bench_chain import Source

SAMPLE = scenario.load("sample")


def day(number: int) -> Source:
    trading_day = dt.date(2019, 10, number)
    return Source("day", sample.generate(number, trades=20, trading_day=trading_day), SAMPLE)


def test_measure_given_two_days_compares_each_step_with_what_is_published(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bench_splits, "RECIPIENTS", (2,))
    found = bench_splits.measure([day(3), day(4)], default_engine())
    assert [row["settlement"] for row in found["settlements"]] == [
        "first, 20 trades",
        "steady, 20 trades",
        "steady, 1 trade",
        "first of a quarter, 1 trade",
    ]
    *days, alone, anew = found["settlements"]
    assert alone["payers"] == anew["payers"] == 2
    assert alone["gas_a_pair"] < anew["gas_a_pair"], "the period before keeps its total"
    for row in days:
        assert 2 < row["payers"] <= len(SAMPLE.brokers)
        assert abs(row["gas_a_pair"] * 2 * row["payers"] - row["gas"]) <= row["payers"]
    assert all(0 < row["gas_a_pair"] < alone["gas_a_pair"] for row in days), "payers share what a cycle costs"
    assert [(row["run"], row["recipients"]) for row in found["runs"]] == [
        ("what a quarter's commission left", 2),
        ("subscription", 2),
    ]
    created = found["agreements"]
    assert created["of commission, each by itself"] == sum(
        used for what, used in created.items() if what.startswith("  ")
    )
    text = "\n".join(bench_splits.shown(found))
    for used in (alone["gas_a_pair"], *created.values(), *found["published"].values()):
        assert f"{used:,}" in text

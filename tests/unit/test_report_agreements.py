"""What reports and exports say of commission where brokers have other agreements than the scenario's or none.

no shares in the scenario     ─ the brokers keep all; the regulator alone receives; no row of shares
one broker shares             ─ its part is told by amount, as it is no share of every broker's commission
a second agreement by hand    ─ the day before: the fixed shares; the day of it, and both: amounts by party
                              ─ its rows have its number, its period, and a share where it is a fixed one
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from ledger.clients.agreements import Consent
from ledger.terms import MAX_UP_TO, Basis, Clause, Step, Terms, Tier
from settlement.export import export
from settlement.operations import Ledger
from settlement.report.one_day import Shared
from settlement.report.split import common_shares
from settlement.report.summary import Summary, summarize
from settlement.report.text import report
from settlement.sample import TRADING_DAY
from settlement.scenario import Scenario, load
from tests.independent import SAMPLE, Trade, read_canonical
from tests.ledgers import in_memory
from tests.unit.cli_runs import ROOT, clearing
from tests.unit.report_days import NEXT_DAY, record, sample_file

PAYER, PARTIES = "Aldersgate", ("Lantern Platform", "Plumbline Audit")
ROWS = 100
Q1 = 2024 * 12


def without_shares() -> Scenario:
    sample = load("sample")
    return sample.model_copy(update={"agreements": sample.agreements.model_copy(update={"shares": ()})})


def settle(ledger: Ledger, day: Any, seed: int) -> list[Trade]:
    data = sample_file(day, trades=ROWS, seed=seed)
    record(ledger, data, day)
    ledger.fund()
    ledger.settle()
    return read_canonical(data)


def conclude(ledger: Ledger, *tiers: Tier, name: str, shares: tuple[int, int]) -> None:
    """Aldersgate's commission goes to the two parties, by these shares of what the tiers make of it."""
    market = ledger.market
    index, signers, contract = market.index, market.signers, market.clients.agreements
    terms = Terms(
        payer=index[PAYER],
        currency=market.cash_asset,
        name=name,
        parties=tuple(index[party] for party in PARTIES),
        clauses=(Clause(Basis.COMMISSION, tiers, (Step(0, shares),), graduated=len(tiers) > 1),),
    )
    digest = terms.digest(contract.domain)
    consents = [Consent.of(index[party], signers[party], digest) for party in PARTIES]
    contract.propose(signers[PAYER], terms, consents)


def words(summary: Summary) -> str:
    return report(summary, (), Console(width=100))


def earned(trades: list[Trade]) -> Counter[str]:
    found: Counter[str] = Counter()
    for trade in trades:
        for broker in (trade.buyer, trade.seller):
            found[broker] += SAMPLE.commission(trade.amount)
    return found


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Two days of the sample; before the second Aldersgate concludes two more agreements."""
    folder = tmp_path_factory.mktemp("by hand")
    with in_memory(load("sample"), TRADING_DAY) as ledger:
        first = settle(ledger, TRADING_DAY, 7)
        ledger.clock.wait_until(ledger.clock.now().replace(day=NEXT_DAY.day))
        conclude(ledger, Tier(10_000, 100_000), Tier(MAX_UP_TO, 200_000), name="b", shares=(600_000, 400_000))
        conclude(ledger, Tier(MAX_UP_TO, 1_000_000), name="c", shares=(10_001, 3_333))
        second = settle(ledger, NEXT_DAY, 8)
        days = {"first": TRADING_DAY, "second": NEXT_DAY, "both": None}
        found: dict[str, Any] = {name: summarize(ledger, day) for name, day in days.items()}
        for name, day in days.items():
            export(ledger, folder / name, day)
            found[f"{name} rows"] = pq.read_table(folder / name / "shares.parquet").to_pylist()
        yield found | {"trades": (first, second)}


def test_summary_given_a_second_agreement_has_shares_only_of_the_day_before(by_hand: dict[str, Any]) -> None:
    assert by_hand["first"].shares_ppm == dict(SAMPLE.shares)
    assert by_hand["second"].shares_ppm == by_hand["both"].shares_ppm == {}
    assert "150,000" in words(by_hand["first"])
    for name in ("second", "both"):
        assert "share, ppm" not in words(by_hand[name])
        assert "not the same for every broker" in words(by_hand[name])
        assert "Plumbline Audit" in words(by_hand[name])


def test_revenue_given_a_second_agreement_is_by_all_of_them(by_hand: dict[str, Any]) -> None:
    """Of Aldersgate's second day, besides: of the first 100.00 a tenth, of the rest a fifth, three fifths and
    two of it; and 10,001 and 3,333 millionths of all.
    """
    first, second = (earned(trades) for trades in by_hand["trades"])
    total = second[PAYER]
    pool = floor(Fraction(min(total, 10_000), 10) + Fraction(max(0, total - 10_000), 5))
    more = {
        party: floor(pool * Fraction(part, 5)) + total * ppm // 10**6
        for party, part, ppm in zip(PARTIES, (3, 2), (10_001, 3_333), strict=True)
    }
    wanted = Counter(more)
    for party, ppm in SAMPLE.shares:
        for broker in first | second:
            before, after = first[broker], first[broker] + second[broker]
            wanted[party] += after * ppm // 10**6 - before * ppm // 10**6
    revenue = {name: amount for name, amount in by_hand["second"].revenue.items() if name != SAMPLE.levy_to}
    assert revenue == wanted
    shown = by_hand["both"].as_json()["revenue_minor"]
    for party in wanted:
        one_by_one = by_hand["first"].revenue.get(party, 0) + by_hand["second"].revenue[party]
        assert shown[party] == str(one_by_one)


def test_shares_given_a_second_agreement_have_its_number_and_period(by_hand: dict[str, Any]) -> None:
    rows = [row for row in by_hand["both rows"] if row["payer"] == PAYER and row["agreement"] > 12]
    found = [(row["agreement"], row["period"], row["party"], row["share_ppm"]) for row in rows]
    assert found == [
        *((13, Q1, party, None) for party in PARTIES),
        *((14, Q1, party, ppm) for party, ppm in zip(PARTIES, (10_001, 3_333), strict=True)),
    ]
    assert {(int(row["total_before_minor"]), int(row["total_after_minor"])) for row in rows} == {
        (0, earned(by_hand["trades"][1])[PAYER])
    }
    assert {row["agreement"] for row in by_hand["first rows"]} == set(range(1, 13))
    for name in ("first", "second", "both"):
        received: Counter[str] = Counter()
        for row in by_hand[f"{name} rows"]:
            received[row["party"]] += int(row["amount_minor"])
        assert {k: v for k, v in by_hand[name].shares_paid.items() if v} == +received


def test_reports_given_no_shares_leave_all_to_the_brokers_and_one_brokers_to_amounts(tmp_path: Path) -> None:
    with in_memory(without_shares(), TRADING_DAY) as ledger:
        trades = settle(ledger, TRADING_DAY, 7)
        none = summarize(ledger)
        export(ledger, tmp_path)
        conclude(ledger, Tier(MAX_UP_TO, 1_000_000), name="b", shares=(200_000, 100_000))
        second = settle(ledger, NEXT_DAY, 8)
        one = summarize(ledger, NEXT_DAY)
    levy = 2 * sum(SAMPLE.levy(trade.amount) for trade in trades)
    assert (none.revenue, none.shares_ppm, none.shares_paid) == ({SAMPLE.levy_to: levy}, {}, {})
    assert (none.breaks, none.created, none.as_json()["revenue_minor"]) == (
        (),
        {},
        {SAMPLE.levy_to: str(levy)},
    )
    assert "the brokers keep" in words(none)
    assert "not the same" not in words(none)
    assert pq.read_table(tmp_path / "shares.parquet").num_rows == 0
    total = earned(second)[PAYER]
    assert one.shares_paid == {PARTIES[0]: total // 5, PARTIES[1]: total // 10}
    assert one.shares_ppm == {}, "the other brokers keep all"
    assert "share, ppm" not in words(one)
    assert (one.breaks, one.created) == ((), {})


@pytest.mark.parametrize("command", ["day", "simulate"])
def test_commands_given_a_scenario_without_shares_end_well(tmp_path: Path, command: str) -> None:
    text = (ROOT / "settlement" / "scenarios" / "sample.yaml").read_text()
    head, rest = text.split("agreements:\n", 1)
    rest = rest[rest.index("\n\n") :]
    scenario, file = tmp_path / "none.yaml", tmp_path / "day.csv"
    scenario.write_text(f"{head}agreements: {{shares: []}}{rest}")
    file.write_bytes(sample_file(TRADING_DAY, trades=ROWS, seed=7))
    left = clearing(command, file, "--scenario", scenario, "--ledger", tmp_path / "L", "--json")
    assert (left.code, left.err) == (0, "")
    assert clearing("report", tmp_path / "L", "--json").shown["settled"] == ROWS


def shared(payer: str, share_ppm: int | None, after: int, before: int = 0, agreement: int = 1) -> Shared:
    return Shared(payer, "P", agreement, Q1, share_ppm, before, after, 1, b"")


@pytest.mark.parametrize(
    ("rows", "earns", "wanted"),
    [
        ((), {}, {}),
        ((), {"A": 5}, {}),
        ((shared("A", 7, 5),), {"A": 5}, {"P": 7}),
        ((shared("A", 7, 5), shared("B", 7, 9)), {"A": 5, "B": 9}, {"P": 7}),
        ((shared("A", 7, 5), shared("B", 8, 9)), {"A": 5, "B": 9}, {}),
        ((shared("A", 7, 5),), {"A": 5, "B": 1}, {}),
        ((shared("A", 7, 5), shared("A", 7, 9, 5)), {"A": 9}, {"P": 7}),
        ((shared("A", 7, 5), shared("A", 8, 9, 5)), {"A": 9}, {}),
        ((shared("A", 7, 5),), {"A": 6}, {}),
        ((shared("A", None, 5),), {"A": 5}, {}),
        ((shared("A", 7, 5), shared("A", 2, 5, agreement=2)), {"A": 5}, {"P": 9}),
    ],
)
def test_common_shares_given_rows_are_there_where_all_agree(
    rows: tuple[Shared, ...], earns: Mapping[str, int], wanted: dict[str, int]
) -> None:
    assert common_shares(rows, earns) == wanted

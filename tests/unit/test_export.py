"""`--export`: four files, each row with its transaction, that agree with the trade file and each other."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from settlement.errors import FileUnwritable
from settlement.export import COMMISSIONS, POSITIONS, SHARES, TRADES, export, prepare
from settlement.operations import Ledger
from tests import independent
from tests.independent import SAMPLE, read_canonical
from tests.unit.report_days import Done, run_sample

FILES = {"trades": TRADES, "positions": POSITIONS, "commissions": COMMISSIONS, "shares": SHARES}
HASH = re.compile(r"0x[0-9a-f]{64}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("export")


@pytest.fixture(scope="module")
def sent() -> dict[str, set[str]]:
    """The transactions of each stage; filled when the day runs."""
    return {}


@pytest.fixture(scope="module")
def done(folder: Path, sent: dict[str, set[str]]) -> Done:
    """A day on which some trades wait."""

    def keep(ledger: Ledger) -> None:
        export(ledger, folder / "made" / "for it")
        for stage, receipts in ledger.receipts.items():
            sent[stage] = {f"0x{receipt.transaction_hash.hex()}" for receipt in receipts}

    return run_sample(cover="0.8", then=keep)


@pytest.fixture(scope="module")
def tables(done: Done, folder: Path) -> dict[str, list[dict[str, Any]]]:
    return {name: pq.read_table(folder / "made" / "for it" / f"{name}.parquet").to_pylist() for name in FILES}


def test_files_given_a_day_are_these_four_with_their_columns(done: Done, folder: Path) -> None:
    there = sorted(path.name for path in (folder / "made" / "for it").iterdir())
    assert there == sorted(f"{name}.parquet" for name in FILES)
    for name, schema in FILES.items():
        assert pq.read_schema(folder / "made" / "for it" / f"{name}.parquet").equals(schema)


def test_trades_given_a_day_are_those_of_the_file(
    done: Done, tables: dict[str, list[dict[str, Any]]]
) -> None:
    rows = {
        row["trade_no"]: (
            row["buyer"],
            row["seller"],
            row["security"],
            int(row["quantity"]),
            int(row["settlement_amount_minor"]),
        )
        for row in tables["trades"]
    }
    assert rows == {
        each.number: (each.buyer, each.seller, each.security, each.quantity, each.amount)
        for each in read_canonical(done.data)
    }
    assert {str(row["trading_day"]) for row in tables["trades"]} == {"2024-03-14"}
    assert all(9 * 3600 <= row["trade_time_s"] < 63_000 for row in tables["trades"])


def test_trades_given_some_that_wait_say_so_and_have_no_settlement(
    done: Done, tables: dict[str, list[dict[str, Any]]], sent: dict[str, set[str]]
) -> None:
    waits = {each.trade for each in done.summary.waiting}
    assert waits
    for row in tables["trades"]:
        assert row["status"] == ("pending" if row["trade_no"] in waits else "settled")
        assert (row["settle_transaction"] is None) == (row["trade_no"] in waits)
        assert row["record_transaction"] in sent["record"]
        assert {row["buyer_affirm_transaction"], row["seller_affirm_transaction"]} <= sent["affirm"]
        assert row["settle_transaction"] in (*sent["settle"], None)
        assert HASH.fullmatch(row["batch"])


def test_trades_given_an_affirmation_that_disputes_are_disputed(tmp_path: Path) -> None:
    def alter(records: Any) -> Any:
        records.quantity[0] += 1
        return records

    run_sample(trades=50, alter=alter, then=lambda ledger: export(ledger, tmp_path))
    rows = pq.read_table(tmp_path / "trades.parquet").to_pylist()
    assert [row["status"] for row in rows].count("disputed") == 1


def test_commissions_given_a_day_are_of_both_sides_of_what_settled(
    done: Done, tables: dict[str, list[dict[str, Any]]], sent: dict[str, set[str]]
) -> None:
    waits = {each.trade for each in done.summary.waiting}
    settled = [trade for trade in read_canonical(done.data) if trade.number not in waits]
    wanted = {
        (trade.number, side): (
            broker,
            trade.amount,
            SAMPLE.commission(trade.amount),
            SAMPLE.levy(trade.amount),
        )
        for trade in settled
        for side, broker in (("buyer", trade.buyer), ("seller", trade.seller))
    }
    found = {
        (row["trade_no"], row["side"]): (
            row["broker"],
            int(row["settlement_amount_minor"]),
            int(row["commission_minor"]),
            int(row["levy_minor"]),
        )
        for row in tables["commissions"]
    }
    assert found == wanted
    assert len(tables["commissions"]) == 2 * len(settled)
    for row in tables["commissions"]:
        assert (
            int(row["commission_minor"]) == int(row["settlement_amount_minor"]) * row["rate_ppm"] // 1_000_000
        )
        assert row["settle_transaction"] in sent["settle"]


def test_shares_given_a_day_add_up_to_the_revenue(
    done: Done, tables: dict[str, list[dict[str, Any]]], sent: dict[str, set[str]]
) -> None:
    received: dict[str, int] = {}
    for row in tables["shares"]:
        before, after = int(row["total_before_minor"]), int(row["total_after_minor"])
        part = after * row["share_ppm"] // 1_000_000 - before * row["share_ppm"] // 1_000_000
        assert int(row["amount_minor"]) == part
        assert row["settle_transaction"] in sent["settle"]
        received[row["party"]] = received.get(row["party"], 0) + part
    levy = {"Market Authority": done.summary.levy}
    assert received | levy == dict(done.summary.revenue)


def test_positions_given_a_day_open_move_and_close(
    done: Done, tables: dict[str, list[dict[str, Any]]], sent: dict[str, set[str]]
) -> None:
    trades = read_canonical(done.data)
    waits = {each.trade for each in done.summary.waiting}
    moved = independent.settle(SAMPLE, [trade for trade in trades if trade.number not in waits]).moved
    for row in tables["positions"]:
        assert row["opening"] + row["movements"] == row["closing"]
        assert int(row["movements"]) == moved.get((row["institution"], row["asset"]), 0)
        assert row["kind"] == ("cash" if row["asset"] == "EUR" else "security")
        assert set(row["transactions"]) <= sent["fund"] | sent["settle"]
        stages = (bool(row["opening"]), bool(row["movements"]))
        issued, settled = (bool(set(row["transactions"]) & sent[stage]) for stage in ("fund", "settle"))
        assert (issued, settled) == stages
    found = {(row["institution"], row["asset"]) for row in tables["positions"]}
    assert moved.keys() <= found


def test_sums_given_duckdb_stay_exact(done: Done, folder: Path) -> None:
    path = folder / "made" / "for it" / "trades.parquet"
    (row,) = duckdb.sql(
        f"select typeof(sum(settlement_amount_minor)), sum(settlement_amount_minor) from '{path}'"
    ).fetchall()
    assert row == ("DECIMAL(38,0)", done.summary.gross_value)


def test_export_given_no_trades_writes_empty_tables(tmp_path: Path) -> None:
    run_sample(trades=0, then=lambda ledger: export(ledger, tmp_path))
    for name, schema in FILES.items():
        table = pq.read_table(tmp_path / f"{name}.parquet")
        assert (table.num_rows, table.schema.equals(schema)) == (0, True)


def test_export_given_files_of_an_earlier_day_replaces_them(tmp_path: Path) -> None:
    (tmp_path / "trades.parquet").write_text("old")
    (tmp_path / "other.txt").write_text("kept")
    run_sample(trades=5, then=lambda ledger: export(ledger, tmp_path))
    assert pq.read_table(tmp_path / "trades.parquet").num_rows == 5
    assert (tmp_path / "other.txt").read_text() == "kept"
    assert len(list(tmp_path.iterdir())) == 5


def test_export_given_a_file_that_cannot_be_replaced_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "trades.parquet").mkdir()
    (tmp_path / "trades.parquet" / "in the way").touch()

    def refused(ledger: Ledger) -> None:
        with pytest.raises(FileUnwritable):
            export(ledger, tmp_path)

    run_sample(trades=5, then=refused)
    assert [path.name for path in tmp_path.iterdir()] == ["trades.parquet"]


def test_prepare_given_a_file_in_its_place_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for wrong in (tmp_path / "file", tmp_path / "file" / "below", Path("\0")):
        with pytest.raises(FileUnwritable):
            prepare(wrong)


def test_prepare_given_a_directory_that_takes_no_files_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may write everywhere, so the answer of the system is put in its place.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(FileUnwritable, match="does not take files"):
        prepare(tmp_path)

"""A ledger in a directory through the command.

a process each ─ init, record, fund, settle, reconcile, status, report, on each engine; as text, too
the directory  ─ its head, the same in two of them; copied while in use; moved
"""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from settlement import directory, sample
from tests import independent
from tests.independent import SAMPLE
from tests.integration.steps import (
    FIRST,
    SUMMED_MINOR,
    Clearing,
    after_all,
    brokers_of,
    check,
    check_holdings,
    environment,
    figures,
    head_of,
    opening_json,
    process,
    trades_of,
)


def test_steps_given_a_process_each_end_in_a_settled_and_reconciled_day(
    engine: str, clearing: Clearing
) -> None:
    trades = trades_of("first.csv")
    sides = sum(len({trade.buyer, trade.seller}) for trade in trades)
    outcome = independent.settle(SAMPLE, trades)

    def step(name: str, *more: object) -> dict[str, Any]:
        # What changes nothing is as slow to start on either engine, and keeps nothing for the next process.
        here = engine == "pyevm" and name in ("reconcile", "status", "report")
        left = (clearing if here else process)(name, "L", *more, "--json")
        assert (left.code, left.err) == (0, ""), left
        found = left.json
        if name != "report":
            assert found["ledger"] == "L"
            heads.append((found["block"], found["head"]))
        return found

    heads: list[tuple[int, str]] = []
    made = step("init", "--scenario", "sample", "--chain", engine)
    check(made, {"scenario": "sample", "chain": engine, "currency": "EUR"})
    check(made, {"institutions": 20, "brokers": 12, "securities": 20})
    recorded = step("record", "first.csv")
    check(recorded, {"trading_day": str(FIRST), "source": "first.csv", "trades": 60, "rejected": 0})
    check(recorded, {"rejects_file": None, "recorded": 60, "batches": 1, "disputed": 0, "pending": 60})
    check(recorded, {"affirmations": len(brokers_of(trades)), "transactions": 2})
    assert recorded["gas_used"] > 0
    check(step("fund"), opening_json(SAMPLE, trades))
    settled = step("settle")
    check(settled, {"netting_sets": 1, "settled": 60, "pending": 0, "waiting": [], "transactions": 3})
    values = str(outcome.gross), str(outcome.net)
    assert (settled["settled_value_minor"], settled["settled_net_value_minor"]) == values
    reconciled = step("reconcile")
    check(reconciled, {"books_compared": 12, "breaks": [], "pending": []})
    assert (reconciled["compared"]["trades"], reconciled["compared"]["cash"]) == (sides, 12)
    status = step("status")
    day = {"trading_day": str(FIRST), "recorded": 60, "settled": 60, "pending": 0}
    day |= {"disputed": 0, "held": 0, "ended": 0}
    check(status, {"recorded": 60, "settled": 60, "settled_final": 60, "pending": 0, "disputed": 0})
    check(status, {"days": [day], "unaffirmed": 0, "cycle_open": False, "writer": None})
    check(status, {"foreign_transactions": [], "institutions": 20, "securities": 20})
    block = {"number": status["block"], "hash": status["head"]}
    check(status, {"included": block, "final": block})
    report = step("report")
    check(report, figures(SAMPLE, trades) | {"trading_day": str(FIRST), "chain": engine})
    assert report["settled_net_value_minor"] == str(outcome.net)
    check_holdings(report, SAMPLE, after_all(SAMPLE, trades))
    *writing, _, _ = heads
    assert [block for block, _ in writing] == sorted({block for block, _ in writing})
    assert len(set(writing)) == 4  # reconcile and status change nothing
    assert len(set(heads)) == 4


def test_format_given_either_way_is_the_same_object(clearing: Clearing) -> None:
    assert "L is a ledger: scenario sample" in clearing("init", "L").out
    assert "60 trades recorded in 1 batch, 12 affirmations" in clearing("record", "L", "first.csv").out
    cash = int(opening_json(SAMPLE, trades_of("first.csv"))["cash_minor"])
    assert f"EUR {cash // 100:,}.{cash % 100:02d}" in clearing("fund", "L").out
    assert "60 trades settled in 1 netting set" in clearing("settle", "L").out
    assert clearing("reconcile", "L").out.startswith("No breaks")
    assert head_of(clearing) in clearing("status", "L").out
    for command in ("status", "report", "reconcile"):
        short, long = clearing(command, "L", "--json"), clearing(command, "L", "--format", "json")
        assert (short.code, short.json | {"seconds": 0}) == (long.code, long.json | {"seconds": 0})
        assert clearing(command, "L", "--format", "text") == clearing(command, "L")


def test_head_is_the_hash_of_the_engines_newest_block(clearing: Clearing, engine: str) -> None:
    clearing("init", "L", "--chain", engine)
    clearing("record", "L", "first.csv")
    status = clearing("status", "L", "--json").json
    with directory.open_ledger("L", write=False) as ledger:
        chain: Any = ledger.market.chain
        assert chain.check() == status["block"]  # each transaction since the genesis, executed once more
        assert f"0x{chain.engine.head().hash.hex()}" == status["head"]
        assert chain.engine.head().number == status["block"]


def test_same_file_given_two_new_ledgers_has_the_same_head(clearing: Clearing, engine: str) -> None:
    shutil.copy("first.csv", "other name.csv")
    heads = []
    for file, path in (("first.csv", "L"), ("other name.csv", "deep/down/M")):
        left = clearing("day", file, "--scenario", "sample", "--chain", engine, "--ledger", path, "--json")
        assert (left.code, left.json["chain"], left.json["settled"]) == (0, engine, 60)
        heads.append(head_of(clearing, path))
    assert heads[0] == heads[1]
    Path("changed.csv").write_bytes(sample.generate(9, trades=60))
    clearing("day", "changed.csv", "--scenario", "sample", "--chain", engine, "--ledger", "N")
    assert head_of(clearing, "N") != heads[0]


def test_directory_given_it_was_moved_goes_on(clearing: Clearing) -> None:
    clearing("init", "L")
    clearing("record", "L", "first.csv")
    clearing("fund", "L")
    before = clearing("status", "L", "--json").json
    Path("elsewhere").mkdir()
    shutil.move("L", "elsewhere/M")
    assert clearing("status", "elsewhere/M", "--json").json == before | {"ledger": "elsewhere/M"}
    assert clearing("settle", "elsewhere/M", "--json").json["settled"] == 60
    assert clearing("reconcile", "elsewhere/M").code == 0
    gone = clearing("status", "L")
    assert (gone.code, gone.out) == (2, "")


def test_copy_given_a_writer_was_at_work_is_an_earlier_state_that_can_be_finished(clearing: Clearing) -> None:
    """Copies are made one after the other while another process records, funds and settles day after day."""
    clearing("init", "L")
    script = "from settlement.cli import app\n"
    days = [FIRST + dt.timedelta(days=i) for i in range(4)]
    for i, day in enumerate(days):
        Path(f"{i}.csv").write_bytes(sample.generate(i, trades=200, trading_day=day))
        for arguments in (["record", "L", f"{i}.csv"], ["fund", "L"], ["settle", "L"]):
            script += f"app({arguments!r}, standalone_mode=False)\n"
    started = subprocess.Popen(
        [sys.executable, "-c", script], env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    copies: list[tuple[str, dict[str, Any]]] = []
    try:
        while started.poll() is None:
            to = f"copy-{len(copies)}"
            left = clearing("backup", "L", to, "--json")
            assert (left.code, left.err) == (0, "")
            copies.append((to, left.json))
            time.sleep(0.1)  # so that the writer has a processor, too, and a copy finds something new
    finally:
        started.kill()
        _, said = started.communicate()
    assert (started.returncode, said) == (0, b"")
    with directory.open_ledger("L", write=False) as ledger:
        hashes = [f"0x{ledger.market.chain.block(i).hash.hex()}" for i in range(ledger.read().head + 1)]
    states = set()
    for path, made in copies:
        assert made["head"] == hashes[made["block"]]
        status = clearing("status", path, "--json").json
        # The copy may have a block more than was newest when it was begun.
        assert status["block"] >= made["block"]
        assert status["head"] == hashes[status["block"]]
        states.add(status["block"])
    assert len(states) >= 3, "the copies were all made before or after the work"
    path, _ = copies[len(copies) // 2]
    for i, day in enumerate(days):
        assert clearing("record", path, f"{i}.csv", "--json").json["trading_day"] == str(day)
    clearing("fund", path)
    assert clearing("settle", path).code == 0
    assert clearing("reconcile", path).code == 0
    ours, theirs = (clearing("report", each, "--json").json for each in ("L", path))
    for key in ("recorded", "settled", *SUMMED_MINOR, "revenue_minor"):
        assert ours[key] == theirs[key]

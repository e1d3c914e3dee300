"""A ledger brought through its steps by real processes, which may be killed; and what it is in the end."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ledger.chain.journal import Journal
from ledger.chain.local import JOURNAL
from settlement import sample, scenario
from settlement.agreements.standing import standing
from settlement.directory import is_ledger, open_ledger

ROOT = Path(__file__).resolve().parents[2]
STEPS = ("init", "record", "fund", "settle")
TRADES, A_PAGE = 300, 60
"""Of the day; this many to a batch."""
PAGE_NUMBERS = 1 << 16
State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: `code` negative by a signal, 70 with a traceback; what it said."""

    code: int
    seconds: float
    killed: bool
    said: str


class Commands:
    """Runs `clearing`, each time in a process of its own that has nothing left to import."""

    def __init__(self, folder: Path, engine: str) -> None:
        self._out = folder / "said"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.warm", engine],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )

    def start(self, *argv: object, kill_after_s: float | None = None, whom: str = "self") -> None:
        """Begin a command; `end` gives what came of it."""
        asked = {"argv": [*map(str, argv)], "out": str(self._out), "kill_after_s": kill_after_s, "whom": whom}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()

    def end(self) -> Ended:
        """Wait for the command."""
        assert self._process.stdout is not None
        told = json.loads(self._process.stdout.readline())
        ended = Ended(told["code"], told["seconds"], told["killed"], self._out.read_text(errors="replace"))
        assert ended.code != 70, ended.said
        assert "Traceback" not in ended.said, ended.said
        return ended

    def run(self, *argv: object, kill_after_s: float | None = None, whom: str = "self") -> Ended:
        """A command from beginning to end."""
        self.start(*argv, kill_after_s=kill_after_s, whom=whom)
        return self.end()

    def close(self) -> None:
        """End the process behind it."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait()


@dataclass(slots=True)
class Stage:
    """A ledger after each of its steps, as they were when nothing happened to them."""

    folder: Path
    engine: str
    commands: Commands
    trades: Path
    seconds: dict[str, float] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)

    @classmethod
    def set_up(cls, folder: Path, engine: str) -> Stage:
        """Run all steps, to know how long each takes, and keep what each has left."""
        stage = cls(folder, engine, Commands(folder, engine), folder / "day.csv")
        stage.trades.write_text(day())
        at = folder / "left alone"
        for step in STEPS:
            ended = stage.commands.run(*stage.argv(step, at))
            assert ended.code == 0, ended.said
            stage.seconds[step] = ended.seconds
            shutil.copytree(at, folder / f"after {step}")
            stage.states[step] = state_of(at)
        ended = stage.commands.run("reconcile", at)
        assert ended.code == 0, ended.said
        return stage

    def argv(self, step: str, at: Path) -> list[object]:
        """The command line of a step."""
        if step == "init":
            return ["init", at, "--chain", self.engine]
        return ["record", at, self.trades] if step == "record" else [step, at]

    def before(self, step: str, name: str) -> Path:
        """A new copy of the ledger as it is before a step; for `init`, where it is not."""
        at = self.folder / name
        if step != "init":
            shutil.copytree(self.folder / f"after {STEPS[STEPS.index(step) - 1]}", at)
        return at

    def run(self, step: str, at: Path, **kill: Any) -> Ended:
        """One step."""
        return self.commands.run(*self.argv(step, at), **kill)

    def check_to_the_end(self, after: str, at: Path) -> None:
        """The steps that follow `after` end as they do when nothing has happened before, and books agree."""
        for step in STEPS[STEPS.index(after) + 1 :]:
            ended = self.run(step, at)
            assert ended.code == 0, ended.said
            assert state_of(at) == self.states[step]
        ended = self.commands.run("reconcile", at, "--json")
        assert ended.code == 0, ended.said
        assert json.loads(ended.said)["breaks"] == []
        assert held_now(at) == self.states["settle"]["held"]


def day() -> str:
    """A made-up day whose trade numbers lie on several pages, so that it is several batches."""
    head, *rows = sample.generate(7, trades=TRADES, scenario=scenario.load("sample")).decode().splitlines()
    numbered = [row.split(",", 1) for row in rows]
    moved = [f"{int(no) + i // A_PAGE * PAGE_NUMBERS},{rest}" for i, (no, rest) in enumerate(numbered)]
    return "\n".join([head, *moved]) + "\n"


def state_of(at: Path) -> State:
    """What a ledger is, from its blocks: who and what there is, trades, holdings, revenue, cycles."""
    if not is_ledger(at) or not (at / "deployment.json").exists():
        return {}
    with open_ledger(at, write=False) as ledger:
        history = ledger.read()
        names = {index: name for name, index in history.institutions.items()} | {0: "transit"}
        codes = {index: code for code, index in history.assets.items()}
        trades: dict[tuple[int, int], tuple[object, ...]] = {}
        for batch in history.batches.values():
            r = batch.records
            columns = (r.number, r.buyer, r.seller, r.asset, r.quantity, r.amount, batch.settled)
            for no, buyer, seller, asset, *rest in zip(*(c.tolist() for c in columns), strict=True):
                key = batch.header.trading_day, no
                assert key not in trades, f"trade {key} is recorded twice"
                affirmed = {names[i] for i in batch.affirmed_in} & {names[buyer], names[seller]}
                trades[key] = (
                    names[buyer],
                    names[seller],
                    codes[asset],
                    *rest,
                    affirmed,
                    batch.disputed.get(no),
                )
        holders = [*names, -1]
        net = history.movements.net(holders, other=holders)
        return {
            "institutions": history.institutions,
            "assets": dict(history.assets),
            "agreements": {
                each.agreement_id: each.newest.terms
                for each in standing(history.revenue).registry.agreements.values()
            },
            "fees": history.fee_schedules,
            "trades": trades,
            "held": {(names[i], codes[a]): n for (i, a), n in net.items() if n and i >= 0},
            "issued": {codes[a]: -n for (i, a), n in net.items() if n and i < 0},
            "issues": len(history.issues),
            "revenue": {
                (names[each.payer], codes[each.currency]): each.after
                for each in standing(history.revenue).accruals
            },
            "settled value": sum(event["grossAmount"] for event in history.netting_sets),
            "moved value": sum(event["netAmount"] for event in history.netting_sets),
            "open cycles": history.open_cycles,
        }


def held_now(at: Path) -> dict[tuple[str, str], int]:
    """What the register says that each holds, asked of an engine."""
    with open_ledger(at, write=False) as ledger:
        names = {index: name for name, index in ledger.market.index.items()}
        codes = {index: code for code, index in ledger.market.asset.items()}
        return {(names[i], codes[a]): n for (i, a), n in ledger.balances().items()}


def sent(at: Path) -> int:
    """How many transactions are on disk, executed or not."""
    journal = Journal(at / JOURNAL, write=False)
    journal.close()
    return journal.entries


def moment(chance: random.Random, seconds: float) -> float:
    """Of a step that takes so long: any."""
    return chance.random() * seconds

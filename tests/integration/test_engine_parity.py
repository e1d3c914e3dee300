"""The same transactions on both engines, compared one by one: gas, status, logs, revert bytes.

Affirmations sign a recent block's hash, and the engines' block hashes differ (anvil's state root treats
touched empty accounts otherwise). So each engine has its own signatures, and two things may differ, which are
allowed for exactly: signature bytes of calldata, which cost by how many of them are zero, and the prior
block's hash, the last word of BatchAffirmed.

random steps   ─ over 100 that touch the same slots, refused ones among them, from each of several seeds
a whole day    ─ each step's receipts, and what is read back from each chain
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from eth_utils import keccak

from ledger import reverts
from ledger.abi import selector_of
from ledger.chain import ENGINES, Chain, Log, Receipt, available, connect
from ledger.clients.clearing_house import Slice, Status
from ledger.compile import artifacts
from ledger.errors import Reverted
from settlement import market
from settlement.agreements import periods
from settlement.books.shelf import Shelf
from settlement.day import run
from settlement.intake import parse_trades
from settlement.liquidity import Search
from settlement.operations import Ledger as MarketLedger
from settlement.sample import generate
from settlement.scenario import load
from tests.contracts.clearing import Batch, Floor, Trade, slice_of
from tests.contracts.support import Ledger, SetClock, bytes32, establish, movement

pytestmark = pytest.mark.skipif("anvil" not in available(), reason="anvil is not installed; run `make setup`")
SETTLED = keccak(text="NettingSetSettled(uint16,uint64,uint16,uint8,uint256,uint256,uint256,uint256)")
AFFIRMED = keccak(text="BatchAffirmed(bytes32,uint16,bytes32,uint256,bytes32,bytes32)")
SHARES = (("P", 300_001), ("V", 99_999), ("R", 7))

RULE = Search(time_limit_s=1e-6)
"""No time for more than the plain rule, whose choice does not depend on how fast a machine is."""


@dataclass
class Recorder:
    """A chain that keeps every transaction and what came of it; all else it passes on."""

    chain: Chain
    kept: list[tuple[bytes, Receipt]] = field(default_factory=list)

    def send(self, raw: bytes) -> Receipt:
        return self.send_all([raw])[0]

    def send_all(self, raws: Sequence[bytes]) -> list[Receipt]:
        receipts = self.chain.send_all(raws)
        self.kept += [(self.chain.transaction_input(each.transaction_hash), each) for each in receipts]
        return receipts

    def __getattr__(self, name: str) -> Any:
        return getattr(self.chain, name)


def calldata_gas(data: bytes) -> int:
    """What EIP-2028 charges for it."""
    return sum(16 if byte else 4 for byte in data)


def masked(log: Log) -> Log:
    """The log without the one word that may differ."""
    if log.topics[:1] != (AFFIRMED,):
        return log
    return Log(log.address, log.topics, log.data[:-32])


def compare(sides: list[Recorder]) -> None:
    """Every transaction of one chain beside that of the other."""
    first, second = sides
    abi = {entry.get("name"): entry for entry in artifacts()["ClearingHouse"].abi}
    signed = {selector_of(abi["affirm"]), selector_of(abi["clear"])}
    assert len(first.kept) == len(second.kept)
    for n, ((data, receipt), (other_data, other)) in enumerate(zip(first.kept, second.kept, strict=True)):
        assert receipt.status == other.status, n
        assert receipt.revert_data == other.revert_data, n
        assert receipt.contract_address == other.contract_address, n
        assert receipt.block_number == other.block_number, n
        assert [masked(log) for log in receipt.logs] == [masked(log) for log in other.logs], n
        check_prior_hashes(first, receipt)
        check_prior_hashes(second, other)
        gas = receipt.gas_used - calldata_gas(data)
        assert gas == other.gas_used - calldata_gas(other_data), n
        if data != other_data:
            assert data[:4] == other_data[:4], n
            assert data[:4] in signed, n
    blocks = [[side.chain.block(i).timestamp for i in range(side.chain.block().number + 1)] for side in sides]
    assert blocks[0] == blocks[1]


def check_prior_hashes(side: Recorder, receipt: Receipt) -> None:
    """The word that differs is the hash of a block before."""
    for log in receipt.logs:
        if log.topics[:1] == (AFFIRMED,):
            hashes = {
                side.chain.block(n).hash
                for n in range(max(0, receipt.block_number - 256), receipt.block_number)
            }
            assert log.data[-32:] in hashes


class Steps:
    """Steps drawn from a seed: the same on each engine as long as the engines do the same."""

    def __init__(self, chain: Chain, seed: int) -> None:
        clock = SetClock()
        self.ledger: Ledger = establish(chain, clock)
        self.floor = Floor(self.ledger)
        self.draw = random.Random(seed)
        self.batches: list[Batch] = []
        self.ever: set[tuple[object, ...]] = set()
        """Answers that stay as they are, so that nobody asks again: PyEVM takes long for each."""
        self.number = 0
        for payer in ("B1", "B2", "B3"):
            self.floor.agree(payer, SHARES)
        held = {(name, code): 150 for name in ("B1", "B2", "B3") for code in ("S1", "S2", "S3", "S5")}
        self.ledger.issue(held | {(name, "NPR"): 20_000_000 for name in ("B1", "B2", "B3")})
        self.batches.append(self.floor.entered(Trade(10_000, "B1", "B2"), Trade(10_001, "B2", "B3", "S2")))

    def take(self, count: int) -> None:
        often = [self.issue, self.record, self.affirm, self.affirm, self.open, self.settle, self.settle]
        seldom = [self.transfer, self.redeem, self.close, self.agree, self.suspend, self.clear]
        steps: list[Callable[[], object]] = [*often, *often, *seldom]
        for _ in range(count):
            with suppress(Reverted):
                self.draw.choice(steps)()

    def issue(self) -> None:
        code = self.draw.choice(("S1", "S2", "S3", "S5", "NPR", "NPR"))
        amount = self.draw.choice((100, 2_000)) * (100_000 if code == "NPR" else 1)
        rows = [
            movement(
                self.ledger.asset[code],
                self.ledger.index[name],
                self.draw.choice((amount, amount, amount, 0)),
            )
            for name in self.draw.sample(("B1", "B2", "B3"), 2)
        ]
        issuer = self.draw.choice(("D", "B")) if self.draw.random() < 0.1 else "B" if code == "NPR" else "D"
        reference = bytes32(f"issue {self.draw.randint(1, 200)}")
        self.ledger.register.issue(self.ledger.signers[issuer], reference, rows)

    def transfer(self) -> None:
        names = ["B1", "B2", "B3", "P"]
        sender, receiver, signer = (self.draw.choice(names) for _ in range(3))
        if self.draw.random() < 0.8:
            signer = sender
        code = self.draw.choice(("S1", "S2", "NPR"))
        index = self.ledger.index
        amount = self.draw.randint(0, 300)
        register = self.ledger.register
        register.transfer(
            self.ledger.signers[signer], index[sender], index[receiver], self.ledger.asset[code], amount
        )

    def redeem(self) -> None:
        signer = self.ledger.signers[self.draw.choice(("B1", "B2", "B3"))]
        reference = bytes32(f"redeem {self.draw.randint(1, 10)}")
        asset = self.ledger.asset[self.draw.choice(("S1", "S3", "NPR"))]
        self.ledger.register.redeem(signer, reference, asset, self.draw.randint(1, 200))

    def trades(self) -> list[Trade]:
        found = []
        for _ in range(self.draw.randint(1, 5)):
            self.number += 1
            buyer, seller = (self.draw.choice(("B1", "B2", "B3")) for _ in range(2))
            number = self.draw.randint(1, self.number) if self.draw.random() < 0.05 else self.number
            security = self.draw.choice(("S1", "S2", "S3", "S5"))
            quantity = self.draw.randint(0 if self.draw.random() < 0.1 else 1, 60)
            found.append(Trade(number, buyer, seller, security, quantity, self.draw.randint(1, 3_000_000)))
        return found

    def record(self) -> None:
        batch = self.floor.batch(*self.trades())
        self.floor.record(batch, "V" if self.draw.random() < 0.9 else "B1")
        self.batches.append(batch)

    def affirm(self) -> None:
        batch = self.draw.choice(self.batches[-3:])
        open_ = [name for name in batch.parties if not self.affirmed(batch, name)]
        names = open_ if open_ and self.draw.random() < 0.8 else self.draw.sample(batch.parties, 1)
        given = []
        for name in names:
            own = batch.own(name)
            changes: dict[str, Any] = {}
            way = self.draw.random()
            if way < 0.04:
                changes["claims"] = len(own) + self.draw.choice((-1, 1))
            elif way < 0.08:
                changes["key"] = self.ledger.outsider
            elif way < 0.12:
                changes |= {"prior": self.ledger.chain.block().number + 5, "prior_hash": bytes(31) + b"\1"}
            elif way < 0.2:
                changes["excepts"] = tuple(own[: self.draw.randint(1, len(own))])
            given.append(self.floor.affirmation(batch, name, **changes))
        self.floor.affirm(batch, *given)

    def is_so(self, key: tuple[object, ...], ask: Callable[[], bool]) -> bool:
        """Whether it is, and so for ever, or not yet."""
        if key not in self.ever and ask():
            self.ever.add(key)
        return key in self.ever

    def affirmed(self, batch: Batch, name: str) -> bool:
        ask = partial(self.ledger.clearing_house.call, "affirmedBy", batch.hash, self.ledger.index[name])
        return self.is_so((batch.hash, name), ask)

    def done(self, batch: Batch) -> bool:
        """None of it is pending any more."""
        house = self.ledger.clearing_house
        return self.is_so((batch.hash,), lambda: house.call("batch", batch.hash)[1] == 0)

    def pending(self, batch: Batch, position: int) -> bool:
        """What is settled is so for ever, and disputed here, too."""
        status_of = self.ledger.clearing_house.status_of
        return not self.is_so(
            (batch.hash, position), lambda: status_of(batch.hash, position) is not Status.PENDING
        )

    def open(self) -> None:
        self.floor.open(seconds=self.draw.choice((0, 600, 90_000)) if self.draw.random() < 0.1 else 600)

    def settle(self) -> None:
        ready = [
            b for b in self.batches if not self.done(b) and all(self.affirmed(b, name) for name in b.parties)
        ]
        choice = ready if ready and self.draw.random() < 0.85 else self.batches
        batches = self.draw.sample(choice, min(len(choice), self.draw.randint(1, 3)))
        slices: list[Slice] = []
        for batch in batches:
            count = len(batch.trades)
            pending = [i for i in range(count) if self.pending(batch, i)]
            if self.draw.random() < 0.15:
                pending = list(range(count))
            slices.append(
                slice_of(
                    batch, self.draw.sample(pending, self.draw.randint(min(1, len(pending)), len(pending)))
                )
            )
        self.floor.settle(*slices, venue="V" if self.draw.random() < 0.95 else "B2")

    def close(self) -> None:
        self.floor.close(by=self.draw.choice(("V", "V", "V", "B1")))

    def agree(self) -> None:
        """Another version by consent of all, an agreement's end, or a period's run before it has ended."""
        agreement, clients = self.draw.randint(1, 4), self.ledger.clients
        by = self.ledger.signers[self.draw.choice(("B1", "B2", "P", "A"))]
        match self.draw.choice(("another", "notice", "run")):
            case "another":
                version = self.draw.randint(1, 3)
                self.floor.agree(self.draw.choice(("B1", "B2")), SHARES[:1], version=version)
            case "notice":
                clients.agreements.give_notice(by, agreement)
            case "run":
                period = periods.at(self.ledger.chain.block().timestamp, 3)
                clients.revenue.run(by, agreement, period - self.draw.choice((0, 3)), [0])

    def suspend(self) -> None:
        consortium, regulator = self.ledger.consortium, self.ledger.signers["R"]
        name = self.draw.choice(("B3", "R"))
        if self.draw.random() < 0.3:
            consortium.suspend(regulator, self.ledger.index[name])
        else:
            consortium.reinstate(regulator, self.ledger.index[name])

    def clear(self) -> None:
        batch = self.floor.batch(*self.trades())
        self.floor.clear(batch)
        self.batches.append(batch)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_steps_do_the_same_on_both_engines(seed: int) -> None:
    with ExitStack() as stack:
        sides = []
        for engine in ENGINES:
            side = Recorder(stack.enter_context(connect(engine, clock=SetClock())))
            Steps(side, seed).take(170)  # type: ignore[arg-type]
            sides.append(side)
        compare(sides)
    receipts = [receipt for _, receipt in sides[0].kept]
    refused = Counter(type(reverts.decode(r.revert_data)).__name__ for r in receipts if not r.status)
    settled = [r for r in receipts if any(log.topics[:1] == (SETTLED,) for log in r.logs)]
    assert len(receipts) >= 150
    assert sum(refused.values()) >= 30
    assert len(refused) >= 12, refused
    assert len(settled) >= 4


def test_a_whole_day_does_the_same_on_both_engines() -> None:
    data = generate(7, trades=150)
    scenario = load("sample").with_cover("0.7")
    intake = parse_trades(data, scenario, source="sample")
    with ExitStack() as stack:
        sides, ledgers, days = [], [], []
        for engine in ENGINES:
            side = Recorder(stack.enter_context(connect(engine, clock=SetClock())))
            ledger = MarketLedger(market.establish(side, scenario), Shelf())  # type: ignore[arg-type]
            days.append(run(ledger, intake, data, source="sample", search=RULE))
            sides.append(side)
            ledgers.append(ledger)
        compare(sides)
        first, second = days
        assert len(sides[0].kept) >= 25
        assert first.settled.waiting == second.settled.waiting
        assert first.settled.waiting
        assert first.settled.netting_sets == second.settled.netting_sets == 1
        assert ledgers[0].balances() == ledgers[1].balances()
        assert first.reconciled == second.reconciled
        assert not first.reconciled.breaks
        ours, theirs = (ledger.read() for ledger in ledgers)
        for mine, other in zip(ours.batches.values(), theirs.batches.values(), strict=True):
            assert (mine.batch_hash, mine.words) == (other.batch_hash, other.words)
            assert mine.settled_in.tolist() == other.settled_in.tolist()
        assert ours.netting_sets == theirs.netting_sets

"""Random days in parts: batches split anyhow, several cycles and netting sets, and calls that fail.

Everybody holds enough for any order of settlement. Sometimes the levy goes to a broker that is a regulator,
too. The driver is the test's own, over the contracts' clients.
A failure says its seed; `case(seed)` in cases.py makes that day again, but for who gets the levy.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import pytest

from ledger import reverts
from ledger.abi import Words
from ledger.clients.clearing_house import Slice, Status
from ledger.errors import Reverted
from ledger.signatures import NO_CLIENTS, Affirmation, affirmation_hash
from settlement.market import Market
from tests import independent
from tests.independent import Place, Trade
from tests.invariant.cases import PAGE, Case, case
from tests.invariant.kinds import CHOSEN
from tests.invariant.stage import (
    CASH,
    Recorded,
    Stage,
    balances,
    full_state,
    header_of,
    light_state,
    mask_of,
    pack,
    sums,
    supplies,
)
from tests.ledgers import instructions
from tests.sharings import commission_totals

FROM = 10_000
MOST = CHOSEN[:45]
"""Those of them that are of most kinds."""
DAYS = int(os.environ.get("CLEARING_TEST_DAYS", "0")) // 3
SEEDS = range(FROM, FROM + DAYS) if DAYS else MOST
AT_ONCE = 15


@pytest.mark.parametrize("first", range(0, len(SEEDS), AT_ONCE))
def test_random_days_in_parts_keep_every_invariant(stage: Stage, first: int) -> None:
    for seed in SEEDS[first : first + AT_ONCE]:
        try:
            day = case(seed)
            if seed % 4 == 0:
                day = replace(day, rules=replace(day.rules, levy_to="B1"))
            one_day(stage, day)
        except BaseException as error:
            error.add_note(f"seed {seed}: tests.invariant.cases.case({seed}) is the day")
            raise


@dataclass
class Run:
    """A day under way: what is on the ledger and, beside it, what ought to be."""

    stage: Stage
    case: Case
    market: Market
    draw: random.Random
    held: dict[Place, int]
    batches: list[Recorded] = field(default_factory=list)
    settled: list[Trade] = field(default_factory=list)
    known: object = None
    """The state since the last call that was not refused, where it was looked at."""
    excepts: dict[str, set[int]] = field(default_factory=dict)
    """Broker → numbers of trades that it does not agree to."""

    @property
    def disputed(self) -> set[int]:
        return set().union(*self.excepts.values())

    @property
    def agreed(self) -> list[Trade]:
        return [trade for trade in self.case.trades if trade.number not in self.disputed]

    def open(self) -> None:
        self.stage.open_cycle(self.market)
        self.known = None

    def close(self) -> None:
        venue = self.market.index["V"]
        self.market.clients.clearing_house.close_cycle(self.market.venue, venue)

    def settle(self, trades: Iterable[Trade]) -> None:
        """Settle these, of whatever batches, as one netting set, and look whether all is as it should be."""
        chosen = list(trades)
        self.market.clients.clearing_house.settle(self.market.venue, 3, self.slices(chosen))
        self.settled += chosen
        self.check()

    def slices(self, trades: Iterable[Trade]) -> list[Slice]:
        wanted = {trade.number for trade in trades}
        found = []
        for batch in self.batches:
            here = [trade.number for trade in batch.trades if trade.number in wanted]
            # Sometimes one batch comes as two slices.
            cut = self.draw.randint(1, len(here) - 1) if len(here) > 1 and self.draw.random() < 0.2 else 0
            found += [batch.slice(part) for part in (here[:cut], here[cut:]) if part]
        self.draw.shuffle(found)
        return found

    def check(self) -> None:
        """Balances and totals are what settling all that has settled, at once, would have come to."""
        outcome = independent.settle(self.case.rules, self.settled)
        after = balances(self.market)
        assert after == independent.closing(self.held, outcome.moved)
        assert not any(name == "transit" for name, _ in after)
        assert sums(after) == sums(self.held)
        payers = self.case.brokers if self.case.rules.shares else ()
        assert commission_totals(self.market, payers) == {name: outcome.commission[name] for name in payers}


def one_day(stage: Stage, case: Case) -> None:
    market = stage.enter(case)
    run = Run(stage, case, market, random.Random(case.seed), plenty(case))
    for each in instructions(market.scenario, run.held, "opening"):
        market.issue(*each)
    record(run)
    draw_exceptions(run)
    batch, broker = affirm_but_one(run)
    check_failing_calls_change_nothing(run, batch, broker)
    snapshot = market.chain.snapshot()
    run.open()
    run.settle(run.agreed)
    check_done(run)
    at_once = balances(market)
    market.chain.restore(snapshot)
    run.settled.clear()
    in_parts(run)
    check_done(run)
    assert balances(market) == at_once
    assert sums(at_once) == supplies(market)


def plenty(case: Case) -> dict[Place, int]:
    """Enough for every order: each broker has all that it delivers and pays, and a bit."""
    held: Counter[Place] = Counter()
    for trade in case.trades:
        held[trade.seller, trade.security] += trade.quantity
        held[trade.buyer, CASH] += trade.amount
        for broker in (trade.buyer, trade.seller):
            held[broker, CASH] += 2 * case.rules.commission(trade.amount) + case.rules.levy(trade.amount)
    return {place: amount for place, amount in held.items() if amount}


def record(run: Run) -> None:
    """The trades in batches made anyhow; only a page of numbers is a bound."""
    house = run.market.clients.clearing_house
    parts: dict[tuple[int, int], list[Trade]] = {}
    ways = run.draw.randint(1, 4)
    for trade in run.case.trades:
        parts.setdefault((trade.number // PAGE, run.draw.randrange(ways)), []).append(trade)
    header = header_of(run.market)
    for part in parts.values():
        trades, words = pack(run.market, part)
        receipt = house.record(run.market.venue, header, words)
        (event,) = house.events(receipt.logs, "BatchRecorded")
        run.batches.append(Recorded(header, trades, words, event["batchHash"]))


def draw_exceptions(run: Run) -> None:
    """Sometimes brokers do not agree to some of their trades; at least one trade is agreed to."""
    if run.draw.random() < 0.5:
        return
    for trade in run.case.trades[1:]:
        for name in {trade.buyer, trade.seller}:
            if run.draw.random() < 0.1:
                run.excepts.setdefault(name, set()).add(trade.number)


def affirm_but_one(run: Run) -> tuple[Recorded, str]:
    """Everybody affirms everything but one broker one batch with a trade of its that could settle."""
    trade = run.draw.choice(run.agreed)
    last = next(batch for batch in run.batches if trade in batch.trades)
    broker = run.draw.choice((trade.buyer, trade.seller))
    for batch in run.batches:
        names = {name for trade in batch.trades for name in (trade.buyer, trade.seller)}
        affirm(run, batch, sorted(names - ({broker} if batch is last else set())))
    return last, broker


def affirm(run: Run, batch: Recorded, names: Sequence[str]) -> None:
    """These affirm the batch, but for their exceptions, one transaction for all or one each."""
    market = run.market
    given = [affirmation(market, batch, name, run.excepts.get(name, set())) for name in names]
    together = run.draw.random() < 0.7
    for some in [given] if together else [[each] for each in given]:
        market.clients.clearing_house.affirm(market.venue, batch.header, batch.words, some)


def affirmation(market: Market, batch: Recorded, name: str, excepts: set[int]) -> Affirmation:
    prior = market.chain.block()
    own = [i for i, trade in enumerate(batch.trades) if name in (trade.buyer, trade.seller)]
    excepted = [i for i in own if batch.trades[i].number in excepts]
    words = b"".join(batch.words[32 * i : 32 * i + 32] for i in own if i not in excepted)
    numbers = [batch.trades[i].number for i in excepted]
    index = market.index[name]
    struct = affirmation_hash(batch.hash, index, words, numbers, NO_CLIENTS, prior.hash)
    digest = market.clients.clearing_house.domain.digest(struct)
    signature = market.signers[name].sign_digest(digest)
    return Affirmation(index, len(own), prior.number, NO_CLIENTS, tuple(excepted), signature)


def in_parts(run: Run) -> None:
    """All trades in several cycles, each with one netting set or more, in any order."""
    trades = run.agreed
    run.draw.shuffle(trades)
    cuts = sorted({run.draw.randint(0, len(trades)) for _ in range(run.draw.randint(1, 4))} | {len(trades)})
    start = 0
    run.open()
    for cut in cuts:
        if trades[start:cut]:
            run.settle(trades[start:cut])
        if run.draw.random() < 0.5:
            run.close()
            run.open()
        start = cut


def check_done(run: Run) -> None:
    """Nothing is pending any more, nothing settles again, and nothing else is said of any batch."""
    house, market = run.market.clients.clearing_house, run.market
    assert all(house.call("batch", batch.hash)[1] == 0 for batch in run.batches)
    before = light_state(market, [batch.hash for batch in run.batches])
    batch = run.draw.choice(run.batches)
    trade = run.draw.choice(batch.trades)
    with pytest.raises(reverts.ClearingHouse_NotPending) as refused:
        house.settle(market.venue, 3, [batch.slice([trade.number])])
    status = Status.DISPUTED if trade.number in run.disputed else Status.SETTLED
    assert refused.value.operands == {"tradeNo": trade.number, "status": status}
    assert light_state(market, [batch.hash for batch in run.batches]) == before


def state(run: Run) -> object:
    """What a refused call leaves as it was; all of it, which takes long, on every tenth day."""
    if run.case.seed % 10:
        return light_state(run.market, [batch.hash for batch in run.batches])
    parts = [(b.hash, len(b.trades), [t.number for t in b.trades]) for b in run.batches]
    return full_state(run.market, parts)


def check_failing_calls_change_nothing(run: Run, batch: Recorded, broker: str) -> None:
    """Each way to fail, then the state is what it was; at the end the late broker affirms after all."""
    market, house = run.market, run.market.clients.clearing_house
    agreed = {trade.number for trade in run.agreed}
    parts = [b for b in run.batches if any(trade.number in agreed for trade in b.trades)]
    everything = [b.slice(agreed) for b in parts]
    spoilt = parts.index(batch)
    hashes = [b.hash for b in run.batches]
    snapshot = market.chain.snapshot()

    def fails(error: type[Reverted], call: Callable[[], object], **operands: object) -> None:
        run.known = run.known or light_state(market, hashes)
        with pytest.raises(error) as refused:
            call()
        assert refused.value.operands == operands  # type: ignore[attr-defined]
        assert light_state(market, hashes) == run.known

    def settles(slices: Sequence[Slice]) -> Callable[[], object]:
        return lambda: house.settle(market.venue, 3, slices)

    fails(reverts.ClearingHouse_NoCycle, settles(everything), venue=market.index["V"])
    run.open()
    before = state(run)
    index = market.index[broker]
    fails(reverts.ClearingHouse_Unaffirmed, settles(everything), slice=spoilt, institution=index)
    for wrong, error, operands in wrong_masks(batch):
        slices = [*everything[:spoilt], Slice(batch.header, batch.words, wrong), *everything[spoilt + 1 :]]
        fails(error, settles(slices), slice=spoilt, **operands)
    altered = bytearray(batch.words)
    altered[-1] ^= 1
    unknown = Slice(batch.header, Words(bytes(altered)), everything[spoilt].mask)
    with pytest.raises(reverts.ClearingHouse_UnknownBatch):
        house.settle(market.venue, 3, [*everything[:spoilt], unknown, *everything[spoilt + 1 :]])
    assert state(run) == before
    market.chain.restore(snapshot)
    run.known = None
    affirm(run, batch, [broker])
    snapshot = market.chain.snapshot()
    check_failing_by_others(run, parts, everything, fails)
    market.chain.restore(snapshot)


def check_failing_by_others(
    run: Run, parts: Sequence[Recorded], everything: Sequence[Slice], fails: Callable[..., None]
) -> None:
    """All have affirmed; now one is suspended, and then one lacks one unit."""
    market, house = run.market, run.market.clients.clearing_house
    trade = run.draw.choice(run.agreed)
    out = run.draw.choice((trade.buyer, trade.seller))
    market.clients.consortium.suspend(market.signers["R"], market.index[out])
    run.open()
    fails(
        reverts.ClearingHouse_Suspended,
        lambda: house.settle(market.venue, 3, everything),
        slice=first_slice_of(run, parts, out),
        institution=market.index[out],
    )
    run.close()
    market.clients.consortium.reinstate(market.signers["R"], market.index[out])
    needs = independent.opening(run.case.rules, run.agreed)
    place = run.draw.choice(sorted(needs)) if needs else None
    if place is None or not needs[place]:
        return
    # All but one unit less than the day takes from it goes back to the issuer.
    name, code = place
    spare = run.held[place] - needs[place] + 1
    market.clients.register.redeem(market.signers[name], b"\1" * 32, market.asset[code], spare)
    run.open()
    fails(
        reverts.AssetRegister_BalanceOutOfRange,
        lambda: house.settle(market.venue, 3, everything),
        institution=market.index[name],
        asset=market.asset[code],
        balance=needs[place] - 1,
        delta=-needs[place],
    )
    run.close()


def first_slice_of(run: Run, parts: Sequence[Recorded], name: str) -> int:
    """The first slice in which the institution is a party of a chosen trade."""
    return next(
        k
        for k, batch in enumerate(parts)
        if any(name in (t.buyer, t.seller) and t.number not in run.disputed for t in batch.trades)
    )


def wrong_masks(batch: Recorded) -> list[tuple[Words, type[Reverted], dict[str, int]]]:
    count = len(batch.trades)
    full = mask_of([True] * count)
    return [
        (Words(b""), reverts.ClearingHouse_MaskLength, {"given": 0, "words": 1}),
        (Words(full + bytes(32)), reverts.ClearingHouse_MaskLength, {"given": 2, "words": 1}),
        (mask_of([False] * count), reverts.ClearingHouse_EmptyMask, {}),
        (mask_of([True] * (count + 1)), reverts.ClearingHouse_SurplusBits, {}),
    ]

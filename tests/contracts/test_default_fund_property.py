"""The waterfall and its splitting, against a model written apart.

over any total and weights, large and alike ─ byWeight is the model's split; parts sum to the total
over any purses, claims, venues and several defaults ─ each step, each payment and each purse is the model's
"""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import reverts
from ledger.clients.consortium import Role
from ledger.clients.default_fund import Purse, Step
from ledger.compile import Artifact
from ledger.contract import Contract, send_all
from tests.contracts.clearing_model import Trade
from tests.contracts.fund import CAPITAL, CONTRIBUTION, MARGIN, Fund
from tests.contracts.fund_model import split, waterfall
from tests.contracts.support import TIERS, Ledger, refused

LARGE = 2**100
UNIT = 2**64
"""What one unit of S2 is worth, in which large claims are; minor units, as PRICE."""
PRICE = 30
"""What one unit of S1 is worth."""
AMOUNTS = st.integers(0, 3) | st.integers(0, 60) | st.integers(0, LARGE) | st.sampled_from([LARGE, LARGE - 1])
MEMBERS = ("V", "P", "A", "B1", "B2", "B3", "B4", "B5")
CLAIMANTS = ("B2", "B3", "B4", "B5")
CLAIM = st.tuples(
    st.sampled_from(CLAIMANTS),
    st.sampled_from(("V", "V2")),
    st.booleans(),
    st.integers(PRICE - 3, PRICE + 3) | st.integers(1, 2 * PRICE) | st.integers(1, 2**36),
)


@pytest.fixture
def harness(ledger: Ledger, test_artifacts: dict[str, Artifact]) -> Contract:
    return ledger.deploy(test_artifacts["AllocationHarness"])


WEIGHTS = st.lists(
    st.integers(0, 3)
    | st.integers(0, 2**128 - 1)
    | st.integers(0, 2**200)
    | st.sampled_from([LARGE, 2**128 - 1]),
    min_size=1,
    max_size=40,
).filter(any)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(weights=WEIGHTS, total=st.integers(0, 5) | st.integers(0, 2**128 - 1), bounded=st.booleans())
def test_by_weight_is_largest_remainder(
    harness: Contract, weights: list[int], total: int, bounded: bool
) -> None:
    total = total % (sum(weights) + 1) if bounded else total
    parts = list(harness.call("byWeight", total, weights))
    assert parts == split(total, weights)
    assert sum(parts) == total
    if total <= sum(weights):
        assert all(part <= weight for part, weight in zip(parts, weights, strict=True))


@pytest.mark.parametrize("count", [1, 2, 3, 255, 256, 257, 1000])
def test_by_weight_given_many_alike_gives_to_the_earlier(harness: Contract, count: int) -> None:
    total = count // 2
    assert list(harness.call("byWeight", total, [7] * count)) == [1] * total + [0] * (count - total)
    rising = list(range(count))
    assert list(harness.call("byWeight", sum(rising), rising)) == rising


def test_by_weight_given_no_weight_gives_nothing(harness: Contract) -> None:
    assert list(harness.call("byWeight", 0, [0, 0])) == [0, 0]
    assert list(harness.call("byWeight", 0, [])) == []
    with refused(reverts.Panic, code=0x12):
        harness.call("byWeight", 1, [0, 0])


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    margin=AMOUNTS,
    contributions=st.fixed_dictionaries(dict.fromkeys(MEMBERS, AMOUNTS)),
    capital=st.fixed_dictionaries({"V": AMOUNTS, "V2": AMOUNTS}),
    claims=st.lists(CLAIM, max_size=6),
    also_in_default=st.sampled_from([None, "B5", "P"]),
)
def test_finish_does_what_the_model_does(
    stage: Fund,
    margin: int,
    contributions: dict[str, int],
    capital: dict[str, int],
    claims: list[tuple[str, str, bool, int]],
    also_in_default: str | None,
) -> None:
    snapshot = stage.ledger.chain.snapshot()
    try:
        deposits = [("B1", MARGIN, margin)]
        deposits += [(name, CONTRIBUTION, amount) for name, amount in contributions.items()]
        deposits += [(name, CAPITAL, amount) for name, amount in capital.items()]
        _check(stage, deposits, claims, also_in_default)
    finally:
        stage.ledger.chain.restore(snapshot)


@pytest.fixture
def stage(fund: Fund) -> Fund:
    """With B4, B5 and V2, all of them rich, and prices: PRICE for S1, UNIT for S2."""
    ledger = fund.ledger
    for name, role in (("B4", Role.BROKER), ("B5", Role.BROKER), ("V2", Role.EXCHANGE)):
        ledger.admit(name, role)
    ledger.clearing_house.register_fee_schedule(ledger.signers["V2"], ledger.index["R"], 0, TIERS)
    ledger.issue({(name, "NPR"): 4 * LARGE for name in (*MEMBERS, "V2")}, "rich")
    for venue in ("V", "V2"):
        fund.price("S1", PRICE * 1_000_000, venue=venue)
        fund.price("S2", UNIT * 1_000_000, venue=venue)
    return fund


def _check(
    fund: Fund,
    deposits: list[tuple[str, Purse, int]],
    claims: list[tuple[str, str, bool, int]],
    also_in_default: str | None,
) -> None:
    ledger, client, index = fund.ledger, fund.client, fund.ledger.index
    calls = [
        (ledger.signers[name], client.address, client.encode("deposit", purse, ledger.cash, amount))
        for name, purse, amount in deposits
        if amount
    ]
    if calls:
        send_all(ledger.chain, calls)
    owed, losses = _close_out(fund, claims, also_in_default)
    assert client.default_of(1).loss == sum(owed.values())
    had = {(name, purse): amount for name, purse, amount in deposits}
    outcome = waterfall(
        index["B1"],
        owed,
        losses,
        had["B1", MARGIN],
        {index[name]: had[name, CONTRIBUTION] for name in MEMBERS if name != also_in_default},
        {index[name]: had[name, CAPITAL] for name in ("V", "V2")},
    )
    before = {name: ledger.balance(name, "NPR") for name in index}
    facts = fund.finished(1)
    steps = [
        (Step(fact["step"]), fact["institution"], fact["amount"])
        for name, fact in facts
        if name == "WaterfallStep"
    ]
    assert sorted(steps) == sorted(outcome.steps)
    assert [step for step, _, _ in steps] == sorted(step for step, _, _ in steps)
    assert {fact["claimant"]: fact["paid"] for name, fact in facts if name == "ClaimantPaid"} == outcome.paid
    assert facts[-1] == (
        "DefaultFinished",
        {"id": 1, "loss": sum(owed.values()), "uncovered": outcome.uncovered},
    )
    assert sum(amount for _, _, amount in steps) == sum(owed.values())
    drawn = sum(amount for step, _, amount in steps if step != Step.UNCOVERED)
    assert sum(outcome.paid.values()) == drawn
    gained = Counter(outcome.paid) + Counter({index["B1"]: sum(outcome.left)})
    gained[index["FUND"]] -= drawn + sum(outcome.left)
    after = {name: ledger.balance(name, "NPR") for name in index}
    assert after == {name: amount + gained[index[name]] for name, amount in before.items()}
    purses = {(name, purse): fund.purse(name, purse) for name, purse in had}
    given = {(who, step): amount for step, who, amount in steps}
    expected = {
        (name, purse): amount - given.get((index[name], Step.CAPITAL if purse == CAPITAL else Step.MUTUAL), 0)
        for (name, purse), amount in had.items()
    } | {("B1", MARGIN): 0, ("B1", CONTRIBUTION): 0}
    assert purses == expected
    assert ledger.balance("FUND", "NPR") == sum(purses.values())


def _close_out(
    fund: Fund, claims: list[tuple[str, str, bool, int]], also_in_default: str | None
) -> tuple[dict[int, int], dict[int, int]]:
    """Trades for the claims, (claimant, venue, large, size), closed out in default 1.

    Large, B1 sells `size` units that are worth UNIT each for one minor unit; else it buys one, worth PRICE,
    for `size`, which is a gain where it is less. Claims by claimant, losses by venue.
    """
    ledger, index = fund.ledger, fund.ledger.index
    lost: Counter[int] = Counter()
    losses: Counter[int] = Counter()
    batches = []
    for venue, schedule in (("V", 1), ("V2", 2)):
        trades = []
        for number, (claimant, at, large, size) in enumerate(claims):
            if at != venue:
                continue
            if large:
                trades.append(Trade(number, claimant, "B1", "S2", quantity=size, amount=1))
            else:
                trades.append(Trade(number, "B1", claimant, "S1", quantity=1, amount=size))
            loss = size * UNIT - 1 if large else size - PRICE
            if claimant != also_in_default:
                lost[index[claimant]] += max(loss, 0)
                losses[index[venue]] += max(loss, 0)
        if trades:
            fields = {"venue": index[venue], "fee_schedule_id": schedule}
            batches.append((venue, fund.floor.entered(*trades, by=venue, **fields)))
    fund.default("B1")
    if also_in_default:
        fund.default(also_in_default)
    for venue, batch in batches:
        fund.close_out(1, batch, venue=venue)
    assert ledger.clearing_house.call("openCycles") == 0
    return {claimant: claim for claimant, claim in lost.items() if claim}, dict(losses)

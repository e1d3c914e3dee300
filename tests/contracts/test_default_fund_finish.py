"""finish(id, loss): the waterfall. B1 is the defaulter; B2 claims 600, B3 300, B4 100 unless told otherwise.

    B1 margin 100, contribution 50 │ V capital 200 │ contributions B2 40, B3 100, P 60, B4 0
    1,000 = 100 + 50 + 200 + (40 + 100 + 60) + 450 uncovered: B2 270, B3 135, B4 45

when both agree                ─ each step told, claims paid, in one settlement; tells what is uncovered
given less of a loss           ─ each step as far as the last left something; the rest goes back
given no loss, no money, no account, just enough, one unit too little ─ as by hand
given ties                     ─ to the lower index
given venues                   ─ each answers for its part with its capital, not for the other's
given weights of 2^100         ─ exact
given another in default       ─ its contribution is kept for its own
given 300 contributors of the same ─ exact, within a block's gas
"""

from __future__ import annotations

import pytest

from ledger.accounts import Signer
from ledger.clients.consortium import Role
from ledger.clients.default_fund import Purse, Step
from ledger.contract import send_all
from tests.contracts.clearing import transfers_in
from tests.contracts.clearing_model import Trade
from tests.contracts.fund import CAPITAL, CASH, CONTRIBUTION, MARGIN, Fund, paid, steps
from tests.contracts.support import SEED, TIERS

CLAIMS = {"B2": 600, "B3": 300, "B4": 100}


@pytest.fixture
def open_default(fund: Fund) -> Fund:
    """B1's default 1, in which the claims of CLAIMS are; nothing is in the fund."""
    fund.ledger.admit("B4", Role.BROKER)
    batch = fund.losing(*CLAIMS.items())
    fund.close_out(fund.default("B1"), batch)
    return fund


def fill(fund: Fund, **amounts: int) -> None:
    """Contributions by who gives them, of venues capital."""
    for name, amount in amounts.items():
        if amount:
            fund.deposit(name, CAPITAL if name.startswith("V") else CONTRIBUTION, amount)


def in_default(fund: Fund, margin: int, contribution: int, *claims: tuple[str, int]) -> Fund:
    """B1 in default with so much in its purses."""
    if margin:
        fund.deposit("B1", MARGIN, margin)
    if contribution:
        fund.deposit("B1", CONTRIBUTION, contribution)
    batch = fund.losing(*claims)
    fund.close_out(fund.default("B1"), batch)
    return fund


def test_finish_when_both_agree_runs_every_step(fund: Fund) -> None:
    ledger = fund.ledger
    ledger.admit("B4", Role.BROKER)
    ledger.issue({("B4", "NPR"): CASH}, "for B4")
    in_default(fund, 100, 50, *CLAIMS.items())
    fill(fund, V=200, B2=40, B3=100, P=60)
    before = fund.floor.balances()
    facts = ledger.facts(fund.finish(1))
    index, cash = ledger.index, {"currency": ledger.cash}
    step = [
        (Step.MARGIN, "B1", 100),
        (Step.CONTRIBUTION, "B1", 50),
        (Step.CAPITAL, "V", 200),
        (Step.MUTUAL, "P", 60),
        (Step.MUTUAL, "B2", 40),
        (Step.MUTUAL, "B3", 100),
    ]
    told = [
        ("WaterfallStep", {"id": 1, "step": each, "institution": index[name], "amount": amount})
        for each, name, amount in step
    ]
    for name, claim, lost in (("B2", 600, 270), ("B3", 300, 135), ("B4", 100, 45)):
        told.append(
            ("WaterfallStep", {"id": 1, "step": Step.UNCOVERED, "institution": index[name], "amount": lost})
        )
        told.append(
            ("ClaimantPaid", {"id": 1, "claimant": index[name], "claim": claim, "paid": claim - lost})
        )
    told.append(("DefaultFinished", {"id": 1, "loss": 1_000, "uncovered": 450}))
    assert facts[0][0] == "JointlyAgreed"
    assert [fact for fact in facts[1:] if fact[0] != "Transfer"] == told
    assert sum(transfers_in(facts).values()) == 4
    gained = {("B2", "NPR"): 330, ("B3", "NPR"): 165, ("B4", "NPR"): 55, ("FUND", "NPR"): -550}
    after = {key: before.get(key, 0) + gained.get(key, 0) for key in {*before, *gained}}
    assert fund.floor.balances() == {key: value for key, value in after.items() if value}
    purses = {(name, p): fund.purse(name, p) for name in index for p in Purse}
    assert {key: amount for key, amount in purses.items() if amount} == {}
    assert cash["currency"] == ledger.cash


@pytest.mark.parametrize(
    ("claim", "expected", "back"),
    [
        (1, [(Step.MARGIN, "B1", 1)], (9, 20)),
        (10, [(Step.MARGIN, "B1", 10)], (0, 20)),
        (11, [(Step.MARGIN, "B1", 10), (Step.CONTRIBUTION, "B1", 1)], (0, 19)),
        (30, [(Step.MARGIN, "B1", 10), (Step.CONTRIBUTION, "B1", 20)], (0, 0)),
        (31, [(Step.MARGIN, "B1", 10), (Step.CONTRIBUTION, "B1", 20), (Step.CAPITAL, "V", 1)], (0, 0)),
        (60, [(Step.MARGIN, "B1", 10), (Step.CONTRIBUTION, "B1", 20), (Step.CAPITAL, "V", 30)], (0, 0)),
        (
            61,
            [
                *((Step.MARGIN, "B1", 10), (Step.CONTRIBUTION, "B1", 20)),
                *((Step.CAPITAL, "V", 30), (Step.MUTUAL, "B3", 1)),
            ],
            (0, 0),
        ),
    ],
)
def test_finish_given_less_of_a_loss_stops_where_it_is_covered(
    fund: Fund, claim: int, expected: list[tuple[Step, str, int]], back: tuple[int, int]
) -> None:
    ledger = fund.ledger
    in_default(fund, 10, 20, ("B2", claim))
    fill(fund, V=30, B3=40)
    had = ledger.balance("B1", "NPR")
    facts = fund.finished(1)
    assert steps(facts, fund) == expected
    assert paid(facts, fund) == {"B2": claim}
    who = {"institution": 8, "currency": ledger.cash, "balance": 0}
    assert [fact for name, fact in facts if name == "Released"] == [
        who | {"purse": purse, "amount": amount}
        for purse, amount in zip((MARGIN, CONTRIBUTION), back, strict=True)
        if amount
    ]
    assert ledger.balance("B1", "NPR") == had + sum(back)
    left = 100 - claim - sum(back)
    assert ledger.balance("FUND", "NPR") == fund.purse("V", CAPITAL) + fund.purse("B3", CONTRIBUTION) == left


def test_finish_given_no_loss_gives_everything_back(fund: Fund) -> None:
    fund.deposit("B1", MARGIN, 3)
    fund.deposit("B1", CONTRIBUTION, 4)
    fund.deposit("B1", CONTRIBUTION, 5, "USD")
    fill(fund, V=5, B2=6)
    facts = fund.finished(fund.default("B1"))
    assert [name for name, _ in facts] == ["Released", "Released", "DefaultFinished"]
    assert facts[-1][1] == {"id": 1, "loss": 0, "uncovered": 0}
    assert fund.ledger.balance("B1", "NPR") == CASH
    assert (fund.purse("V", CAPITAL), fund.purse("B2", CONTRIBUTION)) == (5, 6)
    assert fund.purse("B1", CONTRIBUTION, "USD") == 5


def test_finish_given_no_loss_and_no_money_moves_nothing(fund: Fund) -> None:
    facts = fund.ledger.facts(fund.finish(fund.default("B1")))
    assert [name for name, _ in facts] == ["JointlyAgreed", "DefaultFinished"]


def test_finish_given_an_empty_fund_pays_nothing(open_default: Fund) -> None:
    fund = open_default
    facts = fund.ledger.facts(fund.finish(1))
    assert transfers_in(facts) == {}
    assert steps(facts, fund) == [(Step.UNCOVERED, name, claim) for name, claim in CLAIMS.items()]
    assert paid(facts, fund) == dict.fromkeys(CLAIMS, 0)
    assert fund.client.account() == 0


@pytest.mark.parametrize("short", [0, 1])
def test_finish_given_enough_but_for_a_unit(open_default: Fund, short: int) -> None:
    """Fractions of the unit are .6, .3 and .1: B2 bears it."""
    fund = open_default
    fill(fund, V=400, P=599 - short, A=1)
    facts = fund.finished(1)
    assert steps(facts, fund) == [
        (Step.CAPITAL, "V", 400),
        (Step.MUTUAL, "P", 599 - short),
        (Step.MUTUAL, "A", 1),
        *([(Step.UNCOVERED, "B2", 1)] if short else []),
    ]
    assert paid(facts, fund) == CLAIMS | {"B2": 600 - short}
    assert fund.ledger.balance("FUND", "NPR") == 0


def test_finish_given_one_unit_more_than_enough_leaves_it(open_default: Fund) -> None:
    """1,000 of 1,001: P's part is 999.002, A's .999 ‒ which takes the unit that is left."""
    fund = open_default
    fill(fund, P=1_000, A=1)
    facts = fund.finished(1)
    assert steps(facts, fund) == [(Step.MUTUAL, "P", 999), (Step.MUTUAL, "A", 1)]
    assert (fund.purse("P", CONTRIBUTION), fund.purse("A", CONTRIBUTION)) == (1, 0)


def test_finish_given_ties_takes_from_the_lower_index(fund: Fund) -> None:
    """A loss of 2 over three contributions of 5: two thirds each. P 6, A 7, B3 10."""
    in_default(fund, 0, 0, ("B2", 2))
    fill(fund, B3=5, A=5, P=5)
    assert steps(fund.finished(1), fund) == [(Step.MUTUAL, "P", 1), (Step.MUTUAL, "A", 1)]


def test_finish_given_ties_the_lower_index_bears(fund: Fund) -> None:
    in_default(fund, 1, 0, ("B2", 1), ("B3", 1))
    facts = fund.finished(1)
    assert steps(facts, fund) == [(Step.MARGIN, "B1", 1), (Step.UNCOVERED, "B2", 1)]
    assert paid(facts, fund) == {"B2": 0, "B3": 1}


def test_finish_given_venues_each_answers_for_its_part(fund: Fund) -> None:
    """Losses of 30 on V and 60 on V2; margin covers 9. V has 100 and gives 27, V2 has 10 of its 54, off which
    nothing goes for what B4 gains on V2."""
    ledger = fund.ledger
    ledger.admit("V2", Role.EXCHANGE)
    ledger.admit("V3", Role.EXCHANGE)
    ledger.issue({("V2", "NPR"): 10, ("V3", "NPR"): 1_000}, "capital")
    ledger.clearing_house.register_fee_schedule(ledger.signers["V2"], ledger.index["R"], 0, TIERS)
    ledger.admit("B4", Role.BROKER)
    fund.price("S1", 1_000_000, venue="V2")
    fund.price("S2", 51_000_000, venue="V2")
    theirs = fund.floor.entered(
        Trade(1, "B1", "B2", quantity=1, amount=61),
        Trade(2, "B1", "B4", "S2", quantity=1, amount=1),
        by="V2",
        venue=ledger.index["V2"],
        fee_schedule_id=2,
    )
    in_default(fund, 9, 0, ("B3", 30))
    fund.close_out(1, theirs, venue="V2")
    fill(fund, V=100, V2=10, V3=1_000, P=50)
    assert steps(fund.finished(1), fund) == [
        (Step.MARGIN, "B1", 9),
        (Step.CAPITAL, "V", 27),
        (Step.CAPITAL, "V2", 10),
        (Step.MUTUAL, "P", 44),
    ]
    assert (fund.purse("V", CAPITAL), fund.purse("V3", CAPITAL)) == (73, 1_000)


def test_finish_given_large_weights_is_exact(fund: Fund) -> None:
    """Claims of 2^100 - 1 thrice, contributions of 2^100 and 2^100 + 1."""
    large = 2**100
    ledger = fund.ledger
    ledger.admit("B4", Role.BROKER)
    ledger.issue({("P", "NPR"): large, ("A", "NPR"): large + 1}, "large")
    trades = [Trade(n, name, "B1", quantity=1, amount=1) for n, name in enumerate(("B2", "B3", "B4"))]
    batch = fund.floor.entered(*trades)
    fund.price("S1", large * 1_000_000)
    fund.close_out(fund.default("B1"), batch)
    fill(fund, P=large, A=large + 1)
    facts = fund.finished(1)
    uncovered = 3 * (large - 1) - (2 * large + 1)
    assert uncovered % 3 == 0
    assert steps(facts, fund) == [
        (Step.MUTUAL, "P", large),
        (Step.MUTUAL, "A", large + 1),
        *((Step.UNCOVERED, name, uncovered // 3) for name in ("B2", "B3", "B4")),
    ]
    assert ledger.balance("FUND", "NPR") == 0


def test_finish_given_another_in_default_spares_its_contribution(fund: Fund) -> None:
    ledger = fund.ledger
    fill(fund, B3=100, P=10, A=30)
    fund.deposit("B3", MARGIN, 7)
    in_default(fund, 0, 0, ("B2", 24))
    fund.default("B3")
    fund.default("P", "USD")  # in another currency it is none
    assert steps(fund.finished(1), fund) == [(Step.MUTUAL, "P", 6), (Step.MUTUAL, "A", 18)]
    assert (fund.purse("B3", CONTRIBUTION), fund.purse("B3", MARGIN)) == (100, 7)
    assert ledger.clearing_house.call("openCycles") == 0


def test_finish_given_300_contributors_is_exact(fund: Fund) -> None:
    """Of 100,150 each gives 333.8: all 333, and the 250 lowest one more."""
    ledger, client = fund.ledger, fund.client
    names = [f"M{i}" for i in range(300)]
    for name in names:
        ledger.signers[name] = Signer.from_seed(SEED, name)
        ledger.index[name] = len(ledger.index) + 1
    rows = [(name, ledger.signers[name].address, [Role.PARTNER]) for name in names]
    ledger.consortium.admit(ledger.operator, rows)
    ledger.issue({(name, "NPR"): 1_000 for name in names}, "for all")
    data = client.encode("deposit", CONTRIBUTION, ledger.cash, 1_000)
    send_all(ledger.chain, [(ledger.signers[name], client.address, data) for name in names])
    in_default(fund, 0, 0, ("B2", 100_150))
    receipt = fund.finish(1)
    facts = ledger.facts(receipt)
    each, more = divmod(100_150, 300)
    assert steps(facts, fund) == [(Step.MUTUAL, name, each + (i < more)) for i, name in enumerate(names)]
    assert receipt.gas_used < 8_000_000

"""AssetRegister: four securities in a slot, against a plain dictionary

Any sequence of issues, transfers, redemptions and settlements, with amounts up to the largest a balance, a
supply or a word can have, is accepted or refused as counting says, with the operands that counting says, and
after every step each balance of each institution in each asset, listed or not, and each supply is what
counting says: no lane is disturbed by its neighbours.
"""

from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contracts.stand_in import LARGEST_CURRENCY, LARGEST_SECURITY, StandIn, ordered
from tests.contracts.support import movement, refusal_of

NPR, USD = 0x8001, 0x8002
INT128_MAX = 2**127 - 1
NAMES = {8: "B1", 9: "B2", 10: "B3"}
SECURITIES = (1, 3, 4, 5, 6, 7, 8)

HOLDERS = st.sampled_from(sorted(NAMES))
EDGES = [
    0,
    1,
    2**32,
    2**63 - 1,
    2**63,
    2**64 - 2,
    2**64 - 1,
    2**64,
    2**127 - 1,
    2**127,
    2**128 - 1,
    2**255,
    2**256 - 1,
]
AMOUNTS = st.one_of(st.integers(0, 100), st.integers(0, 2**64 - 1), st.sampled_from(EDGES))
CREDITS = st.one_of(
    st.integers(1, 100), st.integers(1, 2**64 - 1), st.sampled_from([a for a in EDGES if 0 < a <= INT128_MAX])
)
SECURITY = st.sampled_from(SECURITIES)
ASSET = st.sampled_from((*SECURITIES, NPR, USD))
ISSUES = st.one_of(
    st.dictionaries(st.tuples(SECURITY, HOLDERS), CREDITS, min_size=1, max_size=8),
    st.dictionaries(st.tuples(st.sampled_from((NPR, USD)), HOLDERS), CREDITS, min_size=1, max_size=4),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("issue"), ISSUES),
        st.tuples(st.just("transfer"), HOLDERS, HOLDERS, ASSET, AMOUNTS, st.booleans()),
        st.tuples(st.just("redeem"), HOLDERS, ASSET, AMOUNTS, st.booleans()),
        st.tuples(st.just("settle"), HOLDERS, HOLDERS, st.lists(ASSET, max_size=5, unique=True), AMOUNTS),
    ),
    min_size=3,
    max_size=12,
)


OPENING = [
    {
        (4, 8): 40,
        (5, 8): LARGEST_SECURITY - 100,
        (6, 8): 60,
        (7, 8): 70,
        (5, 9): 100,
        (6, 9): 1,
        (7, 10): 2**63,
    },
    {(NPR, 8): 1_000, (NPR, 9): INT128_MAX},
]
"""A slot of which every lane is held, between others; of one security all that can be."""


class Books:
    """What counting says. A refused step changes nothing and raises Refusal with what should be told."""

    def __init__(self) -> None:
        self.held: Counter[tuple[int, int]] = Counter()

    def supply(self, asset: int) -> int:
        return sum(amount for (_, a), amount in self.held.items() if a == asset)

    def change(self, rows: list[tuple[int, int, int]]) -> set[tuple] | None:
        """Apply (asset, holder, delta) together; the refusals that are true where any is."""
        after, refusals = self.held.copy(), set()
        for asset, holder, delta in rows:
            after[holder, asset] += delta
            if not 0 <= after[holder, asset] <= largest(asset):
                refusals.add(
                    ("AssetRegister_BalanceOutOfRange", holder, asset, self.held[holder, asset], delta)
                )
        for asset in {asset for asset, _, _ in rows}:
            supply = sum(amount for (_, a), amount in after.items() if a == asset)
            if supply > largest(asset):
                refusals.add(("AssetRegister_SupplyOutOfRange", asset, supply))
        if not refusals:
            self.held = +after
        return refusals or None


def largest(asset: int) -> int:
    return LARGEST_CURRENCY if asset >= NPR else LARGEST_SECURITY


def clipped(amount: int) -> int:
    """An amount that no delta holds is told as the largest there is."""
    return min(amount, 2**255 - 1)


class Run:
    """One example: the register and the books side by side."""

    def __init__(self, stand_in: StandIn) -> None:
        self.stand_in, self.books, self.references = stand_in, Books(), 0
        self.signers = {index: stand_in.ledger.signers[name] for index, name in NAMES.items()}

    def reference(self) -> bytes:
        self.references += 1
        return self.references.to_bytes(32, "big")

    def issue(self, credits: dict[tuple[int, int], int]):
        rows = ordered([(asset, holder, amount) for (asset, holder), amount in credits.items()])
        issuer = self.stand_in.ledger.signers["B" if rows[0][0] >= NPR else "D"]
        words = [movement(*row) for row in rows]
        return self.books.change(rows), lambda: self.stand_in.register.issue(issuer, self.reference(), words)

    def transfer(self, sender: int, receiver: int, asset: int, amount: int, everything: bool):
        if everything:
            amount = self.books.held[sender, asset]
        if amount > self.books.held[sender, asset]:
            refusals = {
                (
                    "AssetRegister_BalanceOutOfRange",
                    sender,
                    asset,
                    self.books.held[sender, asset],
                    -clipped(amount),
                )
            }
        else:
            refusals = None
            self.books.held[sender, asset] -= amount
            self.books.held[receiver, asset] += amount
        signer = self.signers[sender]
        return refusals, lambda: self.stand_in.register.transfer(signer, sender, receiver, asset, amount)

    def redeem(self, holder: int, asset: int, amount: int, everything: bool):
        if everything:
            amount = self.books.held[holder, asset]
        refusals = self.books.change([(asset, holder, -clipped(amount))])
        signer, reference = self.signers[holder], self.reference()
        return refusals, lambda: self.stand_in.register.redeem(signer, reference, asset, amount)

    def settle(self, sender: int, receiver: int, assets: list[int], amount: int):
        """Of each asset as much as is there, up to the amount."""
        rows = []
        for asset in sorted(assets):
            moved = min(amount, self.books.held[sender, asset], INT128_MAX)
            if sender != receiver:
                rows += [(asset, sender, -moved), (asset, receiver, moved)]
        words = [movement(*row) for row in ordered(rows)]
        return self.books.change(rows), lambda: self.stand_in.settle(words)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_register_counts_as_a_dictionary_does(stand_in: StandIn, steps):
    chain = stand_in.ledger.chain
    snapshot, run = chain.snapshot(), Run(stand_in)
    try:
        for name, *arguments in [*(("issue", credits) for credits in OPENING), *steps]:
            refusals, send = getattr(run, name)(*arguments)
            told = refusal_of(send)
            assert told in (refusals or {None}), (name, arguments)
            # The whole transaction of a refused step is undone; what it leaves shows at the next that is not.
            if told is None:
                assert stand_in.balances() == {
                    key: amount for key, amount in run.books.held.items() if amount
                }
        for asset in (*SECURITIES, NPR, USD):
            assert stand_in.register.asset(asset).supply == run.books.supply(asset)
    finally:
        chain.restore(snapshot)

"""One chain a worker with everybody admitted and everything listed, put back for every generated day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from ledger.abi import Words
from ledger.accounts import Signer
from ledger.chain import Chain, connect, default_engine
from ledger.clients import attach
from ledger.clients.agreements import Consent
from ledger.clients.clearing_house import Header, Slice
from ledger.clients.consortium import Role, account_of
from ledger.deploy import deploy
from settlement.market import Market, commission_terms
from settlement.scenario import Scenario
from tests.contracts.support import SetClock
from tests.independent import Place, Rules, Trade
from tests.invariant.cases import BROKERS, MAX_AMOUNT, SECURITIES, Case
from tests.quick import calls
from tests.sharings import commission_totals

ROLES = {
    "V": Role.EXCHANGE,
    "D": Role.DEPOSITORY,
    "B": Role.SETTLEMENT_BANK,
    "R": Role.REGULATOR,
    "P1": Role.PARTNER,
    "P2": Role.PARTNER,
    "P3": Role.PARTNER,
} | dict.fromkeys(BROKERS, Role.BROKER)
CASH = "NPR"
DAY_NUMBER = 20191121


@dataclass(frozen=True)
class Stage:
    """A chain with the consortium and its assets on it, before any day."""

    chain: Chain
    clock: SetClock
    """Stands still; blocks lie a second apart."""
    market: Market
    empty: object
    """Snapshot of the chain before any day."""

    def open_cycle(self, market: Market) -> None:
        """The venue's next cycle, after the pause that is due."""
        house = market.clients.clearing_house
        self.clock.seconds = max(self.chain.block().timestamp + 1, house.call("reopenFrom"))
        house.open_cycle(market.venue, self.clock.seconds + 3600)

    def enter(self, case: Case) -> Market:
        """The case's market on the chain as it was at first: fees and agreements in force, nothing issued."""
        self.chain.restore(self.empty)
        self.clock.seconds = self.chain.block().timestamp
        plain = self.market
        market = Market(
            chain=self.chain,
            scenario=scenario_of(case),
            deployment=plain.deployment,
            clients=plain.clients,
            signers=plain.signers,
            index=dict(plain.index),
            asset=dict(plain.asset),
        )
        rules = case.rules
        tiers = [
            (MAX_AMOUNT if up_to is None else up_to, rate, flat)
            for (up_to, rate), flat in zip(rules.tiers, rules.flats or [0] * len(rules.tiers), strict=True)
        ]
        market.clients.clearing_house.register_fee_schedule(
            market.venue, market.index[rules.levy_to], rules.levy_ppm, tiers, rules.graduated
        )
        market.fee_schedule_id = 1
        if case.rules.shares:
            for broker in case.brokers:
                _agree(market, broker, case.rules)
        return market


def build() -> Stage:
    """A new chain with the consortium on it."""
    clock = SetClock()
    chain = connect(default_engine(), clock=clock)
    operator = Signer.from_seed("invariant", "operator")
    signers = {name: Signer.from_seed("invariant", name) for name in ROLES}
    deployment = deploy(chain, operator)
    clients = attach(chain, deployment)
    clients.consortium.admit(operator, [(n, signers[n].address, [role]) for n, role in ROLES.items()])
    # So that the levy may go to an institution that trades.
    clients.consortium.grant_roles(signers["R"], list(ROLES).index("B1") + 1, [Role.REGULATOR])
    clients.register.list_currency(signers["B"], CASH, 2)
    clients.register.list_securities(signers["D"], SECURITIES)
    index = {name: i for i, name in enumerate(ROLES, start=1)}
    asset = {code: i for i, code in enumerate(SECURITIES, start=1)} | {CASH: 0x8001}
    plain = scenario_of(None)
    market = Market(chain, plain, deployment, clients, signers, index, asset)
    return Stage(chain, clock, market, chain.snapshot())


def scenario_of(case: Case | None) -> Scenario:
    """The scenario that a case stands for."""
    brokers = case.brokers if case else BROKERS
    rules = case.rules if case else Rules(((None, 0),), 0, "R", ())
    names = [name for name in ROLES if name in brokers or name not in BROKERS]
    tiers = [
        {"up_to": None if up is None else _money(up), "rate_ppm": rate, "flat": _money(flat)}
        for (up, rate), flat in zip(rules.tiers, rules.flats or [0] * len(rules.tiers), strict=True)
    ]
    return Scenario.model_validate(
        {
            "name": "generated",
            "description": "a generated day",
            "venue": "V",
            "format": "canonical",
            "settlement_lag_days": 0,
            "seed": 0,
            "cash": {"currency": CASH, "issuer": "B"},
            "institutions": tuple(
                {"name": name, "roles": (ROLES[name].name, *(("REGULATOR",) if name == "B1" else ()))}
                for name in names
            ),
            "securities": {"issuer": "D", "listing": "listed", "codes": SECURITIES},
            "fees": {
                "kind": "graduated" if rules.graduated else "slab",
                "tiers": tuple(tiers),
                # A scenario refuses a broker here; the contract, which takes one, is told of it in `enter`.
                "levy": {
                    "rate_ppm": rules.levy_ppm,
                    "beneficiary": "R" if rules.levy_to in BROKERS else rules.levy_to,
                },
            },
            "agreements": {
                "shares": tuple({"party": party, "share_ppm": ppm} for party, ppm in rules.shares)
            },
            "opening": {"cover": f"{(case.cover_ppm if case else 10**6) / 10**6:.6f}"},
        }
    )


def _money(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"


def _agree(market: Market, broker: str, rules: Rules) -> None:
    terms = commission_terms(market, broker)
    digest = terms.digest(market.clients.agreements.domain)
    consents = [
        Consent.of(market.index[name], market.signers[name], digest)
        for name in (broker, *(party for party, _ in rules.shares))
    ]
    market.clients.agreements.propose(market.venue, terms, consents)


def header_of(market: Market) -> Header:
    return Header(market.index["V"], DAY_NUMBER, market.asset[CASH], DAY_NUMBER, market.fee_schedule_id)


def pack(market: Market, trades: Iterable[Trade]) -> tuple[tuple[Trade, ...], Words]:
    """Trades in a batch's order, and their records, laid out by hand."""
    index, asset = market.index, market.asset
    ordered = tuple(sorted(trades, key=lambda t: (asset[t.security], t.number)))
    words = b"".join(
        t.number.to_bytes(4, "big")
        + b"\xff\xff\xff"
        + index[t.buyer].to_bytes(2, "big")
        + index[t.seller].to_bytes(2, "big")
        + asset[t.security].to_bytes(2, "big")
        + t.quantity.to_bytes(8, "big")
        + t.amount.to_bytes(11, "big")
        for t in ordered
    )
    return ordered, Words(words)


def mask_of(chosen: Iterable[bool]) -> Words:
    """A bit a record, the least significant first, in whole words."""
    bits = list(chosen)
    words = [
        sum(1 << i for i, bit in enumerate(bits[start : start + 256]) if bit)
        for start in range(0, len(bits), 256)
    ]
    return Words(b"".join(word.to_bytes(32, "big") for word in words))


@dataclass(frozen=True)
class Recorded:
    """A batch of the test's own making on the ledger."""

    header: Header
    trades: tuple[Trade, ...]
    words: Words
    hash: bytes

    def slice(self, numbers: Iterable[int]) -> Slice:
        wanted = set(numbers)
        return Slice(self.header, self.words, mask_of(trade.number in wanted for trade in self.trades))


def balances(market: Market) -> dict[Place, int]:
    """Every balance there is, the transit account's as that of "transit", zeros left out."""
    places, owners, ids = _places(tuple(market.index.items()), tuple(market.asset.items()))
    found = market.clients.register.call("balanceOfBatch", owners, ids)
    return {place: amount for place, amount in zip(places, found, strict=True) if amount}


@cache
def _places(
    institutions: tuple[tuple[str, int], ...], assets: tuple[tuple[str, int], ...]
) -> tuple[list[Place], Words, Words]:
    """Every place there is, and the operands that ask for all of them."""
    holders = [("transit", 0), *institutions]
    accounts = [bytes.fromhex(account_of(i)[2:]).rjust(32, b"\0") for _, i in holders for _ in assets]
    ids = [i.to_bytes(32, "big") for _ in holders for _, i in assets]
    places = [(name, code) for name, _ in holders for code, _ in assets]
    return places, Words(b"".join(accounts)), Words(b"".join(ids))


def supplies(market: Market) -> dict[str, int]:
    """What exists of each asset, zeros left out."""
    totals = calls(market.clients.register, "totalSupply", [(i,) for i in market.asset.values()])
    return {code: amount for code, amount in zip(market.asset, totals, strict=True) if amount}


def sums(held: Mapping[Place, int]) -> dict[str, int]:
    """Per asset, zeros left out."""
    total: Counter[str] = Counter()
    for (_, asset), amount in held.items():
        total[asset] += amount
    return {asset: amount for asset, amount in total.items() if amount}


def light_state(market: Market, batches: Iterable[bytes]) -> tuple[object, ...]:
    """What a refused call must leave as it was, the quick part of it."""
    house = market.clients.clearing_house
    return (
        balances(market),
        calls(house, "batch", [(batch_hash,) for batch_hash in batches]),
        house.call("cycleOf", market.index["V"]),
        house.call("openCycles"),
        commission_totals(market, market.scenario.brokers if market.scenario.agreements.shares else ()),
    )


def full_state(market: Market, batches: Iterable[tuple[bytes, int, Iterable[int]]]) -> tuple[object, ...]:
    """All of it: also each record's status, who has affirmed, numbers used, supply, and the count of logs.

    Of a batch: its hash, its count and its trade numbers.
    """
    house = market.clients.clearing_house
    rows = [(batch_hash, count, tuple(numbers)) for batch_hash, count, numbers in batches]
    return (
        light_state(market, [batch_hash for batch_hash, _, _ in rows]),
        supplies(market),
        calls(house, "statusOf", [(h, i) for h, count, _ in rows for i in range(count)]),
        calls(
            house,
            "affirmedBy",
            [(h, market.index[b]) for h, _, _ in rows for b in market.scenario.brokers],
        ),
        calls(
            house,
            "tradeNumberUsed",
            [(market.index["V"], DAY_NUMBER, n) for _, _, numbers in rows for n in numbers],
        ),
        len(market.chain.logs(0, market.chain.block().number)),
    )

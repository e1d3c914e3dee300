"""Batches, affirmations and slices for the tests of clearing.

Records and masks are packed here by hand, as the interfaces say, so that a mistake of the package is seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eth_utils import keccak

from ledger.abi import Words
from ledger.accounts import Signer
from ledger.chain import Receipt
from ledger.clients.agreements import Consent
from ledger.clients.clearing_house import NET, Header, Slice
from ledger.clients.consortium import account_of
from ledger.contract import send
from ledger.signatures import NO_CLIENTS, Affirmation, Domain, affirmation_hash
from ledger.terms import MAX_UP_TO, Basis, Clause, Step, Terms, Tier
from tests.contracts.clearing_model import PPM, Model, Outcome, Piece, Shares, Trade
from tests.contracts.support import Ledger


@dataclass(frozen=True, slots=True)
class Batch:
    """Trades in the order of their records, packed, under a header."""

    header: Header
    trades: tuple[Trade, ...]
    words: tuple[bytes, ...]

    @property
    def records(self) -> Words:
        return Words(b"".join(self.words))

    @property
    def records_hash(self) -> bytes:
        return keccak(self.records)

    @property
    def hash(self) -> bytes:
        """By which the ledger knows it: keccak of the header's fields and the records' hash, a word each."""
        fields = b"".join(value.to_bytes(32, "big") for value in self.header.as_tuple())
        return keccak(fields + self.records_hash)

    @property
    def parties(self) -> tuple[str, ...]:
        return tuple(sorted({name for trade in self.trades for name in (trade.buyer, trade.seller)}))

    def own(self, name: str) -> list[int]:
        """Positions of an institution's records, a self-trade's once."""
        return [i for i, trade in enumerate(self.trades) if name in (trade.buyer, trade.seller)]


def record(number: int, time: int, buyer: int, seller: int, asset: int, quantity: int, amount: int) -> bytes:
    """`tradeNo u32 | time u24 | buyer u16 | seller u16 | asset u16 | quantity u64 | amount u88`."""
    parts = ((number, 4), (time, 3), (buyer, 2), (seller, 2), (asset, 2), (quantity, 8), (amount, 11))
    return b"".join(value.to_bytes(width, "big") for value, width in parts)


def mask(count: int, positions: Iterable[int]) -> Words:
    """Bit i (word i / 256, bit i % 256) for each position, in the words that `count` records need."""
    words = [0] * -(-count // 256)
    for i in positions:
        words[i // 256] |= 1 << (i % 256)
    return Words(b"".join(word.to_bytes(32, "big") for word in words))


class Floor:
    """A ledger, and what venue and brokers do on it. Where nobody is named, V acts and all parties affirm."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.house = ledger.clearing_house

    def batch(self, *trades: Trade, **header: int) -> Batch:
        """The trades in the order of a batch, under `Ledger.header` with some fields changed."""
        index, asset = self.ledger.index, self.ledger.asset
        ordered = sorted(trades, key=lambda trade: (asset[trade.security], trade.number))
        words = tuple(
            record(t.number, t.time, index[t.buyer], index[t.seller], asset[t.security], t.quantity, t.amount)
            for t in ordered
        )
        return Batch(self.ledger.header(**header), tuple(ordered), words)

    def record(self, batch: Batch, venue: str = "V") -> Receipt:
        return self.house.record(self.ledger.signers[venue], batch.header, batch.records)

    def affirmation(
        self,
        batch: Batch,
        name: str,
        *,
        excepts: Sequence[int] = (),
        claims: int | None = None,
        prior: int | None = None,
        prior_hash: bytes | None = None,
        clients: bytes = NO_CLIENTS,
        key: Signer | None = None,
        domain: Domain | None = None,
        signs: Batch | None = None,
        book: Sequence[bytes] | None = None,
    ) -> Affirmation:
        """An institution's word. `claims` is its count, `prior` a block number, `key` who signs, `domain` for
        which contract, `signs` the batch named in the signature, `book` its records without exceptions."""
        block = self.ledger.chain.block(prior if prior_hash is None else None)
        own = [batch.words[i] for i in batch.own(name) if i not in excepts]
        struct = affirmation_hash(
            (signs or batch).hash,
            self.ledger.index[name],
            b"".join(own if book is None else book),
            [batch.trades[i].number for i in excepts],
            clients,
            prior_hash or block.hash,
        )
        signer = key or self.ledger.signers[name]
        return Affirmation(
            institution=self.ledger.index[name],
            count=len(batch.own(name)) if claims is None else claims,
            prior_block=block.number if prior is None else prior,
            client_root=clients,
            exceptions=tuple(excepts),
            signature=signer.sign_digest((domain or self.house.domain).digest(struct)),
        )

    def affirm(self, batch: Batch, *affirmations: Affirmation, sender: Signer | None = None) -> Receipt:
        return self.house.affirm(sender or self.ledger.outsider, batch.header, batch.records, affirmations)

    def affirmations(
        self, batch: Batch, excepts: Mapping[str, Sequence[int]] | None = None
    ) -> list[Affirmation]:
        """Of all parties, in the order of their names."""
        return [
            self.affirmation(batch, name, excepts=(excepts or {}).get(name, ())) for name in batch.parties
        ]

    def entered(
        self, *trades: Trade, excepts: Mapping[str, Sequence[int]] | None = None, by: str = "V", **header: int
    ) -> Batch:
        """A batch recorded and affirmed by all its parties."""
        batch = self.batch(*trades, **header)
        self.record(batch, by)
        self.affirm(batch, *self.affirmations(batch, excepts))
        return batch

    def open(self, venue: str = "V", seconds: int = 3600) -> Receipt:
        """For some seconds from the newest block, or from the time that the next one was given."""
        now = max(self.ledger.now, self.ledger.clock.seconds)
        return self.house.open_cycle(self.ledger.signers[venue], now + seconds)

    def close(self, venue: str = "V", by: str | None = None) -> Receipt:
        return self.house.close_cycle(self.ledger.signers[by or venue], self.ledger.index[venue])

    def settle(self, *slices: Slice, venue: str = "V", model: int = NET) -> Receipt:
        return self.house.settle(self.ledger.signers[venue], model, slices)

    def clear(
        self,
        batch: Batch,
        positions: Iterable[int] | None = None,
        affirmations: Sequence[Affirmation] | None = None,
        venue: str = "V",
    ) -> Receipt:
        """All of one batch in one transaction, affirmed by all its parties."""
        given = self.affirmations(batch) if affirmations is None else affirmations
        return self.house.clear(self.ledger.signers[venue], NET, slice_of(batch, positions), given)

    def pause(self) -> None:
        """A block in which nothing of the market happens."""
        send(self.ledger.chain, self.ledger.outsider, self.ledger.outsider.address, b"")

    def later(self, seconds: int) -> int:
        """Have the next block come so many seconds after the newest; its time."""
        time = self.ledger.now + seconds
        self.ledger.at(time)
        return time

    def rest(self) -> None:
        """Have the next block come when cycles may open again."""
        self.ledger.at(max(self.house.call("reopenFrom"), self.ledger.now + 1))

    def agree(self, payer: str, shares: Shares, currency: str = "NPR", **terms: Any) -> Receipt:
        """An agreement on commission, all consents sent by V."""
        agreed = self.terms(payer, shares, currency, **terms)
        return self.conclude(agreed)

    def conclude(self, terms: Terms) -> Receipt:
        """Terms with the consents of all, sent by V, which need not be one of them."""
        return self.ledger.clients.agreements.propose(self.ledger.signers["V"], terms, self.consents(terms))

    def terms(self, payer: str, shares: Shares, currency: str = "NPR", **terms: Any) -> Terms:
        """Of the whole commission each party has its share, in quarters; other fields as given."""
        index = self.ledger.index
        whole = Clause(Basis.COMMISSION, (Tier(MAX_UP_TO, PPM),), (Step(0, tuple(ppm for _, ppm in shares)),))
        fields: dict[str, Any] = {
            "name": "commission",
            "parties": tuple(index[party] for party, _ in shares),
            "clauses": (whole,),
        }
        return Terms(index[payer], self.ledger.asset[currency], **(fields | terms))

    def consents(self, terms: Terms, *names: str) -> list[Consent]:
        """Those of the named, of all that are needed where nobody is named."""
        digest = terms.digest(self.ledger.clients.agreements.domain)
        index = self.ledger.index
        needed = () if names else (terms.payer, *terms.parties, *self.former(terms))
        wanted = names or [name for name, i in index.items() if i in needed]
        return [Consent.of(index[name], self.ledger.signers[name], digest) for name in wanted]

    def former(self, terms: Terms) -> tuple[int, ...]:
        """Parties of the version before, whose consent is needed as well."""
        if terms.version == 1:
            return ()
        agreements = self.ledger.clients.agreements
        known = agreements.agreement_named(terms.payer, terms.name)
        return agreements.terms_of(known, terms.version - 1).parties

    def fund(
        self,
        *trades: Trade | Piece,
        model: Model | None = None,
        less: Mapping[tuple[str, str], int] | None = None,
        reference: str = "opening",
    ) -> dict[tuple[str, str], int]:
        """Issue exactly what settling the trades together takes from each, `less` some of it."""
        outcome = (model or Model()).settle(trades)
        needs = {key: -value for key, value in outcome.deltas.items() if value < 0}
        for key, value in (less or {}).items():
            needs[key] -= value
        self.ledger.issue({key: value for key, value in needs.items() if value}, reference)
        return needs

    def balances(self) -> dict[tuple[str, str], int]:
        """Every balance there is, the transit account's as that of "transit"; no zeros."""
        names, assets = {"transit": 0, **self.ledger.index}, self.ledger.asset
        keys = [(name, code) for name in names for code in assets]
        owners = [account_of(names[name]) for name, _ in keys]
        amounts = self.ledger.register.call("balanceOfBatch", owners, [assets[code] for _, code in keys])
        return {key: amount for key, amount in zip(keys, amounts, strict=True) if amount}

    def expected_transfers(self, outcome: Outcome) -> Counter[tuple[str, str, int, int]]:
        """(sender, receiver, asset, amount) of the Transfers of one settlement, in lower case."""
        index, transit = self.ledger.index, account_of(0).lower()
        transfers: Counter[tuple[str, str, int, int]] = Counter()
        for (name, code), delta in (item for step in outcome.steps for item in step.items()):
            account, asset = account_of(index[name]).lower(), self.ledger.asset[code]
            ends = (transit, account) if delta > 0 else (account, transit)
            transfers[*ends, asset, abs(delta)] += 1
        return transfers


def slice_of(
    batch: Batch, positions: Iterable[int] | None = None, parts: Sequence[tuple[int, int]] | None = None
) -> Slice:
    """The batch with the chosen positions, all where neither they nor parts are given."""
    if positions is None:
        positions = range(len(batch.trades)) if parts is None else ()
    words = Words(b"".join((at << 64 | quantity).to_bytes(32, "big") for at, quantity in parts or ()))
    return Slice(batch.header, batch.records, mask(len(batch.trades), positions), words)


def altered(batch: Batch, position: int, bit: int) -> Batch:
    """The same batch but for one bit of one record, counted from the least significant."""
    value = int.from_bytes(batch.words[position], "big") ^ 1 << bit
    words = list(batch.words)
    words[position] = value.to_bytes(32, "big")
    return replace(batch, words=tuple(words))


def transfers_in(facts: Iterable[tuple[str, dict[str, Any]]]) -> Counter[tuple[str, str, int, int]]:
    """(sender, receiver, asset, amount) of the Transfers among a receipt's facts."""
    return Counter(
        (fact["sender"], fact["receiver"], fact["id"], fact["amount"])
        for name, fact in facts
        if name == "Transfer"
    )


def others(facts: Iterable[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    """A receipt's facts but for its Transfers, whose order means nothing."""
    return [fact for fact in facts if fact[0] != "Transfer"]


class Earnings:
    """Commission of any size: a fee schedule that takes an amount whole, and trades that B3 sells."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        ledger = floor.ledger
        receipt = floor.house.register_fee_schedule(
            ledger.signers["V"], ledger.index["R"], 0, [(2**88 - 1, PPM, 0)]
        )
        self.schedule = ledger.facts(receipt)[0][1]["feeScheduleId"]
        self.number = 0
        rich = {(name, "NPR"): 2**100 for name in ("B1", "B2", "B3")}
        ledger.issue(rich | {("B3", "S1"): 10**9}, "for earnings")

    def earn(self, *earned: tuple[str, int], currency: str = "NPR") -> Receipt:
        """Have each payer earn its commission, all in one settlement, which is a cycle of its own."""
        trades = []
        for payer, amount in earned:
            self.number += 1
            trades.append(Trade(self.number, payer, "B3", "S1", 1, amount))
        header = {"fee_schedule_id": self.schedule, "cash_asset": self.floor.ledger.asset[currency]}
        self.floor.rest()
        return self.floor.clear(self.floor.batch(*trades, **header))

"""A consortium of many institutions that act at once: one contract plays them all, and the clearing house.

Index 1 is the bank that issues both currencies, 2 the agreements' own account for reserves, and from 3 on
come puppets of the crowd. Nothing is netted or settled: commission is said to have been earned, and what the
register would have moved is taken down.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from eth_utils import keccak, to_checksum_address
from rlp import encode

from ledger import reverts
from ledger.accounts import Signer
from ledger.chain import Chain, Logs, Receipt
from ledger.clients import Agreements, AssetRegister, Consortium, RevenueSharing
from ledger.clients.consortium import Role
from ledger.compile import Artifact, artifacts
from ledger.contract import Contract, Event, send
from ledger.errors import Reverted
from settlement.agreements.facts import Facts
from tests.contracts.support import SEED, SetClock, movement

BANK, KEEPER, FIRST = 1, 2, 3
CURRENCIES = (0x8001, 0x8002)
RICH = 2**120
"""Minor units: more than anybody will ever owe."""

Act = tuple[int, str, bytes]
"""Place of a puppet, the contract that it calls, the calldata."""


@dataclass(slots=True)
class Crowd:
    """`facts` follow what happens; `changes` are those of each transaction of commission."""

    chain: Chain
    clock: SetClock
    operator: Signer
    contract: Contract
    register: AssetRegister
    revenue: RevenueSharing
    agreements: Agreements
    institutions: range
    facts: Facts = field(default_factory=Facts)
    changes: dict[bytes, Counter[tuple[int, int]]] = field(default_factory=dict)
    """Transaction → (institution, asset) → what it gains."""
    moved: list[tuple[bytes, Logs]] = field(default_factory=list)

    @property
    def now(self) -> int:
        """Time of the newest block, seconds."""
        return self.chain.block().timestamp

    def at(self, year: int, month: int, day: int, hour: int = 9) -> None:
        """Blocks from here on have this time, a second later each."""
        self.clock.wait_until(datetime(year, month, day, hour, tzinfo=UTC))

    def act(self, institution: int, contract: Contract, function: str, *arguments: object) -> Act:
        """What an institution is to do in the next `play`."""
        if all(isinstance(each, int | bytes) for each in arguments):
            # Words as they are, which the coder would be slow to make of a thousand calls.
            words = [
                each.to_bytes(32, "big") if isinstance(each, int) else each.ljust(32, b"\0")
                for each in arguments
            ]
            return institution - FIRST, contract.address, contract.selector(function) + b"".join(words)
        return institution - FIRST, contract.address, contract.encode(function, *arguments)

    def play(self, acts: Sequence[Act], at_once: int = 100) -> dict[int, Reverted]:
        """Do all of it, in their order; the place of each act that was refused, and how."""
        refused = {}
        for start in range(0, len(acts), at_once):
            receipt = self._send("play", list(acts[start : start + at_once]))
            for event in self.contract.events(receipt.logs, "Refused"):
                refused[start + event["place"]] = reverts.decode(event["answer"])
        return refused

    def accrue(self, currency: int, commissions: Mapping[int, int]) -> list[Event]:
        """Commission of payers, in one settlement; its events."""
        words = [payer << 240 | amount for payer, amount in commissions.items()]
        receipt = self._send("accrue", self.revenue.address, currency, words)
        changed: Counter[tuple[int, int]] = Counter()
        for event in self.contract.events(receipt.logs, "Changed"):
            for word in event["movements"]:
                delta = word & (1 << 128) - 1
                changed[word >> 224 & 0xFFFF, word >> 240] += delta - (delta >> 127 << 128)
        self.changes[receipt.transaction_hash] = changed
        return self.revenue.events(receipt.logs, "RevenueAccrued")

    def fund(self, institutions: Iterable[int]) -> None:
        """Make them rich in both currencies."""
        rows = [movement(asset, each, RICH) for asset in CURRENCIES for each in sorted(institutions)]
        reference = keccak(repr(rows).encode())
        self.register.issue(self.operator, reference, rows)

    def _send(self, function: str, *arguments: object) -> Receipt:
        receipt = self.contract.send(self.operator, function, *arguments)
        # What was agreed comes before what it brings, in every transaction of a crowd.
        for contract in (self.agreements, self.revenue):
            for event in contract.events(receipt.logs):
                told = Event(event.name, event.arguments, receipt.transaction_hash)
                self.facts.apply(told, receipt.block_number)
        return receipt


def gather(chain: Chain, clock: SetClock, compiled: Mapping[str, Artifact], count: int) -> Crowd:
    """Deploy what agreements need, and admit `count` puppets."""
    operator = Signer.from_seed(SEED, "crowd")
    names = ("Crowd", "Consortium", "AssetRegister", "RevenueSharing", "Agreements")
    at = {name: _created(operator.address, i) for i, name in enumerate(names)}
    crowd, consortium, register, revenue, agreements = at.values()
    arguments: dict[str, tuple[str, ...]] = {
        "Crowd": (),
        "Consortium": (operator.address,),
        "AssetRegister": (consortium, crowd, revenue, operator.address, operator.address),
        "RevenueSharing": (consortium, register, crowd, agreements),
        "Agreements": (consortium, register, crowd, revenue),
    }
    found = {}
    for name, given in arguments.items():
        artifact = compiled[name] if name == "Crowd" else artifacts()[name]
        words = b"".join(bytes(12) + bytes.fromhex(each[2:]) for each in given)
        receipt = send(chain, operator, None, artifact.bytecode + words)
        assert receipt.contract_address == at[name]
        found[name] = artifact
    contract = Contract(chain, crowd, found["Crowd"])
    for start in range(0, count, 50):
        contract.send(operator, "engage", min(50, count - start))
    everyone = [("bank", operator.address, [Role.SETTLEMENT_BANK, Role.DEPOSITORY])]
    everyone += [("keeper", revenue, [Role.PARTNER])]
    everyone += [
        (f"P{i}", address, [Role.PARTNER]) for i, address in enumerate(contract.call("all"), start=FIRST)
    ]
    Consortium(chain, consortium, found["Consortium"]).admit(operator, everyone)
    client = AssetRegister(chain, register, found["AssetRegister"])
    for currency in ("NPR", "USD"):
        client.list_currency(operator, currency, 2)
    return Crowd(
        *(chain, clock, operator, contract, client),
        RevenueSharing(chain, revenue, found["RevenueSharing"]),
        Agreements(chain, agreements, found["Agreements"]),
        range(FIRST, FIRST + count),
    )


def _created(by: str, nonce: int) -> str:
    return to_checksum_address(keccak(encode([bytes.fromhex(by[2:]), nonce]))[12:])

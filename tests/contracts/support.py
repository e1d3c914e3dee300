"""What contract tests share besides fixtures: a small consortium on a chain, refusals and events to compare.

    V exchange, D depository, B settlement bank, R R2 regulators, P partner, A auditor, B1 B2 B3 brokers

Each has one role. Securities S1 to S8 have the indexes 1 to 8, so they share slots as 1-3, 4-7 and 8; the
currencies are NPR (0x8001) and USD (0x8002), both of B.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from ledger.abi import CODEC, type_of
from ledger.accounts import Signer
from ledger.chain import Chain, Log, Receipt
from ledger.clients import AssetRegister, ClearingHouse, Clients, Consortium, RevenueSharing, attach
from ledger.clients.clearing_house import Header
from ledger.clients.consortium import Role
from ledger.compile import Artifact
from ledger.contract import Contract, Event, send
from ledger.deploy import Deployment, deploy
from ledger.errors import Reverted
from settlement.agreements import periods

SEED = "contract tests"
START = datetime(2019, 11, 21, 9, 0, tzinfo=UTC)
DAY = 20191121
MAX_AMOUNT = 2**88 - 1
CURRENCY_FLAG = 0x8000
LEVY_PPM = 150
TIERS = ((5_000_000, 6_000, 0), (50_000_000, 5_500, 0), (MAX_AMOUNT, 4_000, 0))
"""(up to and including, in minor units; ppm; flat, in minor units): what V registers, by slab."""
ROLES = {
    "V": Role.EXCHANGE,
    "D": Role.DEPOSITORY,
    "B": Role.SETTLEMENT_BANK,
    "R": Role.REGULATOR,
    "R2": Role.REGULATOR,
    "P": Role.PARTNER,
    "A": Role.AUDITOR,
    "B1": Role.BROKER,
    "B2": Role.BROKER,
    "B3": Role.BROKER,
}
SECURITIES = tuple(f"S{i}" for i in range(1, 9))


class SetClock:
    """A clock that stands still until it is set. Blocks still lie a second apart at least."""

    def __init__(self, start: datetime = START) -> None:
        self.seconds = int(start.timestamp())

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def wait_until(self, moment: datetime) -> None:
        self.seconds = max(self.seconds, int(moment.timestamp()))


@dataclass(slots=True)
class Ledger:
    """A deployed consortium. `signers`, `index` and `asset` go by the names above."""

    chain: Chain
    clock: SetClock
    clients: Clients
    deployment: Deployment
    operator: Signer
    signers: dict[str, Signer]
    index: dict[str, int]
    asset: dict[str, int]
    fee_schedule_id: int
    outsider: Signer = field(default_factory=lambda: Signer.from_seed(SEED, "outsider"))

    def commission_of(self, payer: str) -> int:
        """The running total of the payer's agreement on commission, in the newest block's quarter."""
        agreement = self.clients.agreements.agreement_named(self.index[payer], "commission")
        period = periods.at(self.chain.block().timestamp, 3)
        return self.clients.revenue.total_of(agreement, period)

    @property
    def consortium(self) -> Consortium:
        return self.clients.consortium

    @property
    def register(self) -> AssetRegister:
        return self.clients.register

    @property
    def revenue(self) -> RevenueSharing:
        return self.clients.revenue

    @property
    def clearing_house(self) -> ClearingHouse:
        return self.clients.clearing_house

    @property
    def cash(self) -> int:
        """The index of NPR."""
        return self.asset["NPR"]

    @property
    def now(self) -> int:
        """Time of the newest block, seconds."""
        return self.chain.block().timestamp

    def at(self, seconds: int) -> None:
        """The next block has this time exactly; it lies after the newest block's."""
        assert seconds > self.now
        self.clock.seconds = seconds

    def admit(self, name: str, *roles: Role) -> int:
        """Admit one more institution, by the operator; its index."""
        self.signers[name] = Signer.from_seed(SEED, name)
        self.consortium.admit(self.operator, [(name, self.signers[name].address, roles)])
        self.index[name] = len(self.index) + 1
        return self.index[name]

    def suspend(self, name: str, *, by: str = "R") -> None:
        """Put an institution out."""
        self.consortium.suspend(self.signers[by], self.index[name])

    def issue(self, holdings: dict[tuple[str, str], int], reference: str = "opening") -> None:
        """Credit (institution, asset) → units or minor units, each by the asset's issuer."""
        for issuer in ("D", "B"):
            rows = [
                movement(self.asset[code], self.index[name], amount)
                for (name, code), amount in holdings.items()
                if (self.asset[code] & CURRENCY_FLAG != 0) == (issuer == "B")
            ]
            if rows:
                self.register.issue(self.signers[issuer], bytes32(reference), rows)

    def balance(self, name: str, code: str) -> int:
        """What an institution holds, units or minor units."""
        return self.register.balance_of(self.index[name], self.asset[code])

    def header(self, **changes: int) -> Header:
        """A header of V's day with some fields changed."""
        fields = {
            "venue": self.index["V"],
            "trading_day": DAY,
            "cash_asset": self.cash,
            "intended_settlement_date": DAY,
            "fee_schedule_id": self.fee_schedule_id,
        }
        return Header(**(fields | changes))

    def deploy(self, artifact: Artifact, *arguments: object) -> Contract:
        """A further contract, from the outsider."""
        types = [
            type_of(parameter)
            for entry in artifact.abi
            if entry["type"] == "constructor"
            for parameter in entry["inputs"]
        ]
        code = artifact.bytecode + CODEC.encode(types, arguments)
        receipt = send(self.chain, self.outsider, None, code)
        assert receipt.contract_address is not None
        return Contract(self.chain, receipt.contract_address, artifact)

    def consortium_anew(self) -> Consortium:
        """Another consortium of the same operator, with nobody in it."""
        contract = self.deploy(self.consortium.artifact, self.operator.address)
        return Consortium(self.chain, contract.address, contract.artifact)

    def facts(self, receipt: Receipt) -> list[tuple[str, dict[str, Any]]]:
        """Every event of a receipt as (name, arguments), addresses in lower case; none may be unknown."""
        found = [self._decode(log) for log in receipt.logs]
        return [(event.name, _lower(event.arguments)) for event in found]

    def _decode(self, log: Log) -> Event:
        for contract in self.clients:
            for event in contract.events([log]):
                return event
        raise AssertionError(f"no contract of the ledger declares {log}")

    def everyone_but(self, *names: str) -> Iterator[tuple[str, Signer]]:
        """Every kind of caller besides `names`: institutions of each role, the operator ("operator"), an
        outsider ("outsider")."""
        callers = {**self.signers, "operator": self.operator, "outsider": self.outsider}
        for name, signer in callers.items():
            if name not in names:
                yield name, signer


def establish(chain: Chain, clock: SetClock) -> Ledger:
    """Deploy the contracts and admit, list and register what the module's docstring says."""
    operator = Signer.from_seed(SEED, "operator")
    signers = {name: Signer.from_seed(SEED, name) for name in ROLES}
    deployment = deploy(chain, operator)
    clients = attach(chain, deployment)
    index = {name: i for i, name in enumerate(ROLES, start=1)}
    # Only a regulator appoints another, so R2 comes as a partner and changes.
    first_roles = ROLES | {"R2": Role.PARTNER}
    consortium, register = clients.consortium, clients.register
    consortium.admit(operator, [(n, signers[n].address, [role]) for n, role in first_roles.items()])
    consortium.grant_roles(signers["R"], index["R2"], [Role.REGULATOR])
    consortium.revoke_roles(signers["R"], index["R2"], [Role.PARTNER])
    register.list_securities(signers["D"], SECURITIES)
    for currency in ("NPR", "USD"):
        register.list_currency(signers["B"], currency, 2)
    clients.clearing_house.register_fee_schedule(signers["V"], index["R"], LEVY_PPM, TIERS)
    asset = {code: i for i, code in enumerate(SECURITIES, start=1)} | {"NPR": 0x8001, "USD": 0x8002}
    return Ledger(chain, clock, clients, deployment, operator, signers, index, asset, fee_schedule_id=1)


def movement(asset: int, institution: int, delta: int) -> int:
    """`asset u16 | institution u16 | zeros | delta i128`, as the interfaces say."""
    return asset << 240 | institution << 224 | delta & (1 << 128) - 1


def bytes32(text: str) -> bytes:
    """ASCII, left-aligned."""
    return text.encode("ascii").ljust(32, b"\0")


def bits(words: Sequence[int]) -> set[int]:
    """The members of a set of institutions given as words."""
    return {i for i in range(256 * len(words)) if words[i // 256] >> (i % 256) & 1}


@contextmanager
def refused(kind: type[Reverted], **operands: object) -> Iterator[None]:
    """The block is refused with exactly this error and these operands, all of them."""
    with pytest.raises(Reverted) as caught:
        yield
    assert type(caught.value) is kind, caught.value
    told = _lower(getattr(caught.value, "operands", {}))
    assert told == _lower(operands), f"told {told}, not {operands}"


def refusal_of(send: Callable[[], object]) -> tuple[Any, ...] | None:
    """Send, and say why it was refused: the error's name and its operands, None where it was accepted."""
    try:
        send()
    except Reverted as error:
        return (type(error).__name__, *getattr(error, "operands", {}).values())
    return None


def _lower(value: Any) -> Any:
    """Addresses in lower case, so that spellings compare; lists as tuples."""
    if isinstance(value, str) and value.startswith("0x"):
        return value.lower()
    if isinstance(value, dict):
        return {key: _lower(item) for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return tuple(map(_lower, value))
    return value

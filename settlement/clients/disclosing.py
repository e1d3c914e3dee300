"""One client's allocations shown to somebody else, as a file that holds or does not against the ledger.

The file shows the client's leaves and hashes of what lay beside them, and nothing of the broker's other
clients. That these leaves are all of that client's nobody can tell from it, only, where the leaves of a
trade's side come to the whole of it, that no other client had a part of that side.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from ledger.history import RecordedBatch
from ledger.ids import parse_day_number
from ledger.signatures import NO_CLIENTS
from settlement.audit.masking import mask_name
from settlement.clients.columns import Side
from settlement.clients.committing import Committed, agreed, committed
from settlement.clients.disclosure import Disclosure, OfBatch, Shown
from settlement.clients.errors import AllocationsDiffer
from settlement.clients.leaves import Leaf, verify_leaf
from settlement.errors import BookDamaged, NameUnknown
from settlement.operations import Ledger


@dataclass(frozen=True, slots=True)
class Checked:
    """What checking a disclosure against the ledger found: `wrong` says why it does not hold, a line each.

    `whole` are the (batch hash, trade number, side) that the shown leaves make up entirely; of the `partly`
    shown others are hidden.
    """

    wrong: tuple[str, ...]
    whole: tuple[tuple[bytes, int, Side], ...] = ()
    partly: tuple[tuple[bytes, int, Side], ...] = ()


def affirmed(ledger: Ledger, broker: str) -> list[Committed]:
    """What a broker keeps of every batch for which it affirmed allocations, in the ledger's order.

    Raises BookDamaged where what it keeps is not what it affirmed, AllocationsDiffer, FileUnreadable.
    """
    market, found = ledger.market, []
    if broker not in market.scenario.brokers:
        raise NameUnknown("broker", broker, market.scenario.brokers)
    for batch in ledger.read().batches.values():
        root = batch.client_roots.get(market.index[broker], NO_CLIENTS)
        if root == NO_CLIENTS:
            continue
        day = parse_day_number(batch.header.trading_day)
        try:
            rows = committed(market, ledger.allocations, broker, batch, agreed(market, broker, batch))
        except AllocationsDiffer as error:
            raise BookDamaged(f"clients of {broker} on {day}", str(error)) from None
        if rows is None or rows.tree.root != root:
            what = "nothing is kept" if rows is None else f"it comes to the root 0x{rows.tree.root.hex()}"
            raise BookDamaged(f"clients of {broker} on {day}", f"{what}, and 0x{root.hex()} was affirmed")
        found.append(rows)
    return found


def disclose(
    ledger: Ledger, broker: str, client: str, *, trade: int | None = None, trading_day: date | None = None
) -> Disclosure:
    """A client's leaves of all batches, or of one trade or trading day.

    Raises NameUnknown where there are none, and what `affirmed` does.
    """
    market, batches, known = ledger.market, [], set[str]()
    index = market.index.get(broker, 0)
    for of in affirmed(ledger, broker):
        batch = ledger.read().batches[of.batch_hash]
        known.update(of.allocations.clients)
        day = parse_day_number(batch.header.trading_day)
        rows = of.allocations.client == np.int32(_code(of.allocations.clients, client))
        if trade is not None:
            rows = rows & (of.allocations.number == trade)
        if trading_day not in (None, day) or not rows.any():
            continue
        shown = tuple(
            Shown(int(of.places[row]), of.leaf(row), of.tree.proof(int(of.places[row])))
            for row in np.flatnonzero(rows).tolist()
        )
        batches.append(OfBatch(of.batch_hash, day, batch.affirmed_in[index], of.tree.root, shown))
    if not batches:
        where = f" of trade {trade}" if trade is not None else ""
        where += f" on {trading_day}" if trading_day is not None else ""
        if client in known:
            raise NameUnknown(f"affirmed allocation{where} to client", client, ["others"], f"by {broker}")
        # Masked, as what goes wrong is written to logs.
        there = sorted({mask_name(name) for name in known}) or ["none"]
        raise NameUnknown(f"client of {broker}", client, there, "in what it affirmed")
    contract = market.clients.clearing_house
    return Disclosure(contract.chain.chain_id, contract.address, broker, index, client, tuple(batches))


def _code(names: Sequence[str], name: str) -> int:
    return names.index(name) if name in names else -1


def check(ledger: Ledger, disclosures: Sequence[Disclosure]) -> Checked:
    """Hold disclosures against the affirmations on the ledger, each by itself and all together: what several
    clients were shown of one side cannot be more than the trade.
    """
    wrong: list[str] = []
    sides: defaultdict[tuple[bytes, int, int, Side], dict[str, Leaf]] = defaultdict(dict)
    for each in disclosures:
        found = _where(ledger, each) or _of_batches(ledger, each)
        wrong += found
        for leaf in [] if found else each.leaves:
            key = leaf.batch_hash, leaf.institution, leaf.position, leaf.side
            if sides[key].setdefault(leaf.client, leaf) != leaf:
                wrong.append(f"{_side(leaf)}: client {leaf.client} has two different allocations")
    whole: list[tuple[bytes, int, Side]] = []
    partly: list[tuple[bytes, int, Side]] = []
    for key, clients in sides.items():
        leaves = list(clients.values())
        record = ledger.read().batches[key[0]].records
        quantity, amount = int(record.quantity[key[2]]), int(record.amount[key[2]])
        units = sum(leaf.quantity for leaf in leaves)
        money = sum(leaf.amount for leaf in leaves)
        if units > quantity or money > amount or (units == quantity) != (money == amount):
            wrong.append(
                f"{_side(leaves[0])}: the allocations come to {units:,} units and {money:,} minor units,"
                f" the trade has {quantity:,} and {amount:,}"
            )
        (whole if units == quantity else partly).append((key[0], leaves[0].trade, key[3]))
    return Checked(tuple(wrong)) if wrong else Checked((), tuple(whole), tuple(partly))


def _where(ledger: Ledger, found: Disclosure) -> list[str]:
    contract = ledger.market.clients.clearing_house
    if (found.chain_id, found.contract.lower()) != (contract.chain.chain_id, contract.address.lower()):
        return [f"it is about contract {found.contract} of chain {found.chain_id}, not of this ledger"]
    if ledger.market.index.get(found.broker) != found.institution:
        return [f"institution {found.institution} of this ledger is not {found.broker}"]
    return []


def _of_batches(ledger: Ledger, found: Disclosure) -> list[str]:
    wrong: list[str] = []
    seen: set[bytes] = set()
    for of in found.batches:
        batch = ledger.read().batches.get(of.batch_hash)
        name = f"batch 0x{of.batch_hash.hex()}"
        if batch is None:
            wrong.append(f"{name} is not on the ledger")
            continue
        root = batch.client_roots.get(found.institution, NO_CLIENTS)
        if of.batch_hash in seen:
            wrong.append(f"{name} is there twice")
        elif parse_day_number(batch.header.trading_day) != of.trading_day:
            wrong.append(f"{name} is not of {of.trading_day}")
        elif batch.affirmed_in.get(found.institution) != of.transaction:
            wrong.append(f"{name} was not affirmed in transaction 0x{of.transaction.hex()}")
        elif root == NO_CLIENTS:
            wrong.append(f"{name} was affirmed without allocations")
        elif root != of.root:
            wrong.append(f"{name} was affirmed with client root 0x{root.hex()}, not 0x{of.root.hex()}")
        else:
            wrong += filter(None, (_leaf(batch, root, each) for each in of.shown))
            keys = [(each.leaf.position, each.leaf.side) for each in of.shown]
            if len(set(keys)) < len(keys):
                wrong.append(f"{name}: an allocation is there twice")
        seen.add(of.batch_hash)
    return wrong


def _leaf(batch: RecordedBatch, root: bytes, shown: Shown) -> str | None:
    """Why a leaf does not hold: against the root first, then against the record that it is of."""
    leaf, records = shown.leaf, batch.records
    if not verify_leaf(root, shown.index, leaf, shown.proof):
        return f"{_side(leaf)}: it is not under the root that was affirmed"
    if leaf.position >= len(records) or int(records.number[leaf.position]) != leaf.trade:
        return f"{_side(leaf)}: record {leaf.position:,} of the batch is not that trade's"
    party = records.buyer if leaf.side is Side.BUY else records.seller
    if int(party[leaf.position]) != leaf.institution:
        return f"{_side(leaf)}: the record has another party on that side"
    if leaf.institution in batch.disputed.get(leaf.trade, ()):
        return f"{_side(leaf)}: the broker does not agree to that trade"
    quantity, amount = int(records.quantity[leaf.position]), int(records.amount[leaf.position])
    if not 0 < leaf.quantity <= quantity:
        return f"{_side(leaf)}: {leaf.quantity:,} units of the trade's {quantity:,}"
    if abs(leaf.amount * quantity - amount * leaf.quantity) >= quantity:
        return f"{_side(leaf)}: {leaf.amount:,} minor units are not its part of the trade's {amount:,}"
    return None


def _side(leaf: Leaf) -> str:
    return f"trade {leaf.trade} {leaf.side.name}"

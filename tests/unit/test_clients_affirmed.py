"""What brokers affirm of their clients, step by step.

demo      ─ has clients, one affirmation a broker and batch
excepted  ─ has no leaf; two batches have a root each, and a leaf of one is none of the other
differs   ─ allocations that do not come to the recorded trade are not signed
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ledger.records import Records
from ledger.signatures import NO_CLIENTS
from settlement import directory
from settlement.clients import disclosing, reading
from settlement.clients.columns import Side
from settlement.clients.disclosure import read, write
from settlement.clients.errors import AllocationsDiffer
from settlement.intake import parse_trades
from tests.ledgers import in_memory
from tests.unit.cli_runs import clearing
from tests.unit.client_cases import CLIENTS, DATA, SAMPLE, TRADES, WHO, client_of


def test_demo_given_a_ledger_has_clients_and_one_affirmation_a_broker(tmp_path: Path) -> None:
    file, path = tmp_path / "clients.csv", tmp_path / "L"
    done = clearing("demo", "--trades", 40, "--ledger", path, "--save-clients", file, "--json")
    assert done.code == 0, done
    assert file.read_bytes().decode().splitlines() == CLIENTS
    with directory.open_ledger(path, write=False) as ledger:
        (batch,) = ledger.read().batches.values()
        brokers = {line.split(",")[3] for line in CLIENTS[1:]}
        assert {*batch.affirmed_in} == {ledger.market.index[name] for name in brokers}
        assert NO_CLIENTS not in batch.client_roots.values()
        assert len({*batch.affirmed_in.values()}) == 1
        for name in brokers:
            disclosing.affirmed(ledger, name)


def test_affirm_given_an_excepted_trade_or_two_batches_has_leaves_of_what_is_agreed() -> None:
    """The venue records the first trade with another quantity, and one more trade by hand, a batch of its
    own."""
    read_day = parse_trades(DATA, SAMPLE, source="day")
    allocated = reading.parse("\n".join(CLIENTS).encode(), TRADES, source="f", strict=True).allocations

    def alter(records: Records) -> Records:
        records.quantity[np.flatnonzero(records.number == 1)] += 1
        return records

    with in_memory(SAMPLE, TRADES.trading_day) as ledger:
        ledger.record(read_day, DATA, source="day", alter=alter, allocations=allocated)
        buyer = SAMPLE.brokers[int(TRADES.buyer[np.flatnonzero(TRADES.number == 1)[0]])]
        security = SAMPLE.securities.codes[0]
        number = ledger.trade(buyer, buyer, security, 10, 1001)
        rows = [
            f"{TRADES.trading_day},{number},{side},{buyer},{client_of(buyer)},10" for side in ("BUY", "SELL")
        ]
        of_day = ledger.shelf.days(buyer, SAMPLE)[TRADES.trading_day]
        later = reading.parse(
            "\n".join([reading.WHOLE.header, *rows]).encode(), of_day, source="f", strict=True
        )
        ledger.allocate(later.allocations)
        ledger.affirm()
        first, second = disclosing.affirmed(ledger, buyer)
        assert 1 not in first.allocations.number
        assert len(first.allocations) == len(allocated[buyer]) - int((allocated[buyer].number == 1).sum())
        assert [second.leaf(row).amount for row in (0, 1)] == [1001, 1001]
        found = disclosing.disclose(ledger, buyer, client_of(buyer))
        assert len(found.batches) == 2
        checked = disclosing.check(ledger, [found])
        assert checked.wrong == ()
        assert {(number, Side.BUY), (number, Side.SELL)} <= {each[1:] for each in checked.whole}
        one, two = found.batches
        for batches in (
            (replace(one, shown=two.shown), two),
            (one, replace(two, shown=one.shown)),
            (replace(one, root=two.root), two),
            (one, replace(two, batch_hash=one.batch_hash)),
            (one, one),
        ):
            other = replace(found, batches=batches)
            assert disclosing.check(ledger, [other]).wrong, batches
            assert disclosing.check(ledger, [read(write(other), "f")]).wrong


def test_affirm_given_allocations_of_another_quantity_signs_nothing() -> None:
    """What was given with the venue's file does not fit the institution's own book, which is right."""
    read_day = parse_trades(DATA, SAMPLE, source="day")
    allocated = reading.parse("\n".join(CLIENTS).encode(), TRADES, source="f", strict=True).allocations
    own = allocated[WHO]
    less = replace(own, quantity=own.quantity + np.uint64(1))
    with in_memory(SAMPLE, TRADES.trading_day) as ledger:
        ledger.record(read_day, DATA, source="day", allocations={WHO: less}, affirm=False)
        with pytest.raises(AllocationsDiffer, match="give the allocations again"):
            ledger.affirm(WHO)
        ledger.allocate({WHO: own})
        assert ledger.affirm(WHO) == []
        assert len(disclosing.affirmed(ledger, WHO)) == 1

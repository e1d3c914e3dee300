"""The worked example of docs/agreements.md, on a ledger: each amount of its table is what the contract paid.

the document     ─ is read, and its canonical form says the same
two settlements  ─ share on account what the table says
the run          ─ pays the rest, the clawback netted
a quarter later  ─ the reserve is released
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ledger.clients.agreements import Consent
from settlement.agreements import document, operating
from settlement.agreements.account import accounts
from settlement.agreements.desk import Desk
from settlement.agreements.lines import Kind
from settlement.agreements.names import Names
from settlement.operations import Ledger
from settlement.scenario import load
from tests.ledgers import in_memory

DOCUMENT = (Path(__file__).parents[2] / "docs" / "agreements.md").read_text(encoding="utf-8")
SECURITY = "ZZ0000010379"
NAME = "Aldersgate/platform"
Q4 = 2019 * 12 + 9
REPORTS = {
    "USERS": ("Lantern Platform", 1_200_000),
    "CONVERTED": ("Lantern Platform", 45_000),
    "ASSETS": ("Plumbline Audit", 5_000_000_000),
    "UNIT VALUE": ("Plumbline Audit", 10_350),
    "UNITS": ("Plumbline Audit", 20_000),
}


def table() -> Counter[tuple[str, int, str]]:
    """(when, line, to) → minor units, as the document's table has it."""
    found: Counter[tuple[str, int, str]] = Counter()
    for row in re.findall(r"^\| (.+) \|$", DOCUMENT, re.MULTILINE):
        when, line, to, _, amount = row.split(" | ")
        if line.isdigit():
            found[when, int(line), to] = int(re.sub("[,.]", "", amount))
    return found


def conclude(ledger: Ledger) -> None:
    market, (text,) = ledger.market, re.findall(r"^```yaml\n(.*?)^```$", DOCUMENT, re.M | re.S)
    names = Names.of(market.index, market.asset)
    terms = document.read(text.encode(), "docs/agreements.md", names)
    assert document.read(document.render(terms, names).encode(), "rendered", names) == terms
    digest = terms.digest(market.clients.agreements.domain)
    parties = ("Lantern Platform", "Compass Data")
    consents = [Consent.of(market.index[name], market.signers[name], digest) for name in parties]
    market.clients.agreements.propose(market.signers["Aldersgate"], terms, consents)


def settle(ledger: Ledger, day: int, month: int, amount_minor: int) -> None:
    ledger.clock.wait_until(datetime(2019, month, day, 9, tzinfo=UTC))
    ledger.trade("Aldersgate", "Birchwood", SECURITY, 10, amount_minor)
    ledger.affirm()
    ledger.fund()
    ledger.settle()


def report(ledger: Ledger) -> None:
    revenue, signers = ledger.market.clients.revenue, ledger.market.signers
    for measure, (reporter, value) in REPORTS.items():
        revenue.report(signers[reporter], 1, Q4, measure, value)
        if reporter == "Lantern Platform":
            revenue.countersign(signers["Aldersgate"], 1, Q4, measure, value)


@pytest.fixture(scope="module")
def ledger() -> Iterator[Ledger]:
    sample = load("sample")
    agreements = sample.agreements.model_copy(update={"shares": (), "reserve_account": "Revenue Reserve"})
    with in_memory(sample.model_copy(update={"agreements": agreements}), date(2019, 9, 30)) as made:
        conclude(made)
        settle(made, 3, 10, 1_000_000_000)
        settle(made, 5, 11, 2_000_000_000)
        made.clock.wait_until(datetime(2020, 1, 2, 9, tzinfo=UTC))
        made.market.issue("Tidewater Bank", bytes(32), {("Aldersgate", "EUR"): 10_000_000})
        report(made)
        yield made


def test_table_given_the_example_is_what_the_contract_paid(ledger: Ledger) -> None:
    desk = Desk(ledger)
    index = ledger.market.index
    before = ledger.balances()
    assert operating.run(desk, list(desk.agreements())).waiting == []
    moved = {
        name: ledger.balances().get((index[name], ledger.market.cash_asset), 0)
        - before.get((index[name], ledger.market.cash_asset), 0)
        for name in ("Lantern Platform", "Compass Data", "Aldersgate")
    }
    assert moved == {"Lantern Platform": 5_700_736, "Compass Data": 0, "Aldersgate": -5_700_736}
    assert "The run pays the platform 57,007.36" in DOCUMENT
    ledger.clock.wait_until(datetime(2020, 4, 2, 9, tzinfo=UTC))
    assert len(operating.release(desk, list(desk.agreements())).lines) == 1
    desk.verify()
    (named,) = desk.agreements()
    found: Counter[tuple[str, int, str]] = Counter()
    settlements = [each.transaction for each in ledger.read().netting_sets]
    days = dict(zip(settlements, ("3 October", "5 November"), strict=True))
    for account in accounts(named.of, desk.naming)[Q4]:
        for line in account.lines:
            when = days.get(line.transaction) or ("release" if line.kind is Kind.RELEASE else "run")
            if line.amount_minor and not (when == "release" and line.party == index["Revenue Reserve"]):
                found[when, line.line, desk.names[line.party]] += line.amount_minor
    assert found == table()

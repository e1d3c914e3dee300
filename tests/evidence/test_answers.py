"""What evidence says is what the ledger has, on every engine.

given a ledger with one of everything    ─ rows equal its history, read by other code; balances its register's
given any conditions                     ─ the rows that a filter over all of them finds
given more than a file can say           ─ it is no evidence
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import product

import pytest

import verifier
from ledger.chain import ENGINES, available
from ledger.clients.clearing_house import Status
from ledger.compile import Artifact
from ledger.ids import parse_day_number
from settlement.evidence.building import Unproven, checked
from tests.evidence.making import Story, story
from verifier.bundle import Refused, Row
from verifier.facts import STATUSES
from verifier.forms import coding, telling


@pytest.fixture(scope="module", params=ENGINES)
def told(request: pytest.FixtureRequest, test_artifacts: dict[str, Artifact]) -> Iterator[Story]:
    """The ledger on each engine."""
    if request.param not in available():
        pytest.skip(f"{request.param} is not installed; `make setup` installs it")
    with story(test_artifacts, engine=request.param) as it:
        yield it


def expected(of: Story) -> Iterator[tuple[object, ...]]:
    """Every trade, from the columns of `ledger.history`."""
    names = {index: name for name, index in of.history.institutions.items()}
    codes = {index: code for code, index in of.history.assets.items()}
    for batch in of.history.batches.values():
        records, blocks = batch.records, of.history.blocks
        for i in range(len(records)):
            buyer, seller = int(records.buyer[i]), int(records.seller[i])
            affirmed = [batch.affirmed_in.get(each, b"") for each in (buyer, seller)]
            settled = int(batch.settled_in[i])
            yield (
                batch.header.trading_day,
                int(records.number[i]),
                *(names[buyer], names[seller], codes[int(records.asset[i])], int(records.quantity[i])),
                *(int(records.amount[i]), codes[batch.header.cash_asset], batch.batch_hash, i),
                Status(batch.status[i]).name.lower(),
                int(batch.settled_quantity[i]),
                (blocks[batch.record_transaction], batch.record_transaction),
                tuple((blocks.get(each, 0), each) for each in affirmed),
                batch.settlements[settled] if settled >= 0 else None,
            )


def said(row: Row) -> tuple[object, ...]:
    """The same of a row."""
    return (
        *(row.trading_day, row.number, row.buyer, row.seller, row.security, row.quantity, row.amount_minor),
        *(row.currency, row.batch_hash, row.position, row.status, row.settled_quantity),
        *(row.recorded_in, row.affirmed_in, row.ended_in[1] if row.status == "settled" else None),
    )


def test_rows_given_one_of_everything_are_the_ledgers(told: Story) -> None:
    verdict = verifier.verify(told.bundle(), trusted_head=told.head)
    assert sorted(map(said, verdict.rows)) == sorted(expected(told))
    assert {row.status for row in verdict.rows} == set(STATUSES[1:])
    assert verdict.anchored
    assert verdict.code_proven
    blocks = [told.clients.clearing_house.chain.block(each.number) for each in verdict.headers]
    assert [(each.hash, each.time_s) for each in verdict.headers] == [(b.hash, b.timestamp) for b in blocks]
    ended = {row.number: row.ended_in[0] for row in verdict.rows if row.ended_in[0]}
    assert sorted(ended) == [1, 2, 5, 6, 13, 65_543, 65_557]
    assert ended[1] < ended[2] < ended[5]


def test_trades_given_a_side_excepted_them_are_not_told_as_affirmed_by_it(ledger: Story) -> None:
    """It affirmed the batch, without them."""
    verdict = verifier.verify(ledger.bundle("number = 3"))
    (trade,) = telling.as_json(verdict)["trades"]
    assert (trade["status"], trade["excepted_by"], trade["seller_affirmed"]) == ("disputed", ["B2"], None)
    assert trade["buyer_affirmed"]["block"] == verdict.rows[0].affirmed_in[0][0]
    assert "affirmed by B1; excepted by B2" in "\n".join(telling.lines(verdict))
    table = "\n".join(telling.lines(verifier.verify(ledger.bundle("number <= 3"))))
    assert f"{trade['buyer_affirmed']['block']} -" in table
    several = verifier.verify(ledger.bundle())
    for each in (verifier.verify(ledger.bundle("number = 77")), verdict, several):
        assert json.loads("".join(telling.json_text(each))) == telling.as_json(each)
    (other,) = [each for each in telling.as_json(several)["trades"] if each["number"] == 1]
    assert (other["excepted_by"], bool(other["seller_affirmed"])) == ([], True)


def test_balances_given_an_institution_are_the_registers(told: Story) -> None:
    for name in ("B1", "B3", "V"):
        verdict = verifier.verify(told.bundle(f"institution = {name}"))
        index = told.history.institutions[name]
        register, assets = told.clients.register, told.history.assets
        held = {code: register.balance_of(index, asset) for code, asset in assets.items()}
        found = {verdict.facts.codes[each.asset]: each.amount for each in verdict.bundle.balances}
        assert found == {code: amount for code, amount in held.items() if amount}
        assert {each.institution for each in verdict.bundle.balances} <= {index}


TESTS: dict[str, Callable[[Row, str], bool]] = {
    "institution": lambda row, value: value in (row.buyer, row.seller),
    "buyer": lambda row, value: row.buyer == value,
    "seller": lambda row, value: row.seller == value,
    "security": lambda row, value: row.security == value,
    "currency": lambda row, value: row.currency == value,
    "status": lambda row, value: row.status == value,
}
NUMBERS: dict[str, Callable[[Row], object]] = {
    "number": lambda row: row.number,
    "quantity": lambda row: row.quantity,
    "amount_minor": lambda row: row.amount_minor,
    "trading_day": lambda row: parse_day_number(row.trading_day).isoformat(),
}
COMPARED: dict[str, Callable[[object, object], bool]] = {
    "=": lambda a, b: a == b,
    ">=": lambda a, b: a >= b,  # type: ignore[operator]
    "<=": lambda a, b: a <= b,  # type: ignore[operator]
}


def test_conditions_given_any_are_what_a_filter_finds(ledger: Story) -> None:
    rows = verifier.verify(ledger.bundle()).rows
    singles = [(f"{name} = {value}", [r for r in rows if test(r, value)]) for name, test, value in _texts()]
    for (name, value_of), how in product(NUMBERS.items(), COMPARED):
        for bound in sorted({value_of(row) for row in rows})[::6]:  # type: ignore[type-var]
            wanted = [row for row in rows if COMPARED[how](value_of(row), bound)]
            singles.append((f"{name} {how} {bound}", wanted))
    assert len(singles) > 35
    for one, two in zip(singles, singles[7:] + singles[:7], strict=True):
        both = [one[0]] if one[0].split()[0] == two[0].split()[0] else [one[0], two[0]]
        wanted = [row for row in one[1] if len(both) == 1 or row in two[1]]
        assert list(verifier.verify(ledger.bundle(*both)).rows) == wanted, both
    pair = [row for row in rows if {row.buyer, row.seller} == {"B1", "B3"}]
    assert list(verifier.verify(ledger.bundle("institution = B1", "counterparty = B3")).rows) == pair
    between = ledger.bundle("number >= 4", "number <= 12", "trading_day >= 2019-11-21")
    assert [row.number for row in verifier.verify(between).rows] == [4, 5, 6, 11, 12]
    nothing = verifier.verify(ledger.bundle("trading_day = 2018-01-01"), trusted_head=ledger.head)
    assert (nothing.rows, len(nothing.facts.batches), nothing.anchored) == ((), 0, True)


def _texts() -> Iterator[tuple[str, Callable[[Row, str], bool], str]]:
    values = {
        "status": ("pending", "settled", "disputed", "held", "cancelled", "compensated", "closed_out"),
        "security": ("S1", "S4", "S7", "S8"),
        "currency": ("NPR", "USD"),
    }
    for name, test in TESTS.items():
        for value in values.get(name, ("B1", "B2", "B3", "P")):
            yield name, test, value


def test_whole_blocks_given_a_days_claim_are_not_the_other_days(ledger: Story) -> None:
    """What a day's answer depends on is in few blocks; the others are told by their blooms."""
    first = verifier.verify(ledger.bundle("trading_day = 2019-11-21")).bundle
    second = verifier.verify(ledger.bundle("trading_day = 2019-11-22")).bundle
    every = verifier.verify(ledger.bundle()).bundle
    assert first.blocks.keys() | second.blocks.keys() == every.blocks.keys()
    assert len(first.blocks.keys() & second.blocks.keys()) < len(first.blocks)
    assert len(every.blocks) < len(every.headers)


def test_verdict_given_no_file_at_all_says_so() -> None:
    for data in (b"", b"PK\3\4", b"clearing evidence 2\n", b"{}"):
        with pytest.raises(Refused, match="does not begin as one"):
            verifier.verify(data)


def test_checked_given_more_than_a_file_can_say_is_no_evidence(
    ledger: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ledger.bundle()
    assert checked(data).rows
    monkeypatch.setattr(coding, "_ROOM", 0)
    with pytest.raises(Unproven, match="whoever checks it would say that"):
        checked(data)

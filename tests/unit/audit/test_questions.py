"""Questions against what the chain's history says in plain Python, whatever segments the index is in."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ledger.clients.clearing_house import Status
from ledger.errors import InvalidValue
from ledger.history import History
from ledger.index import following
from ledger.units import parse_minor
from settlement import indexing
from settlement.audit import writing
from settlement.audit.access import Access, AccessRefused
from settlement.audit.answer import AsOf
from settlement.audit.filters import Filters
from settlement.audit.moments import MomentUnknown
from settlement.audit.questions.holdings import cash, holders, positions
from settlement.audit.questions.life import trade
from settlement.audit.questions.movements import institutions, movements
from settlement.audit.questions.summary import summary
from settlement.audit.questions.trades import trades
from settlement.audit.reading import Segment
from settlement.audit.session import Audit, session
from settlement.audit.views import VIEWS
from settlement.errors import NameUnknown, TradingDayNeeded
from settlement.fees import VenueSchedule, commission, levy
from tests.unit.audit.revenue_story import SECURITY, Story


@pytest.fixture(scope="module", params=["one segment", "many segments"])
def asked(request: pytest.FixtureRequest, story: Story, tmp_path_factory: Any) -> Iterator[Audit]:
    """A session over the story's ledger; in many segments most trades change after theirs."""
    if request.param == "one segment":
        yield story.audit()
        return
    folder: Path = tmp_path_factory.mktemp("segments")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(following, "SEGMENT_ROWS", 12)
        manifest = following.follow(story.ledger.market.clients, folder, derive=indexing.derive)
    segments = [
        Segment(each.first_block, each.last.number, {n: manifest.path(each, n) for n in each.files})
        for each in manifest.segments
    ]
    assert len(segments) > 3
    assert manifest.files("changes")
    said = manifest.as_of
    as_of = AsOf(said.block, said.hash, said.time_s, said.final)
    with duckdb.connect(":memory:") as connection:
        yield session(folder, connection, segments, as_of, access=Access("auditor"))


@pytest.fixture(scope="module")
def history(story: Story) -> History:
    """The chain read without the index."""
    return story.ledger.read()


@pytest.fixture(scope="module")
def facts(story: Story, history: History) -> list[dict[str, Any]]:
    """Every trade by the history, in the order of days and numbers."""
    names = {index: name for name, index in history.institutions.items()}
    codes = {index: code for code, index in history.assets.items()}
    found = []
    for batch in history.batches.values():
        rows = batch.records
        for i in range(len(rows)):
            day = str(batch.header.trading_day)
            found.append(
                {
                    "trade": f"{day[:4]}-{day[4:6]}-{day[6:]}/{rows.number[i]}"
                    if day.isdigit()
                    else f"{day}/{rows.number[i]}",
                    "number": int(rows.number[i]),
                    "buyer": names[int(rows.buyer[i])],
                    "seller": names[int(rows.seller[i])],
                    "security": codes[int(rows.asset[i])],
                    "quantity": int(rows.quantity[i]),
                    "settlement_amount_minor": int(rows.amount[i]),
                    "status": Status(int(batch.status[i])).name.lower(),
                    "settled_quantity": int(batch.settled_quantity[i]),
                    "recorded_block": history.blocks[batch.record_transaction],
                    "ended_block": history.blocks[batch.settlements[batch.settled_in[i]]]
                    if batch.settled[i]
                    else None,
                    "parts": [
                        (history.blocks[part.transaction], part.end)
                        for part in batch.parts
                        if part.position == i
                    ],
                }
            )
    return sorted(found, key=lambda row: (row["trade"].partition("/")[0], row["number"]))


def _plain(rows: list[dict[str, Any]], like: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {name: int(row[name]) if isinstance(row[name], Decimal) else row[name] for name in like}
        for row in rows
    ]


def test_trades_given_any_filter_are_those_of_the_chain(asked: Audit, facts: list[dict[str, Any]]) -> None:
    wanted = [
        {name: value for name, value in row.items() if name not in ("number", "parts")} for row in facts
    ]
    assert _plain(trades(asked).table.to_pylist(), wanted[0]) == wanted
    names = sorted({row[side] for row in facts for side in ("buyer", "seller")})
    tried = 0
    for filters, keeps in [
        *((Filters(institution=n), lambda r, n=n: n in (r["buyer"], r["seller"])) for n in names),
        *(
            (Filters(institution=n, counterparty=m), lambda r, n=n, m=m: {r["buyer"], r["seller"]} == {n, m})
            for n in names[:1]
            for m in names[:2]
        ),
        *(
            (Filters(status=(s,)), lambda r, s=s: r["status"] == s)
            for s in ("settled", "pending", "disputed")
        ),
        *(
            (Filters(security=s), lambda r, s=s: r["security"] == s)
            for s in sorted({row["security"] for row in facts})
        ),
        *(
            (Filters(least=a), lambda r, a=a: r["settlement_amount_minor"] >= parse_minor(a, 2))
            for a in ("3333.33", "3333.34", "0", "99999999")
        ),
        (Filters(most="3333.33"), lambda r: r["settlement_amount_minor"] <= 333_333),
        (
            Filters(institution=names[0], status=("settled",), least="10000"),
            lambda r: (
                names[0] in (r["buyer"], r["seller"])
                and r["status"] == "settled"
                and r["settlement_amount_minor"] >= 1_000_000
            ),
        ),
    ]:
        expected = [row["trade"] for row in facts if keeps(row)]
        answer = trades(asked, filters)
        assert answer.table["trade"].to_pylist() == expected, filters
        tried += bool(expected)
        paged, after = [], None
        while len(expected) > 3:
            page = trades(
                asked,
                Filters(**{n: getattr(filters, n) for n in filters.__slots__} | {"limit": 2, "after": after}),
            )
            assert page.total == len(expected)
            paged += page.table["trade"].to_pylist()
            if (after := page.next) is None:
                break
        assert paged == (expected if len(expected) > 3 else []), filters
    assert tried > 12


def _blocks(history: History, asked: Audit) -> list[int]:
    """Those in which trades were recorded and settled, the ones before, and the last."""
    told = {history.blocks[each] for each in history.concerned}
    return sorted({max(1, block - before) for block in told for before in (0, 1)} | {1, asked.as_of.block})


def test_trades_given_earlier_blocks_stand_as_they_stood(
    asked: Audit, history: History, facts: list[dict[str, Any]]
) -> None:
    for block in _blocks(history, asked)[::3]:
        table = trades(asked, Filters(at=str(block))).table
        there = [row for row in facts if row["recorded_block"] <= block]
        assert table["trade"].to_pylist() == [row["trade"] for row in there]
        settled = [row["trade"] for row in there if (row["ended_block"] or block + 1) <= block]
        assert (
            trades(asked, Filters(at=str(block), status=("settled",))).table["trade"].to_pylist() == settled
        )
        for row, fact in zip(table.to_pylist(), there, strict=True):
            part = max((end for said, end in fact["parts"] if said <= block), default=0)
            assert row["settled_quantity"] == (fact["quantity"] if row["trade"] in settled else part)


def test_holdings_given_any_block_are_what_moved_until_then(asked: Audit, history: History) -> None:
    names = {index: name for name, index in history.institutions.items()}
    codes = {index: code for code, index in history.assets.items()}
    moved = history.movements
    for block in _blocks(history, asked)[::-2][::-1]:
        held: Counter[tuple[str, str]] = Counter()
        for i in range(len(moved)):
            if history.blocks[bytes(moved.transaction[i])] <= block:
                for holder, sign in ((moved.receiver[i], 1), (moved.sender[i], -1)):
                    if holder > 0:
                        held[names[int(holder)], codes[int(moved.asset[i])]] += sign * int(moved.amount[i])
        found = {
            (row["institution"], row[asset]): int(row[amount])
            for answer, asset, amount in (
                (positions(asked, Filters(at=str(block))), "security", "quantity"),
                (cash(asked, Filters(at=str(block))), "currency", "amount_minor"),
            )
            for row in answer.table.to_pylist()
        }
        assert found == {place: amount for place, amount in held.items() if amount}
    rows = holders(asked, SECURITY).table.to_pylist()
    assert [row["quantity"] for row in rows] == sorted((row["quantity"] for row in rows), reverse=True)
    assert {row["institution"]: row["quantity"] for row in rows} == {
        name: amount for (name, code), amount in held.items() if code == SECURITY and amount
    }


def test_movements_given_the_chain_are_all_of_it(asked: Audit, history: History) -> None:
    moved = history.movements
    found = movements(asked).table
    assert found.num_rows == len(moved)
    assert Counter(found["amount"].to_pylist()) == Counter(Decimal(int(each)) for each in moved.amount)
    pages = [movements(asked, Filters(limit=7, after=str(start))) for start in range(0, len(moved), 7)]
    assert [row for page in pages for row in page.table.to_pylist()] == found.to_pylist()
    assert pages[-1].next is None


def test_summary_given_schedules_charges_what_they_say(
    asked: Audit, story: Story, facts: list[dict[str, Any]]
) -> None:
    schedule = VenueSchedule.of(story.ledger.market.scenario)
    amounts = [row["settlement_amount_minor"] for row in facts]

    def of_parts(whole: list[int]) -> dict[str, int]:
        """What of a total has settled: cumulative, rounded down."""
        return {
            row["trade"]: total * row["settled_quantity"] // row["quantity"]
            for row, total in zip(facts, whole, strict=True)
        }

    fees, levies, paid = (
        of_parts(each)
        for each in (commission(schedule, amounts).tolist(), levy(schedule, amounts).tolist(), amounts)
    )
    days = summary(asked).table.to_pylist()
    assert [str(row["trading_day"]) for row in days] == sorted({row["trade"][:10] for row in facts})
    for row in days:
        there = [each for each in facts if each["trade"].startswith(str(row["trading_day"]))]
        assert row["trades"] == len(there)
        assert row["gross_amount_minor"] == sum(each["settlement_amount_minor"] for each in there)
        assert row["commission_minor"] == 2 * sum(fees.get(each["trade"], 0) for each in there)
        assert row["levy_minor"] == 2 * sum(levies.get(each["trade"], 0) for each in there)
    for row in summary(asked, by="institution").table.to_pylist():
        name = row["institution"]
        sides = [each for each in facts for side in ("buyer", "seller") if each[side] == name]
        assert row["commission_minor"] == sum(fees[each["trade"]] for each in sides)
        assert row["trades"] == sum(name in (each["buyer"], each["seller"]) for each in facts)
        assert row["net_amount_minor"] == sum(
            paid[each["trade"]] * ((each["seller"] == name) - (each["buyer"] == name)) for each in facts
        )
    assert (
        sum(row["breaks"] for row in days)
        == asked.rows("select count(*) from breaks where trading_day is not null")[0][0]
    )
    statuses = {row["status"]: row["trades"] for row in summary(asked, by="status").table.to_pylist()}
    assert statuses == Counter(row["status"] for row in facts)
    # A filter that the kept totals do not know adds up the trades themselves.
    one = summary(asked, Filters(security=SECURITY)).table
    expected = sum(row["settlement_amount_minor"] for row in facts if row["security"] == SECURITY)
    assert sum(one["gross_amount_minor"].to_pylist()) == expected


def test_life_given_a_settled_trade_goes_from_file_to_finality(
    asked: Audit, facts: list[dict[str, Any]]
) -> None:
    for fact in facts[::2]:
        answer = trade(asked, fact["trade"])
        assert answer.about is not None
        assert answer.about["status"].to_pylist() == [fact["status"]]
        steps = answer.table.to_pylist()
        said = [row["step"] for row in steps]
        assert said[0] == "recorded"
        assert said.count("settled") == (fact["status"] == "settled")
        for row in steps:
            if row["step"] != "balance":
                continue
            ask, column = (cash, "amount_minor") if row["asset"] == "EUR" else (positions, "quantity")
            for name, block in (("before", fact["ended_block"] - 1), ("after", fact["ended_block"])):
                held = ask(asked, Filters(at=str(block), institution=row["institution"])).table.to_pylist()
                key = "currency" if ask is cash else "security"
                amounts = [each[column] for each in held if each[key] == row["asset"]]
                assert row[name] == (amounts[0] if amounts else 0)
    with pytest.raises(TradingDayNeeded, match="/1; say which by its whole name"):
        trade(asked, "1")


def test_statuses_given_any_trade_tell_who_signed(asked: Audit, history: History) -> None:
    names = {index: name for name, index in history.institutions.items()}
    expected = Counter(
        (batch.batch_hash, names[who]) for batch in history.batches.values() for who in batch.affirmed_in
    )
    found = asked.rows("select batch, institution from affirmations")
    assert Counter((bytes.fromhex(batch[2:]), who) for batch, who in found) == expected
    recorded = asked.rows("select count(*) from statuses where status = 'recorded'")[0][0]
    assert recorded == sum(len(batch.records) for batch in history.batches.values())


def test_views_given_their_documents_have_these_columns(asked: Audit) -> None:
    for view in VIEWS.values():
        found = [name for name, *_ in asked.rows(f"describe {view.name}")]
        assert found == [column.name for column in view.columns], view.name
        asked.rows(f"select * from {view.name}")


@pytest.mark.parametrize(
    ("filters", "error", "said"),
    [
        (Filters(institution="Aldersgat"), NameUnknown, "did you mean Aldersgate"),
        (Filters(security="ZZ000001037"), NameUnknown, "did you mean ZZ0000010379"),
        (Filters(status=("setled",)), NameUnknown, "did you mean settled"),
        (Filters(reason="LAKC"), NameUnknown, "did you mean LACK"),
        (Filters(at="99999"), MomentUnknown, "no block 99999; it goes from 1"),
        (Filters(at="2001-01-01"), MomentUnknown, "at or before 2001-01-01T00:00:00Z"),
        (Filters(at="0001-01-01T00:00+14:00"), MomentUnknown, "at or before 0001-01-01"),
        (Filters(at="9" * 5_000), InvalidValue, "a block's number or a time"),
        (Filters(after="x"), InvalidValue, "2019-03-25/1071"),
        (Filters(least="1.234"), InvalidValue, "1.234"),
        (Filters(least="5.01", most="5"), InvalidValue, "'5.01' is no least amount: it is more than 5, the"),
    ],
)
def test_trades_given_bad_input_say_what_would_be_right(
    audit: Audit, filters: Filters, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        trades(audit, filters)


def test_access_given_its_own_shows_nobody_elses(story: Story, facts: list[dict[str, Any]]) -> None:
    own = story.own("Birchwood")
    theirs = [row["trade"] for row in facts if "Birchwood" in (row["buyer"], row["seller"])]
    assert trades(own).table["trade"].to_pylist() == theirs
    assert {row["institution"] for row in positions(own).table.to_pylist()} <= {"Birchwood"}
    assert {row["institution"] for row in summary(own, by="institution").table.to_pylist()} == {"Birchwood"}
    other = next(row["trade"] for row in facts if row["trade"] not in theirs)
    with pytest.raises(NameUnknown):
        trade(own, other)
    masked = story.audit(Access("guest", "masked"))
    names = {row["institution"] for row in institutions(masked).table.to_pylist()}
    assert all(name.startswith("…") for name in names)
    for filters in (Filters(institution="Birchwod"), Filters(institution="Birchwood"), Filters(least="1")):
        for question in (trades, institutions):
            with pytest.raises(AccessRefused, match="masked"):  # the nearest name would be told
                question(masked, filters)
    seen = movements(masked).table.to_pylist()
    paged = [movements(masked, Filters(limit=1, after=str(n))).table.to_pylist() for n in range(len(seen))]
    assert [row for (row,) in paged] == seen
    assert (named := summary(masked, by="institution").table["institution"].to_pylist()) == sorted(named)


def test_writing_given_any_form_keeps_every_digit(audit: Audit) -> None:
    import csv

    import openpyxl
    import pyarrow.parquet as pq

    answer = trades(audit, Filters(limit=3))
    decimals = audit.names.currencies()
    shown = json.loads(json.dumps(writing.as_json(answer)))
    first, expected = shown["rows"][0], answer.table.to_pylist()[0]
    assert first["settlement_amount_minor"] == str(expected["settlement_amount_minor"])
    assert first["quantity"] == int(expected["quantity"])
    assert shown["as_of"]["block"] == audit.as_of.block
    assert (shown["total"], shown["next"]) == (answer.total, answer.next)
    rows = list(csv.DictReader(StringIO("".join(writing.as_csv(answer)))))
    assert [row["trade"] for row in rows] == answer.table["trade"].to_pylist()
    back = pq.read_table(BytesIO(writing.as_parquet(answer)))
    assert back.replace_schema_metadata(None).equals(answer.table)
    sheet = openpyxl.load_workbook(BytesIO(writing.as_xlsx(answer, decimals)))["Rows"]
    titles = [each.value for each in sheet[1]]
    assert sheet[2][titles.index("settlement amount")].value * 100 == expected["settlement_amount_minor"]
    formula = audit.answer("sql", audit.table("select '=1+1' as a, 10::decimal(38,0) as n"))
    assert "'=1+1" in "".join(writing.as_csv(formula))
    assert openpyxl.load_workbook(BytesIO(writing.as_xlsx(formula, decimals)))["Rows"]["A2"].data_type == "s"
    broken = "1234567.050::decimal(38, 3)"  # What SQL computes can have parts of a minor unit.
    parts = audit.answer("sql", audit.table(f"select {broken} as fee_minor, {broken} as n, -0.3 as m"))
    assert writing.as_json(parts)["rows"] == [{"fee_minor": "1234567.050", "n": "1234567.050", "m": "-0.3"}]
    told = openpyxl.load_workbook(BytesIO(writing.as_xlsx(parts, decimals)))["Rows"]
    assert [each.value for each in told[2]] == ["12,345.67050", "1,234,567.050", "-0.3"]
    shares = writing.as_text(parts, decimals)[0].columns[0]
    assert (shares.justify, [*shares.cells]) == ("right", ["12,345.67050"])
    from rich.console import Console, Group
    from rich.text import Text

    page = Console(file=StringIO(), width=200)
    page.print(Group(*(Text(p) if isinstance(p, str) else p for p in writing.as_text(answer, decimals))))
    said = page.file.getvalue()  # type: ignore[attr-defined]
    assert "10,000.00" in said
    batch = answer.table["batch"][0].as_py()
    assert batch not in said
    assert f"{batch[:10]}…{batch[-4:]}" in said
    none = audit.answer("breaks", audit.table("select 1 as n where false"))
    assert writing.as_text(none, decimals)[0] == "No break meets the question."
    assert f"As of block {audit.as_of.block}, 0x{audit.as_of.hash.hex()}" in said.replace("\n", " ")

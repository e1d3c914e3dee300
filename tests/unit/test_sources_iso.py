"""ISO 20022 messages written by hand from the standard, and round trips through what is written here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import InvalidValue
from ledger.units import TIME_UNKNOWN
from settlement.reconciliation.entries import NO_DAY, NO_NUMBER, Entries
from settlement.reconciliation.model import Refused
from settlement.sources import Balance, CashMovement, read_source
from settlement.sources.errors import DayOther
from settlement.sources.iso import kind_of, read, write_camt053, write_semt002, write_sese025
from settlement.sources.messages import Row, entries_of, number_of, parse_exact
from tests.unit.message_cases import BOOK, MESSAGES, NEPSE, Renaming, any_entries, rows_of

SESE = (MESSAGES / "sese025.xml").read_bytes()
SEMT = (MESSAGES / "semt002.xml").read_bytes()
CAMT = (MESSAGES / "camt053.xml").read_bytes()
RENAMED = Renaming(
    institutions={"BRKANPKA": "58", "1301000000000058": "58", "529900T8BM49AURSDO55": "17"},
    securities={"US0378331005": "AAPL"},
)


def test_sese_given_message_by_hand() -> None:
    source = read(SESE, "s", NEPSE, RENAMED)
    assert (source.format, source.rows, source.refused) == ("sese.025", 2, ())
    first, second = rows_of(source.entries)
    sold = Row(12, 20191121, 20191122, 39603, "42", "58", "NABIL", "NPR", 100, 4255000, 425500000, 13)
    assert first == sold
    bought = Row(15, 20191121, 20191121, TIME_UNKNOWN, "58", "17", "AAPL", "USD", 7, 199570, -1, 47)
    assert second == bought
    assert source.entries is not None
    assert [source.entries.name(row) for row in (0, 1)] == ["12", "15"]


def test_sese_given_no_mapping_keeps_the_ids() -> None:
    first, second = rows_of(read(SESE, "s", NEPSE).entries)
    assert (first.buyer, first.seller, first.security) == ("42", "BRKANPKA", "NABIL")
    assert (second.buyer, second.seller) == ("1301000000000058", "529900T8BM49AURSDO55")
    assert second.security == "US0378331005"


def test_sese_given_no_account_is_of_the_owner_of_the_book() -> None:
    data = SESE.replace(b"AcctOwnr>", b"Other>").replace(b"SfkpgAcct>", b"Other>")
    assert rows_of(read(data, "s", NEPSE).entries)[0].seller == ""
    first, second = rows_of(read(data, "s", BOOK).entries)
    assert (first.seller, first.buyer, second.buyer) == ("58", "42", "58")


def test_sese_given_free_of_payment_has_no_amount_and_against_payment_needs_one() -> None:
    start, end = SESE.index(b"<SttldAmt>"), SESE.index(b"</SttldAmt>") + len(b"</SttldAmt>")
    data = SESE[:start] + SESE[end:]
    assert [each.field for each in read(data, "s", NEPSE).refused] == ["SttldAmt"]
    free = rows_of(read(data.replace(b"APMT", b"FREE", 1), "s", NEPSE).entries)[0]
    assert (free.amount, free.currency) == (0, "NPR")


@pytest.mark.parametrize(
    ("old", "new", "field", "value"),
    [
        ("<Unit>100.00<", "<Unit>100.5<", "Unit", "100.5"),
        ("<Unit>100.00<", "<Unit>1e2<", "Unit", "1e2"),
        ("<Unit>100.00</Unit>", "<FaceAmt>100</FaceAmt>", "FaceAmt", "100"),
        ("42550.00", "42550.001", "Amt", "42550.001"),
        ('Ccy="NPR">42550', 'Ccy="XXX">42550', "Amt/@Ccy", "XXX"),
        ("2019-11-22</Dt>", "2019-02-29</Dt>", "FctvSttlmDt", "2019-02-29"),
        (">CRDT<", ">C<", "CdtDbtInd", "C"),
        (">DELI<", ">DELIVER<", "SctiesMvmntTp", "DELIVER"),
        ("425.50", "425.1234567", "DealPric", "425.1234567"),
        ("2019-11-21T11:00:03+05:45", "21/11/2019", "TradDt", "21/11/2019"),
    ],
)
def test_sese_given_value_that_cannot_be_held_refuses_its_row(
    old: str, new: str, field: str, value: str
) -> None:
    source = read(SESE.replace(old.encode(), new.encode(), 1), "s", NEPSE)
    assert [(each.line, each.field, each.value) for each in source.refused] == [(13, field, value)]
    assert [row.number for row in rows_of(source.entries)] == [15]
    assert source.rows == 2


def test_sese_given_money_the_wrong_way_is_negative() -> None:
    first = rows_of(read(SESE.replace(b">CRDT<", b">DBIT<"), "s", NEPSE).entries)[0]
    assert first.amount == -4255000


def test_sese_given_preconfirmation_leaves_it_out() -> None:
    early = b"</TxIdDtls><AddtlParams><PreConf>PRSE</PreConf></AddtlParams>"
    source = read(SESE.replace(b"</TxIdDtls>", early, 1), "s", NEPSE)
    assert [row.number for row in rows_of(source.entries)] == [15]
    assert source.notes == {"pre-confirmations left out": "1"}


def test_semt_given_message_by_hand_adds_accounts_and_refuses_what_is_no_unit() -> None:
    source = read(SEMT, "s", NEPSE, RENAMED)
    assert source.balances == (
        Balance("position", "58", "NABIL", None, None, 1230, 20191121, 16),
        Balance("position", "58", "AAPL", None, None, -5, 20191121, 21),
    )
    assert source.refused == (Refused("s", 25, "FaceAmt", "5000", "a quantity in units (Unit) is wanted"),)
    assert source.notes == {"update": "COMP"}


def test_semt_given_a_part_that_cannot_be_read_does_not_say_the_whole() -> None:
    source = read(SEMT.replace(b"<Unit>30<", b"<Unit>30.5<"), "s", NEPSE, RENAMED)
    assert [each.asset for each in source.balances] == ["AAPL"]
    assert [(each.line, each.field) for each in source.refused] == [(25, "FaceAmt"), (32, "Unit")]


def test_camt_given_statements_of_several_days_takes_the_one_asked_for() -> None:
    later = CAMT.rpartition(b"2019-11-21")
    data = later[0] + b"2019-11-22" + later[2]
    assert [each.day for each in read(data, "s", NEPSE).balances] == [20191121, 20191122]
    assert [each.asset for each in read(data, "s", replace(NEPSE, day=20191122)).balances] == ["JPY"]
    with pytest.raises(DayOther, match="of 2019-11-21, 2019-11-22, not of 2019-11-20"):
        read(data, "s", replace(NEPSE, day=20191120))


def test_camt_given_message_by_hand() -> None:
    source = read(CAMT, "s", NEPSE)
    assert source.balances == (
        Balance("cash", "58", "NPR", 100000, -125025, -25025, 20191121, 17),
        Balance("cash", "DE89370400440532013000", "JPY", 1000, 0, 1000, 20191121, 49),
    )
    assert source.movements == (
        CashMovement("58", "NPR", -175025, "E1", 20191121, 25),
        CashMovement("58", "NPR", 50000, "CYCLE-2", 20191121, 31),
    )
    assert source.notes == {"entries not booked, left out": "1"}
    assert source.refused == ()


def test_camt_given_entry_that_cannot_be_read_does_not_say_movements() -> None:
    source = read(CAMT.replace(b"1750.25", b"1750.255"), "s", NEPSE)
    assert [each.field for each in source.refused] == ["Amt"]
    assert [each.movements for each in source.balances] == [None, 0]


@pytest.mark.parametrize("data", [SESE, SEMT, CAMT], ids=["sese", "semt", "camt"])
def test_read_given_other_day_names_both(data: bytes) -> None:
    assert read(data, "s", replace(NEPSE, day=20191121), RENAMED).rows > 0
    with pytest.raises(DayOther, match="2019-11-21, not of 2019-11-22"):
        read(data, "s", replace(NEPSE, day=20191122))


@pytest.mark.parametrize(
    ("text", "day", "strict", "number"),
    [
        ("12", 20191121, True, 12),
        ("TRD-0012", 20191121, False, 12),
        ("TRD-0012", 20191121, True, NO_NUMBER),
        ("2019112100000012", 20191121, True, 12),
        ("2019112100000012", 20191122, True, NO_NUMBER),
        ("NEPSE-20191121-12", 20191121, False, 12),
        ("A1-B2", 20191121, False, NO_NUMBER),
        ("NONREF", 20191121, False, NO_NUMBER),
        ("0", 20191121, False, NO_NUMBER),
        ("4294967295", 20191121, False, 2**32 - 1),
        ("4294967296", 20191121, False, NO_NUMBER),
        ("9" * 5000, 20191121, False, NO_NUMBER),
        ("١٢", 20191121, True, NO_NUMBER),
    ],
)
def test_number_given_id(text: str, day: int, strict: bool, number: int) -> None:
    assert number_of(text, day, strict) == number


@settings(deadline=None)
@given(st.integers(-(10**20), 10**20), st.integers(0, 6), st.text("0", max_size=9))
def test_exact_given_any_integer_reads_what_is_written(value: int, decimals: int, zeros: str) -> None:
    whole, fraction = divmod(abs(value), 10**decimals)
    text = f"{'-' if value < 0 else ''}{whole}.{fraction:0{decimals}d}{zeros}" if decimals else str(value)
    assert parse_exact("amount", text, decimals) == value


@pytest.mark.parametrize("text", ["", ".", "-", "1,5", "1e3", " 1", "NaN", "1_0", "0x1", "٣", "1.2.3"])
def test_exact_given_no_plain_number_refuses(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_exact("amount", text, 2)


@settings(max_examples=40, deadline=None)
@given(any_entries())
def test_sese_given_any_entries_reads_what_was_written(entries: Entries) -> None:
    if not len(entries):
        return
    data = write_sese025(entries, "58")
    found = rows_of(read(data, "s", NEPSE).entries)
    assert [replace(row, line=0) for row in found] == rows_of(entries)
    assert kind_of(data) == "sese.025"


def test_sese_given_no_settlement_date_settled_on_its_day() -> None:
    row = Row(1, 20191121, NO_DAY, TIME_UNKNOWN, "58", "42", "NTC", "NPR", 1, 100, -1, 0)
    assert rows_of(read(write_sese025(entries_of([row]), "58"), "s", NEPSE).entries)[0].settles == 20191121


@pytest.mark.parametrize("change", [{"quantity": 10**18}, {"quantity": -1}, {"amount": 10**18}])
def test_write_given_what_no_message_holds_refuses(change: dict[str, int]) -> None:
    row = Row(1, 20191121, NO_DAY, TIME_UNKNOWN, "58", "42", "NTC", "NPR", 1, 100, -1, 0)
    with pytest.raises(InvalidValue):
        write_sese025(entries_of([replace(row, **change)]), "58")  # type: ignore[arg-type]


HELD = st.dictionaries(
    st.tuples(st.sampled_from(["58", "<&>", "BRKANPKA"]), st.sampled_from(["NTC", "N&L", "US0378331005"])),
    st.integers(-(10**18) + 1, 10**18 - 1),
    min_size=1,
)


@settings(max_examples=30, deadline=None)
@given(HELD)
def test_semt_given_any_balances_reads_what_was_written(held: dict[tuple[str, str], int]) -> None:
    balances = [
        Balance("position", holder, asset, None, None, units, 20191121)
        for (holder, asset), units in sorted(held.items())
    ]
    source = read(write_semt002(balances, 20191121), "s", replace(NEPSE, day=20191121))
    assert [replace(each, line=0) for each in source.balances] == balances


MOVED = st.lists(st.integers(-(10**15), 10**15), max_size=4)


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.sampled_from(["NPR", "JPY", "KWD"]), st.tuples(st.integers(-99, 10**15), MOVED)))
def test_camt_given_any_movements_reads_what_was_written(cash: dict[str, tuple[int, list[int]]]) -> None:
    if not cash:
        return
    balances = [
        Balance("cash", "58", code, opening, sum(moved), opening + sum(moved), 20191121)
        for code, (opening, moved) in cash.items()
    ]
    moves = [
        CashMovement("58", code, amount, f"R&{place}", 20191121)
        for code, (_, moved) in cash.items()
        for place, amount in enumerate(moved)
    ]
    source = read(write_camt053(balances, moves, 20191121), "s", replace(NEPSE, day=20191121))
    assert [replace(each, line=0) for each in source.balances] == balances
    assert [replace(each, line=0) for each in source.movements] == moves


@pytest.mark.parametrize("name", ["sese025.xml", "semt002.xml", "camt053.xml", "executions.log"])
def test_read_source_given_message_finds_out_what_it_is(name: str, tmp_path: Path) -> None:
    wanted = {"executions.log": "fix"}.get(name, f"{name[:4]}.{name[4:7]}")
    assert read_source(str(MESSAGES / name), NEPSE).format == wanted
    if name.endswith(".xml"):
        wide = tmp_path / name
        wide.write_bytes((MESSAGES / name).read_text().replace("UTF-8", "UTF-16").encode("utf-16"))
        assert read_source(str(wide), NEPSE).format == wanted

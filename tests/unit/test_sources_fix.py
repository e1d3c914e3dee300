"""FIX 4.4 by hand from the standard: reports of trades, what takes them back, and damaged messages."""

from __future__ import annotations

from dataclasses import replace

import pytest
import simplefix
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.units import MAX_AMOUNT, TIME_UNKNOWN
from settlement.errors import FileEmpty
from settlement.reconciliation.entries import NO_DAY, NO_NUMBER
from settlement.sources import Source
from settlement.sources.errors import DayOther, MessageRefused
from settlement.sources.fix import read
from settlement.sources.messages import Row
from tests.unit.message_cases import BOOK, MESSAGES, Renaming, rows_of

LOG = (MESSAGES / "executions.log").read_bytes()
"""As an engine wrote it: sums and lengths are in the file, none of them made by the code under test."""


def message(body: str, kind: str = "8", version: str = "FIX.4.4", ends: str = "\x01") -> bytes:
    """One message around `body`, whose fields have strokes between them; its length and sum are right."""
    head = f"35={kind}|49=NEPSE|56=BRK58|34=2|52=20191121-05:20:00|{body}|".replace("|", "\x01").encode()
    whole = f"8={version}\x019={len(head)}\x01".encode() + head
    whole += f"10={sum(whole) % 256:03}\x01".encode()
    return whole.replace(b"\x01", ends.encode())


TRADE = (
    "37=O1|17=2019112100000012|150=F|39=2|55=NABIL|54=1|38=500|32=100|31=425.5|151=0|14=100|6=425.5|"
    "75=20191121|60=20191121-05:15:03.123|64=20191121|15=NPR|453=2|448=58|447=D|452=1|448=42|447=D|452=17"
)
BOUGHT = Row(12, 20191121, 20191121, TIME_UNKNOWN, "58", "42", "NABIL", "NPR", 100, 4255000, 425500000, 1)
SIDES = (
    "571=R7|1003=T-15|487=0|55=NTC|32=7|31=10|75=20191121|60=20191121-05:15:00|552=2|"
    "54=1|37=A|453=1|448=58|447=D|452=1|12=2.50|13=3|381=70.00|136=2|137=0.10|139=6|137=9|139=4|"
    "54=2|37=B|453=2|448=42|447=D|452=1|448=9|447=D|452=4|381=70.00"
)


def rows(*found: bytes) -> list[Row]:
    return rows_of(read(b"".join(found), "s", BOOK).entries)


def one(source: Source) -> tuple[int, str, str]:
    (refused,) = source.refused
    return refused.line, refused.field, refused.value


def test_execution_given_trade() -> None:
    source = read(message(TRADE), "s", BOOK)
    assert rows_of(source.entries) == [BOUGHT]
    assert source.entries is not None
    assert source.entries.name(0) == "2019112100000012"


@pytest.mark.parametrize("ends", ["|", "^A", "\x01"])
def test_execution_given_separators_of_logs(ends: str) -> None:
    lines = (
        b"2019-11-21 11:00:03 IN  "
        + message(TRADE, ends=ends)
        + b"\nnothing\r\n"
        + message("", "0", ends=ends)
    )
    source = read(lines.replace(b"||", b"|112=x|"), "s", BOOK)
    assert rows_of(source.entries) == [BOUGHT]


def test_execution_given_sold_with_venue_time() -> None:
    source = read(message(TRADE.replace("54=1", "54=5")), "s", BOOK, Renaming(utc_offset=345))
    (row,) = rows_of(source.entries)
    assert (row.buyer, row.seller, row.time) == ("42", "58", 39603)
    assert "times" not in source.notes


def test_capture_given_both_sides() -> None:
    (row,) = rows(message(SIDES, "AE"))
    assert row == Row(
        15, 20191121, NO_DAY, TIME_UNKNOWN, "58", "42", "NTC", "NPR", 7, 7000, 10**7, 1, 250, 10
    )


def test_capture_given_one_side_takes_the_contra_firm() -> None:
    body = SIDES[: SIDES.index("|54=2")].replace("552=2", "552=1")
    body = body.replace("453=1|448=58|447=D|452=1", "453=2|448=58|447=D|452=1|448=17|447=D|452=17")
    (row,) = rows(message(body, "AE"))
    assert (row.buyer, row.seller, row.number) == ("58", "17", 15)


@pytest.mark.parametrize(
    ("old", "new", "field", "value"),
    [
        ("32=100", "32=100.5", "32", "100.5"),
        ("31=425.5", "31=425.1234567", "31", "425.1234567"),
        ("31=425.5", "31=0.00001", "31", ""),
        ("|32=100", "", "32", ""),
        ("|31=425.5|151", "|151", "31", ""),
        ("54=1", "54=8", "54", "8"),
        ("54=1|38", "54=1|54=2|38", "54", "2"),
        ("75=20191121", "75=20190229", "75", "20190229"),
        ("60=20191121-05:15:03.123", "60=yesterday", "60", "yesterday"),
        ("15=NPR", "15=RS", "15", "RS"),
        ("453=2", "453=3", "453", "3"),
        ("150=F", "58=F", "150", ""),
        ("150=F", "150=H", "19", ""),
    ],
)
def test_execution_given_value_that_cannot_be_held_is_refused_alone(
    old: str, new: str, field: str, value: str
) -> None:
    bad = TRADE.replace(old, new)
    assert bad != TRADE
    source = read(message(bad) + message(TRADE), "s", BOOK)
    assert one(source) == (1, field, value)
    assert rows_of(source.entries) == [replace(BOUGHT, line=2)]


@pytest.mark.parametrize(
    ("old", "new", "field", "value"),
    [
        ("9|447=D|452=4|381=70.00", "9|447=D|452=4|381=71.00", "381", "70.00 and 71.00"),
        ("54=2", "54=1", "54", "1"),
        ("552=2", "552=3", "552", "3"),
        ("136=2", "136=3", "136", "3"),
        ("31=10", "31=10|423=1|381=1|381=2", "381", "2"),
        ("12=2.50", "12=2.505", "12", ""),
    ],
)
def test_capture_given_sides_that_do_not_fit_is_refused(old: str, new: str, field: str, value: str) -> None:
    assert old in SIDES
    assert one(read(message(SIDES.replace(old, new), "AE"), "s", BOOK)) == (1, field, value)


def test_capture_given_price_in_percent_and_commission_by_unit() -> None:
    body = SIDES.replace("31=10", "31=99.5|423=1").replace("12=2.50|13=3", "12=0.05|13=1")
    (row,) = rows(message(body, "AE"))
    assert (row.price, row.amount, row.commission) == (-1, 7000, 35)


def test_execution_given_gross_amount_and_ids_of_many_sorts() -> None:
    body = TRADE.replace("31=425.5|", "31=0.00001|381=0.50|").replace("55=NABIL", "55=[N/A]|48=NPE1|22=4")
    body += "|454=1|455=NTC|456=8|880=X-99"
    (row,) = rows(message(body))
    assert (row.amount, row.price, row.security, row.number) == (50, 10, "NTC", 99)


def test_execution_given_no_number_no_contra_no_currency() -> None:
    body = TRADE.replace("17=2019112100000012", "17=E1-2").replace("15=NPR|", "").split("|453")[0]
    (row,) = rows(message(body))
    assert (row.number, row.buyer, row.seller, row.currency) == (NO_NUMBER, "58", "", "NPR")


def test_execution_given_cancel_and_correction() -> None:
    second = TRADE.replace("00000012", "00000013")
    corrected = second.replace("17=2019112100000013", "17=C9|19=2019112100000013").replace("150=F", "150=G")
    corrected = corrected.replace("32=100", "32=90")
    cancel = "37=O1|17=C10|19=2019112100000012|150=H|39=4|55=NABIL|54=1"
    again = corrected.replace("17=C9|19=2019112100000013", "17=C11|19=C9").replace("32=90", "32=80")
    source = read(b"".join(map(message, (TRADE, second, corrected, cancel, again))), "s", BOOK)
    (row,) = rows_of(source.entries)
    assert (row.number, row.quantity, row.line) == (13, 80, 5)
    assert source.notes["trades cancelled"] == "1"
    assert source.notes["trades corrected"] == "2"
    assert source.refused == ()
    assert one(read(message(cancel), "s", BOOK)) == (1, "17", "2019112100000012")


def test_capture_given_cancel_and_replacement() -> None:
    replaced = SIDES.replace("571=R7", "571=R8|572=R7").replace("487=0", "487=2").replace("32=7", "32=6")
    (row,) = rows(message(SIDES, "AE"), message(replaced, "AE"))
    assert (row.quantity, row.number) == (6, 15)
    by_trade = SIDES.replace("571=R7", "571=R9").replace("487=0", "487=1")
    assert rows(message(SIDES, "AE"), message(by_trade, "AE")) == []


def test_execution_given_resend_counts_once_and_repetition_twice() -> None:
    source = read(message(TRADE) + message("43=Y|" + TRADE), "s", BOOK)
    assert rows_of(source.entries) == [BOUGHT]
    assert source.notes["messages sent again"] == "1"
    assert [row.line for row in rows(message(TRADE), message(TRADE))] == [1, 2]


def test_session_given_other_messages_are_counted() -> None:
    others = message("112=x", "0") + message("98=0|108=30", "A") + message(TRADE.replace("150=F", "150=0"))
    source = read(others + message("11=1", "D"), "s", BOOK)
    assert rows_of(source.entries) == []
    assert source.notes == {"session messages": "2", "messages that report no trade": "2"}
    assert one(read(message(TRADE, version="FIX.4.2"), "s", BOOK))[1:] == ("8", "FIX.4.2")


def test_raw_field_given_separators_in_it_is_one_value() -> None:
    raw = "354=20|355=\x0110=000\x018=FIX.4.4\x0132"
    body = TRADE + "|" + raw
    assert rows(message(body)) == [BOUGHT]


def test_checksum_given_no_separator_before_it_is_refused() -> None:
    body = b"35=8\x01150=F\x0158=x"
    whole = b"8=FIX.4.4\x019=%d\x01" % len(body) + body
    whole += b"10=%03d\x01" % (sum(whole) % 256)
    assert one(read(whole, "s", BOOK))[1] == "9"


def test_read_given_log_by_hand() -> None:
    source = read(LOG, "s", BOOK)
    found = [(row.number, row.buyer, row.seller, row.quantity, row.amount) for row in rows_of(source.entries)]
    assert found == [(12, "58", "42", 100, 4255000), (15, "58", "42", 7, 7000)]
    assert [(each.line, each.field) for each in source.refused] == [(5, "10")]
    assert "123" in source.refused[0].value
    assert source.notes["session messages"] == "1"


def test_read_given_nothing_or_another_day() -> None:
    with pytest.raises(FileEmpty):
        read(b" \n", "s", BOOK)
    with pytest.raises(MessageRefused, match="no FIX message"):
        read(b"hello\n", "s", BOOK)
    with pytest.raises(DayOther, match="2019-11-21, not of 2019-11-20"):
        read(message(TRADE), "s", replace(BOOK, day=20191120))


VALUE = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=12)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 2**32 - 1),
    st.integers(1, 2**64 - 1),
    st.integers(0, 10**9),
    st.sampled_from("12"),
    VALUE,
    VALUE,
)
def test_execution_given_another_encoder_reads_what_it_wrote(
    number: int, quantity: int, cents: int, side: str, contra: str, text: str
) -> None:
    """simplefix counts lengths and sums by itself."""
    sent = simplefix.FixMessage()
    price = f"{cents // 100}.{cents % 100:02}"
    pairs = [(8, "FIX.4.4"), (35, "8"), (58, text), (1003, f"T{number}"), (150, "F"), (55, "NTC"), (54, side)]
    pairs += [(32, quantity), (31, price), (75, "20191121"), (453, 2), (448, contra), (452, 17), (448, "58")]
    for tag, value in (*pairs, (452, 1)):
        sent.append_pair(tag, value)  # type: ignore[no-untyped-call]
    names = (contra, "58") if side == "2" else ("58", contra)
    wanted = Row(number, 20191121, NO_DAY, TIME_UNKNOWN, *names, "NTC", "NPR", quantity, 0, cents * 10**4, 1)
    source = read(sent.encode(), "s", BOOK)  # type: ignore[no-untyped-call]
    if quantity * cents > MAX_AMOUNT:
        assert one(source)[1] == "31"
    else:
        assert rows_of(source.entries) == [replace(wanted, amount=quantity * cents)]


@pytest.mark.parametrize("ends", ["\x01", "|", "^A"])
def test_checksum_given_any_byte_changed_is_refused_or_the_same(ends: str) -> None:
    """Each byte of the first of two messages becomes several others; the second always goes on."""
    other_trade = TRADE.replace("00000012", "00000013")
    whole, second = message(TRADE, ends=ends), b"\n" + message(other_trade, ends=ends)
    sound = rows(whole + second)
    for place, byte in enumerate(whole):
        for other in {byte ^ 1, byte ^ 0x80, 0x01, 0x0A, 0x30, 0x3D, 0x7C} - {byte}:
            changed = whole[:place] + bytes([other]) + whole[place + 1 :]
            source = read(changed + second, "s", BOOK)
            found = [replace(row, line=0) for row in rows_of(source.entries)]
            if source.refused:
                assert found == [replace(sound[1], line=0)], (place, other)
            else:
                assert found == [replace(row, line=0) for row in sound], (place, other)
                assert place >= len(whole) - len(ends), (place, other)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=80), st.binary(max_size=80), st.integers(0, 40))
def test_read_given_noise_never_breaks_and_keeps_what_is_whole(before: bytes, after: bytes, cut: int) -> None:
    noise = before.replace(b"8=FIX", b"") + b"\n"
    source = read(noise + message(TRADE) + b"\n" + message(TRADE)[cut + 1 :] + after, "s", BOOK)
    found = rows_of(source.entries)
    assert [replace(row, line=1) for row in found] == [BOUGHT]
    assert any(each.field == "8" for each in source.refused)

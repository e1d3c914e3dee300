"""Mappings of messages, and which of two mappings a source is read by.

renamed  ─ BICs, LEIs and ISINs of a sese.025, a FIX log of a venue 5:45 beyond UTC
mistakes ─ each with its key and line; a mapping of columns for messages, and the other way round
default  ─ what shows by itself what it is does not take it; its own mapping always counts
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.units import TIME_UNKNOWN
from settlement.sources import Context, Tolerances, mapping, read_source
from settlement.sources.errors import MappingInvalid, SourceRefused
from tests.unit.message_cases import BOOK, MESSAGES, NEPSE, rows_of

SESE, LOG = str(MESSAGES / "sese025.xml"), str(MESSAGES / "executions.log")
NAMED = """\
institutions:
  BRKANPKA: "58"
  1301000000000058: "58"
  529900T8BM49AURSDO55: "17"
securities: {US0378331005: AAPL}
utc_offset: 345
cut_off: "18:00"
tolerances: {amount: "0.05", time: 60}
"""
COLUMNS = "level: trades\ncolumns: {security: s, quantity: q, settlement_amount: a, trading_day: d}\n"
CANONICAL = "trade_no,trade_date,trade_time,buyer,seller,security,quantity,price,settlement_amount\n"


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_messages_given_names_are_read_in_ours(tmp_path: Path) -> None:
    names = written(tmp_path / "names.yaml", NAMED)
    source = read_source(SESE, NEPSE, mapping=names)
    first, second = rows_of(source.entries)
    assert (first.seller, first.buyer) == ("58", "42")
    assert (second.buyer, second.seller, second.security) == ("58", "17", "AAPL")
    assert (source.cut_off, source.tolerances) == ("18:00", Tolerances(amount=5, time=60))
    times = [row.time for row in rows_of(read_source(LOG, BOOK, mapping=names).entries)]
    # 05:15:03 and 05:15:00 UTC at a venue 5:45 beyond are 11:00:03 and 11:00:00.
    assert times[:2] == [39603, 39600]
    assert {row.time for row in rows_of(read_source(LOG, BOOK).entries)} == {TIME_UNKNOWN}


def test_mapping_given_its_messages_beside_it_names_them(tmp_path: Path) -> None:
    written(tmp_path / "sese-2019-11-21.xml", Path(SESE).read_text())
    book = written(tmp_path / "book.yaml", "source: sese-{date}.xml\n" + NAMED)
    asked = Context("custodian", None, "NPR", 2, ("58",), (), 20191121)
    assert rows_of(read_source(str(book), asked).entries)[0].seller == "58"
    with pytest.raises(SourceRefused, match="needs a trading day"):
        read_source(str(book), NEPSE)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (NAMED.replace('"17"', "17"), "line 4: institutions.529900T8BM49AURSDO55: must be text"),
        (NAMED.replace("AAPL", '""'), "line 5: securities.US0378331005: "),
        (NAMED.replace("345", "900"), "line 6: utc_offset: must be at most 840"),
        (NAMED.replace("345", "05:45"), "line 6: utc_offset: must be a whole number"),
        (NAMED.replace('"18:00"', '"6 pm"'), "line 7: cut_off: must be a time of day"),
        (NAMED.replace('"0.05"', "0.05"), "line 8: tolerances.amount: must be a quoted decimal"),
        (NAMED.replace("securities:", "security:"), "line 5: security: is no key here"),
        (NAMED + "source: x-{day}.xml\n", "line 9: source: may have {date} in it"),
        (NAMED + COLUMNS, "line 1: institutions: is no key here"),
        ("institutions: [a]\n", "line 1: institutions: must be a mapping of keys"),
    ],
)
def test_mapping_of_messages_given_mistake_says_key_and_line(text: str, said: str) -> None:
    with pytest.raises(MappingInvalid) as caught:
        mapping.parse(text.encode(), "m.yaml")
    assert said in str(caught.value)


def test_default_given_what_shows_itself_is_not_taken(tmp_path: Path) -> None:
    columns, names = written(tmp_path / "c.yaml", COLUMNS), written(tmp_path / "n.yaml", NAMED)
    plain = written(tmp_path / "plain.csv", CANONICAL + "1,2019-11-21,,58,42,NABIL,10,2.00,20.00\n")
    other = written(tmp_path / "other.csv", "d,s,q,a\n2019-11-21,NABIL,10,20.00\n")
    for default in (columns, names):
        assert read_source(str(plain), BOOK, default=default).format == "canonical"
    assert read_source(str(other), BOOK, default=columns).format == "mapped"
    assert rows_of(read_source(SESE, NEPSE, default=names).entries)[0].seller == "58"
    assert rows_of(read_source(SESE, NEPSE, default=columns).entries)[0].seller == "BRKANPKA"
    for where, own, said in [
        (plain, columns, "has no column"),
        (plain, names, "is a table, and .*n.yaml is of messages"),
        (SESE, columns, "is of messages, and .*c.yaml is of columns"),
    ]:
        with pytest.raises(SourceRefused, match=said):
            read_source(str(where), NEPSE, mapping=own)
    with pytest.raises(SourceRefused, match="of no known trade format"):
        read_source(str(other), BOOK, default=names)

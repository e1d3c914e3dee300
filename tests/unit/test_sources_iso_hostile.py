"""XML that is hostile, broken, or of something else: a typed error of the source, with its place.

Each case starts from a message that is read, so that what is refused is the change.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.errors import FileEmpty
from settlement.sources.errors import MessageRefused
from settlement.sources.iso import kind_of, read
from tests.unit.message_cases import MESSAGES, NEPSE

SESE = (MESSAGES / "sese025.xml").read_bytes()
SEMT = (MESSAGES / "semt002.xml").read_bytes()
CAMT = (MESSAGES / "camt053.xml").read_bytes()
ALL = {"sese": SESE, "semt": SEMT, "camt": CAMT}
HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n'
LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (i, b"&l%d;" % (i - 1) * 10) for i in range(1, 10))


def refusal(data: bytes) -> MessageRefused:
    with pytest.raises(MessageRefused) as caught:
        read(data, "bank.xml", NEPSE)
    assert str(caught.value).startswith(f"bank.xml: line {caught.value.line}: ")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400
    return caught.value


def declared(declaration: bytes, data: bytes = CAMT) -> bytes:
    """The message with a document type declaration, whose entity x stands for an amount."""
    return data.replace(HEAD, HEAD + declaration, 1).replace(b">1000.00<", b">&x;<")


@pytest.mark.parametrize(
    "declaration",
    [
        b"<!DOCTYPE Document>",
        b'<!DOCTYPE d [<!ENTITY x "1000.00">]>',
        b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        b'<!DOCTYPE d [<!ENTITY x SYSTEM "http://127.0.0.1:9/x">]>',
        b'<!DOCTYPE d SYSTEM "http://127.0.0.1:9/d.dtd">',
        b'<!DOCTYPE d PUBLIC "-//X//Y" "http://127.0.0.1:9/d.dtd">',
        b'<!DOCTYPE d [<!ENTITY %% p SYSTEM "file:///etc/passwd"> %%p;]>'.replace(b"%%", b"%"),
        b'<!DOCTYPE d [<!ENTITY l0 "lol">' + LAUGHS + b'<!ENTITY x "&l9;">]>',
        b'<!DOCTYPE d [<!ENTITY x "' + b"a" * 100_000 + b'">]>',
        b'<!DOCTYPE d [<!ATTLIST Amt Ccy CDATA "USD">]>',
    ],
)
def test_read_given_document_type_is_refused_before_it_counts(
    declaration: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def touched(*args: object, **kwargs: object) -> NoReturn:
        raise AssertionError(f"a file or the network was touched: {args}")

    monkeypatch.setattr(socket.socket, "connect", touched)
    monkeypatch.setattr(Path, "open", touched)
    monkeypatch.setattr("builtins.open", touched)
    error = refusal(declared(declaration))
    assert "document type declaration" in error.cause
    assert error.line == 2


@pytest.mark.parametrize(
    ("change", "line", "where", "cause"),
    [
        ((b"</GrpHdr>", b""), 54, "Document/BkToCstmrStmt/GrpHdr", "not well-formed XML: mismatched tag"),
        ((b"1000.00", b"&nbsp;"), 15, "Bal/Amt", "undefined entity"),
        ((b"1000.00", b"1\x0000"), 15, "Bal/Amt", "invalid token"),
        ((b"Fifty-eight", b"F\xefnf"), 11, "Ownr/Nm", "invalid token"),
        ((b'encoding="UTF-8"', b'encoding="ISO-8859-1"'), 1, "", "encoding 'ISO-8859-1' is declared"),
        ((b'encoding="UTF-8"', b'encoding="UTF-7"'), 1, "", "encoding 'UTF-7' is declared"),
        ((b'encoding="UTF-8"', b'encoding="UTF-16"'), 1, "", "not well-formed"),
        ((b'encoding="UTF-8"', b'encoding="x-none"'), 1, "", "encoding 'x-none' is declared"),
        ((b"camt.053.001.02", b"camt.054.001.02"), 2, "Document", "has the namespace"),
        (
            (b"urn:iso:std:iso:20022:tech:xsd:", b"urn:evil:"),
            2,
            "Document",
            "has the namespace 'urn:evil:camt",
        ),
        ((b"camt.053.001.02", b"semt.002.001.02"), 2, "Document", "SctiesBalCtdyRpt is wanted"),
        ((b"Document", b"Html"), 2, "Html", "no Document is in it"),
        ((b' xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"', b""), 2, "Document", "namespace ''"),
        ((b"BkToCstmrStmt", b"BkToCstmrRpt"), 2, "Document", "BkToCstmrStmt is wanted"),
        ((b"Acct>", b"Account>"), 5, "Stmt", "Acct is wanted"),
        ((b"CLBD", b"CLAV"), 5, "Stmt", "closing balance"),
        ((b' Ccy="NPR">1000.00', b">1000.00"), 15, "Bal/Amt", "no attribute Ccy"),
        ((b"<CdtDbtInd>CRDT</CdtDbtInd>", b""), 13, "Bal", "CdtDbtInd is wanted"),
        ((b"<Dt>2019-11-21</Dt>", b"<Dt>21.11.2019</Dt>"), 19, "Bal/Dt", "a date is wanted"),
        ((b"<Sts>BOOK</Sts>", b""), 25, "Ntry", "Sts is wanted"),
        ((b"<Id>001-58-NPR</Id>", b"<Id/>"), 8, "Acct", "Id that says nothing"),
        ((b"<Cd>CLAV</Cd>", b"<Cd>OPBD</Cd>"), 21, "Bal", "second balance OPBD in NPR"),
    ],
)
def test_read_given_broken_message_says_where(
    change: tuple[bytes, bytes], line: int, where: str, cause: str
) -> None:
    assert change[0] in CAMT
    data = CAMT
    if "says nothing" in cause:
        data = data.replace(b"Broker Fifty-eight", b"").replace(b"<Id>58</Id>", b"<Id/>")
    error = refusal(data.replace(*change))
    assert cause in error.cause
    assert (error.line, error.where.endswith(where)) == (line, True), str(error)


MANDATORY = "TxIdDtls AcctOwnrTxId SctiesMvmntTp TradDtls FctvSttlmDt FinInstrmId QtyAndAcctDtls SttldQty"


@pytest.mark.parametrize("missing", [*MANDATORY.encode().split(), b"SctiesSttlmTxConf"])
def test_sese_given_no_mandatory_element_is_refused(missing: bytes) -> None:
    error = refusal(SESE.replace(b"<TradId>2019112100000012</TradId>", b"").replace(missing, b"Other"))
    assert f"{missing.decode()} is wanted and is not there" in error.cause
    assert error.where.startswith("Envelope/Message/Document")


@pytest.mark.parametrize("missing", [b"StmtGnlDtls", b"StmtDtTm", b"FinInstrmId", b"AggtBal"])
def test_semt_given_no_mandatory_element_is_refused(missing: bytes) -> None:
    assert f"{missing.decode()} is wanted and is not there" in refusal(SEMT.replace(missing, b"Other")).cause


def test_semt_given_no_holder_is_refused() -> None:
    data = SEMT.replace(b"AcctOwnr", b"Other").replace(b"SfkpgAcct", b"Other")
    assert "AcctOwnr or SfkpgAcct is wanted" in refusal(data).cause


def test_read_given_deep_or_huge_is_refused() -> None:
    deep = CAMT.replace(b"<Stmt>", b"<a>" * 100_000, 1)
    assert "more than 64 elements inside each other" in refusal(deep).cause
    huge = CAMT.replace(b"1000.00", b"0" * (1 << 20) + b"1")
    assert "more than 1048576 characters in one element" in refusal(huge).cause


def test_read_given_elements_of_other_namespaces_takes_none_of_them() -> None:
    data = CAMT.replace(b"<Ntry>", b'<Ntry xmlns="urn:other">')
    assert read(data, "s", NEPSE).movements == ()


def test_read_given_two_kinds_is_refused() -> None:
    body = b"<All>" + b"".join(data.removeprefix(HEAD) for data in ALL.values()) + b"</All>"
    assert "camt.053 and semt.002 and sese.025" in refusal(body).cause
    assert "namespace" in refusal(SESE.replace(b"xsd:sese.025.001.09", b"xsd:sese.024.001.09", 1)).cause


@pytest.mark.parametrize("data", [b"", b" \n\t"])
def test_read_given_nothing_is_empty(data: bytes) -> None:
    with pytest.raises(FileEmpty):
        read(data, "s", NEPSE)


@pytest.mark.parametrize("name", ALL)
def test_read_given_utf16_or_a_byte_order_mark_reads_the_same(name: str) -> None:
    text = ALL[name].decode()
    plain = read(ALL[name], "s", NEPSE)
    for data in (text.replace("UTF-8", "UTF-16").encode("utf-16"), b"\xef\xbb\xbf" + text.encode()):
        other = read(data, "s", NEPSE)
        assert (other.rows, other.balances, other.movements) == (plain.rows, plain.balances, plain.movements)
        assert kind_of(data) == kind_of(ALL[name])


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(list(ALL)), st.integers(0, 10**6), st.binary(max_size=3), st.integers(0, 40))
def test_read_given_any_damage_raises_only_what_is_designed(
    name: str, place: int, put: bytes, drop: int
) -> None:
    data = ALL[name]
    place %= len(data)
    with suppress(MessageRefused):
        read(data[:place] + put + data[place + drop :], "s", NEPSE)

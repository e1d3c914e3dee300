"""Rows that are wrong, through the command: each is refused with line, field and reason, the rest goes on."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from settlement import cli, sample

HEADER = "S.N,Contract_No,Stock_Symbol,Buyer_Broker,Seller_Broker,Quantity,Rate,Amount,Date"
GOOD = ["1", "2019112101000001", "NABIL", "25", "42", "10", "429", "4290.00", "2019-11-21"]
FIELDS = HEADER.split(",")


def row(number: int, **changes: str) -> bytes:
    """A good row with that trade number, but for some fields, whose names start so."""
    values = dict(zip(FIELDS, GOOD, strict=True)) | {"Contract_No": f"2019112101{number:06d}"}
    for start, value in changes.items():
        values[next(name for name in FIELDS if name.startswith(start))] = value
    return ",".join(values.values()).encode("utf-8", "surrogateescape")


BAD: dict[str, tuple[bytes, str, str]] = {
    "unknown broker": (row(2, Buyer="99"), "Buyer_Broker", "not a broker"),
    "an institution, no broker": (row(2, Seller="SEBON"), "Seller_Broker", "not a broker"),
    "the same number twice": (row(1), "Contract_No", "trade 1000001 is on line 2"),
    "quantity zero": (row(2, Quantity="0", Amount="0.00"), "Quantity", "zero"),
    "quantity negative": (row(2, Quantity="-10"), "Quantity", "negative"),
    "quantity fractional": (row(2, Quantity="1.5"), "Quantity", "fractional"),
    "quantity too large": (row(2, Quantity=str(2**64)), "Quantity", "too large"),
    "quantity NaN": (row(2, Quantity="NaN"), "Quantity", "not a number"),
    "quantity infinite": (row(2, Quantity="inf"), "Quantity", "infinite"),
    "quantity separated": (row(2, Quantity='"1,000"'), "Quantity", "thousands"),
    "amount zero": (row(2, Amount="0.00"), "Amount", "zero"),
    "amount negative": (row(2, Amount="-4290.00"), "Amount", "negative"),
    "amount of half a paisa": (row(2, Amount="4290.005"), "Amount", "decimals"),
    "amount too large": (row(2, Amount="9" * 27), "Amount", "too large"),
    "amount NaN": (row(2, Amount="nan"), "Amount", "not a number"),
    "amount infinite": (row(2, Amount="Infinity"), "Amount", "infinite"),
    "amount separated": (row(2, Amount='"4,290.00"'), "Amount", "thousands"),
    "amount no product": (row(2, Amount="4290.01"), "Amount", "not Quantity times Rate"),
    "a field less": (b"2,2019112101000002,NABIL,25,42,10,429,4290.00", "row", "8 fields, not 9"),
    "a field more": (row(2) + b",x", "row", "10 fields, not 9"),
    "bytes that are not UTF-8": (row(2, Stock="NAB\udcff"), "Stock_Symbol", "not UTF-8"),
    "another day": (row(2, Contract="2019112001000002"), "Contract_No", "another day, 2019-11-20"),
}


class Left(NamedTuple):
    """How a command ended, and its JSON object."""

    code: int
    shown: dict[str, Any]
    err: str


@pytest.fixture
def day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a trade file of these rows, given in another directory than the working directory."""
    (tmp_path / "input").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")

    def run(
        *rows: bytes, options: tuple[str, ...] = (), end: bytes = b"\n", scenario: str = "nepse-2019"
    ) -> Left:
        header = HEADER.encode() if scenario == "nepse-2019" else rows[0]
        body = rows if scenario == "nepse-2019" else rows[1:]
        (tmp_path / "input" / "file.csv").write_bytes(end.join([header, *body, b""]))
        with pytest.raises(SystemExit) as left:
            cli.app(["day", "../input/file.csv", "--scenario", scenario, "--json", *options])
        out, err = capsys.readouterr()
        code = left.value.code
        return Left(code if isinstance(code, int) else 0, json.loads(out) if out else {}, err)

    return run


def refused(path: Path) -> list[dict[str, str]]:
    """The rows of a file of rejects."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_rows_given_every_mistake_are_each_refused_and_the_rest_goes_on(day: Any, tmp_path: Path) -> None:
    """Good rows stand before, between and after the bad ones, and they alone are settled."""
    rows = [row(1), *(bad for bad, _, _ in BAD.values()), row(3)]
    left = day(*rows)
    assert (left.code, left.err) == (1, "")
    found = refused(tmp_path / "work" / "file.rejects.csv")
    wanted = [(str(i), field) for i, (_, field, _) in enumerate(BAD.values(), start=3)]
    assert [(each["line"], each["field"]) for each in found] == wanted
    for each, (name, (_, _, reason)) in zip(found, BAD.items(), strict=True):
        assert reason in each["reason"], name
    shown = left.shown
    assert (shown["trades"], shown["rejected"], shown["recorded"]) == (len(rows), len(BAD), 2)
    assert (shown["settled"], shown["gross_value_minor"], shown["breaks"]) == (2, "858000", 0)
    assert shown["positions"] == {"25": {"NABIL": 20}}
    assert shown["rejects_file"] == "file.rejects.csv"


def test_security_given_it_is_not_listed_is_refused(day: Any, tmp_path: Path) -> None:
    lines = sample.generate(7, trades=3).splitlines()
    left = day(*lines, b"9,2024-03-14,,Dunmore,Eastlake,XX,1,1.00,1.00", scenario="sample")
    (found,) = refused(tmp_path / "work" / "file.rejects.csv")
    assert (found["line"], found["field"], found["value"]) == ("5", "security", "XX")
    assert (left.shown["recorded"], left.shown["rejected"]) == (3, 1)


def test_refused_row_given_its_number_again_leaves_the_number_free(day: Any) -> None:
    left = day(row(2, Buyer="99"), row(2))
    assert (left.shown["rejected"], left.shown["settled"]) == (1, 1)


def test_rejects_given_a_path_are_written_there(day: Any, tmp_path: Path) -> None:
    left = day(row(1), row(1), options=("--rejects", str(tmp_path / "elsewhere.csv")))
    assert left.shown["rejects_file"] == str(tmp_path / "elsewhere.csv")
    assert len(refused(tmp_path / "elsewhere.csv")) == 1
    assert list((tmp_path / "work").iterdir()) == []
    assert [path.name for path in (tmp_path / "input").iterdir()] == ["file.csv"]


def test_rejects_given_nothing_refused_are_not_written(day: Any, tmp_path: Path) -> None:
    left = day(row(1), options=("--rejects", str(tmp_path / "elsewhere.csv")))
    assert (left.code, left.shown["rejected"], left.shown["rejects_file"]) == (0, 0, None)
    assert not (tmp_path / "elsewhere.csv").exists()
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.parametrize("path", ["../input/file.csv", "../input", "missing/file.csv"])
def test_rejects_given_a_path_that_cannot_be_written_end_with_2(day: Any, tmp_path: Path, path: str) -> None:
    left = day(row(1), row(1), options=("--rejects", path))
    assert (left.code, left.shown) == (2, {})
    assert "cannot be written" in left.err
    assert (tmp_path / "input" / "file.csv").read_bytes().startswith(HEADER.encode())


def test_strict_given_a_bad_row_stops_at_the_first(day: Any, tmp_path: Path) -> None:
    left = day(row(1), row(2, Quantity="0"), row(1), options=("--strict",))
    assert (left.code, left.shown) == (2, {})
    assert left.err == "clearing: ../input/file.csv: line 3: Quantity '0' is zero\n"
    assert list((tmp_path / "work").iterdir()) == []


def test_lines_given_either_ending_read_the_same(day: Any) -> None:
    unix, windows = (day(row(1), row(2), end=end).shown for end in (b"\n", b"\r\n"))
    assert unix | {"seconds": 0} == windows | {"seconds": 0}


def test_date_given_an_option_is_the_trading_day(day: Any) -> None:
    other = row(2, Contract="2019112001000002")
    assert day(row(1), other).shown["trading_day"] == "2019-11-21"
    left = day(row(1), other, options=("--date", "2019-11-20"))
    assert (left.shown["trading_day"], left.shown["recorded"], left.shown["rejected"]) == ("2019-11-20", 1, 1)


def test_day_given_only_refused_rows_is_an_empty_day(day: Any) -> None:
    left = day(row(1, Buyer="99"))
    assert (left.code, left.shown["recorded"], left.shown["rejected"]) == (1, 0, 1)

"""Walks through the command on ledgers of their own: what is said in words, a book that differs, days that go
on where another ended; and where a passphrase comes from.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ledger.units import format_minor
from settlement import sample
from settlement.cli.output import PASSPHRASE, passphrase_from
from tests.unit.cli_runs import BY_HAND, TRADES, clearing


@pytest.fixture(scope="module")
def data() -> bytes:
    return sample.generate(7, trades=TRADES)


def test_text_given_a_life_says_amounts_and_what_is_next(tmp_path: Path, data: bytes) -> None:
    ledger, file = tmp_path / "L", tmp_path / "day.csv"
    bad = b"1,2024-03-14,,Nobody,Dunmore,ZZ0000010379,1,1.00,1.00\n"
    file.write_bytes(data + bad)
    init = clearing("init", ledger)
    assert init.code == 0
    assert f"clearing record {ledger} FILE" in init.out
    record = clearing("record", ledger, file, "--rejects", tmp_path / "wrong.csv")
    assert record.code == 1
    assert f"{TRADES} trades recorded in 1 batch" in record.out
    assert f"1 row of {TRADES + 1} refused, listed in {tmp_path}/wrong.csv" in " ".join(record.out.split())
    assert "Nobody" in record.out
    fund = clearing("fund", ledger, "--cover", "0.5")
    assert fund.out.startswith("Issued EUR ")
    part = clearing("settle", ledger)
    assert part.code == 1
    assert "is short of" in part.out
    assert re.search(r"EUR [\d,.]+ settled(;\s+with what is held no more could| of at most)", part.out)
    assert f"clearing fund {ledger}" in part.out
    clearing("fund", ledger)
    rest = clearing("settle", ledger)
    shown = json.loads(clearing("report", ledger, "--json").out)
    assert rest.code == 0
    assert f"clearing report {ledger}" in rest.out
    assert format_minor(int(shown["gross_value_minor"]), 2, "EUR") in clearing("report", ledger).out
    trade = clearing("trade", ledger, *BY_HAND)
    assert "Dunmore buys 10 ZZ0000010379 from Birchwood" in " ".join(trade.out.split())
    assert "EUR 4,290.00" in trade.out
    assert f"clearing affirm {ledger}" in trade.out
    affirm = clearing("affirm", ledger, "--as", "Dunmore")
    assert affirm.out.startswith("1 affirmation handed in.")
    backup = clearing("backup", ledger, tmp_path / "copy")
    assert f"clearing doctor {tmp_path / 'copy'}" in backup.out


def test_affirm_given_a_book_that_differs_lists_what_it_excepts(tmp_path: Path, data: bytes) -> None:
    ledger, file, own = tmp_path / "L", tmp_path / "day.csv", tmp_path / "own.csv"
    file.write_bytes(data)
    lines = data.splitlines(keepends=True)
    mine = [line for line in lines[1:] if b"Dunmore" in line]
    own.write_bytes(b"".join([lines[0], *mine[1:]]))
    clearing("init", ledger)
    clearing("record", ledger, file, "--no-affirm")
    left = clearing("affirm", ledger, "--as", "Dunmore", "--book", own, "--json")
    number = int(mine[0].split(b",")[0])
    assert left.code == 1
    assert left.shown["excepted"] == [
        {"institution": "Dunmore", "trading_day": "2024-03-14", "trade": number}
    ]
    clearing("affirm", ledger)
    status = clearing("status", ledger, "--json").shown
    assert (status["disputed"], status["unaffirmed"], status["days"][0]["disputed"]) == (1, 0, 1)
    clearing("fund", ledger)
    settle = clearing("settle", ledger, "--json")
    assert settle.code == 1
    (dispute,) = [each for each in settle.shown["waiting"] if each["reason"] == "disputed"]
    assert (dispute["trade"], dispute["by"]) == (number, ["Dunmore"])


def test_day_given_a_ledger_leaves_it_and_goes_on_there(tmp_path: Path, data: bytes) -> None:
    first, second, ledger = tmp_path / "one.csv", tmp_path / "two.csv", tmp_path / "L"
    first.write_bytes(data)
    second.write_bytes(data.replace(b"2024-03-14", b"2024-03-15"))
    options = ("--scenario", "sample", "--ledger", ledger, "--json")
    one, two = (clearing("day", file, *options) for file in (first, second))
    alone = clearing("day", first, "--scenario", "sample", "--json")
    assert (one.code, two.code) == (0, 0)
    assert one.shown | {"seconds": 0} == alone.shown | {"seconds": 0}
    assert (two.shown["trading_day"], two.shown["recorded"], two.shown["settled"]) == (
        "2024-03-15",
        TRADES,
        TRADES,
    )
    status = clearing("status", ledger, "--json").shown
    assert [day["trading_day"] for day in status["days"]] == ["2024-03-14", "2024-03-15"]
    assert status["time"].startswith("2024-03-15T09:00:")
    assert clearing("report", ledger, "--json", "--date", "2024-03-14").shown["settled"] == TRADES
    again = clearing("day", second, *options, "--rejects", tmp_path / "again.csv")
    assert (again.code, again.shown["rejected"], again.shown["recorded"]) == (1, TRADES, TRADES)


def test_day_given_a_file_that_is_refused_leaves_no_ledger(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("nothing\n")
    ledger = tmp_path / "L"
    left = clearing("day", tmp_path / "bad.csv", "--scenario", "sample", "--ledger", ledger)
    assert left.code == 2
    assert not ledger.exists()


def test_demo_given_no_ledger_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert clearing("demo", "--trades", "5").code == 0
    assert list(tmp_path.iterdir()) == []


def test_passphrase_given_a_file_is_its_text_without_the_line_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSPHRASE, "of the environment")
    (tmp_path / "secret").write_bytes(b" of the file \r\n")
    assert passphrase_from(tmp_path / "secret")() == " of the file "


def test_passphrase_given_the_environment_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSPHRASE, "of the environment")
    monkeypatch.setattr("getpass.getpass", lambda *_, **__: pytest.fail("asked"))
    assert passphrase_from(None)() == "of the environment"


def test_passphrase_given_neither_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.delenv(PASSPHRASE, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda *_, **__: asked.append(1) or "typed")
    passphrase = passphrase_from(None)
    assert asked == []
    assert (passphrase(), passphrase()) == ("typed", "typed")
    assert asked == [1]

"""The institutions' own records: what was added comes back in a later process, whole or not at all."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.units import exact
from settlement import files
from settlement.books.shelf import Shelf
from settlement.errors import BookDamaged, FileUnreadable, FileUnwritable, SettlementError
from settlement.intake import parse_trades
from settlement.model import Trades
from settlement.sample import TRADING_DAY, generate
from settlement.scenario import Scenario, load

SAMPLE = load("sample")
HEADER = "trade_no,trade_date,trade_time,buyer,seller,security,quantity,price,settlement_amount"
CODES = SAMPLE.securities.codes


def line(
    number: int, buyer: str, seller: str, quantity: int = 10, day: date = TRADING_DAY, code: str = CODES[0]
) -> str:
    return f"{number},{day},10:00:00,{buyer},{seller},{code},{quantity},1.00,{quantity}.00"


def add(shelf: Shelf, *rows: str, owner: str | None = None, scenario: Scenario = SAMPLE) -> bool:
    data = "\n".join([HEADER, *rows, ""]).encode()
    intake = parse_trades(data, scenario, source="day.csv", date=None if rows else TRADING_DAY)
    return shelf.add(data, intake, scenario, source="day.csv", owner=owner)


def shown(trades: Trades) -> list[tuple[int, str, str, str, int, int]]:
    """Number, buyer, seller, security, quantity and amount of each row."""
    return [
        (number, trades.parties[buyer], trades.parties[seller], trades.securities[code], quantity, amount)
        for number, buyer, seller, code, quantity, amount in zip(
            *(
                getattr(trades, name).tolist()
                for name in ("number", "buyer", "seller", "security", "quantity", "amount")
            ),
            strict=True,
        )
    ]


@pytest.fixture(params=["folder", "memory"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "books" if request.param == "folder" else None)


def test_shelf_given_nothing_has_nothing(shelf: Shelf) -> None:
    assert (shelf.files(), shelf.days("Dunmore", SAMPLE), shelf.deposits()) == ([], {}, {})


def test_days_given_a_file_are_the_rows_of_each_broker_as_intake_has_them(tmp_path: Path) -> None:
    data = generate(7, trades=3000)
    intake = parse_trades(data, SAMPLE, source="a")
    assert Shelf(tmp_path).add(data, intake, SAMPLE, source="a")
    later = Shelf(tmp_path)
    for i, broker in enumerate(SAMPLE.brokers):
        own = intake.trades.take((intake.trades.buyer == i) | (intake.trades.seller == i))
        found = later.days(broker, SAMPLE)[TRADING_DAY]
        assert (found.parties, found.trading_day) == (SAMPLE.brokers, TRADING_DAY)
        assert shown(found) == shown(own)
        assert (found.line.tolist(), found.time.tolist()) == (own.line.tolist(), own.time.tolist())
        assert set(found.securities) == {code for *_, code, _, _ in shown(own)}


def test_files_given_two_in_one_process_are_noted_in_a_later_one(tmp_path: Path) -> None:
    rows = [line(1, "Dunmore", "Glenside"), line(2, "Nobody", "Glenside")]
    data = "\n".join([HEADER, *rows]).encode()
    intake = parse_trades(data, SAMPLE, source="day.csv")
    first = Shelf(tmp_path)
    assert first.add(data, intake, SAMPLE, source="a/day.csv", rejects_file="day.rejects.csv")
    assert add(first, line(3, "Dunmore", "Glenside"), owner="Dunmore")
    noted, own = Shelf(tmp_path).files()
    assert (noted.source, noted.rejects_file) == ("a/day.csv", "day.rejects.csv")
    assert (noted.serial, noted.trading_day, noted.owner) == (1, TRADING_DAY, None)
    assert (noted.rows, noted.rejected, noted.format, len(noted.sha256)) == (2, 1, "canonical", 64)
    assert (own.serial, own.owner, own.rejected) == (2, "Dunmore", 0)
    assert Shelf(tmp_path).files() == first.files()


def test_add_given_the_same_file_again_changes_nothing(shelf: Shelf) -> None:
    rows = [line(1, "Dunmore", "Glenside"), line(2, "Glenside", "Dunmore")]
    assert add(shelf, *rows)
    before = shelf.files()
    assert not add(shelf, *rows)
    data = "\n".join([HEADER, *rows, ""]).encode()
    recorded = parse_trades(data, SAMPLE, source="x", recorded=lambda _: np.array([1, 2], dtype=np.uint32))
    assert len(recorded.trades) == 0
    assert not shelf.add(data, recorded, SAMPLE, source="elsewhere")
    assert shelf.files() == before
    assert [row[0] for row in shown(shelf.days("Dunmore", SAMPLE)[TRADING_DAY])] == [1, 2]


def test_add_given_the_same_file_for_an_owner_is_another(shelf: Shelf) -> None:
    assert add(shelf, line(1, "Dunmore", "Glenside"))
    assert add(shelf, line(1, "Dunmore", "Glenside"), owner="Dunmore")
    assert not add(shelf, line(1, "Dunmore", "Glenside"), owner="Dunmore")


def test_days_given_a_file_of_its_own_are_that_instead_of_the_general_ones_of_the_day(shelf: Shelf) -> None:
    other = TRADING_DAY + timedelta(days=1)
    add(shelf, line(1, "Dunmore", "Glenside"), line(2, "Glenside", "Dunmore"))
    add(shelf, line(1, "Dunmore", "Glenside", day=other))
    add(shelf, line(1, "Dunmore", "Glenside", 99), line(3, "Larkfield", "Glenside"), owner="Dunmore")
    own = shelf.days("Dunmore", SAMPLE)
    assert [(row[0], row[4]) for row in shown(own[TRADING_DAY])] == [(1, 99)]
    assert [(row[0], row[4]) for row in shown(own[other])] == [(1, 10)]
    theirs = shelf.days("Glenside", SAMPLE)
    assert [(row[0], row[4]) for row in shown(theirs[TRADING_DAY])] == [(1, 10), (2, 10)]
    assert shelf.days("Larkfield", SAMPLE)[TRADING_DAY].number.tolist() == []


def test_days_given_a_number_twice_have_the_later_row_only(shelf: Shelf) -> None:
    """The first file never reached the ledger, else the row of the second would have been refused."""
    add(shelf, line(7, "Dunmore", "Glenside", 10), line(8, "Dunmore", "Glenside"))
    add(shelf, line(7, "Dunmore", "Larkfield", 20))
    assert [(row[0], row[4]) for row in shown(shelf.days("Dunmore", SAMPLE)[TRADING_DAY])] == [
        (8, 10),
        (7, 20),
    ]
    assert [row[0] for row in shown(shelf.days("Glenside", SAMPLE)[TRADING_DAY])] == [8]
    assert [row[0] for row in shown(shelf.days("Larkfield", SAMPLE)[TRADING_DAY])] == [7]


def test_days_given_a_trade_by_hand_have_it_in_both_books(shelf: Shelf) -> None:
    add(shelf, line(1, "Dunmore", "Glenside"))
    trades = Trades(
        trading_day=TRADING_DAY,
        parties=SAMPLE.brokers,
        securities=(CODES[5],),
        number=np.array([2], dtype=np.uint32),
        time=np.array([60], dtype=np.uint32),
        buyer=np.array([SAMPLE.brokers.index("Glenside")], dtype=np.int32),
        seller=np.array([SAMPLE.brokers.index("Larkfield")], dtype=np.int32),
        security=np.zeros(1, dtype=np.int32),
        quantity=np.array([2**64 - 1], dtype=np.uint64),
        amount=exact([2**88 - 1]),
        line=np.ones(1, dtype=np.int64),
    )
    shelf.enter(trades, source="by hand")
    entered = (2, "Glenside", "Larkfield", CODES[5], 2**64 - 1, 2**88 - 1)
    again = Shelf(shelf.folder) if shelf.folder else shelf
    assert shown(again.days("Larkfield", SAMPLE)[TRADING_DAY]) == [entered]
    assert shown(again.days("Glenside", SAMPLE)[TRADING_DAY])[1] == entered
    assert [each.source for each in again.files()] == ["day.csv", "by hand"]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_days_given_any_files_are_what_a_plain_table_says(seed: int) -> None:
    chance = random.Random(seed)
    shelf, brokers = Shelf(), SAMPLE.brokers[:4]
    added: list[tuple[date, str | None, list[tuple[int, str, str, str, int, int]]]] = []
    for _ in range(chance.randrange(1, 6)):
        day = TRADING_DAY + timedelta(days=chance.randrange(2))
        owner = chance.choice([None, None, None, *brokers])
        rows = []
        for number in chance.sample(range(1, 15), chance.randrange(1, 10)):
            buyer, seller, units = chance.choice(brokers), chance.choice(brokers), chance.randrange(1, 9)
            rows.append((number, buyer, seller, chance.choice(CODES), units, units * 100))
        if add(shelf, *(line(n, b, s, u, day, code) for n, b, s, code, u, _ in rows), owner=owner):
            added.append((day, owner, rows))
    for broker in SAMPLE.brokers[:5]:
        expected: dict[date, list[tuple[int, str, str, str, int, int]]] = {}
        for day in {day for day, owner, _ in added if owner in (None, broker)}:
            mine = [rows for d, owner, rows in added if (d, owner) == (day, broker)]
            taken = mine or [rows for d, owner, rows in added if (d, owner) == (day, None)]
            every = [row for rows in taken for row in rows]
            last = [
                row for k, row in enumerate(every) if row[0] not in {other[0] for other in every[k + 1 :]}
            ]
            expected[day] = [row for row in last if broker in row[1:3]]
        found = shelf.days(broker, SAMPLE)
        assert {day: shown(trades) for day, trades in found.items()} == expected
        assert list(found) == sorted(found)


# What issuers said.


def test_deposits_given_amounts_of_any_size_come_back_in_a_later_process(tmp_path: Path) -> None:
    said = {("Dunmore", "EUR"): 2**88 - 1, ("Glenside", CODES[0]): 1}
    Shelf(tmp_path).deposit(b"\x01" * 32, said)
    Shelf(tmp_path).deposit(b"\xff" * 32, {})
    assert Shelf(tmp_path).deposits() == {b"\x01" * 32: said, b"\xff" * 32: {}}


def test_deposit_given_its_reference_again_replaces_it(shelf: Shelf) -> None:
    shelf.deposit(b"\x01" * 32, {("Dunmore", "EUR"): 1})
    shelf.deposit(b"\x01" * 32, {("Dunmore", "EUR"): 2})
    shelf.deposit(b"\x01" * 32, {("Dunmore", "EUR"): 2})
    assert shelf.deposits() == {b"\x01" * 32: {("Dunmore", "EUR"): 2}}


# What can happen to a folder.


def whole(folder: Path) -> tuple[object, ...]:
    """All that a shelf says of the trades that `filled` puts on it."""
    shelf = Shelf(folder)
    days = {broker: shelf.days(broker, SAMPLE) for broker in ("Dunmore", "Larkfield")}
    return (
        shelf.files(),
        {
            (broker, day): (shown(t), t.line.tolist(), t.time.tolist())
            for broker in days
            for day, t in days[broker].items()
        },
        shelf.deposits(),
    )


def filled(folder: Path) -> Path:
    shelf = Shelf(folder)
    add(shelf, line(1, "Dunmore", "Glenside"), line(2, "Glenside", "Larkfield", code=CODES[1]))
    shelf.deposit(b"\x07" * 4, {("Dunmore", "EUR"): 123})
    return folder


@pytest.mark.parametrize("kind", ["trades", "deposit"])
def test_shelf_given_any_changed_byte_says_so_or_says_the_same(tmp_path: Path, kind: str) -> None:
    expected = whole(filled(tmp_path))
    (path,) = tmp_path.glob(f"{kind}-*")
    data = path.read_bytes()
    chance = random.Random(5)
    silent = 0
    places = range(chance.randrange(4), len(data), 4)
    for at in places:
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :])
        with contextlib.suppress(BookDamaged):
            assert whole(tmp_path) == expected, f"byte {at}"
            silent += 1
    assert silent < len(places) // 2


@pytest.mark.parametrize("kind", ["trades", "deposit"])
def test_shelf_given_a_file_cut_short_says_so(tmp_path: Path, kind: str) -> None:
    filled(tmp_path)
    (path,) = tmp_path.glob(f"{kind}-*")
    data = path.read_bytes()
    for size in (0, 1, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:size])
        with pytest.raises(BookDamaged, match="restore it from a backup") as caught:
            whole(tmp_path)
        assert (caught.value.exit_code, caught.value.path) == (3, str(path))


def test_shelf_given_a_file_under_anothers_name_or_a_gap_says_so(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    for number in (1, 2, 3):
        add(shelf, line(number, "Dunmore", "Glenside"))
    first, second, third = sorted(tmp_path.iterdir())
    kept = second.read_bytes()
    second.unlink()
    with pytest.raises(BookDamaged, match="no file number 2"):
        Shelf(tmp_path).files()
    second.write_bytes(third.read_bytes())
    with pytest.raises(BookDamaged, match="another file"):
        Shelf(tmp_path).files()
    second.write_bytes(kept)
    assert len(Shelf(tmp_path).files()) == 3
    assert first.exists()


def test_shelf_given_a_scenario_without_the_broker_says_so(tmp_path: Path) -> None:
    add(Shelf(tmp_path), line(1, "Dunmore", "Glenside"))
    fewer = tuple(each for each in SAMPLE.institutions if each.name != "Glenside")
    with pytest.raises(BookDamaged, match="Glenside is no broker"):
        Shelf(tmp_path).days("Dunmore", SAMPLE.model_copy(update={"institutions": fewer}))


KILLED = """
import os, signal, sys
from pathlib import Path
from settlement import files
from settlement.books.shelf import Shelf
from settlement.intake import parse_trades
from settlement.sample import generate
from settlement.scenario import load
def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(files.os, sys.argv[2], kill)
data, sample = generate(7), load("sample")
shelf = Shelf(Path(sys.argv[1]))
shelf.add(data, parse_trades(data, sample, source="x"), sample, source="x")
"""


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_shelf_given_a_kill_before_the_file_has_its_name_is_as_before_and_takes_it_again(
    tmp_path: Path, call: str
) -> None:
    folder = filled(tmp_path / "books")
    before = whole(folder)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), call], cwd=Path(files.__file__).parents[1]
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(list(folder.iterdir())) == 3
    assert whole(folder) == before
    data = generate(7)
    assert Shelf(folder).add(data, parse_trades(data, SAMPLE, source="x"), SAMPLE, source="x")
    assert [each.serial for each in Shelf(folder).files()] == [1, 2]
    assert len(list(folder.iterdir())) == 3


def test_shelf_given_a_full_disk_raises_unwritable_and_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = whole(filled(tmp_path))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("settlement.files.os.fsync", full)
    shelf = Shelf(tmp_path)
    with pytest.raises(FileUnwritable, match="No space left"):
        add(shelf, line(9, "Dunmore", "Glenside"))
    with pytest.raises(FileUnwritable, match="No space left"):
        shelf.deposit(b"\x09", {("Dunmore", "EUR"): 1})
    assert len(shelf.files()) == 1
    assert whole(tmp_path) == before


def test_shelf_given_a_file_in_the_folders_place_raises_typed_errors(tmp_path: Path) -> None:
    path = tmp_path / "books"
    path.write_text("x")
    with pytest.raises(FileUnreadable):
        Shelf(path).files()
    with pytest.raises(SettlementError):
        add(Shelf(path), line(1, "Dunmore", "Glenside"))
    with pytest.raises(FileUnwritable):
        Shelf(path).deposit(b"\x01", {})


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes and reads everywhere")
def test_shelf_given_a_folder_without_permissions_raises_typed_errors(tmp_path: Path) -> None:
    filled(tmp_path)
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(FileUnwritable):
            add(Shelf(tmp_path), line(9, "Dunmore", "Glenside"))
        tmp_path.chmod(0)
        with pytest.raises(FileUnreadable):
            Shelf(tmp_path).files()
    finally:
        tmp_path.chmod(0o700)

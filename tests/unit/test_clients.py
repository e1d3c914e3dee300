"""Allocations of trades to clients, from the file to the root.

split      ─ the parts of a side come to its amount, each its proportional part rounded down or up
generated  ─ the same bytes for a seed, of a trade by itself, too; uneven; read back without a refusal
reading    ─ known rows; each fault refused by its row; a side whole or not at all; both ways agree
leaf       ─ known bytes; columns and one by one the same; values that do not fit are refused
tree       ─ an independent Merkle tree; how many there are does not show; salts depend on secret and batch
kept       ─ written and read; merged; damaged; for the owner only; a secret that is gone
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from eth_utils import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import InvalidValue
from ledger.units import MAX_AMOUNT, MAX_QUANTITY, exact
from settlement import sample
from settlement.clients import committing, generated
from settlement.clients.columns import Allocations, Side, before, split_cumulative_down
from settlement.clients.kept import Kept
from settlement.clients.leaves import WIDTH, Leaf, encode, verify_leaf
from settlement.clients.reading import Read, parse
from settlement.errors import BookDamaged, FileEmpty, HeaderWrong, RowRefused
from settlement.intake import parse_trades
from settlement.model import Trades
from settlement.scenario import load

SAMPLE = load("sample")
DAY = sample.TRADING_DAY
HEADER = "trade_date,trade_no,side,broker,client,quantity"
A, B, C = SAMPLE.brokers[:3]


def day(count: int, seed: int = 7) -> Trades:
    data = sample.generate(seed, trades=count, scenario=SAMPLE)
    return parse_trades(data, SAMPLE, source="day").trades


def trades(*rows: tuple[int, str, str, int]) -> Trades:
    """(number, buyer, seller, quantity) each."""
    number, buyer, seller, quantity = zip(*rows, strict=True)
    zeros = np.zeros(len(rows), dtype=np.int32)
    return Trades(
        trading_day=DAY,
        parties=SAMPLE.brokers,
        securities=("S",),
        number=np.array(number, dtype=np.uint32),
        time=zeros,
        buyer=np.array([*map(SAMPLE.brokers.index, buyer)]),
        seller=np.array([*map(SAMPLE.brokers.index, seller)]),
        security=zeros,
        quantity=np.array(quantity, dtype=np.uint64),
        amount=exact([100] * len(rows)),
        line=zeros,
    )


THREE = trades((7, A, B, 100), (3, B, B, 5), (9, C, A, MAX_QUANTITY))


def read(*rows: str, **given: object) -> Read:
    return parse("\n".join([HEADER, *rows, ""]).encode(), THREE, source="f", **given)  # type: ignore[arg-type]


def refused(found: Read) -> list[tuple[int, str, str]]:
    return [(each.line, each.field, each.reason) for each in found.rejects]


@settings(max_examples=60, deadline=None)
@given(
    amount=st.integers(0, MAX_AMOUNT),
    parts=st.lists(st.integers(1, 2**61), min_size=1, max_size=7),
    small=st.booleans(),
)
def test_split_given_any_side_comes_to_its_amount(amount: int, parts: list[int], small: bool) -> None:
    if small:
        amount, parts = amount % 10**9, [1 + part % 1000 for part in parts]
    whole, rows = sum(parts), len(parts)
    quantity = exact(parts)
    start = before(np.full(rows, 5), quantity)
    assert start.tolist() == [sum(parts[:row]) for row in range(rows)]
    found = split_cumulative_down(exact([amount] * rows), exact([whole] * rows), start, quantity)
    assert sum(found.tolist()) == amount
    for value, part in zip(found.tolist(), parts, strict=True):
        assert value in (amount * part // whole, -(-amount * part // whole))


def test_before_given_several_sides_begins_anew_with_each() -> None:
    place, units = np.array([4, 4, 5, 9, 9, 9]), exact([3, 2, 7, 1, 2**62, 2**63])
    assert before(place, units).tolist() == [0, 3, 0, 0, 1, 1 + 2**62]
    assert before(place[:0], exact([])).tolist() == []


def test_generate_given_a_seed_has_known_bytes_and_uneven_clients() -> None:
    all_of = day(2000)
    data = generated.generate(7, all_of)
    known = "934771a069c122e8f02ff2b4fb61455a6e80992d2371e5ea49985e08f0b1004a"
    assert hashlib.sha256(data).hexdigest() == known
    found = parse(data, all_of, source="g", strict=True)
    sides = Counter(line.rsplit(b",", 3)[0] for line in data.splitlines()[1:])
    assert len(sides) == 2 * len(all_of)
    assert set(sides.values()) == {1, 2, 3, 4}
    for broker, own in found.allocations.items():
        most = Counter(own.client.tolist()).most_common(10)
        assert sum(count for _, count in most) > len(own) // 2, broker
        assert {len(name) for name in own.clients} <= set(range(10, 17))
    some = all_of.take(np.flatnonzero(all_of.number % 5 == 1))
    assert set(generated.generate(7, some).splitlines()) <= set(data.splitlines())


def test_parse_given_right_rows_has_them_by_broker_and_side() -> None:
    found = read(
        f"{DAY},7,SELL,{B},c2,100",
        f"{DAY},3,SELL,{B},c1,2",
        f"{DAY},7,BUY,{A},c9,60",
        f"{DAY},3,SELL,{B},c3,3",
        f"{DAY},3,BUY,{B},c1,5",
        f"{DAY},7,BUY,{A},c1,40",
        f"{DAY},9,BUY,{C},c1,{MAX_QUANTITY - 1}",
        f"{DAY},9,BUY,{C},c2,1",
    )
    assert refused(found) == []
    assert {*found.allocations} == {A, B, C}
    own = found.allocations[B]
    assert own.place.tolist() == [6, 7, 7, 15]
    assert own.of_side(7) == [("c1", 2), ("c3", 3)]
    assert found.allocations[A].of_side(14) == [("c9", 60), ("c1", 40)]
    assert found.allocations[C].of_side(18) == [("c1", MAX_QUANTITY - 1), ("c2", 1)]


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        (f"2024-03-15,7,BUY,{A},c,100", "trade_date", f"is not {DAY}, the trades' day"),
        (f"14.3.2024,7,BUY,{A},c,100", "trade_date", "is not a day as YYYY-MM-DD"),
        (f"{DAY},8,BUY,{A},c,100", "trade_no", "is none of the trades"),
        (f"{DAY},9999999999,BUY,{A},c,100", "trade_no", "is none of the trades"),
        (f"{DAY},7,buy,{A},c,100", "side", "is neither BUY nor SELL"),
        (f"{DAY},7,SELL,{A},c,100", "side", "is not the broker's"),
        (f"{DAY},7,BUY,{C},c,100", "broker", "is no party to the trade"),
        (f"{DAY},7,BUY,Nobody,c,100", "broker", "is no broker of the scenario"),
        (f"{DAY},7,BUY,{A},,100", "client", "is empty"),
        (f"{DAY},7,BUY,{A},{'c' * 32},100", "client", "is not a code of 1 to 31 printable ASCII characters"),
        (f"{DAY},7,BUY,{A},c,0", "quantity", "is nothing"),
        (f"{DAY},7,BUY,{A},c,1.5", "quantity", "is fractional, whole units are wanted"),
        (f"{DAY},7,BUY,{A},c,{2**64}", "quantity", f"is more than {MAX_QUANTITY:,}"),
        (f"{DAY},7,BUY,{A},c,99", "quantity", "with the rest of its side comes to 99, the trade has 100"),
        (f"{DAY},7,BUY,{A},c", "row", "has 5 fields, not 6"),
    ],
)
def test_parse_given_a_wrong_row_refuses_it_alone(row: str, field: str, reason: str) -> None:
    """Beside it stands a side that is right, which is taken."""
    found = read(f"{DAY},7,SELL,{B},c2,100", row)
    assert refused(found) == [(3, field, reason)]
    assert {*found.allocations} == {B}
    with pytest.raises(RowRefused):
        read(row, strict=True)


def test_parse_given_doubled_rows_or_sides_that_do_not_sum_refuses_what_is_too_much() -> None:
    twice = f"{DAY},7,BUY,{A},c,50"
    found = read(twice, twice, f"{DAY},7,BUY,{A},d,50", f"{DAY},3,BUY,{B},c,3", f"{DAY},3,BUY,{B},d,3")
    assert refused(found) == [
        (3, "client", "has a part of that side already"),
        (5, "quantity", "with the rest of its side comes to 6, the trade has 5"),
        (6, "quantity", "with the rest of its side comes to 6, the trade has 5"),
    ]
    assert found.allocations[A].of_side(14) == [("c", 50), ("d", 50)]
    assert B not in found.allocations
    huge = read(f"{DAY},9,BUY,{C},c,{MAX_QUANTITY}", f"{DAY},9,BUY,{C},d,{MAX_QUANTITY}")
    assert len(huge.rejects) == 2
    assert f"comes to {2 * MAX_QUANTITY:,}" in huge.rejects[0].reason


def test_parse_given_a_brokers_own_file_takes_its_own_only() -> None:
    own = f"trade_date,trade_no,side,client,quantity\n{DAY},7,BUY,c,100\n{DAY},3,BUY,c,5\n".encode()
    found = parse(own, THREE, source="f", broker=A)
    assert refused(found) == [(3, "broker", "is no party to the trade")]
    assert found.allocations[A].of_side(14) == [("c", 100)]
    with pytest.raises(HeaderWrong):
        parse(own, THREE, source="f")
    with pytest.raises(FileEmpty):
        parse(b"\n", THREE, source="f")
    assert refused(read(f"{DAY},7,SELL,{B},c,100", broker=A)) == [(2, "broker", f"is not {A}")]


def test_parse_given_affirmed_trades_takes_what_is_kept_and_nothing_else() -> None:
    kept = read(f"{DAY},7,BUY,{A},c,60", f"{DAY},7,BUY,{A},d,40").allocations[A]
    signed = {A: ([7], kept), B: ([7], None)}
    same = read(f"{DAY},7,BUY,{A},d,40", f"{DAY},7,BUY,{A},c,60", affirmed=signed)
    assert refused(same) == []
    other = read(f"{DAY},7,BUY,{A},c,100", f"{DAY},7,SELL,{B},c,100", affirmed=signed)
    assert [(line, field) for line, field, _ in refused(other)] == [(2, "trade_no"), (3, "trade_no")]


def test_parse_given_quotes_or_line_ends_of_another_system_reads_the_same() -> None:
    """A file that is not read in columns comes to the same allocations and refusals."""
    all_of = day(300)
    data = generated.generate(7, all_of).replace(b"2024-03-14,9,", b"2024-03-14,99999,")
    plain = parse(data, all_of, source="f")
    assert plain.rejects
    for other in (data.replace(b"\n", b"\r\n"), data.replace(b",BUY,", b',"BUY",'), b"\xef\xbb\xbf" + data):
        found = parse(other, all_of, source="f")
        assert (found.allocations, found.rejects) == (plain.allocations, plain.rejects)


LEAF = Leaf(b"\xaa" * 32, 3, 5, 7, Side.SELL, 60, 1 << 70, b"\xbb" * 32, "c9")


def test_leaf_given_values_has_known_bytes() -> None:
    expected = (
        *("05", "aa" * 32, "0003", "00000005", "00000007", "01", "000000000000003c"),
        *("00004000" + "00" * 7, "bb" * 32, "6339" + "00" * 30),
    )
    assert LEAF.encode().hex() == "".join(expected)
    assert len(LEAF.encode()) == WIDTH
    for name, value in (("quantity", -1), ("amount", MAX_AMOUNT + 1), ("salt", b"1"), ("client", "")):
        fields = {each: getattr(LEAF, each) for each in Leaf.__slots__} | {name: value}
        with pytest.raises(InvalidValue):
            Leaf(**fields).encode()


@pytest.mark.parametrize("amount", [1 << 70, 12345, MAX_AMOUNT])
def test_encode_given_columns_comes_to_the_leaves_one_by_one(amount: int) -> None:
    rows = [(5, 7, 1, 60, amount, "c9"), (6, 8, 0, MAX_QUANTITY, 3, "x" * 31)]
    position, trade, side, quantity, money, clients = zip(*rows, strict=True)
    columns = encode(
        b"\xaa" * 32,
        3,
        np.array(position),
        np.array(trade, dtype=np.uint32),
        np.array(side, dtype=np.uint8),
        np.array(quantity, dtype=np.uint64),
        exact(money),
        b"\xbb" * 32 + b"\xcc" * 32,
        np.array([each.encode() for each in clients]),
    )
    salts = (b"\xbb" * 32, b"\xcc" * 32)
    one_by_one = [
        Leaf(b"\xaa" * 32, 3, p, t, Side(s), q, m, salt, c).encode()
        for (p, t, s, q, m, c), salt in zip(rows, salts, strict=True)
    ]
    assert columns == one_by_one


def commit(count: int, secret: bytes = bytes(32), batch: bytes = b"b" * 32) -> committing.Committed:
    rows = Allocations(
        DAY,
        np.arange(count, dtype=np.uint32),
        np.zeros(count, dtype=np.uint8),
        np.ones(count, dtype=np.uint64),
        np.zeros(count, dtype=np.int32),
        ("c",),
    )
    ones = np.ones(count, dtype=np.int64)
    return committing._committed(batch, 3, np.arange(count), rows, ones, secret)


def independent_root(leaf: bytes, index: int, proof: tuple[bytes, ...]) -> bytes:
    """Of a full tree, by the bits of the place: RFC 9162's hashing with keccak256."""
    reached = keccak(b"\0" + leaf)
    for level, beside in enumerate(proof):
        pair = beside + reached if index >> level & 1 else reached + beside
        reached = keccak(b"\1" + pair)
    return bytes(reached)


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 33])
def test_tree_given_allocations_hides_how_many_there_are(count: int) -> None:
    found = commit(count)
    size = len(found.tree)
    assert size == max(16, 1 << (count - 1).bit_length())
    assert len({*found.places.tolist()}) == count
    for row in range(count):
        place = int(found.places[row])
        proof = found.tree.proof(place)
        leaf = found.leaf(row)
        assert 1 << len(proof) == size
        assert independent_root(leaf.encode(), place, proof) == found.tree.root
        assert verify_leaf(found.tree.root, place, leaf, proof)
        assert not verify_leaf(found.tree.root, place ^ 1, leaf, proof)
        assert not verify_leaf(found.tree.root, place, leaf, proof[:-1])
    assert len({found.leaf(row).salt for row in range(count)}) == count


def test_tree_given_another_secret_or_batch_shares_no_salt_and_no_place_is_the_rows() -> None:
    first, other, batch = commit(200), commit(200, b"\1" * 32), commit(200, batch=b"c" * 32)
    assert first.tree.root == commit(200).tree.root
    salts = [{each.salts[at : at + 32] for at in range(0, 6400, 32)} for each in (first, other, batch)]
    assert len(set.union(*salts)) == 600
    assert sorted(first.places.tolist()) != first.places.tolist() != other.places.tolist()
    assert max(first.places.tolist()) > 220  # all 256 places are drawn from


def test_kept_given_a_folder_keeps_whole_files_for_the_owner(tmp_path: Path) -> None:
    own = read(f"{DAY},7,BUY,{A},c,60", f"{DAY},7,BUY,{A},d,40", f"{DAY},9,SELL,{A},c,{MAX_QUANTITY}")
    kept = Kept(tmp_path / "clients", None)
    kept.keep(A, own.allocations[A])
    again = Kept(tmp_path / "clients", None)
    assert again.days() == [(A, DAY)]
    assert again.find(A, DAY) == own.allocations[A]
    assert again.find(B, DAY) is None
    assert again.secret(A) == kept.secret(A) != bytes(32)
    for path in (tmp_path / "clients").iterdir():
        assert path.stat().st_mode & 0o077 == 0, path
    assert (tmp_path / "clients").stat().st_mode & 0o077 == 0
    again.keep(A, read(f"{DAY},7,BUY,{A},e,100").allocations[A])
    merged = Kept(tmp_path / "clients", None).find(A, DAY)
    assert merged is not None
    assert merged.of_side(14) == [("e", 100)]
    assert merged.of_side(19) == [("c", MAX_QUANTITY)]
    (tmp_path / "clients" / f"{A}.salt").unlink()
    with pytest.raises(BookDamaged, match="is gone"):
        again.keep(A, own.allocations[A])


def _cut(data: bytes) -> bytes:
    return data[:-20]


def _flip(data: bytes) -> bytes:
    return data[:40] + bytes([data[40] ^ 1]) + data[41:]


@pytest.mark.parametrize("harm", [_cut, _flip, lambda _: b"nothing"], ids=["cut", "flipped", "other"])
def test_kept_given_a_damaged_file_says_so(tmp_path: Path, harm: Callable[[bytes], bytes]) -> None:
    kept = Kept(tmp_path)
    kept.keep(A, read(f"{DAY},7,BUY,{A},c,100").allocations[A])
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(harm(whole))
    with pytest.raises(BookDamaged):
        Kept(tmp_path).find(A, DAY)
    other = tmp_path / f"{B}-{DAY}.parquet"
    other.write_bytes(whole)
    with pytest.raises(BookDamaged, match="another broker's"):
        Kept(tmp_path).find(B, DAY)


def test_kept_given_no_secret_refuses_and_never_makes_one_by_itself(tmp_path: Path) -> None:
    kept = Kept(tmp_path, None)
    with pytest.raises(BookDamaged, match="is gone"):
        kept.secret(A)
    kept.secret(A, new=True)
    (path,) = tmp_path.iterdir()
    os.truncate(path, 31)
    with pytest.raises(BookDamaged, match="32 bytes"):
        kept.secret(A)
    assert Kept(None, "x").secret(A) != Kept(None, "x").secret(B) != Kept(None, "y").secret(B)

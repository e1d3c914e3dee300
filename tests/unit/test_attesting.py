"""Books signed on a ledger of three cycles, two of which settled the same trades in parts.

own book   ─ of each cycle what it settled, and just what the chain moved; what the ledger does not know, too
attest     ─ the root is on the ledger; again: nothing is sent; the book changed: another revision, both kept
kept       ─ read back as it was signed; any byte of the file changed shows, or is of no consequence
changed    ─ each field, an entry in, an entry out, a number, a balance; nothing where only the order changed
attributed ─ wrong when it was signed, or changed since; which of several books is asked
proofs     ─ written, read, checked; each part changed fails; other ledgers, other files
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from ledger.clients.consortium import TRANSIT
from settlement import sample
from settlement.attesting import cycles, proofs, signing
from settlement.attesting.attributing import attribute, explain
from settlement.attesting.comparing import ENTRY, Change, changed
from settlement.attesting.kept import Archive, SignedBook, decode, encode
from settlement.attesting.leaves import root
from settlement.conditions import say
from settlement.cycle import Cycle
from settlement.errors import BookDamaged, FileUnreadable, NameUnknown
from settlement.operations import Ledger
from settlement.reconciliation.entries import Entries
from settlement.reconciliation.model import Break, Kind
from settlement.scenario import Scenario, load
from settlement.sources import Balance
from settlement.words import Word
from tests.ledgers import in_memory
from tests.unit.report_days import record

DAY, WHO = sample.TRADING_DAY, "Aldersgate"


def with_securities(cover: str) -> Scenario:
    """The scenario, with a part only of the securities that its sellers need."""
    scenario = load("sample")
    opening = scenario.opening.model_copy(update={"securities": cover})
    return scenario.model_copy(update={"opening": opening})


@pytest.fixture(scope="module")
def ledger() -> Iterator[Ledger]:
    """Cycle 1 settles what can whole, 2 parts, 3 the rest."""
    with in_memory(with_securities("0.3"), DAY) as made:
        record(made, sample.generate(7, trades=60), DAY)
        for name, book in made.books.items():
            say(made, Word.ALLOW_PARTS, DAY, book.days[DAY].number.tolist(), name)
        with pytest.raises(NameUnknown, match="there are none"):
            cycles.closed_cycle(made)
        made.fund(1_000_000)
        made.settle()
        parts = Cycle(made.market, made.read, made.balances)
        parts.fill(lambda *_: True)
        # More comes while the cycle is open: some trades settle in two parts of it.
        made.market.scenario = with_securities("0.6")
        made.fund(1_000_000)
        parts.fill(lambda *_: True)
        parts.close()
        made.settled_by(parts.receipts)
        made.market.scenario = load("sample")
        made.fund(1_000_000)
        made.settle()
        yield made


@pytest.fixture(scope="module")
def signed(ledger: Ledger) -> SimpleNamespace:
    """Aldersgate's book of cycle 1, signed as it is."""
    archive = Archive()
    entries, balances = cycles.own_book(ledger, WHO, 1)
    done = signing.attest(ledger, archive, WHO, 1, entries, balances)
    [standing] = [each for each in signing.standing(ledger, archive, WHO) if each.cycle == 1]
    return SimpleNamespace(archive=archive, entries=entries, balances=balances, done=done, standing=standing)


def altered(entries: Entries, row: int, **values: object) -> Entries:
    """The entries with some columns of one row changed."""
    columns: dict[str, Any] = {}
    for name, value in values.items():
        columns[name] = np.array(getattr(entries, name))
        columns[name][row] = value
    return replace(entries, **columns)


def named(entries: Entries, row: int) -> int:
    return int(entries.number[row])


def test_own_book_given_each_cycle_is_what_it_settled(ledger: Ledger) -> None:
    history, market = ledger.read(), ledger.market
    venue = market.index[market.scenario.venue]
    [batch] = history.batches.values()
    assert len(batch.parts) > 20
    twice = Counter((part.transaction in history.cycles[venue, 2], part.position) for part in batch.parts)
    assert max(count for (second, _), count in twice.items() if second) == 2
    assert cycles.closed_cycle(ledger) == 3
    codes = {index: code for code, index in market.asset.items()}
    names = {index: name for name, index in market.index.items()}
    whole = dict.fromkeys(market.scenario.brokers, 0)
    for cycle in (1, 2, 3):
        rows = np.isin(history.movements.transaction, [np.void(t) for t in history.cycles[venue, cycle]])
        net = history.movements.take(rows).net(list(names), other=[TRANSIT])
        moved = {(names[who], codes[asset]): amount for (who, asset), amount in net.items() if amount}
        parts = {part.position for part in batch.parts if part.transaction in history.cycles[venue, cycle]}
        settled = {batch.settlements.index(t) for t in history.cycles[venue, cycle] if t in batch.settlements}
        there = parts | set(np.flatnonzero(np.isin(batch.settled_in, [*settled])).tolist())
        found = {}
        for name in market.scenario.brokers:
            entries, balances = cycles.own_book(ledger, name, cycle)
            own = {
                int(batch.records.number[i])
                for i in there
                if market.index[name] in (batch.records.buyer[i], batch.records.seller[i])
            }
            assert set(entries.number.tolist()) == own
            assert len(entries) == len(own)
            whole[name] += len(entries)
            found |= {(each.holder, each.asset): each.movements for each in balances}
        assert found == {place: amount for place, amount in moved.items() if place[0] in whole}
    assert sum(whole.values()) > 2 * len(batch.records)


def test_of_cycle_given_a_book_that_is_brought_leaves_out_other_cycles_only(ledger: Ledger) -> None:
    """What the ledger does not know stays: a number of its own, none, another day."""
    first, _ = cycles.own_book(ledger, WHO, 1)
    second, _ = cycles.own_book(ledger, WHO, 2)
    whole = Entries.joined([first, second])
    for change in ({"number": 999_999}, {"number": -1}, {"day": 20240101}):
        book = altered(whole, len(first), **change)
        kept = cycles.of_cycle(ledger, WHO, 1, book)
        assert kept.number.tolist() == [*first.number.tolist(), int(book.number[len(first)])]
    # A file of the whole market, in which one of its trades is somebody else's by mistake.
    market = Entries.joined([first, *(cycles.own_book(ledger, name, 1)[0] for name in ("Dunmore", WHO))])
    theirs = [row for row in range(len(market)) if row < len(first) or not market.of(WHO)[row]]
    market = altered(market.take(np.array(theirs)), 0, buyer=-1, seller=-1)
    assert cycles.of_cycle(ledger, WHO, 1, market).number.tolist() == first.number.tolist()


def test_closed_cycle_given_none_such_raises(ledger: Ledger) -> None:
    for wrong in (4, 99):
        with pytest.raises(NameUnknown, match="1, 2, 3"):
            cycles.closed_cycle(ledger, wrong)
    with pytest.raises(NameUnknown, match="Tidewater Bank"):
        cycles.own_book(ledger, "Tidewater Bank", 1)
    with pytest.raises(NameUnknown, match="Nobody"):
        signing.attest(ledger, Archive(), "Nobody", 1, Entries.nothing())


def test_attest_given_it_is_repeated_sends_nothing_and_a_change_is_another_revision(ledger: Ledger) -> None:
    archive = Archive()
    entries, balances = cycles.own_book(ledger, WHO, 2)
    seen = len(ledger.read().attested)
    first = signing.attest(ledger, archive, WHO, 2, entries, balances)
    assert first.receipt is not None
    again = signing.attest(ledger, archive, WHO, 2, entries.take(np.arange(len(entries))[::-1]), balances)
    assert (again.receipt, again.book.attestation) == (None, first.book.attestation)
    other = altered(entries, 0, quantity=1)
    second = signing.attest(ledger, archive, WHO, 2, other, balances, source="book.csv")
    assert second.book.attestation.revision == 2
    assert len(ledger.read().attested) == seen + 2
    one, two = signing.standing(ledger, archive, WHO)[-2:]
    assert (one.revision, two.revision) == (1, 2)
    assert (one.root, two.root) == (root(entries, balances), root(other, balances))
    assert one.block == first.receipt.block_number > one.prior_block
    assert one.size == len(entries) + len(balances)
    for each, book in ((one, entries), (two, other)):
        assert each.kept is not None
        assert changed(each.kept, book, balances) == []
        kept = ledger.market.clients.attestations.root_of(ledger.market.index[WHO], 1, 2, each.revision)
        assert (kept.root, kept.size, kept.block, kept.at) == (each.root, each.size, each.block, each.at)
    # The first was replaced, and the second is not of the shelf: of neither is said what changed since.
    assert list(signing.present_changes(ledger, [one, two])) == [None, None]
    assert list(signing.present_changes(ledger, [one])) == [[]]
    # On a machine that keeps no book the root is still there, and what is signed anew is a revision.
    assert [each.kept for each in signing.standing(ledger, Archive(), WHO)[-2:]] == [None, None]
    # Back to the first book is a third revision, and so is anything after it that is as it was.
    third = signing.attest(ledger, archive, WHO, 2, entries, balances)
    assert third.book.attestation.revision == 3
    # Where the book was lost the same root is signed once more, so that there is one again.
    assert signing.attest(ledger, Archive(), WHO, 2, entries, balances).book.attestation.revision == 4


def test_attest_given_a_book_without_entries_is_signed(ledger: Ledger) -> None:
    done = signing.attest(ledger, Archive(), "Eastlake", 1, *cycles.own_book(ledger, "Eastlake", 1))
    assert (done.book.attestation.size, len(done.book.entries)) == (0, 0)


def test_kept_book_given_any_byte_changed_is_refused_or_the_same(signed: SimpleNamespace) -> None:
    book: SignedBook = signed.done.book
    data = encode(book)
    back = decode(data, "file")
    assert back.tree.root == book.attestation.root
    assert (back.attestation, back.signature, back.source) == (book.attestation, book.signature, "")
    assert back.entries.line.tolist() == book.entries.line.tolist()
    assert (back.balances, back.prior_block_hash) == (book.balances, book.prior_block_hash)
    refused = 0
    for at in [*range(0, len(data), 97), len(data) - 1]:
        wrong = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        try:
            found = decode(wrong, "file")
        except BookDamaged:
            refused += 1
        else:
            assert found.leaves == book.leaves
            assert (found.attestation, found.signature) == (book.attestation, book.signature)
    assert refused > 40
    for wrong in (b"", b"PAR1", data[:-1], data[:100]):
        with pytest.raises(BookDamaged, match="file: is not what was kept: "):
            decode(wrong, "file")
    table = pq.read_table(BytesIO(data))
    note = table.schema.metadata[b"clearing"].replace(b'"source": ""', b'"source": "x"')
    file = BytesIO()
    pq.write_table(table.replace_schema_metadata({**table.schema.metadata, b"clearing": note}), file)
    with pytest.raises(BookDamaged, match="digest of its note"):
        decode(file.getvalue(), "file")
    # A whole and proper file of another book under this one's name.
    false = replace(book, entries=altered(book.entries, 0, quantity=1))
    with pytest.raises(BookDamaged, match="do not come to the root"):
        decode(encode(false), "file")


def test_kept_book_given_columns_of_every_kind_comes_back_whole(signed: SimpleNamespace) -> None:
    """Names not given, amounts beyond 64 bits, charges."""
    count = len(signed.entries)
    wide = altered(signed.entries, 0, seller=-1, currency=-1, number=-1)
    big = np.array([2**88 + i for i in range(count)], dtype=object)
    for entries in (
        replace(wide, amount=big, price=-big, commission=np.arange(count), levy=big, naming="{day}/{number}"),
        Entries.nothing(),
    ):
        balances = (Balance("revenue", WHO, "levy", None, 2**90, -1, 20240314, 3),)
        said = replace(
            signed.done.book.attestation, root=root(entries, balances), size=len(entries) + len(balances)
        )
        book = replace(signed.done.book, attestation=said, entries=entries, balances=balances)
        back = decode(encode(book), "file")
        assert back.leaves == book.leaves
        assert back.balances == balances
        assert back.entries.naming == entries.naming
        assert (back.entries.commission is None) == (entries.commission is None)


def test_changed_given_one_field_says_which_and_what(signed: SimpleNamespace) -> None:
    entries, balances = signed.entries, signed.balances
    name = str(named(entries, 0))

    def found(now: Entries, *others: Balance) -> list[Change]:
        return changed(signed.done.book, now, others or balances)

    assert found(entries.take(np.arange(len(entries))[::-1])) == []
    quantity, amount = int(entries.quantity[0]), int(entries.amount[0])
    buyer, seller = (entries.parties[int(code[0])] for code in (entries.buyer, entries.seller))
    for column, value, field, before, after in (
        ("quantity", 1, "quantity", quantity, 1),
        ("amount", amount + 1, "settlement_amount", amount, amount + 1),
        ("day", 20240315, "trading_day", 20240314, 20240315),
        ("settles", 20240315, "settlement_date", None, 20240315),
        ("number", 4_000, "trade_number", named(entries, 0), 4_000),
        ("buyer", -1, "buyer", buyer, None),
        ("seller", entries.buyer[0], "seller", seller, buyer),
    ):
        assert found(altered(entries, 0, **{column: value})) == [Change("trade", name, field, before, after)]
    both = altered(entries, 0, quantity=1, amount=5)
    assert {each.field for each in found(both)} == {"quantity", "settlement_amount"}
    [gone] = found(entries.take(np.arange(1, len(entries))))
    assert (gone.trade, gone.field, gone.present) == (name, ENTRY, None)
    assert isinstance(gone.signed, Mapping)
    assert gone.signed["quantity"] == quantity
    [twice] = found(Entries.joined([entries, entries.take(np.array([0]))]))
    assert (twice.trade, twice.field, twice.signed) == (name, ENTRY, None)
    more = replace(balances[0], movements=balances[0].movements + 1)
    place = f"{WHO} {balances[0].asset}"
    expected = Change(more.level, place, "movements", balances[0].movements, more.movements)
    assert found(entries, more, *balances[1:]) == [expected]


def made(kind: Kind, number: int, institution: str = WHO, **fields: tuple[object, object]) -> Break:
    sides: dict[str, Any] = {name: {"book": a, "ledger": b} for name, (a, b) in fields.items()}
    return Break(institution, "trade", kind, str(number), sides, 1, trading_day=DAY, numbers=(number,))


def test_attribute_given_a_break_says_whether_the_book_was_so_when_signed(
    ledger: Ledger, signed: SimpleNamespace
) -> None:
    entries, number = signed.entries, named(signed.entries, 0)
    quantity, block = int(entries.quantity[0]), signed.standing.block
    wrong = made(Kind.QUANTITY, number, quantity=(quantity, quantity + 1))
    [so] = attribute(wrong, signed.standing, entries, 2)
    begun = f"The book that {WHO} signed in block {block} (cycle 1, revision 1) had trade {number} with "
    assert (so.verdict, so.changes) == ("as_signed", ())
    assert so.said == f"{begun}quantity {quantity:,}, and so it is still."
    now = altered(entries, 0, quantity=5)
    [since] = attribute(made(Kind.QUANTITY, number, quantity=(5, quantity)), signed.standing, now, 2)
    assert since.verdict == "changed_since"
    assert since.changes == (Change("trade", str(number), "quantity", quantity, 5),)
    assert since.said.startswith(f"{begun}quantity {quantity:,}, and that was changed since: ")
    assert f"quantity is 5 now, and was {quantity:,}" in since.said
    [gone] = attribute(made(Kind.MISSING_HERE, number), signed.standing, entries.take(np.arange(1, 3)), 2)
    assert (gone.verdict, gone.changes[0].field) == ("changed_since", ENTRY)
    extra = altered(entries, 0, number=7_777)
    [put] = attribute(made(Kind.MISSING_THERE, 7_777), signed.standing, extra, 2)
    assert put.verdict == "changed_since"
    assert "had no trade 7777" in put.said
    [never] = attribute(made(Kind.MISSING_HERE, 7_778), signed.standing, entries, 2)
    assert never.verdict == "as_signed"
    day = made(Kind.DATE, number, trading_day=(20240315, 20240314))
    [moved] = attribute(day, signed.standing, altered(entries, 0, day=20240315), 2)
    assert [each.field for each in moved.changes] == ["trading_day"]
    assert attribute(replace(wrong, institution="Birchwood"), signed.standing, entries, 2) == []
    assert attribute(replace(wrong, level="cash"), signed.standing, entries, 2) == []
    assert attribute(wrong, replace(signed.standing, kept=None), entries, 2) == []
    # Asked of all its books: only that of the cycle which settled the trade answers.
    assert [
        each.cycle for each in explain(ledger, signing.standing(ledger, signed.archive), wrong, entries)
    ] == [1]
    second, _ = cycles.own_book(ledger, WHO, 2)
    other = made(Kind.QUANTITY, named(second, 0), quantity=(1, 2))
    assert explain(ledger, signing.standing(ledger, signed.archive), other, second) == []
    assert (
        explain(ledger, signing.standing(ledger, signed.archive), made(Kind.MISSING_THERE, 7_777), extra)
        == []
    )


def test_proof_when_any_part_is_changed_fails(ledger: Ledger, signed: SimpleNamespace) -> None:
    number = named(signed.entries, 0)
    proof = proofs.prove(ledger, signed.done.book, number)
    data = proofs.write(proof)
    assert proofs.read(data, "file") == proof
    found = proofs.check(ledger, proof)
    assert (found.reason, found.institution, found.block) == (None, WHO, signed.standing.block)
    [said] = proof.entries()
    assert (said["trade_number"], said["quantity"]) == (number, int(signed.entries.quantity[0]))
    [(index, leaf, path)] = proof.leaves
    other = ledger.market.index["Birchwood"]
    wrong: list[dict[str, Any]] = [
        *({"chain_id": 1}, {"contract": ledger.market.clients.clearing_house.address}),
        *({"institution": other}, {"institution": 999}, {"venue": other}, {"cycle": 2}, {"cycle": 9}),
        *({"revision": 2}, {"revision": 0}, {"size": proof.size + 1}, {"size": proof.size - 1}),
        *(
            {"root": bytes(32)},
            {"leaves": ((index + 1, leaf, path),)},
            {"leaves": ((index, leaf, path[1:]),)},
        ),
        {"leaves": ((index, leaf[:-1] + bytes([leaf[-1] ^ 1]), path),)},
        {"leaves": ((index, leaf, (bytes(32), *path[1:])),)},
        {"leaves": (*proof.leaves, (index, leaf, ()))},
    ]
    for change in wrong:
        assert proofs.check(ledger, replace(proof, **change)).reason is not None, change
    # A whole proof of a book that was never signed, under the signed one's name.
    false = replace(signed.done.book, entries=altered(signed.entries, 0, quantity=1))
    forged = proofs.prove(ledger, false, number)
    tree = false.tree
    forged = replace(forged, root=tree.root)
    assert "root on the ledger" in (proofs.check(ledger, forged).reason or "")
    assert "not under the root" in (proofs.check(ledger, replace(forged, root=proof.root)).reason or "")
    shown = json.loads(data)
    for name in shown:
        with pytest.raises(FileUnreadable, match="no proof"):
            proofs.read(json.dumps({key: value for key, value in shown.items() if key != name}).encode(), "f")
    row = shown["leaves"][0]
    for change in (
        *({"size": -1}, {"size": True}, {"size": "3"}, {"cycle": 2**64}, {"root": "zz"}, {"leaves": []}),
        *({"leaves": 3}, {"leaves": [3]}, {"leaves": [row | {"leaf": "00"}]}, {"format": "2"}),
        {"leaves": [row | {"proof": ["00"] * 65}]},
    ):
        with pytest.raises(FileUnreadable, match="no proof"):
            proofs.read(json.dumps(shown | change).encode(), "f")
    for junk in (b"[]", b"{", b"\xff", b"null", b"[" * 100_000):
        with pytest.raises(FileUnreadable, match="no proof"):
            proofs.read(junk, "f")
    with pytest.raises(NameUnknown, match="in the signed book"):
        proofs.prove(ledger, signed.done.book, 999_999)
    with pytest.raises(NameUnknown):
        proofs.prove(ledger, signed.done.book, number, 20240101)


def test_prove_given_a_number_twice_proves_each_entry(ledger: Ledger) -> None:
    entries, balances = cycles.own_book(ledger, "Birchwood", 1)
    twice = Entries.joined([entries, entries.take(np.array([0])), altered(entries, 0, quantity=1)])
    archive = Archive()
    done = signing.attest(ledger, archive, "Birchwood", 1, twice, balances, source="book.csv")
    proof = proofs.prove(ledger, done.book, named(entries, 0))
    assert len(proof.leaves) == len(set(proof.leaves)) > 2
    assert proofs.check(ledger, proof).reason is None

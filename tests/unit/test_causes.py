"""Causes of breaks: known answers, and planted mistakes that have to be found with what mends them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ledger.units import TIME_UNKNOWN
from settlement.reconciliation.causes import Known, causes
from settlement.reconciliation.model import Break, Cause, Kind
from tests.unit.breaks.kept import made

KNOWN = Known(
    commission=400,
    levy=15,
    parties=("Himal", "Himalaya", "Kali", "KALI", "Kalo", "44", "45"),
    securities=("NABIL", "NIBL"),
)


def differing(
    kind: Kind = Kind.QUANTITY, known: Known = KNOWN, **fields: tuple[Any, Any]
) -> tuple[Cause, ...]:
    """The causes of a break whose fields are (book, ledger)."""
    values = {name: {"book": book, "ledger": ledger} for name, (book, ledger) in fields.items()}
    return causes(made(kind=kind, fields=values), known)


def codes(found: tuple[Cause, ...]) -> list[str]:
    return [cause.code for cause in found]


@pytest.mark.parametrize(
    ("fields", "expected", "said"),
    [
        ({"quantity": (501, 510)}, ["swapped_digits"],
         "Quantity has two digits swapped (01 for 10): 501 for 510."),
        ({"quantity": (-510, 510)}, ["sign"], "Quantity has the other sign: -510 for 510."),
        ({"quantity": (5100, 510)}, ["unit"], "Quantity in another unit: 5,100 is 10 times 510."),
        ({"quantity": (1, 1000)}, ["unit"], "Quantity in another unit: 1,000 is 1,000 times 1."),
        ({"quantity": (540, 510)}, ["wrong_digit"], "Quantity has one wrong digit: 540 for 510."),
        ({"quantity": (5, 7)}, [], ""),
        ({"quantity": (123, 456)}, [], ""),
        ({"quantity": (1234, 1289)}, [], ""),
        ({"buyer": ("Kalo", "Kali")}, [], ""),
        ({"buyer": ("KALI", "Kali")}, [], ""),
        ({"quantity": (510, 0)}, [], ""),
        ({"quantity": (1 << 70, 10 << 70)}, ["unit"], None),
        ({"settlement_amount": (20400, 20000)}, ["gross_of_fee", "wrong_digit"],
         "Booked gross: 204.00 is 200.00 and the commission of 4.00."),
        ({"settlement_amount": (19985, 20000)}, ["gross_of_fee"],
         "Booked net: 199.85 is 200.00 less the levy of 0.15."),
        ({"settlement_amount": (20415, 20000)}, ["gross_of_fee"],
         "Booked gross: 204.15 is 200.00 and the commission and levy of 4.15."),
        ({"price": (5_125_000, 512_500_000)}, ["unit"],
         "Price in another unit: 512.50 is 100 times 5.125."),
        ({"settlement_date": (20261206, 20260612)}, ["day_month"],
         "Settlement date has day and month exchanged: 2026-12-06 for 2026-06-12."),
        ({"trading_day": (20261162, 20261126)}, [], ""),
        ({"trading_day": (20261112, 20261121)}, ["swapped_digits"], None),
        ({"buyer": ("Himall", "Himal")}, ["typo"],
         "Buyer is one letter away from the ledger's: Himall for Himal."),
        ({"buyer": ("himal ", "Himal")}, ["typo"], "Buyer is written otherwise: himal  for Himal."),
        ({"buyer": ("Kali", "Himal")}, [], ""),
        ({"security": ("NIBL", "NABIL")}, [], ""),
        ({"security": ("NABLI", "NABIL")}, ["typo"], None),
        ({"security": ("XYZ", "NABIL")}, [], ""),
        ({"seller": ("54", "45")}, ["swapped_digits"],
         "Seller has two digits swapped (54 for 45): 54 for 45."),
        ({"trade_number": (1243, 1234)}, ["swapped_digits"], None),
        ({"trade_number": (12334, 1234)}, ["typo"], "A digit too many or too few: 12334 for 1234."),
        ({"time": (1, 2)}, [], ""),
        ({"quantity": (None, 510)}, [], ""),
    ],
)  # fmt: skip
def test_causes_given_known_mistakes_are_named(fields: Any, expected: list[str], said: str | None) -> None:
    found = differing(**fields)
    assert codes(found) == expected
    if found:
        ((name, (book, ledger)),) = fields.items()
        mend = {"action": "replace", "side": "book", "trade": "12", name: ledger, "was": {name: book}}
        assert {cause.mend == mend for cause in found} == {True}
        assert said in (None, found[0].said)


def test_causes_given_what_follows_from_a_field_mends_both() -> None:
    (found,) = differing(quantity=(501, 510), settlement_amount=(50100, 51000))
    assert found.code == "swapped_digits"
    assert found.mend["quantity"] == 510
    assert found.mend["settlement_amount"] == 51000
    first, *single = differing(quantity=(501, 510), buyer=("Himall", "Himal"))
    assert "swapped" in first.said
    assert "letter" in first.said
    assert first.mend["was"] == {"quantity": 501, "buyer": "Himall"}
    assert codes(tuple(single)) == ["swapped_digits", "typo"]
    (partial,) = differing(quantity=(501, 510), settlement_amount=(7, 51000))
    assert "settlement_amount" not in partial.mend


def test_causes_given_whole_entries_are_named() -> None:
    (found,) = differing(Kind.WRONG_SIDE, buyer=("Kali", "Himal"), seller=("Himal", "Kali"))
    assert (found.code, found.mend["buyer"], found.mend["seller"]) == ("wrong_side", "Himal", "Kali")
    (found,) = causes(made(kind=Kind.DUPLICATE, fields={}))
    assert found.mend == {"action": "remove", "side": "book", "trade": "12", "keep": 1}
    surplus: Any = {"quantity": {"book": 7, "ledger": None}, "time": {"book": 1, "ledger": None}}
    (found,) = causes(made(kind=Kind.DUPLICATE, fields=surplus))
    assert found.mend["was"] == {"quantity": 7}
    times = {12: 34_000, 13: TIME_UNKNOWN}
    trades = {
        n: {"quantity": n * 10, "settlement_amount": n * 1000, "buyer": "x", "time": at}
        for n, at in times.items()
    }
    merged = made(kind=Kind.MERGED, numbers=(12, 13), fields={"quantity": {"book": 250, "ledger": 120}})
    assert "booked_together" not in codes(causes(merged)), "without the trades nobody knows the parts"
    found = causes(merged, Known(trades=trades))[0]
    assert found.said == "Trades 12, 13 were booked as one: 120 + 130 = 250."
    assert found.mend["into"] == [
        {"trade_number": 12, "quantity": 120, "settlement_amount": 12000, "time": 34_000},
        {"trade_number": 13, "quantity": 130, "settlement_amount": 13000},
    ]


def test_causes_given_three_sides_mend_the_odd_one() -> None:
    values = {"quantity": {"book": 510, "ledger": 501, "bank": 510}}
    each: Break = made(fields=values, sides=("book", "ledger", "bank"), odd="ledger")
    (found,) = causes(each)
    assert found.mend == {
        "action": "replace", "side": "ledger", "trade": "12", "quantity": 510, "was": {"quantity": 501},
    }  # fmt: skip
    cash = made("NPR", Kind.CLOSING, level="cash", trading_day=None, sides=("bank", "ledger"),
                fields={"closing": {"bank": -5000, "ledger": 5000}})  # fmt: skip
    (found,) = causes(cash)
    assert found.said == "Closing has the other sign: -50.00 for 50.00."
    assert found.mend == {"action": "replace", "side": "bank", "asset": "NPR", "closing": 5000}


@settings(max_examples=150, deadline=None)
@given(right=st.integers(10, 10**26), place=st.integers(0, 25), times=st.sampled_from((10, 100, 1000)))
def test_causes_given_a_planted_mistake_have_it(right: int, place: int, times: int) -> None:
    digits = str(right)
    i = place % (len(digits) - 1)
    swapped = int(digits[:i] + digits[i + 1] + digits[i] + digits[i + 2 :])
    other = int(digits[:i] + str((int(digits[i]) + 1) % 10) + digits[i + 1 :])
    for code, wrong in (
        ("swapped_digits", swapped),
        ("wrong_digit", other),
        ("unit", right * times),
        ("sign", -right),
        ("gross_of_fee", right + 415),
    ):
        if len(str(wrong)) < len(digits) or wrong == right:
            continue  # a zero that came first is no longer written
        found = differing(settlement_amount=(wrong, right))
        assert code in codes(found)
        assert {cause.mend["settlement_amount"] for cause in found} == {right}


@settings(max_examples=50, deadline=None)
@given(wrong=st.text("ab1", max_size=6), right=st.text("ab1", max_size=6))
def test_causes_given_names_never_propose_beyond_two_letters(wrong: str, right: str) -> None:
    assume(wrong != right)
    for cause in differing(Kind.COUNTERPARTY, buyer=(wrong, right)):
        assert abs(len(wrong) - len(right)) <= 2
        assert cause.mend["buyer"] == right

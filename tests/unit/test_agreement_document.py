"""An agreement's document: what it says, what it may not say, and its canonical form.

read        ─ the known file is the known terms; keys in any order, comments, spacing; residual; the whole
render      ─ the known terms are the known file; what is rendered is read back, and rendered again the same
differences ─ none where the terms are equal; each by the key that it is about
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.terms import MAX_UP_TO, Basis, Clause, Step, Terms, Tier
from settlement.agreements.checks import mistakes
from settlement.agreements.difference import differences
from settlement.agreements.document import render
from settlement.errors import Mistake
from tests import agreement_terms
from tests.unit.agreement_documents import FILE, NAMES, TERMS, refused, said


def test_read_given_the_known_file_is_the_known_terms() -> None:
    assert said(FILE) == TERMS
    assert mistakes(TERMS) == []


def test_render_given_the_known_terms_is_the_known_file() -> None:
    assert render(TERMS, NAMES) == FILE


@given(agreement_terms.terms())
@settings(max_examples=30, deadline=None)
def test_render_given_any_terms_is_read_back(terms: Terms) -> None:
    assert mistakes(terms) == []
    text = render(terms, agreement_terms.NAMES)
    assert said(text, agreement_terms.NAMES) == terms
    assert render(said(text, agreement_terms.NAMES), agreement_terms.NAMES) == text


class Amount(str):
    """A text in quotes."""


yaml.SafeDumper.add_representer(
    Amount, lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:str", str(value), style='"')
)


def shuffled(value: Any, draw: st.DrawFn) -> Any:
    """The same document, its keys in another order; whatever was quoted stays quoted."""
    if isinstance(value, dict):
        return {key: shuffled(value[key], draw) for key in draw(st.permutations(list(value)))}
    if isinstance(value, list):
        return [shuffled(each, draw) for each in value]
    if isinstance(value, dt.datetime):
        return Amount(value.strftime("%Y-%m-%dT%H:%M:%SZ"))
    return Amount(value) if isinstance(value, str | dt.date) else value


@given(agreement_terms.terms(), st.data())
@settings(max_examples=12, deadline=None)
def test_render_given_the_file_in_another_order_and_style_is_the_same(
    terms: Terms, data: st.DataObject
) -> None:
    text = render(terms, agreement_terms.NAMES)
    other = data.draw(st.composite(lambda draw: shuffled(yaml.safe_load(text), draw))())
    style = data.draw(st.booleans())
    spaced = yaml.safe_dump(other, default_flow_style=style, sort_keys=False, indent=4, width=60)
    commented = re.sub(r"^", "# a remark\n\n", spaced) + "\n# the end\n"
    assert render(said(commented, agreement_terms.NAMES), agreement_terms.NAMES) == text


def test_read_given_a_residual_is_what_the_others_leave() -> None:
    text = FILE.replace("Compass Data, share_ppm: 850000", "Compass Data, residual: true")
    assert said(text) == TERMS


def test_read_given_no_rate_is_the_whole() -> None:
    rest = [
        replace(TERMS, clauses=(Clause(Basis.COMMISSION, (Tier(MAX_UP_TO, 1_000_000),), (Step(0, (0, 0)),)),))
    ]
    text = re.sub(r"(?s)    tiers:.*?    shares:.*?guarantees", "    shares: []\nguarantees", FILE, count=1)
    assert said(text) == rest[0]


def test_read_given_a_mark_that_follows_the_value_resets() -> None:
    found = said(FILE.replace("high_water_mark", "opening_value"))
    assert found.clauses[2].resets
    assert "opening_value: 10000" in render(found, NAMES)


def test_read_given_a_currency_without_decimals_takes_none() -> None:
    text = FILE.replace("EUR", "JPY").replace('.00"', '"').replace('"12.50"', '"12.5"')
    found = said(text)
    assert found.clauses[0].cap == 50_000
    assert found.clauses[4].tiers[0].rate_ppm == 12_500_000
    assert 'price: "12.5"' in render(found, NAMES)
    assert refused(text.replace('"50000"', '"50000.5"'))[0].key == "clauses[0].cap"


def test_effective_given_consent_or_a_moment_is_read_back() -> None:
    for given_text, seconds in (("on_consent", 0), ("2020-01-01T09:30:00Z", 1_577_871_000)):
        text = FILE.replace("2020-01-01", given_text)
        assert said(text).effective_from == seconds
        assert render(said(text), NAMES) == text
        assert said(text.replace(given_text, f'"{given_text}"')).effective_from == seconds


def test_effective_given_the_time_is_not_in_the_past() -> None:
    assert said(FILE, now_s=1_577_836_800) == TERMS
    assert refused(FILE, now_s=1_577_836_801) == (
        Mistake(5, "effective", "is in the past: on the ledger it is 2020-01-01T00:00:01Z"),
    )


@given(agreement_terms.terms(), agreement_terms.terms())
@settings(max_examples=10, deadline=None)
def test_differences_given_any_two_are_none_only_where_the_terms_are_equal(one: Terms, other: Terms) -> None:
    assert differences(one, one, agreement_terms.NAMES) == []
    assert (differences(one, other, agreement_terms.NAMES) == []) == (one == other)


def test_differences_given_two_versions_name_what_is_said_otherwise() -> None:
    text = FILE.replace("version: 2", "version: 3").replace("share_ppm: 350000", "share_ppm: 360000")
    text = text.replace("high_water_mark: 10000", "opening_value: 10000")
    text = re.sub(r"(?s)  - basis: subscription.*?  - basis: usage", "  - basis: usage", text)
    assert [tuple(each) for each in differences(TERMS, said(text), NAMES)] == [
        ("version", "2", "3"),
        (
            "clauses[management_fee AUM].shares.steps[1].shares[Lantern Platform].share_ppm",
            "350000",
            "360000",
        ),
        ("clauses[performance AUM].opening_value", None, "10000"),
        ("clauses[performance AUM].high_water_mark", "10000", None),
        (
            "clauses[subscription]",
            '{basis: subscription, amount: "500.00", shares: [{party: Compass Data, share_ppm: 1000000}]}',
            None,
        ),
    ]

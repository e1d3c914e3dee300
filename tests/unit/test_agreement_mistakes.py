"""What an agreement's document may not say.

one mistake   ─ names its key and its line, whatever it is
several       ─ all at once, in the order of the lines
too many      ─ parties, measures, clauses, guarantees, tiers, steps, words
no document   ─ nothing, a list, no YAML, an anchor; anything at all where something else is wanted
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.terms import MAX_UP_TO, Basis, Clause, Measure, Step, Terms, Tier
from settlement.agreements.document import Names, read, render
from settlement.errors import AgreementInvalid
from tests.unit.agreement_documents import FILE, NAMES, TERMS, refused, said

SHARE = "{party: Lantern Platform, share_ppm: 150000}"
TIERS = '{up_to: "100000.00", rate_ppm: 200000}'
USERS = "{name: USERS, reporter: Lantern Platform, countersigner: Aldersgate}"


@pytest.mark.parametrize(
    ("old", "new", "key", "reason"),
    [
        ("version: 2", "version: 0", "version", "must be at least 1, not 0"),
        ("version: 2", "version: 4294967296", "version", "must be at most 4,294,967,295"),
        ("version: 2", 'version: "2"', "version", "whole number without quotes"),
        ("notice_days: 90", "", "notice_days", "is missing"),
        ("notice_days: 90", "notice_days: -1", "notice_days", "must be at least 0"),
        ("notice_days: 90", "notice_days: 90\nnotice: 1", "notice", "did you mean notice_days?"),
        ("agreement: platform", f"agreement: {'x' * 33}", "agreement", "1 to 32 printable ASCII"),
        ("agreement: platform", "agreement: platförm", "agreement", "1 to 32 printable ASCII"),
        ("agreement: platform", "agreement: 7", "agreement", 'must be text: write it in quotes, "7"'),
        ("payer: Aldersgate", "payer: Aldersgat", "payer", "did you mean Aldersgate?"),
        ("payer: Aldersgate", "payer: Compass Data", "parties[1]", "is the payer, which keeps"),
        ("EUR", "NPR", "currency", "the ledger has no currency 'NPR'; there are EUR, JPY"),
        ("quarter", "quarterly", "period", "must be one of month, quarter, half_year, year"),
        ("2020-01-01", "2020-02-30", "effective", "must be a date or a moment"),
        ("2020-01-01", "1970-01-01", "effective", "must be a date or a moment"),
        ("2020-01-01", "5000-01-01", "effective", "times go up to the year 4147"),
        ("2020-01-01", "2020-01-01T09:00:00+02:00", "effective", "must be a date or a moment"),
        ("[Lantern Platform, Compass Data]", "[]", "parties", "1 to 24 are wanted, not 0"),
        (
            "[Lantern Platform, Compass Data]",
            "[Lantern Platform, Compass Data, Nobody]",
            "parties[2]",
            "there is no",
        ),
        (
            "[Lantern Platform, Compass",
            "[Lantern Platform, Lantern Platform, Compass",
            "parties[1]",
            "already",
        ),
        ("[Lantern Platform, Compass Data]", "Lantern Platform", "parties", "must be a list"),
        ("reserve_account: Revenue Reserve\n", "", "clauses[0].reserve", "needs a reserve_account"),
        ("reserve_account: Revenue Reserve", "reserve_account: Compass Data", "parties[1]", "account of the"),
        (
            "countersigner: Aldersgate",
            "countersigner: Lantern Platform",
            "measures[0].countersigner",
            "itself",
        ),
        (", countersigner: Aldersgate", "", "measures[0].countersigner", "is missing"),
        (USERS, "{name: USERS, calculation_agent: Aldersgate}", "measures[0].calculation_agent", "neither"),
        ("name: UNITS", "name: AUM", "measures[2].name", "AUM is there already, measures[1]"),
        ("{name: USERS", f"{{name: {'U' * 29}", "measures[0].name", "1 to 28 printable ASCII"),
        ("basis: commission", "basis: comission", "clauses[0].basis", "did you mean commission?"),
        ("basis: commission", "basis: commission\n    measure: AUM", "clauses[0].measure", "is no key here"),
        (
            "basis: commission",
            "basis: commission\n    day_count: ACT/360",
            "clauses[0].day_count",
            "nothing here",
        ),
        ("rate_ppm: 200000", "rate_ppm: 1000001", "clauses[0].tiers.rates[0].rate_ppm", "at most 1,000,000"),
        ("rate_ppm: 200000", "rate_ppm: -1", "clauses[0].tiers.rates[0].rate_ppm", "at least 0"),
        ("rate_ppm: 200000", "rate_ppm: 20.5", "clauses[0].tiers.rates[0].rate_ppm", "not 20.5"),
        (", rate_ppm: 200000", "", "clauses[0].tiers.rates[0].rate_ppm", "is missing"),
        (TIERS, f"{TIERS}\n        - {TIERS}", "clauses[0].tiers.rates[1].up_to", "from small to large"),
        (TIERS, "{up_to: null, rate_ppm: 1}", "clauses[0].tiers.rates[0].up_to", "only the last tier"),
        (
            "up_to: null, rate_ppm: 300000",
            'up_to: "200000.00", rate_ppm: 300000',
            "clauses[0].tiers.rates[1].up_to",
            "without bound",
        ),
        (
            "up_to: null, rate_ppm: 300000",
            "rate_ppm: 300000",
            "clauses[0].tiers.rates[1].up_to",
            "is missing",
        ),
        ('"100000.00", rate', "100000, rate", "clauses[0].tiers.rates[0].up_to", "amount in quotes"),
        ('"100000.00", rate', '"-1.00", rate', "clauses[0].tiers.rates[0].up_to", "amount in quotes"),
        ('"100000.00", rate', '"1.001", rate', "clauses[0].tiers.rates[0].up_to", "at most 2 digits"),
        ('"100000.00", rate', f'"{2**96}", rate', "clauses[0].tiers.rates[0].up_to", "must be at most"),
        (
            "rate_ppm: 200000}",
            'rate_ppm: 1, flat: "1.00"}',
            "clauses[0].tiers.rates[0].flat",
            "nothing has been earned",
        ),
        (
            "kind: graduated\n",
            "kind: graduated\n      by: AUM\n",
            "clauses[0].tiers.by",
            "by a measure they are slab",
        ),
        ("kind: graduated", "kind: stepped", "clauses[0].tiers.kind", "must be one of slab, graduated"),
        ("by: UNITS", "by: UNIT", "clauses[4].tiers.by", "none of the measures (did you mean UNITS?)"),
        ("measure: UNITS, above", "measure: UNIT, above", "clauses[0].reserve.unless.measure", "none of the"),
        ("to: Compass Data}", "to: Plumbline Audit}", "clauses[0].reserve.unless.to", "none of the parties"),
        ("rate_ppm: 50000\n", "rate_ppm: 0\n", "clauses[0].reserve.rate_ppm", "at least 1"),
        (
            "release_after_periods: 4",
            "release_after_periods: 256",
            "clauses[0].reserve.release_after_periods",
            "at most 255",
        ),
        ('floor: "1000.00"', 'floor: "50000.01"', "clauses[0].floor", "is above the cap"),
        ('floor: "1000.00"', f'floor: "{10**30}"', "clauses[0].floor", "must be at most"),
        ('cap: "50000.00"', 'cap: "0.00"', "clauses[0].cap", "must be above 0"),
        (SHARE, f"{SHARE}\n      - {SHARE}", "clauses[0].shares[1].party", "has a share here already"),
        (
            SHARE,
            "{party: Lantern Platform, share_ppm: 150001}",
            "clauses[0].shares",
            "1,000,001 ppm, more than",
        ),
        (SHARE, "{party: Lantern Platform, share_ppm: 1000001}", "clauses[0].shares[0].share_ppm", "at most"),
        (SHARE, "{party: Lantern Platform, share_ppm: -1}", "clauses[0].shares[0].share_ppm", "at least 0"),
        (SHARE, "{party: Aldersgate, share_ppm: 1}", "clauses[0].shares[0].party", "is the payer"),
        (
            SHARE,
            "{party: Plumbline Audit, share_ppm: 1}",
            "clauses[0].shares[0].party",
            "none of the parties",
        ),
        (
            SHARE,
            "{party: Lantern Platform, residual: maybe}",
            "clauses[0].shares[0].residual",
            "must be true",
        ),
        (
            SHARE,
            "{party: Lantern Platform, residual: true, share_ppm: 1}",
            "clauses[0].shares[0].residual",
            "instead",
        ),
        (SHARE, "12", "clauses[0].shares[0]", "must be a mapping of keys, not 12"),
        ("    day_count: ACT/365\n", "", "clauses[1].day_count", "is missing"),
        ("    day_count: 30/360\n", "", "clauses[2].day_count", "is missing"),
        ("    hurdle_ppm: 40000\n", "", "clauses[2].day_count", "nothing here is a rate a year"),
        ("hurdle_ppm: 40000", "hurdle_ppm: 1000001", "clauses[2].hurdle_ppm", "at most 1,000,000"),
        ("    rate_ppm: 15000\n", "", "clauses[1].rate_ppm", "is missing, or tiers"),
        ("high_water_mark: 10000", "", "clauses[2].high_water_mark", "is missing"),
        (
            "high_water_mark: 10000",
            "high_water_mark: 1\n    opening_value: 1",
            "clauses[2].opening_value",
            "instead",
        ),
        ("above: 1000000", "above: 0", "clauses[1].shares.steps[1].above", "must be above the step before"),
        ("      by: USERS\n", "", "clauses[1].shares.steps[1].from", "is missing"),
        ("from: 2027-01-01", "above: 7", "clauses[2].shares.steps[1].from", "is missing"),
        (
            "        - from: 2027-01-01\n          shares: []\n",
            "",
            "clauses[2].shares.steps",
            "one step goes by",
        ),
        ('amount: "500.00"', 'price: "500.00"', "clauses[3].amount", "is missing, or tiers"),
        ('amount: "500.00"', f'amount: "{2**96}"', "clauses[3].amount", "must be at most"),
        ('price: "12.50"', 'price: "12.123456789"', "clauses[4].tiers.rates[0].price", "at most 8 digits"),
        ('price: "12.50"', 'price: "184467440737.09551616"', "clauses[4].tiers.rates[0].price", "at most"),
        ("promised: 500000", "promised: 0", "guarantees[0].promised", "at least 1"),
        ("promised: 500000", f"promised: {2**64}", "guarantees[0].promised", "must be at most"),
        ('{per_unit: "0.05", flat: "100.00", cap', "{cap", "guarantees[0].clawback", "comes to nothing"),
    ],
)
def test_read_given_one_mistake_names_its_key_and_line(old: str, new: str, key: str, reason: str) -> None:
    assert FILE.count(old) >= 1, old
    text = FILE.replace(old, new, 1)
    found = {mistake.key: mistake for mistake in refused(text)}
    assert key in found
    assert reason in found[key].reason
    last = re.split(r"[.\[]", key.rstrip("]"))[-1]
    line = text.splitlines()[found[key].line - 1]
    assert found[key].reason.startswith(("is missing", "needs")) or last in line or last.isdigit()


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("[Lantern Platform, Compass Data]", "Lantern Platform", "parties"),
        ("[Lantern Platform, Compass Data]", "[Lantern Platfrom, Compass Data]", "parties[0]"),
        ("EUR", "NPR", "currency"),
    ],
)
def test_read_given_a_mistake_that_others_hang_on_says_that_one_only(old: str, new: str, key: str) -> None:
    assert [each.key for each in refused(FILE.replace(old, new, 1))] == [key]


def test_read_given_another_step_first_above_is_refused() -> None:
    text = FILE.replace("        - shares:\n", "        - above: 4\n          shares:\n", 1)
    assert [(each.key, each.reason) for each in refused(text)] == [
        ("clauses[1].shares.steps[0].above", "the first step takes all below the second")
    ]


def test_read_given_two_residuals_or_nothing_left_is_refused() -> None:
    both = FILE.replace("share_ppm: 150000", "residual: true").replace("share_ppm: 850000", "residual: true")
    assert "Lantern Platform has what is left already" in refused(both)[0].reason
    none = FILE.replace("share_ppm: 150000", "share_ppm: 1000000").replace(
        "share_ppm: 850000", "residual: true"
    )
    assert [each.key for each in refused(none)] == ["clauses[0].shares"]


def test_read_given_too_many_of_anything_is_refused() -> None:
    names = Names({f"P{n}": n for n in range(1, 30)}, {"EUR": 0x8000})
    one = Clause(Basis.SUBSCRIPTION, (Tier(MAX_UP_TO, 0, 1),), (Step(0, (0,) * 25),))
    steps = tuple(Step(n, (0,) * 25) for n in range(9))
    tiers = (*(Tier(n, 1) for n in range(16)), Tier(MAX_UP_TO, 1))
    measures = tuple(Measure(f"M{n}", 2, 1) for n in range(17))
    terms = Terms(1, 0x8000, "x", tuple(range(2, 27)), (one,) * 17, measures=measures)
    big = replace(terms, clauses=(replace(one, tiers=tiers, steps=steps, step_by=1),))
    promises = replace(terms, clauses=(one,), guarantees=(TERMS.guarantees[0],) * 17, parties=(2,))
    found = {}
    for each in (terms, big, promises):
        with pytest.raises(AgreementInvalid) as error:
            said(render(each, names), names)
        found |= {mistake.key: mistake.reason for mistake in error.value.mistakes}
    assert found["parties"] == "1 to 24 are wanted, not 25"
    assert found["clauses"] == "1 to 16 are wanted, not 17"
    assert found["measures"] == found["guarantees"] == "16 are what there can be"
    assert found["clauses[0].tiers.rates"] == "1 to 16 are wanted, not 17"
    assert found["clauses[0].shares.steps"] == "1 to 8 are wanted, not 9"


def test_read_given_more_words_than_terms_can_have_is_refused() -> None:
    names = Names({f"P{n}": n for n in range(1, 30)}, {"EUR": 0x8000})
    steps = tuple(Step(n, (0,) * 24) for n in range(8))
    one = Clause(Basis.SUBSCRIPTION, (Tier(MAX_UP_TO, 0, 1),), steps, step_by=1)
    terms = Terms(1, 0x8000, "x", tuple(range(2, 26)), (one,) * 8, measures=(Measure("M", 2, 1),))
    with pytest.raises(AgreementInvalid, match="comes to 285 words, 255 are what terms can have"):
        said(render(terms, names), names)


def test_read_given_several_mistakes_says_all_in_the_order_of_lines() -> None:
    text = FILE.replace("notice_days: 90", "notice_dys: 90").replace("share_ppm: 850000", "share_ppm: 950000")
    text = text.replace("up_to: 100,", "up_to: -1,").replace('flat: "100.00"', "flat: 100")
    found = refused(text)
    assert [(each.line, each.key) for each in found] == [
        (1, "notice_days"),
        (7, "notice_dys"),
        (27, "clauses[0].shares"),
        (64, "clauses[4].tiers.rates[0].up_to"),
        (72, "guarantees[0].clawback.flat"),
    ]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "holds no YAML document"),
        (b"[1, 2]", "an agreement is a mapping of keys"),
        (b"a: [", "is not YAML"),
        (b"\xff", "is not UTF-8"),
        (b"a: &x 1", "anchors are not read here"),
        (b"agreement: x\nagreement: y", "is given twice, first on line 1"),
    ],
)
def test_read_given_no_document_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(AgreementInvalid, match=re.escape(reason)):
        read(data, "file.yaml", NAMES)


_ANYTHING = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["basis", "by", "steps", "rates", "name", "party"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@given(_ANYTHING, st.sampled_from(sorted(yaml.safe_load(FILE))))
@settings(max_examples=25, deadline=None)
def test_read_given_anything_at_a_key_is_terms_or_a_typed_error(value: Any, key: str) -> None:
    document = json.loads(json.dumps(yaml.safe_load(FILE), default=str)) | {key: value}
    with suppress(AgreementInvalid):
        said(json.dumps(document))

"""Questions of revenue, agreements, breaks and approvals on a ledger, each against another computation.

revenue    ─ accruals as `one_day` splits them; everything as `replaying` has it; sums; filters; pages
payments   ─ of what settled nothing, as the register moved it
commission ─ a trade's on its way: totals, what each party was paid, what its payer kept, the levy
agreements ─ versions, consents, status; consents, withdrawn ones, too
breaks     ─ as the store keeps them; with the trade; approvals
access     ─ a broker, a partner, a stranger, who is masked
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from ledger.errors import InvalidValue
from settlement.agreements.facts import facts
from settlement.agreements.replaying import replay
from settlement.audit.access import Access
from settlement.audit.filters import NONE, Filters
from settlement.audit.questions.breaks import approvals, breaks, breaks_of
from settlement.audit.questions.movements import movements
from settlement.audit.questions.revenue import agreements, charges, revenue
from settlement.audit.questions.trades import trades
from settlement.audit.session import Audit
from settlement.audit.views import VIEWS
from settlement.breaks.store import Breaks
from settlement.errors import NameUnknown
from settlement.fees import VenueSchedule
from settlement.fees import commission as charged
from settlement.fees import levy as levied
from settlement.report.one_day import accrued
from tests.unit.audit.revenue_story import FIRST, LATER, Q4, Story


def rows(table: Any) -> list[dict[str, Any]]:
    return list(table.to_pylist())


def test_revenue_given_accruals_is_what_the_days_report_splits(story: Story, audit: Audit) -> None:
    history = story.ledger.read()
    names = {index: name for name, index in story.ledger.market.index.items()}
    order = {hashed: place for place, hashed in enumerate(history.blocks)}
    ought = Counter(
        (
            *(order[each.transaction], each.agreement_id, each.payer, each.party, each.share_ppm),
            *(each.total_before, each.total_after, each.amount),
        )
        for each in accrued(history, names)
    )
    found = Counter[Any]()
    for row in rows(revenue(audit, kind=["accrual"]).table):
        hashed = bytes.fromhex(row["transaction_hash"][2:])
        amounts = (int(row[f"{name}_minor"]) for name in ("total_before", "total_after", "paid"))
        who = row["agreement"], row["payer"], row["party"], row["share_ppm"]
        found[(order[hashed], *who, *amounts)] += 1
        assert row["block"] == history.blocks[hashed]
    assert found
    # A reserve's account of nothing is a party in the one and none in the other.
    assert {each for each in found if each[-1]} == {each for each in ought if each[-1]}
    assert set(found) <= set(ought)


def test_revenue_given_everything_is_what_is_replayed_and_filters_take_parts_of_it(
    story: Story, audit: Audit
) -> None:
    history, index = story.ledger.read(), story.ledger.market.index
    names = {number: name for name, number in index.items()}
    ought = Counter[Any]()
    for agreement, of in facts(history.revenue, history.blocks).agreements.items():
        for each in replay(of):
            for who, amount in each.earned().items():
                ought[agreement, names[who], history.blocks[each.fact.transaction]] += amount
    everything = revenue(audit)
    found = Counter[Any]()
    for row in rows(everything.table):
        found[row["agreement"], row["party"], row["block"]] += int(row["amount_minor"])
    assert {key: amount for key, amount in found.items() if amount} == {
        key: amount for key, amount in ought.items() if amount
    }
    assert {row["kind"] for row in rows(everything.table)} == {"accrual", "clause", "guarantee", "release"}
    assert all(row["why"] for row in rows(everything.table))
    sums = {row["party"]: int(row["amount_minor"]) for row in rows(revenue(audit, by=["party"]).table)}
    assert sums == {
        party: sum(amount for key, amount in ought.items() if key[1] == party)
        for party in {key[1] for key in found}
    }
    assert sum(sums.values()) == sum(ought.values())
    every = rows(everything.table)
    for asked, column, value in (
        ({"payer": "Aldersgate"}, "payer", "Aldersgate"),
        ({"party": "Compass Data"}, "party", "Compass Data"),
        ({"agreement": "platform"}, "agreement_name", "platform"),
        ({"period": "2019Q4"}, "period", "2019Q4"),
        ({"cycle": 1}, "cycle", 1),
    ):
        assert rows(revenue(audit, **asked).table) == [row for row in every if row[column] == value]  # type: ignore[arg-type]
    pages, after = [], None
    while True:
        page = revenue(audit, Filters(limit=7, after=after))
        assert page.total == len(every)
        pages += rows(page.table)
        if (after := page.next) is None:
            break
    assert pages == every


def test_payments_given_a_run_are_what_the_register_moved(story: Story, audit: Audit) -> None:
    history, cash = story.ledger.read(), story.ledger.market.cash_asset
    names = {0: ""} | {number: name for name, number in story.ledger.market.index.items()}
    paid: dict[bytes, Counter[str]] = {}
    for row in rows(audit.table("select * from payments")):
        hashed = bytes.fromhex(row["transaction_hash"][2:])
        paid.setdefault(hashed, Counter())[row["institution"]] += int(row["amount_minor"])
    settled = {event.transaction for event in history.netting_sets}
    assert len(paid.keys() - settled) == 2
    for hashed in paid.keys() - settled:
        moved, ought = history.movements.of(hashed), Counter[str]()
        for sender, receiver, asset, amount in zip(
            moved.sender, moved.receiver, moved.asset, moved.amount, strict=True
        ):
            assert asset == cash
            ought[names[int(sender)]] -= int(amount)
            ought[names[int(receiver)]] += int(amount)
        assert {who: amount for who, amount in paid[hashed].items() if amount} == {
            who: amount for who, amount in ought.items() if amount
        }


def way(audit: Audit, name: str) -> list[dict[str, Any]]:
    return rows(revenue(audit, trade=name).table)


def test_commission_given_trade_says_where_each_unit_went(story: Story, audit: Audit) -> None:
    schedule = VenueSchedule.of(story.ledger.market.scenario)

    def fee(amount: int) -> int:
        return int(charged(schedule, [amount])[0])

    # Birchwood's second trade settled alone of its own: all that it gave was of this trade.
    found = [row for row in way(audit, "2019-11-05/1") if row["payer"] == "Birchwood"]
    before, after = fee(1_000_000), fee(1_000_000) + fee(5_000_100)
    parties = {each.party: each.share_ppm for each in story.ledger.market.scenario.agreements.shares}
    ought = {party: after * ppm // 1_000_000 - before * ppm // 1_000_000 for party, ppm in parties.items()}
    ought["Birchwood"] = after - before - sum(ought.values())
    assert {row["party"]: int(row["paid_minor"]) for row in found} == ought
    assert {
        (row["total_before_minor"], row["total_after_minor"], row["whole"], row["side"]) for row in found
    } == {(before, after, True, "seller")}
    assert {int(row["levy_minor"]) for row in found} == {int(levied(schedule, [5_000_100])[0])}
    assert {row["levy_beneficiary"] for row in found} == {"Market Authority"}
    # Aldersgate's settled with its self-trade: nothing was paid of one of them alone.
    both = [row for row in way(audit, "2019-10-03/2") if row["party"] == "Aldersgate"]
    assert [(row["side"], int(row["commission_minor"]), row["whole"]) for row in both] == [
        ("both", 2 * fee(333_333), False)
    ]
    first = way(audit, "2019-10-03/1")
    own = [row for row in first if row["payer"] == "Aldersgate"]
    assert len({row["agreement"] for row in own} - {None}) == 2
    earned = fee(1_000_000) + 2 * fee(333_333)
    assert sum(int(row["paid_minor"]) for row in own) == earned
    assert way(audit, "2019-10-03/4") == []
    page = revenue(audit, Filters(limit=2), trade="2019-10-03/1")
    rest = revenue(audit, Filters(after=page.next), trade="2019-10-03/1")
    assert (page.next, page.total, rest.next) == ("2", len(first), None)
    assert rows(page.table) + rows(rest.table) == first


def test_commission_given_trade_in_parts_is_each_parts_own(story: Story, audit: Audit) -> None:
    schedule = VenueSchedule.of(story.ledger.market.scenario)
    whole, levy = (int(each(schedule, [240_000])[0]) for each in (charged, levied))
    found = [row for row in way(audit, "2019-11-05/2") if row["party"] == row["payer"] == "Hollybank"]
    assert [(int(row["settled_before"]), int(row["quantity"])) for row in found] == [(0, 4), (4, 5)]
    assert [int(row["commission_minor"]) for row in found] == [
        whole * 4 // 12,
        whole * 9 // 12 - whole * 4 // 12,
    ]
    assert [int(row["levy_minor"]) for row in found] == [levy * 4 // 12, levy * 9 // 12 - levy * 4 // 12]
    totals = [int(row[f"total_{side}_minor"]) for row in found for side in ("before", "after")]
    assert totals == [0, whole * 4 // 12, whole * 4 // 12, whole * 9 // 12]


def test_charges_given_settlements_sum_to_what_the_chain_says(story: Story, audit: Audit) -> None:
    ought = {
        "0x" + event.transaction.hex(): (event["commission"], event["levy"])
        for event in story.ledger.read().netting_sets
    }
    found = rows(charges(audit).table)
    sums = {
        hashed: tuple(
            sum(int(row[name]) for row in found if row["transaction_hash"] == hashed)
            for name in ("commission_minor", "levy_minor")
        )
        for hashed in ought
    }
    assert len(ought) == 4
    assert sums == ought
    assert {row["transaction_hash"] for row in found} == ought.keys()
    own = rows(charges(story.own("Birchwood")).table)
    assert own == [row for row in found if row["payer"] == "Birchwood"]
    assert rows(charges(audit, payer="Birchwood").table) == own


def test_agreements_given_versions_say_who_consented_and_where_they_stand(story: Story, audit: Audit) -> None:
    history = story.ledger.read()
    known = facts(history.revenue, history.blocks).registry
    found = {row["terms_hash"]: row for row in rows(agreements(audit).table)}
    assert found.keys() == {"0x" + each.hex() for each in known.proposals}
    names = {number: name for name, number in story.ledger.market.index.items()}
    for proposal in known.proposals.values():
        row = found["0x" + proposal.terms_hash.hex()]
        assert row["parties"] == [names[party] for party in proposal.terms.parties]
        assert row["missing"] == [names[party] for party in proposal.missing]
        assert set(row["consented"]) == {names[party] for party in proposal.consented}
        assert row["agreement"] == (proposal.agreement_id or None)
        assert row["status"] == ("in_force" if proposal.agreement_id else "proposed")
    (waits,) = rows(agreements(audit, Filters(status=("proposed",))).table)
    assert (waits["name"], waits["missing"]) == ("waits", ["Aldersgate", "Lantern Platform"])
    said = audit.rows(
        "select institution, said, stands from consents where agreement_name = 'waits' order by block"
    )
    assert said == [("Aldersgate", "consented", False), ("Aldersgate", "withdrawn", True)]
    of_aldersgate = rows(agreements(audit, party="Lantern Platform", payer="Aldersgate").table)
    assert {row["name"] for row in of_aldersgate} == {"commission", "platform", "waits"}


def test_breaks_given_a_store_are_what_it_keeps(story: Story, audit: Audit) -> None:
    with Breaks.open(story.folder, write=False, clock=None) as store:
        kept = store.kept()
    assert len(kept) > 1
    found = rows(breaks(audit).table)
    assert [(row["id"], row["status"], row["reason"], row["subject"]) for row in found] == [
        (each.id, each.status, each.found.reason, each.found.subject) for each in kept
    ]
    assert [int(row["value_at_risk_minor"]) for row in found] == [each.found.value_at_risk for each in kept]
    assert [row["age_days"] for row in found] == [each.age for each in kept]
    closed = rows(breaks(audit, Filters(status=("closed",))).table)
    assert [row["id"] for row in closed] == [kept[0].id]
    assert closed[0]["accepted"]
    assert closed[0]["closed_at"] == kept[0].history[-1].when.replace(tzinfo=None)
    [(trade,)] = audit.rows("select trade from facts.trades where trading_day = '2019-10-03' and number = 4")
    of_trade = breaks_of(audit, trade)
    about = [each for each in kept if each.found.trading_day == FIRST and 4 in each.found.numbers]
    assert [row["what"] for row in rows(of_trade)] == [event.what for each in about for event in each.history]
    by_name = rows(breaks(audit, Filters(institution=kept[1].found.institution)).table)
    assert {row["institution"] for row in by_name} == {kept[1].found.institution}
    # Who books the number of others' trade learns nothing of that.
    own = story.own("Eastlake")
    own.rows("select * from breaks")
    own.connection.execute(
        "update facts.breaks_kept set trade_numbers = [1], security = null where number = 2"
    )
    said = own.rows("select trades, security, trade_index from breaks where id = 'B-2'")
    assert said == [([f"{LATER}/1"], None, None)]


def test_approvals_given_all_kinds_say_who_what_and_when(story: Story, audit: Audit) -> None:
    history = story.ledger.read()
    found = rows(approvals(audit).table)
    counted = Counter(row["kind"] for row in found)
    given = [event for event in history.revenue if event.name == "ConsentGiven"]
    assert counted == {
        "affirmation": sum(len(batch.affirmed_in) for batch in history.batches.values()),
        "consent": len(given),
        "consent_withdrawn": 1,
        "measure": 1,
        "break_closed": 1,
    } | ({"joint": counted["joint"]} if counted["joint"] else {})
    (closed,) = (row for row in found if row["kind"] == "break_closed")
    assert (closed["person"], closed["proposed_by"], closed["block"]) == ("Bo Birch", "Ann Ames", None)
    assert (closed["subject"], closed["detail"]) == ("B-1", "the trade is to be cancelled")
    assert rows(approvals(audit, person="Ann Ames").table) == [closed]
    (measure,) = (row for row in found if row["kind"] == "measure")
    assert (measure["institution"], measure["subject"], measure["detail"]) == (
        *("Aldersgate", "Aldersgate/platform 2019-10", "USERS = 1500000"),
    )
    affirmed = rows(approvals(audit, Filters(institution="Birchwood", first=LATER, last=LATER)).table)
    assert {(row["kind"], row["trading_day"]) for row in affirmed} == {("affirmation", LATER)}
    assert [row["date_time"] for row in found] == sorted(row["date_time"] for row in found)


def test_views_given_an_institution_show_what_concerns_it(story: Story, audit: Audit) -> None:
    every = {
        name: rows(audit.table(f"select * from {name}")) for name in ("entitlements", "payments", "breaks")
    }
    for viewer in ("Birchwood", "Compass Data"):
        own = story.own(viewer)
        seen = {name: rows(own.table(f"select * from {name}")) for name in every}
        key = {name: lambda row: str(sorted(row.items(), key=str)) for name in every}
        for name, columns in (
            ("entitlements", ("payer", "party")),
            ("payments", ("payer", "institution")),
            ("breaks", ("institution",)),
        ):
            ought = [row for row in every[name] if viewer in [row[column] for column in columns]]
            assert sorted(seen[name], key=key[name]) == sorted(ought, key=key[name])
        listed = rows(agreements(own).table)
        assert {row["terms_hash"] for row in listed} == {
            row["terms_hash"]
            for row in rows(agreements(audit).table)
            if viewer in [row["payer"], *row["parties"]]
        }
    birchwood = way(story.own("Birchwood"), "2019-10-03/1")
    assert {row["payer"] for row in birchwood} == {"Birchwood"}
    with pytest.raises(NameUnknown):  # a partner sees agreements, not trades
        way(own, "2019-10-03/1")


def test_views_given_a_masked_viewer_say_no_name_and_no_amount(story: Story, audit: Audit) -> None:
    masked = story.audit(Access("press", "masked"))
    names = set(story.ledger.market.index) | {"Ann Ames", "Bo Birch", "Cy Cole", "platform"}
    amounts = {
        str(row[0])
        for row in audit.rows("select total_after_minor from entitlements where total_after_minor > 9")
        if str(row[0]).strip("0")[1:]
    }
    for view in VIEWS.values():
        said = str(rows(masked.table(f"select * from {view.name}")))
        assert not [name for name in names if name in said], view.name
        assert not [amount for amount in amounts if f"({amount!r})" in said], view.name
    assert rows(revenue(masked).table)
    with pytest.raises(InvalidValue):
        revenue(masked, by=["party"])
    # Under another mask every amount of a trade's way is what that leaves.
    masked.connection.execute("create or replace macro mask_amount(amount) as 7::decimal(38, 0)")
    for row in way(masked, "2019-11-05/2"):
        amounts = {name for name in row if name.endswith(("_minor", "quantity", "settled_before"))}
        assert len(amounts) == 7
        assert {row[name] for name in amounts} <= {7, None}
        assert row["quantity"] == row["settled_before"] == 7


def test_questions_given_what_nobody_has_name_the_nearest(audit: Audit) -> None:
    with pytest.raises(NameUnknown, match="Birchwood"):
        revenue(audit, payer="Birchwod")
    with pytest.raises(NameUnknown, match="Aldersgate/platform"):
        revenue(audit, agreement="Aldersgate/platfrom")
    assert len(revenue(audit, agreement="Aldersgate/platform").table) == len(
        revenue(audit, agreement="platform", payer="Aldersgate").table
    )
    with pytest.raises(NameUnknown, match="Aldersgate/platform"):
        revenue(audit, agreement="9" * 5_000)
    everything = revenue(audit).table
    for size in (1 << 63, 10**40):  # more than DuckDB counts
        assert revenue(audit, Filters(limit=size)).table == everything
        assert not len(revenue(audit, cycle=size).table)
        assert trades(audit, Filters(limit=size)).total == len(trades(audit).table)
    with pytest.raises(NameUnknown, match="closed"):
        breaks(audit, Filters(status=("close",)))
    with pytest.raises(NameUnknown, match="affirmation"):
        approvals(audit, kind=["afirmation"])
    for wrong in (
        lambda: revenue(audit, period="2019Q5"),
        lambda: revenue(audit, Filters(after="x")),
        lambda: breaks(audit, Filters(limit=0)),
        lambda: breaks(audit, Filters(first=LATER, last=FIRST)),
        lambda: breaks(audit, Filters(least="5.01", most="5.00")),
        lambda: movements(audit, Filters(least="5.01", most="5.00")),
        *(
            lambda of=of, more=more: revenue(audit, of, trade="2019-10-03/1", **more)
            for of, more in (
                (Filters(institution="Birchwood"), {}),
                (Filters(first=FIRST), {}),
                (NONE, {"by": ["party"]}),
                (NONE, {"payer": "Birchwood"}),
                (NONE, {"cycle": 1}),
            )
        ),
    ):
        with pytest.raises(InvalidValue):
            wrong()


def test_views_given_their_documents_have_these_columns(audit: Audit) -> None:
    for view in VIEWS.values():
        found = audit.table(f"select * from {view.name}").column_names
        assert found == [column.name for column in view.columns], view.name
    assert Q4 // 12 == 2019

"""Audit trails as ISO 20022 messages: valid by ISO's own definitions, and the chain's own history read back.

every trade ─ a message a side, one of a trade with itself; identification, account, statuses in order
matched     ─ by the second affirmation, never what a side excepted
failing     ─ with the codes that the side is told
access      ─ an institution gets its own side; a filter does the same
unknown     ─ a trade that is not there is named with those that are
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from settlement.audit.filters import Filters
from settlement.audit.questions.semt022 import as_xml, semt022
from settlement.audit.session import Audit
from settlement.errors import NameUnknown
from tests.unit.audit.revenue_story import FIRST, Story
from tests.unit.test_sources_iso_independent import _models, theirs


@pytest.fixture(scope="module")
def models() -> ModuleType:
    return _models("semt.022.001.05")


def said(message: Any) -> tuple[str, str, list[str]]:
    """(trade, account owner, its statuses) of a message, by ISO's classes."""
    trail = []
    for each in message.sts_trl:
        for name in ("prcg_sts", "mtchg_sts", "sttlm_sts"):
            status = getattr(each, name)
            if status is None:
                continue
            (kind,) = [key for key, value in vars(status).items() if value is not None]
            reasons = [reason.cd.cd.value for reason in getattr(getattr(status, kind), "rsn", None) or ()]
            trail.append(" ".join([kind, *reasons]))
        if each.sttld is not None:
            trail.append("settled")
    return message.tx_id.prcr_tx_id, message.acct_ownr.id.prtry_id.id, trail


def test_semt022_given_every_trade_is_valid_and_is_what_the_chain_has(
    story: Story, audit: Audit, models: ModuleType
) -> None:
    messages = theirs(as_xml(semt022(audit)), models)
    found = {(trade, owner): trail for trade, owner, trail in map(said, messages)}
    history = story.ledger.read()
    names = {number: name for name, number in story.ledger.market.index.items()}
    assert len(found) == len(messages) == 2 * len(history.batches) - 1
    for batch in history.batches.values():
        day = f"{batch.header.trading_day}"
        number, status = int(batch.records.number[0]), int(batch.status[0])
        trade = f"{day[:4]}-{day[4:6]}-{day[6:]}/{number}"
        for party in {int(batch.records.buyer[0]), int(batch.records.seller[0])}:
            trail = found[trade, names[party]]
            assert trail[:2] == ["ackd_accptd", "umtchd NMAS"]
            assert ("settled" in trail) == (status == 3)
            assert ("mtchd" in trail) == (len(batch.affirmed_in) > 0 and number not in batch.disputed)
    assert found["2019-10-03/1", "Aldersgate"][2:] in (
        ["umtchd CMIS", "mtchd", "pdg", "settled"],
        ["umtchd NMAS", "mtchd", "pdg", "settled"],
    )
    assert found["2019-10-03/2", "Aldersgate"][2:] == ["mtchd", "pdg", "settled"]
    assert found["2019-10-03/4", "Eastlake"][2:] == ["umtchd OTHR", "umtchd OTHR"]
    ends = {who: found["2019-11-05/4", who][-4:] for who in ("Juniper Lane", "Kestrel Rock")}
    assert ends["Juniper Lane"] == ["pdg", "pdg PREA", "flng CLAC MONY PREA", "pdg"]
    assert ends["Kestrel Rock"] == ["pdg", "pdg PRCY", "flng LACK CMON PRCY", "pdg"]
    assert found["2019-11-05/2", "Hollybank"][-1] == "flng LACK CMON"
    assert found["2019-11-05/2", "Glenside"][-1] == "flng CLAC MONY"


def test_semt022_given_times_are_those_of_blocks(story: Story, audit: Audit, models: ModuleType) -> None:
    data = as_xml(semt022(audit, trade="2019-11-05/2"))
    history = story.ledger.read()
    for message in theirs(data, models):
        for each in message.sts_trl:
            facts = {
                child.qname.split("}")[1]: child.text
                for child in each.splmtry_data[0].envlp.any_element.children
            }
            hashed = bytes.fromhex(facts["Transaction"][2:])
            assert int(facts["Block"]) == history.blocks[hashed]
            block = story.ledger.market.chain.block(history.blocks[hashed])
            assert each.sts_dt.to_datetime().timestamp() == block.timestamp
    first = theirs(data, models)[0].sts_trl[0].splmtry_data[0].envlp.any_element.children
    assert {child.qname.split("}")[1]: child.text for child in first}["Quantity"] == "12"


def test_semt022_given_an_institution_is_its_side_alone(
    story: Story, audit: Audit, models: ModuleType
) -> None:
    filtered = as_xml(semt022(audit, Filters(institution="Birchwood", first=FIRST, last=FIRST)))
    assert [said(each)[:2] for each in theirs(filtered, models)] == [("2019-10-03/1", "Birchwood")]
    own = story.own("Birchwood")
    messages = theirs(as_xml(semt022(own)), models)
    assert {said(each)[1] for each in messages} == {"Birchwood"}
    assert len(messages) == 2
    others = as_xml(semt022(own, Filters(institution="Aldersgate")))
    assert b"SctiesSttlmTxAudtTrlRpt" not in others
    with pytest.raises(NameUnknown, match="2019-10-03/1"):
        as_xml(semt022(own, trade="2019-10-03/2"))
    with pytest.raises(NameUnknown, match="2019-11-05/1"):
        as_xml(semt022(audit, trade="1"))

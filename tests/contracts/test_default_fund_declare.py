"""declareDefault(institution, currency, day).

when an exchange and a regulator agree   ─ opens and tells; one alone does not
given several institutions and currencies ─ each a default of its own
given it is not suspended, open already, of no currency, nobody, or by others ─ refused
"""

from __future__ import annotations

from ledger import reverts
from ledger.clients.default_fund import Default
from tests.contracts.fund import Fund
from tests.contracts.support import DAY, refused


def test_declare_when_both_agree_opens_and_tells(fund: Fund) -> None:
    ledger = fund.ledger
    ledger.suspend("B1")
    assert [name for name, _ in ledger.facts(fund.declare("B1", by=("R2",)))] == ["JointlyAgreed"]
    assert fund.client.open_default_of(8, ledger.cash) == 0
    with refused(reverts.DefaultFund_NotOpen, id=1):
        fund.client.default_of(1)
    ledger.at(ledger.now + 100)
    facts = ledger.facts(fund.declare("B1", by=("V",)))
    assert facts[1:] == [
        ("DefaultDeclared", {"id": 1, "institution": 8, "currency": ledger.cash, "day": DAY})
    ]
    assert fund.client.default_of(1) == Default(8, ledger.cash, DAY, ledger.now, False, 0)
    assert fund.client.open_default_of(8, ledger.cash) == 1
    assert fund.client.call("openDefaults", ledger.cash) == 1


def test_declare_given_several_opens_each(fund: Fund) -> None:
    ledger = fund.ledger
    assert [fund.default(*each) for each in (("B1", "NPR"), ("B1", "USD"), ("B2", "NPR"))] == [1, 2, 3]
    assert fund.client.call("openDefaults", ledger.cash) == 2
    assert fund.client.call("openDefaults", ledger.asset["USD"]) == 1
    assert fund.client.open_default_of(8, ledger.asset["USD"]) == 2


def test_declare_when_words_differ_in_the_day_opens_nothing(fund: Fund) -> None:
    fund.ledger.suspend("B1")
    fund.declare("B1", by=("V",))
    fund.declare("B1", by=("R",), day=DAY + 1)
    assert fund.client.call("defaultCount") == 0


def test_declare_given_what_is_no_case_for_it_reverts(fund: Fund) -> None:
    ledger = fund.ledger
    with refused(reverts.DefaultFund_NotSuspended, institution=8):
        fund.declare("B1")
    ledger.suspend("B1")
    for asset in (1, 0x8003):
        with refused(reverts.DefaultFund_NotCurrency, asset=asset):
            fund.client.declare_default(ledger.signers["V"], 8, asset, DAY)
    for index in (0, len(ledger.index) + 1):
        with refused(reverts.Consortium_UnknownInstitution, institution=index):
            fund.client.declare_default(ledger.signers["V"], index, ledger.cash, DAY)
    fund.declare("B1")
    with refused(reverts.DefaultFund_AlreadyOpen, id=1):
        fund.declare("B1")


def test_declare_when_reinstated_between_the_words_reverts(fund: Fund) -> None:
    ledger = fund.ledger
    ledger.suspend("B1")
    fund.declare("B1", by=("V",))
    ledger.consortium.reinstate(ledger.signers["R2"], 8)
    with refused(reverts.DefaultFund_NotSuspended, institution=8):
        fund.declare("B1", by=("R",))


def test_declare_and_finish_when_others_do_revert(fund: Fund) -> None:
    ledger = fund.ledger
    ledger.suspend("B2")
    fund.default("B1")
    for _, signer in ledger.everyone_but("V", "R", "R2"):
        with refused(reverts.Joint_NeitherRole, caller=signer.address):
            fund.client.declare_default(signer, 9, ledger.cash, DAY)
        with refused(reverts.Joint_NeitherRole, caller=signer.address):
            fund.client.finish(signer, 1, 0)

"""deposit, release, giveNotice, setRates, object: what institutions have in the fund. What they must have is
in test_default_fund_calls.py; releases and defaults in test_default_fund_finish.py.

deposit
  when a member pays in, in any purse and currency ─ moves, is told, adds up
  when anyone else does; a suspended one           ─ refused; into CAPITAL all but exchanges
  given an open cycle, no account, another signer of it ─ refused
  when of no currency, of nothing, of too much, of more than there is ─ refused
release
  when a member takes out what is free             ─ moves, is told; margin at once, the rest by notice
  given no notice, too early, too late, for less   ─ refused
  when more than free, of nothing, by others, in an open cycle ─ refused
giveNotice   ─ told and replaced; for margin, or by nobody, refused
setRates     ─ by an exchange and a regulator; by others, of no currency, above a million, refused
object       ─ by anyone: what the operator nominated cannot accept; without an account refused
given the signer is replaced ─ nothing comes in any more, what is there goes out
"""

from __future__ import annotations

import pytest

from ledger import reverts
from ledger.accounts import Signer
from ledger.clients.consortium import Role, account_of
from ledger.clients.default_fund import Notice, Purse, Rates
from tests.contracts.clearing import others, transfers_in
from tests.contracts.fund import CAPITAL, CASH, CONTRIBUTION, MARGIN, NOTICE, Fund
from tests.contracts.support import SEED, bytes32, refused


def movement(
    fund: Fund, name: str, amount: int, currency: str = "NPR"
) -> dict[tuple[str, str, int, int], int]:
    """The two transfers of a payment by `name` into the fund; out of it where the amount is negative."""
    ends = [account_of(fund.ledger.index[each]).lower() for each in (name, "FUND")]
    giver, taker = ends if amount > 0 else reversed(ends)
    transit, asset = account_of(0).lower(), fund.ledger.asset[currency]
    return {(giver, transit, asset, abs(amount)): 1, (transit, taker, asset, abs(amount)): 1}


@pytest.mark.parametrize(
    ("name", "purse", "currency"),
    [
        ("B1", MARGIN, "NPR"),
        ("B1", CONTRIBUTION, "USD"),
        ("V", CAPITAL, "NPR"),
        ("P", CONTRIBUTION, "NPR"),
        ("V", MARGIN, "NPR"),
    ],
)
def test_deposit_when_a_member_pays_in_moves_and_tells(
    fund: Fund, name: str, purse: Purse, currency: str
) -> None:
    assert fund.client.account() == 0
    for amount, balance in ((1_000, 1_000), (1, 1_001)):
        facts = fund.ledger.facts(fund.deposit(name, purse, amount, currency))
        told = {
            "institution": fund.ledger.index[name],
            "currency": fund.ledger.asset[currency],
            "purse": purse,
            "amount": amount,
            "balance": balance,
        }
        assert others(facts) == [("Deposited", told)]
        assert transfers_in(facts) == movement(fund, name, amount, currency)
    assert fund.client.account() == fund.ledger.index["FUND"]
    assert fund.ledger.balance("FUND", currency) == 1_001
    assert fund.ledger.balance(name, currency) == CASH - 1_001
    purses = {(p, c): fund.purse(name, p, c) for p in Purse for c in ("NPR", "USD")}
    assert {key: amount for key, amount in purses.items() if amount} == {(purse, currency): 1_001}


def test_deposit_when_anyone_else_does_reverts(fund: Fund) -> None:
    ledger = fund.ledger
    ledger.suspend("B1")
    for name, signer in ledger.everyone_but(*(set(ledger.signers) - {"B1"})):
        with refused(reverts.DefaultFund_NotMember, caller=signer.address):
            fund.client.deposit(signer, MARGIN, ledger.cash, 1)
        assert name in ("B1", "operator", "outsider")


def test_deposit_into_capital_when_no_exchange_does_reverts(fund: Fund) -> None:
    for _, signer in fund.ledger.everyone_but("V"):
        with refused(reverts.Consortium_RoleRequired, caller=signer.address, role=Role.EXCHANGE):
            fund.client.deposit(signer, CAPITAL, fund.ledger.cash, 1)
    fund.ledger.suspend("V")
    with refused(
        reverts.Consortium_RoleRequired, caller=fund.ledger.signers["V"].address, role=Role.EXCHANGE
    ):
        fund.deposit("V", CAPITAL, 1)


def test_deposit_and_release_given_an_open_cycle_revert(fund: Fund) -> None:
    fund.deposit("B1", MARGIN, 5)
    fund.floor.open()
    with refused(reverts.DefaultFund_CycleOpen):
        fund.deposit("B1", MARGIN, 5)
    with refused(reverts.DefaultFund_CycleOpen):
        fund.release("B1", MARGIN, 5)
    fund.floor.close()
    fund.release("B1", MARGIN, 5)


@pytest.mark.parametrize("amount", [0, 2**127, 2**128, 2**256 - 1])
def test_deposit_and_release_when_out_of_range_revert(fund: Fund, amount: int) -> None:
    for act in (fund.deposit, fund.release):
        with refused(reverts.DefaultFund_AmountOutOfRange, amount=amount):
            act("B1", MARGIN, amount)


def test_deposit_when_more_than_there_is_reverts_and_keeps_all(fund: Fund) -> None:
    with refused(
        reverts.AssetRegister_BalanceOutOfRange,
        institution=fund.ledger.index["B1"],
        asset=fund.ledger.cash,
        balance=CASH,
        delta=-CASH - 1,
    ):
        fund.deposit("B1", MARGIN, CASH + 1)
    assert fund.purse("B1", MARGIN) == 0


@pytest.mark.parametrize("asset", [0, 1, 0x8000, 0x8003])
def test_deposit_and_rates_when_of_no_currency_revert(fund: Fund, asset: int) -> None:
    with refused(reverts.DefaultFund_NotCurrency, asset=asset):
        fund.client.deposit(fund.ledger.signers["B1"], MARGIN, asset, 1)
    with refused(reverts.DefaultFund_NotCurrency, asset=asset):
        fund.client.set_rates(fund.ledger.signers["V"], asset, 1, 1)


def test_release_when_free_moves_and_tells(fund: Fund) -> None:
    fund.deposit("B1", MARGIN, 10)
    facts = fund.ledger.facts(fund.release("B1", MARGIN, 7))
    told = {"institution": 8, "currency": fund.ledger.cash, "purse": MARGIN, "amount": 7, "balance": 3}
    assert others(facts) == [("Released", told)]
    assert transfers_in(facts) == movement(fund, "B1", -7)
    with refused(
        reverts.DefaultFund_NotFree, institution=8, currency=fund.ledger.cash, purse=MARGIN, amount=4, free=3
    ):
        fund.release("B1", MARGIN, 4)
    fund.release("B1", MARGIN, 3)
    assert (fund.ledger.balance("B1", "NPR"), fund.ledger.balance("FUND", "NPR")) == (CASH, 0)


def test_release_when_of_anyone_elses_reverts(fund: Fund) -> None:
    """A purse is found by who calls; there is no way to name another's."""
    fund.deposit("B1", MARGIN, 10)
    ledger = fund.ledger
    for name, signer in ledger.everyone_but("B1"):
        with pytest.raises((reverts.DefaultFund_NotMember, reverts.DefaultFund_NotFree)):
            fund.client.release(signer, MARGIN, ledger.cash, 1)
        assert fund.purse("B1", MARGIN) == 10, name
    ledger.suspend("B1")
    with refused(reverts.DefaultFund_NotMember, caller=ledger.signers["B1"].address):
        fund.release("B1", MARGIN, 1)


@pytest.mark.parametrize(("name", "purse"), [("B1", CONTRIBUTION), ("V", CAPITAL)])
def test_release_given_notice_waits_for_its_time(fund: Fund, name: str, purse: Purse) -> None:
    ledger = fund.ledger
    who = {"institution": ledger.index[name], "currency": ledger.cash, "purse": purse}
    fund.deposit(name, purse, 100)
    with refused(reverts.DefaultFund_NoNotice, **who, noticed=0, **{"from": 0}):
        fund.release(name, purse, 1)
    given = ledger.now + 10
    ledger.at(given)
    facts = ledger.facts(fund.notice(name, purse, 60))
    start = given + NOTICE
    assert facts == [("NoticeGiven", {**who, "amount": 60, "from": start})]
    ledger.at(start - 1)
    with refused(reverts.DefaultFund_NoNotice, **who, noticed=60, **{"from": start}):
        fund.release(name, purse, 1)
    ledger.at(start + 1)
    with refused(reverts.DefaultFund_NoNotice, **who, noticed=60, **{"from": start}):
        fund.release(name, purse, 61)
    fund.release(name, purse, 20)
    assert fund.client.notice_of(ledger.index[name], ledger.cash, purse) == Notice(40, start)
    ledger.at(start + NOTICE - 1)
    fund.release(name, purse, 30)
    ledger.at(start + NOTICE)
    with refused(reverts.DefaultFund_NoNotice, **who, noticed=10, **{"from": start}):
        fund.release(name, purse, 1)
    assert fund.purse(name, purse) == 50


def test_release_given_the_notice_of_another_purse_or_currency_reverts(fund: Fund) -> None:
    ledger = fund.ledger
    for purse in (CONTRIBUTION, CAPITAL):
        for currency in ("NPR", "USD"):
            fund.deposit("V", purse, 5, currency)
    fund.notice("V", CAPITAL, 5)
    ledger.at(ledger.now + NOTICE)
    for purse, currency in ((CONTRIBUTION, "NPR"), (CAPITAL, "USD"), (CONTRIBUTION, "USD")):
        with refused(
            reverts.DefaultFund_NoNotice,
            institution=ledger.index["V"],
            currency=ledger.asset[currency],
            purse=purse,
            noticed=0,
            **{"from": 0},
        ):
            fund.release("V", purse, 1, currency)
    fund.release("V", CAPITAL, 5)


def test_notice_when_given_again_replaces(fund: Fund) -> None:
    ledger = fund.ledger
    fund.deposit("B1", CONTRIBUTION, 10)
    fund.notice("B1", CONTRIBUTION, 10)
    ledger.at(ledger.now + NOTICE)
    fund.notice("B1", CONTRIBUTION, 0)
    start = ledger.now + NOTICE
    with refused(
        reverts.DefaultFund_NoNotice,
        institution=8,
        currency=ledger.cash,
        purse=CONTRIBUTION,
        noticed=0,
        **{"from": start},
    ):
        fund.release("B1", CONTRIBUTION, 1)


def test_notice_when_for_margin_or_by_nobody_reverts(fund: Fund) -> None:
    with refused(reverts.DefaultFund_NeedsNoNotice):
        fund.notice("B1", MARGIN, 1)
    fund.ledger.suspend("B1")
    for signer in (fund.ledger.signers["B1"], fund.ledger.operator, fund.ledger.outsider):
        with refused(reverts.DefaultFund_NotMember, caller=signer.address):
            fund.client.give_notice(signer, CONTRIBUTION, fund.ledger.cash, 1)


def test_set_rates_when_both_agree_takes_effect_and_tells(fund: Fund) -> None:
    ledger = fund.ledger
    words = ledger.facts(fund.client.set_rates(ledger.signers["R2"], ledger.cash, 1_000_000, 5))
    assert [name for name, _ in words] == ["JointlyAgreed"]
    assert fund.client.rates_of(ledger.cash) == Rates(0, 0)
    facts = ledger.facts(fund.client.set_rates(ledger.signers["V"], ledger.cash, 1_000_000, 5))
    assert facts[1:] == [
        ("RatesSet", {"currency": ledger.cash, "marginPpm": 1_000_000, "contributionPpm": 5})
    ]
    assert fund.client.rates_of(ledger.cash) == Rates(1_000_000, 5)
    assert fund.client.rates_of(ledger.asset["USD"]) == Rates(0, 0)


def test_set_rates_when_others_do_or_too_high_reverts(fund: Fund) -> None:
    for _, signer in fund.ledger.everyone_but("V", "R", "R2"):
        with refused(reverts.Joint_NeitherRole, caller=signer.address):
            fund.client.set_rates(signer, fund.ledger.cash, 1, 1)
    for rates in ((1_000_001, 1), (1, 1_000_001)):
        with refused(reverts.DefaultFund_InvalidRate, ratePpm=1_000_001):
            fund.rates(*rates)


def test_deposit_given_no_account_reverts(fund: Fund) -> None:
    """A fund that the operator has not admitted."""
    ledger, old = fund.ledger, fund.client
    clients = ledger.clients
    given = (
        *(clients.consortium, clients.register, clients.clearing_house),
        *(clients.conditions, clients.fails),
    )
    new = ledger.deploy(old.artifact, *(each.address for each in given))
    with refused(reverts.DefaultFund_NoAccount):
        new.send(ledger.signers["B1"], "deposit", MARGIN, ledger.cash, 1)
    with refused(reverts.DefaultFund_NoAccount):
        new.send(ledger.signers["V"], "callRequirements", ledger.cash, [])
    with refused(reverts.DefaultFund_NoAccount):
        new.send(ledger.signers["V"], "object")


def test_object_when_anyone_calls_withdraws_what_the_operator_nominated(fund: Fund) -> None:
    ledger, index = fund.ledger, fund.ledger.index["FUND"]
    thief = Signer.from_seed(SEED, "thief")
    for _, signer in ledger.everyone_but():
        ledger.consortium.nominate_signer(ledger.operator, index, thief.address)
        assert ledger.facts(fund.client.object(signer)) == [
            ("NominationWithdrawn", {"institution": index, "by": fund.client.address.lower()})
        ]
        ledger.at(ledger.now + 2 * 86_400 + 1)
        with refused(reverts.Consortium_NotNominated, caller=thief.address, institution=index):
            ledger.consortium.accept_signer(thief, index)


def test_given_the_signer_is_replaced_nothing_comes_in_and_what_is_there_goes_out(fund: Fund) -> None:
    ledger, index = fund.ledger, fund.ledger.index["FUND"]
    fund.deposit("B1", MARGIN, 10)
    thief = Signer.from_seed(SEED, "thief")
    ledger.consortium.nominate_signer(ledger.operator, index, thief.address)
    ledger.at(ledger.now + 2 * 86_400 + 1)
    ledger.consortium.accept_signer(thief, index)
    # Not even where the operator admits the fund anew: the money is in the first account.
    for _ in range(2):
        with refused(reverts.DefaultFund_NoAccount):
            fund.deposit("B1", MARGIN, 1)
        with refused(reverts.DefaultFund_NoAccount):
            fund.call()
        if fund.ledger.consortium.call("institutionOf", fund.client.address) == 0:
            rows = [("FUND2", fund.client.address, [Role.PARTNER])]
            ledger.consortium.admit(ledger.operator, rows)
    fund.release("B1", MARGIN, 10)
    assert ledger.balance("B1", "NPR") == CASH


def test_object_given_it_is_no_signer_any_more_reverts(fund: Fund) -> None:
    ledger, index = fund.ledger, fund.ledger.index["FUND"]
    thief = Signer.from_seed(SEED, "thief")
    ledger.consortium.nominate_signer(ledger.operator, index, thief.address)
    ledger.at(ledger.now + 2 * 86_400 + 1)
    ledger.consortium.accept_signer(thief, index)
    with refused(reverts.DefaultFund_NoAccount):
        fund.client.object(ledger.outsider)


def test_purses_given_money_sent_to_the_account_are_unchanged(fund: Fund) -> None:
    """Who pays the fund otherwise has given it away; it is in nobody's purse."""
    ledger = fund.ledger
    ledger.register.transfer(ledger.signers["B1"], 8, ledger.index["FUND"], ledger.cash, 10)
    assert fund.purse("B1", MARGIN) == 0
    with refused(reverts.AssetRegister_NotSigner, caller=ledger.operator.address):
        ledger.register.transfer(ledger.operator, ledger.index["FUND"], 8, ledger.cash, 10)
    with refused(reverts.AssetRegister_NotSigner, caller=ledger.operator.address):
        ledger.register.redeem(ledger.operator, bytes32("mine"), ledger.cash, 10)

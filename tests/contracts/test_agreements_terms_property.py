"""propose(words, ..): one meaning has one form, over random terms and random changes of their words.

over random terms            ─ their words are taken
over random bits of them     ─ with one, two of them changed: refused as not well formed, or the words of
                               other terms that a document's checks allow; contract and Python agree on which
over random words            ─ refused
"""

from __future__ import annotations

from random import Random

import pytest

from ledger import reverts
from ledger.errors import InvalidValue
from ledger.terms import Terms, pack, unpack
from settlement.agreements.checks import TermsMistake, mistakes
from tests.agreements import Cast, random_terms
from tests.contracts.agreeing import admit_keeper
from tests.contracts.support import Ledger

TERMS, CHANGES = 80, 16
LATER = (
    reverts.Agreements_NotParty,
    reverts.Agreements_NotCurrency,
    reverts.Agreements_NotReserveAccount,
    reverts.Agreements_WrongVersion,
    reverts.Agreements_NotEffective,
)
"""What is looked at once terms are well formed."""
NAMES = {TermsMistake.NAME, TermsMistake.MEASURE_NAME}
"""A document takes fewer names than the contract, none with a space at an end; it says what makes no sense
though it is well formed."""


@pytest.fixture
def cast(ledger: Ledger) -> Cast:
    keeper = admit_keeper(ledger)
    names = ("V", "P", "R", "R2", "A", "B1", "B2", "B3", "B")
    return Cast(tuple(ledger.index[name] for name in names), (ledger.index["D"],), keeper)


def is_taken(ledger: Ledger, words: list[int]) -> bool:
    """Whether the contract finds words well formed."""
    try:
        ledger.clients.agreements.call("propose", words, [], sender=ledger.signers["B1"].address)
    except reverts.Agreements_InvalidTerms:
        return False
    except LATER:
        pass
    return True


def is_allowed(words: list[int], institutions: int) -> bool:
    """The same, as Python has it."""
    try:
        terms = unpack(words)
        if pack(terms) != words:
            return False
    except (InvalidValue, ValueError):
        return False
    names = (terms.name, *(each.name for each in terms.measures))
    if not all(" " <= character <= "~" for name in names for character in name):
        return False
    for flaw in mistakes(terms):
        senseless = flaw.reason == "can never be reached" or flaw.path[-1] == "hurdle_ppm"
        if not senseless and flaw.mistake not in NAMES:
            return False
    return all(1 <= each <= institutions for each in named(terms))


def named(terms: Terms) -> list[int]:
    """Every institution that terms name, but for the account of the reserves."""
    reporters = [each.reporter for each in terms.measures]
    countersigners = [each.countersigner for each in terms.measures if each.countersigner]
    return [terms.payer, *terms.parties, *reporters, *countersigners]


@pytest.mark.parametrize("seed", [1, 2])
def test_propose_over_random_terms_takes_their_words_and_no_other_form_of_them(
    ledger: Ledger, cast: Cast, seed: int
) -> None:
    random, payer = Random(seed), ledger.index["B1"]
    outcomes = {False: 0, True: 0}
    for number in range(TERMS // 2):
        terms = random_terms(random, payer, ledger.cash, f"agreement {number}", cast, notice_days=number)
        words = pack(terms)
        assert is_taken(ledger, words), f"seed {seed}, terms {number}"
        assert is_allowed(words, len(ledger.index)), f"seed {seed}, terms {number}"
        for change in range(CHANGES):
            changed = list(words)
            for _ in range(1 + change % 2):
                changed[random.randrange(len(words))] ^= 1 << random.randrange(256)
            taken = is_taken(ledger, changed)
            assert taken == is_allowed(changed, len(ledger.index)), f"seed {seed}, terms {number}: {changed}"
            outcomes[taken] += 1
    assert min(outcomes.values()) > TERMS, outcomes


def test_propose_over_random_words_refuses_them(ledger: Ledger, cast: Cast) -> None:
    random = Random(3)
    for _ in range(100):
        words = [random.getrandbits(256) for _ in range(random.randint(0, 300))]
        assert not is_taken(ledger, words)
    head = pack(random_terms(random, ledger.index["B1"], ledger.cash, "agreement", cast))[:2]
    for _ in range(100):
        words = head + [random.getrandbits(random.choice((8, 64, 256))) for _ in range(random.randint(0, 40))]
        assert not is_taken(ledger, words)

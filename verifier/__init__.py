"""Checks a bundle of evidence without the ledger that it came from, without a network and without trust.

It imports nothing of the program that makes ledgers and bundles: Python's own library, a keccak and
secp256k1 are all it stands on. These files are the proof; in this order they can be read in one sitting:

    verifying   all that is checked, in one page
    bundle      what is in a file, as values
    origin      which other contracts the clearing house was made for
    facts       the trades, worked out from calldata and events
    claims      which trades a bundle claims, and that there is no other
    state       balances and code, by the state of the last block
    anchors     who vouches for which block

It rests on the room `ethereum`, which has the chain's own rules, and on nothing of the room `forms`: how a
file says these values, what an auditor brings, how a verdict is printed. What a file says is held against its
headers, whatever its form.
"""

from collections.abc import Mapping, Sequence

from verifier.anchors import Given, Keys, Statement
from verifier.bundle import Bundle, Refused, Row
from verifier.forms import coding
from verifier.verifying import Verdict, check

__all__ = ["Bundle", "Refused", "Row", "Verdict", "verify"]


def verify(
    data: bytes,
    *,
    trusted_head: bytes | None = None,
    keys: Keys | None = None,
    statements: Sequence[Statement] = (),
    contracts: Mapping[str, bytes] | None = None,
    chain_id: int | None = None,
) -> Verdict:
    """Check a file. `trusted_head` is the hash of a block that the auditor knows to be the ledger's;
    `statements` are affirmations that it has from elsewhere; `contracts` where it knows the ledger's to be,
    addresses with or without the keccak256 of the code behind them; `chain_id` on which chain.

    Raises Refused, which says what is wrong."""
    given = Given(trusted_head, keys or {}, statements, contracts or {}, chain_id)
    return check(coding.decode(data), data, given)

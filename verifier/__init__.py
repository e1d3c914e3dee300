"""Checks a bundle of evidence without the ledger that it came from, without a network and without trust.

It imports nothing of the program that makes ledgers and bundles: Python's own library, a keccak and
secp256k1 are all it stands on. To read it in one sitting, go in this order:

    verifying   all of it in one page, from the file's bytes to a verdict
    bundle      what is in a file, as values
    rlp, trie   Ethereum's encoding and its tries
    chain       headers that follow each other, and what their blocks hold
    signing     whose key signed
    origin      which other contracts the clearing house was made for
    facts       the trades, worked out from calldata and events
    claims      which trades a bundle claims, and that there is no other
    state       balances and code, by the state of the last block
    anchors     who vouches for which block

That is what a verdict's truth rests on. How the file says these values, in one way only, matters less:
whatever is read from it is held against the headers.

    coding      the file's bytes and back

And this only reads what an auditor brings and prints what was found:

    given       keys, hashes, affirmations from text and files
    telling     the verdict in words and as JSON
    __main__    `python -m verifier BUNDLE`
"""

from verifier.bundle import Bundle, Refused, Row
from verifier.verifying import Verdict, verify

__all__ = ["Bundle", "Refused", "Row", "Verdict", "verify"]

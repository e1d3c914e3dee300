"""Checks a bundle of evidence without the ledger that it came from, without a network and without trust.

It imports nothing of the program that makes ledgers and bundles: Python's own library, a keccak and
secp256k1 are all it stands on.

    bundle      the file: what is in it, its one encoding
    coding      how columns, headers and events are written shortly
    rlp, trie   Ethereum's encoding and its tries
    chain       blocks: headers that follow each other, what they hold, what they cannot hold, state
    facts       the trades, worked out from calldata and events
    claims      what a bundle claims, worked out from the facts
    holdings    balances and code, by the state of the last block
    anchors     signatures under blocks
    verifying   all of it, from the file's bytes to a verdict
    given       what an auditor brings: keys, hashes, affirmations
    telling     the verdict in words and as JSON
    __main__    `python -m verifier BUNDLE`
"""

from verifier.bundle import Bundle, Refused, Row
from verifier.verifying import Verdict, verify

__all__ = ["Bundle", "Refused", "Row", "Verdict", "verify"]

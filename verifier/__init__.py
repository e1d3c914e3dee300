"""Checks a bundle of evidence without the ledger that it came from, without a network and without trust.

It imports nothing of the program that makes ledgers and bundles: Python's own library, `rlp`, `trie`, a
keccak and secp256k1 are all it stands on.

    bundle      the file: what is in it, its one encoding
    coding      how columns, headers and events are written shortly
    chain       blocks: headers that follow each other, what they hold, what they cannot hold, state
    facts       the trades, worked out from calldata and events
    claims      what a bundle claims, worked out from the facts
    anchors     signatures under blocks
    __main__    `python -m verifier BUNDLE`
"""

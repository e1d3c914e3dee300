"""Ethereum's own rules; nothing here is this ledger's. Whoever trusts other code for them may hold it against
this, as the tests do with the libraries `rlp` and `trie`.

    crypto      a hash, and whose key signed
    rlp, trie   the encoding of everything, and its tries
    chain       headers that follow each other, what their blocks hold and what they cannot hold
    abi         the arguments of a call
"""

"""Clients: which of a broker's clients each of its trades was for, known to the broker and to nobody else.

An affirmation carries the root of a Merkle tree over the broker's allocations of the batch, each with a salt
of its own. Nobody learns from it who the clients are; the broker can show one client's allocations, leaf by
leaf, to whoever may ask, and cannot show others than those that it signed for.

    file of allocations ─ reading ─▶ kept ─▶ leaves, salted ─▶ tree ─▶ root, in the affirmation
                                       └─▶ one client's leaves and proofs ─▶ a file ─▶ held against the ledger

    columns      allocations in bulk, and each one's part of its trade's amount
    reading      the file of a day, refused row by row; `cells` holds its columns against the trades
    generated    made-up clients of a generated day
    kept         what a broker keeps, and its salt secret
    leaves       one allocation as bytes
    committing   the leaves of a batch, the tree over them, the root that is affirmed
    disclosure   one client's leaves, and the file that they are
    disclosing   making one from what is kept; holding one against the ledger
"""

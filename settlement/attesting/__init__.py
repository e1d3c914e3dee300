"""Attesting: an institution signs the root of its own book of a cycle, and the root goes onto the ledger.

The book itself stays with the institution. From then on a change of it shows, any one entry can be shown to
have been in it, and where a book and the ledger differ it can be said whether the book was so when
it was signed or was changed since.

    book of a cycle ─ leaves ─▶ tree ─▶ root, signed ─▶ kept on disk ─▶ Attestations.attest

    cycles         an institution's own book of one cycle
    leaves, tree   a book as bytes, and the Merkle tree over them
    signing        signs the root; which signed books still stand
    kept           signed books on disk
    proofs         an entry that was in a signed book, as a file that anyone can check
    comparing      what a book says now beside what was signed
    attributing    whether a break was there when the book was signed, or came since
"""

"""Attesting: an institution signs the root of its own book of a cycle, and the root goes onto the ledger.

The book itself stays with the institution. From then on a change of it shows, any one entry can be shown to
have been in it (`proofs`), and where a book and the ledger differ it can be said whether the book was so when
it was signed or was changed since (`comparing`).

    book of a cycle ─ leaves ─▶ tree ─▶ root, signed ─▶ kept on disk ─▶ Attestations.attest
"""

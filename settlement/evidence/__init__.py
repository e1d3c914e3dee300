"""Bundles of evidence, made from a ledger; `verifier` checks them without it.

    asking      which trades: conditions from a trade's name, an institution's days or a query
    building    the file, with every block that belongs to the claim; a member's affirmation, to be kept
    taking      who may take it away, and the note of it in the audit log

Nothing here is trusted: what is made is checked as whoever has it will check it.
"""

"""Reconciliation: what institutions, banks and custodians have, held against the ledger and explained.

    model          the words: sides, levels, kinds and ISO reasons, breaks, results
    entries        trades as any side has them, in columns
    trades         one side's trades against the ledger's, by number or by attributes
    statements     booked cash entries against what the ledger moved
    flows          what settling came to: positions, cash, revenue
    ledger_side    the ledger's trades and accounts, of everything, a day or a cycle
    ledger_view    what one run needs of the ledger
    at_risk        from what differs to a break, and what it puts at risk
    three_sides    who stands alone where two of three agree
    running        all of it: `reconcile`

A *break* is a difference between two sides, each with its reason; it is a value, not an error. What one break
explains is not a second one: where a position differs by exactly what the trades that differ account for, the
trades' breaks are all there is to say. A trade that the institution excepted when it affirmed is disputed,
which the ledger knows, and no break.
"""

"""Reconciliation: what institutions, banks and custodians have, held against the ledger and explained.

    model          the words: sides, levels, kinds and ISO reasons, breaks, results
    entries        trades as any side has them, in columns
    units          in which unit a field is counted; its values as text and in JSON

Trades, each step with what the one before has left:

    trades         `compare`: one side's trades against the ledger's, all steps in their order
    sides          both sides under one table of names; single rows as values
    findings       what has been found so far: who is held against whom
    fields         in which fields two entries differ
    numbers        entries under one trade number: pairs, duplicates, parts
    renumbered     entries that agree but for their number, or their day
    attributes     entries without a number that agree in everything, as sets
    groups         one entry that is several of the other side, and several that are one
    nearest        the rest: which goes with which, so that least differs overall
    sums           which entries come exactly to another
    assignment     the best assignment, and whether it is the only one

The ledger and the other levels:

    ledger_side    the ledger's trades and accounts, of everything, a day or a cycle
    ledger_view    what one run needs of the ledger
    days           which trading days entries are complete for
    flows          what settling came to: positions, cash, revenue
    statements     booked cash entries against what the ledger moved

From differences to breaks:

    at_risk        which break a difference is, and what it puts at risk
    causes         what may have made it, and the entry that would mend it
    source_rows    what every report says of a source
    three_sides    who stands alone where two of three agree
    running        all of it: `reconcile`

A *break* is a difference between two sides, each with its reason; it is a value, not an error. What one break
explains is not a second one: where a position differs by exactly what the trades that differ account for, the
trades' breaks are all there is to say. A trade that the institution excepted when it affirmed is disputed,
which the ledger knows, and no break.
"""

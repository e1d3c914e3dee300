"""Revenue sharing agreements: their documents, what they come to, and statements of it.

From a document to the ledger: `document` reads and renders it (`parts`, `names`, `rendering`), `checks` says
what is wrong with terms, `difference` compares two, `consenting` puts them before their parties.

From the ledger's events: `registry` knows which agreements and versions there are. On it stand `standing`
(what is in force, totals, dues: for settlements) and `facts` (all that happened: for accounts).

In settlements: `sharing` says quickly what a payer gives of its commission, `settled` checks what it gave.

The second computation: `computing` is the specification in exact fractions, apart from the contract and from
`sharing`; `replaying` applies it to the facts, `verifying` compares, `account` and `explaining` make lines.

For people: `desk` opens a ledger's agreements; `planning` says what can be done and what waits, `attention`
counts it; `operating` and `measuring` do it; `advice` tells the books; `statements` shows.
"""

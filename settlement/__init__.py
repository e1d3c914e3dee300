"""The business: scenarios, intake, fees, netting, the settlement day, books, reconciliation and audit.

    intake/                       trade files, one module a format
    liquidity/                    what can settle: the solver off the chain
    agreements/                   whose income is shared how, and statements of it
    books/, attesting/            institutions' own books, and those that they sign
    clients/                      whose trades a broker's are: committed to, disclosed one by one
    sources/, reconciliation/     what is brought to be held against the ledger, and how
    breaks/                       what differs, kept until the books agree
    audit/                        questions to the ledger's index, and who sees what
    evidence/                     bundles that prove answers; the package `verifier` checks them
    outcomes/, simulation/        fails and defaults; days as a scenario has them
    report/, cli/                 what people look at; the command
    doctor/                       whether a ledger is what it should be
    scenarios/                    scenarios that ship with the package

Modules beside these packages are what several of them share.
"""

"""Questions to a ledger's index, and who may see what of the answers.

    index ─ reading ─▶ facts, charges, breaks ─ views of a viewer ─▶ session ─ questions ─▶ answer ─ writing
                                                                        └─ sandbox ─ a SELECT ─▶ answer

    session, reading                 opens a ledger's index as of one block, for one viewer
    asking, log                      asks with the log: what was asked and how it ended, digest-chained
    questions/                       each question as a function: trades, life, holdings, movements, revenue,
                                     breaks, summary, totals, semt022
    answer, writing, fitting         rows as of a block; as text, JSON, CSV, Parquet, workbooks; narrow pages
    filters, conditions, narrowing   what a question is narrowed by, in SQL; a page of what is left
    names, moments                   names of the ledger; earlier blocks, and what stood how then
    view, views, views_*             the views: SQL for a viewer, documented columns
    facts, charges, breaks           what views are made of: the index, fees in SQL, reconciliation's breaks
    entitlements, revenue_tables     what revenue sharing came to, as tables that the index keeps
    totals, totals_tables            totals of trades that the index keeps, so that nobody adds them up again
    access, policy, masking          who sees what: the rules, access.yaml, what is left under a mask
    sandbox, child                   one SELECT in a process of its own
    statement, functions             what such a SELECT may be, and call

Errors of its own, below those of `settlement.errors`:

    SettlementError
    ├── AccessRefused       somebody to whom the policy shows nothing, or a name that is nearly somebody's
    ├── DocumentInvalid
    │   └── AccessInvalid   an access policy with mistakes, each with its key and line
    ├── MomentUnknown       a block or a time that the ledger has nothing of
    ├── TooManyRows         more than a workbook's sheet holds
    ├── SqlRefused          a statement that is not answered, and why
    │   └── SqlStopped      one that ran into a limit: time, memory, rows or bytes
    └── FileUnwritable
        └── LogUnwritable   the audit log, without which nothing is answered
"""

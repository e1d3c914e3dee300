"""Questions to a ledger's index, and who may see what of the answers.

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

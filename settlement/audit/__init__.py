"""Questions to a ledger's index, and who may see what of the answers.

Errors of its own, below those of `settlement.errors`:

    SettlementError
    ├── AccessRefused       somebody to whom the policy shows nothing, or a name that is nearly somebody's
    ├── AccessInvalid       an access policy with mistakes, each with its key and line
    ├── SqlRefused          a statement that is not answered, and why
    │   └── SqlStopped      one that ran into a limit: time, memory, rows or bytes
    └── FileUnwritable
        └── LogUnwritable   the audit log, without which nothing is answered
"""

"""Days on a ledger as a scenario's `day` says: what comes when, what settles how, what fails and what that
costs."""

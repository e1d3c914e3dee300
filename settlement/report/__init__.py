"""What people look at: the day's facts from the ledger, the summary of them as JSON, the report in words."""

"""Questions to a ledger's index, and who may see what of the answers."""

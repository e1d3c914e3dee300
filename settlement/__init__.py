"""The business: scenarios, intake, fees, netting, the settlement day, books and reconciliation."""

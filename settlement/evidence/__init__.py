"""Bundles of evidence, made from a ledger; `verifier` checks them without it."""

"""Words of statements."""

from __future__ import annotations

from settlement.agreements.lines import Kind

KINDS = {
    Kind.ACCRUAL: "at settlement",
    Kind.RUN: "period run",
    Kind.CLAWBACK: "guarantee missed",
    Kind.RELEASE: "reserve released",
}
"""What brought a line about, for people."""

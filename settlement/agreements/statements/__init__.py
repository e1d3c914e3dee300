"""Statements of an agreement: checked accounts, shown as text, HTML, CSV and JSON."""

from settlement.agreements.statements.as_json import as_json
from settlement.agreements.statements.page import as_html
from settlement.agreements.statements.statement import Head, Statement, statement
from settlement.agreements.statements.table import as_csv
from settlement.agreements.statements.text import as_text

__all__ = ["Head", "Statement", "as_csv", "as_html", "as_json", "as_text", "statement"]

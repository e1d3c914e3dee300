"""The report of a reconciliation: what is wrong, how much is at stake, what to do first; as text, HTML, xlsx,
CSV and JSON.

    view, wording                     what all forms say: sums, order, sentences
    values                            what differs, the sides one beside the other
    text, csv, as_json                the forms of those names
    html, style, charts               the page
    xlsx, sheet                       the workbook

Breaks, fields and mending entries are put into words by `breaks`, `vocabulary` and `mending` of the room
above, as in lists of kept breaks; values by `settlement.reconciliation.units`.
"""

from settlement.report.reconciliation.as_json import as_json
from settlement.report.reconciliation.csv import as_csv
from settlement.report.reconciliation.html import as_html
from settlement.report.reconciliation.text import as_text
from settlement.report.reconciliation.view import Item, View
from settlement.report.reconciliation.xlsx import as_xlsx

__all__ = ["Item", "View", "as_csv", "as_html", "as_json", "as_text", "as_xlsx"]

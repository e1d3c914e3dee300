"""A page in HTML that stands by itself: it loads nothing, runs no code and prints on A4."""

from __future__ import annotations

from settlement.report.elements import Markup, el

# Text and percent signs only: within <style> nothing is unescaped.
_STYLE = """
:root { color-scheme: light; --ink: #1b2430; --soft: #5b6775; --rule: #d5dbe2; --tint: #f4f6f9; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 75rem; padding: 2rem 1.5rem; color: var(--ink); background: #fff;
  font: 15px/1.45 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2.25rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
header { border-bottom: 2px solid var(--ink); padding-bottom: .75rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .5rem 0 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0;
  border-bottom: 1px solid var(--rule); }
thead th { color: var(--soft); font-weight: 600; border-bottom: 1px solid var(--ink);
  vertical-align: bottom; }
tbody th { font-weight: 600; } tfoot td, tfoot th { border-top: 1px solid var(--ink); font-weight: 700; }
.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; padding-left: .6rem; }
.hash { font: 11px/1.5 ui-monospace, Consolas, monospace; overflow-wrap: anywhere; }
.note { border-left: 4px solid #e08e0b; background: #fff6e0; padding: .5rem .75rem; }
figure { margin: 0; } .chart { width: 100%; height: auto; } .chart text { font-size: 13px; fill: var(--ink); }
.chart .name { text-anchor: end; } .axis { stroke: var(--ink); } .grid { stroke: var(--rule); }
.legend { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; }
footer { margin-top: 2.5rem; padding-top: .75rem; border-top: 1px solid var(--rule); color: var(--soft); }
@page { size: A4 landscape; margin: 14mm; }
@media print { body { padding: 0; max-width: none; font-size: 10pt; } .wide { overflow: visible; }
  tr, figure { break-inside: avoid; } thead { display: table-header-group; } h2, h3 { break-after: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(title: str, *body: str, style: str = "") -> str:
    """A whole page with that title and that body; `style` is its own, after what all pages have."""
    made = el(
        "html",
        el(
            "head",
            el("meta", charset="utf-8"),
            el("meta", name="viewport", content="width=device-width, initial-scale=1"),
            el("meta", http_equiv="Content-Security-Policy", content=_POLICY),
            el("title", title),
            el("style", Markup(_STYLE + style)),
        ),
        el("body", *body),
        lang="en",
    )
    return f"<!DOCTYPE html>\n{made}\n"

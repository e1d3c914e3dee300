"""What reconciling each cycle by itself has found, after the command that settled them."""

from __future__ import annotations

from typing import Any

from rich.console import RenderableType
from rich.text import Text

from settlement.breaks.reconciling import AfterCycles
from settlement.report.layout import Money, plural


def reconciled_json(after: AfterCycles) -> dict[str, Any]:
    """`reconciled`: a cycle each, with what was compared, how many breaks there are and what is at risk."""
    shown = [
        {
            "cycle": cycle,
            "trades": each.result.compared.trades,
            "breaks": len(each.breaks),
            "pending": len(each.pending),
            "refused": len(each.result.refused),
            "value_at_risk_minor": str(sum(found.value_at_risk for found, _ in each.breaks)),
        }
        for cycle, each in after.reported
    ]
    return {"reconciled": shown, "not_reconciled": list(after.problems)}


def reconciled_lines(after: AfterCycles, money: Money) -> list[RenderableType]:
    """The same in words, a line a cycle."""
    lines: list[RenderableType] = []
    for cycle, each in after.reported:
        at_risk = money.amount(sum(found.value_at_risk for found, _ in each.breaks))
        found = f"{plural(len(each.breaks), 'break')}, {at_risk} at risk" if each.breaks else "no breaks"
        unread = (
            f"; {plural(len(each.result.refused), 'row or source')} not read" if each.result.refused else ""
        )
        compared = plural(each.result.compared.trades, "trade")
        style = "bold red" if each.breaks else ""
        lines.append(Text(f"Cycle {cycle} reconciled: {compared} compared, {found}{unread}.", style))
    return lines + [Text(f"Not reconciled: {problem}", "bold red") for problem in after.problems]


def found_breaks(after: AfterCycles) -> bool:
    """Whether anything needs attention."""
    return bool(after.problems) or any(each.breaks or each.result.refused for _, each in after.reported)

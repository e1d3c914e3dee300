"""What can settle of instructions that wait for each other, apart from any ledger: gridlock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from settlement.cli.output import (
    FormatOption,
    JsonOption,
    ObjectiveOption,
    TimeLimitOption,
    failures,
    leave,
    wants_json,
    write_json,
    write_text,
)

if TYPE_CHECKING:
    from rich.console import RenderableType

    from settlement.liquidity import Resolution
    from settlement.liquidity.case_file import FileCase


def gridlock(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A case in JSON, or a list of cases: balances, payments.")
    ],
    objective: ObjectiveOption = "value",
    time_limit: TimeLimitOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which payments or instructions of a FILE can settle together, and prove that no others are
    better."""
    json_wanted = wants_json(form, as_json)
    with failures():
        from settlement import files
        from settlement.liquidity import TIME_LIMIT_S, Objective, case_file
        from settlement.liquidity.objectives import checked_time_limit

        wanted = Objective.of(objective)
        limit_s = checked_time_limit(TIME_LIMIT_S if time_limit is None else time_limit)
        cases = case_file.parse(files.read_regular(file), str(file))
        found = [(case, case_file.resolve_case(cases, case, wanted, limit_s)) for case in cases.cases]
        if json_wanted:
            shown = [case_file.as_json(case, each) for case, each in found]
            write_json(shown if cases.is_list else shown[0])
        else:
            parts: list[Any] = [part for case, each in found for part in _said(case, each)]
            write_text(*parts or ["No cases."])
    leave(not all(each.is_optimal for _, each in found))


def _said(case: FileCase, found: Resolution) -> Iterator[RenderableType]:
    """A case in words: what settles, what everybody has then, what waits and why."""
    from rich.padding import Padding
    from rich.text import Text

    from settlement.liquidity import Proof
    from settlement.report.layout import columns_table, whole

    proofs = {
        Proof.OPTIMAL: "optimal: proven that nothing is better",
        Proof.BOUNDED: "the best found in time; proven that no better than the bound",
        Proof.HEURISTIC: "by a rule alone, as there was no time for more",
    }
    total = found.count + len(found.waiting)
    name = f"{case.name}: " if case.name else ""
    yield Text(f"{name}{found.count:,} of {total:,} settle, worth {found.value:,}", style="bold")
    table = columns_table("objective", ("reached", "right"), ("upper bound", "right"), ("proof", "left"))
    if found.levels:
        for level in found.levels:
            table.add_row(f"priority {level.priority}", f"{level.value:,}", f"{level.upper_bound:,}", "")
        table.add_row("all", "", "", proofs[found.proof])
    else:
        table.add_row(
            found.objective.value, f"{found.reached:,}", f"{found.upper_bound:,}", proofs[found.proof]
        )
    yield Padding(whole(table), (0, 0, 0, 2))
    settled = ", ".join(str(position) for position in found.settled) or "nothing"
    yield Padding(Text(f"settled: {settled}"), (0, 0, 0, 2))
    holds = columns_table("party", ("asset", "left"), ("before", "right"), ("after", "right"))
    for party, asset, before, after in _holdings(case.balances, found.balances):
        holds.add_row(party, asset, before, after)
    yield Padding(whole(holds), (0, 0, 0, 2))
    if found.waiting:
        waits = columns_table("waits", ("because", "left"))
        for position, short in found.waiting.items():
            reasons = [f"{each.party} is short of {f'{each.short:,} {each.asset}'.strip()}" for each in short]
            waits.add_row(str(position), ", ".join(reasons))
        yield Padding(whole(waits), (0, 0, 0, 2))
    yield Text()


def _holdings(before: Any, after: Any) -> Iterator[tuple[str, str, str, str]]:
    """Party, asset, and what it has of it before and after, from balances in either form."""
    if isinstance(before, list):
        before, after = ({str(i + 1): n for i, n in enumerate(each)} for each in (before, after))
    for party, held in after.items():
        if not isinstance(held, dict):
            yield str(party), "", f"{before[party]:,}", f"{held:,}"
            continue
        for asset, amount in held.items():
            yield str(party), str(asset), f"{before[party].get(asset, 0):,}", f"{amount:,}"

"""Working on breaks: `clearing breaks DIR list`, `show`, `assign`, `explain`, `propose`, `approve`, `reject`
and `close`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from settlement.cli.output import (
    DirectoryArgument,
    FormatOption,
    JsonOption,
    failures,
    leave,
    wants_json,
    write_json,
    write_text,
)

if TYPE_CHECKING:
    from settlement.breaks import Breaks, Kept
    from settlement.reconciliation.model import Cause
    from settlement.report.layout import Money
    from settlement.scenario import Scenario

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="Of the break, as B-12.")]
PersonOption = Annotated[str, typer.Option("--as", metavar="NAME", help="The person who does it.")]
WhyOption = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason.")]


class Level(StrEnum):
    """On which level books differ."""

    TRADE = "trade"
    POSITION = "position"
    CASH = "cash"
    REVENUE = "revenue"


class Status(StrEnum):
    """How a break stands."""

    OPEN = "open"
    PROPOSED = "proposed"
    PENDING = "pending"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class _Opened:
    path: Path
    scenario: Scenario
    breaks: Breaks
    money: Money

    def causes(self, kept: Kept) -> Sequence[Cause]:
        """Those that its run found, else what the break itself shows."""
        from settlement.reconciliation.causes import Known, causes

        scenario = self.scenario
        known = Known(
            parties=scenario.brokers,
            securities=scenario.securities.codes,
            exponent=scenario.exponent,
        )
        return kept.found.causes or causes(kept.found, known)


def register(group: typer.Typer) -> None:
    """Put these commands into the group `clearing breaks DIR`."""
    group.callback()(_of)
    group.command("list")(list_breaks)
    for command in (show, assign, explain, propose, approve, reject, close):
        group.command()(command)


def _of(context: typer.Context, path: DirectoryArgument) -> None:
    """Differences between books that are kept: list them, say whose they are, explain, correct and close
    them."""
    context.obj = path


def list_breaks(
    context: typer.Context,
    institution: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only breaks of this institution.")
    ] = None,
    status: Annotated[
        list[Status] | None, typer.Option(help="Only these; may be given several times. Else all but closed.")
    ] = None,
    level: Annotated[list[Level] | None, typer.Option(help="Only these; may be given several times.")] = None,
    kind: Annotated[
        list[str] | None, typer.Option(metavar="KIND", help="Only these, as quantity or DQUA.")
    ] = None,
    owner: Annotated[str | None, typer.Option(metavar="NAME", help="Only those that are theirs.")] = None,
    older_than: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Only those of more than N business days.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Show every row, closed ones too.")] = False,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """List breaks, open ones and the largest at risk first. Exit code 1 where any is open or proposed."""
    json_wanted = wants_json(form, as_json)
    kinds = _kinds(kind or [])
    wanted = {each.value for each in status or Status if status or everything or each is not Status.CLOSED}
    levels = {each.value for each in level or Level}
    with _opened(context, write=False) as it:
        from settlement.report.breaks import break_json
        from settlement.report.kept import kept_list, largest, sums

        every = it.breaks.kept()
        names = {each.name for each in it.scenario.institutions}
        _known("institution", institution, {*names, *(each.found.institution for each in every)})
        _known("owner", owner, {*names, *(each.owner for each in every)})
        shown = [
            each
            for each in every
            if each.status in wanted
            and each.found.level in levels
            and each.found.institution == (institution or each.found.institution)
            and each.owner == (owner or each.owner)
            and (not kinds or each.found.kind.value in kinds)
            and (older_than is None or each.age > older_than)
        ]
        if json_wanted:
            counted = {
                name: {"breaks": count, "value_at_risk_minor": str(value)}
                for name, (count, value) in sums(shown).items()
            }
            listed = [break_json(each, it.causes(each)) for each in shown]
            write_json({"ledger": str(it.path), "breaks": listed, "sums": counted})
        else:
            parts: list[Any] = list(kept_list(shown, it.money, everything=everything))
            begin = f"clearing breaks {quote(str(it.path))}"
            write_text(*parts, then=[f"{begin} show {largest(shown).id}"] if shown else ())
    leave(any(each.status in ("open", "proposed") for each in shown))


def show(
    context: typer.Context, id: IdArgument, form: FormatOption = None, as_json: JsonOption = False
) -> None:
    """Show one break: what each side has, what may have made it, what was done about it."""
    json_wanted = wants_json(form, as_json)
    with _opened(context, write=False) as it:
        _shown(it, it.breaks.get(id), json_wanted)


def assign(
    context: typer.Context,
    id: IdArgument,
    to: Annotated[str, typer.Argument(metavar="NAME", help="Whose task it is.")],
    person: PersonOption,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a break somebody's task."""
    _changed(context, wants_json(form, as_json), lambda it: it.breaks.assign(id, to, person))


def explain(
    context: typer.Context,
    id: IdArgument,
    text: Annotated[str | None, typer.Option(metavar="TEXT", help="A note to add to its history.")] = None,
    person: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="The person who adds it.")
    ] = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what may have made a break, and what would mend it; with --text, add a note."""
    json_wanted = wants_json(form, as_json)
    if (text is None) != (person is None):
        raise typer.BadParameter("a note needs both --text and --as", param_hint="'--text'")
    if text is not None and person is not None:
        _changed(context, json_wanted, lambda it: it.breaks.explain(id, text, person))
        return
    with _opened(context, write=False) as it:
        from settlement.report.breaks import cause_json
        from settlement.report.kept import cause_list

        kept = it.breaks.get(id)
        found = it.causes(kept)
        if json_wanted:
            listed = [cause_json(cause, kept.found.level) for cause in found]
            write_json({"ledger": str(it.path), "id": kept.id, "causes": listed})
        else:
            write_text(*cause_list(kept, found, it.money), then=_next(it, kept, found))


def propose(
    context: typer.Context,
    id: IdArgument,
    person: PersonOption,
    cause: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Correct it as its cause N says; `explain` lists them."),
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="What the book should have, as quantity=510 or settlement_amount=4290.00; may be given"
            " several times.",
        ),
    ] = None,
    action: Annotated[
        str,
        typer.Option(
            metavar="replace|add|remove",
            help="What to do with the book's entry; one that is added is the ledger's, and what --set says.",
        ),
    ] = "replace",
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose an entry that corrects the book; another person approves it, and the next run applies it."""
    json_wanted = wants_json(form, as_json)
    if (cause is None) == (not values and action not in ("add", "remove")):
        raise typer.BadParameter("say what to correct: either --cause N or --set", param_hint="'--cause'")

    def proposed(it: _Opened) -> Kept:
        kept = it.breaks.get(id)
        if cause is None:
            from settlement.breaks.by_hand import entry_of

            entry: Mapping[str, object] = entry_of(kept.found, action, values or [], it.scenario.exponent)
        else:
            found = it.causes(kept)
            if cause > len(found):
                count = f"only {len(found)}" if found else "none"
                raise typer.BadParameter(f"{kept.id} has {count}", param_hint="'--cause'")
            entry = found[cause - 1].mend
        return it.breaks.propose(id, entry, person)

    _changed(context, json_wanted, proposed)


def approve(
    context: typer.Context,
    id: IdArgument,
    person: PersonOption,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve what another person proposed."""
    _changed(context, wants_json(form, as_json), lambda it: it.breaks.approve(id, person))


def reject(
    context: typer.Context,
    id: IdArgument,
    person: PersonOption,
    why: WhyOption,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Do not approve what was proposed: the break is open again."""
    _changed(context, wants_json(form, as_json), lambda it: it.breaks.reject(id, why, person))


def close(
    context: typer.Context,
    id: IdArgument,
    person: PersonOption,
    why: WhyOption,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose to accept a difference as it is; another person approves it."""
    _changed(context, wants_json(form, as_json), lambda it: it.breaks.close(id, why, person))


@contextmanager
def _opened(context: typer.Context, *, write: bool) -> Iterator[_Opened]:
    path: Path = context.obj
    with failures():
        from settlement import directory
        from settlement.breaks.opening import breaks_of
        from settlement.report.layout import Money

        directory.config(path)
        scenario = directory.scenario_of(path)
        with breaks_of(path, scenario, write=write) as breaks:
            yield _Opened(path, scenario, breaks, Money(scenario.cash.currency, scenario.exponent))


def _changed(context: typer.Context, json_wanted: bool, change: Callable[[_Opened], Kept]) -> None:
    with _opened(context, write=True) as it:
        _shown(it, change(it), json_wanted)


def _shown(it: _Opened, kept: Kept, json_wanted: bool) -> None:
    from settlement.report.breaks import break_json, history_json
    from settlement.report.kept import kept_page

    found = it.causes(kept)
    if json_wanted:
        history = [history_json(event, it.money) for event in kept.history]
        write_json({"ledger": str(it.path)} | break_json(kept, found) | {"history": history})
    else:
        write_text(*kept_page(kept, found, it.money), then=_next(it, kept, found))


def _next(it: _Opened, kept: Kept, causes: Sequence[Cause]) -> list[str]:
    """The commands that can come next."""
    begin = f"clearing breaks {quote(str(it.path))}"
    if kept.status == "proposed" and kept.proposal is not None:
        if kept.proposal.approved:
            return [f"clearing reconcile {quote(str(it.path))}"]
        return [f"{begin} approve {kept.id} --as NAME", f"{begin} reject {kept.id} --why TEXT --as NAME"]
    if kept.status != "open":
        return []
    is_correctable = kept.found.level == "trade"
    ways = [
        f"propose {kept.id} --cause {number} --as NAME"
        for number, cause in enumerate(causes, start=1)
        if is_correctable and cause.mend.get("side") == "book"
    ]
    if not ways and is_correctable:
        by_kind = {"missing_here": "--action add", "missing_there": "--action remove"}
        ways = [f"propose {kept.id} {by_kind.get(kept.found.kind.value, '--set FIELD=VALUE')} --as NAME"]
    return [f"{begin} {way}" for way in (*ways, f"close {kept.id} --why TEXT --as NAME")]


def _known(what: str, name: str | None, known: set[str]) -> None:
    """Raises NameUnknown: that nothing is found under a mistyped name would say that all is well."""
    from settlement.errors import NameUnknown

    if name is not None and name not in known:
        raise NameUnknown(what, name, sorted(known))


def _kinds(given: list[str]) -> set[str]:
    """Kinds by their names or ISO reasons."""
    from settlement.reconciliation.model import Kind, reason_of

    found = set()
    for name in given:
        kinds = {
            each.value
            for each in Kind
            if name in (each.value, reason_of(each, "position"), reason_of(each, "cash"))
        }
        if not kinds:
            known = ", ".join(each.value for each in Kind)
            raise typer.BadParameter(f"{name!r} is none of {known}", param_hint="'--kind'")
        found |= kinds
    return found

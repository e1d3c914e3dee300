"""A reconciliation as one HTML page, as the back office reads it in the morning: what is wrong, how much is
at stake, what to do first; then every break by institution, the values of the sides one beside the other.

Where there are very many breaks, those with most at risk are listed, and what the rest comes to; the other
forms have all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from settlement.reconciliation.model import Side
from settlement.reconciliation.units import NOTHING
from settlement.report.breaks import compared_words, lines_words, place
from settlement.report.elements import Markup, el, join
from settlement.report.layout import plural
from settlement.report.page import page
from settlement.report.reconciliation.charts import ages_chart, institutions_chart
from settlement.report.reconciliation.style import STYLE
from settlement.report.reconciliation.values import Row, is_number, marked, rows
from settlement.report.reconciliation.view import (
    Item,
    Step,
    View,
    about,
    by_age,
    by_institution,
    by_level,
    first_steps,
    headline,
    notes,
    oldest,
    ordered,
    source_cells,
    state,
    when,
)
from settlement.report.reconciliation.wording import (
    cause_words,
    glossary,
    group_words,
    mending,
    oldest_words,
    rest_words,
    standing,
    step_words,
    to_do,
)
from settlement.report.vocabulary import LEVELS, REASONS, kind_words
from settlement.report.wording import plain

MOST = 2_000
"""Breaks that are listed on a page."""
_ELSEWHERE = "; the xlsx, CSV and JSON forms have every one"


def as_html(view: View) -> str:
    """The report as a page. Whatever names say, it is shown and does nothing else."""
    title = f"{headline(view)}: {about(view)}"
    return page(
        f"Reconciliation, {title}",
        el("main", *_opening(view), *_main(view)),
        _footer(view),
        style=STYLE,
    )


def _opening(view: View) -> Iterator[Markup]:
    yield el(
        "header",
        el("p", "Reconciliation of ", el("bdi", about(view)), class_="kicker"),
        el("h1", headline(view), class_=state(view)),
        el("p", oldest_words(view.breaks) if view.breaks else compared_words(view.compared)),
        *_notes(view),
    )


def _notes(view: View) -> Iterator[Markup]:
    said = notes(view)
    if said:
        yield el("ul", *(el("li", el("bdi", each)) for each in said), class_="note")


def _main(view: View) -> Iterator[Markup]:
    groups = by_institution(view.breaks)
    if view.breaks:
        yield el("h2", "At stake")
        yield el("ul", *_levels(view), class_="tiles")
        yield el("h2", "Do first")
        yield el("ol", *(_step(view, step) for step in first_steps(view.breaks)), class_="steps")
        yield from _charts(view, groups)
        yield el("h2", "Every break, by institution")
        listed = frozenset(map(id, ordered(view.breaks)[:MOST]))
        for institution, items in groups.items():
            yield el("h3", el("bdi", plain(institution)), el("span", f" {group_words(items, view.money)}"))
            yield from _items(view, items, [each for each in items if id(each) in listed])
    if view.pending:
        yield el("h2", "Pending")
        yield el("p", "These are no breaks: the cut-off of the side that lacks them has not come.")
        items = ordered(view.pending)
        yield from _items(view, items, items[:MOST])
    if view.refused:
        yield el("h2", "Could not be read")
        yield from _refused(view)
    yield el("h2", "What was compared")
    if view.breaks:
        yield el("p", compared_words(view.compared))
    if view.sources:
        yield _sources(view)
    used = glossary([*view.breaks, *view.pending])
    if used:
        yield el("h2", "Words")
        yield el("dl", *(join(el("dt", word), el("dd", meaning)) for word, meaning in used))


def _levels(view: View) -> Iterator[Markup]:
    for level, each in by_level(view.breaks).items():
        yield el(
            "li",
            el("b", f"{each.count:,}"),
            f" in {LEVELS[level]}",
            el("span", view.money.amount(each.at_risk), class_="n"),
        )


def _charts(view: View, groups: Mapping[str, Sequence[Item]]) -> Iterator[Markup]:
    """Bars, where there is more than one to compare."""
    ages = by_age(view.breaks)
    drawn = []
    if len(groups) > 1:
        drawn.append(institutions_chart(groups, view.money))
    if len(ages) > 1:
        drawn.append(ages_chart(ages, view.money))
    if drawn:
        yield el("h2", "Where it is")
        yield el("div", *drawn, class_="charts")


def _step(view: View, step: Step) -> Markup:
    found, money = step.largest.found, view.money
    said: list[str] = [
        el("b", el("bdi", step_words(step))),
        el("span", f"{money.amount(step.at_risk)} at risk", class_="n"),
    ]
    if len(step.items) > 1:
        back = oldest(step.items)
        largest = f"The largest is {place(found)}, {money.amount(int(found.value_at_risk))}."
        since = f" The oldest is of {back.isoformat()}." if back else ""
        said.append(el("div", el("bdi", largest + since)))
    said.append(_values(rows(found, money), found.odd))
    said += [el("div", el("bdi", cause), class_="cause") for cause in cause_words(found)]
    said.append(el("div", el("bdi", to_do(found, money)), class_="mend"))
    return el("li", *said)


def _items(view: View, items: Sequence[Item], shown: Sequence[Item]) -> Iterator[Markup]:
    titles = (
        "trade or asset",
        "what is wrong",
        "values",
        f"at risk, {view.money.currency}",
        "proposed cause",
    )
    head = el("tr", *(el("th", title, scope="col", class_=_class(title)) for title in titles))
    if shown:
        body = el("tbody", *(_item(view, each) for each in shown))
        yield el("table", el("thead", head), body, class_="breaks")
    if len(shown) < len(items):
        kept = frozenset(map(id, shown))
        rest = [each for each in items if id(each) not in kept]
        yield el("p", rest_words(rest, view.money) + _ELSEWHERE, class_="more")


def _class(title: str) -> str:
    return "n" if title.startswith("at risk") else ""


def _item(view: View, item: Item) -> Markup:
    found, money = item.found, view.money
    where: list[str] = [el("div", el("bdi", plain(found.subject)), class_="subject")]
    if found.trading_day is not None:
        where.append(el("div", found.trading_day.isoformat(), class_="soft"))
    if found.lines:
        where.append(el("div", lines_words(found), class_="soft"))
    if item.id:
        where.append(el("div", el("bdi", plain(item.id)), class_="soft"))
    reason = el("abbr", found.reason, title=REASONS.get(found.reason, found.reason))
    what: list[str] = [el("div", f"{kind_words(found)} ", reason)]
    if standing(item):
        what.append(el("div", el("bdi", standing(item)), class_="soft"))
    why: list[str] = [el("div", el("bdi", cause), class_="cause") for cause in cause_words(found)]
    if mending(found, money):
        why.append(el("div", el("bdi", mending(found, money)), class_="mend"))
    return el(
        "tr",
        el("td", *where),
        el("td", *what),
        el("td", _values(rows(found, money), found.odd)),
        el("td", money.bare(int(found.value_at_risk)), class_="n", data_unit=money.currency),
        el("td", *why),
        class_=f"level-{found.level}",
    )


def _values(found: Sequence[Row], odd: Side | None) -> Markup:
    """The sides one beside the other, where they differ marked."""
    sides = list(dict.fromkeys(side for row in found for side in row.said))
    if len(found) == 1 and not found[0].name:
        pairs = (
            el("div", el("span", side, class_="soft"), " ", el("bdi", said))
            for side, said in found[0].said.items()
        )
        return el("div", *pairs, class_="alone")
    heads = (el("th", side, class_="odd" if side == odd else "") for side in sides)
    body = []
    for row in found:
        texts = marked([row.said.get(side, "") for side in sides])
        cells = []
        for side, runs in zip(sides, texts, strict=True):
            nothing = row.said.get(side) == NOTHING
            whole = nothing or is_number(row.said.get(side, ""))
            words = (("odd", side == odd), ("none", nothing), ("whole", whole))
            kind = " ".join(word for word, so in words if so)
            cells.append(
                el("td", el("bdi", *(el("mark", run) if off else run for run, off in runs)), class_=kind)
            )
        body.append(el("tr", el("th", row.name, scope="row"), *cells))
    return el("table", el("thead", el("tr", el("td"), *heads)), el("tbody", *body), class_="values")


def _refused(view: View) -> Iterator[Markup]:
    shown = view.refused[:MOST]
    body = (
        el(
            "tr",
            el("td", el("bdi", plain(each.source))),
            el("td", f"{each.line:,}" if each.line else "all", class_="n"),
            el("td", el("bdi", plain(each.field))),
            el("td", el("bdi", plain(each.value))),
            el("td", el("bdi", plain(each.reason))),
        )
        for each in shown
    )
    yield _table(("source", "line", "field", "value", "reason"), body, ("line",))
    if len(shown) < len(view.refused):
        yield el("p", f"and {plural(len(view.refused) - len(shown), 'more row', 'more rows')}{_ELSEWHERE}")


def _sources(view: View) -> Markup:
    body = []
    for each in view.sources:
        name, side, institution, form, count, tolerances, more = source_cells(each, view.money)
        shown = "" if count is None else f"{count:,}"
        body.append(
            el(
                "tr",
                el("td", el("bdi", name)),
                el("td", side),
                el("td", el("bdi", institution)),
                el("td", form),
                el("td", shown, class_="n"),
                el("td", el("bdi", tolerances)),
                el("td", el("bdi", more)),
            )
        )
    titles = ("source", "side", "of", "format", "rows", "tolerances", "besides")
    return _table(titles, body, ("rows",))


def _table(titles: Sequence[str], body: Iterator[Markup] | list[Markup], right: Sequence[str]) -> Markup:
    heads = (el("th", title, scope="col", class_="n" if title in right else "") for title in titles)
    return el("div", el("table", el("thead", el("tr", *heads)), el("tbody", *body)), class_="wide")


def _footer(view: View) -> Markup:
    return el(
        "footer",
        el("p", "Ledger ", el("bdi", plain(view.ledger)), f", made {when(view)}."),
        el(
            "p",
            f"Read up to block {view.block:,}, ",
            el("span", el("bdi", plain(view.head)), class_="hash"),
            ".",
        ),
    )

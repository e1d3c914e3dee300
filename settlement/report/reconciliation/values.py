"""Values of a break for people: those of the sides one beside the other, marked where they differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from settlement.reconciliation.model import Break, Side
from settlement.reconciliation.units import NOTHING, field_words, say
from settlement.report.layout import Money
from settlement.report.mending import pieces
from settlement.report.vocabulary import SIDES


@dataclass(frozen=True, slots=True)
class Row:
    """One line of what differs: a field with what each side has of it, as text."""

    name: str
    """For people; empty where the line is of a whole trade."""
    said: Mapping[Side, str]


def _one_sided(found: Break) -> Side | None:
    """The one side that has anything, where the break is of a whole trade that the others lack."""
    having = {side for values in found.fields.values() for side, value in values.items() if value is not None}
    asked = {side for values in found.fields.values() for side in values}
    if found.level != "trade" or len(having) != 1 or asked == having or len(found.fields) < 2:
        return None
    return next(iter(having))


def rows(found: Break, money: Money) -> list[Row]:
    """What differs, a line a field; a trade that one side has alone is one line of all its fields."""
    alone = _one_sided(found)
    if alone is not None:
        fields = {name: values.get(alone) for name, values in found.fields.items()}
        whole = ", ".join(pieces(money, found.level, fields))
        return [Row("", {side: whole if side == alone else NOTHING for side in sides_in([found])})]
    return [
        Row(
            field_words(name),
            {side: say(money.exponent, found.level, name, values[side]) for side in SIDES if side in values},
        )
        for name, values in found.fields.items()
    ]


def sides_in(breaks: Iterable[Break]) -> list[Side]:
    """The sides that any of the breaks shows values of, in the order of every report."""
    asked = {side for found in breaks for values in found.fields.values() for side in values}
    return [side for side in SIDES if side in asked]


def marked(texts: Sequence[str]) -> list[list[tuple[str, bool]]]:
    """Each text in runs, with whether a run is where the texts differ: numbers are laid one under the other
    from the right, everything else has its common beginning and end left alone.
    """
    if len(set(texts)) < 2 or NOTHING in texts:
        return [[(text, False)] for text in texts]
    if all(is_number(text) for text in texts):
        return [list(_digits(text, texts)) for text in texts]
    start = _alike(texts)
    end = _alike([text[start:][::-1] for text in texts])
    runs = []
    for text in texts:
        stop = len(text) - end
        runs.append([(text[:start], False), (text[start:stop], True), (text[stop:], False)])
    return [[run for run in each if run[0]] for each in runs]


def _alike(texts: Sequence[str]) -> int:
    """How many characters all begin with."""
    shortest = min(map(len, texts))
    differs = (at for at in range(shortest) if len({text[at] for text in texts}) > 1)
    return next(differs, shortest)


def is_number(text: str) -> bool:
    """Whether a value is a number, as one writes it."""
    return text.isascii() and text.lstrip("-").replace(",", "").replace(".", "", 1).isdigit()


def _digits(text: str, others: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Runs of a number: a place differs where any other has not the same there. A separator goes with what
    stands left of it, so that a run is not cut by it."""
    texts = [other.rpartition(".") if "." in other else ("", "", other) for other in others]
    longest = max(len(fraction) if point else 0 for _, point, fraction in texts)
    laid = [_laid(other, longest) for other in others]
    mine = _laid(text, longest)
    width = max(map(len, laid))
    off = [len({other.rjust(width)[at] for other in laid}) > 1 for at in range(width)]
    start = width - len(mine)
    run, was = "", False
    for at, character in enumerate(mine[: len(text)]):
        differs = off[start + at]
        if run and differs != was:
            yield run, was
            run = ""
        run, was = run + character, differs
    yield run, was


def _laid(text: str, decimals: int) -> str:
    """A number with blanks where it has fewer decimals, so that all points stand under each other."""
    whole, point, fraction = text.partition(".")
    if not decimals:
        return text
    return f"{whole}{point or ' '}{fraction.ljust(decimals)}"

"""Elements of a page, which escape whatever is put into them: there is no other way to make one.

`el("td", name, class_="n")` is `<td class="n">…</td>` with the name escaped; an element is put in as it is.
"""

from __future__ import annotations

from html import escape

from settlement.report.wording import plain

_EMPTY = {"meta", "line", "rect", "polyline", "path"}


class Markup(str):
    """Markup that is whole and escaped; only `el` and `join` make it."""

    __slots__ = ()


def el(tag: str, /, *children: str, **attributes: object) -> Markup:
    """An element. Attribute `class_` is `class`, and an underscore within a name is a hyphen."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(plain(str(value)))}"'
        for key, value in attributes.items()
    )
    if tag in _EMPTY:
        return Markup(f"<{tag}{written}/>")
    return Markup(f"<{tag}{written}>{join(*children)}</{tag}>")


def join(*children: str) -> Markup:
    """Pieces one after the other; text among them is escaped."""
    return Markup("".join(each if isinstance(each, Markup) else escape(plain(each)) for each in children))

"""ISO 20022: sese.025 settlement confirmations, semt.002 statements of holdings, camt.053 bank statements.

A file holds one message, or any number of one kind in a wrapper, each with its header or without. Any version
of a message will do that has the elements used here. What a message is not without (an account, a date) makes
the whole source refused, with the element and its line; a value that cannot be held (a fraction of a unit,
an unknown currency) refuses its row, and the others go on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from settlement.sources import Context, Source
from settlement.sources.iso.camt import read_camt053
from settlement.sources.iso.semt import read_semt002
from settlement.sources.iso.sese import read_sese025
from settlement.sources.iso.writing import write_camt053, write_semt002, write_sese025
from settlement.sources.iso.xml import Element, parse
from settlement.sources.messages import shown

__all__ = ["kind_of", "read", "write_camt053", "write_semt002", "write_sese025"]

_NAMESPACE = re.compile(r"urn:iso:std:iso:20022:tech:xsd:([a-z]{4}\.[0-9]{3})\.[0-9]{3}\.[0-9]{2}")
_READERS = {"sese.025": read_sese025, "semt.002": read_semt002, "camt.053": read_camt053}


def kind_of(data: bytes) -> str | None:
    """Which of the messages read here these bytes seem to be, going by a namespace near their beginning; None
    if none. That they are sound is for `read` to say.
    """
    head = data[: 1 << 16].replace(b"\0", b"").decode("ascii", errors="replace")
    return next((each for each in _NAMESPACE.findall(head) if each in _READERS), None)


def read(data: bytes, name: str, context: Context, mapping: object | None = None) -> Source:
    """What the messages in `data` hold. `name` is what errors call the source; `mapping` may rename, by the
    mappings `institutions` and `securities` that it has.

    Raises MessageRefused, DayOther where nothing is of the day that the context asks for, FileEmpty.
    """
    documents = _documents(parse(data, name))
    kinds = sorted({kind for kind, _ in documents})
    if len(kinds) > 1:
        documents[0][1].refuse(f"holds {' and '.join(kinds)} messages; each kind is a source of its own")
    messages = [each for _, each in documents]
    return _READERS[kinds[0]](messages, name, context, mapping)


def _documents(root: Element) -> Sequence[tuple[str, Element]]:
    """Each Document in the tree with the kind of its message."""
    found: list[tuple[str, Element]] = []
    todo = [root]
    while todo:
        element = todo.pop()
        if element.name != "Document":
            todo += reversed(element.children)
            continue
        match = _NAMESPACE.fullmatch(element.namespace)
        if match is None or match.group(1) not in _READERS:
            element.refuse(f"has the namespace {shown(element.namespace)!r}; {', '.join(_READERS)} are read")
        found.append((match.group(1), element))
    if not found:
        where = shown(root.namespace) if root.namespace else "no namespace"
        root.refuse(f"({where}) is the outermost element, and no Document is in it")
    return found

"""Hostile XML, read safely: a tree of names, text and lines, or MessageRefused with the place.

Nothing is resolved, loaded or expanded. A document type declaration ends the reading before anything in it
counts, so there are no entities but the five of XML itself; the expat parser has no handler that would open
anything. ISO 20022 messages are UTF-8 and not deep.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn
from xml.parsers import expat

from settlement.errors import FileEmpty
from settlement.sources.errors import MessageRefused
from settlement.sources.messages import shown

DEEPEST = 64
"""Elements inside each other; the messages read here have fewer than 25, an envelope a few more."""
LONGEST = 1 << 20
"""Characters in one element."""
ENCODINGS = ("UTF-8", "US-ASCII", "UTF-16")

_BETWEEN = " "


class Element:
    """One element: its local `name`, its `namespace`, where it starts, its text and what is in it."""

    __slots__ = ("attributes", "children", "file", "line", "name", "namespace", "parent", "text")

    def __init__(
        self, file: str, name: str, attributes: dict[str, str], line: int, parent: Element | None
    ) -> None:
        self.file = file
        self.namespace, _, self.name = name.rpartition(_BETWEEN)
        self.attributes = attributes
        self.line = line
        self.parent = parent
        self.text = ""
        self.children: list[Element] = []

    @property
    def path(self) -> str:
        """The names from the outermost element to this one, with strokes between them."""
        return f"{self.parent.path}/{self.name}" if self.parent else self.name

    def all(self, path: str) -> list[Element]:
        """What is at a path of names of this element's namespace, in order."""
        found = [self]
        for name in path.split("/"):
            found = [
                child
                for each in found
                for child in each.children
                if child.name == name and child.namespace == self.namespace
            ]
        return found

    def find(self, *paths: str) -> Element | None:
        """The first thing at the first of the paths that leads anywhere."""
        for path in paths:
            if found := self.all(path):
                return found[0]
        return None

    def need(self, *paths: str) -> Element:
        """As `find`; MessageRefused where there is none."""
        found = self.find(*paths)
        if found is None:
            self.refuse(f"{' or '.join(paths)} is wanted and is not there")
        return found

    def at(self, *paths: str) -> str:
        """The text at the first of the paths that leads anywhere; empty where none does."""
        found = self.find(*paths)
        return found.text if found is not None else ""

    def walk(self) -> Iterator[Element]:
        """This element and all in it, in order."""
        yield self
        for child in self.children:
            yield from child.walk()

    def refuse(self, reason: str) -> NoReturn:
        """Refuse the source because of this element."""
        raise MessageRefused(self.file, self.path, self.line, reason)


class _Builder:
    def __init__(self, file: str) -> None:
        self.file = file
        self.root: Element | None = None
        self.open: Element | None = None
        self.depth = 0
        self.long = 0
        self.text: list[str] = []
        self.parser = expat.ParserCreate(namespace_separator=_BETWEEN)
        self.parser.buffer_text = True
        self.parser.XmlDeclHandler = self.declaration
        self.parser.StartDoctypeDeclHandler = self.doctype
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.characters

    def refuse(self, reason: str, line: int = 0) -> NoReturn:
        path = self.open.path if self.open is not None else ""
        raise MessageRefused(self.file, path, line or self.parser.CurrentLineNumber, reason)

    def declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        if encoding is not None and encoding.upper() not in ENCODINGS:
            self.refuse(f"encoding {shown(encoding)!r} is declared; ISO 20022 messages are UTF-8")

    def doctype(self, *declared: object) -> None:
        self.refuse("has a document type declaration (DTD), which no ISO 20022 message has")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            self.refuse(f"has more than {DEEPEST} elements inside each other")
        element = Element(self.file, name, attributes, self.parser.CurrentLineNumber, self.open)
        if self.open is None:
            self.root = element
        else:
            self.open.children.append(element)
        self.open, self.text, self.long = element, [], 0

    def end(self, name: str) -> None:
        assert self.open is not None
        if not self.open.children:
            self.open.text = "".join(self.text).strip()
        self.open, self.text, self.long = self.open.parent, [], 0
        self.depth -= 1

    def characters(self, text: str) -> None:
        self.long += len(text)
        if self.long > LONGEST:
            self.refuse(f"has more than {LONGEST} characters in one element")
        self.text.append(text)


def parse(data: bytes, file: str) -> Element:
    """The outermost element of a document; MessageRefused says what is wrong with it, and where."""
    if not data.strip():
        raise FileEmpty(file)
    builder = _Builder(file)
    try:
        builder.parser.Parse(data, True)
    except expat.ExpatError as error:
        builder.refuse(f"is not well-formed XML: {expat.ErrorString(error.code)}", error.lineno)
    except (ValueError, LookupError) as error:  # an encoding that Python cannot give to expat
        builder.refuse(f"is not readable XML: {error}")
    assert builder.root is not None
    return builder.root

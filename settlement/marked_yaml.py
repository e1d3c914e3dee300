"""YAML as plain data, with the line that every key and item stands on.

Only what a configuration needs is read: one document of mappings, lists and scalars. Aliases,
anchors and tags are refused, so a file can neither blow up nor make objects; so are duplicate
keys, which YAML forbids and its readers commonly let pass.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import yaml

from settlement.errors import Mistake

Path = tuple[str | int, ...]

MAX_BYTES = 1_000_000
MAX_DEPTH = 20

_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]*(?:_[0-9]{3})*)")
_NULL, _BOOL = "tag:yaml.org,2002:null", "tag:yaml.org,2002:bool"
_STR, _INT = "tag:yaml.org,2002:str", "tag:yaml.org,2002:int"


@dataclass(frozen=True, slots=True)
class Unquoted:
    """A plain scalar that YAML reads as a fraction, a date, a truth value or an odd number."""

    text: str


class MarkedYamlError(Exception):
    """The text is not the YAML that is read here. Caught where the file's name is known."""

    def __init__(self, mistake: Mistake) -> None:
        super().__init__(str(mistake))
        self.mistake = mistake


@dataclass(frozen=True, slots=True)
class Marked:
    """`data` (dict, tuple, str, int, None, Unquoted), the `lines` of its paths, and `mistakes` on the way."""

    data: Any
    lines: dict[Path, int]
    mistakes: list[Mistake] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """The line of `path`, or of the nearest thing around it that the file has."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 0)


def read(data: bytes) -> Marked:
    """Reads one YAML document in UTF-8; raises MarkedYamlError where that cannot be done at all."""
    if len(data) > MAX_BYTES:
        raise _refused(0, f"is larger than {MAX_BYTES:,} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refused(data.count(b"\n", 0, error.start) + 1, "is not UTF-8") from None
    try:
        node = _Composer(_events(text)).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        raise _refused(line, f"is not YAML: {error.problem or error.context}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _refused(line, f"is not YAML: {error.reason}") from None
    marked = Marked(None, {})
    if node is None:
        raise _refused(1, "holds no YAML document")
    marked.lines[()] = node.start_mark.line + 1
    return Marked(_build(node, (), marked), marked.lines, marked.mistakes)


def key_text(path: Path) -> str:
    """A path for people: ("fees", "tiers", 1, "up_to") is fees.tiers[1].up_to."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _refused(line: int, reason: str) -> MarkedYamlError:
    return MarkedYamlError(Mistake(line, "", reason))


class _Composer(yaml.composer.Composer, yaml.resolver.Resolver):
    """Nodes of events that there are already: scanning the text is nearly all the work, and is done once."""

    def __init__(self, events: deque[yaml.Event]) -> None:
        yaml.composer.Composer.__init__(self)
        yaml.resolver.Resolver.__init__(self)
        self._events = events

    def peek_event(self) -> yaml.Event:
        return self._events[0]

    def get_event(self) -> yaml.Event:
        return self._events.popleft()

    def check_event(self, *kinds: type[yaml.Event]) -> bool:
        return isinstance(self._events[0], kinds)


def _events(text: str) -> deque[yaml.Event]:
    """The text's events. Refuses what could expand, make objects or nest without end."""
    found: deque[yaml.Event] = deque()
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        found.append(event)
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise _refused(line, "starts a second YAML document, one is wanted")
        if isinstance(event, yaml.AliasEvent):
            raise _refused(line, f"uses the alias *{event.anchor}; aliases are not read here")
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            raise _refused(line, f"sets the anchor &{event.anchor}; anchors are not read here")
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag is not None:
            raise _refused(line, f"has the tag {event.tag}; tags are not read here")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise _refused(line, f"nests deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return found


def _build(node: yaml.Node, path: Path, marked: Marked) -> Any:
    """The data of `node`, whose children's lines and duplicate keys go into `marked`."""
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, marked)
    if isinstance(node, yaml.SequenceNode):
        return tuple(_item(child, (*path, index), marked) for index, child in enumerate(node.value))
    return _scalar(node) if isinstance(node, yaml.ScalarNode) else None


def _item(node: yaml.Node, path: Path, marked: Marked) -> Any:
    marked.lines[path] = node.start_mark.line + 1
    return _build(node, path, marked)


def _mapping(node: yaml.MappingNode, path: Path, marked: Marked) -> dict[str, Any]:
    built: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            marked.mistakes.append(Mistake(line, key_text(path), "has a key that is not a plain word"))
            continue
        here = (*path, key_node.value)
        if key_node.value in built:
            first = marked.lines[here]
            marked.mistakes.append(Mistake(line, key_text(here), f"is given twice, first on line {first}"))
            continue
        marked.lines[here] = line
        built[key_node.value] = _build(value_node, here, marked)
    return built


def _scalar(node: yaml.ScalarNode) -> str | int | Unquoted | None:
    text: str = node.value
    if node.style is not None or node.tag == _STR:
        return text
    if node.tag == _NULL:
        return None
    if node.tag == _INT and len(text) <= 30 and _WHOLE.fullmatch(text):
        return int(text)
    return Unquoted(text)

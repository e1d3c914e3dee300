"""Which books and statements belong to a ledger: given on the command line, or kept in its `sources.yaml`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from settlement import marked_yaml
from settlement.errors import Mistake
from settlement.files import read_regular, write_whole
from settlement.reconciliation.model import Side
from settlement.sources.errors import MappingInvalid

FILE = "sources.yaml"
_DATABASES = ("sqlite:", "postgresql:", "postgres:")


@dataclass(frozen=True, slots=True)
class Brought:
    """One book or statement: whose, and where it is. `owner` is None for a statement of many accounts."""

    side: Side
    owner: str | None
    where: str
    mapping: str | None = None
    default: str | None = None
    """A mapping for it if it does not show by itself what it is."""


class _Source(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    source: str
    mapping: str | None = None
    default_mapping: str | None = None


class _Sources(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    books: dict[str, tuple[_Source, ...]] = Field(default_factory=dict)
    bank: tuple[_Source, ...] = ()
    custodian: tuple[_Source, ...] = ()


def configured(folder: Path) -> list[Brought]:
    """What `sources.yaml` of a ledger says; nothing where there is none. Raises MappingInvalid and
    FileRefused.
    """
    path = folder / FILE
    if not path.exists():
        return []
    try:
        marked = marked_yaml.read(read_regular(path))
    except marked_yaml.MarkedYamlError as error:
        raise MappingInvalid(str(path), [error.mistake]) from None
    try:
        found = _Sources.model_validate(marked.data or {})
    except ValidationError as error:
        mistakes = [
            Mistake(marked.line(each["loc"]), marked_yaml.key_text(each["loc"]), each["msg"])
            for each in error.errors()
        ]
        raise MappingInvalid(str(path), [*marked.mistakes, *mistakes]) from None
    given: list[tuple[Side, str | None, tuple[_Source, ...]]] = [
        *(("book", owner, sources) for owner, sources in found.books.items()),
        ("bank", None, found.bank),
        ("custodian", None, found.custodian),
    ]
    return [
        Brought(side, owner, each.source, each.mapping, each.default_mapping)
        for side, owner, sources in given
        for each in sources
    ]


def keep(folder: Path, brought: Iterable[Brought]) -> None:
    """Write them into `sources.yaml`, in place of those of the same side and owner; files with their whole
    path. Raises what `configured` does, and FileUnwritable.
    """
    new = list(brought)
    replaced = {(each.side, each.owner) for each in new}
    every = [each for each in configured(folder) if (each.side, each.owner) not in replaced] + new
    shown: dict[str, object] = {}
    books: dict[str, list[dict[str, str]]] = {}
    for each in every:
        named = {"source": each.where, "mapping": each.mapping, "default_mapping": each.default}
        entry = {name: _whole(where) for name, where in named.items() if where is not None}
        if each.owner is not None:
            books.setdefault(each.owner, []).append(entry)
        else:
            known = shown.setdefault(each.side, [])
            assert isinstance(known, list)
            known.append(entry)
    text = yaml.safe_dump(({"books": books} if books else {}) | shown, sort_keys=False, allow_unicode=True)
    write_whole(folder / FILE, text.encode())


def _whole(where: str) -> str:
    return where if where.startswith(_DATABASES) else os.path.abspath(where)

"""What a session stands on: the index of a ledger, followed and held; names; the viewer's access."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from duckdb import DuckDBPyConnection

from ledger.ids import from_bytes32
from settlement.audit.access import Access
from settlement.audit.answer import AsOf
from settlement.audit.names import Asset, Names


@dataclass(frozen=True, slots=True)
class Segment:
    """Blocks whose facts lie together, and the files by table."""

    first_block: int
    last_block: int
    files: Mapping[str, Path]


@contextmanager
def held(path: Path) -> Iterator[tuple[Sequence[Segment], AsOf]]:
    """The segments of the ledger's index, which nobody changes meanwhile, and the block they end with; the
    index is brought up to the chain's newest block before."""
    raise NotImplementedError
    yield


def names(connection: DuckDBPyConnection) -> Names:
    """What the ledger's institutions and assets are called."""
    admitted = connection.execute(
        'select institution, name from facts."Consortium_InstitutionAdmitted" order by 1'
    ).fetchall()
    listed = connection.execute(
        'select asset, code, issuer, decimals from facts."AssetRegister_AssetListed" order by 1'
    ).fetchall()
    return Names(
        {index: from_bytes32(bytes(name)) for index, name in admitted},
        {index: Asset(index, from_bytes32(bytes(code)), *rest) for index, code, *rest in listed},
    )


def access(path: Path, viewer: str | None, names: Names) -> Access:
    """What a viewer of the ledger at `path` sees; nobody named sees all of it."""
    return Access(viewer or "operator")

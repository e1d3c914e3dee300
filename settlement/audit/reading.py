"""What a session stands on: the index of a ledger, followed and held; names; the viewer's access."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ledger.ids import from_bytes32
from settlement.audit.answer import AsOf
from settlement.audit.facts import Script
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
    from ledger.index.errors import IndexMissing
    from ledger.index.following import newest_of
    from ledger.index.keeping import reading
    from ledger.index.manifest import Manifest
    from settlement import directory

    directory.config(path)
    newest = newest_of(path)
    with ExitStack() as stack:
        try:
            stack.enter_context(reading(path))
            manifest: Manifest | None = Manifest.read(path)
        except IndexMissing:
            manifest = None
        at = None if manifest is None else (manifest.as_of.block, manifest.as_of.hash)
        # A network's chain has to be asked in any case, and may have made final what was not.
        if manifest is None or newest is None or at != (newest.block, newest.hash):
            # Who follows replaces files, and would wait for whoever reads them.
            stack.close()
            follow(path)
            stack.enter_context(reading(path))
            manifest = Manifest.read(path)
        found = [
            Segment(
                each.first_block, each.last.number, {name: manifest.path(each, name) for name in each.files}
            )
            for each in manifest.segments
        ]
        said = manifest.as_of
        yield found, AsOf(said.block, said.hash, said.time_s, said.final)


def follow(path: Path) -> None:
    """Bring the index of the ledger at `path` up to its chain's newest block. Raises LedgerUnfinished, and
    what opening the chain and following it raise."""
    from settlement import indexing

    indexing.follow(path)


def names(script: Script) -> Names:
    """What the ledger's institutions and assets are called."""
    admitted = script.execute(
        'select institution, name from facts."Consortium_InstitutionAdmitted" order by 1'
    ).fetchall()
    listed = script.execute(
        'select asset, code, issuer, decimals from facts."AssetRegister_AssetListed" order by 1'
    ).fetchall()
    return Names(
        {index: from_bytes32(bytes(name)) for index, name in admitted},
        {index: Asset(index, from_bytes32(bytes(code)), *rest) for index, code, *rest in listed},
    )


def index_folder(path: Path) -> Path:
    """Where the files of a ledger's index lie."""
    from ledger.index.manifest import INDEX

    return path / INDEX

"""The index of a ledger's directory: brought up to its chain, made anew, verified."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.clients import Clients, attach
from ledger.index import following, verifying
from ledger.index.following import Derive, Progress
from ledger.index.manifest import Manifest
from ledger.index.verifying import Finding
from settlement import directory
from settlement.audit import entitlements, totals

if TYPE_CHECKING:
    import pyarrow as pa

    from ledger.index.extracting import Extracted
    from ledger.index.known import Known


def derive(segment: Extracted, earlier: Known) -> dict[str, pa.Table]:
    """The tables of the business that a segment has: what revenue sharing came to, and totals."""
    return entitlements.derive(segment, earlier) | totals.derive(segment, earlier)


DERIVE: Derive = derive
"""What adds the tables of the business to each segment."""


def follow(path: Path, *, progress: Progress | None = None) -> Manifest:
    """Bring the index of the ledger at `path` up to its chain's newest block. Raises what opening a ledger
    and `ledger.index.following.follow` raise.
    """
    with clients_of(path) as clients:
        return following.follow(clients, path, derive=DERIVE, progress=progress)


def rebuild(path: Path, *, progress: Progress | None = None) -> Manifest:
    """Make it anew from the chain; what is there stays until the new one is whole."""
    with clients_of(path) as clients:
        return following.rebuild(clients, path, derive=DERIVE, progress=progress)


def verify(path: Path, *, progress: Progress | None = None) -> tuple[Manifest, list[Finding]]:
    """Compare it with the chain: what it is, and what in it is not what the chain gives. Raises
    IndexUnusable.
    """
    with clients_of(path) as clients:
        found = verifying.verify(clients, path, DERIVE, progress=progress)
        return Manifest.named(path), found


@contextmanager
def clients_of(path: Path) -> Iterator[Clients]:
    """The ledger's contracts on its chain, for reading; no engine is started."""
    directory.config(path)
    deployment = directory.deployment_of(path)
    with directory.connected(path, write=False, blocks=deployment.block) as chain:
        chain.follow(list(deployment.addresses.values()))
        yield attach(chain, deployment)

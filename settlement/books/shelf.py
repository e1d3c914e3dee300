"""The shelf: where institutions keep their own records, so that a later process finds them.

A trade file's own side is one Parquet file; what issuers told institutions that they were credited is one
JSON file an instruction. Each is on disk whole before the ledger hears of it, and carries digests by which a
change shows. Of trade files none is ever taken away, so that a gap in their numbers shows, too.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from settlement.errors import BookDamaged, FileUnreadable, FileUnwritable
from settlement.files import write_whole
from settlement.model import Intake, Trades
from settlement.scenario import Scenario

_TRADES = re.compile(r"trades-([0-9]{6,})-([0-9]{4}-[0-9]{2}-[0-9]{2})\.parquet")
_DEPOSIT = re.compile(r"deposit-((?:[0-9a-f]{2})+)\.json")


@dataclass(frozen=True, slots=True)
class ShelfFile:
    """A trade file as it was when it was first recorded. `sha256` is that of its bytes, in hex; `owner` is
    whose book it is, None where it is every broker's."""

    serial: int
    trading_day: date
    source: str
    sha256: str
    owner: str | None
    rows: int
    rejected: int
    rejects_file: str | None
    format: str


class Shelf:
    """The records in a folder, or in memory where there is none. Parties and securities go by name."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._memory: dict[str, bytes] = {}
        self._noted: dict[str, ShelfFile] = {}
        self._rows: dict[str, Trades] = {}
        self._whole: dict[str, tuple[tuple[tuple[str, ...], tuple[str, ...]], Trades]] = {}

    def add(
        self,
        data: bytes,
        intake: Intake,
        scenario: Scenario,
        *,
        source: str,
        rejects_file: str | None = None,
        owner: str | None = None,
    ) -> bool:
        """Keep a trade file's own side, without the rows that intake refused.

        False, and nothing is changed, where the same file is there already for that day and owner. Raises
        FileUnwritable.
        """
        from settlement.books.own_file import read_file

        sha256 = hashlib.sha256(data).hexdigest()
        day = intake.trades.trading_day
        there = self.files()
        if any((each.sha256, each.trading_day, each.owner) == (sha256, day, owner) for each in there):
            return False
        rows = read_file(data, scenario, day, {reject.line for reject in intake.rejects})
        noted = ShelfFile(
            serial=_next(there),
            trading_day=day,
            source=source,
            sha256=sha256,
            owner=owner,
            rows=intake.rows,
            rejected=len(intake.rejects),
            rejects_file=rejects_file,
            format=intake.format,
        )
        self._keep(noted, rows)
        return True

    def enter(self, trades: Trades, *, source: str) -> None:
        """Keep trades that no file brought, in every party's book."""
        there = self.files()
        noted = ShelfFile(_next(there), trades.trading_day, source, "", None, len(trades), 0, None, "")
        self._keep(noted, trades)

    def files(self) -> list[ShelfFile]:
        """What was added, in its order. Raises BookDamaged and FileUnreadable."""
        return [noted for _, noted in self._all()]

    def days(
        self, owner: str, scenario: Scenario, only: Collection[date] | None = None
    ) -> dict[date, Trades]:
        """The rows in which an institution buys or sells, by trading day, of all days or of some.

        Files of its own replace the general ones of their day. Of rows with one number on one day the last
        stands: a number that the ledger has is refused when its file is read, so where there is a later row,
        no earlier one was ever recorded. Raises BookDamaged and FileUnreadable.
        """
        general: dict[date, list[str]] = {}
        own: dict[date, list[str]] = {}
        for name, noted in self._all():
            if noted.owner in (None, owner) and (only is None or noted.trading_day in only):
                (general if noted.owner is None else own).setdefault(noted.trading_day, []).append(name)
        found = {}
        for day, names in sorted((general | own).items()):
            trades = self._together(tuple(names), scenario)
            party = trades.parties.index(owner) if owner in trades.parties else -1
            rows = np.flatnonzero((trades.buyer == party) | (trades.seller == party))
            found[day] = _compact(trades.take(rows))
        return found

    def deposit(self, reference: bytes, amounts: Mapping[tuple[str, str], int]) -> None:
        """Keep what the instruction `reference` credits, (institution, asset) → units or minor units.

        It replaces what was kept under that reference, which then was never executed.
        """
        rows = sorted([name, asset, str(amount)] for (name, asset), amount in amounts.items())
        kept = {"amounts": rows, "check": _digest([reference.hex(), rows])}
        self._write(f"deposit-{reference.hex()}.json", json.dumps(kept).encode())

    def deposits(self) -> dict[bytes, dict[tuple[str, str], int]]:
        """Reference → what it credits. Raises BookDamaged and FileUnreadable."""
        return {bytes.fromhex(match[1]): self._deposit(match) for match in self._names(_DEPOSIT)}

    def _deposit(self, match: re.Match[str]) -> dict[tuple[str, str], int]:
        try:
            kept = json.loads(self._bytes(match[0]))
            rows = kept["amounts"]
            if kept["check"] != _digest([match[1], rows]):
                raise ValueError("its digest is another")
            return {(who, asset): int(amount) for who, asset, amount in rows}
        except (ValueError, TypeError, KeyError) as error:
            raise BookDamaged(self._shown(match[0]), str(error)) from None

    def _keep(self, noted: ShelfFile, trades: Trades) -> None:
        name = f"trades-{noted.serial:06d}-{noted.trading_day}.parquet"
        if self.folder is not None:
            from settlement.books.arrow import encode

            note = asdict(noted) | {"trading_day": noted.trading_day.isoformat()}
            self._write(name, encode(note, trades))
        self._noted[name], self._rows[name] = noted, trades

    def _all(self) -> Iterator[tuple[str, ShelfFile]]:
        """The trade files in the order of their numbers."""
        matches = self._names(_TRADES) if self.folder is not None else map(_TRADES.fullmatch, self._noted)
        numbered = sorted((int(match[1]), match[2], match[0]) for match in matches if match)
        for expected, (serial, day, name) in enumerate(numbered, start=1):
            if serial != expected:
                raise BookDamaged(self._shown(name), f"there is no file number {expected}")
            if name not in self._noted:
                self._noted[name] = self._note(name, serial, day)
            yield name, self._noted[name]

    def _note(self, name: str, serial: int, day: str) -> ShelfFile:
        from settlement.books.arrow import Damaged, decode_note

        try:
            note = decode_note(self._bytes(name))
        except Damaged as error:
            raise BookDamaged(self._shown(name), str(error)) from None
        if (note.get("serial"), note.get("trading_day")) != (serial, day):
            raise BookDamaged(self._shown(name), "it is another file by its own words")
        own = {each.name: note[each.name] for each in fields(ShelfFile)}
        return ShelfFile(**own | {"trading_day": date.fromisoformat(day)})

    def _trades(self, name: str) -> Trades:
        if name not in self._rows:
            from settlement.books.arrow import Damaged, decode

            try:
                self._rows[name] = decode(self._bytes(name), self._noted[name].trading_day)
            except Damaged as error:
                raise BookDamaged(self._shown(name), str(error)) from None
        return self._rows[name]

    def _together(self, names: tuple[str, ...], scenario: Scenario) -> Trades:
        """The rows of several files of one day, by the scenario's brokers; of one number the last."""
        if names[0] not in self._whole or self._whole[names[0]][0] != (names, scenario.brokers):
            for name in names:
                strangers = set(self._trades(name).parties).difference(scenario.brokers)
                if strangers:
                    what = f"{min(strangers)} is no broker of scenario {scenario.name}"
                    raise BookDamaged(self._shown(name), what)
            whole = _joined([self._trades(name) for name in names], scenario.brokers)
            self._whole[names[0]] = (names, scenario.brokers), whole
        return self._whole[names[0]][1]

    def _names(self, pattern: re.Pattern[str]) -> list[re.Match[str]]:
        """The files of a kind, by name; a file that was not written to its end has another name."""
        if self.folder is None:
            names = list(self._memory)
        else:
            try:
                names = os.listdir(self.folder)
            except FileNotFoundError:
                names = []
            except OSError as error:
                raise FileUnreadable(str(self.folder), error.strerror or str(error)) from None
        return [match for name in sorted(names) if (match := pattern.fullmatch(name))]

    def _bytes(self, name: str) -> bytes:
        if self.folder is None:
            return self._memory[name]
        try:
            return (self.folder / name).read_bytes()
        except OSError as error:
            raise FileUnreadable(self._shown(name), error.strerror or str(error)) from None

    def _write(self, name: str, data: bytes) -> None:
        if self.folder is None:
            self._memory[name] = data
            return
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise FileUnwritable(str(self.folder), error.strerror or str(error)) from None
        write_whole(self.folder / name, data)

    def _shown(self, name: str) -> str:
        return name if self.folder is None else str(self.folder / name)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def _next(there: list[ShelfFile]) -> int:
    return 1 + max((each.serial for each in there), default=0)


def _joined(parts: list[Trades], parties: tuple[str, ...]) -> Trades:
    """The rows of several files, by file and row; of one number the last."""
    places = {code: i for i, code in enumerate(dict.fromkeys(code for p in parts for code in p.securities))}
    party = {name: i for i, name in enumerate(parties)}
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("number", "time", "quantity", "amount", "line")
    }
    whole = replace(
        parts[0],
        parties=parties,
        securities=tuple(places),
        buyer=np.concatenate([_placed(party, part.parties, part.buyer) for part in parts]),
        seller=np.concatenate([_placed(party, part.parties, part.seller) for part in parts]),
        security=np.concatenate([_placed(places, part.securities, part.security) for part in parts]),
        **columns,
    )
    if len(parts) == 1:
        return whole
    _, back = np.unique(whole.number[::-1], return_index=True)
    return whole.take(np.sort(len(whole) - 1 - back))


def _compact(trades: Trades) -> Trades:
    """The same with only those securities that its rows have, by first appearance."""
    codes, first = np.unique(trades.security, return_index=True)
    securities = tuple(trades.securities[code] for code in codes[np.argsort(first)].tolist())
    places = {code: i for i, code in enumerate(securities)}
    security = _placed(places, trades.securities, trades.security)
    return replace(trades, securities=securities, security=security)


def _placed(places: Mapping[str, int], names: tuple[str, ...], column: Any) -> Any:
    """A column of codes of `names` as codes of `places`."""
    return np.array([places.get(name, -1) for name in names], dtype=np.int32)[column]

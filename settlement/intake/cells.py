"""The cells of many rows at once, read as columns straight from the file's bytes.

Only plain rows are here: as many commas as the format wants, quotes around whole cells or none, nothing but
printable ASCII. Reading
a column also says which of its cells have the wanted form (`sound`); a row that loses its soundness is not
refused for that, but read again by itself, by `settlement.intake.rows`, which knows the reason. So what is
sound here must be right, and what is not need not be wrong.

Numbers of up to 18 digits are read here: they and what is made of them fit int64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from ledger.units import TIME_UNKNOWN
from settlement.intake.lines import Lines

Bytes = npt.NDArray[np.uint8]
Whole = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_COMMA, _QUOTE, _POINT, _ZERO, _COLON = b',".0:'
_FIRST_PLAIN, _LAST_PLAIN = b" ~"
_DIGITS = 18
_LONGEST_CODE = 31
_POWERS = 10 ** np.arange(_DIGITS + 1, dtype=np.int64)
_OWN = np.where(np.arange(32) >= 32 - np.arange(33)[:, None], 255, 0).astype(np.uint8).view(np.uint64)
"""Which of 32 bytes the last so many are."""
_MIX = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93], np.uint64)
"""Odd numbers that spread the four words of a code over one."""


class Cells:
    """The cells of the plain rows among the lines `first` to before `last`. `row` counts from line 0."""

    def __init__(self, lines: Lines, first: int, last: int, fields: int) -> None:
        self._octets = lines.octets
        begin, finish = int(lines.start[first]), int(lines.end[last - 1])
        block = lines.octets[begin:finish]
        start, stop = lines.start[first:last], lines.stops(first, last)
        commas = np.flatnonzero(block == _COMMA) + begin
        after = np.searchsorted(commas, stop)
        count = np.diff(after, prepend=0)
        plain = count == fields - 1
        at = np.flatnonzero(block - _FIRST_PLAIN > _LAST_PLAIN - _FIRST_PLAIN) + begin
        line = np.searchsorted(start, at, side="right") - 1
        plain[line[at < stop[line]]] = False
        kept = np.flatnonzero(plain)
        inner = commas[after[kept] - np.arange(fields - 1, 0, -1)[:, None]]
        self.row = kept + first
        self._left = np.concatenate([start[None, kept], inner + 1])
        self._right = np.concatenate([inner, stop[None, kept]])
        self.sound: Mask = np.ones(len(kept), dtype=np.bool_)
        quotes = np.flatnonzero(block == _QUOTE) + begin
        if len(quotes):
            self._unquote(np.searchsorted(quotes, stop[kept]) - np.searchsorted(quotes, start[kept]))

    def __len__(self) -> int:
        return len(self.row)

    def is_text(self, field: int, text: str) -> None:
        """Sound are the cells that are exactly `text`."""
        self.sound &= self._length(field) == len(text)
        self._starts(field, text, len(text))

    def whole(self, field: int, digits: int) -> Whole:
        """Plain digits, at most so many, as numbers."""
        length = self._length(field)
        self.sound &= (length > 0) & (length <= min(digits, _DIGITS))
        return self._number(*self._digits(field, length))

    def whole_after(self, field: int, text: str, digits: int) -> Whole:
        """Cells of `text` and exactly so many digits after it: what the digits say."""
        self.sound &= self._length(field) == len(text) + digits
        self._starts(field, text, len(text) + digits)
        return self._number(*self._digits(field, np.full(len(self), digits)))

    def decimal(self, field: int, decimals: int, scale: int) -> Whole:
        """Plain decimal numbers with at most `decimals` digits after the point, in units of 10^-`scale`."""
        length = self._length(field)
        digit, inside = self._digits(field, length)
        point = (digit == _POINT - _ZERO + 256) & inside
        points = np.add.reduce(point, axis=0, dtype=np.int64)
        after = np.add.reduce(point * _places(len(digit)), axis=0, dtype=np.int64)
        before = length - after - points
        self.sound &= (points <= 1) & (before > 0) & (after <= decimals) & ((points == 0) | (after > 0))
        self.sound &= (length > 0) & (length <= _DIGITS) & (before + scale <= _DIGITS)
        joined = self._number(digit, inside & ~point)
        after = np.where(self.sound, after, 0)
        power = _POWERS[after]
        wide = power * np.where(points, 10, 1)
        return (joined // wide * power + joined % wide) * _POWERS[np.where(self.sound, scale - after, 0)]

    def clock(self, field: int) -> npt.NDArray[np.uint32]:
        """HH:MM:SS as seconds of the day; an empty cell is a time that is not known."""
        length = self._length(field)
        cells = self._columns(field, 8)
        digit = cells - _ZERO
        figures = np.logical_and.reduce(digit[[0, 1, 3, 4, 6, 7]] <= 9)
        colons = (cells[2] == _COLON) & (cells[5] == _COLON)
        hour, minute, second = (digit[k].astype(np.uint32) * 10 + digit[k + 1] for k in (0, 3, 6))
        timed = (length == 8) & figures & colons & (hour < 24) & (minute < 60) & (second < 60)
        self.sound &= timed | (length == 0)
        seconds = np.where(timed, hour * 3600 + minute * 60 + second, TIME_UNKNOWN)
        return seconds.astype(np.uint32, copy=False)

    def code(self, field: int, codes: Codes) -> npt.NDArray[np.int32]:
        """The numbers that `codes` gives the cells; sound are those that it has or takes."""
        length = self._length(field)
        self.sound &= (length > 0) & (length <= _LONGEST_CODE)
        longest = int(length[self.sound].max(initial=1))
        width = -(-longest // 8) * 8
        words = self._window(field, width).view(np.uint64)
        words &= _OWN[np.minimum(length, width)][:, -words.shape[1] :]
        found = codes.numbers(words, length, self.sound)
        self.sound &= found >= 0
        return found

    def _unquote(self, quotes: Whole) -> None:
        """Take the quotes off the cells; sound are rows whose number of `quotes` these are, no more."""
        left, right = self._left, self._right
        long = right - left >= 2
        quoted = (
            long & (self._octets[np.minimum(left, right - 1)] == _QUOTE) & (self._octets[right - 1] == _QUOTE)
        )
        self.sound &= quotes == 2 * quoted.sum(axis=0)
        self._left, self._right = left + quoted, right - quoted

    def _length(self, field: int) -> Whole:
        length: Whole = self._right[field] - self._left[field]
        return length

    def _window(self, field: int, width: int) -> Bytes:
        """The last `width` bytes up to each cell's end, a row each; the header is longer than any width."""
        windows = np.lib.stride_tricks.sliding_window_view(self._octets, width)
        return np.ascontiguousarray(windows[self._right[field] - width])

    def _columns(self, field: int, width: int) -> Bytes:
        """The same bytes, a column each."""
        return np.ascontiguousarray(self._window(field, width).T)

    def _starts(self, field: int, text: str, length: int) -> None:
        """Sound are those of the cells of `length` bytes that start with `text`."""
        wanted = np.frombuffer(text.encode("ascii"), dtype=np.uint8)
        same = self._columns(field, length)[: len(wanted)] == wanted[:, None]
        self.sound &= np.logical_and.reduce(same)

    def _digits(self, field: int, length: Whole) -> tuple[Bytes, Mask]:
        """What digits the last bytes of each cell are, a column each, and which are the cell's own."""
        width = min(int(length.max(initial=1)), _DIGITS)
        digit = self._columns(field, width) - _ZERO
        return digit, _places(width) < np.minimum(length, _DIGITS).astype(np.uint8)

    def _number(self, digit: Bytes, inside: Mask) -> Whole:
        """What the digits say where `inside`, every other place being a zero."""
        own = digit * inside
        self.sound &= np.logical_and.reduce(own <= 9)
        value = np.zeros(len(self), dtype=np.int64)
        for column in own:
            value *= 10
            value += column
        return value


def _places(width: int) -> Bytes:
    """How many places stand after each of the last `width`, as a column."""
    return np.arange(width - 1, -1, -1, dtype=np.uint8)[:, None]


class Codes:
    """Codes as numbers, by what their bytes are. `names[number]` is the code.

    A code that is new is taken where `take` says so; without it, only the `known` ones have numbers.
    """

    def __init__(self, known: Iterable[str], take: Callable[[str], bool] | None = None) -> None:
        self._take = take
        self._number = {name: number for number, name in enumerate(known)}
        self._index()

    @property
    def names(self) -> tuple[str, ...]:
        """The codes in the order of their numbers."""
        return tuple(self._number)

    def number(self, name: str) -> int:
        """The number of a code that is taken whatever it is."""
        return self._number.setdefault(name, len(self._number))

    def numbers(self, words: npt.NDArray[np.uint64], length: Whole, wanted: Mask) -> npt.NDArray[np.int32]:
        """The number of each code; -1 where it has none. A row of `words` is a code's bytes after zeros."""
        mixed = _mix(words)
        found = self._find(mixed, words, length)
        if self._take is not None:
            strange = np.flatnonzero((found < 0) & wanted)
            _, first = np.unique(mixed[strange], return_index=True)
            new = [words[row].tobytes().lstrip(b"\0").decode("ascii") for row in strange[first].tolist()]
            taken = [name for name in new if name not in self._number and self._take(name)]
            if taken:
                for name in taken:
                    self.number(name)
                self._index()
                found = self._find(mixed, words, length)
        return found

    def _index(self) -> None:
        """Lay out the codes for `_find`: by their mixed words, so that looking one up is a bisection."""
        raw = b"".join(name.encode("ascii").rjust(_LONGEST_CODE + 1, b"\0") for name in self._number)
        words = np.frombuffer(raw, dtype=np.uint64).reshape(-1, len(_MIX))
        mixed = _mix(words)
        order = np.argsort(mixed, kind="stable")
        self._mixed, self._words, self._at = mixed[order], words[order], order.astype(np.int32)
        self._length = np.array([len(name) for name in self._number], dtype=np.int64)[order]

    def _find(
        self, mixed: npt.NDArray[np.uint64], words: npt.NDArray[np.uint64], length: Whole
    ) -> npt.NDArray[np.int32]:
        if not len(self._mixed):
            return np.full(len(mixed), -1, dtype=np.int32)
        place = np.minimum(np.searchsorted(self._mixed, mixed), len(self._mixed) - 1)
        same = self._length[place] == length
        for column in range(1, words.shape[1] + 1):
            same &= self._words[:, -column][place] == words[:, -column]
        return np.where(same, self._at[place], np.int32(-1))


def _mix(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """One number a row of up to four words; zeros before the others change nothing."""
    mixed = np.zeros(len(words), dtype=np.uint64)
    for column in range(1, words.shape[1] + 1):
        mixed += words[:, -column] * _MIX[-column]
    return mixed

"""Reading and writing whole files, with a typed error for each way in which that can go wrong."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path
from typing import Any

from settlement.errors import (
    FileEmpty,
    FileIsDirectory,
    FileMissing,
    FileNotRegular,
    FileUnreadable,
    FileUnwritable,
)

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ANYBODY = 0o666
_DEEPEST = 32
"""Arrays and objects in each other: what is read here has six at most."""


def read_regular(path: str | os.PathLike[str], most: int = -1) -> bytes:
    """The bytes of the regular file at `path`, or the first `most` of them; pipes and devices are refused
    before they can block.
    """
    shown = os.fspath(path)
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise FileIsDirectory(shown)
        if not stat.S_ISREG(mode):
            raise FileNotRegular(shown)
        with open(path, "rb") as file:
            data = file.read(most)
    except (FileNotFoundError, NotADirectoryError):
        raise FileMissing(shown) from None
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL byte
        raise FileUnreadable(shown, getattr(error, "strerror", None) or str(error)) from None
    if not data:
        raise FileEmpty(shown)
    return data


def parse_json(data: bytes) -> Any:
    """The JSON value in bytes that anybody may have made. Raises ValueError where there is none, where it is
    no UTF-8 or has a number of thousands of digits, or where it nests deeper than anything that is read here.
    """
    import numpy as np

    # Before it is read: json's own guard depends on how deep the program may go, and may let it crash.
    marks = np.frombuffer(_STRING.sub(b"", data), dtype=np.uint8)
    steps = np.isin(marks, list(b"[{")).astype(np.int64) - np.isin(marks, list(b"]}"))
    if int(np.cumsum(steps).max(initial=0)) > _DEEPEST:
        raise ValueError("is nested too deeply")
    try:
        return json.loads(data)
    except ValueError as error:
        raise ValueError(f"is no JSON: {error}") from None


def write_whole(path: Path, data: bytes, mode: int = _ANYBODY) -> None:
    """Put a file on disk, all of it or, whenever the process or the machine ends, nothing. `mode` says who
    may read and write it, less what the process masks. Where it is for anybody, a link is followed, and a
    pipe or device, as /dev/stdout may be, is written to: neither is replaced by a file.
    """
    shown = path
    try:
        if mode == _ANYBODY:
            if path.exists() and not (path.is_file() or path.is_dir()):
                path.write_bytes(data)
                return
            if path.is_symlink():
                path = Path(os.path.realpath(path))
        partial = path.with_name(path.name + ".partial")
        if mode != _ANYBODY:
            partial.unlink(missing_ok=True)  # one that is left may be open to more
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise FileUnwritable(str(shown), error.strerror or str(error)) from None

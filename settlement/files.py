"""Reading and writing whole files, with a typed error for each way in which that can go wrong."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from settlement.errors import (
    FileEmpty,
    FileIsDirectory,
    FileMissing,
    FileNotRegular,
    FileUnreadable,
    FileUnwritable,
)


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


def write_whole(path: Path, data: bytes) -> None:
    """Put a file on disk, all of it or, whenever the process or the machine ends, nothing."""
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
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
        raise FileUnwritable(str(path), error.strerror or str(error)) from None

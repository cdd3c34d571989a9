"""Folders and files that only their owner can read. It knows nothing of what is in them."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from chat_app.errors import InputError, SetupError

OWNER = stat.S_IRUSR | stat.S_IWUSR
OTHERS = stat.S_IRWXG | stat.S_IRWXO
OPEN = "Others can look into the data folder of Lightbox: close it to them (chmod 700), or name another."
UNWRITABLE = "The data folder of Lightbox cannot be written: name another with LIGHTBOX_DATA."


def folder(path: Path) -> Path:
    """The folder, made for its owner alone where it is not there yet; one that is there is never changed.

    Raises:
        SetupError: it cannot be made, or others can look into it.
    """
    with _writing():
        path.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
        mode = path.stat().st_mode
    if os.name == "posix" and mode & OTHERS:
        raise SetupError(OPEN)
    return path


def ensure(path: Path, content: bytes = b"") -> None:
    """Makes the file with this content where there is none, whole or not at all; others cannot read either.

    Raises:
        SetupError: it cannot be made.
    """
    with _writing(), _fresh(path, content) as fresh:
        # A rename would take the place of a file that another process made meanwhile.
        with suppress(FileExistsError):
            os.link(fresh, path)
        path.chmod(OWNER)


def replace(path: Path, content: bytes) -> None:
    """Puts this content into the file, in one step. Raises SetupError, as `ensure` does."""
    with _writing(), _fresh(path, content) as fresh:
        os.replace(fresh, path)


@contextmanager
def alone(path: Path, busy: str) -> Iterator[None]:
    """Nobody else holds the lock of this file meanwhile; raises InputError with those words when they do."""
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise InputError(busy) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _fresh(beside: Path, content: bytes) -> Iterator[str]:
    """A new file in the same folder, on the disk; it is gone in the end."""
    handle, name = tempfile.mkstemp(dir=beside.parent, prefix=f".{beside.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield name
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SetupError(UNWRITABLE) from error

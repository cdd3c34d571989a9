"""The files at our end of the line: read before they are sent, written as they arrive."""

from __future__ import annotations

from pathlib import Path

from chat_app.errors import InputError, UnreadableFile
from chat_app.imaging.limits import Limits


def files(path: Path) -> list[Path]:
    """The file itself, or every file in a folder and those below it."""
    return sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]


def load(path: Path, limits: Limits) -> bytes:
    """A DICOM file's bytes; raises InputError when it is none, or too large."""
    try:
        limits.check_bytes(path.stat().st_size)
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableFile("This file cannot be read from the disk: check its permissions.") from error
    if data[128:132] != b"DICM":
        raise UnreadableFile("This is no DICOM file, and a DICOMweb server takes nothing else: leave it out.")
    return data


def prepare(folder: Path) -> None:
    """Makes the folder, closed to other users; raises InputError when something is in it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_empty = not any(folder.iterdir())
    except OSError as error:
        raise InputError("This folder cannot be made or read: choose another.") from error
    if not is_empty:
        raise InputError("This folder holds something already: choose an empty or a new one.")


def write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise InputError("The study cannot be written to the disk: make room, or choose another.") from error

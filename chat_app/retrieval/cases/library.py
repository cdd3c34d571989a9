"""A case library on the disk: in its owner's folder, one file a case, each put there whole or not at all.

A case's file is its head, one line of JSON, then its thumbnail, a PNG file. It is called by the hash of its
picture, its owner's folder by a hash of the owner, so no listing names anybody. The vectors of a tower stand
in one file beside the cases and hold nothing that cannot be made again from the thumbnails.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import zipfile
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from filelock import FileLock

from chat_app import private
from chat_app.errors import InputError, SetupError
from chat_app.retrieval import LIBRARIES
from chat_app.settings import Settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows = dict[str, NDArray[np.float32]]

LOCK, SETTLING = ".lock", ".settling"
CASE, VECTORS = ".case", ".npz"
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
UNNAMED = "The name of a library has small letters, digits and hyphens, 40 at most: choose another."
UNKNOWN = "You have no library of that name: run lightbox library to see which there are."
ABSENT = "There is no case of that number in this library: check the number."
BUSY = "Libraries are being changed at this moment: try again when that is done."
HURT = "A file of this library is damaged: delete the library and index its folder again."


@dataclass(frozen=True)
class Case:
    """What is known of a case without its picture.

    number: what people call it by, from 1 within its library. sha256: of the picture's file. report: its text
    without what may say who somebody is. rules: of reading it, by number.
    """

    number: int
    sha256: str
    modality: str
    body_part: str
    report: str
    rules: int


@dataclass(frozen=True)
class Library:
    """The cases under one name of one owner; `folder` is theirs alone."""

    name: str
    folder: Path

    def cases(self) -> dict[str, Case]:
        """Every case by its key, in the order of their numbers."""
        found = ((path.stem, _head(path)) for path in self.folder.glob(f"[!.]*{CASE}"))
        return dict(sorted(found, key=lambda each: each[1].number))

    def thumbnail(self, key: str) -> bytes:
        """Raises InputError when the case was deleted meanwhile."""
        try:
            return self._path(key).read_bytes().partition(b"\n")[2]
        except FileNotFoundError as error:
            raise InputError(BUSY) from error

    def put(self, key: str, case: Case, thumbnail: bytes) -> None:
        head = json.dumps(asdict(case), ensure_ascii=False)
        private.replace(self._path(key), f"{head}\n".encode() + thumbnail)

    def remove(self, keys: Collection[str]) -> None:
        """Deletes these cases, and every vector of a case that is not there."""
        with self._settling():
            for key in keys:
                self._path(key).unlink(missing_ok=True)
            for path in self.folder.glob(f"[!.]*{VECTORS}"):
                _write(path, self._present(_rows(path)))

    def vectors(self, tower: str) -> Rows:
        """(d,) float32 by key of what this tower has looked at so far."""
        return _rows(self.folder / f"{tower}{VECTORS}")

    def keep_vectors(self, tower: str, rows: Rows) -> None:
        """In place of what was kept of this tower; what is no case any more is left out."""
        with self._settling():
            _write(self.folder / f"{tower}{VECTORS}", self._present(rows))

    def sweep(self) -> None:
        """Deletes what a killed run left half written, and vectors whose case it deleted."""
        for left in self.folder.glob(".*"):
            if left.name != SETTLING:
                left.unlink()
        self.remove(())

    def _present(self, rows: Rows) -> Rows:
        return {key: row for key, row in rows.items() if self._path(key).exists()}

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{CASE}"

    def _settling(self) -> FileLock:
        """Held while vectors are put in their place, so that none outlives its case."""
        return FileLock(self.folder / SETTLING)


def key(sha256: str) -> str:
    """What the case of that picture is kept under."""
    return sha256[:32]


def names(settings: Settings, owner: str) -> tuple[str, ...]:
    """The libraries of this owner, sorted."""
    folder = _place(settings, owner)
    return tuple(sorted(path.name for path in folder.iterdir() if path.is_dir())) if folder.is_dir() else ()


def existing(settings: Settings, owner: str, name: str) -> Library:
    """Raises InputError when this owner has none of that name."""
    if name not in names(settings, owner):
        raise InputError(UNKNOWN)
    return Library(name, _place(settings, owner) / name)


def made(settings: Settings, owner: str, name: str) -> Library:
    """The library of that name, new where there was none; raises InputError for what is no name."""
    if not NAME.fullmatch(name):
        raise InputError(UNNAMED)
    return Library(name, private.folder(_root(settings, owner) / name))


def changing(settings: Settings, owner: str) -> AbstractContextManager[None]:
    """Nobody else changes this owner's libraries meanwhile; raises InputError when somebody does."""
    return private.alone(_root(settings, owner) / LOCK, BUSY)


def delete(settings: Settings, owner: str, name: str) -> None:
    """Deletes a library. Raises InputError when there is none of that name, or others are at work."""
    with changing(settings, owner):
        shutil.rmtree(existing(settings, owner, name).folder)


def delete_case(settings: Settings, owner: str, name: str, number: int) -> None:
    """Deletes one case of a library. Raises InputError when it is not there, or others are at work."""
    with changing(settings, owner):
        library = existing(settings, owner, name)
        keys = [key for key, case in library.cases().items() if case.number == number]
        if not keys:
            raise InputError(ABSENT)
        library.remove(keys)


def _place(settings: Settings, owner: str) -> Path:
    return settings.folder / LIBRARIES / hashlib.sha256(owner.encode()).hexdigest()[:32]


def _root(settings: Settings, owner: str) -> Path:
    private.folder(settings.folder)
    private.folder(settings.folder / LIBRARIES)
    return private.folder(_place(settings, owner))


def _head(path: Path) -> Case:
    try:
        with path.open("rb") as file:
            return Case(**json.loads(file.readline()))
    except FileNotFoundError as error:
        raise InputError(BUSY) from error
    except (OSError, ValueError, TypeError) as error:
        raise SetupError(HURT) from error


def _rows(path: Path) -> Rows:
    try:
        with np.load(path, allow_pickle=False) as table:
            return dict(zip(table["keys"].tolist(), table["vectors"], strict=True))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise SetupError(HURT) from error


def _write(path: Path, rows: Mapping[str, NDArray[np.float32]]) -> None:
    if not rows:
        path.unlink(missing_ok=True)
        return
    stream = io.BytesIO()
    np.savez(stream, keys=np.array(list(rows)), vectors=np.stack(list(rows.values())))
    private.replace(path, stream.getvalue())

"""Files, folders and ZIP archives become single files, held to the limits before a byte is unpacked.

Nothing is ever written: a member of an archive is read where it lies, and its path names nothing. It knows
nothing of pictures.
"""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from chat_app.errors import InputError, TooLarge, UnreadableFile
from chat_app.imaging.limits import MEGA, Limits

ZIP = b"PK\x03\x04"
EMPTY_ZIP = b"PK\x05\x06"
LITTER = ("thumbs.db", "desktop.ini", "__macosx")
PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others may ask for gigabytes to unpack
IS_ENCRYPTED = 0x1
UNPACKABLE = "This file is packed in a way that is not opened: pack it as plain ZIP."
LEADS_OUT = "This is a link that leads out of the folder, or nowhere: copy what it should lead to."
SMALL = MEGA  # a black slice packs a thousandfold; what unpacks to this little is no bomb
ENTRY_BYTES = 1024  # of the directory of an archive, for each member; names are rarely a tenth of it


class Item(Protocol):
    """One file, wherever it lies."""

    @property
    def size(self) -> int: ...

    @property
    def name(self) -> str:
        """For telling litter from files, and for nothing else."""
        ...

    def read(self, offset: int, most: int) -> bytes:
        """At most that many bytes from there; raises UnreadableFile."""
        ...


@dataclass(frozen=True)
class File:
    """A file on the disk."""

    path: Path
    size: int

    @classmethod
    def at(cls, path: Path) -> File:
        """Raises UnreadableFile when there is none."""
        with _mapped():
            if path.is_dir():
                raise UnreadableFile("This is a folder: choose one file in it.")
            if not path.is_file():
                raise UnreadableFile("There is no such file any more: choose the picture again.")
            return cls(path, path.stat().st_size)

    @property
    def name(self) -> str:
        return self.path.name

    def read(self, offset: int, most: int) -> bytes:
        with _mapped(), self.path.open("rb", buffering=0) as stream:
            stream.seek(offset)
            return _filled(stream, most)


@dataclass(frozen=True, eq=False)
class Member:
    """A file in an archive, which stays open as long as one of its members is held."""

    archive: zipfile.ZipFile
    info: zipfile.ZipInfo

    @property
    def size(self) -> int:
        return self.info.file_size

    @property
    def name(self) -> str:
        return PurePosixPath(self.info.filename).name

    def read(self, offset: int, most: int) -> bytes:
        with _mapped(), self.archive.open(self.info) as stream:
            stream.seek(offset)
            return stream.read(most)


@dataclass
class Budget:
    """What is left of the limits on a whole study."""

    limits: Limits
    files: int = field(init=False)
    bytes: int = field(init=False)

    def __post_init__(self) -> None:
        self.files, self.bytes = self.limits.files, self.limits.study_bytes

    def take(self, size: int) -> None:
        """Raises TooLarge, when there are more files or bytes than one study may have."""
        self.files -= 1
        self.bytes -= size
        if self.files < 0:
            raise TooLarge(
                f"There are more than {self.limits.files} files: choose the folder of one study or series."
            )
        if self.bytes < 0:
            raise TooLarge(
                f"The files hold more than {self.limits.study_bytes / MEGA:g} MB together: choose fewer."
            )


def items(places: Sequence[Path | zipfile.Path], limits: Limits) -> Iterator[Item | InputError]:
    """Every file of these places in the order of their names, or why one is left out.

    Raises:
        TooLarge: together they pass a limit.
    """
    budget = Budget(limits)
    for place in places:
        for item in _items(place, limits):
            if not isinstance(item, InputError):
                budget.take(item.size)
            yield item


def load(item: Item, limits: Limits) -> bytes:
    """The whole file, one byte more than the limit at most; raises TooLarge or UnreadableFile."""
    limits.check_bytes(item.size)
    data = item.read(0, limits.file_bytes + 1)
    limits.check_bytes(len(data))
    return data


def _items(place: Path | zipfile.Path, limits: Limits) -> Iterator[Item | InputError]:
    try:
        if isinstance(place, zipfile.Path):
            member = _member(place)
            yield _fault(member.info, limits) or member
        elif place.is_dir():
            yield from _folder(place, limits)
        else:
            yield from _opened(File.at(place), limits)
    except TooLarge:
        raise
    except InputError as error:
        yield error
    except (OSError, ValueError):
        yield UnreadableFile("This file cannot be read from the disk: check its permissions.")


def _folder(root: Path, limits: Limits) -> Iterator[Item | InputError]:
    """Everything below, without following a link out of it."""
    inside = root.resolve()
    closed: list[OSError] = []
    for folder, folders, names in os.walk(root, onerror=closed.append):
        folders[:] = sorted(name for name in folders if not is_litter(name))
        yield from (UnreadableFile(LEADS_OUT) for name in folders if _leads_out(Path(folder, name), inside))
        for name in sorted(names):
            path = Path(folder, name)
            if is_litter(name):
                continue
            if _leads_out(path, inside):
                yield UnreadableFile(LEADS_OUT)
                continue
            yield from _items(path, limits)
    yield from (UnreadableFile("This folder cannot be read: check its permissions.") for _ in closed)


def _leads_out(path: Path, inside: Path) -> bool:
    """Whether it is a link out of the folder, or to itself."""
    try:
        return path.is_symlink() and not path.resolve().is_relative_to(inside)
    except (OSError, RuntimeError):  # which of them, if a link leads to itself, depends on Python
        return True


def _opened(file: File, limits: Limits) -> Iterator[Item | InputError]:
    """The file itself, or what is in it when it is an archive."""
    if file.read(0, 4) not in (ZIP, EMPTY_ZIP):
        yield file
        return
    for info, archive in _directory(file, limits):
        if info.is_dir() or any(is_litter(part) for part in PurePosixPath(info.filename).parts):
            continue
        fault = _fault(info, limits)
        yield fault or Member(archive, info)


def _directory(file: File, limits: Limits) -> Iterator[tuple[zipfile.ZipInfo, zipfile.ZipFile]]:
    if _directory_bytes(file) > limits.files * ENTRY_BYTES:
        raise TooLarge(f"This archive holds more than {limits.files} files: pack fewer of them.")
    with _mapped():
        archive = zipfile.ZipFile(file.path)
    for info in sorted(archive.infolist(), key=lambda info: info.filename):
        yield info, archive


def _directory_bytes(file: File) -> int:
    """The size of the directory at the end, before anything of it is read (APPNOTE 4.3.16 and 4.3.14)."""
    start = max(0, file.size - 2**16 - 22 - 20)
    tail = file.read(start, file.size - start)
    end = tail.rfind(EMPTY_ZIP)
    if end < 0 or len(tail) < end + 22:
        raise UnreadableFile("This ZIP archive is damaged or incomplete: pack it again.")
    (size,) = struct.unpack_from("<I", tail, end + 12)
    locator = end - 20
    if locator < 0 or not tail.startswith(b"PK\x06\x07", locator):
        return int(size)
    (place,) = struct.unpack_from("<Q", tail, locator + 8)
    record = file.read(min(place, file.size), 56)
    return int(struct.unpack_from("<Q", record, 40)[0]) if len(record) == 56 else int(size)


def _fault(info: zipfile.ZipInfo, limits: Limits) -> InputError | None:
    """Why a member is not opened, from what the directory of the archive says of it."""
    if info.flag_bits & IS_ENCRYPTED:
        return UnreadableFile("This file is encrypted inside its archive: unpack it with its password first.")
    if info.compress_type not in PACKED:
        return UnreadableFile(UNPACKABLE)
    if info.file_size > max(SMALL, limits.ratio * info.compress_size):
        return TooLarge(
            f"This file would become more than {limits.ratio} times its packed size: unpack it first."
        )
    return None


def _member(place: zipfile.Path) -> Member:
    with _mapped():
        return Member(place.root, place.root.getinfo(place.at))


def is_litter(name: str) -> bool:
    """What operating systems leave in folders."""
    return (name.startswith(".") and name.strip(".") != "") or name.lower() in LITTER


def _filled(stream: io.RawIOBase | IO[bytes], most: int) -> bytes:
    """Unbuffered reads may stop short."""
    pieces, left = [], most
    while left > 0 and (piece := stream.read(left)):
        pieces.append(piece)
        left -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


@contextmanager
def _mapped() -> Iterator[None]:
    """Faults of the disk and of archives in our words; theirs name files, and are not shown as the cause."""
    try:
        yield
    except NotImplementedError:  # patched or strongly encrypted, or of a later version of the format
        raise UnreadableFile(UNPACKABLE) from None
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, KeyError):
        raise UnreadableFile("This archive is damaged or incomplete: pack it again.") from None
    except (OSError, ValueError):
        raise UnreadableFile("This file cannot be read from the disk: check its permissions.") from None

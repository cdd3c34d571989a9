"""A folder of past pictures becomes pictures with their reports: sets of labelled pictures, and loose files.

The report of a loose picture is NAME.txt or NAME.md beside it, else that of its study in a DICOM file
anywhere in the folder, else report.txt or report.md in its folder or above. DICOM files of one series are one
picture, shown at its middle slice.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from chat_app import imaging
from chat_app.data import reader
from chat_app.data.reader import Reader
from chat_app.data.records import Record
from chat_app.errors import InputError, TooLarge, UnreadableFile
from chat_app.imaging.archive import File, is_litter
from chat_app.imaging.content import Content, sniff
from chat_app.imaging.header import Header
from chat_app.imaging.stack import FileStack
from chat_app.records import Image
from chat_app.retrieval.blocks import shown
from chat_app.retrieval.cases import documents
from chat_app.retrieval.decoding import decoded

NAME = "picture"
TEXTS, WHOLE = (".txt", ".md"), "report"
HEAD = 4096  # bytes that tell what a file is
MOST_BYTES = 1_000_000
LABELS = "Labels, not a report: {}."
NOWHERE = "There is no folder of pictures there: check its path."
LONG = "This report is longer than 1 MB: shorten it, or leave it out."
CLOSED = "This file cannot be opened: check who may read it."


@dataclass(frozen=True, eq=False)
class Past:
    """A picture with its report. name: what is said of where it lies within the folder."""

    name: str
    image: Image
    report: str = ""


@dataclass
class Loose:
    """The files of a folder that is no set. texts: by their names without an ending."""

    texts: dict[str, Path] = field(default_factory=dict)
    dicom: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)

    def beside(self, path: Path) -> Path | None:
        """The report that is called as the picture is, its ending left on or off ("head.nii.gz" has two)."""
        names = (path.name, path.stem, Path(path.stem).stem)
        return next((self.texts[name] for name in names if name in self.texts), None)


class Reading:
    """One pass over a folder. refused: a sentence for each file that was not taken, with its name."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.refused: list[str] = []
        self._folders: dict[Path, Loose] = {}
        self._of_studies: dict[str, list[str]] = {}

    def pasts(self) -> Iterator[Past]:
        """Every picture; what cannot be read is refused and stops nothing.

        Raises:
            InputError: there is no such folder.
        """
        if not self.root.is_dir():
            raise InputError(NOWHERE)
        for folder, inside, files in _walked(self.root):
            try:
                found = reader.of(folder)
            except InputError as error:
                self._refuse(folder, error)
                continue
            if found:
                inside.clear()
                yield from self._of_set(folder, found)
            else:
                self._folders[folder] = self._sorted(files)
        for folder, loose in self._folders.items():
            yield from self._of_folder(folder, loose)

    def _of_set(self, folder: Path, found: Reader) -> Iterator[Past]:
        for record in self._records(folder, found):
            try:
                image = imaging.read(record.path, name=NAME, frame=1)
            except InputError as error:
                self._refuse(record.path, error)
                continue
            modality, part = image.modality or record.modality, image.body_part or record.body_part
            stated = replace(image, modality=modality, body_part=part)
            yield Past(self._named(record.path), stated, _told(record))

    def _records(self, folder: Path, found: Reader) -> list[Record]:
        """One record for each picture, if several are about it one that has a report."""
        chosen: dict[Path, Record] = {}
        try:
            for record in found.read(folder):
                if record.has_picture and not (record.path in chosen and chosen[record.path].report):
                    chosen[record.path] = record
        except InputError as error:
            self._refuse(folder, error)
        return list(chosen.values())

    def _sorted(self, files: Sequence[Path]) -> Loose:
        """Told apart; the reports in DICOM files are kept by their studies."""
        loose = Loose()
        for path in files:
            if path.suffix.lower() in TEXTS:
                loose.texts[path.stem] = path
            elif not _is_dicom(path):
                loose.others.append(path)
            elif not self._keeps_report(path):
                loose.dicom.append(path)
        return loose

    def _keeps_report(self, path: Path) -> bool:
        try:
            found = documents.read(path)
        except InputError as error:
            self._refuse(path, error)
            return True
        if found:
            study, text = found
            self._of_studies.setdefault(study, []).append(text)
        return bool(found)

    def _of_folder(self, folder: Path, loose: Loose) -> Iterator[Past]:
        """DICOM files with a report of their own, files of other kinds, then series of DICOM files."""
        own = [path for path in loose.dicom if loose.beside(path)]
        series = [path for path in loose.dicom if not loose.beside(path)]
        for path in (*own, *loose.others):
            yield from self._opened([path], path, loose.beside(path))
        if series:
            yield from self._opened(series, folder, None)

    def _opened(self, paths: Sequence[Path], called: Path, beside: Path | None) -> Iterator[Past]:
        try:
            opened = imaging.study(paths)
        except InputError as error:
            self._refuse(called, error)
            return
        for sentence in opened.refused:
            self._refuse(called, sentence)
        for image in opened.images:
            name = self._named(_first_file(image) or called)
            yield Past(name, image, self._report(image, paths[0].parent, beside))

    def _report(self, image: Image, folder: Path, beside: Path | None) -> str:
        if beside:
            return self._text(beside)
        if told := self._of_studies.get(image.origin.study):
            return "\n".join(told)
        above = (self._folders.get(place, Loose()).texts.get(WHOLE) for place in (folder, *folder.parents))
        nearest = next(filter(None, above), None)
        return self._text(nearest) if nearest else ""

    def _text(self, path: Path) -> str:
        """The words of a text file; one that cannot be read is refused, and its picture has no report."""
        try:
            return decoded(_bytes(path))
        except InputError as error:
            self._refuse(path, error)
            return ""

    def _refuse(self, path: Path, why: InputError | str) -> None:
        sentence = f"{self._named(path)}: {why}"
        if sentence not in self.refused:
            self.refused.append(sentence)

    def _named(self, path: Path) -> str:
        """The place within the folder, or the name of the folder itself."""
        inner = path.relative_to(self.root).as_posix()
        return shown(self.root.resolve().name if inner == "." else inner)


def _walked(root: Path) -> Iterator[tuple[Path, list[str], list[Path]]]:
    """Each folder, the names of those in it (to be gone into, unless they are taken away), and its files."""
    for place, inside, names in os.walk(root):
        inside[:] = sorted(name for name in inside if not is_litter(name))
        paths = [Path(place, name) for name in sorted(names) if not is_litter(name)]
        yield Path(place), inside, [path for path in paths if path.is_file() and not path.is_symlink()]


def _is_dicom(path: Path) -> bool:
    """False for what cannot be read too, which is said when it is opened."""
    try:
        with path.open("rb") as file:
            return sniff(file.read(HEAD)) is Content.DICOM
    except (OSError, InputError):
        return False


def _first_file(image: Image) -> Path | None:
    """The first of the DICOM files that a picture is made of."""
    source = image.stack.places[0].source if isinstance(image.stack, FileStack) else None
    item = source.item if isinstance(source, Header) else None
    return item.path if isinstance(item, File) else None


def _told(record: Record) -> str:
    """The report, or the labels, said to be labels."""
    return record.report or (LABELS.format(", ".join(record.labels)) if record.labels else "")


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise TooLarge(LONG)
        return path.read_bytes()
    except OSError as error:
        raise UnreadableFile(CLOSED) from error

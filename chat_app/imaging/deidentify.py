"""A DICOM file without what says whose it is: PS3.15's Basic Profile, its flags, and whole folders of it."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from chat_app.errors import InputError, SetupError
from chat_app.imaging import burned, overlay, profile, render, slack, words
from chat_app.imaging.archive import Item, items, load
from chat_app.imaging.content import Content, sniff
from chat_app.imaging.dicom import DicomFile, mapped
from chat_app.imaging.facts import body_part
from chat_app.imaging.limits import Limits

if TYPE_CHECKING:
    from chat_app.records import Pixels

REPORT = "report.json"
SAY_EVERY = 20  # files
KEY_BYTES = 16
IMPLEMENTATION = "2.25.111560565917987416557738431485971217176"
IMPLEMENTATION_NAME = "LIGHTBOX"

DEFAULT = Limits()
VOLUMES = ("CT", "MR", "PT")
HEADS = ("BRAIN", "FACE", "HEAD", "HEADNECK", "SKULL", "ORBIT", "JAW", "MAXILLA", "MANDIBLE")
FACE = "A face can be made out in a volume of the head: nothing here removes it."
NOT_DICOM = "This is no DICOM file: it is not copied."
UNWRITABLE = "This DICOM file holds values that cannot be read and written again: export it again."
UNSEEN = (
    "This kind of picture often has a name burnt into it and was not searched: install the extra ocr, or "
    "look at each and pass --unseen-pixels."
)
LEFT = "Text that may identify someone was still found after it was blacked out: black it out by hand."

# PS3.16 CID 7050.
BASIC = ("113100", "Basic Application Confidentiality Profile")
PIXELS = ("113101", "Clean Pixel Data Option")
CHARACTERISTICS = ("113108", "Retain Patient Characteristics Option")


@dataclass(frozen=True, eq=False)
class Cleaned:
    """A dataset without identifiers; `withheld`: by DICOM keyword what its source said, without values."""

    dataset: FileDataset
    withheld: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Summary:
    """What came of a folder, in counts of files; it holds no value, no name and no path.

    left_out: by why. withheld: by DICOM keyword. pixels: what was done about burnt-in text. notes: what else
    to know.
    """

    read: int = 0
    written: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    withheld: Mapping[str, int] = field(default_factory=dict)
    pixels: Mapping[str, int] = field(default_factory=dict)
    notes: Mapping[str, int] = field(default_factory=dict)

    def as_text(self) -> str:
        """For a person, a line each."""
        lines = [f"{self.written} of {self.read} files were written without identifiers."]
        for title, counts in (("Left out", self.left_out), ("Pixels", self.pixels), ("Note", self.notes)):
            lines += [f"{title}: {count} x {reason}" for reason, count in sorted(counts.items())]
        kinds = ", ".join(f"{keyword} ({count})" for keyword, count in sorted(self.withheld.items()))
        return "\n".join([*lines, f"Withheld: {kinds or 'nothing'}."])

    def as_data(self) -> dict[str, Any]:
        """For a program: the fields by name, ready for JSON."""
        return asdict(self)


def clean(
    dataset: Dataset, key: bytes, *, keep_characteristics: bool = True, searched: bool = False
) -> Cleaned:
    """The dataset ready to be stored or sent; the given one is left as it is.

    key: 16 bytes or more; under the same key a UID always gets the same new one, in every file and session.
    keep_characteristics: sex and a band of ages stay. searched: its pixels were searched for burnt-in text
    and what was found was masked.

    Raises:
        SetupError: the key is too short to hide anything.
    """
    _check_key(key)
    body, withheld = profile.emptied(dataset, key, keep_characteristics=keep_characteristics)
    withheld += profile.strike(body, _names(dataset))
    tags = dataset.keys()  # to go over the dataset itself would read every element
    slack.wipe(body, _syntax(dataset), has_overlay=any(tag.group in overlay.GROUPS for tag in tags))
    _flag(body, keep_characteristics=keep_characteristics, searched=searched)
    notes = (*_notes(withheld), *([FACE] if _has_face(body) else []))
    return Cleaned(_file(body, dataset), tuple(sorted(withheld)), notes)


def folder(
    source: Path,
    target: Path,
    key: bytes,
    *,
    say: Callable[[str], None] | None = None,
    ocr: bool | None = None,
    unseen_pixels: bool = False,
    limits: Limits = DEFAULT,
) -> Summary:
    """Writes every DICOM picture below `source` into `target` without identifiers, and a report beside them.

    The files are called study-1/series-1/0001.dcm, studies and series in an order that only the key knows.
    ocr: whether text in the pixels is searched and blacked out; None where the extra "ocr" is installed.
    unseen_pixels: also writes what often has a name burnt in and was not searched. say: hears how far it is.

    Raises:
        InputError: there is no source, or the target is not empty or lies in the source.
        SetupError: the key is too short, the extra "ocr" is missing, or the disk cannot be written.
    """
    run = _Run(key, words.available() if ocr is None else ocr, unseen_pixels, limits)
    run.check(source, target)
    pictures = sorted(run.pictures(source), key=lambda picture: picture.order)
    for number, (name, picture) in enumerate(_named(pictures), 1):
        if say and number % SAY_EVERY == 1:
            say(f"File {number} of {len(pictures)} ...")
        data = run.cleaned(picture.item)
        if data is not None:
            _save(target / name, data)
    summary = run.summary()
    report = json.dumps(summary.as_data(), indent=2, sort_keys=True)
    _save(target / REPORT, f"{report}\n".encode())
    return summary


@dataclass(frozen=True, eq=False)
class _Picture:
    """A file that holds pictures, and where it stands among the others."""

    item: Item
    study: str
    series: str
    number: int
    instance: str

    @property
    def order(self) -> tuple[str, str, int, str]:
        return (self.study, self.series, self.number, self.instance)


@dataclass(eq=False)
class _Run:
    """One folder on its way, and what is counted of it."""

    key: bytes
    searches: bool
    unseen_pixels: bool
    limits: Limits
    read: int = 0
    written: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    withheld: Counter[str] = field(default_factory=Counter)
    pixels: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)

    def check(self, source: Path, target: Path) -> None:
        """Raises: InputError or SetupError, before anything is read."""
        _check_key(self.key)
        if self.searches and not words.available():
            raise SetupError(words.MISSING)
        if not source.exists():
            raise InputError("There is nothing to read at the place given: choose the folder again.")
        if target.resolve().is_relative_to(source.resolve()):
            raise InputError("The folder to write to lies in the one to read: choose one beside it.")
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise InputError("The folder to write to is not empty: choose a new one.")

    def pictures(self, source: Path) -> Iterator[_Picture]:
        """Every DICOM file that holds pictures; of the others, why they are left out is counted."""
        for item in items([source], self.limits):
            self.read += 1
            try:
                if isinstance(item, InputError):
                    raise item
                yield self._picture(item)
            except InputError as error:
                self.left_out[str(error)] += 1

    def cleaned(self, item: Item) -> bytes | None:
        """The file to be written, or None when it is left out."""
        try:
            data = self._cleaned(item)
        except InputError as error:
            self.left_out[str(error)] += 1
            return None
        self.written += 1
        return data

    def summary(self) -> Summary:
        counts = (self.left_out, self.withheld, self.pixels, self.notes)
        return Summary(self.read, self.written, *map(dict, counts))

    def _picture(self, item: Item) -> _Picture:
        data = load(item, self.limits)
        if sniff(data) is not Content.DICOM:
            raise InputError(NOT_DICOM)
        dataset = DicomFile.open(data, self.limits).dataset
        with mapped(UNWRITABLE):
            study, series, instance = (
                profile.new_uid(str(dataset.get(keyword) or ""), self.key)
                for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
            )
            return _Picture(item, study, series, int(dataset.get("InstanceNumber") or 0), instance)

    def _cleaned(self, item: Item) -> bytes:
        file = DicomFile.open(load(item, self.limits), self.limits)
        with mapped(UNWRITABLE):
            caution, known = burned.caution(file.dataset), words.known(file.dataset)
            is_searched = self.searches and burned.is_searched(file.dataset)
            if caution and not is_searched and not self.unseen_pixels:
                raise InputError(UNSEEN)
            # That pixels are clean is stated only where every frame was looked at.
            is_whole = is_searched and len(burned.sampled(file.frames)) == file.frames
            cleaned = clean(file.dataset, self.key, searched=is_whole)
            data = _bytes(cleaned.dataset)
        wiped = self._wiped(data, known, is_strict=bool(caution)) if is_searched else data
        self.withheld.update(cleaned.withheld)
        self.notes.update(cleaned.notes)
        treatment = _treatment(is_searched, is_masked=wiped != data, is_risky=bool(caution))
        self.pixels[treatment if is_whole or not is_searched else f"{treatment}, in some of the frames"] += 1
        return wiped

    def _wiped(self, data: bytes, known: frozenset[str], *, is_strict: bool) -> bytes:
        """The file with its text blacked out; none is found any more in the bytes that come back."""
        for _ in range(burned.ROUNDS):
            file = DicomFile.open(data, self.limits)
            found = _search(file, known, is_strict=is_strict)
            if not found:
                return data
            with mapped(UNWRITABLE):
                burned.mask_dataset(file.dataset, [each.box for each in found])
                data = _bytes(file.dataset)
        raise InputError(LEFT)


def _search(file: DicomFile, known: frozenset[str], *, is_strict: bool) -> list[words.Words]:
    def show(number: int) -> Pixels:
        return render.show(file.frame(number))

    return burned.search(show, file.frames, known, is_strict=is_strict)


def _treatment(is_searched: bool, *, is_masked: bool, is_risky: bool) -> str:
    if is_masked:
        return "searched by machine, text blacked out, and none found after that"
    if is_searched:
        return "searched by machine, nothing found"
    return (
        "often with burnt-in names, not searched" if is_risky else "rarely with burnt-in names, not searched"
    )


def _named(pictures: Iterable[_Picture]) -> Iterator[tuple[str, _Picture]]:
    """Neutral names, from pictures in their order."""
    studies = groupby(pictures, lambda picture: picture.study)
    for study, (_, in_study) in enumerate(studies, 1):
        for series, (_, in_series) in enumerate(groupby(in_study, lambda picture: picture.series), 1):
            for number, picture in enumerate(in_series, 1):
                yield f"study-{study}/series-{series}/{number:04}.dcm", picture


def _bytes(dataset: FileDataset) -> bytes:
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _save(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise SetupError(
            "A file cannot be written: check the permissions and the space of the disk."
        ) from error


def _names(dataset: Dataset) -> frozenset[str]:
    """The words, of three letters and more, by which the header calls people, and their numbers and dates."""
    values = words.known(dataset, words.PEOPLE)
    return frozenset(part for value in values for part in words.parts(value) if len(part) > 2)


def _check_key(key: bytes) -> None:
    if len(key) < KEY_BYTES:
        raise SetupError(f"The key for new identifiers is too short: give {KEY_BYTES} bytes or more.")


def _notes(withheld: Iterable[str]) -> tuple[str, ...]:
    notes = ["UIDs were replaced, the same one always by the same."]
    if profile.DRAWING in withheld:
        notes.append("Overlays and curves were left out.")
    return tuple(notes)


def _has_face(body: Dataset) -> bool:
    return body.get("Modality") in VOLUMES and body_part(body) in HEADS


def _flag(body: Dataset, *, keep_characteristics: bool, searched: bool) -> None:
    """What PS3.15 E.2 has a de-identified object say of itself."""
    codes = [BASIC, *([PIXELS] if searched else []), *([CHARACTERISTICS] if keep_characteristics else [])]
    body.SpecificCharacterSet = "ISO_IR 192"
    body.PatientIdentityRemoved = "YES"
    body.DeidentificationMethod = ["PS3.15 E.1-1 2026c", *(meaning for _, meaning in codes)]
    body.DeidentificationMethodCodeSequence = Sequence(_code(*code) for code in codes)
    body.LongitudinalTemporalInformationModified = "REMOVED"
    if searched:
        body.BurnedInAnnotation = "NO"


def _code(value: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", meaning
    return code


def _file(body: Dataset, source: Dataset) -> FileDataset:
    """The dataset behind zeros and a file meta information that is all ours (PS3.10 section 7.1)."""
    syntax = _syntax(source)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = body.get("SOPClassUID") or SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = body.get("SOPInstanceUID") or generate_uid(prefix=None)
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = UID(IMPLEMENTATION)
    meta.ImplementationVersionName = IMPLEMENTATION_NAME
    return FileDataset(
        "",
        body,
        preamble=bytes(128),
        file_meta=meta,
        is_implicit_VR=syntax.is_implicit_VR,
        is_little_endian=syntax.is_little_endian,
    )


def _syntax(dataset: Dataset) -> UID:
    """The transfer syntax stated, or the one its bytes were read by."""
    stated = getattr(dataset, "file_meta", Dataset()).get("TransferSyntaxUID")
    if stated:
        return UID(stated)
    is_implicit, is_little = dataset.original_encoding
    if is_little is False:
        return ExplicitVRBigEndian
    return ImplicitVRLittleEndian if is_implicit else ExplicitVRLittleEndian

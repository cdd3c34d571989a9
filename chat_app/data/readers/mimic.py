"""Chest films with reports: MIMIC-CXR (a text file a study) and IU X-ray (an XML file a study).

MIMIC-CXR, as its users lay it out: files/p10/p10000032/s50414267.txt is the report of the pictures in the
folder s50414267 beside it, or at the same place under another root (mimic-cxr-reports/files/... beside
files/...); mimic-cxr-2.0.0-split.csv, plain or .gz, has dicom_id, study_id, subject_id, split ("train",
"validate", "test"), and ...-metadata.csv has dicom_id and ViewPosition. The group is the subject.

IU X-ray (openi.nlm.nih.gov, NLMCXR_reports.tgz and NLMCXR_png.tgz): each XML has AbstractText with a Label
(COMPARISON, INDICATION, FINDINGS, IMPRESSION), MeSH/major, and a parentImage with the id of each picture. It
has no splits; the group is the study, as it names no patients.

Fields as public readers of both use them; neither set itself was at hand. A picture is a record; pictures of
one study share the report.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree import ElementTree

from chat_app.data import files, sections
from chat_app.data.records import Record, split_named
from chat_app.errors import InputError

NAME = "mimic"
STUDY = re.compile(r"s\d+")
SUBJECT = re.compile(r"p\d{3,}")
ROOTS = (".", "files", "*/files")
REPORTS = "p[0-9][0-9]/p[0-9]*/s[0-9]*.txt"
STUDIES = "p[0-9][0-9]/p[0-9]*/s[0-9]*/*"
TABLES = ("mimic-cxr-*-{}.csv*", "*/mimic-cxr-*-{}.csv*")
PICTURES = (".jpg", ".jpeg", ".png", ".dcm")
XML_FOLDERS = ("ecgen-radiology", "NLMCXR_reports", "NLMCXR_reports/ecgen-radiology", "reports", ".")
PNG_FOLDERS = ("NLMCXR_png", "images", "images/images_normalized", "NLMCXR_dcm", ".")
MOST_BYTES = 1_000_000
MODALITY, BODY_PART = "X-ray", "chest"


def looks_like(folder: Path) -> bool:
    """Whether it holds reports laid out as either set has them."""
    is_mimic = any(next(folder.glob(f"{root}/{REPORTS}"), None) for root in ROOTS)
    return is_mimic or bool(_xml(folder))


def read(folder: Path) -> Iterator[Record]:
    """Studies in the order of their names. Raises InputError for a report that cannot be read."""
    if _xml(folder):
        yield from _read_iu(folder)
    else:
        yield from _read_mimic(folder)


def _read_mimic(folder: Path) -> Iterator[Record]:
    splits, views = _column(folder, "split", "split"), _column(folder, "metadata", "ViewPosition")
    pictures = _by_study(folder)
    for path in sorted(path for root in ROOTS for path in folder.glob(f"{root}/{REPORTS}")):
        if not (STUDY.fullmatch(path.stem) and SUBJECT.fullmatch(path.parent.name)):
            continue
        report = files.text(path)
        for picture in pictures.get(path.stem) or [path.with_suffix("") / "missing.jpg"]:
            yield Record(
                id=f"{path.stem}-{picture.stem}",
                set=folder.name,
                path=picture,
                split=split_named(splits.get(picture.stem, "")),
                report=report.strip(),
                sections=sections.split(report),
                group=path.parent.name,
                said={"view": views[picture.stem]} if views.get(picture.stem) else {},
                modality=MODALITY,
                body_part=BODY_PART,
            )


def _by_study(folder: Path) -> dict[str, list[Path]]:
    """The pictures of each study, wherever its folder lies."""
    found: dict[str, list[Path]] = {}
    for path in sorted(path for root in ROOTS for path in folder.glob(f"{root}/{STUDIES}")):
        if path.suffix.lower() in PICTURES and STUDY.fullmatch(path.parent.name):
            found.setdefault(path.parent.name, []).append(path)
    return found


def _column(folder: Path, table: str, column: str) -> Mapping[str, str]:
    """One column of a table of MIMIC's by dicom_id; {} where the table is not there."""
    path = next((path for place in TABLES for path in sorted(folder.glob(place.format(table)))), None)
    if path is None:
        return {}
    try:
        return {row["dicom_id"]: row[column] for _, row in files.cells(path)}
    except KeyError as error:
        says = f"The {table} table of the set needs the columns dicom_id and {column}."
        raise InputError(says) from error


def _xml(folder: Path) -> list[Path]:
    for name in XML_FOLDERS:
        found = files.top(folder / name, ".xml")
        if found and "<eCitation" in files.peek(found[0]):
            return found
    return []


def _read_iu(folder: Path) -> Iterator[Record]:
    for path in _xml(folder):
        tree = _parsed(path)
        parts = {
            sections.name(part.get("Label", "")): " ".join("".join(part.itertext()).split())
            for part in tree.iter("AbstractText")
        }
        told = {name: words for name, words in parts.items() if words}
        for picture in (image.get("id", "") for image in tree.iter("parentImage")):
            yield Record(
                id=f"{path.stem}-{picture}",
                set=folder.name,
                path=_picture(folder, picture),
                split="",
                labels=tuple(text for mesh in tree.iter("major") if (text := (mesh.text or "").strip())),
                report="\n".join(f"{name.upper()}: {words}" for name, words in told.items()),
                sections=told,
                group=path.stem,
                modality=MODALITY,
                body_part=BODY_PART,
            )


def _parsed(path: Path) -> ElementTree.Element:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError("A report of the set is no report: it has more than a million bytes.")
        return ElementTree.fromstring(path.read_bytes())
    except (OSError, ElementTree.ParseError, ValueError) as error:
        raise InputError("A report of the set is damaged XML: download it again.") from error


def _picture(folder: Path, name: str) -> Path:
    plain = name.replace("/", "").replace("\\", "")
    return files.first_there(
        *(folder / place / f"{plain}{ending}" for place in PNG_FOLDERS for ending in (".png", ".jpg", ".dcm"))
    )

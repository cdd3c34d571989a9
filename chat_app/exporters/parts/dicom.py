"""What the DICOM forms have in common: the pictures they speak of, their patient and study, who made them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from chat_app.errors import InputError
from chat_app.exporters.parts import stamp
from chat_app.exporters.parts.findings import Mark, marks
from chat_app.exporters.parts.originals import Original, Originals, original, study
from chat_app.exporters.parts.text import shortened
from chat_app.records import Report, Status

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MANUFACTURER = "Lightbox"
UNICODE = "ISO_IR 192"
LONG = 64  # characters of LO and of one group of PN (PS3.5 6.2)
ENTERED_IN_ERROR = (
    "DICOM has no flag for a report that was entered in error: send it as PDF or FHIR, which say so."
)
UNNAMED = "The file of a picture lacks the UIDs that a form beside it refers to: export it again."
DAMAGED = "What the file of a picture says of itself does not fit this form: send the report as PDF."
TEXT = 1024  # characters of ST
# Type 2 of the Patient and General Study modules (PS3.3 C.7.1.1, C.7.2.1): there, and empty where unknown.
STATED = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
)
NAMED = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "Rows", "Columns")


def ready(report: Report, originals: Originals) -> dict[str, Original]:
    """By name each frame that the report has boxes in, or else is about, with all that a reference needs.

    Raises:
        InputError: the report was entered in error, or is of several studies, or a file is missing or does
            not say which picture it is.
    """
    if report.status is Status.ERROR:
        raise InputError(ENTERED_IN_ERROR)
    study(report, originals)
    names = dict.fromkeys([mark.box.image for mark in marks(report)] or report.images)
    found = {name: original(originals, name) for name in names}
    headers = {id(one.header): _completed(one.header) for one in found.values()}
    return {name: Original(headers[id(one.header)], one.frame) for name, one in found.items()}


def _completed(header: Dataset) -> Dataset:
    """A copy with every element that must be there, empty where the file says nothing."""
    if any(header.get(keyword) in (None, "") for keyword in NAMED):
        raise InputError(UNNAMED)
    whole = deepcopy(header)
    for keyword in STATED:
        if keyword not in whole:
            setattr(whole, keyword, "")
    # Before DICOM they were written 2025.01.31 and 14:04:38 (ACR-NEMA), and some files still have it so.
    whole.StudyDate = str(whole.StudyDate or "").replace(".", "")
    whole.StudyTime = str(whole.StudyTime or "").replace(":", "")
    return whole


@contextmanager
def damaged() -> Iterator[None]:
    """What highdicom refuses of a header is said in our words, and quotes nothing of it."""
    from chat_app.imaging.dicom import mapped

    with mapped(DAMAGED):
        yield


def frame(one: Original) -> int | None:
    """The number that a reference has to name: of a file of several frames only."""
    return one.frame if int(one.header.get("NumberOfFrames") or 1) > 1 else None


def outline(mark: Mark, header: Dataset) -> Any:
    """The closed outline of a box, float64 (5, 2), column and row in pixels of the file's own matrix.

    Their origin is the outer corner of the first pixel, as ours is (PS3.3 C.18.6.1.1, C.10.5.1.2).

    Raises:
        InputError: it reaches past the picture.
    """
    import numpy as np

    x0, y0, x1, y1 = mark.box.corners
    if x1 > int(header.Columns) or y1 > int(header.Rows):
        raise InputError(f"Box {mark.number} reaches past its picture: this is not the file it was drawn on.")
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)], np.float64)


def value(text: str, most: int = LONG) -> str:
    """One line that LO or ST can hold: a backslash would begin another value (PS3.5 6.4)."""
    return shortened(text.replace("\\", "/"), most) or "unknown"


def person(name: str) -> str:
    """A name as PN: all of it as the family name, for nobody said what is what (PS3.5 6.2)."""
    plain = "".join(" " if each in "^=\\" else each for each in name)
    return f"{shortened(plain, LONG - 1) or 'unnamed'}^"


def equipment(report: Report) -> dict[str, Any]:
    """The General Equipment module's values, by highdicom's names."""
    return {
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": value(report.model.speaker),
        "software_versions": value(report.application),
        "device_serial_number": value(report.model.sha256),
    }


def described(report: Report, title: str) -> str:
    """What a list of series says of this one: its status before its title, which every archive can show."""
    return value(f"{report.status.upper()}, not for clinical use: {title}")


def contribution(report: Report) -> Any:
    """Who made it, and all that is needed to make it again, as an item of Contributing Equipment."""
    from highdicom import ContributingEquipment
    from pydicom.sr.codedict import codes

    made = equipment(report)
    return ContributingEquipment(
        manufacturer=made["manufacturer"],
        purpose_of_reference=codes.DCM.ProcessingEquipment,
        manufacturer_model_name=made["manufacturer_model_name"],
        software_versions=made["software_versions"],
        contribution_description=value(stamp.stamp(report), TEXT),
    )


def file(dataset: Dataset) -> bytes:
    """As a file of PS3.10."""
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()

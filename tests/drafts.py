"""Reports to be exported: of every status, with boxes, decisions and hostile words, and their files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from dicoms import dicom, written
from pydicom.uid import ComputedRadiographyImageStorage, generate_uid

from chat_app import imaging
from chat_app.grounding.statements import fixed, told
from chat_app.records import (
    Box,
    Category,
    Image,
    ModelId,
    Report,
    Review,
    Section,
    Signature,
    Source,
    Statement,
    Status,
)

NANO = ModelId("nano", "ab12" * 16, "demonstration", "breast", "nf4")
BOXES = (Box(12.3456, 30, 45, 60.5, "opacity", "image 1"), Box(50.25, 10, 95, 70.125, "", "image 1"))
AT = "2026-11-27T18:00:00+00:00"
ROWS, COLUMNS = 80, 100

HOSTILE = {
    "markup": "<b & x<b> </w:p><script>alert(1)</script> {{7*7}} [x](javascript:alert(1)) &lt;",
    "long word": "x" * 20_000,
    "right to left": "שלום \u202eevil\u202c مرحبا",
    "emoji": "lung 🫁 👩\u200d⚕️ 😀",
    "control": "a\u200b\ufeff\U000e0041\x00b\x01\x0b\x0c\x1b[31m\x7f\x85\u2028c\ufffe\uffff",
    "lone surrogate": "half \ud800 and \udfff",
    "empty": "",
    "lines": "one\ntwo\r\n\n# three\\four^five=six",
}


def statement(text: str, *boxes: Box, **others: Any) -> Statement:
    return Statement(text, Source.SEEN, "seen in image 1", boxes, **others)


FINDINGS = (
    statement("Opacity in the right lower zone.", BOXES[0], topic="lungs", review=Review.ACCEPTED),
    statement("Heart enlarged.", BOXES[1], review=Review.EDITED, drafted="Heart of normal size."),
    statement("A fracture of the left clavicle.", review=Review.REJECTED),
    statement("No pleural effusion."),
)


def report(status: Status = Status.DRAFT, findings: Sequence[Statement] = FINDINGS, **others: Any) -> Report:
    """A chest report of one picture; one past its draft is signed as what it is."""
    sections = (
        Section("history", "History", told("Cough for 2 weeks."), "11329-0"),
        Section("comparison", "Comparison", fixed("Not provided."), "18834-2"),
        Section("findings", "Findings", tuple(findings), "59776-5", decided=True),
        Section("impression", "Impression", (statement("Opacity ≥ 3 mm → follow up."),), "19005-8", True),
    )
    made = Report(
        template="chest-radiograph",
        title="Chest radiograph",
        sections=sections,
        model=NANO,
        prompt="chest-radiograph@0123456789ab",
        seed=7,
        images=("image 1",),
        warnings=("Be careful.",),
        timings={"total": 1.5},
        status=status,
        hashes={"image 1": "cd34" * 16},
        fields={"diameter_mm": "9"},
        categories=(
            Category("Lung-RADS", "v2022", "4A", {"diameter_mm": "9"}, (), "CT in 3 months.", "ACR"),
        ),
        answered={"critical: a pneumothorax is possible.": "Looked for, none seen."},
        signatures=() if status is Status.DRAFT else (Signature("Ada Ward", AT, status, "ef56" * 16),),
        version=3,
        application="0.3.0",
    )
    return replace(made, **others)


def hostile(text: str, status: Status = Status.PRELIMINARY) -> Report:
    """The same with that text wherever a report takes one from outside; a very long one as a finding only."""
    if len(text) > 1000:
        return report(status, [statement(text, BOXES[0])])
    made = report(status, [statement(text, replace(BOXES[0], label=text), topic=text, drafted=text)])
    return replace(
        made,
        title=text,
        warnings=(text,),
        answered={text: text},
        fields={text: text},
        prompt=text,
        template=text,
        application=text,
        model=ModelId(text, text, text, text, text),
        categories=(Category(text, text, "", {text: text}, (text,), text, text),),
        signatures=(Signature(text, AT, status, "ef56" * 16),),
        sections=(*made.sections, Section(text, text, told(text), text)),
    )


def picture(**others: Any) -> Image:
    """What `report` is about, as pixels alone."""
    pixels = np.add.outer(np.arange(ROWS), np.arange(COLUMNS)).astype(np.uint8)
    return Image(**{"name": "image 1", "pixels": pixels, "sha256": "cd34" * 16, "format": "PNG", **others})


def film(folder: Path, pixels: np.ndarray[Any, Any] | None = None, **tags: Any) -> Path:
    """A radiograph as a hospital keeps it, of Jane Doe, in a study of its own."""
    plain = {
        "SOPClassUID": ComputedRadiographyImageStorage,
        "SOPInstanceUID": generate_uid(),
        "StudyInstanceUID": generate_uid(),
        "SeriesInstanceUID": generate_uid(),
        "PatientName": "Doe^Jane",
        "PatientID": "MRN-4711",
        "Modality": "CR",
        "WindowCenter": 4000,
        "WindowWidth": 8000,
    }
    values = np.arange(ROWS * COLUMNS, dtype=np.uint16).reshape(ROWS, COLUMNS)
    folder.mkdir(exist_ok=True)
    wanted = {keyword: value for keyword, value in {**plain, **tags}.items() if value is not None}
    return written(folder, dicom(values if pixels is None else pixels, **wanted))


def opened(*places: Path) -> tuple[Image, ...]:
    return imaging.study(places).images


def about(made: Report, images: Sequence[Image]) -> Report:
    """The report as made from these pictures."""
    return replace(
        made,
        images=tuple(image.name for image in images),
        hashes={image.name: image.sha256 for image in images},
    )

"""The boxes of a report as a DICOM presentation state (GSPS): numbered outlines in a layer over the pictures.

A workstation lays them over the very pixels it has; nothing is burnt in. What the numbers mean stands in the
report.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chat_app.errors import InputError
from chat_app.exporters.parts import dicom, grey
from chat_app.exporters.parts.findings import Mark, marks
from chat_app.exporters.parts.originals import NONE, Original, Originals, base
from chat_app.records import Image, Report, Study

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

TITLE = "DICOM presentation state"
ENDING = ".pr.dcm"
BESIDE = True

LAYER = "LIGHTBOX"
COLOUR = (
    "A presentation state of this kind lies over grey pictures only, and one here is in colour: send the "
    "report as PDF or SR."
)
MIXED = "Of these pictures some count white as their lowest value and some black: send their boxes as SR."
NO_BOXES = "This report has no boxes to lay over its pictures: send it as PDF or SR."


def export(report: Report, pictures: Sequence[Image] = (), originals: Originals = NONE) -> bytes:
    """The presentation state as a DICOM file, in the study of the pictures."""
    return dicom.file(state(report, pictures, originals))


def state(report: Report, pictures: Sequence[Image], originals: Originals) -> Any:
    """The same as highdicom's `GrayscaleSoftcopyPresentationState`.

    Raises:
        InputError: a header is missing, a picture is in colour, or the report has no boxes or was entered
            in error.
    """
    from highdicom import UID
    from highdicom.pr import GraphicLayer, GrayscaleSoftcopyPresentationState

    ready, found = dicom.ready(report, originals), marks(report)
    if not found:
        raise InputError(NO_BOXES)
    layer = GraphicLayer(LAYER, 1, dicom.described(report, "boxes"))
    headers = {one.header.SOPInstanceUID: one.header for one in ready.values()}
    lut = _lut(list(headers.values()))
    annotations = list(_annotations(ready, found, layer))
    with dicom.damaged():
        return GrayscaleSoftcopyPresentationState(
            referenced_images=list(headers.values()),
            series_instance_uid=UID(),
            series_number=901,
            sop_instance_uid=UID(),
            instance_number=1,
            content_label=report.status.upper(),
            content_description=dicom.described(report, "boxes"),
            graphic_layers=[layer],
            graphic_annotations=annotations,
            presentation_lut_transformation=lut,
            contributing_equipment=[dicom.contribution(report)],
            series_description=dicom.described(report, report.title),
            specific_character_set=dicom.UNICODE,
            **grey.transformations(ready, _shown(ready, pictures)),
            **dicom.equipment(report),
        )


def _shown(ready: Mapping[str, Original], pictures: Sequence[Image]) -> dict[str, Image]:
    """Of these frames the pictures that were given."""
    study, given = Study(tuple(pictures)), {image.name for image in pictures}
    return {name: study.named(name) for name in ready if base(name) in given}


def _lut(headers: Sequence[Dataset]) -> Any:
    """As the pictures' own values count: the lowest is white in MONOCHROME1 (PS3.3 C.11.6.1.2)."""
    from highdicom import PresentationLUTShapeValues, PresentationLUTTransformation

    kinds = {str(header.get("PhotometricInterpretation", "")) for header in headers}
    if not kinds <= {"MONOCHROME1", "MONOCHROME2"}:
        raise InputError(COLOUR)
    if len(kinds) > 1:
        raise InputError(MIXED)
    shape = "INVERSE" if kinds == {"MONOCHROME1"} else "IDENTITY"
    return PresentationLUTTransformation(PresentationLUTShapeValues(shape))


def _annotations(ready: Mapping[str, Original], found: Sequence[Mark], layer: Any) -> Iterator[Any]:
    """One for each frame that has boxes, with all of them."""
    from highdicom.pr import GraphicAnnotation

    for name, one in ready.items():
        drawn = [mark for mark in found if mark.box.image == name]
        outlines, numbers = [_outline(mark, one) for mark in drawn], [_number(mark) for mark in drawn]
        with dicom.damaged():
            made = GraphicAnnotation([one.header], layer, dicom.frame(one), None, outlines, numbers)
        yield made


def _outline(mark: Mark, one: Original) -> Any:
    from highdicom.pr import GraphicObject

    return GraphicObject("POLYLINE", dicom.outline(mark, one.header), "PIXEL")


def _number(mark: Mark) -> Any:
    """Beside the upper left corner of its box, where the workstation finds room."""
    from highdicom.pr import TextObject

    corner = (mark.box.x0, mark.box.y0)
    return TextObject(str(mark.number), "PIXEL", anchor_point=corner, anchor_point_visible=False)

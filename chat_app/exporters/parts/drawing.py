"""The pictures of a report with its boxes drawn and numbered over them, as a PNG to print.

What is drawn lies where the box says: the picture is only scaled, never cropped or padded.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chat_app.exporters.parts.findings import Mark, marks
from chat_app.exporters.parts.originals import base, check
from chat_app.records import Box, Image, Report, Study

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

SIDE = 1200  # pixels of the longer side: sharp on a printed page
LINE = 3
LETTERS = 28
COLOUR = (255, 210, 0)  # told from any grey; the number on it is black


@dataclass(frozen=True, eq=False)
class Plate:
    """One picture as it is printed, its boxes on it: its name, PNG bytes, and size in pixels."""

    name: str
    png: bytes
    width: int
    height: int


def plates(report: Report, pictures: Sequence[Image]) -> Iterator[Plate]:
    """Each frame that has boxes, and of a picture without any the first frame the report is about.

    Raises:
        InputError: a picture is not the one the report was made from, or has no such frame.
    """
    check(report, pictures)
    given, found = {image.name for image in pictures}, marks(report)
    for name in _names(report, found):
        if base(name) in given:
            image = Study(tuple(pictures)).named(name)
            yield plate(image, name, [mark for mark in found if mark.box.image == name])


def plate(image: Image, name: str, drawn: Sequence[Mark]) -> Plate:
    """One picture with those boxes; a pixel that is higher than wide is drawn so."""
    from PIL import Image as Pillow
    from PIL import ImageDraw

    across, down = scale(image)
    size = (max(1, round(image.columns * across)), max(1, round(image.rows * down)))
    canvas = Pillow.fromarray(image.pixels).convert("RGB").resize(size)
    pen = ImageDraw.Draw(canvas)
    for mark in drawn:
        _draw(pen, mark, scaled(mark.box, across, down))
    stream = io.BytesIO()
    canvas.save(stream, "PNG")
    return Plate(name, stream.getvalue(), *size)


def scale(image: Image) -> tuple[float, float]:
    """Printed pixels for each of the original's, across and down."""
    across = SIDE / max(image.columns, image.rows * image.plane.aspect)
    return across, across * image.plane.aspect


def scaled(box: Box, across: float, down: float) -> tuple[float, float, float, float]:
    """The corners of a box in printed pixels."""
    return box.x0 * across, box.y0 * down, box.x1 * across, box.y1 * down


def _names(report: Report, found: Sequence[Mark]) -> list[str]:
    """In the order of the report; of a picture whose boxes are known no other frame."""
    marked = {mark.box.image for mark in found}
    names = list(dict.fromkeys([*report.images, *(mark.box.image for mark in found)]))
    shown: list[str] = []
    for name in names:
        others = [each for each in [*shown, *marked] if each != name and base(each) == base(name)]
        if name in marked or not others:
            shown.append(name)
    return shown


def _draw(pen: ImageDraw, mark: Mark, corners: tuple[float, float, float, float]) -> None:
    """The outline on the inside of the box, and its number in a filled corner."""
    from PIL import ImageFont

    left, top, right, bottom = (round(corner) for corner in corners)
    pen.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), None, COLOUR, LINE)
    font, words = ImageFont.load_default(LETTERS), str(mark.number)
    corner = (left + 2 * LINE, top + LINE)
    _, _, width, height = pen.textbbox(corner, words, font)
    pen.rectangle((left, top, width + 2 * LINE, height + LINE), COLOUR)
    pen.text(corner, words, (0, 0, 0), font)

"""A report as DOCX to edit: its status on every page, each line with its source, boxes on the pictures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from chat_app.exporters.parts import sheet, stamp
from chat_app.exporters.parts.drawing import Plate, plates
from chat_app.exporters.parts.findings import marks
from chat_app.exporters.parts.originals import NONE, Originals
from chat_app.exporters.parts.text import line, shortened
from chat_app.records import Image, Report

if TYPE_CHECKING:
    from docx.document import Document as Written
    from docx.text.paragraph import Paragraph

TITLE = "Word"
ENDING = ".docx"
BESIDE = False

GREY = (0x66, 0x66, 0x66)
RED = (0xA4, 0x00, 0x00)
SMALL = 8  # points
ROOM = (6.0, 7.5)  # inches of a page that a picture may fill
MOST_TITLE = 255  # characters that a core property may hold (ECMA-376 part 2)


def export(report: Report, pictures: Sequence[Image] = (), originals: Originals = NONE) -> bytes:
    """The report under headings, then its boxes, what is needed to make it again, and its pictures."""
    from docx import Document

    written = Document()
    _describe(written, report)
    _edges(written, report)
    _body(written, report)
    _boxes(written, report)
    written.add_heading("How to make it again", 2)
    for name, value in stamp.rows(report):
        _run(written.add_paragraph(), f"{name}: {value}", SMALL)
    for plate in plates(report, pictures):
        _plate(written, plate)
    stream = io.BytesIO()
    written.save(stream)
    return stream.getvalue()


def _describe(written: Written, report: Report) -> None:
    """The properties of the file; whoever is logged in on this machine is not among them."""
    properties = written.core_properties
    properties.author = properties.last_modified_by = stamp.AUTHOR
    properties.title = shortened(report.title, MOST_TITLE)
    properties.subject = stamp.banner(report)
    properties.comments = stamp.CAUTION
    properties.created = properties.modified = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
    properties.revision = report.version


def _edges(written: Written, report: Report) -> None:
    """What stands above and below the text of every page."""
    section = written.sections[0]
    _run(section.header.paragraphs[0], stamp.banner(report), 11, RED, bold=True)
    below = section.footer.paragraphs[0]
    _run(below, f"{stamp.banner(report)}. {stamp.CAUTION} Page ", SMALL, GREY)
    _field(below, "PAGE")
    _run(below, " of ", SMALL, GREY)
    _field(below, "NUMPAGES")


def _field(paragraph: Paragraph, instruction: str) -> None:
    """A number that the word processor fills in (ECMA-376 part 1, 17.16.19)."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    field = OxmlElement("w:fldSimple")
    field.set(qn("w:instr"), instruction)
    paragraph._p.append(field)


def _body(written: Written, report: Report) -> None:
    written.add_heading(line(report.title), 1)
    written.add_paragraph(stamp.standing(report))
    for part in sheet.parts(report):
        written.add_heading(part.title, 2)
        for each in part.lines:
            paragraph = written.add_paragraph(style="List Bullet")
            numbers = "".join(f" [{mark.number}]" for mark in each.marks)
            _run(paragraph, f"{each.text}{numbers}")
            if each.source:
                _run(paragraph, f" {each.source}", SMALL, GREY)
        if not part.lines:
            _run(written.add_paragraph(), "Left empty.", SMALL, GREY)


def _boxes(written: Written, report: Report) -> None:
    """The table of the boxes, in pixels of the original picture."""
    found = marks(report)
    if not found:
        return
    written.add_heading("Boxes, in pixels of the original picture", 2)
    table = written.add_table(rows=1, cols=len(sheet.COLUMNS), style="Table Grid")
    for cells in (sheet.COLUMNS, *(sheet.row(mark) for mark in found)):
        row = table.rows[0] if cells is sheet.COLUMNS else table.add_row()
        for cell, words in zip(row.cells, cells, strict=True):
            _run(cell.paragraphs[0], words, SMALL)


def _plate(written: Written, plate: Plate) -> None:
    from docx.shared import Inches

    written.add_page_break()
    written.add_heading(plate.name.capitalize(), 2)
    fit = min(ROOM[0] / plate.width, ROOM[1] / plate.height)
    written.add_picture(io.BytesIO(plate.png), Inches(plate.width * fit), Inches(plate.height * fit))


def _run(
    paragraph: Paragraph,
    text: str,
    size: float | None = None,
    colour: tuple[int, int, int] | None = None,
    *,
    bold: bool = False,
) -> None:
    from docx.shared import Pt, RGBColor

    run = paragraph.add_run(text)
    run.bold = bold or None
    if size:
        run.font.size = Pt(size)
    if colour:
        run.font.color.rgb = RGBColor(*colour)

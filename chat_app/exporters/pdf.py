"""A report as PDF: its status on every page, each line with its source, the boxes numbered on the pictures.

The font is embedded: Source Sans Pro has Latin, Greek, Cyrillic, arrows and the signs of measuring, where
reportlab's own Vera stops at Latin 1. What it lacks (emoji, Hebrew, Han) shows as a replacement. The same
report gives the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from chat_app.exporters.parts import sheet, stamp
from chat_app.exporters.parts.drawing import Plate, plates
from chat_app.exporters.parts.findings import marks
from chat_app.exporters.parts.originals import NONE, Originals
from chat_app.exporters.parts.text import line
from chat_app.records import Image, Report

if TYPE_CHECKING:
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.pdfgen.canvas import Canvas

TITLE = "PDF"
ENDING = ".pdf"
BESIDE = False

FONT, BOLD = "Roboto", "RobotoBold"
LACKING = "◊"
# What the font lacks and reports have, spelt.
SPELT = str.maketrans({"→": "->", "←": "<-", "↑": "up", "↓": "down"})
GREY = "#666666"
MARGIN = 54.0  # points, three quarters of an inch


def export(report: Report, pictures: Sequence[Image] = (), originals: Originals = NONE) -> bytes:
    """The report on A4 pages, then its boxes, its pictures, and what is needed to make it again."""
    from reportlab.lib.pagesizes import A4
    from reportlab.platypus import SimpleDocTemplate

    fonts()
    stream = io.BytesIO()
    document = SimpleDocTemplate(
        stream,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN + 24,
        bottomMargin=MARGIN + 24,
        title=shown(report.title),
        author=stamp.AUTHOR,
        subject=stamp.banner(report),
        creator=stamp.AUTHOR,
        invariant=1,
    )
    document.build(_story(report, list(plates(report, pictures))), canvasmaker=_pages(report))
    return stream.getvalue()


@cache
def fonts() -> frozenset[int]:
    """Makes the fonts known to reportlab, once; the code points that both of them have."""
    import font_roboto
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    files = font_roboto.font_files
    faces = [TTFont(name, files[name]) for name in (FONT, BOLD)]
    for face in faces:
        pdfmetrics.registerFont(face)
    return frozenset.intersection(*(frozenset(face.face.charToGlyph) for face in faces))


def shown(text: str) -> str:
    """One line in which every character the font lacks is replaced by one that is seen."""
    known = fonts()
    return "".join(each if ord(each) in known else LACKING for each in line(text).translate(SPELT))


def _story(report: Report, printed: Sequence[Plate]) -> list[Any]:
    from reportlab.platypus import PageBreak

    styles = _styles()
    story = [_paragraph(report.title, styles["title"]), _paragraph(stamp.standing(report), styles["small"])]
    for part in sheet.parts(report):
        story.append(_paragraph(part.title, styles["heading"]))
        story += [_line(each, styles["body"]) for each in part.lines]
        if not part.lines:
            story.append(_paragraph("Left empty.", styles["small"]))
    story += _boxes(report, styles)
    story.append(_paragraph("How to make it again", styles["heading"]))
    story += [_paragraph(f"{name}: {value}", styles["small"]) for name, value in stamp.rows(report)]
    for each in printed:
        story += [PageBreak(), *_plate(each, styles)]
    return story


def _line(each: sheet.Line, style: ParagraphStyle) -> Any:
    from reportlab.platypus import Paragraph

    numbers = "".join(f" [{mark.number}]" for mark in each.marks)
    source = f' <font size="7.5" color="{GREY}">{escape(shown(each.source))}</font>' if each.source else ""
    return Paragraph(f"• {escape(shown(each.text))}{numbers}{source}", style)


def _boxes(report: Report, styles: dict[str, ParagraphStyle]) -> Iterator[Any]:
    """The table of the boxes, in pixels of the original picture."""
    from reportlab.lib.colors import HexColor
    from reportlab.platypus import Table, TableStyle

    found = marks(report)
    if not found:
        return
    yield _paragraph("Boxes, in pixels of the original picture", styles["heading"])
    rows = [[_paragraph(cell, styles["small"]) for cell in sheet.COLUMNS]]
    rows += [[_paragraph(cell, styles["small"]) for cell in sheet.row(mark)] for mark in found]
    grid = ("GRID", (0, 0), (-1, -1), 0.25, HexColor(GREY))
    style = TableStyle([grid, ("VALIGN", (0, 0), (-1, -1), "TOP")])
    yield Table(rows, colWidths=[30, 110, 130, 54, 54, 54, 54], style=style, repeatRows=1, hAlign="LEFT")


def _plate(each: Plate, styles: dict[str, ParagraphStyle]) -> Iterator[Any]:
    from reportlab.lib.pagesizes import A4
    from reportlab.platypus import Image as Picture

    yield _paragraph(each.name.capitalize(), styles["heading"])
    room = (A4[0] - 2 * MARGIN, A4[1] - 2 * MARGIN - 110)
    fit = min(room[0] / each.width, room[1] / each.height)
    yield Picture(io.BytesIO(each.png), each.width * fit, each.height * fit)


def _paragraph(text: str, style: ParagraphStyle) -> Any:
    from reportlab.platypus import Paragraph

    return Paragraph(escape(shown(text)), style)


def _styles() -> dict[str, ParagraphStyle]:
    from reportlab.lib.styles import ParagraphStyle

    def style(name: str, size: float, **others: Any) -> ParagraphStyle:
        return ParagraphStyle(name, fontName=FONT, fontSize=size, leading=size * 1.3, spaceAfter=3, **others)

    return {
        "title": style("title", 18),
        "heading": style("heading", 12.5, spaceBefore=9, textColor="#1f3a5f", keepWithNext=True),
        "body": style("body", 10.5, leftIndent=10, bulletIndent=0, firstLineIndent=-10),
        "small": style("small", 8),
    }


def _pages(report: Report) -> type[Canvas]:
    """A canvas that writes status, caution and "page n of N" on every page, once all of them are there."""
    from reportlab.pdfgen.canvas import Canvas

    class Pages(Canvas):
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            self.kept: list[dict[str, Any]] = []

        def showPage(self) -> None:
            self.kept.append(dict(self.__dict__))
            self._startPage()  # type: ignore[attr-defined]

        def save(self) -> None:
            for number, state in enumerate(self.kept, 1):
                self.__dict__.update(state)
                _edge(self, report, f"page {number} of {len(self.kept)}")
                super().showPage()
            super().save()

    return Pages


def _edge(canvas: Canvas, report: Report, page: str) -> None:
    """What stands above and below the text of a page."""
    from reportlab.lib.pagesizes import A4

    width, height = A4
    canvas.setFont(BOLD, 11)
    canvas.setFillColor("#a40000")
    canvas.drawCentredString(width / 2, height - MARGIN + 6, shown(stamp.banner(report)))
    canvas.setFont(FONT, 7.5)
    canvas.setFillColor(GREY)
    canvas.drawString(MARGIN, MARGIN - 12, shown(stamp.CAUTION))
    canvas.drawRightString(width - MARGIN, MARGIN - 12, page)

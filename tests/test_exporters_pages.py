"""Reports as PDF and DOCX: the status on every page, boxes where they were, nothing missing or alive."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pypdf
import pytest
from docx import Document
from drafts import BOXES, COLUMNS, ROWS, picture, report, statement
from PIL import Image as Pillow

from chat_app.exporters import docx, markdown, pdf
from chat_app.exporters.parts import drawing
from chat_app.exporters.parts.findings import Mark, marks
from chat_app.records import Box, Image, Plane, Report, Status

GREEK = "Größe ≥ 3 mm → 5 µm, αβγ Ωμ, Лёгкие, ½ ± 2 °C"


def pages(data: bytes) -> list[str]:
    return [" ".join(page.extract_text().split()) for page in pypdf.PdfReader(io.BytesIO(data)).pages]


def long() -> Report:
    return report(findings=[statement(f"Finding number {number}.") for number in range(150)])


@pytest.mark.parametrize("status", Status)
def test_every_page_of_a_pdf_bears_status_caution_and_number(status: Status) -> None:
    found = pages(pdf.export(replace(long(), status=status), [picture()]))
    assert len(found) > 3
    for number, text in enumerate(found, 1):
        assert f"{status.upper()} — not for clinical use" in text
        assert "not for diagnosis" in text
        assert f"page {number} of {len(found)}" in text


def test_a_pdf_says_each_statement_with_its_source_and_boxes() -> None:
    text = " ".join(pages(pdf.export(report(Status.FINAL), [picture()])))
    assert "Opacity in the right lower zone. [1] seen in image 1; accepted; on lungs" in text
    assert "Heart enlarged. [2] seen in image 1; edited; drafted as “Heart of normal size.”" in text
    assert "1 image 1 opacity 12.35 30 45 60.5" in text
    assert "Lung-RADS v2022: 4A" in text
    assert "final: Ada Ward, 2026-11-27T18:00:00+00:00" in text


def test_a_pdf_writes_latin_greek_cyrillic_arrows_and_signs() -> None:
    text = " ".join(pages(pdf.export(report(findings=[statement(GREEK)]))))
    assert GREEK.translate(pdf.SPELT) in text


@pytest.mark.parametrize("text", ["שלום", "🫁", "山"])
def test_what_the_font_lacks_is_replaced_by_something_seen(text: str) -> None:
    assert pdf.shown(f"a{text}b") == f"a{pdf.LACKING * len(text)}b"
    assert ord(pdf.LACKING) in pdf.fonts()


def test_a_model_s_markup_stays_text_in_a_pdf() -> None:
    words = 'SpO2 <90% & x<b> <font size="90">big</font> <a href="http://a.b">x</a> <img src="x"/>'
    data = pdf.export(report(findings=[statement(words)]))
    assert words in " ".join(pages(data))
    assert not any("/Annots" in page for page in pypdf.PdfReader(io.BytesIO(data)).pages)


def test_the_same_report_is_the_same_pdf() -> None:
    first = pdf.export(report(), [picture()])
    assert first == pdf.export(report(), [picture()])
    assert first != pdf.export(report(Status.PRELIMINARY), [picture()])


def test_a_pdf_embeds_its_fonts_and_runs_nothing() -> None:
    reader = pypdf.PdfReader(io.BytesIO(pdf.export(report(), [picture()])))
    fonts = [font.get_object() for font in reader.pages[0]["/Resources"]["/Font"].values()]
    used = [font for font in fonts if "Roboto" in font["/BaseFont"]]
    assert used and all("/FontFile2" in font["/FontDescriptor"] for font in used)
    assert not {"/OpenAction", "/AA", "/AcroForm", "/Names"} & set(reader.trailer["/Root"])
    assert reader.metadata and reader.metadata.author == "Lightbox"


def test_a_pdf_without_pictures_still_lists_its_boxes() -> None:
    text = " ".join(pages(pdf.export(report())))
    assert "Boxes, in pixels of the original picture" in text


def test_a_docx_has_headings_sources_boxes_and_stamp() -> None:
    written = Document(io.BytesIO(docx.export(report(Status.FINAL), [picture()])))
    headings = [each.text for each in written.paragraphs if each.style.name.startswith("Heading")]
    assert headings[:3] == ["Chest radiograph", "History (LOINC 11329-0)", "Comparison (LOINC 18834-2)"]
    (opacity,) = (each for each in written.paragraphs if "right lower zone" in each.text)
    said, source = opacity.runs
    assert said.text == "Opacity in the right lower zone. [1]"
    assert source.text == " seen in image 1; accepted; on lungs"
    assert (str(source.font.color.rgb), source.font.size.pt) == ("666666", 8)
    assert [cell.text for cell in written.tables[0].rows[1].cells][:4] == ["1", "image 1", "opacity", "12.35"]
    assert len(written.inline_shapes) == 1
    assert any(each.text == f"SHA-256: {'ab12' * 16}" for each in written.paragraphs)


@pytest.mark.parametrize("status", Status)
def test_the_edges_of_every_docx_page_bear_its_status(status: Status) -> None:
    section = Document(io.BytesIO(docx.export(report(status)))).sections[0]
    assert section.header.paragraphs[0].text == f"{status.upper()} — not for clinical use"
    assert f"{status.upper()} — not for clinical use" in section.footer.paragraphs[0].text
    assert not section.different_first_page_header_footer
    assert 'w:instr="NUMPAGES"' in section.footer._element.xml


def test_a_docx_names_nobody_of_this_machine() -> None:
    properties = Document(io.BytesIO(docx.export(report()))).core_properties
    assert (properties.author, properties.last_modified_by) == ("Lightbox", "Lightbox")
    assert (properties.title, properties.subject) == ("Chest radiograph", "DRAFT — not for clinical use")


def drawn(box: Box, image: Image) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what was drawn on the printed picture."""
    plate = drawing.plate(image, "image 1", [Mark(1, box)])
    pixels = np.asarray(Pillow.open(io.BytesIO(plate.png))).astype(int)
    rows, columns = np.nonzero(np.abs(pixels - drawing.COLOUR).sum(2) < 30)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


@pytest.mark.parametrize("aspect", [1.0, 0.5, 2.0])
@pytest.mark.parametrize("box", [*BOXES, Box(0, 0, COLUMNS, ROWS)], ids=["first", "second", "whole"])
def test_a_box_is_drawn_where_it_lies_however_the_picture_is_scaled(box: Box, aspect: float) -> None:
    image = picture(pixels=np.zeros((ROWS, COLUMNS), np.uint8), plane=Plane(aspect=aspect))
    across, down = drawing.scale(image)
    wanted = drawing.scaled(box, across, down)
    assert down == pytest.approx(across * aspect)
    assert drawn(box, image) == pytest.approx(wanted, abs=1)


def test_numbers_run_through_the_report_and_skip_what_was_rejected() -> None:
    rejected = replace(report().sections[2].statements[2], boxes=BOXES)
    first, second = report().sections[2].statements[:2]
    made = report(findings=[first, rejected, second])
    assert [mark.box for mark in marks(made)] == list(BOXES)
    assert [mark.number for mark in marks(made)] == [1, 2]


def test_of_a_picture_with_boxes_only_the_frames_that_bear_them_are_printed() -> None:
    boxes = [replace(BOXES[0], image="image 1, slice 5")]
    names = ("image 1, slice 3", "image 1, slice 5", "image 2, slice 1", "image 2, slice 2")
    made = report(findings=[statement("Opacity.", *boxes)], images=names)
    assert drawing._names(made, marks(made)) == ["image 1, slice 5", "image 2, slice 1"]


def test_markdown_says_decisions_and_how_a_sentence_was_drafted() -> None:
    text = markdown.export(report(Status.PRELIMINARY)).decode()
    assert text.startswith("**PRELIMINARY — not for clinical use**")
    assert "- Heart enlarged. *(seen in image 1; edited; drafted as “Heart of normal size.”;" in text
    assert "- No pleural effusion. *(seen in image 1; not reviewed)*" in text
    assert "clavicle" not in text
    assert "## Signatures" in text and "Ada Ward" in text

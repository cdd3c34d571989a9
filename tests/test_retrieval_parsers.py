"""Every parser, on documents as they should be and on awkward ones: read, or refused in a sentence."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter
from reportlab.pdfgen.canvas import Canvas

from chat_app.errors import InputError
from chat_app.retrieval import parsers
from chat_app.retrieval.blocks import Block
from chat_app.retrieval.cut import passages
from chat_app.retrieval.index import index
from chat_app.retrieval.limits import Limits
from chat_app.settings import Settings

LIMITS = Limits()
PARSERS = dict(parsers.known())
SAID = "A solid nodule of 6 mm is followed."


def pdf(*pages: str, outline: dict[int, str] | None = None, locked: str = "") -> bytes:
    """A PDF with a page of lines each; outline: a heading by the page, from 0, on which it stands."""
    drawn = io.BytesIO()
    canvas = Canvas(drawn)
    for number, page in enumerate(pages):
        if outline and number in outline:
            canvas.bookmarkPage(str(number))
            canvas.addOutlineEntry(outline[number], str(number))
        for row, words in enumerate(page.splitlines()):
            canvas.drawString(50, 800 - 14 * row, words)
        canvas.showPage()
    canvas.save()
    if not locked:
        return drawn.getvalue()
    writer = PdfWriter(clone_from=PdfReader(drawn))
    writer.encrypt(locked, algorithm="RC4-128")
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


WELL: dict[str, bytes] = {
    ".pdf": pdf(SAID, outline={0: "Chest"}),
    ".html": f"<title>T</title><h1>Chest</h1><p>{SAID}</p>".encode(),
    ".md": f"# Chest\n\n{SAID}\n".encode(),
    ".txt": f"Chest\n\n{SAID}\n".encode(),
    ".jsonl": json.dumps({"text": SAID, "section": "Chest"}).encode(),
}


def read(ending: str, data: bytes, limits: Limits = LIMITS) -> list[Block]:
    return list(PARSERS[ending].blocks(data, limits))


@pytest.mark.parametrize("ending", WELL)
def test_a_document_is_read_with_its_heading(ending: str) -> None:
    (block,) = read(ending, WELL[ending])
    assert (block.text, block.section) == (SAID, ("Chest",))
    assert block.page == (1 if ending == ".pdf" else 0)


def test_every_parser_has_a_document_here() -> None:
    assert {PARSERS[ending] for ending in WELL} == set(PARSERS.values())


AWKWARD: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda well: b"",
    "cut in half": lambda well: well[: len(well) // 2],
    "packed": gzip.compress,
    "a picture": lambda well: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 20,
    "zeros": lambda well: bytes(10_000),
    "with zeros in it": lambda well: well[:9] + b"\0" * 9 + well[9:],
    "with a torn character": lambda well: well + b"\xc3",
    "many brackets": lambda well: b"[" * 20_000,
    "many tags": lambda well: b"<div>" * 100_000,
    "many quotes": lambda well: b"> " * 20_000,
    "unclosed": lambda well: b"<!--" * 20_000 + b"<a href='" * 20_000,
}


@pytest.mark.parametrize("ending", WELL)
@pytest.mark.parametrize("spoil", AWKWARD.values(), ids=AWKWARD)
def test_an_awkward_document_is_read_or_refused_in_a_sentence(
    ending: str, spoil: Callable[[bytes], bytes]
) -> None:
    try:
        found = read(ending, spoil(WELL[ending]))
    except InputError as error:
        assert str(error).endswith(".") and "/" not in str(error)
    else:
        assert all("\0" not in block.text for block in found)


BINARY = (AWKWARD["packed"], AWKWARD["a picture"], AWKWARD["zeros"])


@pytest.mark.parametrize("ending", WELL)
@pytest.mark.parametrize("spoil", BINARY, ids=["packed", "a picture", "zeros"])
def test_what_is_no_text_is_refused_by_every_parser(ending: str, spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(InputError):
        read(ending, spoil(WELL[ending]))


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("half.pdf", WELL[".pdf"][:300], "damaged"),
        ("locked.pdf", pdf(SAID, locked="secret"), "password"),
        ("scan.pdf", pdf(""), "no text"),
        ("none.txt", b"", "empty"),
        ("blank.txt", b" \n ", "no words"),
        ("picture.txt", AWKWARD["a picture"](b""), "no text, whatever"),
        ("deep.html", b"<div>" * 100_000 + b"x", "nested deeper"),
        ("rows.jsonl", b'{"text": "a"}\n{"title": "b"}\n', "Line 2"),
        ("rows.ndjson", b"{", "Line 1"),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value else "",
)
def test_it_is_said_and_the_rest_goes_on(name: str, data: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / name).write_bytes(data)
    (tmp_path / "documents" / "well.md").write_bytes(WELL[".md"])
    done = index(tmp_path / "documents", "notes", Settings(data=str(tmp_path / "kept")))
    assert done.documents == 1
    (refused,) = done.refused
    assert refused.startswith(f"{name}: ") and says in refused


def packed_pdf(times: int) -> bytes:
    """A PDF of one page, in which a word is drawn so often, packed."""
    drawn = zlib.compress(b"BT /F 9 Tf (word) Tj ET " * times, 9)
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        b"<</Length %d/Filter/FlateDecode>>stream\n%b\nendstream" % (len(drawn), drawn),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    body = b"".join(b"%d 0 obj%b endobj\n" % each for each in enumerate(objects, 1))
    return b"%PDF-1.4\n" + body + b"trailer<</Root 1 0 R/Size 6>>\nstartxref\n0\n%%EOF\n"


def test_a_pdf_that_unpacks_to_more_than_any_page_is_refused() -> None:
    assert "word" in read(".pdf", packed_pdf(2))[0].text
    with pytest.raises(InputError, match="unpacks to more"):
        read(".pdf", packed_pdf(8_000_000))


def test_a_pdf_with_too_many_pages_is_refused() -> None:
    with pytest.raises(InputError, match="more than 2 pages"):
        read(".pdf", pdf("a", "b", "c"), Limits(pages=2))


def test_a_pdf_keeps_its_pages_and_a_sentence_stands_where_it_began() -> None:
    data = pdf("A nodule is seen. It is", "solid and round. It grows.")
    assert [(each.text, each.page) for each in read(".pdf", data)] == [
        ("A nodule is seen. It is solid and round.", 1),
        ("It grows.", 2),
    ]


def test_a_page_within_a_sentence_is_not_lost() -> None:
    data = pdf("A nodule is", "solid and", "round. It grows.")
    text = " ".join(each.text for each in read(".pdf", data))
    assert text == "A nodule is solid and round. It grows."


def test_a_pdf_s_outline_cuts_where_its_heading_stands() -> None:
    data = pdf(
        "Chest\nThe lungs are clear.", "It ends.\nHead\nThe brain is whole.", outline={0: "Chest", 1: "Head"}
    )
    found = [(each.text, each.section, each.page) for each in read(".pdf", data)]
    assert found == [
        ("The lungs are clear.", ("Chest",), 1),
        ("It ends.", ("Chest",), 2),
        ("The brain is whole.", ("Head",), 2),
    ]


def test_running_heads_and_page_numbers_are_left_out() -> None:
    data = pdf(
        *(f"Guideline of the society\nPoint {name}.\nPage {number}" for number, name in enumerate("abcde"))
    )
    assert (
        " ".join(each.text for each in read(".pdf", data)) == "Point a. Point b. Point c. Point d. Point e."
    )


def test_a_hyphen_at_a_line_s_end_is_joined() -> None:
    assert read(".pdf", pdf("The pulmo-\nnary artery."))[0].text == "The pulmonary artery."


def test_an_html_page_is_what_a_reader_sees() -> None:
    page = """<html lang=en><head><title>Lung  care</title><meta name="license" content="CC BY 4.0">
    <style>p{}</style></head><body><nav>Menu</nav><script>alert(1)</script><form>
    <h1>Chest</h1><button>Go</button>Before <b>bold</b>ly.
    <h2>A <i>nodule</i></h2>
    <ul><li>One<li>Two</ul><!-- hidden --><h2>Next</h2><table><tr><td>6 mm</td><td>solid</td></table>"""
    found = [(each.text, each.section) for each in read(".html", page.encode())]
    assert found == [
        ("Before boldly.", ("Chest",)),
        ("One\nTwo", ("Chest", "A nodule")),
        ("6 mm\nsolid", ("Chest", "Next")),
    ]
    assert {(each.title, each.licence) for each in read(".html", page.encode())} == {
        ("Lung care", "CC BY 4.0")
    }


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16"])
def test_umlauts_survive_any_usual_encoding(encoding: str) -> None:
    said = "Die Röhre ist größer."
    assert read(".txt", said.encode(encoding))[0].text == said
    page = f'<meta charset="{encoding}"><p>{said}</p>'
    assert read(".html", page.encode(encoding))[0].text == said


def test_markdown_keeps_words_and_drops_marks() -> None:
    text = (
        "---\ntitle: Notes\nlicence: CC0\n---\n# Chest\n\n## Nodules\n\nSee **this** [page](http://x.y/z) "
        "![pic](a.png).\n\n```\n# no heading\n```\n\n<script>x</script>\n\nHead\n----\n\n- one\n- two\n"
    )
    found = read(".md", text.encode())
    assert [(each.text, each.section) for each in found] == [
        ("See this page .", ("Chest", "Nodules")),
        ("# no heading", ("Chest", "Nodules")),
        ("one", ("Chest", "Head")),
        ("two", ("Chest", "Head")),
    ]
    assert {(each.title, each.licence) for each in found} == {("Notes", "CC0")}


def test_rows_keep_what_they_state_but_no_path(tmp_path: Path) -> None:
    source = str(tmp_path / "notes" / "a.pdf")
    row = {"text": SAID, "title": "T", "section": "S", "source": source, "licence": "CC0"}
    (passage,) = passages(read(".jsonl", json.dumps(row).encode()), "rows.jsonl")
    assert (passage.title, passage.section, passage.source, passage.licence) == ("T", "S", "a.pdf", "CC0")


def test_medquad_s_and_openstax_s_layout_are_read() -> None:
    medquad = {
        "id": "1",
        "focus": "Asthma",
        "qtype": "causes",
        "question": "Why?",
        "answer": "Airways narrow.",
    }
    openstax = {
        "id": "m1#1",
        "module": "m1",
        "title": "Airways",
        "section": "Bronchi",
        "text": "They branch.",
    }
    rows = "\n".join(map(json.dumps, (medquad, openstax)))
    found = [(each.text, each.title, each.section) for each in read(".jsonl", rows.encode())]
    assert found == [
        ("Airways narrow.", "Asthma", ("causes",)),
        ("They branch.", "Airways", ("Bronchi",)),
    ]

"""PDF files with text in them, read by pypdf; the outline gives the headings, where there is one.

A scan without recognised text holds no words, and it is said. Columns come in the order the file has them.
"""

from __future__ import annotations

import io
import logging
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pypdf import PdfReader
from pypdf.errors import LimitReachedError, PyPdfError
from pypdf.generic import Destination

from chat_app.errors import TooLarge, UnreadableFile
from chat_app.grounding import statements
from chat_app.retrieval.blocks import Block, Heading, line, named, under
from chat_app.retrieval.limits import Limits

ENDINGS = (".pdf",)
DAMAGED = "This PDF is damaged: fetch or export it again."
LOCKED = "This PDF is locked by a password: save a copy without one."
BOMB = "This PDF unpacks to more than any page holds: print it to a new PDF."
WORDLESS = "This PDF holds no text, only pictures of it: recognise its text first."
# What pypdf lets through when a file is not what the format says.
FAULTS = (
    PyPdfError,
    zlib.error,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    RecursionError,
    ArithmeticError,
    OSError,
    NotImplementedError,
    AssertionError,
    MemoryError,
)
Mark = tuple[int, int, str]  # page from 0, level from 1, words
REPEATED = 0.5  # of the pages, from which a first or last line is a running head or foot
FEWEST = 4  # pages, below which nothing is taken for one
ENDED = re.compile(r"[.!?:;][\"')\]]*$")
HYPHEN = re.compile(r"(?<=[a-z])-\n(?=[a-z])")


def blocks(data: bytes, limits: Limits) -> Iterator[Block]:
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it repeats what the file says
    try:
        reader = _opened(data)
        if len(reader.pages) > limits.pages:
            raise TooLarge(f"This PDF has more than {limits.pages} pages: split it.")
        title = line(str((reader.metadata and reader.metadata.title) or ""))
        marks = tuple(_marks(reader, reader.outline))
        pages = _without_running([page.extract_text() for page in reader.pages])
    except LimitReachedError as error:
        raise TooLarge(BOMB) from error
    except FAULTS as error:
        raise UnreadableFile(DAMAGED) from error
    if not any(page.strip() for page in pages):
        raise UnreadableFile(WORDLESS)
    yield from _joined([replace(block, title=title) for block in _blocks(pages, marks)])


def _opened(data: bytes) -> PdfReader:
    reader = PdfReader(io.BytesIO(data))
    if reader.is_encrypted and not _unlocked(reader):
        raise UnreadableFile(LOCKED)
    return reader


def _unlocked(reader: PdfReader) -> bool:
    """Whether it opens for everyone: many are only closed against changes."""
    try:
        return bool(reader.decrypt(""))
    except FAULTS:  # its cipher needs a package that is not here
        return False


def _marks(reader: PdfReader, outline: Sequence[object], level: int = 1) -> Iterator[Mark]:
    for item in outline:
        if isinstance(item, list):
            yield from _marks(reader, item, level + 1)
        elif isinstance(item, Destination):
            page = reader.get_destination_page_number(item)
            if page is not None and page >= 0 and item.title:
                yield page, level, line(str(item.title))


def _without_running(pages: Sequence[str]) -> list[str]:
    """The pages without the lines that stand first or last on most of them; numbers in them may differ."""
    split = [[each for each in page.splitlines() if each.strip()] for page in pages]
    edges = Counter(_shape(each) for lines in split for each in {*lines[:1], *lines[-1:]})
    many = {shape for shape, times in edges.items() if len(pages) >= FEWEST and times > len(pages) * REPEATED}
    for lines in split:
        if lines and _shape(lines[0]) in many:
            del lines[0]
        if lines and _shape(lines[-1]) in many:
            del lines[-1]
    return ["\n".join(lines) for lines in split]


def _shape(text: str) -> str:
    return re.sub(r"\d+", "#", line(text))


def _blocks(pages: Sequence[str], marks: Sequence[Mark]) -> Iterator[Block]:
    path: tuple[Heading, ...] = ()
    for number, page in enumerate(pages):
        rest = page
        for _, level, words in (mark for mark in marks if mark[0] == number):
            before, rest = _split(rest, words)
            if before.strip():
                yield Block(_flowing(before), named(path), number + 1)
            path = under(path, (level, words))
        if rest.strip():
            yield Block(_flowing(rest), named(path), number + 1)


def _split(page: str, heading: str) -> tuple[str, str]:
    """What stands before a heading of the outline and after it; the page's start where it is not found."""
    pattern = r"\s+".join(map(re.escape, heading.split()))
    found = re.search(rf"^[\d.\s]*{pattern}\s*$", page, re.MULTILINE | re.IGNORECASE)
    return (page[: found.start()], page[found.end() :]) if found else ("", page)


def _flowing(text: str) -> str:
    """Lines that were broken for their length, joined."""
    return line(HYPHEN.sub("", text))


def _joined(found: list[Block]) -> Iterator[Block]:
    """A sentence that goes on over the page stands on the page where it began."""
    for here, following in enumerate(found[1:]):
        block = found[here]
        is_open = bool(block.text) and not ENDED.search(block.text)
        if is_open and block.section == following.section:
            first, *rest = statements.sentences(following.text)
            found[here] = replace(block, text=f"{block.text} {first}")
            found[here + 1] = replace(following, text=" ".join(rest))
    return (block for block in found if block.text)

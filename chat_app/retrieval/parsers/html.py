"""HTML pages: what a reader sees of them, by headings; scripts, styles and navigation are left out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

from chat_app.errors import TooLarge, UnreadableFile
from chat_app.retrieval.blocks import Block, Heading, line, named, under
from chat_app.retrieval.decoding import BINARY, SIXTEEN, decoded
from chat_app.retrieval.limits import Limits

ENDINGS = (".html", ".htm", ".xhtml")
DEEP = "This page is nested deeper than any page for readers is: save it again from a browser, as text."
LEFT_OUT = frozenset({
    "button", "head", "iframe", "math", "nav", "noscript", "object", "script", "select", "style", "svg",
    "template", "textarea",
})  # fmt: skip
HEADINGS = {f"h{level}": level for level in range(1, 7)}
# Elements that run on in a line; every other begins a new one.
INLINE = frozenset({
    "a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins", "kbd",
    "label", "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "time", "tt", "u", "var",
    "wbr",
})  # fmt: skip
CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")
STATED = re.compile(rb"charset|encoding", re.IGNORECASE)
LICENCES = ("license", "licence", "dc.rights", "dcterms.license")


def blocks(data: bytes, limits: Limits) -> Iterator[Block]:
    root = _root(data)
    if root is None:
        return
    title, licence = line(root.findtext(".//title") or ""), _licence(root)
    path: tuple[Heading, ...] = ()
    text = ""
    for level, words in _pieces(root):
        if level:
            if text.strip():
                yield Block(_lines(text), named(path), title=title, licence=licence)
            path, text = under(path, (level, line(words))), ""
        else:
            text += words
    if text.strip():
        yield Block(_lines(text), named(path), title=title, licence=licence)


def _root(data: bytes) -> etree._Element | None:
    """The page's tree, mended where its tags are not closed; nothing is fetched and no entity is defined."""
    encoding = None if STATED.search(data[:2048]) else "utf-8"
    if data.startswith(SIXTEEN):
        data, encoding = decoded(data).encode(), "utf-8"
    if CONTROL.search(data):
        raise UnreadableFile(BINARY)
    parser = etree.HTMLParser(encoding=encoding, remove_comments=True, remove_pis=True, no_network=True)
    try:
        root: etree._Element | None = etree.fromstring(data, parser)
    except (etree.ParserError, etree.XMLSyntaxError, LookupError, ValueError) as error:
        raise UnreadableFile("This page cannot be read as HTML: save it again from a browser.") from error
    # The parser stops where it finds too many levels, and keeps silent about the rest.
    if any("depth" in each.message.lower() for each in parser.error_log):
        raise TooLarge(DEEP)
    return root


def _licence(root: etree._Element) -> str:
    for meta in root.iter("meta"):
        if (meta.get("name") or "").lower() in LICENCES:
            return line(meta.get("content") or "")
    return ""


def _pieces(root: etree._Element) -> Iterator[tuple[int, str]]:
    """Texts in order, each with the level of its heading, 0 for none."""
    skipped = within = 0  # how many elements deep
    heading = ""
    for event, element in etree.iterwalk(root, events=("start", "end")):
        tag = str(element.tag)
        is_start = event == "start"
        if tag in LEFT_OUT:
            skipped += 1 if is_start else -1
        if tag in HEADINGS and not skipped:
            if not is_start and within:
                yield (HEADINGS[tag], heading) if heading.strip() else (0, "\n")
            heading, within = "", int(is_start)
        words = (element.text if is_start else element.tail) or ""
        words = re.sub(r"\s+", " ", words)
        broken = "" if tag in INLINE else "\n"
        if skipped:
            continue
        if within:
            heading += words
        else:
            yield 0, broken + words


def _lines(text: str) -> str:
    return "\n".join(filter(None, map(line, text.splitlines())))

"""A report as Markdown to read and paste: every line says what it rests on, and a model's words stay text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from chat_app.exporters.parts import sheet
from chat_app.exporters.parts import stamp as stamps
from chat_app.exporters.parts.originals import NONE, Originals
from chat_app.exporters.parts.text import line
from chat_app.records import Image, Report

TITLE = "Markdown"
ENDING = ".md"
BESIDE = False

# CommonMark 2.4: these, escaped by a backslash, are never markup.
MARKUP = re.compile(r"([\\`*_{}\[\]~|$#!@])")
# What is a list, a rule or a heading only where a line begins; what GitHub turns into a link by itself.
BEGINNING = re.compile(r"^([-+=]|\d+(?=[.)]))")
ADDRESS = re.compile(r"(?<=:)//|(?<=www)\.", re.IGNORECASE)
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def export(report: Report, pictures: Sequence[Image] = (), originals: Originals = NONE) -> bytes:
    """The report as CommonMark with its status above and the stamp needed to reproduce it below."""
    return ("\n".join(_lines(report)).strip() + "\n").encode()


def inert(text: str) -> str:
    """One line that shows exactly this text wherever Markdown or HTML is rendered."""
    shown = MARKUP.sub(r"\\\1", re.sub("[&<>]", lambda found: ENTITIES[found.group()], line(text)))
    shown = ADDRESS.sub(lambda found: "".join(f"\\{character}" for character in found.group()), shown)
    return BEGINNING.sub(_escaped, shown)


def _escaped(beginning: re.Match[str]) -> str:
    """A backslash works before punctuation only, so a list's number is broken at its dot."""
    mark = beginning.group()
    return f"\\{mark}" if not mark.isdigit() else f"{mark}\\"


def _lines(report: Report) -> Iterator[str]:
    yield f"**{inert(stamps.banner(report))}**\n"
    yield f"# {inert(report.title)}\n"
    yield f"{inert(stamps.standing(report))}\n"
    for part in sheet.parts(report):
        yield f"## {inert(part.title)}\n"
        yield from (_line(each) for each in part.lines)
        if not part.lines:
            yield "*Left empty.*"
        yield ""
    yield "---\n"
    yield f"{inert(stamps.CAUTION)}\n"
    yield f"**{inert(stamps.banner(report))}**. {inert(stamps.stamp(report))}"


def _line(each: sheet.Line) -> str:
    where = (f"[{mark.number}] {mark.words}" for mark in each.marks)
    source = "; ".join(filter(None, (each.source, *where)))
    return f"- {inert(each.text)} *({inert(source)})*" if source else f"- {inert(each.text)}"

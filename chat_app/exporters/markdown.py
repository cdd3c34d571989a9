"""A report as Markdown to read and paste: every line says what it rests on, and a model's words stay text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chat_app.records import Box, Report, Section, Statement
from chat_app.reports.draft import NOTICE

ENDING = ".md"

# CommonMark 2.4: these, escaped by a backslash, are never markup.
MARKUP = re.compile(r"([\\`*_{}\[\]~|$#!@])")
# What is a list, a rule or a heading only where a line begins; what GitHub turns into a link by itself.
BEGINNING = re.compile(r"^([-+=]|\d+(?=[.)]))")
ADDRESS = re.compile(r"(?<=:)//|(?<=www)\.", re.IGNORECASE)
# Control characters, and those that turn the direction of writing and so can hide what a line says.
UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def export(report: Report) -> str:
    """The report as CommonMark with the notice above and the stamp needed to reproduce it below."""
    return "\n".join(_lines(report)).strip() + "\n"


def inert(text: str) -> str:
    """One line that shows exactly this text wherever Markdown or HTML is rendered."""
    line = " ".join(UNSEEN.sub(" ", text).split())
    line = MARKUP.sub(r"\\\1", re.sub("[&<>]", lambda found: ENTITIES[found.group()], line))
    line = ADDRESS.sub(lambda found: "".join(f"\\{character}" for character in found.group()), line)
    return BEGINNING.sub(_escaped, line)


def _escaped(beginning: re.Match[str]) -> str:
    """A backslash works before punctuation only, so a list's number is broken at its dot."""
    mark = beginning.group()
    return f"\\{mark}" if not mark.isdigit() else f"{mark}\\"


def _lines(report: Report) -> Iterator[str]:
    yield f"**{NOTICE}**\n"
    yield f"# {inert(report.title)}\n"
    yield f"Status: {inert(report.status)}. Pictures: {inert(', '.join(report.images)) or 'none'}.\n"
    for section in report.sections:
        yield from _section(section)
    if report.warnings:
        yield "## Warnings\n"
        yield from (f"- {inert(warning)}" for warning in report.warnings)
        yield ""
    yield "---\n"
    yield f"**{NOTICE}**. {_stamp(report)}"


def _section(section: Section) -> Iterator[str]:
    code = f" (LOINC {inert(section.code)})" if section.code else ""
    yield f"## {inert(section.title)}{code}\n"
    if not section.statements:
        yield "*Left empty.*"
    yield from (_statement(statement) for statement in section.statements)
    yield ""


def _statement(statement: Statement) -> str:
    where = "".join(f"; {_box(box)}" for box in statement.boxes)
    return f"- {inert(statement.text)} *({inert(statement.basis)}{where})*"


def _box(box: Box) -> str:
    x0, y0, x1, y1 = (round(corner) for corner in box.corners)
    label = f"{inert(box.label)} " if box.label else ""
    return f"{label}in {inert(box.image)} at x {x0} to {x1}, y {y0} to {y1}"


def _stamp(report: Report) -> str:
    model = report.model
    label = f" ({inert(model.label)})" if model.label else ""
    return (
        f"Model {inert(model.speaker)}{label}, SHA-256 {inert(model.sha256 or 'unknown')}; "
        f"prompt {inert(report.prompt)}; template {inert(report.template)}; seed {report.seed}."
    )

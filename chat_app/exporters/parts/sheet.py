"""A report as the parts a reader meets, the same in every form that is read as text or pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chat_app.exporters.parts import stamp
from chat_app.exporters.parts.findings import Finding, Mark, findings
from chat_app.exporters.parts.text import line, shortened
from chat_app.records import Report, Section

COLUMNS = ("No.", "picture", "label", "left", "top", "right", "bottom")
CELL = 120  # characters: a row has to fit on a page


@dataclass(frozen=True)
class Line:
    """One line with what it rests on beside it, and the boxes it speaks of."""

    text: str
    source: str = ""
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class Part:
    """A heading with its lines; one of a section that holds none is shown as left empty."""

    title: str
    lines: tuple[Line, ...]


def parts(report: Report) -> Iterator[Part]:
    """The sections, then what else there is: categories, answers, warnings, signatures."""
    found = findings(report)
    yield from (_section(section, found) for section in report.sections)
    answered = [Line(f"{line(remark)} Answered: {line(words)}") for remark, words in report.answered.items()]
    others = {
        "Assessment categories": tuple(_categories(report)),
        "Critical remarks and what was answered": tuple(answered),
        "Warnings": tuple(Line(line(warning)) for warning in report.warnings),
        "Signatures": tuple(Line(words) for words in stamp.signatures(report)),
    }
    yield from (Part(title, lines) for title, lines in others.items() if lines)


def row(mark: Mark) -> tuple[str, ...]:
    """A box under COLUMNS; its corners in pixels of the original, to a hundredth."""
    corners = (f"{round(corner, 2):g}" for corner in mark.box.corners)
    return str(mark.number), shortened(mark.box.image, CELL), shortened(mark.box.label, CELL), *corners


def _section(section: Section, found: tuple[Finding, ...]) -> Part:
    code = f" (LOINC {line(section.code)})" if section.code else ""
    lines = (
        Line(line(each.statement.text), each.source, each.marks) for each in found if each.section is section
    )
    return Part(f"{line(section.title)}{code}", tuple(lines))


def _categories(report: Report) -> Iterator[Line]:
    for each in report.categories:
        inputs = ", ".join(f"{name}: {value}" for name, value in each.inputs.items())
        source = "; ".join(filter(None, (f"computed from {inputs}" if inputs else "", each.source)))
        advice = f" {each.advice}" if each.advice else ""
        yield Line(line(f"{each.words}.{advice}"), line(source))

"""The kept statements of a report in reading order, with their boxes numbered from 1 throughout."""

from __future__ import annotations

from dataclasses import dataclass

from chat_app.exporters.parts.text import line
from chat_app.grounding.claims import read
from chat_app.records import Box, Claim, Report, Review, Section, Statement


@dataclass(frozen=True)
class Mark:
    """A box with its number in the report."""

    number: int
    box: Box

    @property
    def words(self) -> str:
        """The box as a line reads it, in whole pixels: "tumour in image 1 at x 12 to 45, y 30 to 60"."""
        x0, y0, x1, y1 = (round(corner) for corner in self.box.corners)
        label = f"{line(self.box.label)} " if self.box.label else ""
        return f"{label}in {line(self.box.image) or 'the picture'} at x {x0} to {x1}, y {y0} to {y1}"


@dataclass(frozen=True)
class Finding:
    """One kept statement: the section it stands in, its number in the report, its boxes and its claims."""

    number: int
    section: Section
    statement: Statement
    marks: tuple[Mark, ...]
    claims: tuple[Claim, ...] = ()

    @property
    def source(self) -> str:
        """What it rests on, and what a person decided about it."""
        statement = self.statement
        parts = [statement.basis, _reviewed(statement, self.section)]
        if statement.topic:
            parts.append(f"on {statement.topic}")
        if statement.drafted:
            parts.append(f"drafted as “{statement.drafted}”")
        return "; ".join(line(part) for part in parts if part)


def findings(report: Report) -> tuple[Finding, ...]:
    """Every statement that nobody rejected, with what the rules read out of its words."""
    found: list[Finding] = []
    number = 0
    for section in report.sections:
        for statement in section.kept:
            marks = tuple(Mark(number + place, box) for place, box in enumerate(statement.boxes, 1))
            number += len(marks)
            found.append(Finding(len(found) + 1, section, statement, marks, read(statement.text)))
    return tuple(found)


def marks(report: Report) -> tuple[Mark, ...]:
    """Every box of the report, in the order of the numbers."""
    return tuple(mark for finding in findings(report) for mark in finding.marks)


def decided(report: Report) -> tuple[Finding, ...]:
    """Those of the sections in which a person decides about each statement: the findings proper."""
    return tuple(each for each in findings(report) if each.section.decided)


def _reviewed(statement: Statement, section: Section) -> str:
    """Open is worth a word only where a decision is wanted."""
    if statement.review is Review.OPEN:
        return "not reviewed" if section.decided else ""
    return statement.review.value

"""The boxes of a report, numbered as its readers see them: on the picture, in its rows, in every file."""

from __future__ import annotations

from collections.abc import Mapping

from chat_app.records import Box, Report, Review

Place = tuple[str, int]


def numbers(report: Report) -> Mapping[Place, tuple[int, ...]]:
    """The numbers, from 1, of each statement's boxes, by section and place in it; rejected ones have none."""
    found: dict[Place, tuple[int, ...]] = {}
    next_number = 1
    for section in report.sections:
        for place, statement in enumerate(section.statements):
            count = 0 if statement.review is Review.REJECTED else len(statement.boxes)
            found[section.name, place] = tuple(range(next_number, next_number + count))
            next_number += count
    return found


def boxes(report: Report) -> tuple[Box, ...]:
    """Every box that has a number, in the order of the numbers."""
    return tuple(box for statement in report.statements for box in statement.boxes)

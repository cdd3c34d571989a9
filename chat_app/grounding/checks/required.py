"""A section that the template demands and that says nothing."""

from __future__ import annotations

from collections.abc import Iterator

from chat_app.grounding.reading import Circumstances, Reading
from chat_app.records import Remark, Section, Source

NAME = "required"
NOTHING = ("not provided.", "not provided", "none.", "")


def check(reading: Reading, about: Circumstances) -> Iterator[Remark]:
    """Looks for each of them; the program's own words in a section are none of a report's."""
    for name in about.required:
        section = reading.report.section(name)
        if section is None:
            yield Remark(NAME, f"The section {name!r} is missing.")
        elif not _says_anything(section):
            yield Remark(NAME, f"The section {section.title!r} says nothing.", section.name)


def _says_anything(section: Section) -> bool:
    return any(
        each.source is not Source.TEMPLATE and each.text.strip().lower() not in NOTHING
        for each in section.kept
    )

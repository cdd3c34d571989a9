"""A sentence that rests on nothing."""

from __future__ import annotations

from collections.abc import Iterator

from chat_app.grounding.reading import Circumstances, Reading
from chat_app.records import Remark, Review, Source

NAME = "unsupported"


def check(reading: Reading, about: Circumstances) -> Iterator[Remark]:
    """Looks at every section, decided or not."""
    for section in reading.report.sections:
        for number, statement in enumerate(section.statements):
            if statement.source is Source.UNSUPPORTED and statement.review is not Review.REJECTED:
                yield Remark(NAME, "This sentence rests on nothing.", section.name, number)

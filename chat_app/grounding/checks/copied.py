"""An impression that repeats a sentence of the findings word for word."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chat_app.grounding.reading import Circumstances, Reading, Said
from chat_app.records import Remark

NAME = "copied"
# Below this many words there may be only one way to say it: "No pleural effusion."
FEWEST = 4


def check(reading: Reading, about: Circumstances) -> Iterator[Remark]:
    """Compares sentences without their case and marks."""
    findings = {_plain(said) for said in reading.said if not said.is_impression}
    for said in reading.said:
        if said.is_impression and _plain(said) in findings and len(_plain(said)) >= FEWEST:
            words = "The impression repeats this sentence of the findings; it should say what it means."
            yield said.remark(NAME, words)


def _plain(said: Said) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+", said.statement.text.lower()))

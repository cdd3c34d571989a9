"""A finding that may have to be told to the treating physician at once.

It reads sentences and sorts no pictures: that it is silent means nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from chat_app.grounding.reading import Circumstances, Reading
from chat_app.records import Remark

NAME = "critical"


def check(reading: Reading, about: Circumstances) -> Iterator[Remark]:
    """Names each once, where it is first claimed, surely or not (see findings.toml for which and why)."""
    seen = set[str]()
    for stated in reading.stated:
        name = stated.claim.finding
        if stated.is_there and stated.finding.critical and name not in seen:
            seen.add(name)
            words = f"Possible critical finding, {name}: verify now."
            yield stated.said.remark(NAME, words, critical=True)

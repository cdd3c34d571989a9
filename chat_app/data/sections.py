"""A report as text, told apart by its headings: FINDINGS:, IMPRESSION: and others that radiologists write.

A heading is upper-case words that begin a line and end in a colon, as in the section_parser.py of MIMIC-CXR
(MIT-LCP), of whose several hundred spellings only the common ones are known here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

HEADING = re.compile(r"^[ \t]*([A-Z][A-Z /,&()-]{2,60}):[ \t]*", re.MULTILINE)
# By what a heading holds, in this order: "FINDINGS AND IMPRESSION" is an impression there too.
KNOWN = (
    ("impression", ("IMPRESSION", "CONCLUSION", "OPINION")),
    ("findings", ("FINDING", "REPORT", "DESCRIPTION")),
    ("comparison", ("COMPARISON", "PRIOR")),
    ("indication", ("INDICATION", "HISTORY", "REASON", "CLINICAL")),
    ("technique", ("TECHNIQUE", "EXAM", "PROCEDURE", "VIEW")),
    ("recommendation", ("RECOMMENDATION",)),
    ("notification", ("NOTIFICATION",)),
)
TITLES = ("FINAL REPORT", "WET READ")


def split(report: str) -> Mapping[str, str]:
    """The parts with words in them, by our name or the heading in lower case; {} where no heading is found.

    Parts under the same name are joined; what stands before the first heading is no part.
    """
    found = list(HEADING.finditer(report))
    ends = [*(match.start() for match in found[1:]), len(report)]
    parts: dict[str, list[str]] = {}
    for match, end in zip(found, ends, strict=False):
        words = " ".join(report[match.end() : end].split())
        if words:
            parts.setdefault(name(match[1]), []).append(words)
    return {heading: " ".join(texts) for heading, texts in parts.items()}


def name(heading: str) -> str:
    """Our word for a heading, or itself in lower case."""
    plain = " ".join(heading.upper().split())
    if plain in TITLES:
        return plain.lower()
    return next((ours for ours, words in KNOWN if any(word in plain for word in words)), plain.lower())

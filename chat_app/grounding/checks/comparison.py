"""A comparison with an earlier picture where none is loaded."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chat_app.grounding.reading import Circumstances, Reading, Said
from chat_app.records import Remark, Source

NAME = "comparison"
_PICTURE = (
    r"(?:films?|stud(?:y|ies)|exam\w*|ct|mri?|scans?|radiographs?|x-?rays?|images?|imaging|ultrasound|"
    r"mammogra\w+|reports?)"
)
_EARLIER = re.compile(
    rf"\b(?:(?:prior|previous|earlier|last|old(?:er)?|preceding) (?:[\w-]+ )?{_PICTURE}"
    r"|previously (?:seen|noted|described|reported|measured|\d)|was previously|than (?:before|previously)"
    r"|compar(?:ed|ison) (?:with|to)|in comparison|since (?:the )?(?:last|prior|previous)"
    r"|interval (?!follow|ultrasound|imaging|ct)\w+|unchanged|no longer|no (?:\w+ )?(?:interval )?change"
    r"|again (?:seen|noted|demonstrated|identified)|stable)\b"
)
_NOT_EARLIER = re.compile(
    r"\b(?:no|without) (?:prior|previous|earlier) (?:\w+ )?\w+|short[- ]interval"
    rf"|compar(?:ed|ison) (?:with|to) the (?:other|opposite|contralateral|left|right)|normal {_PICTURE}"
)


def check(reading: Reading, about: Circumstances) -> Iterator[Remark]:
    """Looks at what a model wrote; a person who writes it may know an earlier picture that is not here."""
    if about.has_prior:
        return
    for said in reading.said:
        if said.statement.source is not Source.TOLD and _compares(said):
            yield said.remark(NAME, "This compares with an earlier picture, but none is loaded.")


def _compares(said: Said) -> bool:
    text = _NOT_EARLIER.sub(" ", said.statement.text.lower())
    return any(claim.change for claim in said.claims) or bool(_EARLIER.search(text))

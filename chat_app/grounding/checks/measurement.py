"""A length that cannot have been measured here, or that cannot be true."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from chat_app.grounding.claims import lengths
from chat_app.grounding.reading import Circumstances, Reading, Said
from chat_app.grounding.vocabulary import known
from chat_app.records import Claim, Image, Remark, Source

NAME = "measurement"


def check(reading: Reading, about: Circumstances) -> Iterator[Remark]:
    """Compares lengths with the spacing of pixels (PS3.3 10.7.1.3), the picture's size and the vocabulary."""
    for said in reading.said:
        stated = [mm for each in lengths(said.statement.text) for mm in each.mm]
        if stated and said.statement.source is Source.SEEN:
            yield from _against_pictures(said, max(stated), about.behind(said.statement))
        for claim in said.claims:
            yield from _implausible(said, claim)


def _against_pictures(said: Said, longest: float, pictures: Sequence[Image]) -> Iterator[Remark]:
    if not pictures:
        return
    across = [_diagonal(image) for image in pictures]
    if not any(across):
        words = f"A length ({longest:g} mm) cannot be measured here: the file states no calibrated spacing."
        yield said.remark(NAME, words)
    elif all(across) and longest > max(across):
        yield said.remark(
            NAME, f"A length of {longest:g} mm is more than the picture shows ({max(across):.0f} mm)."
        )


def _diagonal(image: Image) -> float:
    """In mm; 0 where a millimetre of the picture is not one of the patient."""
    if image.plane.spacing_mm is None:
        return 0.0
    row, column = image.plane.spacing_mm
    return math.hypot(image.rows * row, image.columns * column)


def _implausible(said: Said, claim: Claim) -> Iterator[Remark]:
    finding = known().findings[claim.finding]
    if finding.size_mm is None:
        return
    low, high = finding.size_mm
    for mm in claim.sizes_mm:
        if not low <= mm <= high:
            words = f"A size of {mm:g} mm is not plausible for {claim.finding} ({low:g} to {high:g} mm)."
            yield said.remark(NAME, words)

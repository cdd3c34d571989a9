"""Words that belong to another kind of picture than the one that is reported."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chat_app.grounding.claims.clauses import clauses
from chat_app.grounding.reading import Circumstances, Reading, Said
from chat_app.records import Remark

NAME = "modality"
RADIOGRAPHS = frozenset({"CR", "DX", "RG", "RF", "XA", "PX", "IO"})


def _spoken_of(name: str) -> str:
    """A kind of picture that is spoken of as the one at hand, not one to be made or made before."""
    pointed = r"(?:this|the|on|of the present|of this|present) (?:\w+ ){0,2}?"
    here = rf"{pointed}(?:{name})\b(?! (?:is|was) (?:recomm|advis))"
    shows = r"(?:(?!may|might|could|can|will|would)\w+ )?(?:shows?|demonstrates?|reveals?|images?|sequences?)"
    return rf"\b(?:{here}|(?:{name}) {shows})"


# What is said, the modalities it can be said of, and how it is called.
WORDS = (
    (re.compile(_spoken_of("ct|computed tomograph\\w+")), frozenset({"CT"}), "CT"),
    (re.compile(_spoken_of("mri?|magnetic resonance")), frozenset({"MR"}), "MR"),
    (re.compile(_spoken_of("ultrasound|sonogra\\w+")), frozenset({"US", "IVUS"}), "ultrasound"),
    (re.compile(_spoken_of("radiographs?|x-?rays?|plain films?")), RADIOGRAPHS, "a radiograph"),
    (re.compile(_spoken_of("mammogra\\w+")), frozenset({"MG"}), "a mammogram"),
    (re.compile(r"\bhounsfield\b|\b\d+ hu\b"), frozenset({"CT"}), "CT"),
    (
        re.compile(
            r"\b(?:flair|t[12][- ]?(?:weighted|hyper|hypo|signal)\w*|diffusion[- ]weighted|dwi|adc map)\b"
        ),
        frozenset({"MR"}),
        "MR",
    ),
    (
        re.compile(r"\b(?:hypo|hyper|iso|an)-?echo(?:ic|genic)\b|\bacoustic (?:shadow|enhance)\w+"),
        frozenset({"US", "IVUS"}),
        "ultrasound",
    ),
    (re.compile(r"\b(?:suv(?:max)?|fdg)\b"), frozenset({"PT", "NM"}), "nuclear medicine"),
)


def check(reading: Reading, about: Circumstances) -> Iterator[Remark]:
    """Compares words with the modality that the files state, else with those the template is for."""
    shown = about.shown_modalities
    for said in reading.said if shown else ():
        for pattern, modalities, name in WORDS:
            if not shown & modalities and _is_said(said, pattern):
                stated = ", ".join(sorted(shown))
                yield said.remark(NAME, f"This speaks of {name}, but the picture is {stated}.")


def _is_said(said: Said, pattern: re.Pattern[str]) -> bool:
    """Advice and history may speak of any picture."""
    return any(
        not clause.is_silent(match.start())
        for clause in clauses(said.statement.text)
        for match in pattern.finditer(clause.text)
    )

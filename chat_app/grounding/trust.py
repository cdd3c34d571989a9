"""How far an answer may be trusted, by what can be computed: how sure its words came, how it fits another.

It knows neither the truth nor whether the model is calibrated: sure is not right.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

from chat_app.grounding.claims import read
from chat_app.grounding.statements import sentences
from chat_app.records import Claim, Presence

# A convention, not a measured limit: below it a word came with less than four chances in five.
SURE = math.log(0.8)
VERDICT = re.compile(r"\W*(yes|no)\b", re.IGNORECASE)


def is_unsure(logprobs: Sequence[float]) -> bool:
    """Whether the words came with little confidence: the first one, or all of them in the mean.

    logprobs: natural, one a token. A model that gives none is never called sure.
    """
    if not logprobs:
        return True
    return min(logprobs[0], sum(logprobs) / len(logprobs)) < SURE


def differences(one: str, other: str) -> tuple[str, ...]:
    """What two answers to the same question say otherwise, a phrase each; empty where they agree.

    Compared are a yes or no they begin with, and of each finding that both name its presence, side and size.
    """
    verdicts = [match.group(1).lower() for match in map(VERDICT.match, (one, other)) if match]
    said = ["yes or no"] if len(set(verdicts)) == 2 else []
    ours, theirs = _claims(one), _claims(other)
    said += [each for name in ours if name in theirs for each in _apart(ours[name], theirs[name])]
    return tuple(dict.fromkeys(said))


def _claims(text: str) -> dict[str, Claim]:
    """Of each finding what is claimed first."""
    found: dict[str, Claim] = {}
    for sentence in sentences(text):
        for claim in read(sentence):
            found.setdefault(claim.finding, claim)
    return found


def _apart(one: Claim, other: Claim) -> Iterator[str]:
    if {one.presence, other.presence} == {Presence.PRESENT, Presence.ABSENT}:
        yield f"whether there is {one.finding}"
    if one.side and other.side and one.side != other.side:
        yield f"the side of {one.finding}"
    if one.sizes_mm and other.sizes_mm and one.sizes_mm != other.sizes_mm:
        yield f"the size of {one.finding}"

"""A finding that is claimed in one sentence and denied in another."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chat_app.grounding.reading import Circumstances, Reading, Stated
from chat_app.grounding.vocabulary import ABNORMALITY, known
from chat_app.records import Remark

NAME = "contradiction"
# A denial of the large, the displaced or the suspicious leaves room for the others.
_LIMITED = re.compile(
    r"\b(?:no|without|nor|or)\b[^,;]*\b(?:large|sizeable|significant|displaced|suspicious|calcified|solid|tension)\b"
)
_ACUTE = re.compile(r"\b(?:acute|active|significant)\b")
# What is in the body by intent, and what age brings, is nothing abnormal.
EXPECTED = (
    "endotracheal tube",
    "feeding tube",
    "central line",
    "chest tube",
    "pacemaker",
    "surgical hardware",
    "red cells",
    "white cells",
    "platelets",
)


def check(reading: Reading, about: Circumstances) -> Iterator[Remark]:
    """Compares every denial with every claim; the later of the two sentences gets the remark."""
    there = [each for each in reading.stated if each.is_there]
    denied = [each for each in reading.stated if not each.is_there]
    for denial in denied:
        for claim in there:
            if claim.said is not denial.said and _denies(denial, claim):
                later = max(claim.said, denial.said, key=reading.said.index)
                yield later.remark(NAME, _words(denial, claim))


def _words(denial: Stated, claim: Stated) -> str:
    finding, what = claim.claim.finding, denial.claim.finding
    if what == ABNORMALITY:
        where = f" of the {denial.claim.anatomy}" if denial.claim.anatomy else ""
        return f"One sentence denies any abnormality{where}, another reports {finding}."
    also = "" if what == finding else f", as {what},"
    return f"One sentence reports {finding}, another denies it{also} at the same place."


def _denies(denial: Stated, claim: Stated) -> bool:
    if denial.claim.finding == ABNORMALITY:
        return _is_anything(denial, claim)
    if denial.claim.finding not in (claim.claim.finding, claim.finding.kind):
        return False
    return not _is_limited(denial, claim) and _is_there_too(denial, claim)


def _is_anything(denial: Stated, claim: Stated) -> bool:
    """Whether a denial of anything abnormal, there or at all, denies this."""
    if claim.claim.finding in (*EXPECTED, ABNORMALITY):
        return False
    if _ACUTE.search(denial.said.statement.text.lower()) and not claim.finding.acute:
        return False
    return _is_there_too(denial, claim)


def _is_limited(denial: Stated, claim: Stated) -> bool:
    text = denial.said.statement.text.lower()
    if _ACUTE.search(text) and not claim.finding.critical:
        return not _ACUTE.search(claim.said.statement.text.lower())
    return bool(_LIMITED.search(text))


def _is_there_too(denial: Stated, claim: Stated) -> bool:
    """Whether the denial is about the place and the side of the claim."""
    side, place = denial.claim.side, denial.claim.anatomy
    usual = (denial.finding.anatomy, denial.finding.of)
    around = tuple(known().around(claim.claim.anatomy))
    is_place = place in ("", *usual) or place in around
    return is_place and (side in ("", "both") or side == claim.claim.side)

"""An impression that says what the findings do not, or leaves out what may be critical."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chat_app.grounding.reading import Circumstances, Reading, Stated
from chat_app.grounding.vocabulary import ABNORMALITY
from chat_app.records import Presence, Remark

NAME = "impression"
# What these are read from, where the findings name only the signs.
SIGNS = {
    "pulmonary oedema": (
        "cardiomegaly",
        "pleural effusion",
        "vascular congestion",
        "interstitial thickening",
    ),
    "emphysema": ("hyperinflation",),
    "infarct": ("lesion", "restricted diffusion", "large vessel occlusion", "mass effect"),
    "hydrocephalus": ("ventriculomegaly",),
    "white matter change": ("infarct", "lesion"),
    "leukocytosis": ("white cells",),
    "metastasis": ("lymphadenopathy", "bone lesion"),
    "malposition": ("endotracheal tube", "feeding tube", "central line"),
}


def check(reading: Reading, about: Circumstances) -> Iterator[Remark]:
    """Compares what the impression claims for sure with the findings; denials are not looked at."""
    findings = [each for each in reading.stated if not each.said.is_impression]
    impression = [each for each in reading.stated if each.said.is_impression]
    if any(not said.is_impression for said in reading.said):
        for stated in impression:
            if stated.claim.presence is Presence.PRESENT and not _is_founded(stated, findings):
                words = f"The impression reports {stated.claim.finding}, which the findings do not mention."
                yield stated.said.remark(NAME, words)
    if any(said.is_impression for said in reading.said):
        yield from _left_out(findings, impression)


def _is_founded(stated: Stated, findings: Sequence[Stated]) -> bool:
    if stated.claim.finding == ABNORMALITY:
        return True
    signs = SIGNS.get(stated.claim.finding, ())
    return any(
        each.claim.finding in signs or each.finding.family & stated.finding.family for each in findings
    )


def _left_out(findings: Sequence[Stated], impression: Sequence[Stated]) -> Iterator[Remark]:
    named = {name for each in impression for name in (each.claim.finding, each.finding.kind)}
    for each in findings:
        is_named = {each.claim.finding, each.finding.kind} & (named - {""})
        if each.finding.critical and each.claim.presence is Presence.PRESENT and not is_named:
            words = f"The findings report {each.claim.finding}, which the impression does not mention."
            yield each.said.remark(NAME, words)

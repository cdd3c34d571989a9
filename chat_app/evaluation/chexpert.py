"""Which of CheXpert's 14 observations a report claims, by rules: words, negation, uncertainty.

The names are those of CheXpert (Irvin 2019). It is not its labeler, nor CheXbert, and agrees with neither row
by row: figures made with it are compared only with figures made with it. An uncertain finding counts as
claimed, as in F1-CheXbert. It knows keywords within a clause and no grammar beyond that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

VERSION = "lightbox-14 1"

NO_FINDING = "No Finding"
DEVICES = "Support Devices"

# A quality that the words before or after it may give to a structure.
_LARGE = r"(?:enlarge\w*|widen\w*|prominen\w*|increase[ds]?|dilat\w*)"

FINDINGS: Mapping[str, str] = {
    "Enlarged Cardiomediastinum": rf"(?:cardio)?mediastin\w+ (?:\w+ ){{0,4}}{_LARGE}"
    rf"|{_LARGE} (?:\w+ ){{0,2}}(?:cardio)?mediastin\w+|mediastinal widening",
    "Cardiomegaly": rf"cardiomegaly|(?:heart|cardiac)(?! failure) (?:\w+ ){{0,5}}{_LARGE}"
    rf"|{_LARGE} (?:\w+ ){{0,2}}(?:heart|cardiac)(?! failure)",
    "Lung Opacity": r"opaci\w+|infiltrat\w+|interstitial (?:marking|pattern|thickening)s?|air-?space disease"
    r"|consolidat\w+|pneumonias?|edema|atelecta\w+|nodul\w+|mass(?:es)?",
    "Lung Lesion": r"nodul\w+|mass(?:es)?|(?:lung|pulmonary) lesions?|tumou?rs?|metasta\w+|cavit\w+ lesions?",
    "Edema": r"edema|vascular congestion|fluid overload|(?:congestive )?heart failure|chf",
    "Consolidation": r"consolidat\w+",
    "Pneumonia": r"pneumonias?|bronchopneumonias?|infecti\w+",
    "Atelectasis": r"atelecta\w+|(?:lung|lobar|volume) (?:collapse|loss)|collapsed lung",
    "Pneumothorax": r"(?:hydro)?pneumothora\w+",
    "Pleural Effusion": r"effusions?|pleural fluid"
    r"|blunt\w+ (?:\w+ ){0,3}costophrenic|costophrenic \w+ (?:\w+ ){0,2}blunt\w+",
    "Pleural Other": r"pleural (?:thickening|plaques?|calcification|scarring)|fibrothorax",
    "Fracture": r"fractur\w+",
    DEVICES: r"(?:endotracheal|nasogastric|enteric|ng|et|feeding|chest|tracheostomy) tubes?|picc"
    r"|(?:central (?:venous )?|subclavian |jugular |venous )(?:catheter|line)s?|catheters?|pacemakers?|icd"
    r"|(?:pacer|pacing) (?:leads?|wires?)|sternotomy wires?|prosthe\w+ valves?|stents?|hardware|port-a-cath",
}
LABELS = (NO_FINDING, *FINDINGS)

# What looks like a denial and says nothing of whether a thing is there.
_UNCHANGED = re.compile(
    r"\b(?:no|without) (?:\w+ ){0,3}?(?:changes?|increases?|decreases?|improvement|worsening)"
    r"(?: (?:in|of))?\b|\bnot? (?:only|significantly changed|changed)\b"
)
_PERICARDIAL = re.compile(r"\bpericardial effusions?\b")
_UNSURE = re.compile(
    r"\b(?:possibl[ey]|probabl[ey]|likely|may|might|could|suspect\w*|suspicious|concern\w*|suggest\w*"
    r"|question\w*|equivocal|versus|vs|cannot (?:be )?(?:\w+ )?exclude\w*|not (?:be )?(?:\w+ )?excluded"
    r"|not (?:be )?ruled out|difficult to exclude)\b"
)
_DENIED = re.compile(
    r"\b(?:no|not|without|absen[ct]e? of|negative for|free of|neither|nor|denies|ruled? out|exclud\w+"
    r"|resolved|resolution of|clear of|removal of|removed)\b"
)
_DENIED_AFTER = re.compile(
    r"^(?:(?!\bor\b)[^,])*?\b(?:(?:is|are|was|were|has|have|been) (?:\w+ ){0,2}?)?"
    r"(?:absent|resolved|cleared|excluded|ruled out|removed"
    r"|not (?:\w+ )?(?:seen|identified|present|visualized|evident|demonstrated|appreciated))\b"
)
_SENTENCE = re.compile(r"[.;:!?]+(?=\s|$)|\n+")
_CLAUSE = re.compile(
    r",?\s+\b(?:but|however|although|though|except|aside from|apart from|while|whereas)\b"
    r"|,?\s+and (?=(?:there|a|an|the|mild|moderate|severe|small|large|new|stable|unchanged|left|right"
    r"|bilateral|heart)\b)"
)


class Claim(StrEnum):
    """What a report says of an observation."""

    PRESENT = "present"
    UNCERTAIN = "uncertain"
    ABSENT = "absent"


_RANK = (Claim.PRESENT, Claim.UNCERTAIN, Claim.ABSENT)
_PATTERNS = {label: re.compile(rf"\b(?:{words})\b") for label, words in FINDINGS.items()}


def claims(report: str) -> dict[str, Claim]:
    """What the report says of each observation that it names; the strongest claim where there are several.

    No Finding is present when nothing else but devices is claimed.
    """
    found: dict[str, Claim] = {}
    for clause in _clauses(report):
        for label, pattern in _PATTERNS.items():
            for match in pattern.finditer(clause):
                claim = _claim(clause, match)
                found[label] = min(claim, found.get(label, claim), key=_RANK.index)
    if report.strip() and not claimed_of(found) - {DEVICES}:
        found[NO_FINDING] = Claim.PRESENT
    return found


def claimed(report: str) -> set[str]:
    """The observations that the report claims, surely or not."""
    return claimed_of(claims(report))


def claimed_of(found: Mapping[str, Claim]) -> set[str]:
    """Those of them that are present or uncertain."""
    return {label for label, claim in found.items() if claim is not Claim.ABSENT}


def merits(reply: str, truth: str) -> tuple[tuple[float, float], ...]:
    """For each of LABELS twice the hit, of the claims in both: what F1 is made of."""
    said, wanted = claimed(reply), claimed(truth)
    return tuple(
        (2.0 * (label in said and label in wanted), float((label in said) + (label in wanted)))
        for label in LABELS
    )


def _clauses(report: str) -> list[str]:
    plain = " ".join(report.lower().replace("oedema", "edema").split(" "))
    sentences = [_UNCHANGED.sub(" ", _PERICARDIAL.sub(" ", each)) for each in _SENTENCE.split(plain)]
    return [clause for sentence in sentences for clause in _CLAUSE.split(sentence) if clause]


def _claim(clause: str, match: re.Match[str]) -> Claim:
    # The match too: "the heart is not enlarged" has its denial within.
    before, after = clause[: match.end()], clause[match.end() :]
    if _UNSURE.search(before) or _UNSURE.search(after):
        # "no evidence of pneumonia to suggest ..." denies all the same.
        return Claim.ABSENT if re.search(r"\b(?:no|without)\b", before) else Claim.UNCERTAIN
    if _DENIED.search(before) or _DENIED_AFTER.search(after):
        return Claim.ABSENT
    return Claim.PRESENT

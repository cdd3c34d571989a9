"""The technique of a report in words, from what the files state; a model is never asked.

It reads codes only: a value that is not one of DICOM's is not repeated.
"""

from __future__ import annotations

from collections.abc import Sequence

from chat_app.grounding.statements import fixed, from_file, listed
from chat_app.records import Image, Statement

NOT_PROVIDED = "Not provided."

# PS3.3 C.7.3.1.1.1, the defined terms for Modality, in words that "of the chest" can follow.
MODALITIES = {
    "BMD": "bone densitometry",
    "CR": "computed radiography",
    "CT": "computed tomography",
    "DG": "diaphanography",
    "DX": "digital radiography",
    "ES": "endoscopy",
    "GM": "general microscopy",
    "IO": "intra-oral radiography",
    "IVOCT": "intravascular optical coherence tomography",
    "IVUS": "intravascular ultrasound",
    "MG": "mammography",
    "MR": "magnetic resonance imaging",
    "NM": "nuclear medicine imaging",
    "OCT": "optical coherence tomography",
    "OP": "ophthalmic photography",
    "OPT": "ophthalmic tomography",
    "PT": "positron emission tomography",
    "PX": "panoramic radiography",
    "RF": "radiofluoroscopy",
    "RG": "conventional film radiography",
    "SM": "slide microscopy",
    "TG": "thermography",
    "US": "ultrasound",
    "XA": "X-ray angiography",
    "XC": "external-camera photography",
}

# PS3.16 Annex L: the terms of Body Part Examined that do not read as a word when written small.
BODY_PARTS = {
    "ABDOMENPELVIS": "abdomen and pelvis",
    "CHESTABDOMEN": "chest and abdomen",
    "CHESTABDPELVIS": "chest, abdomen and pelvis",
    "CORONARYARTERY": "coronary arteries",
    "CSPINE": "cervical spine",
    "CTSPINE": "cervicothoracic spine",
    "HEADNECK": "head and neck",
    "IAC": "internal auditory canal",
    "LLEG": "lower leg",
    "LOWLEG": "lower leg",
    "LSPINE": "lumbar spine",
    "LSSPINE": "lumbosacral spine",
    "NECKCHEST": "neck and chest",
    "NECKCHESTABDOMEN": "neck, chest and abdomen",
    "NECKCHESTABDPELV": "neck, chest, abdomen and pelvis",
    "RADIUSULNA": "radius and ulna",
    "SIJOINT": "sacroiliac joint",
    "SSPINE": "sacral spine",
    "TIBIAFIBULA": "tibia and fibula",
    "TLSPINE": "thoracolumbar spine",
    "TMJ": "temporomandibular joint",
    "TSPINE": "thoracic spine",
    "UPPERARM": "upper arm",
    "WHOLEBODY": "whole body",
}

# PS3.3 C.8.1.1 and C.8.11.5: View Position where the code is not said as it is ("AP", "PA", "MLO").
VIEWS = {"LL": "left lateral", "RL": "right lateral", "LAT": "lateral", "LATERAL": "lateral"}
SIDES = {"L": "left", "R": "right", "B": "both sides"}


def technique(images: Sequence[Image]) -> Statement:
    """How the pictures were made as far as their files say, else "Not provided.".

    Pictures of which the same is said are named together; one whose file says nothing is named as such.
    """
    named: dict[str, list[str]] = {}
    for image in images:
        named.setdefault(describe(image), []).append(image.name)
    told = [name for text, names in named.items() if text for name in names]
    if not told:
        return fixed(NOT_PROVIDED)[0]
    if len(named) == 1:
        return from_file(f"{_capital(next(iter(named)))}.", told)[0]
    parts = [f"{listed(names)}: {text or 'not provided'}" for text, names in named.items()]
    return from_file(f"{_capital('; '.join(parts))}.", told)[0]


def describe(image: Image) -> str:
    """One picture in words: "computed radiography of the chest, AP view"; "" when its file states nothing."""
    what = MODALITIES.get(image.modality, "")
    part = BODY_PARTS.get(image.body_part, image.body_part.lower() if image.body_part.isalpha() else "")
    if part:
        what = f"{what or 'image'} of the {part}"
    return ", ".join([what, *_details(image)]) if what else ""


def _details(image: Image) -> list[str]:
    facts = image.facts
    view = facts.get("ViewPosition", "")
    side = SIDES.get(facts.get("ImageLaterality") or facts.get("Laterality", ""), "")
    thickness = facts.get("SliceThickness", "")
    field = facts.get("MagneticFieldStrength", "")
    found = [
        f"{VIEWS.get(view, view)} view" if view else "",
        side,
        f"{field} T" if field else "",
        f"{thickness} mm slices" if thickness else "",
        "with contrast agent" if facts.get("ContrastBolusAgent") else "",
    ]
    return [detail for detail in found if detail]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

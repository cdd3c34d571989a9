"""ACR TI-RADS 2017: a thyroid nodule by its points, TR1 to TR5, and by its size sampled, followed or left."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from chat_app.records import Category
from chat_app.reports.fields import Filled, Verdict
from chat_app.templates import Field

SYSTEM, VERSION = "ACR TI-RADS", "2017"
SOURCE = (
    "Tessler FN, Middleton WD, Grant EG, et al. ACR Thyroid Imaging, Reporting and Data System (TI-RADS): "
    "white paper of the ACR TI-RADS Committee. J Am Coll Radiol 2017;14:587-595, Figure 1"
)

SPONGIFORM = "spongiform"
# What cannot be determined has the points that the figure's notes give it.
POINTS = {
    "composition": {
        "cystic or almost completely cystic": 0,
        SPONGIFORM: 0,
        "mixed cystic and solid": 1,
        "solid or almost completely solid": 2,
        "cannot be determined": 2,
    },
    "echogenicity": {
        "anechoic": 0,
        "hyperechoic or isoechoic": 1,
        "hypoechoic": 2,
        "very hypoechoic": 3,
        "cannot be determined": 1,
    },
    "shape": {"wider than tall": 0, "taller than wide": 3},
    "margin": {
        "smooth": 0,
        "ill-defined": 0,
        "lobulated or irregular": 2,
        "extrathyroidal extension": 3,
        "cannot be determined": 0,
    },
}
# Several of these may be there, and all count; none of them, or large comet-tail artefacts only, is no point.
FOCI = {"macrocalcifications": 1, "rim_calcifications": 2, "punctate_foci": 3}

FIELDS = (
    Field("composition", "Composition", "choice", choices=tuple(POINTS["composition"]), required=True),
    Field("echogenicity", "Echogenicity", "choice", choices=tuple(POINTS["echogenicity"]), required=True),
    Field("shape", "Shape", "choice", choices=tuple(POINTS["shape"]), required=True),
    Field("margin", "Margin", "choice", choices=tuple(POINTS["margin"]), required=True),
    Field("macrocalcifications", "Macrocalcifications", "flag", required=True),
    Field("rim_calcifications", "Peripheral (rim) calcifications", "flag", required=True),
    Field("punctate_foci", "Punctate echogenic foci", "flag", required=True),
    Field("largest_diameter_mm", "Largest diameter", "number", unit="mm", required=True),
)

# From which diameter (mm) a level is sampled, from which it is followed, and when.
THRESHOLDS = {
    "TR3": (25, 15, "1, 3 and 5 years"),
    "TR4": (15, 10, "1, 2, 3 and 5 years"),
    "TR5": (10, 5, "every year for 5 years"),
}
NEITHER = "Neither sampling nor follow-up."


def assess(fields: Mapping[str, str]) -> Category:
    """The level of one nodule; without its largest diameter the level stands, and the advice is missing.

    Raises:
        InputError: a field holds no number or none of its choices.
    """
    filled = Filled(FIELDS, fields)
    return _verdict(filled).category(SYSTEM, VERSION, SOURCE, filled)


def _verdict(filled: Filled) -> Verdict:
    # Of a spongiform nodule no other feature counts. Some say the same of cystic ones; the figure does not.
    if filled.choice("composition") == SPONGIFORM:
        return Verdict("TR1", NEITHER)
    if missing := filled.lacking(*POINTS, *FOCI):
        return Verdict(missing=missing)
    points = sum(table[filled.choice(name)] for name, table in POINTS.items())
    points += sum(count for name, count in FOCI.items() if filled.flag(name))
    if points == 1:
        # A cyst that is not anechoic, say. Some calculators call it TR1; the figure has no level for it.
        return Verdict(because="1 point is no level: look again at composition and echogenicity")
    level = _level(points)
    if level not in THRESHOLDS:
        return Verdict(level, NEITHER)
    if missing := filled.lacking("largest_diameter_mm"):
        return Verdict(level, missing=missing)
    return Verdict(level, _advice(level, filled.number("largest_diameter_mm")))


def _level(points: int) -> str:
    if points <= 3:
        return {0: "TR1", 2: "TR2", 3: "TR3"}[points]
    return "TR4" if points <= 6 else "TR5"


def _advice(level: str, size: Decimal) -> str:
    sampled, followed, when = THRESHOLDS[level]
    if size >= sampled:
        return f"Fine-needle aspiration, as it measures {sampled} mm or more."
    if size >= followed:
        return f"Follow-up by ultrasound: {when}."
    return NEITHER

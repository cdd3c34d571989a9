"""BI-RADS: the assessment that a person chose, passed on with its version and never worked out."""

from __future__ import annotations

from collections.abc import Mapping

from chat_app.records import Category
from chat_app.reports.fields import Filled, Verdict
from chat_app.templates import Field

SYSTEM, VERSION = "BI-RADS", "v2025"
SOURCE = "American College of Radiology. ACR BI-RADS v2025 Manual. Reston, VA, 2025"

ADVICE = {
    "0": "Incomplete: further imaging, or comparison with earlier examinations.",
    "1": "Negative: routine screening.",
    "2": "Benign: routine screening.",
    "3": "Probably benign: short-interval follow-up.",
    "4A": "Low suspicion: tissue diagnosis.",
    "4B": "Moderate suspicion: tissue diagnosis.",
    "4C": "High suspicion: tissue diagnosis.",
    "5": "Highly suggestive of cancer: tissue diagnosis.",
    "6": "Cancer proven by biopsy: treatment.",
}

FIELDS = (
    Field(
        "breast_modality",
        "Examination of the breast",
        "choice",
        choices=("mammography", "ultrasound", "MRI"),
        required=True,
    ),
    Field("birads_assessment", "Your BI-RADS assessment", "choice", choices=tuple(ADVICE), required=True),
    Field("breast_density", "Breast density", "choice", choices=("a", "b", "c", "d")),
)


def assess(fields: Mapping[str, str]) -> Category:
    """A person's assessment as it is; of a mammogram only together with the breast density.

    Summaries of the 2025 edition want a section on density in every modality; here only mammography has to
    give its letter.

    Raises:
        InputError: a field holds none of its choices.
    """
    filled = Filled(FIELDS, fields)
    return _verdict(filled).category(SYSTEM, VERSION, SOURCE, filled)


def _verdict(filled: Filled) -> Verdict:
    density = ("breast_density",) if filled.choice("breast_modality") in ("", "mammography") else ()
    if missing := filled.lacking("breast_modality", "birads_assessment", *density):
        return Verdict(missing=missing)
    if density:
        filled.choice("breast_density")
    value = filled.choice("birads_assessment")
    return Verdict(value, ADVICE[value])

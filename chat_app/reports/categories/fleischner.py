"""Fleischner Society 2017: when to look again at a lung nodule found by chance; an interval and no number."""

from __future__ import annotations

from collections.abc import Mapping

from chat_app.records import Category
from chat_app.reports import nodules
from chat_app.reports.fields import Filled, Verdict
from chat_app.templates import Field

SYSTEM, VERSION = "Fleischner", "2017"
SOURCE = (
    "MacMahon H, Naidich DP, Goo JM, et al. Guidelines for management of incidental pulmonary nodules "
    "detected on CT images: from the Fleischner Society 2017. Radiology 2017;284:228-243, Table 1"
)

FIELDS = (
    nodules.SCREENING,
    Field("age_years", "Age in years", "number", unit="a", required=True),
    Field("known_cancer", "Known primary cancer", "flag", required=True),
    Field("immunosuppressed", "Immunosuppressed", "flag", required=True),
    nodules.TYPE,
    Field("nodules", "Number of nodules", "choice", choices=("single", "multiple"), required=True),
    nodules.DIAMETER,
    nodules.SOLID,
    Field("risk", "Risk of lung cancer", "choice", choices=("low", "high"), required=True),
)

YOUNGEST = 35
COVERED = ("solid", "part-solid", "non-solid")

NONE = "no routine follow-up"
OPTIONAL = "optional CT at 12 months"
THEN = {"low": "then consider CT at 18 to 24 months", "high": "then CT at 18 to 24 months"}

# Solid nodules by number, size in whole millimetres and risk.
SOLID = {
    ("single", "< 6"): {"low": NONE, "high": OPTIONAL},
    ("multiple", "< 6"): {"low": NONE, "high": OPTIONAL},
    ("single", "6-8"): {risk: f"CT at 6 to 12 months, {then}" for risk, then in THEN.items()},
    ("multiple", "6-8"): {risk: f"CT at 3 to 6 months, {then}" for risk, then in THEN.items()},
    ("single", "> 8"): dict.fromkeys(THEN, "consider CT at 3 months, PET/CT or tissue sampling"),
    ("multiple", "> 8"): {risk: f"CT at 3 to 6 months, {then}" for risk, then in THEN.items()},
}

GROUND_GLASS = "CT at 6 to 12 months to confirm that it persists, then every 2 years until 5 years"
PART_SOLID = (
    "CT at 3 to 6 months to confirm that it persists; if unchanged with a solid part below 6 mm, "
    "yearly CT for 5 years"
)
SMALL_ONES = "CT at 3 to 6 months; if stable, consider CT at 2 and 4 years"
LARGER_ONES = "CT at 3 to 6 months, then by the most suspicious nodule"

SUSPICIOUS = "A part-solid nodule that persists with a solid part of 6 mm or more is highly suspicious."
MOST_SUSPICIOUS = "The most suspicious nodule guides what is done; it need not be the largest."


def assess(fields: Mapping[str, str]) -> Category:
    """The interval for a nodule found by chance, in adults of 35 or more without cancer or immunosuppression.

    Raises:
        InputError: a field holds no number or none of its choices, or diameters contradict each other.
    """
    filled = Filled(FIELDS, fields)
    return _verdict(filled).category(SYSTEM, VERSION, SOURCE, filled)


def _verdict(filled: Filled) -> Verdict:
    if because := _refusal(filled):
        return Verdict(because=because)
    wanted = ("screening", "age_years", "known_cancer", "immunosuppressed", "nodule_type")
    if missing := filled.lacking(*wanted):
        return Verdict(missing=missing)
    kind = filled.choice("nodule_type")
    if kind not in COVERED:
        return Verdict(because=f"it has no interval for {kind!r}")
    risk = ("risk",) if kind == "solid" else ()
    if missing := filled.lacking("nodules", "mean_diameter_mm", *risk):
        return Verdict(missing=missing)
    return _solid(filled) if kind == "solid" else _subsolid(filled, kind)


def _refusal(filled: Filled) -> str:
    """Whom the guideline leaves out; one reason is enough, whatever else is not known."""
    if filled.flag("screening"):
        return "it is not for lung cancer screening"
    if filled.has("age_years") and filled.number("age_years") < YOUNGEST:
        return f"it is not for patients under {YOUNGEST} years"
    if filled.flag("known_cancer"):
        return "it is not for patients with a known cancer"
    if filled.flag("immunosuppressed"):
        return "it is not for immunosuppressed patients"
    return ""


def _solid(filled: Filled) -> Verdict:
    size, number = _size(filled), filled.choice("nodules")
    band = "< 6" if size < 6 else "6-8" if size <= 8 else "> 8"
    return Verdict(SOLID[number, band][filled.choice("risk")], _advice(number))


def _subsolid(filled: Filled, kind: str) -> Verdict:
    """Ground glass and part-solid nodules, whatever the risk."""
    size, number = _size(filled), filled.choice("nodules")
    suspicious = SUSPICIOUS if kind == "part-solid" and size >= 6 and _solid_part(filled) >= 6 else ""
    advice = " ".join(filter(None, (_advice(number), suspicious)))
    if number == "multiple":
        return Verdict(SMALL_ONES if size < 6 else LARGER_ONES, advice)
    if size < 6:
        return Verdict(NONE, advice)
    return Verdict(GROUND_GLASS if kind == "non-solid" else PART_SOLID, advice)


def _advice(number: str) -> str:
    return MOST_SUSPICIOUS if number == "multiple" else ""


def _size(filled: Filled) -> int:
    """The mean diameter in whole millimetres, as the table rounds it: 5.5 mm is 6 mm, 8.4 mm is 8 mm."""
    return int(filled.number("mean_diameter_mm", "1"))


def _solid_part(filled: Filled) -> int:
    """The solid part in whole millimetres; 0 where nobody measured it."""
    nodules.check_parts(filled)
    return int(filled.number("solid_mean_diameter_mm", "1"))

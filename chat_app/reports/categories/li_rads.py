"""LI-RADS CT/MRI v2018: an untreated liver observation, from LR-1 to LR-5, LR-M, LR-TIV or LR-NC.

Only for patients at risk: in anyone else the same features mean something else, and no category is given.
Treated observations have an algorithm of their own, which is not here.
"""

from __future__ import annotations

from collections.abc import Mapping

from chat_app.records import Category
from chat_app.reports.fields import Filled, Verdict
from chat_app.templates import Field

SYSTEM, VERSION = "LI-RADS CT/MRI", "v2018"
SOURCE = (
    "Chernyak V, Do RKG, Kamaya A, et al. Liver Imaging Reporting and Data System (LI-RADS) version 2018: "
    "imaging of hepatocellular carcinoma in at-risk patients. Radiology 2018;289:816-830; ACR CT/MRI LI-RADS "
    "v2018 core"
)

AT_RISK = ("cirrhosis", "chronic hepatitis B", "current or prior hepatocellular carcinoma")
ADULT = 18

FIELDS = (
    Field(
        "liver_risk", "Risk of hepatocellular carcinoma", "choice", choices=(*AT_RISK, "none"), required=True
    ),
    Field("age_years", "Age in years", "number", unit="a", required=True),
    Field("vascular_or_congenital", "Cirrhosis from congenital fibrosis or a vascular disorder", "flag"),
    Field("treated", "The observation was treated", "flag"),
    Field("not_categorizable", "Images omitted or degraded so that it cannot be categorised", "flag"),
    Field("tumour_in_vein", "Tumour in vein", "flag"),
    Field("benign", "Benign", "choice", choices=("definitely", "probably", "no"), required=True),
    Field("targetoid", "Targetoid mass", "flag"),
    Field("other_malignancy", "Other features of a cancer that is not hepatocellular", "flag"),
    Field("size_mm", "Largest diameter", "number", unit="mm", required=True),
    Field("aphe", "Arterial enhancement that is not rim-like", "flag", required=True),
    Field("washout", "Washout that is not peripheral", "flag", required=True),
    Field("capsule", "Enhancing capsule", "flag", required=True),
    Field("threshold_growth", "Growth by half or more within 6 months", "flag", required=True),
    Field(
        "ancillary",
        "Ancillary features",
        "choice",
        choices=("none", "for malignancy", "for benignity", "both"),
    ),
)

MAJOR = ("aphe", "washout", "capsule", "threshold_growth")
ORDER = ("LR-1", "LR-2", "LR-3", "LR-4", "LR-5")

SURVEILLANCE = "Return to surveillance in 6 months."
DISCUSSION = "Multidisciplinary discussion; tissue sampling may be part of the work-up."
ADVICE = {
    "LR-NC": "Repeat or alternative diagnostic imaging within 3 months.",
    "LR-1": SURVEILLANCE,
    "LR-2": "Return to surveillance in 6 months; earlier imaging may be considered.",
    "LR-3": "Repeat or alternative diagnostic imaging in 3 to 6 months.",
    "LR-4": DISCUSSION,
    "LR-5": "Hepatocellular carcinoma by imaging; multidisciplinary discussion of treatment.",
    "LR-M": DISCUSSION,
    "LR-TIV": DISCUSSION,
}


def assess(fields: Mapping[str, str]) -> Category:
    """The category of one observation; the steps are taken in the order of the core document.

    Raises:
        InputError: a field holds no number or none of its choices.
    """
    filled = Filled(FIELDS, fields)
    return _verdict(filled).category(SYSTEM, VERSION, SOURCE, filled)


def _verdict(filled: Filled) -> Verdict:
    if because := _refusal(filled):
        return Verdict(because=because)
    if missing := filled.lacking("liver_risk", "age_years"):
        return Verdict(missing=missing)
    found = _observation(filled)
    return Verdict(found.value, ADVICE.get(found.value, ""), found.missing)


def _refusal(filled: Filled) -> str:
    if filled.choice("liver_risk") == "none":
        return "it is only for patients at risk of hepatocellular carcinoma"
    if filled.has("age_years") and filled.number("age_years") < ADULT:
        return f"it is not for patients under {ADULT} years"
    if filled.flag("vascular_or_congenital"):
        return "it is not for cirrhosis from congenital fibrosis or a vascular disorder"
    if filled.flag("treated"):
        return "a treated observation has an algorithm of its own"
    return ""


def _observation(filled: Filled) -> Verdict:
    if filled.flag("not_categorizable"):
        return Verdict("LR-NC")
    if filled.flag("tumour_in_vein"):
        return Verdict("LR-TIV")
    if missing := filled.lacking("benign"):
        return Verdict(missing=missing)
    benign = {"definitely": "LR-1", "probably": "LR-2"}.get(filled.choice("benign"), "")
    if benign:
        return Verdict(_adjusted(benign, filled))
    if filled.flag("targetoid"):
        return Verdict("LR-M")
    if missing := filled.lacking("size_mm", *MAJOR):
        return Verdict(missing=missing)
    by_table = _by_table(filled)
    if filled.flag("other_malignancy") and by_table != "LR-5":
        return Verdict("LR-M")
    return Verdict(_adjusted(by_table, filled))


def _by_table(filled: Filled) -> str:
    """The diagnostic table: enhancement by size, against how many of the other major features there are."""
    size, others = filled.number("size_mm"), [name for name in MAJOR[1:] if filled.flag(name)]
    if not filled.flag("aphe"):
        return "LR-4" if len(others) >= (2 if size < 20 else 1) else "LR-3"
    if size >= 20:
        return "LR-5" if others else "LR-4"
    if not others:
        return "LR-3"
    # Below 20 mm a capsule alone makes no LR-5; below 10 mm nothing does.
    return "LR-4" if size < 10 or others == ["capsule"] else "LR-5"


def _adjusted(category: str, filled: Filled) -> str:
    """One step by ancillary features, the reader's choice: up never beyond LR-4; with both kinds, none."""
    kind, place = filled.choice("ancillary"), ORDER.index(category)
    if kind == "for malignancy" and place < ORDER.index("LR-4"):
        return ORDER[place + 1]
    if kind == "for benignity" and place > 0:
        return ORDER[place - 1]
    return category

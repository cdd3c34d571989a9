"""PI-RADS v2.1: the category of one prostate lesion from the scores that a person gave its sequences.

The scores themselves are a person's. What the system says of an inadequate DWI is not here.
"""

from __future__ import annotations

from collections.abc import Mapping

from chat_app.records import Category
from chat_app.reports.fields import Filled, Verdict
from chat_app.templates import Field

SYSTEM, VERSION = "PI-RADS", "v2.1"
SOURCE = (
    "Turkbey B, Rosenkrantz AB, Haider MA, et al. Prostate Imaging Reporting and Data System version 2.1: "
    "2019 update of Prostate Imaging Reporting and Data System version 2. Eur Urol 2019;76:340-351"
)

SCORES = ("1", "2", "3", "4", "5")
FIELDS = (
    Field("zone", "Zone", "choice", choices=("peripheral", "transition"), required=True),
    Field("dwi_score", "DWI score", "choice", choices=SCORES, required=True),
    Field("t2_score", "T2 score", "choice", choices=SCORES, required=True),
    Field(
        "dce",
        "Early enhancement (DCE)",
        "choice",
        choices=("negative", "positive", "not available"),
        required=True,
    ),
)

MEANING = {
    "1": "Clinically significant cancer is very unlikely.",
    "2": "Clinically significant cancer is unlikely.",
    "3": "Whether there is clinically significant cancer is open.",
    "4": "Clinically significant cancer is likely.",
    "5": "Clinically significant cancer is very likely.",
}


def assess(fields: Mapping[str, str]) -> Category:
    """The category of one lesion: by DWI in the peripheral zone, by T2 in the transition zone.

    Raises:
        InputError: a field holds none of its choices.
    """
    filled = Filled(FIELDS, fields)
    return _verdict(filled).category(SYSTEM, VERSION, SOURCE, filled)


def _verdict(filled: Filled) -> Verdict:
    if missing := filled.lacking("zone"):
        return Verdict(missing=missing)
    found = _peripheral(filled) if filled.choice("zone") == "peripheral" else _transition(filled)
    return Verdict(found.value, MEANING.get(found.value, ""), found.missing)


def _peripheral(filled: Filled) -> Verdict:
    """DWI decides; only at 3 does early enhancement make it a 4. Without DCE, DWI alone decides."""
    if missing := filled.lacking("dwi_score"):
        return Verdict(missing=missing)
    score = filled.choice("dwi_score")
    if score != "3":
        return Verdict(score)
    if missing := filled.lacking("dce"):
        return Verdict(missing=missing)
    return Verdict("4" if filled.choice("dce") == "positive" else "3")


def _transition(filled: Filled) -> Verdict:
    """T2 decides; DWI of 4 or 5 lifts a 2 to 3, DWI of 5 lifts a 3 to 4."""
    if missing := filled.lacking("t2_score"):
        return Verdict(missing=missing)
    score = filled.choice("t2_score")
    if score not in ("2", "3"):
        return Verdict(score)
    if missing := filled.lacking("dwi_score"):
        return Verdict(missing=missing)
    lifts = {"2": ("4", "5"), "3": ("5",)}[score]
    return Verdict(str(int(score) + 1) if filled.choice("dwi_score") in lifts else score)

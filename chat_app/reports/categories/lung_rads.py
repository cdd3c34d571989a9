"""Lung-RADS v2022: a screening CT by its most suspicious nodule, from 0 to 4X, with the modifier S.

"Note 5" and its like are the numbered notes beneath the table of November 2022. Diameters are means of long
and short axis, to one decimal (note 4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from chat_app.errors import InputError
from chat_app.records import Category
from chat_app.reports import nodules
from chat_app.reports.fields import Filled, Verdict
from chat_app.templates import Field

SYSTEM, VERSION = "Lung-RADS", "v2022"
SOURCE = (
    "Christensen J, Prosper AE, Wu CC, et al. ACR Lung-RADS v2022: assessment categories and management "
    "recommendations. J Am Coll Radiol 2024;21:473-488; table of November 2022 and its notes"
)

CATEGORIES = ("1", "2", "3", "4A", "4B", "4X")
BEHAVIOURS = ("baseline", "new", "growing", "slowly growing", "stable or smaller")
STABLE = "stable or smaller"

# Cysts as they stand, and those of which a part has changed (note 12).
CYSTS = {"thick-walled": "4A", "multilocular": "4A", "became multilocular": "4A"}
CHANGED = {
    "thick-walled with growing cystic part": "3",
    "thick-walled with growing wall or nodule": "4B",
    "growing multilocular": "4B",
    "multilocular with more loculation or density": "4B",
}

FIELDS = (
    nodules.SCREENING,
    Field("prior_awaited", "An earlier chest CT is still being located", "flag"),
    Field("not_evaluable", "Part of the lungs cannot be evaluated", "flag"),
    Field("infection", "Findings suggest infection or inflammation", "flag"),
    nodules.TYPE,
    Field("behaviour", "Nodule against earlier CT", "choice", choices=BEHAVIOURS, required=True),
    nodules.DIAMETER,
    nodules.SOLID,
    Field("prior_mean_diameter_mm", "Mean diameter in the earlier CT", "number", unit="mm"),
    Field("months_since_prior", "Months since the earlier CT", "number", unit="mo"),
    Field("prior_category", "Category in the earlier CT", "choice", choices=CATEGORIES),
    Field("proven_benign", "Work-up proved it benign", "flag"),
    Field(
        "airway_level",
        "Level of the airway nodule",
        "choice",
        choices=("subsegmental", "segmental or more proximal"),
    ),
    Field("cyst", "Atypical cyst", "choice", choices=("thin-walled", *CYSTS, *CHANGED)),
    Field("suspicious_features", "Features that raise the suspicion of cancer", "flag"),
    Field("other_significant", "Significant finding other than lung cancer", "flag"),
)

NEEDED = {
    "solid": ("behaviour", "mean_diameter_mm"),
    "juxtapleural": ("behaviour", "mean_diameter_mm"),
    "non-solid": ("behaviour", "mean_diameter_mm"),
    "part-solid": ("behaviour", "mean_diameter_mm", "solid_mean_diameter_mm"),
    "airway": ("behaviour", "airway_level"),
    "atypical cyst": ("behaviour", "cyst"),
}

YEARLY = "Screening with low-dose CT in 12 months."
WORK_UP = (
    "Clinical evaluation; CT with or without contrast agent, PET/CT where something solid measures 8 mm or "
    "more, or tissue sampling, by the probability of cancer and the patient's wishes."
)
ADVICE = {
    "1": YEARLY,
    "2": YEARLY,
    "3": "Low-dose CT in 6 months.",
    "4A": "Low-dose CT in 3 months; PET/CT may be considered where something solid measures 8 mm or more.",
    "4B": WORK_UP,
    "4X": WORK_UP,
}
INCOMPLETE = {
    "prior_awaited": "Compare with the earlier CT, then assign a category.",
    "not_evaluable": "Further low-dose CT of the part that could not be evaluated.",
    "infection": "Low-dose CT in 1 to 3 months, then a category by the most suspicious nodule.",
}

GROWTH_MM, GROWTH_MONTHS = Decimal("1.5"), 12  # note 6: more than that, within that
JUXTAPLEURAL_MM = 10


def assess(fields: Mapping[str, str]) -> Category:
    """The category of a screening CT, coded on its most suspicious nodule (note 1).

    Raises:
        InputError: a field holds no number or none of its choices, or diameters contradict each other.
    """
    filled = Filled(FIELDS, fields)
    return _verdict(filled).category(SYSTEM, VERSION, SOURCE, filled)


def _verdict(filled: Filled) -> Verdict:
    if missing := filled.lacking("screening"):
        return Verdict(missing=missing)
    if not filled.flag("screening"):
        return Verdict(because="it is for lung cancer screening only")
    for name, advice in INCOMPLETE.items():
        if filled.flag(name):
            return Verdict(f"0{_s(filled)}", advice)
    if missing := filled.lacking("nodule_type"):
        return Verdict(missing=missing)
    found = _nodule(filled)
    if not found.value:
        return found
    # Note 14: features of the nodule make a category 3 or 4 a 4X; it is managed as 4B.
    is_x = found.value in ("3", "4A", "4B", "4X") and filled.flag("suspicious_features")
    value = "4X" if is_x else found.value
    return Verdict(f"{value}{_s(filled)}", ADVICE[value])


def _s(filled: Filled) -> str:
    """Note 15: the modifier goes with every category."""
    return "S" if filled.flag("other_significant") else ""


def _nodule(filled: Filled) -> Verdict:
    kind = filled.choice("nodule_type")
    if kind not in NEEDED:
        return Verdict("1")
    if missing := filled.lacking(*NEEDED[kind]):
        return Verdict(missing=missing)
    return RULES[kind](filled, filled.choice("behaviour"))


def _solid(filled: Filled, behaviour: str) -> Verdict:
    size = _size(filled, behaviour)
    if behaviour == STABLE:
        return _stable(filled, _solid_baseline)
    if behaviour == "baseline":
        return Verdict(_solid_baseline(size))
    if behaviour == "new":
        return Verdict(_banded(size, (4, "2"), (6, "3"), (8, "4A")))
    if behaviour == "growing":
        return Verdict(_banded(size, (8, "4A")))
    return Verdict("4B")  # note 8: slow growth over several examinations


def _solid_baseline(size: Decimal) -> str:
    return _banded(size, (6, "2"), (8, "3"), (15, "4A"))


def _juxtapleural(filled: Filled, behaviour: str) -> Verdict:
    """Category 2 below 10 mm when first seen, and while it stays as it is; else as any solid nodule."""
    size = _size(filled, behaviour)
    if size < JUXTAPLEURAL_MM and behaviour in ("baseline", "new", STABLE):
        return Verdict("2")
    return _solid(filled, behaviour)


def _non_solid(filled: Filled, behaviour: str) -> Verdict:
    """The table has no row for one of 30 mm or more that grows: note 5 takes the size it has reached."""
    size = _size(filled, behaviour)
    if behaviour == STABLE and not _crossed(filled, _non_solid_baseline):
        return Verdict("2")
    return Verdict("2" if behaviour == "slowly growing" else _non_solid_baseline(size))


def _non_solid_baseline(size: Decimal) -> str:
    return "2" if size < 30 else "3"


def _part_solid(filled: Filled, behaviour: str) -> Verdict:
    """What grows of a part-solid nodule is its solid part; the measure of the whole says nothing of that."""
    nodules.check_parts(filled)
    size, solid = filled.number("mean_diameter_mm"), filled.number("solid_mean_diameter_mm")

    def baseline(whole: Decimal) -> str:
        return "2" if whole < 6 else _banded(solid, (6, "3"), (8, "4A"))

    if behaviour == STABLE:
        return _stable(filled, baseline)
    if behaviour == "baseline":
        return Verdict(baseline(size))
    if behaviour == "slowly growing":
        return Verdict("4B")  # note 8
    if behaviour == "new" and size < 6:
        return Verdict("3")
    return Verdict(_banded(solid, (4, "4A")))


def _airway(filled: Filled, behaviour: str) -> Verdict:
    """Note 11. The table has segmental nodules at baseline; a new one is taken as one at baseline."""
    first = behaviour in ("baseline", "new")
    if filled.choice("airway_level") != "subsegmental":
        return Verdict("4A" if first else "4B")
    if first or behaviour == STABLE:
        return Verdict("2")
    return Verdict(because="the table has no row for a subsegmental airway nodule that grows")


def _cyst(filled: Filled, behaviour: str) -> Verdict:
    """Note 12; a thin wall measures less than 2 mm all around."""
    cyst = filled.choice("cyst")
    if cyst == "thin-walled":
        return Verdict(because="a thin-walled cyst is not classified")
    if cyst in CHANGED:
        return Verdict(CHANGED[cyst])
    if behaviour == STABLE:
        return _stepped(filled)
    if behaviour in ("growing", "slowly growing"):
        return Verdict(missing=("what of the cyst grows",))
    return Verdict(CYSTS[cyst])


RULES: Mapping[str, Callable[[Filled, str], Verdict]] = {
    "solid": _solid,
    "juxtapleural": _juxtapleural,
    "non-solid": _non_solid,
    "part-solid": _part_solid,
    "airway": _airway,
    "atypical cyst": _cyst,
}


def _stable(filled: Filled, baseline: Callable[[Decimal], str]) -> Verdict:
    """Note 5: who has crossed a threshold of size is judged by size, though it has not grown by note 6."""
    if _crossed(filled, baseline):
        return Verdict(baseline(filled.number("mean_diameter_mm")))
    return _stepped(filled)


def _crossed(filled: Filled, baseline: Callable[[Decimal], str]) -> bool:
    if not filled.has("prior_mean_diameter_mm"):
        return False
    sizes = (filled.number("prior_mean_diameter_mm"), filled.number("mean_diameter_mm"))
    before, now = (CATEGORIES.index(baseline(size)) for size in sizes)
    return now > before


def _stepped(filled: Filled) -> Verdict:
    """Stepped management: 3 becomes 2 at six months, 4A becomes 3 at three; 4B and 4X only by a work-up.

    Looked at earlier than that, it keeps its category: the table steps down at the follow-up it asked for.
    """
    if missing := filled.lacking("prior_category"):
        return Verdict(missing=missing)
    before = filled.choice("prior_category")
    if before in ("4B", "4X"):
        return Verdict("2" if filled.flag("proven_benign") else before)
    if before in ("1", "2"):
        return Verdict("2")
    if missing := filled.lacking("months_since_prior"):
        return Verdict(missing=missing)
    wait, after = (6, "2") if before == "3" else (3, "3")
    return Verdict(after if filled.number("months_since_prior", "1") >= wait else before)


def _size(filled: Filled, behaviour: str) -> Decimal:
    """The mean diameter; what was said of its growth has to agree with the diameters, where there are two."""
    size = filled.number("mean_diameter_mm")
    if not (filled.has("prior_mean_diameter_mm") and filled.has("months_since_prior")):
        return size
    before, months = filled.number("prior_mean_diameter_mm"), filled.number("months_since_prior", "1")
    if behaviour in ("baseline", "new") or months > GROWTH_MONTHS:
        return size
    if (size - before > GROWTH_MM) != (behaviour == "growing"):
        raise InputError(
            f"Growth is more than {GROWTH_MM} mm within {GROWTH_MONTHS} months: from {before} to {size} mm "
            f"in {months} months is not {behaviour!r}; correct one of them."
        )
    return size


def _banded(size: Decimal, *bands: tuple[int, str]) -> str:
    """The category of the first band that the size lies below; 4B above all of them."""
    return next((category for limit, category in bands if size < limit), "4B")

"""What both systems for lung nodules ask of the most suspicious nodule, in the same fields."""

from __future__ import annotations

from chat_app.errors import InputError
from chat_app.reports.fields import Filled
from chat_app.templates import Field

SCREENING = Field("screening", "Examination for lung cancer screening", "flag", required=True)

TYPE = Field(
    "nodule_type",
    "Most suspicious nodule",
    "choice",
    choices=(
        "none",
        "benign calcification or fat",
        "juxtapleural",
        "solid",
        "part-solid",
        "non-solid",
        "airway",
        "atypical cyst",
    ),
    required=True,
)
"""Benign calcification is complete, central, popcorn or in rings; juxtapleural is solid, smooth, and oval,
lens-shaped or triangular; non-solid is ground glass."""

DIAMETER = Field("mean_diameter_mm", "Mean diameter", "number", unit="mm", required=True)
"""The mean of the long and the short axis."""

SOLID = Field("solid_mean_diameter_mm", "Mean diameter of the solid part", "number", unit="mm")


def check_parts(filled: Filled) -> None:
    """Refuses a solid part that is larger than its nodule.

    Raises:
        InputError: it is.
    """
    solid, whole = filled.number(SOLID.name), filled.number(DIAMETER.name)
    if solid > whole:
        raise InputError(f"The solid part ({solid} mm) is larger than the nodule ({whole} mm): correct one.")

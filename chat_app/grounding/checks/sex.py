"""An organ that a patient of the stated sex does not have."""

from __future__ import annotations

from collections.abc import Iterator

from chat_app.grounding.claims.mentions import places
from chat_app.grounding.reading import Circumstances, Reading
from chat_app.grounding.vocabulary import Structure, known
from chat_app.records import Remark

NAME = "sex"
NAMES = {"M": "male", "F": "female"}


def check(reading: Reading, about: Circumstances) -> Iterator[Remark]:
    """Compares organs with PatientSex (PS3.3 C.7.1.1), which "O" leaves open."""
    sex = about.fact("PatientSex")
    for said in reading.said if sex in NAMES else ():
        named = {place.structure for place in places(said.statement.text.lower())}
        named |= {known().structures[claim.anatomy] for claim in said.claims if claim.anatomy}
        for structure in sorted(filter(_is_of_one_sex, named), key=lambda each: each.name):
            if structure.sex != sex:
                words = f"This speaks of the {structure.name}, but the file states a {NAMES[sex]} patient."
                yield said.remark(NAME, words)


def _is_of_one_sex(structure: Structure) -> bool:
    return bool(structure.sex)

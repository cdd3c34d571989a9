"""Whether two pictures can be of one kind, by what is stated of their modality and body part.

What is not stated excludes nothing. Data sets and DICOM files call the same thing by other words.
"""

from __future__ import annotations

from chat_app.data.modalities import CODES, codes
from chat_app.grounding.vocabulary import known

# These say how a file came about, not what it shows.
SILENT = frozenset({"", "OT", "SC"})


def may_be_alike(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """For the (modality, body part) of each."""
    (modality, part), (other_modality, other_part) = one, other
    return _may_match(_family(modality), _family(other_modality)) and _may_match(
        _around(part), _around(other_part)
    )


def _may_match(one: frozenset[str], other: frozenset[str]) -> bool:
    return not one or not other or bool(one & other)


def _family(modality: str) -> frozenset[str]:
    """All codes of that kind of picture: CR and DX are both radiographs."""
    if modality in SILENT:
        return frozenset()
    stated = set(codes(modality)) or {modality.upper()}
    return frozenset(stated.union(*(each for each in CODES.values() if stated & set(each))))


def _around(part: str) -> frozenset[str]:
    """The part itself and the regions of the body that it may show."""
    if not part:
        return frozenset()
    term = part.upper()
    return frozenset({term, *(name for name, each in known().regions.items() if term in each.parts)})

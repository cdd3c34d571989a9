"""Slices that lie at one place are told apart by what their headers say: echo, b value, time, kind of image.

It knows headers and no pixels.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence

from chat_app.imaging.slices import Slice, grouped, instance, overlap, places

Notes = tuple[str, ...]
Cut = list[list[Slice]]

STATION_MM = 5.0  # how far apart the corners of slices of one station may lie
STATION = "station"
# What may tell apart slices that lie at one place, and what the page calls it.
TOLD_BY = {
    "EchoTime": "echo time",
    "DiffusionBValue": "b value",
    "TemporalPositionIdentifier": "time",
    "AcquisitionNumber": "acquisition",
    "ImageType": "kind of image",
    "TriggerTime": "trigger time",
    "AcquisitionTime": "time of acquisition",
}
UNSAID = ("AcquisitionTime",)  # when a patient was there is nobody's business
INDEX = "index of the file"
# The coded words of Image Type and Complex Image Component (PS3.3 C.8.3.1.1.1, C.8.13.3.1.1) that are said.
KINDS = {
    "M": "magnitude",
    "MAGNITUDE": "magnitude",
    "P": "phase",
    "PHASE": "phase",
    "R": "real",
    "REAL": "real",
    "I": "imaginary",
    "IMAGINARY": "imaginary",
    "WATER": "water",
    "FAT": "fat",
    "IN_PHASE": "in phase",
    "OUT_PHASE": "out of phase",
    "ADC": "ADC",
    "FIELD_MAP": "field map",
}


def apart(part: list[Slice], notes: Notes = ()) -> list[tuple[list[Slice], Notes]]:
    """Cut until no two slices lie at one place, with what tells each part from the others in words."""
    most = overlap(part)
    if most == 1:
        return [(part, notes)]
    for words, keyword, cut in _cuts(part):
        if 1 < len(cut) <= most and max(map(overlap, cut)) < most:
            said = [(*notes, note(words, keyword, cut, number)) for number in range(1, len(cut) + 1)]
            return [found for each, one in zip(cut, said, strict=True) for found in apart(each, one)]
    said = [(*notes, f"Picture {number} of {most} of the same place.") for number in range(1, most + 1)]
    return list(zip(_ranked(part), said, strict=True))


def by_value(part: Sequence[Slice], keyword: str) -> Cut:
    """Cut by what the headers say, the lowest first."""
    return sorted(
        grouped(part, lambda each: each.value(keyword)), key=lambda cut: _rank(cut[0].value(keyword))
    )


def note(words: str, keyword: str, cut: Cut, number: int) -> str:
    """What tells one part from the others: its value, or which of them it is."""
    value = cut[number - 1][0].value(keyword) if keyword else ""
    kinds = _kinds(value)
    if isinstance(value, float) and keyword not in UNSAID:
        said = f"{value:g}"
    else:
        said = kinds if kinds else f"{number} of {len(cut)}"
    return f"Slices of one {words} ({said}): the series holds several."


def _cuts(part: Sequence[Slice]) -> Iterator[tuple[str, str, Cut]]:
    """Every way to cut, as words, keyword (or "") and parts."""
    yield STATION, "", _stations(part)
    for keyword, words in TOLD_BY.items():
        yield words, keyword, by_value(part, keyword)
    for place in range(_indices(part)):
        cut = grouped(part, lambda each, place=place: _index(each, place))  # type: ignore[misc]
        yield INDEX, "", sorted(cut, key=lambda each, place=place: _rank(_index(each[0], place)))  # type: ignore[misc]


def _ranked(part: Sequence[Slice]) -> Cut:
    """The first of each place, the second of each, and so on, by instance number."""
    passes: Cut = [[] for _ in range(overlap(part))]
    for place in places(part):
        for number, each in enumerate(sorted(place, key=instance)):
            passes[number].append(each)
    return passes


def _stations(part: Sequence[Slice]) -> Cut:
    """Parallel slices whose corners lie over each other together, wherever they lie along the normal."""
    most = overlap(part)
    found: list[tuple[tuple[float, float], list[Slice]]] = []
    for each in part:
        place = _in_plane(each, part[0])
        near = next((alike for at, alike in found if math.dist(at, place) <= STATION_MM), None)
        if near is not None:
            near.append(each)
        elif len(found) == most:
            return [list(part)]  # a tilted gantry, whose slices lie ever further aside
        else:
            found.append((place, [each]))
    return [alike for _, alike in found]


def _in_plane(each: Slice, first: Slice) -> tuple[float, float]:
    """Where its corner lies along the rows and columns of the first."""
    if each.placed is None or each.placed.corner is None or first.placed is None:
        return 0.0, 0.0
    return float(each.placed.corner @ first.placed.right), float(each.placed.corner @ first.placed.down)


def _indices(part: Sequence[Slice]) -> int:
    value = part[0].value("DimensionIndexValues") if part[0].header.frames > 1 else ()
    return len(value) if isinstance(value, tuple) else 0


def _index(each: Slice, place: int) -> Hashable:
    value = each.value("DimensionIndexValues")
    return value[place] if isinstance(value, tuple) and len(value) > place else None


def _kinds(value: Hashable) -> str:
    """The known words of an image type."""
    words = value.split("\\") if isinstance(value, str) else _flat(value)
    return ", ".join(dict.fromkeys(KINDS[word.upper()] for word in words if word.upper() in KINDS))


def _flat(value: Hashable) -> list[str]:
    if isinstance(value, tuple):
        return [word for item in value for word in _flat(item)]
    return [value] if isinstance(value, str) else []


def _rank(value: Hashable) -> tuple[bool, float, str]:
    return not isinstance(value, float), value if isinstance(value, float) else 0.0, str(value)

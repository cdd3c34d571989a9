"""Headers become series: what belongs together is sorted by where it lies, what does not is set apart.

File names decide nothing, instance numbers only what positions leave open. It knows headers and no pixels.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from pydicom.uid import JPEGExtended12Bit

from chat_app.imaging import geometry
from chat_app.imaging.geometry import Grid, Placement
from chat_app.imaging.header import Header, day
from chat_app.records import Plane

T = TypeVar("T")

STACKED = ("CT", "MR", "PT")  # of these, pictures of one series are slices even where no position is stated
FEW = 3  # so many slices beside more of another orientation only show where those lie
GAP = 1.5  # times the usual distance, from which slices are taken to be missing
UNEVEN = 0.1  # share of the usual distance by which one may differ
SAME_MM = 0.01
TILT_DEGREES = 1.0
THIN = 2.0
# What may tell apart slices that lie at one place, and what the page calls it.
PHASES = {
    "EchoTime": "echo time",
    "DiffusionBValue": "b value",
    "TemporalPositionIdentifier": "time",
    "AcquisitionNumber": "acquisition",
    "ImageType": "kind of image",
    "TriggerTime": "trigger time",
    "AcquisitionTime": "time of acquisition",
}
WINDOW = ("WindowCenter", "WindowWidth")
LOCALISER = "This is a localiser: it shows where the slices of the study lie."


@dataclass(frozen=True, eq=False)
class Slice:
    """One frame of one file, and where it lies."""

    header: Header
    number: int
    placed: Placement | None

    @property
    def plane(self) -> Plane:
        return self.header.plane(self.number)


@dataclass(frozen=True, eq=False)
class Series:
    """Pictures that are paged through together, in order.

    unit: "slice" where they lie in space, "frame" where they follow in time. is_even: the distance from each
    to the next is the same throughout, and no slice is shifted against another.
    """

    slices: tuple[Slice, ...]
    unit: str
    notes: tuple[str, ...] = ()
    is_localiser: bool = False
    is_even: bool = False

    @property
    def first(self) -> Header:
        return self.slices[0].header

    @property
    def grid(self) -> Grid | None:
        """Where the voxels lie, when the slices are a volume."""
        first, last = self.slices[0], self.slices[-1]
        spacing = first.plane.spacing_mm
        if not self.is_even or spacing is None or first.placed is None or last.placed is None:
            return None
        start, end = first.placed.corner, last.placed.corner
        if start is None or end is None:
            return None
        step = (end - start) / (len(self.slices) - 1)
        return Grid(start, (step, first.placed.down * spacing[0], first.placed.right * spacing[1]))

    @property
    def has_one_window(self) -> bool:
        """Whether all files state the same window, or the only one need not be asked."""
        return len({tuple(map(each.header.text, WINDOW)) for each in self.slices}) == 1


@dataclass(frozen=True)
class Arranged:
    """Series in the order they are shown, and what was left out in words."""

    series: tuple[Series, ...]
    notes: tuple[str, ...]


def arrange(headers: Sequence[Header]) -> Arranged:
    """Studies newest first; in each, series by number with the localisers last."""
    lone, copies = _without_copies(headers)
    groups = _grouped(lone, _series_key)
    found = [series for group in groups for series in _split(group)]
    notes = () if not copies else (_count(copies, "file is a copy", "files are copies") + COPIES,)
    return Arranged(tuple(_in_order(found)), notes)


COPIES = " of another and not shown twice."


def of_file(header: Header) -> Series:
    """All frames of one file in the order of the file."""
    slices = _slices(header)
    return Series(slices, "slice" if _is_spatial(header, slices) else "frame")


def _without_copies(headers: Sequence[Header]) -> tuple[list[Header], int]:
    """One file for each SOP Instance UID; of several the one that is easiest to decode."""
    kept: dict[Hashable, Header] = {}
    for header in sorted(headers, key=_difficulty):
        uid = header.text("SOPInstanceUID")
        key: Hashable = (_series_key(header), uid) if uid else id(header)
        kept.setdefault(key, header)
    chosen = set(kept.values())
    return [header for header in headers if header in chosen], len(headers) - len(kept)


def _difficulty(header: Header) -> tuple[bool, bool]:
    syntax = header.dataset.file_meta.get("TransferSyntaxUID")
    return syntax == JPEGExtended12Bit, header.offset is None


def _series_key(header: Header) -> Hashable:
    uids = header.text("StudyInstanceUID"), header.text("SeriesInstanceUID")
    return uids if uids[1] else id(header)


def _split(group: Sequence[Header]) -> list[Series]:
    """One series of the files as they say, cut where it is mixed."""
    several = [_frames(header) for header in group if header.frames > 1]
    single = [_slices(header)[0] for header in group if header.frames == 1]
    alike = _grouped(single, _geometry_key)
    most = max((len(part) for part in alike), default=0)
    found = list(several)
    for part in alike:
        is_beside = len(alike) > 1 and len(part) <= FEW < most
        for series in _stacks(part):
            found.append(_localised(series, is_beside))
    stacks = sum(len(series.slices) > 1 for series in found)
    return found if stacks < 2 else [_said(series, len(found)) for series in found]


def _said(series: Series, parts: int) -> Series:
    if len(series.slices) == 1:
        return series
    return replace(series, notes=(*series.notes, f"One of {parts} parts of a series that is mixed."))


def _localised(series: Series, is_beside: bool) -> Series:
    kinds = set(series.first.text("ImageType").upper().split("\\"))
    if not is_beside and not {"LOCALIZER", "SCOUT"} & kinds:
        return series
    return replace(series, is_localiser=True, notes=(LOCALISER, *series.notes))


def _stacks(part: Sequence[Slice]) -> list[Series]:
    """Slices alike in orientation and size: one stack, one for each phase, or pictures on their own."""
    if len(part) == 1:
        return [Series(tuple(part), "slice" if part[0].placed else "frame")]
    if part[0].placed is not None and part[0].placed.corner is not None:
        return [_sorted(phase, notes) for phase, notes in _phases(list(part))]
    if part[0].header.text("Modality") in STACKED:
        note = "The files state no position: sorted by instance number."
        return [Series(tuple(sorted(part, key=_instance)), "slice", (note,))]
    return [Series((each,), "frame") for each in sorted(part, key=_instance)]


def _phases(part: list[Slice], notes: tuple[str, ...] = ()) -> list[tuple[list[Slice], tuple[str, ...]]]:
    """Cut until no two slices lie at one place."""
    most = _overlap(part)
    if most == 1:
        return [(part, notes)]
    for keyword, words in PHASES.items():
        cut = _grouped(part, lambda each, keyword=keyword: _value(each.header, keyword))  # type: ignore[misc]
        if 1 < len(cut) <= most and max(map(_overlap, cut)) < most:
            said = [(*notes, _phase_note(words, _value(each[0].header, keyword))) for each in cut]
            return [found for each, note in zip(cut, said, strict=True) for found in _phases(each, note)]
    ranked = _ranked(part)
    said = [(*notes, f"Picture {number} of {most} of the same place.") for number in range(1, most + 1)]
    return list(zip(ranked, said, strict=True))


def _phase_note(words: str, value: Hashable) -> str:
    is_plain = isinstance(value, float)
    return f"Slices of one {words}{f' ({value:g})' if is_plain else ''}: the series holds several."


def _ranked(part: list[Slice]) -> list[list[Slice]]:
    """The first of each place, the second of each, and so on, by instance number."""
    passes: list[list[Slice]] = [[] for _ in range(_overlap(part))]
    for place in _grouped(sorted(part, key=_instance), _place):
        for number, each in enumerate(place):
            passes[number].append(each)
    return passes


def _overlap(part: Sequence[Slice]) -> int:
    return max(len(place) for place in _grouped(part, _place))


def _place(each: Slice) -> Hashable:
    position = each.placed.position_mm if each.placed else None
    return None if position is None else round(position / SAME_MM)


def _sorted(part: Sequence[Slice], notes: tuple[str, ...] = ()) -> Series:
    """Along the normal, the way a radiologist pages: from head to feet, front to back, right to left."""
    placed = [each.placed for each in part if each.placed is not None]
    along = geometry.paging(placed[0].normal)
    corners = np.array([each.corner for each in placed])
    order = sorted(
        range(len(part)), key=lambda index: (float(corners[index] @ along), _instance(part[index]))
    )
    slices = tuple(part[index] for index in order)
    is_even, found = _spacing(corners[order], along, slices)
    return Series(slices, "slice", (*notes, *found), is_even=is_even)


def _spacing(corners: Any, along: Any, slices: Sequence[Slice]) -> tuple[bool, list[str]]:
    """Whether the slices are evenly spaced and parallel, and what is odd about it in words."""
    if len(slices) < 2:
        return False, []
    positions = corners @ along
    steps = np.diff(positions)
    usual = float(statistics.median(steps))
    if usual < SAME_MM:
        return False, ["Slices lie at the same place."]
    missing = [(index + 1, float(step)) for index, step in enumerate(steps) if step > GAP * usual]
    notes = _gap_notes(missing, usual)
    rest = steps[steps <= GAP * usual]
    is_uneven = bool(np.abs(rest - usual).max() > max(UNEVEN * usual, SAME_MM))
    if is_uneven:
        notes.append(f"The distance between slices is not even: {rest.min():.3g} to {rest.max():.3g} mm.")
    tilt = _tilt(corners, along)
    if tilt > TILT_DEGREES:
        notes.append(f"Each slice is shifted against the one before it (a tilt of {tilt:.0f} degrees).")
    thickness = _number(slices[0].header, "SliceThickness")
    if thickness and usual > THIN * thickness:
        notes.append(
            f"The slices are {thickness:g} mm thick and {usual:.3g} mm apart: what lies between is not seen."
        )
    return not missing and not is_uneven and tilt <= TILT_DEGREES, notes


def _gap_notes(missing: Sequence[tuple[int, float]], usual: float) -> list[str]:
    if not missing:
        return []
    after, gap = missing[0]
    more = _count(len(missing) - 1, "more gap", "more gaps")
    others = f" There is {more} like it." if len(missing) == 2 else f" There are {more} like it."
    where = f"the gap is {gap:.3g} mm where {usual:.3g} mm is usual."
    first = f"Slices seem to be missing after slice {after}: {where}"
    return [first + (others if len(missing) > 1 else "")]


def _tilt(corners: Any, along: Any) -> float:
    """Degrees between the line through the corners and the normal of the slices."""
    line = corners[-1] - corners[0]
    length = float(np.linalg.norm(line))
    return float(np.degrees(np.arccos(np.clip(line @ along / length, -1, 1)))) if length else 0.0


def _frames(header: Header) -> Series:
    """A file of several frames: by position where each has its own, in the order of the file else."""
    slices = _slices(header)
    if not _is_spatial(header, slices):
        return Series(slices, "frame")
    if any(each.placed is None or each.placed.corner is None for each in slices):
        return Series(slices, "slice")
    if len(_grouped(slices, _direction)) > 1:
        return Series(slices, "slice", ("The slices lie in several directions: in the order of the file.",))
    passes = _overlap(slices)
    if passes == 1:
        return _sorted(slices)
    note = f"Up to {passes} pictures of each place: one pass after the other."
    ordered = [_sorted(each).slices for each in _ranked(list(slices))]
    return Series(tuple(each for part in ordered for each in part), "slice", (note,))


def _slices(header: Header) -> tuple[Slice, ...]:
    return tuple(Slice(header, number, placed) for number, placed in enumerate(header.placements, 1))


def _is_spatial(header: Header, slices: Sequence[Slice]) -> bool:
    """Whether the frames lie side by side in the patient; a cine repeats one place, or states none."""
    if len(slices) == 1:
        return slices[0].placed is not None
    if "RECON TOMO" in header.text("ImageType").split("\\"):
        return True
    return len({_place(each) for each in slices}) > 1


def _in_order(found: Sequence[Series]) -> list[Series]:
    studies = _grouped(found, lambda series: series.first.text("StudyInstanceUID") or id(series))
    studies.sort(key=lambda study: -max(day(series.first.dataset) or 0 for series in study))
    return [series for study in studies for series in sorted(study, key=_rank)]


def _rank(series: Series) -> tuple[bool, float, float]:
    number = _number(series.first, "SeriesNumber")
    return series.is_localiser, float("inf") if number is None else number, _instance(series.slices[0])


def _geometry_key(each: Slice) -> Hashable:
    header = each.header
    size = header.layout.rows, header.layout.columns
    has_place = each.placed is not None and each.placed.corner is not None
    return _direction(each), has_place, size, header.numbers("PixelSpacing"), header.text("Modality")


def _direction(each: Slice) -> Hashable:
    if each.placed is None:
        return None
    return each.placed.axes.rounded


def _instance(each: Slice) -> float:
    number = _number(each.header, "InstanceNumber")
    return float("inf") if number is None else number


def _value(header: Header, keyword: str) -> Hashable:
    """A value that can be compared: numbers where they are some, else text."""
    numbers = header.numbers(keyword)
    if numbers is None:
        return header.text(keyword)
    return numbers[0] if len(numbers) == 1 else numbers


def _number(header: Header, keyword: str) -> float | None:
    numbers = header.numbers(keyword)
    return numbers[0] if numbers else None


def _grouped(items: Iterable[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    groups: defaultdict[Hashable, list[T]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return list(groups.values())


def _count(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"

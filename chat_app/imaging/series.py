"""Headers become series: what belongs together is sorted by where it lies, what does not is set apart.

File names decide nothing, instance numbers only what positions leave open. It knows headers and no pixels.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pydicom.uid import JPEGExtended12Bit

from chat_app.imaging import geometry, phases, slices
from chat_app.imaging.geometry import Grid
from chat_app.imaging.header import Header, day
from chat_app.imaging.slices import SAME_MM, Slice, grouped, instance, merged, places

STACKED = ("CT", "MR", "PT")  # of these, pictures of one series are slices even where no position is stated
FEW = 3  # so many slices beside more of another orientation only show where those lie
LEAST = 3  # slices that an acquisition has to have to be told from another
GAP = 1.5  # times the usual distance, from which slices are taken to be missing
UNEVEN = 0.1  # share of the usual distance by which one may differ
TILT_DEGREES = 1.0
THIN = 2.0
ACQUISITION = "AcquisitionNumber"
SPACE = "FrameOfReferenceUID"  # positions of two cannot be compared
LOCALISER = "This is a localiser: it shows where the slices of the study lie."
NAMELESS = "The files name no series: put together by their study and the number of their series."
UNPLACED = "The files do not say where their slices lie: sorted by instance number."


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
        """Whether all state the same window."""
        return len({each.window for each in self.slices}) == 1


@dataclass(frozen=True)
class Arranged:
    """Series in the order they are shown, and what was left out in words."""

    series: tuple[Series, ...]
    notes: tuple[str, ...]


def arrange(headers: Sequence[Header]) -> Arranged:
    """Studies newest first; in each, series by number with the localisers last."""
    lone, copies = _without_copies(headers)
    groups = grouped(lone, _series_key)
    found = [series for group in groups for series in _split(group)]
    notes = () if not copies else (_count(copies, "file is a copy", "files are copies") + COPIES,)
    return Arranged(tuple(_in_order(found)), notes)


COPIES = " of another and not shown twice."


def of_file(header: Header) -> Series:
    """All frames of one file in the order of the file."""
    every = slices.every(header)
    return Series(every, "slice" if _is_spatial(header, every) else "frame")


def _without_copies(headers: Sequence[Header]) -> tuple[list[Header], int]:
    """Each picture once; of copies the file that is easiest to decode."""
    kept: dict[Hashable, list[Header]] = {}
    chosen: set[Header] = set()
    for header in sorted(headers, key=_difficulty):
        uid = header.text("SOPInstanceUID")
        key: Hashable = (_series_key(header), uid) if uid else id(header)
        others = kept.setdefault(key, [])
        if not any(_is_copy(header, other) for other in others):
            others.append(header)
            chosen.add(header)
    return [header for header in headers if header in chosen], len(headers) - len(chosen)


def _is_copy(one: Header, other: Header) -> bool:
    """Whether two files of one UID are one picture; careless software gives several pictures the same."""
    if _stated(one) != _stated(other):
        return False
    if _syntax(one) != _syntax(other):
        return True  # the same picture compressed another way
    digest = one.stored_digest()
    return digest != "" and digest == other.stored_digest()


def _stated(header: Header) -> Hashable:
    placed = header.placements[0]
    corner = None if placed is None or placed.corner is None else tuple(placed.corner.tolist())
    layout = header.layout
    return header.text("InstanceNumber"), corner, layout.rows, layout.columns, layout.frames


def _difficulty(header: Header) -> tuple[bool, bool]:
    return _syntax(header) == JPEGExtended12Bit, header.offset is None


def _syntax(header: Header) -> Any:
    return header.dataset.file_meta.get("TransferSyntaxUID")


def _series_key(header: Header) -> Hashable:
    """Of one patient, whatever the UIDs say: careless software gives two patients the same."""
    patient, study = header.text("PatientID"), header.text("StudyInstanceUID")
    if series := header.text("SeriesInstanceUID"):
        return patient, study, series
    if study and (modality := header.text("Modality")) in STACKED:
        return patient, study, modality, header.text("SeriesNumber")
    return id(header)


def _split(group: Sequence[Header]) -> list[Series]:
    """One series of the files as they say, cut where it is mixed."""
    found = [_localised(part, False) for header in group if header.frames > 1 for part in _frames(header)]
    single = [slices.every(header)[0] for header in group if header.frames == 1]
    alike = merged(grouped(single, _geometry_key), _is_alike)
    largest = max(alike, key=len, default=[])
    for part in alike:
        is_beside = len(part) <= FEW < len(largest) and _shows_place(part[0], largest[0])
        found += [_localised(series, is_beside) for series in _stacks(part)]
    if not group[0].text("SeriesInstanceUID") and len(group) > 1:
        found = [replace(series, notes=(*series.notes, NAMELESS)) for series in found]
    is_mixed = sum(map(_is_stack, found)) > 1
    return [_said(series, len(found)) for series in found] if is_mixed else found


def _is_stack(series: Series) -> bool:
    """Whether it is one of slices: several runs or clips in a series are nothing to speak of."""
    return series.unit == "slice" and len(series.slices) > 1


def _said(series: Series, parts: int) -> Series:
    if not _is_stack(series):
        return series
    return replace(series, notes=(*series.notes, f"One of {parts} parts of a series that is mixed."))


def _shows_place(one: Slice, of: Slice) -> bool:
    """Whether a slice cuts across others."""
    return one.placed is not None and of.placed is not None and not slices.is_parallel(one, of)


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
        return _placed(list(part))
    if part[0].header.text("Modality") in STACKED:
        return [Series(tuple(sorted(part, key=instance)), "slice", (UNPLACED,))]
    return [Series((each,), "frame") for each in sorted(part, key=instance)]


def _placed(part: list[Slice]) -> list[Series]:
    """Parallel slices whose places are known."""
    cut = grouped(part, lambda each: each.header.text(SPACE))
    told: list[tuple[str, ...]] = [()]
    if len(cut) > 1 and min(map(len, cut)) >= LEAST:
        told = [(phases.note("frame of reference", "", cut, n),) for n in range(1, len(cut) + 1)]
    else:
        cut = [part]
    phased = [found for each, notes in zip(cut, told, strict=True) for found in phases.apart(each, notes)]
    return [series for phase, notes in phased for series in _acquired(phase, notes)]


def _acquired(part: Sequence[Slice], notes: tuple[str, ...]) -> list[Series]:
    """One stack; or several, where acquisitions interleave that are even each by itself."""
    whole = _sorted(part, notes)
    cut = phases.by_value(part, ACQUISITION)
    if whole.is_even or len(cut) == 1 or min(map(len, cut)) < LEAST:
        return [whole]
    words = phases.TOLD_BY[ACQUISITION]
    said = [phases.note(words, ACQUISITION, cut, number) for number in range(1, len(cut) + 1)]
    each = [_sorted(one, (*notes, note)) for one, note in zip(cut, said, strict=True)]
    return each if all(one.is_even for one in each) and _interleave(each) else [whole]


def _interleave(found: Sequence[Series]) -> bool:
    """Whether each stack of parallel slices begins before the one before it ends."""
    normal = geometry.paging(found[0].slices[0].placed.normal)  # type: ignore[union-attr]
    ends = [
        sorted(float(each.placed.corner @ normal) for each in (one.slices[0], one.slices[-1]))  # type: ignore[union-attr, operator]
        for one in found
    ]
    ends.sort()
    return all(after[0] < before[1] for before, after in itertools.pairwise(ends))


def _sorted(part: Sequence[Slice], notes: tuple[str, ...] = ()) -> Series:
    """Along the normal, the way a radiologist pages: from head to feet, front to back, right to left."""
    placed = [each.placed for each in part if each.placed is not None]
    along = geometry.paging(placed[0].normal)
    corners = np.array([each.corner for each in placed])
    order = sorted(range(len(part)), key=lambda index: (float(corners[index] @ along), instance(part[index])))
    every = tuple(part[index] for index in order)
    is_even, found = _spacing(corners[order], along, every)
    return Series(every, "slice", (*notes, *found), is_even=is_even)


def _spacing(corners: Any, along: Any, every: Sequence[Slice]) -> tuple[bool, list[str]]:
    """Whether the slices are evenly spaced and parallel, and what is odd about it in words."""
    if len(every) < 2:
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
    thickness = _number(every[0].header, "SliceThickness")
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


def _frames(header: Header) -> list[Series]:
    """A file of several frames: by position where each has its own, in the order of the file else."""
    every = slices.every(header)
    if not _is_spatial(header, every):
        return [Series(every, "frame")]
    if any(each.placed is None or each.placed.corner is None for each in every):
        return [Series(every, "slice")]
    directions = slices.parallel(every)
    if len(directions) > 1 and min(map(len, directions)) == 1:
        return [Series(every, "slice", ("The slices lie in several directions: in the order of the file.",))]
    return [series for part in directions for series in _placed(part)]


def _is_spatial(header: Header, every: Sequence[Slice]) -> bool:
    """Whether the frames lie side by side in the patient; a cine repeats one place, or states none."""
    if len(every) == 1:
        return every[0].placed is not None
    if "RECON TOMO" in header.text("ImageType").split("\\"):
        return True
    return len(places(every)) > 1


def _in_order(found: Sequence[Series]) -> list[Series]:
    studies = grouped(found, lambda series: _study_key(series.first) or id(series))
    studies.sort(key=lambda study: -max(day(series.first.dataset) or 0 for series in study))
    return [series for study in studies for series in sorted(study, key=_rank)]


def _study_key(header: Header) -> Hashable:
    study = header.text("StudyInstanceUID")
    return (header.text("PatientID"), study) if study else None


def _rank(series: Series) -> tuple[bool, float, tuple[float, int]]:
    number = _number(series.first, "SeriesNumber")
    return series.is_localiser, float("inf") if number is None else number, instance(series.slices[0])


def _geometry_key(each: Slice) -> Hashable:
    return slices.direction(each), each.header.numbers("PixelSpacing"), _kind(each)


def _kind(each: Slice) -> Hashable:
    """What the slices of one stack have in common to the letter."""
    layout = each.header.layout
    has_place = each.placed is not None and each.placed.corner is not None
    return has_place, layout.rows, layout.columns, layout.is_grey, each.header.text("Modality")


def _is_alike(one: Slice, other: Slice) -> bool:
    """Whether two slices may be of one stack, as far as their geometry says."""
    if not slices.is_parallel(one, other) or _kind(one) != _kind(other):
        return False
    return slices.is_alike(one.header.numbers("PixelSpacing"), other.header.numbers("PixelSpacing"))


def _number(header: Header, keyword: str) -> float | None:
    numbers = header.numbers(keyword)
    return numbers[0] if numbers else None


def _count(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"

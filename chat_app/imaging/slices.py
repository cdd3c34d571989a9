"""One frame of one file as a slice: where it lies, what its header says of it, which others lie as it does.

Scanners write the same place and the same direction with small differences. It knows headers and no pixels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydicom.multival import MultiValue

from chat_app.imaging.geometry import Placement
from chat_app.imaging.header import Header
from chat_app.records import Plane

T = TypeVar("T")

SAME_MM = 0.01
SAME_COSINE = 0.005  # a third of a degree
SAME_SPACING = 0.001  # of it
# Where the functional groups of an enhanced file say of a frame what other files say of themselves.
IN_GROUPS = {
    "EchoTime": (("MREchoSequence", "EffectiveEchoTime"),),
    "DiffusionBValue": (("MRDiffusionSequence", "DiffusionBValue"),),
    "TemporalPositionIdentifier": (("FrameContentSequence", "TemporalPositionIndex"),),
    "AcquisitionNumber": (("FrameContentSequence", "FrameAcquisitionNumber"),),
    "ImageType": (
        ("MRImageFrameTypeSequence", "ComplexImageComponent"),
        ("MRImageFrameTypeSequence", "FrameType"),
        ("CTImageFrameTypeSequence", "FrameType"),
        ("PETFrameTypeSequence", "FrameType"),
    ),
    "TriggerTime": (("CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime"),),
    "AcquisitionTime": (("FrameContentSequence", "FrameAcquisitionDateTime"),),
    "DimensionIndexValues": (("FrameContentSequence", "DimensionIndexValues"),),
}
WINDOW = ("WindowCenter", "WindowWidth")


@dataclass(frozen=True, eq=False)
class Slice:
    """One frame of one file, from 1, and where it lies."""

    header: Header
    number: int
    placed: Placement | None

    @property
    def plane(self) -> Plane:
        return self.header.plane(self.number)

    @property
    def position_mm(self) -> float | None:
        """Along its own normal."""
        return self.placed.position_mm if self.placed else None

    def value(self, keyword: str) -> Hashable:
        """What can be compared: a number where it is one, else a text, or several; of the frame if stated."""
        if self.header.frames > 1 and keyword in IN_GROUPS:
            found = [self.header.of_frame(self.number, *place) for place in IN_GROUPS[keyword]]
            stated = [_plain(value) for value in found if value is not None]
            return stated[0] if len(stated) == 1 else tuple(stated)
        numbers = self.header.numbers(keyword)
        if numbers is None:
            return self.header.text(keyword)
        return numbers[0] if len(numbers) == 1 else numbers

    @property
    def window(self) -> Hashable:
        """As it is written, for telling whether others have the same."""
        own = [
            _plain(self.header.of_frame(self.number, "FrameVOILUTSequence", keyword)) for keyword in WINDOW
        ]
        return tuple(own if self.header.frames > 1 and any(own) else map(self.header.text, WINDOW))


def every(header: Header) -> tuple[Slice, ...]:
    """All frames of a file in its order."""
    return tuple(Slice(header, number, placed) for number, placed in enumerate(header.placements, 1))


def instance(each: Slice) -> tuple[float, int]:
    """What slices are sorted by where their positions leave it open."""
    numbers = each.header.numbers("InstanceNumber")
    return (numbers[0] if numbers else float("inf")), each.number


def places(part: Iterable[Slice]) -> list[list[Slice]]:
    """Those that lie at one place together; of parallel slices."""
    found: list[list[Slice]] = []
    for each in sorted(part, key=_position):
        if found and _position(each) - _position(found[-1][0]) <= SAME_MM:
            found[-1].append(each)
        else:
            found.append([each])
    return found


def overlap(part: Iterable[Slice]) -> int:
    """The most that lie at one place."""
    return max(map(len, places(part)))


def parallel(part: Iterable[Slice]) -> list[list[Slice]]:
    """By direction."""
    return merged(grouped(part, direction), is_parallel)


def direction(each: Slice) -> Hashable:
    return None if each.placed is None else each.placed.axes.rounded


def is_parallel(one: Slice, other: Slice) -> bool:
    """Whether two slices lie in one direction, or neither says how it lies."""
    if one.placed is None or other.placed is None:
        return one.placed is other.placed
    pairs = zip(one.placed.axes.cosines, other.placed.axes.cosines, strict=True)
    return all(abs(a - b) <= SAME_COSINE for a, b in pairs)


def is_alike(one: tuple[float, ...] | None, other: tuple[float, ...] | None) -> bool:
    """Whether two pixel spacings are the same."""
    if one is None or other is None or len(one) != len(other):
        return one == other
    return all(abs(a - b) <= SAME_SPACING * abs(a) for a, b in zip(one, other, strict=True))


def grouped(items: Iterable[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    """Alike ones together, each group where its first stood."""
    groups: defaultdict[Hashable, list[T]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return list(groups.values())


def merged(groups: Sequence[list[T]], is_near: Callable[[T, T], bool]) -> list[list[T]]:
    """Groups whose first members are near each other, as one."""
    found: list[list[T]] = []
    for group in groups:
        near = next((other for other in found if is_near(other[0], group[0])), None)
        if near is None:
            found.append(list(group))
        else:
            near += group
    return found


def _position(each: Slice) -> float:
    return each.position_mm or 0.0


def _plain(value: Any) -> Hashable:
    if isinstance(value, MultiValue | list | tuple):
        return tuple(_plain(item) for item in value)
    return float(value) if isinstance(value, int | float) else str(value or "")

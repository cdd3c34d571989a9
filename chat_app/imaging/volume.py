"""A volume of voxels, cut along the axes of the patient as radiologists look at it.

Voxels are turned and mirrored and never resampled: what is shown was measured. It knows nothing of files.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chat_app.errors import InputError, TooLarge
from chat_app.imaging import geometry
from chat_app.imaging.cache import Cache, owner
from chat_app.imaging.geometry import NAMES, Axes, Grid, Placement, Vector
from chat_app.imaging.limits import MEGA
from chat_app.imaging.stack import check, picture
from chat_app.records import Frame, Image, Look, Plane

MOST_BYTES = 600 * MEGA
LEAST_SLICES = 3
X, Y, Z = range(3)
# Of each plane the patient axis through it, down it and along it to the right, each with its direction:
# R is at the left of axial and coronal pictures, A at the left of sagittal ones, H or A at the top.
LAID = {
    "axial": ((Z, -1), (Y, 1), (X, 1)),
    "coronal": ((Y, 1), (Z, -1), (X, 1)),
    "sagittal": ((X, 1), (Z, -1), (Y, 1)),
}
NO_VOLUME = "These pictures are no volume of evenly spaced, parallel slices: look at them as they were taken."


@dataclass(frozen=True, eq=False)
class Voxels:
    """values: (slices, rows, columns), or the same of RGB; the rest as in a Frame."""

    values: NDArray[Any]
    slope: float = 1.0
    intercept: float = 0.0
    inverted: bool = False
    padding: tuple[float, float] | None = None


VOLUMES: Cache[Voxels] = Cache(MOST_BYTES, lambda voxels: voxels.values.nbytes)


class Volume:
    """Voxels that are loaded when they are needed, and where they lie.

    shape: slices, rows, columns. grid: None where nobody knows how they lie. is_metric: steps are mm.
    """

    def __init__(
        self,
        load: Callable[[], Voxels],
        shape: tuple[int, int, int],
        grid: Grid | None,
        *,
        looks: Callable[[Volume], tuple[Look, ...]],
        sha256: Callable[[], str],
        described: Callable[[], Mapping[str, Any]],
        notes: tuple[str, ...] = (),
        is_metric: bool = True,
    ) -> None:
        self._load = load
        self.shape = shape
        self.grid = grid
        self._looks = looks
        self.sha256 = sha256
        self.described = described
        self.notes = notes
        self.is_metric = is_metric
        self._token = owner()
        weakref.finalize(self, VOLUMES.forget, self._token)

    @cached_property
    def looks(self) -> tuple[Look, ...]:
        """One window for all of it; none for colour."""
        return self._looks(self)

    @property
    def voxels(self) -> Voxels:
        return VOLUMES.get(self._token, 0, self._load)

    def cut(self, plane: str) -> Cut:
        """All its "axial", "coronal" or "sagittal" slices; raises InputError where it does not say which."""
        if plane not in LAID:
            raise InputError('A volume is cut "axial", "coronal" or "sagittal": choose one of these.')
        if self.grid is None:
            raise InputError("This file does not say how it lies in the patient: look at it as it is stored.")
        note = f"Cut {plane} from the volume, without resampling."
        return Cut(self, _laid(self.grid, plane), (note,))

    def as_stored(self) -> Cut:
        """Its slices along the first axis of the array, turned as radiologists look at them."""
        if self.grid is None:
            return Cut(self, ((0, False), (1, False), (2, False)), ())
        axes = _axes(self.grid)
        return Cut(self, _laid(self.grid, NAMES[axes[0]]), ())


Turned = tuple[tuple[int, bool], ...]


class Cut:
    """A stack of parallel slices through a volume; `turned` names array axes and whether each is mirrored."""

    unit = "slice"

    def __init__(self, volume: Volume, turned: Turned, notes: tuple[str, ...]) -> None:
        self.volume = volume
        self.turned = turned
        self.notes = notes

    @property
    def frames(self) -> int:
        return self.volume.shape[self.turned[0][0]]

    @property
    def start(self) -> int:
        """The slice shown first: the middle one."""
        return (self.frames + 1) // 2

    @property
    def looks(self) -> tuple[Look, ...]:
        return self.volume.looks

    @property
    def grid(self) -> Grid | None:
        """Where its voxels lie as they are shown, slice by slice; None where a step may be no mm."""
        if self.volume.grid is None or not self.volume.is_metric:
            return None
        through, down, right = self._steps
        return Grid(self._corner, (through, down, right))

    def frame(self, number: int) -> Frame:
        check(number, self.frames, self.unit)
        voxels = self.volume.voxels
        (axis, is_mirrored), *inside = self.turned
        index = self.frames - number if is_mirrored else number - 1
        values = voxels.values.take(index, axis)
        if inside[0][0] > inside[1][0]:
            values = values.swapaxes(0, 1)
        rows, columns = (slice(None, None, -1) if mirrored else slice(None) for _, mirrored in inside)
        return Frame(
            np.ascontiguousarray(values[rows, columns]),
            voxels.slope,
            voxels.intercept,
            voxels.inverted,
            voxels.padding,
            looks=self.looks,
        )

    def plane(self, number: int) -> Plane:
        check(number, self.frames, self.unit)
        if self.volume.grid is None:
            return Plane()
        through, down, right = self._steps
        corner = self._corner + (number - 1) * through
        lengths = float(np.linalg.norm(down)), float(np.linalg.norm(right))
        placed = Placement(Axes(right / lengths[1], down / lengths[0]), corner)
        return geometry.lie(placed, lengths if self.volume.is_metric else None, lengths[0] / lengths[1])

    def image(self, name: str, number: int, look: Look | None = None) -> Image:
        """That slice as a workstation shows it."""
        frame, volume = self.frame(number), self.volume
        notes = (*self.notes, *volume.notes)
        return picture(self, frame, name, number, look, volume.sha256(), notes, volume.described())

    def reformat(self, plane: str) -> Cut:
        """The same volume cut another way."""
        if min(self.volume.shape) < LEAST_SLICES:
            raise InputError(NO_VOLUME)
        return self.volume.cut(plane)

    @property
    def _steps(self) -> tuple[Vector, ...]:
        grid = self.volume.grid
        assert grid is not None  # cut() and as_stored() see to it
        return tuple(-grid.steps[axis] if mirrored else grid.steps[axis] for axis, mirrored in self.turned)

    @property
    def _corner(self) -> Vector:
        grid = self.volume.grid
        assert grid is not None
        mirrored = [axis for axis, is_mirrored in self.turned if is_mirrored]
        ends = [grid.steps[axis] * (self.volume.shape[axis] - 1) for axis in mirrored]
        return np.asarray(grid.corner + sum(ends, np.zeros(3)))


def gathered(frames: Iterable[Frame], shape: tuple[int, int, int]) -> Voxels:
    """Frames as one volume: as stored where all share one line to the modality's units, else in those units.

    Raises:
        InputError: they are colour, or not of one size.
    """
    values: NDArray[Any] = np.empty(shape, np.int16)
    first: Frame | None = None
    is_stored = True
    for place, frame in enumerate(frames):
        if frame.values.shape != shape[1:]:
            raise InputError(NO_VOLUME)
        if first is None:
            first, values = frame, np.empty(shape, frame.values.dtype)
        if is_stored and _line(frame) != _line(first):
            is_stored, values = False, _units(values, first)  # what is not filled yet does no harm
        values[place] = frame.values if is_stored else _units(frame.values, frame)
    if first is None:
        raise InputError(NO_VOLUME)
    if not is_stored:
        return Voxels(values, inverted=first.inverted)
    return Voxels(values, first.slope, first.intercept, first.inverted, first.padding)


def _line(frame: Frame) -> tuple[object, ...]:
    return frame.slope, frame.intercept, frame.padding, frame.values.dtype


def check_bytes(shape: tuple[int, int, int], item_bytes: int, most: int) -> None:
    """Raises TooLarge, when so many voxels cannot be held."""
    most = min(most, MOST_BYTES)
    if shape[0] * shape[1] * shape[2] * item_bytes > most:
        raise TooLarge(f"This volume takes more than {most / MEGA:g} MB: look at its slices as taken.")


def _units(values: NDArray[Any], frame: Frame) -> NDArray[np.float32]:
    """In the modality's units, and no number where they only fill the frame."""
    units = values.astype(np.float32) * np.float32(frame.slope) + np.float32(frame.intercept)
    if frame.padding is not None:
        units[(values >= frame.padding[0]) & (values <= frame.padding[1])] = np.nan
    return units


def _axes(grid: Grid) -> tuple[int, int, int]:
    """The patient axis that each axis of the array is nearest to, each taken once."""
    along = np.abs([step / np.linalg.norm(step) for step in grid.steps])
    orders = itertools.permutations(range(3))
    return max(orders, key=lambda order: float(sum(along[axis, order[axis]] for axis in range(3))))  # type: ignore[return-value]


def _laid(grid: Grid, plane: str) -> Turned:
    axes = _axes(grid)
    turned = []
    for patient_axis, direction in LAID[plane]:
        axis = axes.index(patient_axis)
        turned.append((axis, bool(grid.steps[axis][patient_axis] * direction < 0)))
    return tuple(turned)

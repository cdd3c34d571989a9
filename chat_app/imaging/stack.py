"""The frames of one picture, decoded when they are asked for and a little ahead, kept while there is room.

One window serves the whole stack. It knows nothing of files: a Source decodes.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from chat_app.errors import InputError
from chat_app.imaging import render, voi
from chat_app.imaging.cache import Cache, owner
from chat_app.imaging.geometry import Grid
from chat_app.imaging.limits import MEGA
from chat_app.records import Frame, Image, Look, Plane

if TYPE_CHECKING:
    from chat_app.imaging.volume import Volume

KEPT_BYTES = 400 * MEGA  # a CT of 500 slices, and half as much again
AHEAD = 3
MOST_WAITING = 16  # frames decoded ahead; whoever scrolls faster than that has passed them by
SAMPLE = 16
EVERY = 4  # of the rows and columns of a sampled slice: percentiles do not change by more
THREADS = min(8, os.cpu_count() or 2)


class Source(Protocol):
    """A file that frames are decoded from, counted from 1 as the file does."""

    def frame(self, number: int) -> Frame: ...

    def plane(self, number: int) -> Plane: ...

    def describe(self) -> Mapping[str, Any]:
        """What an Image says of the file, by the names of its fields."""
        ...

    def known(self) -> frozenset[str]:
        """What the file says of the patient, to be looked for in the pixels: never kept, never shown."""
        ...


@dataclass(frozen=True)
class Place:
    """Where one frame of a stack comes from."""

    source: Source
    number: int


def weight(frame: Frame) -> int:
    """Bytes that a frame takes."""
    tables = sum(look.table.nbytes for look in frame.looks if look.table is not None)
    return frame.values.nbytes + (0 if frame.overlay is None else frame.overlay.nbytes) + tables + 1000


FRAMES: Cache[Frame] = Cache(KEPT_BYTES, weight)
POOL = ThreadPoolExecutor(THREADS, thread_name_prefix="frames")
WAITING = threading.BoundedSemaphore(MOST_WAITING)


class FileStack:
    """A stack whose frames lie in files.

    sha256: computed when it is first asked for. notes: of the whole stack. grid: where its voxels lie, when
    they are a volume that can be cut. has_one_window: all have the same of their own. looks: of the whole
    stack, where they are known already.
    """

    def __init__(
        self,
        places: Sequence[Place],
        unit: str,
        sha256: Callable[[], str],
        *,
        notes: tuple[str, ...] = (),
        grid: Grid | None = None,
        has_one_window: bool = True,
        most_bytes: int = 2_000 * MEGA,
        looks: tuple[Look, ...] | None = None,
    ) -> None:
        self.places = tuple(places)
        self.unit = unit
        self.notes = notes
        self.grid = grid
        self.has_one_window = has_one_window
        self.most_bytes = most_bytes
        self._looks = looks
        self._sha256 = sha256
        self._token = owner()
        weakref.finalize(self, FRAMES.forget, self._token)

    @property
    def frames(self) -> int:
        return len(self.places)

    @cached_property
    def start(self) -> int:
        """The frame shown first: of slices the middle one, of frames in time the first, or one near it."""
        wanted = (self.frames + 1) // 2 if self.unit == "slice" else 1
        for number in (wanted, wanted + 1, wanted - 1):
            with suppress(InputError):  # one damaged slice must not hide the others
                check(number, self.frames, self.unit)
                self.kept(number)
                return number
        return wanted

    @property
    def looks(self) -> tuple[Look, ...]:
        return self._window[0]

    @cached_property
    def sha256(self) -> str:
        return self._sha256()

    @cached_property
    def described(self) -> Mapping[str, Any]:
        """What the file of the first shown frame says."""
        return self.places[self.start - 1].source.describe()

    def known(self) -> frozenset[str]:
        """What the file of the first shown frame says of the patient, to be looked for in the pixels."""
        return self.places[self.start - 1].source.known()

    def frame(self, number: int) -> Frame:
        """Decoded, with the looks of the stack where they fit; raises InputError, as `read` does."""
        check(number, self.frames, self.unit)
        frame = self.kept(number)
        self._decode_ahead(number)
        return replace(frame, looks=self.looks) if _is_alike(frame.looks, self.looks) else frame

    def plane(self, number: int) -> Plane:
        check(number, self.frames, self.unit)
        place = self.places[number - 1]
        return place.source.plane(place.number)

    def image(self, name: str, number: int, look: Look | None = None) -> Image:
        """That frame as a workstation shows it."""
        frame = self.frame(number)
        notes = (*self.notes, *self._window[1])
        return picture(self, frame, name, number, look, self.sha256, notes, self.described)

    def reformat(self, plane: str) -> Any:
        """The volume cut "axial", "coronal" or "sagittal"; raises InputError where it is none."""
        return self.volume.cut(plane)

    @cached_property
    def volume(self) -> Volume:
        """Raises InputError, when there are too few slices, or they are colour, uneven or not parallel."""
        from chat_app.imaging import volume  # which shows its slices through this file

        if self.grid is None or self.frames < volume.LEAST_SLICES or not self.looks:
            raise InputError(volume.NO_VOLUME)
        first = self.kept(self.start).values
        shape = (self.frames, *first.shape[:2])
        volume.check_bytes(shape, first.itemsize, self.most_bytes)
        return volume.Volume(
            lambda: volume.gathered(self.every(), shape),
            shape,
            self.grid,
            looks=lambda _: self.looks,
            sha256=lambda: self.sha256,
            described=lambda: self.described,
            notes=(*self.notes, *self._window[1]),
        )

    def kept(self, number: int) -> Frame:
        """As its file has it, with the looks of its own."""
        place = self.places[number - 1]
        return FRAMES.get(self._token, number, lambda: place.source.frame(place.number))

    def every(self) -> Iterator[Frame]:
        """All frames in order, decoded side by side; they push out what was kept before."""
        return POOL.map(self.kept, range(1, self.frames + 1))

    @cached_property
    def _window(self) -> tuple[tuple[Look, ...], tuple[str, ...]]:
        """The looks that serve all, those of the first shown frame if it has any, and what to say of them."""
        if self._looks is not None:
            return self._looks, ()
        looks = self.kept(self.start).looks
        if self.frames == 1 or not looks:
            return looks, ()
        number = self.start if self.has_one_window else self._windowed
        looks = self.kept(number).looks
        if looks[0].name == voi.PERCENTILE:
            return self._by_sample(looks)
        if self.has_one_window:
            return looks, ()
        return looks, (f"The window is that of {self.unit} {number}, for all: their own differ.",)

    @property
    def _windowed(self) -> int:
        """The first shown frame, or, if it states no window, the nearest of a sample that does."""
        near = sorted((self.start, *spread(self.frames, SAMPLE)), key=lambda each: abs(each - self.start))
        for number in near:
            with suppress(InputError):  # a damaged frame lends no window
                looks = self.kept(number).looks
                if looks and looks[0].name != voi.PERCENTILE:
                    return number
        return self.start

    def _by_sample(self, looks: tuple[Look, ...]) -> tuple[tuple[Look, ...], tuple[str, ...]]:
        frames = list(self._lent({self.start, *spread(self.frames, SAMPLE)}))
        look = voi.percentiles(np.concatenate([sampled(frame) for frame in frames]))
        if look.window.name == voi.FLAT:  # a small structure in few slices falls through any sample
            lent = self._lent(range(1, self.frames + 1))
            return (voi.percentiles(np.concatenate([edges(frame) for frame in lent])), *looks[1:]), ()
        note = f"The percentiles are those of {len(frames)} {self.unit}s spread over all {self.frames}."
        return (look, *looks[1:]), (note,)

    def _lent(self, numbers: Iterable[int]) -> Iterator[Frame]:
        """Those of the frames that can be decoded: a damaged one lends no values, and hides no others."""
        for number in sorted(numbers):
            frame = None
            with suppress(InputError):
                frame = self.kept(number)
            if frame is not None:
                yield frame

    def _decode_ahead(self, number: int) -> None:
        for step in range(1, AHEAD + 1):
            for other in (number + step, number - step):
                if 1 <= other <= self.frames and not FRAMES.has(self._token, other):
                    if not WAITING.acquire(blocking=False):
                        return
                    POOL.submit(self._decode_one, other)

    def _decode_one(self, number: int) -> None:
        """Its fault, if any, is met again by whoever asks for the frame."""
        try:
            self.kept(number)
        finally:
            WAITING.release()


def picture(
    stack: Any,
    frame: Frame,
    name: str,
    number: int,
    look: Look | None,
    sha256: str,
    notes: Sequence[str],
    described: Mapping[str, Any],
) -> Image:
    """A frame as a workstation shows it, with all that is known of it."""
    shown = render.rendered(frame, look)
    return Image(
        name=name,
        pixels=shown.pixels,
        sha256=sha256,
        frame=number,
        frames=stack.frames,
        window=shown.window,
        notes=(*shown.notes, *notes),
        plane=stack.plane(number),
        stack=stack,
        **{"format": "DICOM", **described},
    )


def _is_alike(own: Sequence[Look], shared: Sequence[Look]) -> bool:
    """Whether a frame may be shown as the others are: colour, bytes made for the eye and units differ."""
    if not own or not shared:
        return False
    return (own[0].name == voi.STORED) == (shared[0].name == voi.STORED)


def check(number: int, frames: int, unit: str) -> None:
    """Raises InputError, when there is no frame of that number."""
    if not 1 <= number <= frames:
        raise InputError(f"There is no {unit} {number} in this picture: choose one from 1 to {frames}.")


def spread(count: int, most: int) -> list[int]:
    """At most that many numbers from 1 to `count`, evenly spaced, the middle among them."""
    return sorted(
        {*np.linspace(1, count, min(count, most - 1)).round().astype(int).tolist(), (count + 1) // 2}
    )


def sampled(frame: Frame, every: int = EVERY) -> Any:
    """Some values of a frame in the modality's units, without padding."""
    values = frame.values[::every, ::every]
    if frame.padding is not None:
        values = values[(values < frame.padding[0]) | (values > frame.padding[1])]
    return values.astype(np.float64).ravel() * frame.slope + frame.intercept


def edges(frame: Frame) -> Any:
    """The lowest and the highest of all its values; none of a frame that is all padding."""
    values = sampled(frame, 1)
    finite = values[np.isfinite(values)]
    return np.array([finite.min(), finite.max()]) if finite.size else finite

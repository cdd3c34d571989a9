"""Pictures and what is known of them, as frozen records."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

# What a picture is called in a conversation: "image 1", or "image 1, slice 5" for one of several.
NAME = re.compile(r"(image \d+)(?:, (?:slice|frame) (\d+))?")


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of the original image.

    The origin is the outer corner of the first pixel, x to the right, y down, so a box over the whole of a
    100 x 80 picture is (0, 0, 100, 80). `image` is the picture's name in the conversation ("image 1").

    Raises:
        ValueError: the corners are not in order or lie above or left of the origin.
    """

    x0: float
    y0: float
    x1: float
    y1: float
    label: str = ""
    image: str = ""

    def __post_init__(self) -> None:
        if not (0 <= self.x0 < self.x1 and 0 <= self.y0 < self.y1):
            raise ValueError(f"Box {self.corners} has corners out of order or outside the picture.")

    @property
    def corners(self) -> tuple[float, float, float, float]:
        return (self.x0, self.y0, self.x1, self.y1)


@dataclass(frozen=True)
class Window:
    """A DICOM VOI window, in units of the modality (HU for CT)."""

    center: float
    width: float
    name: str = ""

    @property
    def description(self) -> str:
        named = f" ({self.name})" if self.name else ""
        return f"window {self.center:g}/{self.width:g}{named}"


@dataclass(frozen=True, eq=False)
class Look:
    """One way to show grey values: a window under a VOI function, or a table (PS3.3 C.11.2).

    name: what the page calls it ("as in the file", "lung"). function: "LINEAR", "LINEAR_EXACT" or "SIGMOID".
    table: the grey of each modality value from `first` on; with one, `window` only spans what it covers.
    """

    name: str
    window: Window
    function: str = "LINEAR"
    table: NDArray[np.uint8] | None = None
    first: int = 0


@dataclass(frozen=True, eq=False)
class Frame:
    """One decoded frame before any window: what the viewer is sent and every rendering starts from.

    values: int16, uint16 or float32 (rows, columns) for grey, or uint8 (rows, columns, 3) for RGB.
    slope, intercept: values * slope + intercept are the modality's units (HU for CT).
    inverted: the lowest value is white. padding: lowest and highest value that only fills the frame.
    overlay: bool (rows, columns), what the file draws over the picture. looks: none for RGB; looks[0] is
    how a workstation shows it. notes: what was done, in words.
    """

    values: NDArray[Any]
    slope: float = 1.0
    intercept: float = 0.0
    inverted: bool = False
    padding: tuple[float, float] | None = None
    overlay: NDArray[np.bool_] | None = None
    looks: tuple[Look, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plane:
    """How a picture lies in the patient, as far as its file says; nothing is guessed.

    letters: what lies at the left, right, top and bottom edge ("R", "L", "AH", "PF"), or None.
    spacing_mm: between rows, between columns, where a millimetre of the picture is one of the patient; None
    for a projection that is not calibrated. aspect: height of a pixel over its width.
    name: "axial", "coronal", "sagittal" where it is near one. position_mm: along the normal of the slices.
    """

    letters: tuple[str, str, str, str] | None = None
    spacing_mm: tuple[float, float] | None = None
    aspect: float = 1.0
    name: str = ""
    position_mm: float | None = None


@dataclass(frozen=True)
class Origin:
    """Whose picture it is and when it was made, without saying either.

    patient, study, series: keyed digests, "" where the file does not say; they differ from run to run. day:
    days since a day that nobody knows, so that only differences mean something.
    """

    patient: str = ""
    study: str = ""
    series: str = ""
    day: int | None = None


class Stack(Protocol):
    """The frames of one picture, decoded when they are asked for.

    unit: "slice" where they lie in space, "frame" where they follow in time. looks: of the whole stack, so
    that one window serves every slice; none for colour. Frames are counted from 1.
    """

    @property
    def unit(self) -> str: ...

    @property
    def frames(self) -> int: ...

    @property
    def looks(self) -> tuple[Look, ...]: ...

    def frame(self, number: int) -> Frame: ...

    def plane(self, number: int) -> Plane: ...

    def image(self, name: str, number: int, look: Look | None = None) -> Image:
        """That frame as a workstation shows it; raises InputError when there is none of that number."""
        ...

    def reformat(self, plane: str) -> Stack:
        """The same volume cut "axial", "coronal" or "sagittal"; raises InputError where it is no volume."""
        ...


@dataclass(frozen=True, eq=False)
class Image:
    """One picture as a workstation would show it, with what its file says about it.

    pixels: uint8, (rows, columns) for grey or (rows, columns, 3) for RGB, already windowed and turned
    upright.
    name: what the page and the prompt call it ("image 1"); never the file's name.
    sha256: of the file's bytes, so the same file is the same picture whatever it is called.
    modality, body_part: DICOM codes ("CR", "CHEST") when the file states them, else "".
    facts: what else the file states and a report may repeat, by DICOM keyword; no identifiers.
    notes: what was done to show it, in words ("Window 40/400 from the file").
    stack: where this frame and its neighbours come from; None for a picture made of pixels alone.
    withheld: what the file says of the patient and is kept back, by DICOM keyword, without the values.
    caution: why a person must look at it before it goes to a model ("" when it may go): a name may be burnt
    into the pixels.
    """

    name: str
    pixels: Pixels
    sha256: str
    format: str
    modality: str = ""
    body_part: str = ""
    frame: int = 1
    frames: int = 1
    window: Window | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    plane: Plane = field(default_factory=Plane)
    origin: Origin = field(default_factory=Origin)
    stack: Stack | None = None
    withheld: tuple[str, ...] = ()
    caution: str = ""

    @property
    def unit(self) -> str:
        """What one of several is called: "slice" or "frame"."""
        return self.stack.unit if self.stack else "frame"

    @property
    def place(self) -> str:
        """The name of this very frame: "image 1", or "image 1, slice 5" where there are several."""
        return f"{self.name}, {self.unit} {self.frame}" if self.frames > 1 else self.name

    def at(self, frame: int) -> Image:
        """Another frame of the same picture, under the same name; from 1."""
        if frame == self.frame or self.stack is None:
            return self
        return replace(self.stack.image(self.name, frame), caution=self.caution)

    @property
    def rows(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def columns(self) -> int:
        return int(self.pixels.shape[1])


@dataclass(frozen=True)
class Study:
    """The pictures of one conversation, in the order they came."""

    images: tuple[Image, ...] = ()

    def named(self, name: str) -> Image:
        """The picture called "image 1", or that slice of it for "image 1, slice 5".

        Raises:
            KeyError: there is none of that name.
            InputError: it has no frame of that number, or the frame cannot be decoded.
        """
        match = NAME.fullmatch(name)
        for image in self.images:
            if match and image.name == match[1]:
                return image.at(int(match[2] or image.frame))
        raise KeyError(name)

    def with_image(self, image: Image) -> Study:
        return replace(self, images=(*self.images, image))

    def turned(self, image: Image) -> Study:
        """The same pictures with this one in the place of the one of its name."""
        return replace(self, images=tuple(image if image.name == each.name else each for each in self.images))


@dataclass(frozen=True)
class Contract:
    """How a model must be fed: declared by its card, obeyed by imaging.view.

    size: side in pixels of the square the model sees. resize: "squash" or "pad".
    boxes: how it writes coordinates ("grid100", or "" for never). context: tokens it can hold.
    slices: the most of one stack that it is shown at once, evenly spaced; 1 shows the one in question.
    windows: by modality, the looks it wants, by name or as a window in HU: one for grey, three for its red,
    green and blue; a modality without an entry is shown as the file says. regions: whether it takes a region
    drawn by hand.
    """

    size: int
    resize: str = "pad"
    most_images: int = 1
    boxes: str = ""
    context: int = 2048
    slices: int = 1
    windows: Mapping[str, tuple[str | Window, ...]] = field(default_factory=dict)
    regions: bool = False

    @property
    def described(self) -> str:
        """How pictures are fed, in words."""
        several = f", at most {self.most_images} at once" if self.most_images > 1 else ", one at a time"
        windows = [
            f"{modality} under {', '.join(w if isinstance(w, str) else w.description for w in wanted)}"
            for modality, wanted in self.windows.items()
        ]
        fitted = "padded" if self.resize == "pad" else "squashed"
        return "; ".join([f"{fitted} to {self.size} x {self.size}{several}", *windows])


@dataclass(frozen=True, eq=False)
class View:
    """Exactly what the model was shown of one picture.

    image: the name of the frame it shows ("image 1, slice 5"). pixels: uint8 (size, size, 3). The picture
    lies at `left`, `top` in it, `width` x `height` large; the rest is padding. columns, rows: the size of the
    original, so that a box can be mapped back. windows: one for grey, three for a window a colour, none for
    what has none. notes: where it is not what the contract asks for.
    """

    image: str
    pixels: Pixels
    left: int
    top: int
    width: int
    height: int
    columns: int
    rows: int
    windows: tuple[Window, ...] = ()
    frame: int = 1
    frames: int = 1
    plane: str = ""
    notes: tuple[str, ...] = ()

    @property
    def description(self) -> str:
        """One line for the page: which frame, its size, windows and padding in words."""
        side = self.pixels.shape[0]
        whole = (self.width, self.height) == (side, side)
        fit = "squashed" if whole else f"padded from {self.width} x {self.height}"
        parts = [
            f"{self.image} of {self.frames}" if self.frames > 1 else self.image,
            self.plane,
            f"{self.columns} x {self.rows} {fit} to {side} x {side}",
            *(each.description for each in self.windows),
            *self.notes,
        ]
        return ", ".join(filter(None, parts))

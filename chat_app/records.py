"""The domain's words as frozen records. They know nothing of files, models or pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]


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
        """The picture called `name`; KeyError when there is none."""
        for image in self.images:
            if image.name == name:
                return image
        raise KeyError(name)

    @property
    def next_name(self) -> str:
        return f"image {len(self.images) + 1}"

    def with_image(self, image: Image) -> Study:
        return replace(self, images=(*self.images, image))


@dataclass(frozen=True)
class Contract:
    """How a model must be fed: declared by its card, obeyed by imaging.view.

    size: side in pixels of the square the model sees. resize: "squash" or "pad".
    boxes: how it writes coordinates ("grid100", or "" for never). context: tokens it can hold.
    """

    size: int
    resize: str = "pad"
    most_images: int = 1
    boxes: str = ""
    context: int = 2048


@dataclass(frozen=True, eq=False)
class View:
    """Exactly what the model was shown of one picture.

    pixels: uint8 (size, size, 3). The picture lies at `left`, `top` in it, `width` x `height` large; the rest
    is padding. columns, rows: the size of the original, so that a box can be mapped back.
    """

    image: str
    pixels: Pixels
    left: int
    top: int
    width: int
    height: int
    columns: int
    rows: int
    window: Window | None = None
    frame: int = 1

    @property
    def description(self) -> str:
        """One line for the page: size, window and padding in words."""
        side = self.pixels.shape[0]
        window = f", window {self.window.center:g}/{self.window.width:g}" if self.window else ""
        whole = (self.width, self.height) == (side, side)
        fit = "squashed" if whole else f"padded from {self.width} x {self.height}"
        size = f"{self.columns} x {self.rows} {fit} to {side} x {side}"
        return f"{self.image}, frame {self.frame}: {size}{window}"


class Source(StrEnum):
    """What a statement rests on."""

    SEEN = "seen"
    TOLD = "told"
    FILE = "file"
    TEMPLATE = "template"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True)
class Statement:
    """One sentence and what it rests on; `basis` says it in words ("seen in image 1")."""

    text: str
    source: Source
    basis: str
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True)
class ModelId:
    """Which model spoke: its card's name and the hash of its weights."""

    name: str
    sha256: str
    label: str = ""


@dataclass(frozen=True, eq=False)
class Answer:
    """What came back for one question, with all that is needed to reproduce it.

    text: readable, each box replaced by its number ("[1]" is boxes[0]). timings: seconds by name.
    images: the names of the pictures it is about.
    logprobs: natural log-probability of each generated token, in order. stopped: the user cut it short.
    fullness: share of the model's context in use, 0 to 1, for the meter.
    """

    text: str
    model: ModelId
    prompt: str
    seed: int
    statements: tuple[Statement, ...] = ()
    boxes: tuple[Box, ...] = ()
    warnings: tuple[str, ...] = ()
    views: tuple[View, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    logprobs: tuple[float, ...] = ()
    raw: str = ""
    stopped: bool = False
    fullness: float = 0.0
    images: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Turn:
    """One question with the names of the pictures it was about, and its answer."""

    question: str
    images: tuple[str, ...]
    answer: Answer


@dataclass(frozen=True)
class Conversation:
    """One user's pictures and turns; never shared, never on the Assistant."""

    study: Study = field(default_factory=Study)
    turns: tuple[Turn, ...] = ()

    def with_image(self, image: Image) -> Conversation:
        return replace(self, study=self.study.with_image(image))

    def with_turn(self, turn: Turn) -> Conversation:
        return replace(self, turns=(*self.turns, turn))

    def before(self, turn: int) -> Conversation:
        """The same pictures, with only the turns before number `turn` (from 0): for Undo, Retry and Edit."""
        return replace(self, turns=self.turns[:turn])


@dataclass(frozen=True)
class Section:
    """One part of a report. `name` is its key in the template, `code` its LOINC code."""

    name: str
    title: str
    statements: tuple[Statement, ...]
    code: str = ""

    @property
    def text(self) -> str:
        return "\n".join(statement.text for statement in self.statements)


@dataclass(frozen=True, eq=False)
class Report:
    """A draft, section by section. Only a clinician makes it anything else."""

    template: str
    title: str
    sections: tuple[Section, ...]
    model: ModelId
    prompt: str
    seed: int
    images: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    status: str = "draft"

    @property
    def unsupported(self) -> tuple[Statement, ...]:
        """Statements that rest on nothing; a report that has any is never done."""
        every = (statement for section in self.sections for statement in section.statements)
        return tuple(statement for statement in every if statement.source is Source.UNSUPPORTED)

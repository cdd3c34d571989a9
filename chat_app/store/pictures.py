"""Pictures as rows and packed bytes, and stacks whose frames are read from those when they are asked for.

It knows nothing of databases: whoever keeps the rows hands over how one frame is read.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from chat_app.errors import InputError, SetupError
from chat_app.imaging import render
from chat_app.imaging.burned import Masked
from chat_app.imaging.facts import FORMS, NUMBERS
from chat_app.imaging.geometry import Grid
from chat_app.imaging.stack import FileStack, Place
from chat_app.records import Box, Frame, Image, Look, Plane, Stack
from chat_app.store import forms
from chat_app.store.arrays import packed, unpacked

if TYPE_CHECKING:
    from chat_app.records import Pixels

# The digests in an Origin are under a secret of the running process: they mean something to it alone.
RUN = secrets.token_hex(16)

FACTS = frozenset((*FORMS, *NUMBERS, "PatientAge", "ContrastBolusAgent"))
KEYWORD = re.compile(r"[A-Za-z0-9]{1,64}")
IMAGE_ARRAYS, FRAME_ARRAYS = ("pixels", "stack"), ("values", "overlay", "looks")


@dataclass(frozen=True)
class Whole:
    """What is kept of a stack beside its frames.

    grid: corner and steps of one that can be cut. boxes: where every frame was blacked out before.
    """

    unit: str
    frames: int
    notes: tuple[str, ...]
    looks: str
    grid: tuple[tuple[float, ...], ...] = ()
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, eq=False)
class KeptFrame:
    """A frame as it is kept: texts, and its arrays packed. overlay: None for a frame without one."""

    form: str
    plane: str
    looks: str
    values: bytes
    overlay: bytes | None


def image_form(image: Image) -> str:
    """What is kept of an Image beside its arrays: facts of a known name, keywords without values."""
    facts = {keyword: value for keyword, value in image.facts.items() if keyword in FACTS}
    withheld = tuple(filter(KEYWORD.fullmatch, image.withheld))
    return forms.written(replace(image, facts=facts, withheld=withheld), IMAGE_ARRAYS)


def image(form: str, pixels: bytes) -> Image:
    """The Image that was kept, without its stack."""
    return forms.read(Image, form, pixels=array(pixels))


def comparable(images: Sequence[Image], runs: Sequence[str]) -> Iterator[Image]:
    """Pictures of the runs they were opened in, with as much of their origin as still means something.

    Days count from another day in each run. Two patients of one run stay two; a run's only patient may be
    that of another run, under another digest, and is compared with none.
    """
    seen = {(run, each.origin.patient) for each, run in zip(images, runs, strict=True)}
    patients = Counter(run for run, patient in seen if patient)
    for each, run in zip(images, runs, strict=True):
        patient = each.origin.patient if patients[run] > 1 else ""
        yield each if run == RUN else replace(each, origin=replace(each.origin, day=None, patient=patient))


def whole(image: Image) -> str:
    """The Whole of its stack as text, "" where it has none. Notes of the shown frame are that frame's."""
    stack = image.stack
    if stack is None:
        return ""
    grid: Grid | None = getattr(stack, "grid", None)
    vectors = (grid.corner, *grid.steps) if grid else ()
    lying = tuple(tuple(map(float, vector)) for vector in vectors)
    boxes = stack.boxes if isinstance(stack, Masked) else ()
    notes = _notes(image, stack)
    return forms.written(Whole(stack.unit, stack.frames, notes, looks_form(stack.looks), lying, boxes))


def _notes(image: Image, stack: Stack) -> tuple[str, ...]:
    """What was said of the picture beside what is said of the shown frame anyway."""
    with suppress(InputError):
        own = render.rendered(stack.frame(image.frame)).notes
        if image.notes[: len(own)] == own:
            return image.notes[len(own) :]
    return ()


def frame(stack: Stack, number: int) -> KeptFrame:
    """One frame for keeping; raises InputError, when it cannot be decoded."""
    found = stack.frame(number)
    return KeptFrame(
        forms.written(found, FRAME_ARRAYS),
        forms.written(stack.plane(number)),
        looks_form(found.looks),
        packed(found.values),
        None if found.overlay is None else packed(found.overlay),
    )


def looks_form(looks: Iterable[Look]) -> str:
    """Looks as text; a table is packed, as most of them are straight lines."""
    return json.dumps([{**forms.plain(replace(look, table=None)), "table": _packed(look)} for look in looks])


def looks(text: str) -> tuple[Look, ...]:
    """The looks that `looks_form` was given."""
    found = []
    for form in json.loads(text):
        table = form.pop("table")
        held = array(base64.b64decode(table)) if table else None
        found.append(forms.read(Look, json.dumps(form), table=held))
    return tuple(found)


def _packed(look: Look) -> str:
    return "" if look.table is None else base64.b64encode(packed(look.table)).decode("ascii")


def array(data: bytes) -> Any:
    """Raises SetupError, when the bytes are not what was kept."""
    try:
        return unpacked(data)
    except (ValueError, zlib.error) as error:
        raise SetupError(forms.DAMAGED) from error


@dataclass(frozen=True, eq=False)
class Kept:
    """The frames of one kept picture, as a source of a stack. read, lie: InputError where one is missing."""

    image: Image
    read: Callable[[int], KeptFrame]
    lie: Callable[[int], str]

    def frame(self, number: int) -> Frame:
        kept = self.read(number)
        overlay = None if kept.overlay is None else array(kept.overlay)
        return forms.read(
            Frame, kept.form, values=array(kept.values), overlay=overlay, looks=looks(kept.looks)
        )

    def plane(self, number: int) -> Plane:
        return forms.read(Plane, self.lie(number))

    def describe(self) -> Mapping[str, Any]:
        """What the picture's file said, as far as it is kept."""
        said = ("format", "modality", "body_part", "facts", "origin", "withheld", "caution")
        return {name: getattr(self.image, name) for name in said}

    def known(self) -> frozenset[str]:
        """Nothing: what the file said of the patient is not kept."""
        return frozenset()


class KeptStack(FileStack):
    """A stack whose frames are read from the store."""


def with_stack(image: Image, text: str, read: Callable[[int], KeptFrame], lie: Callable[[int], str]) -> Image:
    """The picture with the stack that was kept of it, none where there was none."""
    if not text:
        return image
    kept = forms.read(Whole, text)
    source = Kept(image, read, lie)
    grid = None
    if kept.grid:
        corner, *steps = (np.asarray(vector) for vector in kept.grid)
        grid = Grid(corner, (steps[0], steps[1], steps[2]))
    stack = KeptStack(
        [Place(source, number) for number in range(1, kept.frames + 1)],
        kept.unit,
        lambda: image.sha256,
        notes=kept.notes,
        grid=grid,
        looks=looks(kept.looks),
    )
    # Once more, as pixels are blacked out after the window: the darkest value may not be black under it.
    return replace(image, stack=Masked(stack, kept.boxes) if kept.boxes else stack)


def is_kept(image: Image) -> bool:
    """Whether its frames are read from the store."""
    stack = image.stack
    return isinstance(stack.stack if isinstance(stack, Masked) else stack, KeptStack)


def nothing() -> Pixels:
    """In the place of pixels that nobody will look at."""
    return np.zeros((1, 1), np.uint8)

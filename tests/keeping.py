"""For the tests of what is kept: a whole case made on the spot, and whether two records say the same."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np

from chat_app.errors import InputError
from chat_app.imaging.stack import picture
from chat_app.records import (
    Answer,
    Box,
    Category,
    Conversation,
    Frame,
    Image,
    Look,
    ModelId,
    Origin,
    Plane,
    Report,
    Review,
    Section,
    Signature,
    Source,
    Statement,
    Status,
    Study,
    Turn,
    View,
    Window,
)
from chat_app.settings import Settings
from chat_app.store import Store

ME, OTHER = "reader-1", "reader-2"
MODEL = ModelId("echo", "0" * 64, "for tests", "adapter", "nf4")
BOX = Box(1, 2.5, 30, 40.25, "opacity", "image 1, slice 5")
TABLE = Look("a table", Window(100, 50), "SIGMOID", np.arange(200, dtype=np.uint8), 3)


def same(one: Any, other: Any) -> bool:
    """Whether two records hold the same values, arrays included; of stacks only whether there are any."""
    if is_dataclass(one) and type(one) is type(other):
        names = [each.name for each in fields(one) if each.compare or each.name != "owner"]
        return all(_same_field(name, getattr(one, name), getattr(other, name)) for name in names)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and bool((one == other).all())
    return bool(one == other)


def _same_field(name: str, one: Any, other: Any) -> bool:
    return (one is None) == (other is None) if name == "stack" else same(one, other)


def image(number: int = 1, **others: Any) -> Image:
    """A picture without a stack, no two of them alike."""
    pixels = np.random.default_rng(number).integers(0, 256, (40, 50), dtype=np.uint8)
    image = Image(
        f"image {number}",
        pixels,
        f"{number:064x}",
        "DICOM",
        "CR",
        "CHEST",
        window=Window(40, 400, "soft"),
        facts={"ViewPosition": "AP", "PatientAge": "040Y"},
        notes=("Window 40/400 from the file",),
        plane=Plane(("R", "L", "A", "P"), (0.5, 0.25), 2.0, "axial", -12.5),
        origin=Origin("a1", "b2", "c3", 700),
        withheld=("PatientBirthDate", "PatientName"),
    )
    return replace(image, **others)


def turn(number: int = 0, images: tuple[str, ...] = ("image 1",)) -> Turn:
    """A question and an answer that use every field."""
    words = f"Answer {number}: [1], 3 µm, a line\nand a \u2028 and a lone \ud800."
    views = tuple(view(name, number) for name in images)
    answer = Answer(
        words,
        MODEL,
        "answer@1",
        7,
        statements=(Statement(words, Source.SEEN, "seen in image 1", (BOX,)),),
        boxes=(BOX,),
        warnings=("Look again.",),
        views=views,
        timings={"total": 0.1 + number},
        logprobs=(-0.25, float("-inf"), 0.1),
        raw=words,
        stopped=True,
        fullness=0.3,
        images=images,
        asked="What is it?",
    )
    return Turn(f"What is it, {number}?", images, answer, BOX)


def view(name: str, seed: int = 0) -> View:
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    return View(name, pixels, 0, 2, 16, 12, 50, 40, (Window(40, 400),), 1, 1, "axial", ("squashed",))


def report(version: int = 1) -> Report:
    """A draft with a statement of every review."""
    statements = tuple(
        Statement(f"{review} in version {version}.", Source.SEEN, "seen in image 1", (BOX,), "lungs", review)
        for review in Review
    )
    return Report(
        "chest-radiograph",
        "Chest radiograph",
        (Section("findings", "Findings", statements, "59776-5", True),),
        MODEL,
        "chest-radiograph@1",
        7,
        images=("image 1",),
        warnings=("Look again.",),
        timings={"total": 1.5},
        status=Status.PRELIMINARY,
        hashes={"image 1": "0" * 64},
        fields={"size_mm": "12"},
        categories=(Category("Lung-RADS", "2022", "4A", {"size_mm": "12"}, (), "Again in 3 months.", "ACR"),),
        answered={"critical": "told by telephone"},
        signatures=(Signature("reader-7", "2026-01-02T03:04:05Z", Status.PRELIMINARY, "1" * 64),),
        version=version,
        application="0",
    )


def conversation(turns: int = 2) -> Conversation:
    return Conversation(Study((image(1), image(2))), tuple(turn(number) for number in range(turns)))


class Stacked:
    """A stack of frames of every kind that a file can give: tables, overlays, padding, units, one damaged."""

    unit = "slice"

    def __init__(self, frames: int = 5, damaged: int = 0) -> None:
        self.frames, self.damaged = frames, damaged
        self.looks = (Look("as in the file", Window(40, 400)), TABLE)

    def frame(self, number: int) -> Frame:
        if number == self.damaged:
            raise InputError("This frame is damaged.")
        values = np.random.default_rng(number).integers(-1000, 3000, (12, 10), dtype=np.int16)
        overlay = values > 2000 if number % 2 else None
        return Frame(values, 1.5, -3.0, number == 2, (-1000, -990), overlay, self.looks, (f"Note {number}.",))

    def plane(self, number: int) -> Plane:
        return Plane(("R", "L", "A", "P"), (1.0, 1.0), 1.0, "axial", 5.0 * number)

    def image(self, name: str, number: int, look: Look | None = None) -> Image:
        described = {"format": "DICOM", "modality": "CT"}
        return picture(self, self.frame(number), name, number, look, "5" * 64, ("Of the whole.",), described)

    def reformat(self, plane: str) -> Any:
        raise InputError("These frames are no volume and cannot be cut otherwise.")


def stacked(frames: int = 5, damaged: int = 0) -> Image:
    """The third slice of one."""
    return Stacked(frames, damaged).image("image 1", 3)


def keep(kept: Store, said: Conversation, owner: str = ME) -> str:
    """Keeps all of it as a case of the owner."""
    case = kept.case(owner)
    for each in said.study.images:
        assert not kept.keep_image(case, each)
    for number, each in enumerate(said.turns):
        kept.keep_turn(case, number, each)
    return case


def files(where: Settings) -> bytes:
    """All bytes of the store, its log among them."""
    return b"".join(path.read_bytes() for path in sorted(where.folder.iterdir()))

"""The pictures nano is trained on, as arrays: pixels, what is known of each, and where it was marked.

It reads folders laid out as a set each (records.jsonl + images/) and knows which of their words mean what to
nano.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw
from tqdm import tqdm

from chat_app.data.pictures import opened as shown
from chat_app.data.records import Record
from chat_app.errors import SetupError
from chat_app.models.nano.specialty import Specialty
from chat_app.models.nano.tower import (
    DECISIONS,
    OBJECTS,
    OPEN_CLASSES,
    OPEN_DECISION,
    OPEN_KIND,
    OPEN_OBJECTS,
)

SIDE = 256
UNKNOWN = -1
SETS = ("cxr_nih", "cxr_lungbox", "mri_brain", "blood_cells", "vqa_rad")
DRAWINGS = 600
# The source of pictures that an adapter is trained on, and of those in which left and right are told apart.
ADDED, SIDED = "added", "sided"
_BOX_WORDS = {
    "Right Lung": "right lung",
    "Left Lung": "left lung",
    "glioma": "tumour",
    "meningioma": "tumour",
    "pituitary tumor": "tumour",
    "WBC": "white blood cell",
    "Platelets": "platelet",
}


@dataclass(frozen=True)
class Picture:
    """What is known of one picture: an answer for each decision or UNKNOWN, boxes in 0..1 by object."""

    source: str
    decisions: tuple[int, ...]
    boxes: tuple[tuple[int, float, float, float, float], ...] = ()
    boxed: bool = False


@dataclass(frozen=True)
class Mix:
    """How many of each source go into a batch of 32, how many more are made unrecognisable, and of which."""

    shares: Mapping[str, int]
    spoiled: int
    spoilable: tuple[str, ...]


BASE = Mix(
    {"cxr_nih": 9, "cxr_lungbox": 3, "mri_brain": 10, "blood_cells": 4, "vqa_rad": 2, "drawings": 1},
    3,
    ("cxr_nih", "mri_brain", "blood_cells"),
)


@dataclass(frozen=True, eq=False)
class Album:
    """pixels: uint8 (n, side, side, 3), squashed to a square; pictures: the n records."""

    pixels: np.ndarray[Any, np.dtype[np.uint8]]
    pictures: tuple[Picture, ...]
    mix: Mix = BASE

    def of(self, *sources: str) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Positions of the pictures from these sets."""
        return np.array([i for i, p in enumerate(self.pictures) if p.source in sources], dtype=np.int64)


def album(data: Path, split: str, seed: int = 0, side: int = SIDE) -> Album:
    """Every picture of `split` that nano can learn from, and drawings that are no medical picture at all.

    Raises:
        SetupError: a set is missing or holds no picture of the split.
    """
    pixels: list[np.ndarray[Any, np.dtype[np.uint8]]] = []
    pictures: list[Picture] = []
    for name in SETS:
        rows = [r for r in _records(data / name) if r["split"] == split]
        for record in tqdm(_distinct(rows, name), desc=f"reading {name}", leave=False):
            pixels.append(_square(data / name / record["image"], side))
            pictures.append(_picture(name, record))
    return _with_drawings(pixels, pictures, DRAWINGS, seed, side, BASE)


def added(records: Sequence[Record], specialty: Specialty, seed: int = 0, side: int = SIDE) -> Album:
    """The pictures of these records as an adapter's kind, and drawings."""
    names = " ".join((*specialty.classes, *specialty.things)).lower().split()
    source = SIDED if {"left", "right"} & set(names) else ADDED
    rows = list({record.path: record for record in records}.values())
    opened = (
        Pillow.fromarray(shown(r.path).pixels).convert("RGB")
        for r in tqdm(rows, desc="reading pictures", leave=False)
    )
    pixels = [_resized(picture, side) for picture in opened]
    pictures = [_added_picture(source, record, specialty) for record in rows]
    mix = Mix({source: 26, "drawings": 2}, 4, (source,))
    return _with_drawings(pixels, pictures, len(rows) // 10 + 1, seed, side, mix)


def _added_picture(source: str, record: Record, specialty: Specialty) -> Picture:
    boxes = tuple(
        (OBJECTS.index(OPEN_OBJECTS[thing]), *corners)
        for label, corners in record.boxes
        if (thing := specialty.thing_of(label)) is not None
    )
    known = {"kind": OPEN_KIND}
    if (number := specialty.class_of(record.labels)) is not None:
        known[OPEN_DECISION] = OPEN_CLASSES[number]
    return Picture(source, _decisions(**known), boxes, boxed=True)


def _with_drawings(
    pixels: list[np.ndarray[Any, np.dtype[np.uint8]]],
    pictures: list[Picture],
    count: int,
    seed: int,
    side: int,
    mix: Mix,
) -> Album:
    rng = np.random.default_rng(seed)
    drawn = [_resized(Pillow.fromarray(_drawing(rng)), side) for _ in range(count)]
    blank = [Picture("drawings", _decisions(kind="other"))] * count
    return Album(np.stack([*pixels, *drawn]), (*pictures, *blank), mix)


def _records(folder: Path) -> list[dict[str, Any]]:
    path = folder / "records.jsonl"
    if not path.is_file():
        raise SetupError(
            f"The training data lacks the set {folder.name}: give the folder that holds all of {SETS}."
        )
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _distinct(rows: Iterable[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """One record an image. VQA-RAD serves as pictures of other kinds, so its chest films are left out."""
    kept = {r["image"]: r for r in rows if not (name == "vqa_rad" and r["organ"] == "CHEST")}
    return list(kept.values())


def _square(path: Path, side: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    with Pillow.open(path) as file:
        return _resized(file.convert("RGB"), side)


def _resized(picture: Pillow.Image, side: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.asarray(picture.resize((side, side), Pillow.Resampling.BICUBIC))


def _decisions(**known: str) -> tuple[int, ...]:
    names = {name.replace(" ", "_"): classes for name, classes in DECISIONS.items()}
    return tuple(c.index(known[n]) if n in known else UNKNOWN for n, c in names.items())


def _picture(name: str, record: dict[str, Any]) -> Picture:
    labels = record.get("labels", [])
    boxes = tuple(
        (OBJECTS.index(_BOX_WORDS[b["label"]]), *b["box"])
        for b in record.get("boxes", [])
        if b["label"] in _BOX_WORDS
    )
    if name in ("cxr_nih", "cxr_lungbox"):
        known = {"kind": "chest X-ray", "view": record["view"].split()[0]}
        if name == "cxr_nih":
            known["film"] = "normal" if labels == ["No Finding"] else "abnormal"
        known = {k: v for k, v in known.items() if k != "view" or v in DECISIONS["view"]}
        return Picture(name, _decisions(**known), boxes, boxed=name == "cxr_lungbox")
    if name == "mri_brain":
        tumour = "pituitary tumour" if labels == ["pituitary tumor"] else labels[0]
        return Picture(name, _decisions(kind="brain MR", tumour=tumour), boxes, boxed=True)
    if name == "blood_cells":
        cells = {
            k: "present" if w in labels else "absent"
            for k, w in (("white_cells", "WBC"), ("platelets", "Platelets"))
        }
        return Picture(name, _decisions(kind="blood smear", **cells), boxes, boxed=True)
    return Picture(name, _decisions(kind="other"))


def _drawing(rng: np.random.Generator) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A picture of nothing medical: shapes, lines and letters on a plain, shaded or noisy ground."""
    ground = rng.integers(0, 256, 3)
    canvas = np.ones((SIDE, SIDE, 3)) * ground
    if rng.random() < 0.6:
        ramp = np.linspace(0, 1, SIDE)
        shade = np.outer(ramp, np.ones(SIDE)) if rng.random() < 0.5 else np.outer(np.ones(SIDE), ramp)
        canvas += shade[..., None] * rng.integers(-200, 200, 3)
    if rng.random() < 0.5:
        coarse = rng.integers(4, 64)
        noise = Pillow.fromarray(rng.integers(0, 256, (coarse, coarse, 3), dtype=np.uint8))
        canvas = 0.5 * canvas + 0.5 * np.asarray(noise.resize((SIDE, SIDE), Pillow.Resampling.BICUBIC))
    picture = Pillow.fromarray(canvas.clip(0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.integers(0, 14)):
        x0, y0 = rng.integers(-20, SIDE, 2)
        x1, y1 = x0 + rng.integers(5, 150), y0 + rng.integers(5, 150)
        shape = (draw.ellipse, draw.rectangle)[int(rng.integers(2))]
        shape((int(x0), int(y0), int(x1), int(y1)), fill=tuple(int(v) for v in rng.integers(0, 256, 3)))
    for _ in range(rng.integers(0, 8)):
        text = "".join(chr(c) for c in rng.integers(65, 122, rng.integers(2, 14)))
        x, y = (int(v) for v in rng.integers(0, SIDE, 2))
        draw.text((x, y), text, fill=int(rng.integers(0, 2**24)), font_size=int(rng.integers(8, 40)))
    if rng.random() < 0.5:
        picture = picture.convert("L").convert("RGB")
    return np.asarray(picture)

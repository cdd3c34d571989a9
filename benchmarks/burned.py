"""How well names burnt into pictures are found: `python benchmarks/burned.py [FOLDER]`.

Needs the extra "ocr". A name, a number or a date of a made-up patient and a side marker are drawn over real
pictures that come with pydicom, in several fonts, sizes, contrasts and places, from a fixed seed. Each is
searched as three kinds of file are: an ultrasound, a radiograph, and a file without a header. A text is found
when 95 % of its ink is black afterwards; a marker is lost when a tenth of it is. FOLDER: real files with
burnt-in text; of them is told how many lines are blacked out, without what they say.
Prints one JSON object: recall with Wilson's 95 % interval, by kind and by what was varied.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont
from pydicom import dcmread
from pydicom.data import get_testdata_file

from chat_app import imaging
from chat_app.imaging import burned, words
from chat_app.records import Image

FRAMES = 100
SEED = 7
FOUND, LOST = 0.95, 0.1  # shares of the ink
PICTURES = (
    "CT_small.dcm",
    "MR_small.dcm",
    "examples_overlay.dcm",
    "examples_rgb_color.dcm",
    "examples_jpeg2k.dcm",
)
LEAST_SIDE = 512
SIZES = (10, 12, 16, 24, 36)
CONTRASTS = (60, 120, 255)  # grey levels above what lies beneath
PLACES = ("corner", "edge", "inside")
MARKERS = ("L", "R", "LT", "AP")
FONTS = (
    "DejaVuSans",
    "DejaVuSansMono",
    "DejaVuSerif",
    "LiberationSansNarrow-Regular",
    "LiberationSans-Bold",
)

Ink = NDArray[np.bool_]


@dataclass(frozen=True)
class Person:
    """Someone who does not exist, as headers write them and as pictures show them."""

    header: tuple[str, ...]
    lines: tuple[str, ...]


PEOPLE = (
    Person(
        ("Okonkwo^Wilhelmina", "MRN0048213", "19620831"),
        ("OKONKWO WILHELMINA", "Okonkwo, Wilhelmina", "MRN0048213", "31.08.1962"),
    ),
    Person(
        ("SMITH^JOHN", "77120455", "19310820"), ("SMITH^JOHN", "John Smith", "ID: 77120455", "08/20/1931")
    ),
    Person(
        ("Müller^Jörg", "K-90127", "19551103"), ("MUELLER^JOERG", "Müller, Jörg", "K-90127", "1955-11-03")
    ),
    Person(("Li^Na", "A1B2C3D4", "19880214"), ("LI^NA", "Li Na", "A1B2C3D4", "14 Feb 1988")),
    Person(
        ("García Pérez^Ana", "5550917", "20010709"), ("GARCIA PEREZ, ANA", "García", "5550917", "20010709")
    ),
)


@dataclass(frozen=True)
class Drawn:
    """A picture with a text and a marker over it, the ink of both, and how they were drawn."""

    pixels: NDArray[np.uint8]
    person: Person
    text: Ink
    marker: Ink
    manner: dict[str, str]


# Which file the picture is taken for: what its header knows, and whether every word in a margin goes.
KINDS: dict[str, Callable[[Drawn], Image]] = {
    "ultrasound": lambda drawn: Image("image 1", drawn.pixels, "", "DICOM", modality="US", caution="Look."),
    "radiograph": lambda drawn: Image("image 1", drawn.pixels, "", "DICOM", modality="CR"),
    "without a header": lambda drawn: Image("image 1", drawn.pixels, "", "PNG"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures how well burnt-in names are found.")
    parser.add_argument("folder", type=Path, nargs="?", help="real DICOM files with burnt-in text")
    parser.add_argument("--frames", type=int, default=FRAMES, help="how many pictures are drawn")
    options = parser.parse_args()
    result = measured(options.frames)
    if options.folder:
        result["real files"] = [real(path) for path in sorted(options.folder.glob("*.dcm"))]
    print(json.dumps(result, indent=2))


def measured(frames: int) -> dict[str, Any]:
    """Recall and lost markers, by kind of file and by manner of drawing."""
    found: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    lost: dict[str, list[bool]] = defaultdict(list)
    held: dict[str, list[bool]] = defaultdict(list)
    seconds: list[float] = []
    for drawn in made(frames):
        for kind, image in KINDS.items():
            known = drawn.person.header if kind != "without a header" else ()
            began = time.perf_counter()
            checked = burned.check(image(drawn), known)
            seconds.append(time.perf_counter() - began)
            black = changed(checked.pixels, drawn.pixels)
            is_found = bool(black[drawn.text].mean() >= FOUND)
            held[kind].append(bool(checked.caution))
            lost[kind].append(bool(black[drawn.marker].mean() >= LOST))
            for group in ("all", *(f"{what} {how}" for what, how in drawn.manner.items())):
                found[kind][group].append(is_found)
    return {
        "frames": frames,
        "fonts": len(fonts()),
        "median seconds": round(sorted(seconds)[len(seconds) // 2], 2),
        "recall": {
            kind: {g: rate(hits) for g, hits in sorted(groups.items())} for kind, groups in found.items()
        },
        "waits for a look": {kind: rate(hits) for kind, hits in held.items()},
        "markers blacked out": {kind: rate(hits) for kind, hits in lost.items()},
    }


def changed(pixels: NDArray[np.uint8], before: NDArray[np.uint8]) -> Ink:
    """Which pixels the search blacked out."""
    differs: Ink = pixels != before
    return differs.any(axis=-1) if differs.ndim == 3 else differs


def made(frames: int) -> Iterator[Drawn]:
    """That many pictures, the same ones each time."""
    chance = random.Random(SEED)
    for number in range(frames):
        pixels = background(PICTURES[number % len(PICTURES)])
        manner = {
            "font": chance.choice(fonts()),
            "size": str(chance.choice(SIZES)),
            "contrast": str(chance.choice(CONTRASTS)),
            "place": chance.choice(PLACES),
        }
        person = chance.choice(PEOPLE)
        text = ink(pixels.shape[:2], chance.choice(person.lines), manner, chance)
        marker = text
        while near(text, marker):
            letters = chance.choice(MARKERS)
            marker = ink(pixels.shape[:2], letters, manner | {"size": "24", "place": "edge"}, chance)
        yield Drawn(painted(pixels, text | marker, int(manner["contrast"])), person, text, marker, manner)


def near(text: Ink, marker: Ink) -> bool:
    """Whether the marker stands in the text's own rows, where a reader takes both for one line."""
    return bool((text.any(axis=1) & marker.any(axis=1)).any())


def ink(shape: tuple[int, ...], text: str, manner: dict[str, str], chance: random.Random) -> Ink:
    """Where the letters are, in a canvas of (rows, columns)."""
    rows, columns = shape
    font = typeface(manner["font"], int(manner["size"]))
    left, top, right, bottom = ImageDraw.Draw(Pillow.new("L", (1, 1))).textbbox((0, 0), text, font=font)
    most_x, most_y = max(columns - int(right), 9), max(rows - int(bottom), 9)
    at = {
        "corner": (chance.choice((4, most_x - 4)), chance.choice((4, most_y - 4))),
        "edge": (chance.choice((4, most_x - 4)), chance.randint(most_y // 4, most_y * 3 // 4)),
        "inside": (most_x // 2 + chance.randint(-40, 40), most_y // 2 + chance.randint(-40, 40)),
    }[manner["place"]]
    canvas = Pillow.new("L", (columns, rows), 0)
    ImageDraw.Draw(canvas).text((at[0] - left, at[1] - top), text, fill=255, font=font)
    letters: Ink = np.asarray(canvas) > 96
    return letters


def painted(pixels: NDArray[np.uint8], letters: Ink, contrast: int) -> NDArray[np.uint8]:
    """The letters that much brighter than the mean of what lies beneath them; darker where that is white."""
    beneath = float(pixels[letters].mean())
    level = beneath + contrast if beneath + contrast <= 255 or beneath < 128 else beneath - contrast
    drawn = pixels.copy()
    drawn[letters] = np.uint8(np.clip(level, 1, 255))
    return drawn


@cache
def background(name: str) -> NDArray[np.uint8]:
    """A picture that comes with pydicom, enlarged to at least 512 pixels where it is smaller."""
    pixels = imaging.read(Path(str(get_testdata_file(name))), name="image 1", frame=1).pixels
    scale = math.ceil(LEAST_SIDE / min(pixels.shape[:2]))
    size = (pixels.shape[1] * scale, pixels.shape[0] * scale)
    shown = Pillow.fromarray(np.maximum(pixels, 1))  # so that black is what the search painted
    return np.asarray(shown.resize(size, Pillow.Resampling.BICUBIC) if scale > 1 else shown).clip(1)


@cache
def fonts() -> tuple[str, ...]:
    """Those of FONTS that are installed, else Pillow's own."""
    return tuple(name for name in FONTS if _is_installed(name)) or ("Pillow's own",)


def _is_installed(name: str) -> bool:
    try:
        ImageFont.truetype(f"{name}.ttf")
    except OSError:
        return False
    return True


@cache
def typeface(name: str, size: int) -> Any:
    """Pillow looks for a font by its name wherever the system keeps them."""
    return ImageFont.truetype(f"{name}.ttf", size) if name in FONTS else ImageFont.load_default(size)


def rate(hits: list[bool]) -> dict[str, Any]:
    """How many of how many, and Wilson's interval of 95 %."""
    low, high = wilson(sum(hits), len(hits))
    return {
        "of": len(hits),
        "share": round(sum(hits) / len(hits), 3),
        "interval": [round(low, 3), round(high, 3)],
    }


def wilson(hits: int, count: int, z: float = 1.96) -> tuple[float, float]:
    share, spread = hits / count, z * z / count
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / count + spread / (4 * count))
    return max(0.0, centre - half), min(1.0, centre + half)


def real(path: Path) -> dict[str, Any]:
    """How many lines are read in a real file's first frame, and how many of them still are afterwards."""
    dataset = dcmread(path)
    image = imaging.read(path, name="image 1", frame=1)
    image = replace(image, stack=None, caution=burned.caution(dataset))
    known = words.known(dataset)
    before = words.read_text(image.pixels)
    checked = burned.check(image, known)
    return {
        "file": path.name,
        "lines": len(before),
        "blacked out": len(before) - len(words.read_text(checked.pixels)),
        "identifying": len(words.find(image.pixels, known, is_strict=True)),
        "identifying left": len(words.find(checked.pixels, known, is_strict=True)),
    }


if __name__ == "__main__":
    main()

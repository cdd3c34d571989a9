"""Boxes: COCO's JSON, and the CSV of VinDr-CXR.

COCO as in cocodataset.github.io, dataset/format-data.htm: images {id, width, height, file_name, license},
annotations {image_id, category_id, bbox [x, y, width, height] in pixels}, categories {id, name}, licenses
{id, name}; in the folder or its annotations/.

VinDr-CXR as on Kaggle (train.csv: image_id, class_name, class_id, rad_id, x_min, y_min, x_max, y_max) or
PhysioNet (annotations_train.csv: image_id, rad_id, class_name, x_min ...), as public code quotes both;
"No finding" has no box. Boxes are in pixels of the original, whose size is read from the picture unless the
CSV has image_width and image_height. Those of every radiologist are kept; `said["readers"]` counts them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chat_app.data import files
from chat_app.data.pictures import size
from chat_app.data.records import Fault, Place, Record, placed, split_named, under
from chat_app.errors import InputError

NAME = "coco"
NEEDS = "the fields of COCO's image and annotation, or of VinDr's CSV"
CORNERS = ("x_min", "y_min", "x_max", "y_max")
ENDINGS = (".dicom", ".dcm", ".png", ".jpg", ".jpeg")
NOTHING = "No finding"
SPLITS = ("train", "val", "test")


def looks_like(folder: Path) -> bool:
    """Whether it holds COCO's JSON or VinDr's CSV."""
    return bool(_annotations(folder) or _tables(folder))


def read(folder: Path) -> Iterator[Record]:
    """Raises InputError for an entry that lacks a field."""
    for path in _annotations(folder):
        yield from _read_coco(folder, path)
    for path in _tables(folder):
        yield from _read_vindr(folder, path)


def _annotations(folder: Path) -> list[Path]:
    found = [*files.top(folder, ".json"), *files.top(folder / "annotations", ".json")]
    return [path for path in found if _is_coco(files.peek(path), path)]


def _is_coco(beginning: str, path: Path) -> bool:
    if not beginning.lstrip().startswith("{"):
        return False
    if '"file_name"' in beginning:
        return '"images"' in beginning or '"width"' in beginning
    # Annotations may stand first and be longer than what was looked at.
    return '"bbox"' in beginning and '"category_id"' in beginning and '"images"' in files.text(path)


def _read_coco(folder: Path, path: Path) -> Iterator[Record]:
    whole, split = files.load(path), _split(path.stem)
    with files.row(folder.name, 1, NEEDS):
        names = {each["id"]: str(each["name"]) for each in whole["categories"]}
        licences = {each["id"]: str(each["name"]) for each in whole.get("licenses") or ()}
        marks: dict[Any, list[Any]] = {}
        for mark in whole["annotations"]:
            marks.setdefault(mark["image_id"], []).append(mark)
    for number, image in enumerate(whole["images"], 1):
        with files.row(folder.name, number, NEEDS):
            boxes, faults = placed(
                _box(mark, names, image) for mark in marks.get(image["id"], ()) if mark.get("bbox")
            )
            record = Record(
                id=f"{path.stem}-{image['id']}",
                set=folder.name,
                path=_picture(folder, str(image["file_name"]), split),
                split=split,
                labels=tuple(sorted({names[mark["category_id"]] for mark in marks.get(image["id"], ())})),
                boxes=boxes,
                licence=licences.get(image.get("license"), ""),
                faults=faults,
            )
        yield record


def _box(mark: Any, names: dict[Any, str], image: Any) -> tuple[str, tuple[float, ...]]:
    x, y, width, height = mark["bbox"]
    across, down = float(image["width"]), float(image["height"])
    return names[mark["category_id"]], (x / across, y / down, (x + width) / across, (y + height) / down)


def _picture(folder: Path, name: str, split: str) -> Path:
    inside = [path.name for path in folder.glob(f"{split}*") if path.is_dir()] if split else []
    return files.first_there(*(under(folder / place, name) for place in ("images", *sorted(inside), ".")))


def _tables(folder: Path) -> list[Path]:
    found = [*files.top(folder, ".csv"), *files.top(folder / "annotations", ".csv")]
    return [path for path in found if {"image_id", "class_name", *CORNERS} <= {*files.header(path)}]


def _read_vindr(folder: Path, path: Path) -> Iterator[Record]:
    split = _split(path.stem)
    images: dict[str, list[files.Cells]] = {}
    for _, row in files.cells(path):
        images.setdefault(row["image_id"], []).append(row)
    for number, (name, rows) in enumerate(images.items(), 1):
        with files.row(folder.name, number, NEEDS):
            picture = files.first_there(
                *(
                    under(folder / place, f"{name}{ending}")
                    for place in (split or ".", "images", ".")
                    for ending in ENDINGS
                )
            )
            boxes, faults = _places(picture, rows)
            labels = tuple(sorted({row["class_name"] for row in rows}))
            readers = len({row["rad_id"] for row in rows if row.get("rad_id")})
            record = Record(
                id=f"{path.stem}-{name}",
                set=folder.name,
                path=picture,
                split=split,
                modality="X-ray",
                labels=labels,
                boxes=boxes,
                said={"readers": readers},
                faults=faults,
            )
        yield record


def _places(picture: Path, rows: list[files.Cells]) -> tuple[tuple[Place, ...], tuple[Fault, ...]]:
    """The boxes of one picture; none where its size cannot be known, for then it cannot be opened either."""
    marked = [row for row in rows if row["class_name"] != NOTHING and row["x_min"]]
    if not marked:
        return (), ()
    try:
        across, down = _stated(marked[0]) or size(picture)
    except InputError:
        return (), ()
    scale = (across, down, across, down)
    return placed(
        (row["class_name"], [float(row[key]) / side for key, side in zip(CORNERS, scale, strict=True)])
        for row in marked
    )


def _stated(row: files.Cells) -> tuple[int, int] | None:
    width, height = row.get("image_width", ""), row.get("image_height", "")
    return (int(float(width)), int(float(height))) if width and height else None


def _split(stem: str) -> str:
    words = [split_named(word) for word in stem.lower().replace("2017", "").replace("2014", "").split("_")]
    return next((word for word in words if word in SPLITS), "")

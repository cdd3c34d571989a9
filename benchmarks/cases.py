"""How well similar cases are found: `python -m benchmarks.cases --data FOLDER`.

The folder holds sets of labelled pictures, each with records.jsonl (docs/data.md): cxr_nih, mri_brain,
us_breast, us_nerve, blood_cells. A picture of the test split is asked about; a case counts as right when its
label is the same. The library is the training split, which nano learned from, and, for an honest figure, the
validation split, which it did not. Beside it stand chance and the cosine of the same pictures as 32 x 32
greys. The floor was chosen on the validation split; no patient is in two splits.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import chat_app
from chat_app.assistant import Assistant
from chat_app.data import pictures, reader
from chat_app.data.records import Record
from chat_app.evaluation.measure import Scored, Way, figure, once
from chat_app.models.nano.likeness import FLOOR
from chat_app.records import Tower
from chat_app.retrieval.cases import vectors
from chat_app.retrieval.cases.search import nearest
from chat_app.settings import Settings

RESULT = Path(__file__).parent / "results" / "rules" / "cases.json"
ABOUT = "Precision@5 of similar cases: test pictures in libraries of training and of validation pictures."
SETS = ("blood_cells", "cxr_nih", "mri_brain", "us_breast", "us_nerve")
SLICES = "mri_brain"  # of it every second picture is taken, for neighbours are much the same
# Of the sets that only stand for a kind of picture, the first so many of each split.
KINDS, MOST_OF_KIND = ("blood_cells", "us_breast", "us_nerve"), {"train": 300, "val": 60, "test": 60}
FOLDS = ("mri_brain",)  # its groups are folds of patients, who are not told apart
SPLITS = ("train", "val", "test")
MOST, SIDE, BATCH = 5, 32, 16
FLOORS = (0.8, 0.85, 0.9, 0.92, 0.94, 0.96)
SMALL = 100  # cases of a small library


@dataclass(frozen=True, eq=False)
class Seen:
    """A picture as nano (d,) and as its greys (1024,) see it, both of length one."""

    record: Record
    nano: Any
    grey: Any


Class = Callable[[Record], str]
Of = Callable[[Seen], Any]
# What a case has to share with the picture, and the sets among which it is looked for.
TASKS: dict[str, tuple[tuple[str, ...], Class]] = {
    "kind of picture": (SETS, lambda record: record.set),
    "tumour": (("mri_brain",), lambda record: record.labels[0]),
    "film, normal or not": (("cxr_nih",), lambda record: str("No Finding" in record.labels)),
}
SEEING: dict[str, Of] = {"nano": lambda seen: seen.nano, "greys": lambda seen: seen.grey}


def seen(records: Sequence[Record], tower: Tower) -> Iterator[Seen]:
    """The pictures as they would be kept, seen both ways."""
    for start in tqdm(range(0, len(records), BATCH), unit="batch", disable=None, leave=False):
        batch = records[start : start + BATCH]
        small = [vectors.small(pictures.opened(record.path)) for record in batch]
        rows = vectors.unit(tower.look(small))
        greys = vectors.unit(np.stack([pictures.grey(each.pixels, SIDE).ravel() for each in small]))
        yield from (Seen(*each) for each in zip(batch, rows, greys, strict=True))


def precision(asked: Sequence[Seen], library: Sequence[Seen], same: Class) -> dict[str, Any]:
    """Of the five nearest, each way of seeing, and of five at random, with the intervals."""
    classes = np.array([same(each.record) for each in library])
    found: dict[str, Any] = {"asked": len(asked), "library": len(library)}
    for name, of in SEEING.items():
        rows = np.stack([of(each) for each in library])
        hits = [
            np.mean([classes[row] == same(each.record) for row, _ in nearest(rows, of(each), -1.0, MOST)])
            for each in asked
        ]
        found[name] = interval(asked, hits)
    found["chance"] = interval(asked, [np.mean(classes == same(each.record)) for each in asked])
    return found


def interval(asked: Sequence[Seen], values: Sequence[Any]) -> list[float]:
    """Mean, lower and upper end of 95 %, patients resampled, or pictures where none are named."""
    records = [
        replace(each.record, group="" if each.record.set in FOLDS else each.record.group) for each in asked
    ]
    merits = [{Way.SEEN: once(float(value))} for value in values]
    found = figure([Scored(record, merit) for record, merit in zip(records, merits, strict=True)])
    return [round(each, 4) for each in (found.value, *found.interval)]


def floors(asked: Sequence[Seen], library: Sequence[Seen], most: int) -> dict[str, dict[str, float]]:
    """Of libraries of one set each, how often a picture of the set finds a case, and another finds none."""
    own, others = list[float](), list[float]()
    for name in SETS:
        cases = [each for each in library if each.record.set == name]
        step = max(1, len(cases) // most) if most else 1
        rows = np.stack([each.nano for each in cases[::step]])
        for each in asked:
            best = float((rows @ each.nano).max())
            (own if each.record.set == name else others).append(best)
    return {
        str(floor): {
            "own kind finds a case": round(float(np.mean(np.array(own) >= floor)), 4),
            "another kind finds none": round(float(np.mean(np.array(others) < floor)), 4),
        }
        for floor in FLOORS
    }


def measured(data: Path) -> dict[str, Any]:
    records = [record for name in SETS for record in taken(reader.read(data / name), name)]
    return figures(list(seen(records, Assistant(Settings()).tower)))


def taken(records: Sequence[Record], name: str) -> Iterator[Record]:
    """What of the set of that name is asked with and looked for."""
    for split in SPLITS:
        most = MOST_OF_KIND[split] if name in KINDS else None
        of_split = [record for record in records if record.split == split]
        yield from of_split[:: 2 if name == SLICES else 1][:most]


def figures(rows: Sequence[Seen]) -> dict[str, Any]:
    splits = {split: [each for each in rows if each.record.split == split] for split in SPLITS}
    return {
        "floor": FLOOR,
        "pictures": {
            name: {split: len(_of(each, (name,))) for split, each in splits.items()} for name in SETS
        },
        "precision@5": {
            name: {
                split: precision(_of(splits["test"], sets), _of(splits[split], sets), same)
                for split in ("train", "val")
            }
            for name, (sets, same) in TASKS.items()
        },
        "floors on val": {
            "whole library": floors(splits["val"], splits["train"], 0),
            f"about {SMALL} cases": floors(splits["val"], splits["train"], SMALL),
        },
        "floors on test": {"whole library": floors(splits["test"], splits["train"], 0)},
    }


def _of(rows: Sequence[Seen], sets: Sequence[str]) -> list[Seen]:
    return [each for each in rows if each.record.set in sets]


def main() -> None:
    made = argparse.ArgumentParser(prog="python -m benchmarks.cases", description=ABOUT)
    made.add_argument("--data", type=Path, required=True, help="folder of the sets")
    made.add_argument("--out", type=Path, default=RESULT, help="where the figures go")
    options = made.parse_args()
    record = {"name": "cases", "about": ABOUT, "lightbox": chat_app.__version__, **measured(options.data)}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()

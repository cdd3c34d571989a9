"""The benchmark's own code, on vectors made up so that what it must find is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from benchmarks import cases
from chat_app.data.records import Record


def row(number: int, split: str, label: str, *, set_name: str = "mri_brain") -> cases.Seen:
    """nano tells the labels apart wholly, the greys not at all."""
    record = Record(
        id=str(number),
        set=set_name,
        path=Path(f"{number}.png"),
        split=split,
        labels=(label,),
        group=str(number),
    )
    told = np.eye(2, dtype=np.float32)[int(label == "glioma")]
    return cases.Seen(record, told, np.ones(2, np.float32))


def test_precision_is_counted_over_the_five_nearest() -> None:
    library = [row(number, "train", ("cyst", "glioma")[number % 2]) for number in range(20)]
    asked = [row(100 + number, "test", "glioma") for number in range(4)]
    found = cases.precision(asked, library, lambda record: record.labels[0])
    assert (found["asked"], found["library"]) == (4, 20)
    assert found["nano"][0] == 1 and found["chance"][0] == 0.5
    assert found["greys"][0] == 0.4, "all are as near, so the first five are taken"


def test_a_floor_keeps_the_own_kind_and_refuses_others() -> None:
    sets = cases.SETS
    eye = np.eye(len(sets), dtype=np.float32)
    rows = {
        split: [
            cases.Seen(row(number, split, "x", set_name=name).record, eye[number], eye[number])
            for number, name in enumerate(sets)
        ]
        for split in ("train", "val")
    }
    for found in cases.floors(rows["val"], rows["train"], 0).values():
        assert found == {"own kind finds a case": 1.0, "another kind finds none": 1.0}


def test_of_slices_every_second_is_taken_and_of_mere_kinds_the_first() -> None:
    records = [row(number, ("train", "val")[number % 2], "x").record for number in range(200)]
    slices = [record.id for record in cases.taken(records, "mri_brain")]
    assert slices[:3] == ["0", "4", "8"] and len(slices) == 100
    kinds = [record.split for record in cases.taken(records, "us_breast")]
    assert (kinds.count("train"), kinds.count("val")) == (100, 60)


def test_the_figures_kept_are_of_this_benchmark() -> None:
    kept = json.loads(cases.RESULT.read_text())
    assert kept["name"] == "cases" and kept["floor"] == cases.FLOOR
    assert set(kept["precision@5"]) == set(cases.TASKS)
    for libraries in kept["precision@5"].values():
        for found in libraries.values():
            for name in (*cases.SEEING, "chance"):
                mean, low, high = found[name]
                assert low <= mean <= high

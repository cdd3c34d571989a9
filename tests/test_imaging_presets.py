"""Presets are offered where the values are HU, those of the body part first, and nowhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from dicoms import RAMP, dicom

from chat_app.imaging import Limits, presets, render
from chat_app.imaging.dicom import DicomFile
from chat_app.imaging.facts import BODY_PARTS
from chat_app.records import Window

CT: dict[str, Any] = {"Modality": "CT", "RescaleSlope": 1, "RescaleIntercept": -1024, "RescaleType": "HU"}


def names(**tags: Any) -> list[str]:
    looks = DicomFile.open(dicom(**tags), Limits()).frame(1).looks
    return [look.name for look in looks if look.name in presets.HU]


@pytest.mark.parametrize(
    ("part", "first"),
    [
        ("CHEST", ["lung", "mediastinum", "bone"]),
        ("HEAD", ["brain", "subdural", "stroke"]),
        ("ABDOMEN", ["abdomen", "liver", "bone"]),
        ("LSPINE", ["spine", "bone"]),
        ("KNEE", ["bone"]),
        ("", ["lung", "mediastinum", "abdomen"]),
    ],
)
def test_the_windows_of_the_body_part_come_first(part: str, first: list[str]) -> None:
    offered = names(**CT, BodyPartExamined=part)
    assert offered[: len(first)] == first
    assert sorted(offered) == sorted(presets.HU)


@pytest.mark.parametrize(
    "change",
    [
        {"Modality": "MR"},
        {"Modality": "PT"},
        {"RescaleType": "US"},
        {"RescaleType": "Z_EFF"},
        {"RescaleSlope": None, "RescaleIntercept": None},
        {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
    ],
    ids=str,
)
def test_values_that_are_no_hu_have_no_presets(change: dict[str, Any]) -> None:
    tags = {keyword: value for keyword, value in (CT | change).items() if value is not None}
    assert names(**tags) == []


def test_a_preset_shows_what_its_window_says() -> None:
    frame = DicomFile.open(dicom(**CT, BodyPartExamined="CHEST"), Limits()).frame(1)
    lung = next(look for look in frame.looks if look.name == "lung")
    assert lung.window == Window(-600, 1500)
    levels = ((RAMP - 1024.0 + 600.5) / 1499 + 0.5) * 255
    np.testing.assert_array_equal(render.show(frame, lung), np.floor(np.clip(levels, 0, 255) + 0.5))
    assert render.rendered(frame, lung).notes == ("Window -600/1500 (lung).",)


def test_what_comes_first_is_a_window_and_for_a_body_part_of_the_standard() -> None:
    assert {name for first in presets.FIRST.values() for name in first} <= set(presets.HU)
    assert {part for parts in presets.FIRST for part in parts.split()} <= set(BODY_PARTS.split("|"))

"""Slices are sorted by where they lie, and what does not belong together is set apart and said."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from dicoms import CORONAL, ct, series, written

from chat_app.imaging import Opened, study

# pydicom warns of values out of form; the program silences that, pytest makes it heard again.
pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning:pydicom")

UP = [float(z) for z in range(0, 50, 5)]


def heights(opened: Opened, place: int = 0) -> list[float]:
    """The position of each slice of one picture, in the order they are shown."""
    stack = opened.images[place].stack
    assert stack is not None
    return [stack.plane(number).position_mm or 0.0 for number in range(1, stack.frames + 1)]


def test_slices_are_sorted_by_position_and_not_by_name_or_number(tmp_path: Path) -> None:
    opened = study([series(tmp_path, UP)])
    assert heights(opened) == UP[::-1]
    stack = opened.images[0].stack
    assert stack is not None
    assert [int(stack.frame(number).values[0, 0]) for number in range(1, 11)] == [int(z) for z in UP[::-1]]


def test_the_middle_slice_is_shown_first(tmp_path: Path) -> None:
    image = study([series(tmp_path, UP)]).images[0]
    assert (image.frame, image.frames, image.unit, image.place) == (5, 10, "slice", "image 1, slice 5")


def test_without_positions_the_instance_numbers_decide(tmp_path: Path) -> None:
    for number in (3, 1, 2):
        pixels = np.full((4, 4), number, np.int16)
        tags = {"ImagePositionPatient": None, "ImageOrientationPatient": None, "InstanceNumber": number}
        written(tmp_path, ct(0, pixels, **tags), f"{9 - number}")
    image = study([tmp_path]).images[0]
    assert image.stack is not None
    assert [int(image.stack.frame(number).values[0, 0]) for number in (1, 2, 3)] == [1, 2, 3]
    assert any("sorted by instance number" in note for note in image.notes)


def test_a_missing_slice_is_said(tmp_path: Path) -> None:
    image = study([series(tmp_path, [0, 5, 10, 25, 30, 35])]).images[0]
    said = "Slices seem to be missing after slice 3: the gap is 15 mm where 5 mm is usual."
    assert said in image.notes


def test_even_slices_are_not_said_to_be_missing(tmp_path: Path) -> None:
    image = study([series(tmp_path, [0, 5, 10.02, 15, 19.98])]).images[0]
    assert not any("missing" in note or "not even" in note for note in image.notes)


def test_uneven_slices_are_said(tmp_path: Path) -> None:
    image = study([series(tmp_path, [0, 5, 12, 16, 23])]).images[0]
    assert any("not even: 4 to 7 mm" in note for note in image.notes)


def test_a_tilted_gantry_is_said(tmp_path: Path) -> None:
    for number in range(5):
        written(tmp_path, ct(0, ImagePositionPatient=[0, number * 1.0, number * 4.0]), str(number))
    image = study([tmp_path]).images[0]
    assert any("tilt of 14 degrees" in note for note in image.notes)


def test_thin_slices_far_apart_are_said(tmp_path: Path) -> None:
    image = study([series(tmp_path, UP, SliceThickness=1)]).images[0]
    assert any("1 mm thick and 5 mm apart" in note for note in image.notes)


def test_a_series_of_two_orientations_is_split(tmp_path: Path) -> None:
    series(tmp_path / "a", UP)
    for y in range(6):
        tags = {"ImageOrientationPatient": CORONAL, "ImagePositionPatient": [0, y, 0]}
        written(tmp_path, ct(0, **tags), f"cor{y}")
    opened = study([tmp_path])
    assert sorted((image.frames, image.plane.name) for image in opened.images) == [
        (6, "coronal"),
        (10, "axial"),
    ]
    assert all(any("mixed" in note for note in image.notes) for image in opened.images)


def test_a_series_of_two_sizes_is_split(tmp_path: Path) -> None:
    series(tmp_path / "a", UP)
    for z in range(4):
        written(tmp_path, ct(z * 10, np.zeros((16, 16), np.int16)), f"large{z}")
    assert sorted(image.frames for image in study([tmp_path]).images) == [4, 10]


def test_phases_at_one_place_are_split_and_named(tmp_path: Path) -> None:
    for echo in (30.0, 90.0):
        for z in range(4):
            tags = {"Modality": "MR", "EchoTime": echo, "AcquisitionTime": f"1010{z:02d}"}
            written(tmp_path, ct(z * 5, **tags), f"{echo}-{z}")
    opened = study([tmp_path])
    assert [image.frames for image in opened.images] == [4, 4]
    said = {note for image in opened.images for note in image.notes if "echo time" in note}
    assert said == {f"Slices of one echo time ({echo}): the series holds several." for echo in (30, 90)}


def test_passes_that_nothing_tells_apart_become_stacks_of_their_own(tmp_path: Path) -> None:
    for number in range(8):
        written(tmp_path, ct((number % 4) * 5, InstanceNumber=number + 1), f"{number}")
    opened = study([tmp_path])
    assert [image.frames for image in opened.images] == [4, 4]
    assert any("Picture 2 of 2" in note for note in opened.images[1].notes)


@pytest.mark.parametrize("kind", [["ORIGINAL", "PRIMARY", "LOCALIZER"], ["ORIGINAL", "PRIMARY", "AXIAL"]])
def test_a_localiser_comes_last_and_is_said(tmp_path: Path, kind: list[str]) -> None:
    tags = {"ImageOrientationPatient": CORONAL, "ImageType": kind}
    written(tmp_path, ct(0, **tags), "0-scout")
    opened = study([series(tmp_path, UP)])
    assert [image.frames for image in opened.images] == [10, 1]
    assert "localiser" in opened.images[1].notes[-1] + opened.images[1].notes[-2]
    assert opened.notes == ("Image 2 is a localiser, kept apart from the slices.",)


def test_a_copy_counts_once_and_is_said(tmp_path: Path) -> None:
    series(tmp_path / "a", UP)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    opened = study([tmp_path])
    assert [image.frames for image in opened.images] == [10]
    assert opened.notes == ("10 files are copies of another and not shown twice.",)


def test_studies_come_newest_first_with_the_days_between_them(tmp_path: Path) -> None:
    for place, day in (("1", "20240301"), ("2", "20240310")):
        series(tmp_path / place, UP[:3], StudyInstanceUID=f"1.{place}", StudyDate=day, PatientID="77")
    new, old = study([tmp_path]).images
    assert new.origin.day is not None and old.origin.day is not None
    assert new.origin.day - old.origin.day == 9
    assert new.origin.patient == old.origin.patient != ""
    assert new.origin.study != old.origin.study


def test_an_origin_says_neither_who_nor_when(tmp_path: Path) -> None:
    image = study([series(tmp_path, UP[:3], PatientID="4711", StudyDate="20240301")]).images[0]
    assert "4711" not in repr(image.origin) and "1.2.3" not in repr(image.origin)
    assert image.origin.day != date(2024, 3, 1).toordinal()


def test_two_views_of_a_chest_stay_two_pictures(tmp_path: Path) -> None:
    for number in (2, 1):
        tags = {"Modality": "CR", "ImageOrientationPatient": None, "ImagePositionPatient": None}
        written(tmp_path, ct(0, InstanceNumber=number, **tags), f"{3 - number}")
    images = study([tmp_path]).images
    assert [(image.name, image.frames) for image in images] == [("image 1", 1), ("image 2", 1)]


def test_series_follow_their_numbers(tmp_path: Path) -> None:
    for number in (10, 9):
        series(tmp_path / f"{number}", UP[: number - 5], SeriesInstanceUID=f"1.{number}", SeriesNumber=number)
    assert [image.frames for image in study([tmp_path]).images] == [4, 5]


def test_a_damaged_position_leaves_the_other_slices_whole(tmp_path: Path) -> None:
    data = ct(100.0).replace(b"\\-20.0\\100.0", b"\\-2x.0\\100.0")
    assert b"-2x.0" in data
    written(series(tmp_path, UP), data, "odd")
    assert sorted(image.frames for image in study([tmp_path]).images) == [1, 10]


def test_real_series_are_stacks_in_order(shared_data: Path) -> None:
    opened = study([shared_data / "dicom" / "series_ct_chest_P002"])
    assert [image.frames for image in opened.images] == [23]
    assert heights(opened) == sorted(heights(opened), reverse=True)
    assert opened.refused == ()

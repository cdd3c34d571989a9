"""Letters, planes and millimetres are what the file states; where it states nothing there are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from dicoms import AXIAL, CORONAL, SAGITTAL
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from chat_app.imaging.geometry import plane

# pydicom warns of values out of form; the program silences that, pytest makes it heard again.
pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning:pydicom")


def dataset(**tags: Any) -> Dataset:
    made = Dataset()
    for keyword, value in tags.items():
        setattr(made, keyword, value)
    return made


# Rows and columns of the table in PS3.3 C.7.6.2.1.1: x to the left, y to the back, z to the head.
LAID = {
    "axial": (AXIAL, ("R", "L", "A", "P"), "axial"),
    "axial from above": ([-1, 0, 0, 0, 1, 0], ("L", "R", "A", "P"), "axial"),
    "prone": ([-1, 0, 0, 0, -1, 0], ("L", "R", "P", "A"), "axial"),
    "coronal": (CORONAL, ("R", "L", "H", "F"), "coronal"),
    "sagittal": (SAGITTAL, ("A", "P", "H", "F"), "sagittal"),
    "tilted": ([1, 0, 0, 0, 0.9272, -0.3746], ("R", "L", "AH", "PF"), "axial"),
    "between two": ([1, 0, 0, 0, 0.7071, -0.7071], ("R", "L", None, None), ""),
}


@pytest.mark.parametrize(("cosines", "letters", "name"), LAID.values(), ids=LAID.keys())
def test_orientation_gives_letters_and_plane(cosines: list[float], letters: Any, name: str) -> None:
    found = plane(dataset(ImageOrientationPatient=cosines))
    assert found.name == name
    assert found.letters is not None
    assert all(
        said in (expected, expected or said) for said, expected in zip(found.letters, letters, strict=True)
    )


@pytest.mark.parametrize(
    "cosines", [[1, 0, 0, 1, 0, 0], [0] * 6, [2, 0, 0, 0, 1, 0], [1, 0, 0], ["nan", 0, 0, 0, 1, 0]]
)
def test_cosines_that_are_none_give_no_letters(cosines: list[Any]) -> None:
    assert plane(dataset(ImageOrientationPatient=cosines, PixelSpacing=[1, 1])).letters is None


@pytest.mark.parametrize(
    ("stated", "letters"),
    [
        (["L", "F"], ("R", "L", "H", "F")),
        (["A", "F"], ("P", "A", "H", "F")),
        (["LPH", "F"], ("RA", "LP", "H", "F")),
        (["", ""], None),
        (["X", "Y"], None),
        ("L", None),
    ],
)
def test_a_radiograph_says_its_letters_itself(stated: Any, letters: Any) -> None:
    assert plane(dataset(PatientOrientation=stated, Modality="DX")).letters == letters


def test_an_animal_gets_no_letters_of_people() -> None:
    made = dataset(PatientOrientation=["L", "F"], AnatomicalOrientationType="QUADRUPED")
    assert plane(made).letters is None


def test_the_position_is_along_the_normal() -> None:
    found = plane(dataset(ImageOrientationPatient=CORONAL, ImagePositionPatient=[3, 40, 5]))
    assert found.position_mm == pytest.approx(40)


SLICE = {"Modality": "CT", "ImageOrientationPatient": AXIAL, "ImagePositionPatient": [0, 0, 0]}
SPACED = {
    "a slice": ({**SLICE, "PixelSpacing": [0.5, 0.7]}, (0.5, 0.7)),
    "a slice without a place": ({"Modality": "CT", "PixelSpacing": [0.5, 0.5]}, None),
    "a film": ({"Modality": "CR", "PixelSpacing": [0.5, 0.5]}, None),
    "a detector": ({"Modality": "DX", "ImagerPixelSpacing": [0.14, 0.14]}, None),
    "a detector said twice": (
        {"Modality": "DX", "ImagerPixelSpacing": [0.14, 0.14], "PixelSpacing": [0.14, 0.14]},
        None,
    ),
    "corrected for magnification": (
        {"Modality": "DX", "ImagerPixelSpacing": [0.14, 0.14], "PixelSpacing": [0.1, 0.1]},
        (0.1, 0.1),
    ),
    "calibrated by a marker": (
        {"Modality": "DX", "PixelSpacing": [0.1, 0.1], "PixelSpacingCalibrationType": "FIDUCIAL"},
        (0.1, 0.1),
    ),
    "zero": ({**SLICE, "PixelSpacing": [0, 0]}, None),
}


@pytest.mark.parametrize(("tags", "spacing"), SPACED.values(), ids=SPACED.keys())
def test_millimetres_are_the_patients_or_none(tags: dict[str, Any], spacing: Any) -> None:
    assert plane(dataset(**tags)).spacing_mm == spacing


def region(**tags: Any) -> Dataset:
    plain = {"RegionSpatialFormat": 1, "PhysicalUnitsXDirection": 3, "PhysicalUnitsYDirection": 3}
    return dataset(**{**plain, "PhysicalDeltaX": 0.05, "PhysicalDeltaY": 0.025, **tags})


def test_one_region_of_an_ultrasound_gives_its_millimetres() -> None:
    found = plane(dataset(Modality="US", SequenceOfUltrasoundRegions=Sequence([region()])))
    assert found.spacing_mm == pytest.approx((0.25, 0.5))
    assert found.aspect == pytest.approx(0.5)


@pytest.mark.parametrize(
    "regions", [[region(), region()], [region(PhysicalUnitsXDirection=4)], [region(RegionSpatialFormat=2)]]
)
def test_other_regions_of_an_ultrasound_give_none(regions: list[Dataset]) -> None:
    assert plane(dataset(Modality="US", SequenceOfUltrasoundRegions=Sequence(regions))).spacing_mm is None


def test_the_aspect_is_known_where_millimetres_are_not() -> None:
    assert plane(dataset(PixelAspectRatio=[2, 1])).aspect == 2
    assert plane(dataset(Modality="CR", PixelSpacing=[0.3, 0.1])).aspect == pytest.approx(3)
    assert plane(Dataset()).aspect == 1


def test_a_frames_own_groups_win() -> None:
    def group(z: float) -> Dataset:
        return dataset(PlanePositionSequence=Sequence([dataset(ImagePositionPatient=[0, 0, z])]))

    shared = dataset(
        PlaneOrientationSequence=Sequence([dataset(ImageOrientationPatient=AXIAL)]),
        PixelMeasuresSequence=Sequence([dataset(PixelSpacing=[0.5, 0.5])]),
    )
    made = dataset(
        Modality="MR",
        SharedFunctionalGroupsSequence=Sequence([shared]),
        PerFrameFunctionalGroupsSequence=Sequence([group(1), group(7)]),
    )
    assert [plane(made, number).position_mm for number in (1, 2)] == [1, 7]
    assert plane(made, 2).spacing_mm == (0.5, 0.5)


def test_dose_planes_lie_at_their_offsets() -> None:
    made = dataset(**SLICE, GridFrameOffsetVector=[0, 5, 10])
    assert [plane(made, number).position_mm for number in (1, 2, 3)] == pytest.approx([0, 5, 10])
    assert np.isclose(plane(made, 3).position_mm or 0, 10)

"""What other tools were seen to get wrong on input, and what happens here instead."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicoms import RAMP, Opener, dicom, written
from numpy.typing import NDArray
from PIL import Image as PILImage
from pydicom.uid import generate_uid

from chat_app.errors import ChatAppError, FrameNeeded
from chat_app.imaging import read, study
from chat_app.records import Image, Window

HOUNSFIELD: dict[str, Any] = {
    "Modality": "CT",
    "RescaleSlope": 1,
    "RescaleIntercept": -1024,
    "WindowCenter": 40,
    "WindowWidth": 400,
}


@pytest.fixture
def opened(tmp_path: Path) -> Opener:
    return Opener(tmp_path)


def everything(image: Image) -> str:
    """All that an image says, as text."""
    fields = {name: value for name, value in vars(image).items() if name not in ("pixels", "stack")}
    return repr(fields)


def test_a_dicom_file_becomes_pixels_and_not_its_own_bytes(opened: Opener) -> None:
    image = opened(PatientName="Doe^Jane")
    assert image.pixels.dtype == np.uint8 and image.pixels.shape == RAMP.shape
    assert b"DICM" not in image.pixels.tobytes() and "Doe" not in everything(image)


def test_two_windows_are_no_fault(opened: Opener) -> None:
    image = opened(WindowCenter=[40, -600], WindowWidth=[400, 1500])
    assert image.window == Window(40, 400) and image.stack is not None
    assert [look.window for look in image.stack.looks] == [Window(40, 400), Window(-600, 1500)]


def test_monochrome1_is_not_monochrome2(opened: Opener) -> None:
    plain, inverse = (opened(PhotometricInterpretation=f"MONOCHROME{which}") for which in (2, 1))
    assert not (plain.pixels == inverse.pixels).all()
    np.testing.assert_array_equal(inverse.pixels, 255 - plain.pixels)


def test_of_three_frames_none_is_taken_silently(opened: Opener) -> None:
    stack = np.stack([np.full((4, 5), value, np.uint8) for value in (10, 20, 30)])
    with pytest.raises(FrameNeeded, match="3 frames"):
        opened(stack)
    assert [int(opened(stack, frame=number).pixels.max()) for number in (1, 2, 3)] == [10, 20, 30]


def test_a_file_without_an_ending_is_opened_by_its_content(tmp_path: Path) -> None:
    image = read(written(tmp_path, dicom(Modality="MR"), "IM000007"), name="image 1")
    assert (image.format, image.modality) == ("DICOM", "MR")


def test_the_name_of_a_file_makes_no_modality(tmp_path: Path) -> None:
    volume = written(tmp_path, gzip.compress(nifti(np.arange(60, dtype=np.int16))), "brain_t1_flair.nii.gz")
    (image,) = study([volume]).images
    assert (image.format, image.modality, image.body_part, image.frames) == ("NIfTI", "", "", 5)


def nifti(values: NDArray[np.int16]) -> bytes:
    """A volume of 3 x 4 x 5 voxels of a millimetre."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, 3, 4, 5, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, 4, 16)
    struct.pack_into("<10f", header, 76, 1, 1, 1, 1, 1, 1, 1, 1, 352, 1)
    struct.pack_into("<h", header, 254, 1)
    struct.pack_into("<12f", header, 280, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0)
    header[344:348] = b"n+1\0"
    return bytes(header) + values.tobytes()


@pytest.mark.parametrize(
    "window", [{}, {"WindowCenter": 2000, "WindowWidth": 1500}, {"WindowCenter": "", "WindowWidth": ""}]
)
def test_any_window_gives_a_picture(opened: Opener, window: dict[str, Any]) -> None:
    assert len(np.unique(opened(**window).pixels)) > 50


def test_a_16_bit_ramp_does_not_turn_white(tmp_path: Path) -> None:
    path = tmp_path / "ramp.png"
    PILImage.fromarray(RAMP).save(path)
    for image in (read(path, name="image 1"), Opener(tmp_path)(RAMP)):
        assert np.mean(image.pixels == 255) < 0.02 and len(np.unique(image.pixels)) == 256


def test_a_hounsfield_unit_has_one_grey_in_every_slice(tmp_path: Path) -> None:
    series = {"SeriesInstanceUID": generate_uid(), "StudyInstanceUID": generate_uid()}
    for number, most in enumerate((200, 3000), 1):
        pixels = np.linspace(0, 1024 + most, 64, dtype=np.uint16).reshape(8, 8)
        pixels[0, 0] = 1024 + 40
        placed = {"InstanceNumber": number, "ImagePositionPatient": [0, 0, number]}
        tags = {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "SOPInstanceUID": generate_uid()}
        written(tmp_path, dicom(pixels, **HOUNSFIELD, **series, **placed, **tags), f"IM{number}")
    (image,) = study([tmp_path]).images
    assert image.frames == 2
    assert [int(image.at(number).pixels[0, 0]) for number in (1, 2)] == [128, 128]


def test_identifiers_are_held_back_and_only_named_by_keyword(opened: Opener) -> None:
    secrets = {"PatientID": "MRN-1234567", "StudyDate": "20200131", "InstitutionName": "St Elsewhere"}
    image = opened(**secrets)
    assert set(secrets) <= set(image.withheld)
    for value in secrets.values():
        assert value not in everything(image)


def test_a_fault_is_one_sentence_without_a_trace_or_a_path(tmp_path: Path) -> None:
    path = written(tmp_path, dicom()[:-3000], "Doe_Jane")
    with pytest.raises(ChatAppError) as refused:
        read(path, name="image 1")
    sentence = str(refused.value)
    assert sentence.endswith(".") and "\n" not in sentence
    assert not {"Traceback", "Doe_Jane", str(tmp_path)} & set(sentence.split())

"""What a file draws over its picture is known apart from it, wherever and however it is stored."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from dicoms import dicom
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from chat_app.imaging import Limits, render
from chat_app.imaging.dicom import DicomFile
from chat_app.records import Frame

GREY = np.full((6, 10), 40, np.uint8)
SPOT = np.zeros((6, 10), bool)
SPOT[1, 2] = SPOT[4, 9] = True


def packed(bits: NDArray[np.bool_]) -> bytes:
    data = np.packbits(bits.reshape(-1), bitorder="little").tobytes()
    return data + b"\0" * (len(data) % 2)


def overlaid(
    pixels: NDArray[Any],
    number: int = 1,
    *,
    group: int = 0x6000,
    tags: Mapping[str, Any] = MappingProxyType({}),
    **elements: Any,
) -> Frame:
    """A frame of a file with one overlay, whose elements are named as in `ELEMENTS`."""
    dataset: Dataset = dcmread(io.BytesIO(dicom(pixels, **tags)))
    for name, value in elements.items():
        element, kind = ELEMENTS[name]
        dataset.add_new((group, element), kind, value)
    stream = io.BytesIO()
    dataset.save_as(stream)
    return DicomFile.open(stream.getvalue(), Limits()).frame(number)


ELEMENTS = {
    "rows": (0x0010, "US"),
    "columns": (0x0011, "US"),
    "frames": (0x0015, "IS"),
    "origin": (0x0050, "SS"),
    "first_frame": (0x0051, "US"),
    "bits": (0x0100, "US"),
    "bit": (0x0102, "US"),
    "data": (0x3000, "OW"),
}


def test_a_plane_beside_the_pixels_is_known_and_not_drawn() -> None:
    frame = overlaid(GREY, rows=6, columns=10, origin=[1, 1], bits=1, bit=0, data=packed(SPOT))
    np.testing.assert_array_equal(frame.overlay, SPOT)
    assert (render.show(frame) == 40).all()
    assert "Overlays of the file are not drawn." in frame.notes


def test_an_overlay_is_drawn_white_when_asked() -> None:
    frame = overlaid(GREY, rows=6, columns=10, origin=[1, 1], data=packed(SPOT))
    np.testing.assert_array_equal(render.show(frame, overlay=True), np.where(SPOT, 255, 40))
    assert (render.show(frame) == 40).all()


@pytest.mark.parametrize("group", [0x6002, 0x601E])
def test_every_group_may_hold_one(group: int) -> None:
    assert overlaid(GREY, group=group, rows=6, columns=10, data=packed(SPOT)).overlay is not None


@pytest.mark.parametrize("origin", [(2, 3), (-1, 0), (5, 9), (40, 40), (-30, -30)])
def test_a_plane_lies_at_its_origin_as_far_as_the_picture_goes(origin: tuple[int, int]) -> None:
    full = np.ones((3, 4), bool)
    frame = overlaid(GREY, rows=3, columns=4, origin=list(origin), data=packed(full))
    expected = np.zeros(GREY.shape, bool)
    for row in range(3):
        for column in range(4):
            place = origin[0] - 1 + row, origin[1] - 1 + column
            if 0 <= place[0] < 6 and 0 <= place[1] < 10:
                expected[place] = True
    if expected.any():
        np.testing.assert_array_equal(frame.overlay, expected)
    else:
        assert frame.overlay is None


def test_an_overlay_of_several_frames_lies_over_its_own() -> None:
    planes = np.zeros((2, 3, 5), bool)  # 15 bits a plane, so the second starts within a byte
    planes[0, 0, 0] = planes[1, 2, 4] = True
    stack = np.full((4, 3, 5), 9, np.uint8)
    elements = {"rows": 3, "columns": 5, "frames": "2", "first_frame": 2, "data": packed(planes)}
    shown = [overlaid(stack, number, **elements).overlay for number in (1, 2, 3, 4)]
    assert shown[0] is None and shown[3] is None
    np.testing.assert_array_equal(shown[1], planes[0])
    np.testing.assert_array_equal(shown[2], planes[1])


def test_a_plane_among_the_pixels_is_found_in_its_bit() -> None:
    words = (np.where(SPOT, 1 << 12, 0) | 700).astype(np.uint16)
    frame = overlaid(words, tags={"BitsStored": 12, "HighBit": 11}, bits=16, bit=12)
    np.testing.assert_array_equal(frame.overlay, SPOT)
    assert (frame.values == 700).all()


def test_a_plane_that_is_cut_short_is_left_out() -> None:
    assert overlaid(GREY, rows=6, columns=10, data=b"\xff\xff").overlay is None


def test_the_overlay_of_a_real_file_is_the_one_pydicom_reads() -> None:
    path = Path(get_testdata_file("examples_overlay.dcm", download=False))
    frame = DicomFile.open(path.read_bytes(), Limits()).frame(1)
    theirs = dcmread(path).overlay_array(0x6000)
    np.testing.assert_array_equal(frame.overlay, theirs.astype(bool))

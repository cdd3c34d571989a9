"""A DICOM frame is shown as a workstation shows it: windows, tables, inversion, padding, colour."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pytest
from dicoms import RAMP, Opener, dicom, table
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.data import get_testdata_file

from chat_app.imaging import Limits, read, render
from chat_app.imaging.dicom import DicomFile
from chat_app.records import Frame, Look, Window

pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning:pydicom")

REAL = Path(get_testdata_file("CT_small.dcm", download=False)).parent
BYTES = np.arange(256, dtype=np.uint8).reshape(16, 16)


@pytest.fixture
def opened(tmp_path: Path) -> Opener:
    return Opener(tmp_path)


def window(values: NDArray[Any], center: float, width: float) -> NDArray[np.uint8]:
    """PS3.3 C.11.2.1.2.1, written down a second time from the standard's own pseudo-code."""
    levels = ((values - (center - 0.5)) / (width - 1) + 0.5) * 255
    return np.floor(np.clip(levels, 0, 255) + 0.5).astype(np.uint8)


@pytest.mark.parametrize(
    "tags",
    [
        {"WindowCenter": 2000, "WindowWidth": 1500},
        {"WindowCenter": 40.5, "WindowWidth": 401, "RescaleSlope": 1, "RescaleIntercept": -1024},
        {"VOILUTSequence": [table(np.arange(4096, dtype=np.uint16) ** 2 // 256)]},
        {},
    ],
    ids=["window", "rescaled", "table", "percentiles"],
)
def test_monochrome1_is_the_exact_inverse_of_monochrome2(opened: Opener, tags: dict[str, Any]) -> None:
    plain = opened(PhotometricInterpretation="MONOCHROME2", **tags)
    inverse = opened(PhotometricInterpretation="MONOCHROME1", **tags)
    assert len(np.unique(plain.pixels)) > 50
    np.testing.assert_array_equal(inverse.pixels, 255 - plain.pixels)
    assert any("Inverted" in note for note in inverse.notes)
    assert not any("Inverted" in note for note in plain.notes)


def test_presentation_lut_shape_wins_over_the_photometric_interpretation(opened: Opener) -> None:
    assert opened(BYTES, PresentationLUTShape="INVERSE").pixels[0, 0] == 255
    assert (
        opened(BYTES, PresentationLUTShape="IDENTITY", PhotometricInterpretation="MONOCHROME1").pixels[0, 0]
        == 0
    )


def test_the_first_of_two_windows_is_used_and_both_are_named(opened: Opener) -> None:
    image = opened(WindowCenter=[40, -600], WindowWidth=[400, 1500], RescaleSlope=1, RescaleIntercept=-1024)
    assert image.window == Window(40, 400)
    np.testing.assert_array_equal(image.pixels, window(RAMP - 1024.0, 40, 400))
    assert "40/400" in image.notes[0] and "-600/1500" in image.notes[0]


def test_without_a_window_the_first_to_99th_percentile_is_shown(opened: Opener) -> None:
    image = opened()
    low, high = np.percentile(RAMP, (1, 99))
    assert image.window == Window((low + high) / 2, high - low, "1st to 99th percentile")
    assert image.pixels[0, 0] == 0 and image.pixels[-1, -1] == 255
    assert image.pixels[32, 0] == round((2048 - low) / (high - low) * 255)
    assert np.mean(image.pixels == 255) < 0.02
    assert "the file has none" in image.notes[0]


def test_padding_does_not_decide_the_window(opened: Opener) -> None:
    padded = np.where(RAMP % 2 == 0, RAMP, 60000).astype(np.uint16)
    image = opened(padded, PixelPaddingValue=60000)
    assert image.window is not None
    assert image.window.center + image.window.width / 2 < 4096


def test_a_range_of_padding_is_left_out_too(opened: Opener) -> None:
    signed = (RAMP.astype(np.int16) - 100).clip(-100)
    signed[:16] = -2000
    signed[16:20] = -1990
    image = opened(signed, PixelPaddingValue=-2000, PixelPaddingRangeLimit=-1990)
    assert image.window is not None
    assert image.window.center - image.window.width / 2 > -200


def test_a_constant_image_is_shown_and_said_to_be_constant(opened: Opener) -> None:
    image = opened(np.full((8, 9), 700, np.uint16))
    assert image.pixels.shape == (8, 9)
    assert image.pixels.max() == 0
    assert image.window is None
    assert "same value" in image.notes[0]


def test_signed_values_go_through_slope_and_intercept(opened: Opener) -> None:
    hounsfield = np.array([[-1000, 0], [40, 1000]], np.int16)
    image = opened(hounsfield * 2, RescaleSlope=0.5, RescaleIntercept=0, WindowCenter=40, WindowWidth=400)
    np.testing.assert_array_equal(image.pixels, window(hounsfield, 40, 400))


def test_a_window_of_width_one_is_a_threshold(opened: Opener) -> None:
    image = opened(np.array([[9, 10], [11, 12]], np.uint16), WindowCenter=11, WindowWidth=1)
    np.testing.assert_array_equal(image.pixels, [[0, 0], [255, 255]])


@pytest.mark.parametrize(("center", "width"), [(40, 0), (40, -5), (None, 400), ("", "")])
def test_a_window_of_no_legal_width_counts_as_none(opened: Opener, center: Any, width: Any) -> None:
    tags = {"WindowWidth": width} if center is None else {"WindowCenter": center, "WindowWidth": width}
    assert "the file has none" in opened(**tags).notes[0]


def test_a_sigmoid_and_an_exact_window_follow_their_own_formulas(opened: Opener) -> None:
    values = RAMP.astype(float)
    sigmoid = opened(WindowCenter=2000, WindowWidth=800, VOILUTFunction="SIGMOID").pixels
    exact = opened(WindowCenter=2000, WindowWidth=800, VOILUTFunction="LINEAR_EXACT").pixels
    assert np.abs(sigmoid - 255 / (1 + np.exp(-4 * (values - 2000) / 800))).max() <= 0.5
    assert np.abs(exact - np.clip((values - 1600) / 800 * 255, 0, 255)).max() <= 0.5


def test_a_voi_table_wins_over_a_window(opened: Opener) -> None:
    falling = np.arange(4095, -1, -1, dtype=np.uint16)
    image = opened(VOILUTSequence=[table(falling, bits=12)], WindowCenter=10, WindowWidth=20)
    assert image.pixels[0, 0] == 255 and image.pixels[-1, -1] == 0
    assert image.window is None and "lookup table" in image.notes[0]


def test_a_table_of_65536_entries_below_zero_is_read(opened: Opener) -> None:
    entries = np.arange(65536, dtype=np.uint16)
    stored = np.array([[-32768, 0, 32767]], np.int16)
    item = table(entries)
    item.add_new("LUTDescriptor", "SS", [0, -32768, 16])
    np.testing.assert_array_equal(opened(stored, VOILUTSequence=[item]).pixels, [[0, 128, 255]])


def test_a_modality_table_comes_before_the_window(opened: Opener) -> None:
    doubled = np.arange(4096, dtype=np.uint16) * 2
    image = opened(ModalityLUTSequence=[table(doubled)], WindowCenter=4000, WindowWidth=1000)
    np.testing.assert_array_equal(image.pixels, window(RAMP * 2.0, 4000, 1000))


def test_a_voi_table_behind_a_modality_table_is_scaled_to_grey(opened: Opener) -> None:
    doubled, plain = np.arange(4096, dtype=np.uint16) * 2, np.arange(8192, dtype=np.uint16)
    image = opened(ModalityLUTSequence=[table(doubled)], VOILUTSequence=[table(plain)])
    np.testing.assert_array_equal(image.pixels, np.floor(RAMP * 2 / 8191 * 255 + 0.5))


def test_eight_bits_without_a_window_are_shown_as_stored(opened: Opener) -> None:
    image = opened(BYTES)
    np.testing.assert_array_equal(image.pixels, BYTES)
    assert image.window is None


def test_colour_keeps_its_values(opened: Opener) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    np.testing.assert_array_equal(opened(rgb).pixels, rgb)


def test_a_palette_becomes_colour(opened: Opener) -> None:
    tags: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for place, colour in enumerate(("Red", "Green", "Blue")):
        tags[f"{colour}PaletteColorLookupTableDescriptor"] = [4, 0, 16]
        entries = np.eye(4, 3, -1, dtype=np.uint16)[:, place] * 0xFFFF
        tags[f"{colour}PaletteColorLookupTableData"] = entries.tobytes()
    image = opened(np.array([[0, 1], [2, 3]], np.uint8), **tags)
    np.testing.assert_array_equal(image.pixels, [[[0, 0, 0], [255, 0, 0]], [[0, 255, 0], [0, 0, 255]]])


def test_what_is_not_drawn_is_said() -> None:
    overlaid = read(REAL / "examples_overlay.dcm", name="image 1")
    assert "Overlays of the file are not drawn." in overlaid.notes


def test_a_colour_profile_is_left_alone_and_it_is_said(opened: Opener) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    image = opened(rgb, ICCProfile=(REAL / "crayons.icc").read_bytes())
    np.testing.assert_array_equal(image.pixels, rgb)
    assert image.notes[-1] == "The colour profile of the file is not applied."


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_whichever_way_round_grey_runs(opened: Opener, photometric: str) -> None:
    padded = np.where(RAMP < 100, 0, RAMP).astype(np.uint16)
    image = opened(
        padded, PixelPaddingValue=0, PhotometricInterpretation=photometric, WindowCenter=0, WindowWidth=9000
    )
    assert (image.pixels[padded == 0] == 0).all() and (image.pixels[padded > 0] > 0).all()


def test_padding_behind_a_modality_table_is_black_too(opened: Opener) -> None:
    doubled = np.arange(4096, dtype=np.uint16) * 2
    image = opened(
        ModalityLUTSequence=[table(doubled)],
        PixelPaddingValue=7,
        PhotometricInterpretation="MONOCHROME1",
        WindowCenter=4000,
        WindowWidth=1000,
    )
    expected = 255 - window(RAMP * 2.0, 4000, 1000)
    expected[RAMP == 7] = 0
    np.testing.assert_array_equal(image.pixels, expected)


@settings(max_examples=60, deadline=None)
@given(
    center=st.floats(-2000, 5000),
    width=st.floats(1, 8000),
    slope=st.sampled_from([1.0, 0.5, -2.0]),
    function=st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
)
def test_under_any_window_monochrome1_is_255_less_monochrome2(
    center: float, width: float, slope: float, function: str
) -> None:
    look = Look("drawn by hand", Window(center, width), function)
    plain = Frame(RAMP, slope, -1024.0, looks=(look,))
    inverse = replace(plain, inverted=True)
    np.testing.assert_array_equal(render.show(inverse), 255 - render.show(plain))


def test_every_window_of_the_file_is_a_look_by_name(opened: Opener) -> None:
    frame = frame_of(
        WindowCenter=[40, -600, 300],
        WindowWidth=[400, 1500, 1500],
        WindowCenterWidthExplanation=["MEDIASTINUM", "LUNG", "DOE^JANE"],
    )
    assert [look.name for look in frame.looks] == ["as in the file", "file, lung", "file, window 3"]
    np.testing.assert_array_equal(render.show(frame, frame.looks[1]), window(RAMP, -600, 1500))


def test_a_window_of_no_legal_width_keeps_the_others_names() -> None:
    frame = frame_of(
        WindowCenter=[1, -600], WindowWidth=[0, 1500], WindowCenterWidthExplanation=["BRAIN", "LUNG"]
    )
    assert [(look.name, look.window.width) for look in frame.looks] == [("as in the file", 1500)]
    frame = frame_of(
        WindowCenter=[7, 1, -600],
        WindowWidth=[9, 0, 1500],
        WindowCenterWidthExplanation=["A", "BRAIN", "LUNG"],
    )
    assert [look.name for look in frame.looks] == ["as in the file", "file, lung"]


def test_tables_of_the_file_come_before_its_windows() -> None:
    frame = frame_of(
        VOILUTSequence=[table(np.arange(4096, dtype=np.uint16)), table(np.arange(4095, -1, -1, np.uint16))],
        WindowCenter=10,
        WindowWidth=20,
    )
    assert [look.name for look in frame.looks] == ["as in the file", "file, table 2", "file, window 1"]
    first = frame.looks[0]
    assert first.table is not None and first.window == Window(2047.5, 4096)
    np.testing.assert_array_equal(render.show(frame, frame.looks[1]), 255 - render.show(frame))


@pytest.mark.parametrize(
    ("kind", "tags", "expected"),
    [
        (np.uint8, {}, np.uint16),
        (np.int8, {"PixelRepresentation": 1}, np.int16),
        (np.uint16, {}, np.uint16),
        (np.int16, {"PixelRepresentation": 1}, np.int16),
        (np.int32, {"PixelRepresentation": 1}, np.float32),
        (np.uint32, {}, np.float32),
    ],
)
def test_values_stay_whole_in_16_bits_where_they_fit(
    kind: type[Any], tags: dict[str, Any], expected: type[Any]
) -> None:
    stored = np.arange(100, dtype=kind).reshape(10, 10)
    frame = frame_of(stored, **tags)
    assert frame.values.dtype == expected
    np.testing.assert_array_equal(frame.values, stored)


def frame_of(pixels: NDArray[Any] = RAMP, **tags: Any) -> Frame:
    return DicomFile.open(dicom(pixels, **tags), Limits()).frame(1)


@pytest.mark.parametrize(
    "file",
    [
        "MR_small.dcm",
        "693_J2KI.dcm",
        "J2K_pixelrep_mismatch.dcm",
        "examples_overlay.dcm",
        "dicomdirtests/77654033/CR1/6154",
        "dicomdirtests/98892001/CT2N/6293",
        "dicomdirtests/98892003/MR1/4919",
    ],
)
def test_highdicom_shows_the_same(file: str) -> None:
    # Within one grey: highdicom divides a LINEAR window by the slope before it takes the 1 from its width.
    chain = highdicom.imread(REAL / file).get_frame(1, apply_voi_transform=True, voi_output_range=(0, 255))
    assert np.abs(read(REAL / file, name="image 1").pixels - chain).max() < 1

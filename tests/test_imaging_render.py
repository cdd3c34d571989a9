"""A DICOM frame is shown as a workstation shows it: windows, tables, inversion, padding, colour."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pytest
from dicoms import RAMP, Opener, table
from numpy.typing import NDArray
from pydicom.data import get_testdata_file

from chat_app.imaging import read
from chat_app.records import Window

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


def test_what_is_not_drawn_is_said(opened: Opener) -> None:
    image = opened(PixelSpacing=[0.5, 0.25])
    assert "not square" in image.notes[-1]
    overlaid = read(REAL / "examples_overlay.dcm", name="image 1")
    assert "Overlays of the file are not drawn." in overlaid.notes


# Stored value, window and slope as `pydicom` prints them; the grey follows from them by hand.
SHOWN = [
    ("MR_small.dcm", 1, (10, 20), 82),  # 316, window 600/1600
    ("MR_small_RLE.dcm", 1, (10, 20), 82),
    ("MR_small_jp2klossless.dcm", 1, (10, 20), 82),
    ("MR_small_jpeg_ls_lossless.dcm", 1, (10, 20), 82),
    ("MR_small_bigendian.dcm", 1, (10, 20), 82),
    ("MR_small_implicit.dcm", 1, (10, 20), 82),
    ("693_J2KI.dcm", 1, (256, 256), 108),  # 1056 - 1024 HU, window 40/100
    ("J2K_pixelrep_mismatch.dcm", 1, (256, 256), 95),  # 27, the first of three windows, 40/100
    ("examples_overlay.dcm", 1, (150, 240), 27),  # 137, the first of two windows, 450/790
    ("dicomdirtests/77654033/CR1/6154", 1, (8, 8), 98),  # MONOCHROME1, 2515 * 0.684 + 200, window 1600/2800
    ("image_dfl.dcm", 1, (100, 100), 213),  # deflated, 8 bits, no window
    ("rtdose.dcm", 7, (4, 4), 127),  # 32 bits, no window
    ("liver_1frame.dcm", 1, (200, 200), 255),  # 1 bit
    ("examples_palette.dcm", 1, (100, 400), (162, 162, 162)),
    ("examples_rgb_color.dcm", 1, (120, 160), (10, 10, 10)),
    ("examples_ybr_color.dcm", 15, (120, 160), (11, 11, 11)),
    ("ExplVR_BigEnd.dcm", 1, (30, 40), (255, 255, 0)),
    ("SC_rgb_rle_16bit_2frame.dcm", 2, (5, 5), (0, 255, 255)),
]


@pytest.mark.parametrize(("file", "frame", "pixel", "grey"), SHOWN, ids=[row[0] for row in SHOWN])
def test_a_known_pixel_of_a_real_file_has_its_grey(
    file: str, frame: int, pixel: tuple[int, int], grey: int | tuple[int, int, int]
) -> None:
    assert read(REAL / file, name="image 1", frame=frame).pixels[pixel].tolist() == np.asarray(grey).tolist()


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

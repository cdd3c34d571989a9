"""The view is exactly what the model sees: its size, its padding, its grey, and where it came from."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PILImage
from stacks import BONE, Volume

from chat_app.imaging.view import chosen, look, png
from chat_app.records import Contract, Image, Plane, Window

NANO = Contract(size=192, resize="squash", boxes="grid100")
PADDED = Contract(size=100, resize="pad")


def image(pixels: NDArray[np.uint8]) -> Image:
    return Image(name="image 2", pixels=pixels, sha256="0" * 64, format="PNG", window=Window(40, 400))


def test_a_squashed_picture_fills_the_square() -> None:
    view = look(image(np.full((50, 300), 200, np.uint8)), NANO)
    assert view.pixels.shape == (192, 192, 3) and view.pixels.dtype == np.uint8
    assert (view.pixels == 200).all()
    assert (view.left, view.top, view.width, view.height) == (0, 0, 192, 192)


@pytest.mark.parametrize(
    ("rows", "columns", "place"),
    [
        (50, 100, (0, 25, 100, 50)),
        (200, 50, (37, 0, 25, 100)),
        (30, 30, (0, 0, 100, 100)),
        (1, 5000, (0, 49, 100, 1)),
    ],
)
def test_a_padded_picture_keeps_its_proportions_on_black(
    rows: int, columns: int, place: tuple[int, int, int, int]
) -> None:
    view = look(image(np.full((rows, columns), 255, np.uint8)), PADDED)
    left, top, width, height = place
    assert (view.left, view.top, view.width, view.height) == place
    assert (view.pixels[top : top + height, left : left + width] == 255).all()
    assert view.pixels.sum() == width * height * 3 * 255


def test_the_view_remembers_where_it_came_from() -> None:
    view = look(image(np.zeros((50, 100), np.uint8)), PADDED)
    assert (view.image, view.columns, view.rows, view.frame) == ("image 2", 100, 50, 1)
    assert view.windows == (Window(40, 400),)
    assert "padded" in view.description and "40/400" in view.description


def test_grey_is_the_same_in_three_channels_and_colour_stays_colour() -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    grey = look(image(ramp), NANO).pixels
    assert (grey == grey[..., :1]).all()
    red = np.zeros((20, 20, 3), np.uint8)
    red[..., 0] = 250
    assert look(image(red), NANO).pixels[50, 50].tolist() == [250, 0, 0]


def test_the_resize_is_pillows_bicubic() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 210), np.uint8)
    expected = PILImage.fromarray(pixels).convert("RGB").resize((192, 192), PILImage.Resampling.BICUBIC)
    np.testing.assert_array_equal(look(image(pixels), NANO).pixels, np.asarray(expected))


def test_a_picture_of_the_right_size_is_not_touched() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (192, 192, 3), np.uint8)
    np.testing.assert_array_equal(look(image(pixels), NANO).pixels, pixels)


def test_a_blank_and_a_real_picture_give_different_views() -> None:
    real = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    assert not np.array_equal(look(image(real), NANO).pixels, look(image(real * 0), NANO).pixels)


def test_the_png_holds_the_view_without_loss() -> None:
    view = look(image(np.random.default_rng(0).integers(0, 256, (64, 90), np.uint8)), NANO)
    np.testing.assert_array_equal(np.asarray(PILImage.open(io.BytesIO(png(view)))), view.pixels)


def test_pixels_that_are_not_square_are_padded_to_the_patients_proportions() -> None:
    tall = replace(image(np.full((50, 100), 255, np.uint8)), plane=Plane(aspect=2.0))
    view = look(tall, PADDED)
    assert (view.left, view.top, view.width, view.height) == (0, 0, 100, 100)
    assert (view.columns, view.rows) == (100, 50)


def test_one_slice_is_looked_at_when_the_contract_takes_one() -> None:
    assert chosen(Volume().image("image 1", 7), NANO) == ("image 1, slice 7",)
    assert chosen(image(np.zeros((4, 4), np.uint8)), NANO) == ("image 2",)


def test_several_slices_are_spread_evenly_with_the_one_in_question_among_them() -> None:
    contract = Contract(size=8, most_images=9, slices=5)
    names = [f"image 1, slice {number}" for number in (1, 6, 13, 18, 23)]
    assert chosen(Volume(frames=23).image("image 1", 13), contract) == tuple(names)
    assert len(chosen(Volume(frames=3).image("image 1", 2), contract)) == 3


def test_a_contract_names_its_windows_one_for_grey_or_one_a_colour() -> None:
    shown = Volume().image("image 1", 4)
    grey = look(shown, Contract(size=8, windows={"CT": ("bone",)}))
    np.testing.assert_array_equal(grey.pixels[..., 0], Volume().image("", 4, BONE).pixels)
    assert grey.windows == (Window(400, 1800, "bone"),)
    three = look(shown, Contract(size=8, windows={"CT": ("bone", "lung", "bone")}))
    np.testing.assert_array_equal(three.pixels[..., 0], three.pixels[..., 2])
    assert not np.array_equal(three.pixels[..., 0], three.pixels[..., 1])
    assert [each.name for each in three.windows] == ["bone", "lung", "bone"]


def test_a_window_that_the_file_cannot_have_is_said_to_be_missing() -> None:
    view = look(Volume().image("image 1", 4), Contract(size=8, windows={"CT": ("stroke",)}))
    assert "the file's own window, for want of stroke" in view.description


def test_a_contract_of_two_windows_is_a_fault_of_the_card() -> None:
    with pytest.raises(ValueError, match="one window or three"):
        look(Volume().image("image 1", 4), Contract(size=8, windows={"CT": ("bone", "lung")}))


def test_an_unknown_way_of_fitting_is_a_fault_of_the_card() -> None:
    with pytest.raises(ValueError, match="crop"):
        look(image(np.zeros((4, 4), np.uint8)), Contract(size=8, resize="crop"))


def test_a_contract_may_state_a_window_of_its_own_in_hu() -> None:
    shown = Volume().image("image 1", 4)
    preset = look(shown, Contract(size=8, windows={"CT": ("bone",)}))
    stated = look(shown, Contract(size=8, windows={"CT": (Window(400, 1800, "wide"),)}))
    assert stated.windows == (Window(400, 1800, "wide"),) and not stated.notes
    assert np.array_equal(preset.pixels, stated.pixels)

"""Frames are decoded when asked for, one window serves them all, and a volume is cut where it is one."""

from __future__ import annotations

import gc
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicoms import CORONAL, SAGITTAL, ct, series, written

from chat_app.errors import InputError, TooLarge, UnreadableFile
from chat_app.imaging import Limits, read, study
from chat_app.imaging.cache import Cache, owner
from chat_app.imaging.stack import FRAMES, FileStack, Place, spread
from chat_app.records import Frame, Look, Plane, Stack, Window

# pydicom warns of values out of form; the program silences that, pytest makes it heard again.
pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning:pydicom")

UP = [float(z) for z in range(0, 60, 3)]


@dataclass
class Counted:
    """A source that counts what it decodes; frame 7 is damaged."""

    asked: list[int] = field(default_factory=list)

    def frame(self, number: int) -> Frame:
        self.asked.append(number)
        if number == 7:
            raise UnreadableFile("This frame is damaged: export it again.")
        return Frame(np.full((4, 4), number, np.int16), looks=(Look("as in the file", Window(50, 100)),))

    def plane(self, number: int) -> Plane:
        return Plane()

    def describe(self) -> Mapping[str, Any]:
        return {"format": "DICOM"}


def stack_of(source: Counted, frames: int = 100, unit: str = "slice") -> FileStack:
    return FileStack([Place(source, number) for number in range(1, frames + 1)], unit, lambda: "0" * 64)


def opened(folder: Path) -> Stack:
    stack = study([folder]).images[0].stack
    assert stack is not None
    return stack


def test_only_frames_near_the_one_asked_for_are_decoded() -> None:
    source = Counted()
    stack_of(source).frame(30)
    assert {30, 50} <= set(source.asked)
    assert all(abs(number - 30) <= 3 or number == 50 for number in source.asked)


def test_a_frame_is_decoded_once_for_all_who_ask() -> None:
    source = Counted()
    stack = stack_of(source)
    with ThreadPoolExecutor(8) as pool:
        values = list(pool.map(lambda number: int(stack.frame(number).values[0, 0]), [20, 21, 22] * 20))
    assert values == [20, 21, 22] * 20
    assert max(source.asked.count(number) for number in source.asked) == 1


def test_a_damaged_frame_is_a_sentence_and_stops_no_other() -> None:
    stack = stack_of(Counted())
    with pytest.raises(UnreadableFile):
        stack.frame(7)
    assert stack.frame(8).values[0, 0] == 8


def test_a_damaged_middle_slice_does_not_hide_its_neighbours() -> None:
    assert stack_of(Counted(), frames=13).start == 8


@dataclass
class Unwindowed(Counted):
    """As above, without a window in its files."""

    def frame(self, number: int) -> Frame:
        frame = super().frame(number)
        return replace(frame, looks=(Look("1st to 99th percentile", Window(number, 1)),))


def test_a_damaged_frame_in_the_sample_lends_no_values_and_hides_no_others() -> None:
    stack = stack_of(Unwindowed(), frames=12)
    image = stack.image("image 1", 3)
    assert image.pixels.shape == (4, 4)
    assert any("those of 11 slices spread over all 12" in note for note in image.notes)


@pytest.mark.parametrize("number", [0, -1, 101])
def test_a_frame_that_is_not_there_is_said(number: int) -> None:
    with pytest.raises(InputError, match="from 1 to 100"):
        stack_of(Counted()).frame(number)


def test_a_cine_starts_at_its_first_frame() -> None:
    assert stack_of(Counted(), unit="frame").start == 1


def test_a_sample_is_even_and_holds_the_middle() -> None:
    assert spread(5, 16) == [1, 2, 3, 4, 5]
    assert len(spread(500, 16)) <= 16
    assert {1, 250, 500} <= set(spread(500, 16))


def test_the_cache_stays_within_its_bytes() -> None:
    cache: Cache[bytes] = Cache(1_000, len)
    mine = owner()
    for number in range(50):
        cache.get(mine, number, lambda: bytes(100))
    assert sum(cache.has(mine, number) for number in range(50)) == 10
    assert len(cache.get(mine, 99, lambda: bytes(5_000))) == 5_000
    assert not cache.has(mine, 99)
    cache.forget(mine)
    assert not any(cache.has(mine, number) for number in range(50))


def test_nothing_is_kept_of_a_picture_that_is_gone() -> None:
    stack = stack_of(Counted(), frames=1)
    stack.frame(1)
    mine = stack._token
    assert FRAMES.has(mine, 1)
    del stack
    gc.collect()
    assert not FRAMES.has(mine, 1)


def test_a_fault_reaches_all_who_wait_and_is_not_kept() -> None:
    cache: Cache[bytes] = Cache(1_000, len)
    gate = threading.Event()

    def fail() -> bytes:
        gate.wait(5)
        raise UnreadableFile("This frame is damaged: export it again.")

    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(cache.get, 1, 1, fail) for _ in range(2)]
        gate.set()
        assert all(isinstance(each.exception(), UnreadableFile) for each in waiting)
    assert cache.get(1, 1, lambda: b"well") == b"well"


def test_one_window_serves_all_slices_and_is_said(tmp_path: Path) -> None:
    for number in range(5):
        written(tmp_path, ct(number, WindowCenter=100 * number), f"{number}")
    image = study([tmp_path]).images[0]
    assert image.window == image.at(1).window == image.at(5).window == Window(200, 400)
    assert any("that of slice 3, for all: their own differ" in note for note in image.notes)


def test_without_a_window_the_percentiles_are_of_the_whole_stack(tmp_path: Path) -> None:
    image = study([series(tmp_path, UP, WindowCenter=None, WindowWidth=None)]).images[0]
    assert image.window is not None and image.window == image.at(1).window
    low, high = image.window.center - image.window.width / 2, image.window.center + image.window.width / 2
    assert (low, high) == (pytest.approx(-1024, abs=4), pytest.approx(-1024 + 57, abs=4))
    assert any("spread over all 20" in note for note in image.notes)


def test_each_slice_keeps_its_own_slope(tmp_path: Path) -> None:
    for number in range(1, 5):
        pixels = np.full((4, 4), 100, np.int16)
        written(
            tmp_path, ct(number, pixels, Modality="PT", RescaleSlope=number, RescaleIntercept=0), f"{number}"
        )
    stack = opened(tmp_path)
    assert [stack.frame(number).slope for number in (1, 2, 3, 4)] == [4, 3, 2, 1]
    column = stack.reformat("coronal").frame(1)
    assert (column.values[:, 0] * column.slope + column.intercept).tolist() == [400, 300, 200, 100]


def test_plain_files_are_shown_as_through_the_decoder(shared_data: Path) -> None:
    names = (
        "ct_small",
        "mr_small",
        "mr_small_implicit",
        "mr_overlay",
        "voi_lut",
        "rtdose_15frames",
        "mr_small_padded",
    )
    for name in names:
        path = shared_data / "dicom" / f"{name}.dcm"
        image = study([path]).images[0]
        alone = read(path, name="image 1", frame=image.frame)
        assert np.array_equal(image.pixels, alone.pixels) and image.window == alone.window


def test_bits_above_those_stored_are_not_shown(tmp_path: Path) -> None:
    dirty = np.array([[0x1FFF, 0x8001], [5, 6]], np.uint16)
    data = ct(0, dirty, BitsStored=12, HighBit=11)
    path = written(tmp_path, data)
    stack = study([path]).images[0].stack
    assert stack is not None
    assert stack.frame(1).values.tolist() == [[0x0FFF, 1], [5, 6]]
    assert np.array_equal(study([path]).images[0].pixels, read(path, name="image 1").pixels)


# The patient's right, front and head hold one bright voxel: where it must come out, whatever the slices were.
PLACES = {
    "axial": ("R", "L", "A", "P"),
    "coronal": ("R", "L", "H", "F"),
    "sagittal": ("A", "P", "H", "F"),
}


def lying(folder: Path, cosines: list[float], side: int = 6) -> Path:
    """A cube of 2 mm voxels in slices along the normal of these cosines, marked at right, front, head."""
    right, down = np.array(cosines[:3], float), np.array(cosines[3:], float)
    normal = np.cross(right, down)
    corner = np.array([-10.0, -10.0, -10.0])
    target = corner + 2.0 * (side - 1) * np.array([0, 0, 1])
    for number in range(side):
        start = sum(
            np.where(axis < 0, 2.0 * (side - 1), 0) * np.abs(axis) * 1.0 for axis in (right, down, normal)
        )
        first = corner + start + normal * 2.0 * number
        pixels = np.zeros((side, side), np.int16)
        for row in range(side):
            for column in range(side):
                place = first + 2.0 * (row * down + column * right)
                pixels[row, column] = 1000 * bool(np.allclose(place, target))
        tags = {"ImageOrientationPatient": cosines, "ImagePositionPatient": first.tolist()}
        written(folder, ct(0, pixels, PixelSpacing=[2, 2], **tags), f"{number}")
    return folder


@pytest.mark.parametrize(
    "cosines",
    [[1, 0, 0, 0, 1, 0], [-1, 0, 0, 0, -1, 0], [1, 0, 0, 0, -1, 0], CORONAL, SAGITTAL, [0, -1, 0, 0, 0, -1]],
)
def test_a_marked_voxel_comes_out_at_its_letters(tmp_path: Path, cosines: list[float]) -> None:
    stack = opened(lying(tmp_path, cosines))
    for name, letters in PLACES.items():
        cut = stack.reformat(name)
        assert cut.plane(1).letters == letters
        assert cut.plane(1).spacing_mm == pytest.approx((2, 2))
        assert np.argwhere(cut.frame(1).values == 1000).tolist() == [[0, 0]]


def test_a_cut_knows_its_millimetres_and_positions(tmp_path: Path) -> None:
    cut = opened(series(tmp_path, UP)).reformat("coronal")
    assert (cut.frames, cut.frame(1).values.shape) == (8, (20, 10))
    assert cut.plane(1).spacing_mm == pytest.approx((3, 0.5))
    assert cut.plane(1).aspect == pytest.approx(6)
    assert [cut.plane(number).position_mm for number in (1, 2)] == pytest.approx([-20, -19.5])
    image = cut.image("image 1", 4)
    assert (image.modality, image.frames, image.unit, image.window) == ("CT", 8, "slice", Window(40, 400))
    assert any("Cut coronal" in note for note in image.notes)


def test_a_cut_can_be_cut_back(tmp_path: Path) -> None:
    stack = opened(series(tmp_path, UP))
    back = stack.reformat("sagittal").reformat("axial")
    for number in (1, 7, 20):
        assert np.array_equal(back.frame(number).values, stack.frame(number).values)
        assert back.plane(number).position_mm == pytest.approx(stack.plane(number).position_mm)


@pytest.mark.parametrize("heights", [[0, 5], [0, 5, 12, 16, 30], [0, 5, 10, 25, 30]])
def test_what_is_no_volume_is_not_cut(tmp_path: Path, heights: list[float]) -> None:
    with pytest.raises(InputError, match="no volume"):
        opened(series(tmp_path, heights)).reformat("coronal")


def test_a_volume_that_is_too_large_is_not_cut(tmp_path: Path) -> None:
    stack = study([series(tmp_path, UP)], limits=Limits(memory_bytes=1_000)).images[0].stack
    assert stack is not None
    with pytest.raises(TooLarge):
        stack.reformat("coronal")


def test_another_plane_is_not_known(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="axial"):
        opened(series(tmp_path, UP)).reformat("oblique")


def test_a_look_may_be_chosen(tmp_path: Path) -> None:
    stack = opened(series(tmp_path, UP))
    image = stack.image("image 1", 3, stack.looks[-1])
    assert image.window == stack.looks[-1].window != stack.looks[0].window


@pytest.mark.parametrize(("name", "frames", "parts"), [("siemens_xa10", 6, 1), ("philips_64frames", 32, 2)])
def test_frames_of_an_enhanced_file_follow_their_positions(
    shared_data: Path, name: str, frames: int, parts: int
) -> None:
    images = study([shared_data / "dicom" / f"enhanced_mr_{name}.dcm"]).images
    assert len(images) == parts
    for image in images:
        stack = image.stack
        assert stack is not None and (stack.unit, stack.frames) == ("slice", frames)
        positions = [stack.plane(number).position_mm or 0.0 for number in range(1, frames + 1)]
        assert positions == sorted(set(positions), reverse=True)


def test_magnitude_and_field_map_of_one_real_file_have_their_own_windows(shared_data: Path) -> None:
    magnitude, field = study([shared_data / "dicom" / "enhanced_mr_philips_64frames.dcm"]).images
    assert any("(magnitude)" in note or "echo time (1.52)" in note for note in magnitude.notes + field.notes)
    assert magnitude.window != field.window and magnitude.sha256 != field.sha256


def test_a_real_cine_is_frames_in_their_order(shared_data: Path) -> None:
    path = shared_data / "dicom" / "us_cine_ybr422_30frames.dcm"
    image = study([path]).images[0]
    assert (image.frame, image.frames, image.unit, image.place) == (1, 30, "frame", "image 1, frame 1")
    assert np.array_equal(image.at(9).pixels, read(path, name="image 1", frame=9).pixels)

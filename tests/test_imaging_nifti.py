"""NIfTI volumes lie the right way round, whatever way they are stored, and no modality is guessed."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from dicoms import written
from nibabel.nifti1 import Nifti1Image
from nibabel.nifti2 import Nifti2Image
from numpy.typing import NDArray

from chat_app.errors import FrameNeeded, InputError, TooLarge, UnreadableFile
from chat_app.imaging import Limits, frames, read, study

SHAPE = (6, 8, 10)  # towards the right, the front and the head in NIfTI's own axes
AFFINE = np.diag([2.0, 3.0, 4.0, 1.0])


def nifti(values: NDArray[Any], affine: NDArray[Any] | None = AFFINE, *, kind: Any = Nifti1Image) -> bytes:
    image = kind(values, affine)
    image.header.set_xyzt_units("mm")
    return bytes(image.to_bytes())


def marked() -> NDArray[np.int16]:
    """A volume with one bright voxel far to the right, the front and the head of the patient."""
    values = np.zeros(SHAPE, np.int16)
    values[-1, -1, -1] = 1000
    return values


def flipped(order: tuple[int, int, int], signs: tuple[int, int, int]) -> bytes:
    """The marked volume stored with its axes in another order and direction, the affine telling so."""
    source = Nifti1Image(marked(), AFFINE)
    wanted = np.array([[axis, sign] for axis, sign in zip(order, signs, strict=True)], float)
    turned = source.as_reoriented(wanted)
    turned.header.set_xyzt_units("mm")
    return bytes(turned.to_bytes())


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0), (1, 0, 2)])
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, 1), (-1, -1, -1), (1, -1, 1)])
def test_a_marked_voxel_comes_out_at_its_letters(
    tmp_path: Path, order: tuple[int, int, int], signs: tuple[int, int, int]
) -> None:
    stack = study([written(tmp_path, flipped(order, signs))]).images[0].stack
    assert stack is not None
    places = {
        "axial": (1, [0, 0], ("R", "L", "A", "P"), (3.0, 2.0)),
        "coronal": (1, [0, 0], ("R", "L", "H", "F"), (4.0, 2.0)),
        "sagittal": (1, [0, 0], ("A", "P", "H", "F"), (4.0, 3.0)),
    }
    for name, (number, corner, letters, spacing) in places.items():
        cut = stack.reformat(name)
        bright = np.argwhere(cut.frame(number).values == 1000)
        assert bright.tolist() == [corner]
        plane = cut.plane(number)
        assert (plane.letters, plane.name) == (letters, name)
        assert plane.spacing_mm == pytest.approx(spacing)
        assert plane.aspect == pytest.approx(spacing[0] / spacing[1])


@pytest.mark.parametrize("name", ["brain_t1_flair.nii.gz", "ct_chest.nii", "x"])
def test_no_modality_is_guessed_from_a_name(tmp_path: Path, name: str) -> None:
    data = nifti(marked())
    image = study([written(tmp_path, gzip.compress(data) if name.endswith("gz") else data, name)]).images[0]
    assert (image.format, image.modality, image.body_part, dict(image.facts)) == ("NIfTI", "", "", {})
    assert (image.frames, image.frame, image.place) == (10, 5, "image 1, slice 5")


def test_free_text_of_the_header_is_not_taken(tmp_path: Path) -> None:
    image = Nifti1Image(marked(), AFFINE)
    image.header["descrip"] = b"Jane Doe 1970"
    image.header["aux_file"] = b"doe.txt"
    opened = study([written(tmp_path, bytes(image.to_bytes()))]).images[0]
    assert "doe" not in repr((opened.facts, opened.notes, opened.origin, opened.withheld)).lower()


def test_slope_and_intercept_are_kept(tmp_path: Path) -> None:
    image = Nifti1Image(marked(), AFFINE)
    data = bytearray(image.to_bytes())  # nibabel leaves the scaling out of it
    header = Nifti1Image.from_bytes(bytes(data)).header
    header.set_slope_inter(0.5, -10)
    data[: len(header.binaryblock)] = header.binaryblock
    stack = study([written(tmp_path, bytes(data))]).images[0].stack
    assert stack is not None
    assert (stack.frame(1).slope, stack.frame(1).intercept) == (0.5, -10.0)


def test_of_several_volumes_the_first_is_shown_and_said(tmp_path: Path) -> None:
    values = np.stack([marked(), marked() * 2], axis=-1)
    image = study([written(tmp_path, nifti(values))]).images[0]
    assert image.stack is not None
    assert image.stack.frame(1).values.max() == 1000
    assert any("holds 2 volumes" in note for note in image.notes)


def test_colour_is_shown(tmp_path: Path) -> None:
    values = np.zeros(SHAPE, [("R", "u1"), ("G", "u1"), ("B", "u1")])
    values["R"] = 200
    image = study([written(tmp_path, nifti(values))]).images[0]
    assert image.pixels.shape == (8, 6, 3) and (image.pixels[0, 0] == (200, 0, 0)).all()


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32, np.float32, np.float64])
def test_other_kinds_of_numbers_are_shown(tmp_path: Path, kind: Any) -> None:
    values = np.arange(np.prod(SHAPE)).reshape(SHAPE).astype(kind)
    stack = study([written(tmp_path, nifti(values, kind=Nifti2Image))]).images[0].stack
    assert stack is not None
    assert stack.frame(1).values[0, 0] == values[-1, -1, -1]


def test_a_file_that_states_no_place_gets_no_letters(tmp_path: Path) -> None:
    image = study([written(tmp_path, nifti(marked(), None))]).images[0]
    assert image.plane.letters is None and image.plane.spacing_mm is None
    assert image.stack is not None
    with pytest.raises(InputError, match="does not say how it lies"):
        image.stack.reformat("axial")


def test_one_window_serves_the_volume(tmp_path: Path) -> None:
    values = np.random.default_rng(1).integers(0, 2000, SHAPE).astype(np.int16)
    stack = study([written(tmp_path, nifti(values))]).images[0].stack
    assert stack is not None
    low, high = np.percentile(values, (1, 99))
    assert stack.looks[0].window.center == pytest.approx((low + high) / 2)
    assert stack.image("image 1", 1).window == stack.image("image 1", 9).window == stack.looks[0].window


def test_read_asks_which_slice(tmp_path: Path) -> None:
    path = written(tmp_path, nifti(marked()))
    with pytest.raises(FrameNeeded):
        read(path, name="image 1")
    assert frames(path) == 10
    assert read(path, name="image 1", frame=2).frame == 2


def test_limits_come_before_the_voxels(tmp_path: Path) -> None:
    header = Nifti1Image(marked(), AFFINE).header
    header.set_data_shape((30_000, 30_000, 300))
    data = bytearray(nifti(marked()))
    data[:348] = header.binaryblock
    with pytest.raises(TooLarge):
        study([written(tmp_path, bytes(data))])
    with pytest.raises(TooLarge):
        study([written(tmp_path, nifti(marked()))], limits=Limits(memory_bytes=100))


def test_a_gzip_bomb_costs_no_more_than_the_volume(tmp_path: Path) -> None:
    bomb = gzip.compress(nifti(marked()) + bytes(50_000_000))
    image = study([written(tmp_path, bomb)]).images[0]
    assert image.frames == 10


@pytest.mark.parametrize("end", [b"", b"what only follows"])
def test_a_gzip_file_of_several_members_is_read_to_its_end(tmp_path: Path, end: bytes) -> None:
    data = nifti(marked())
    members = [gzip.compress(data[start : start + 400]) for start in range(0, len(data), 400)]
    packed = study([written(tmp_path, b"".join(members) + end)]).images[0]
    plain = study([written(tmp_path, data, "plain")]).images[0]
    assert packed.frames == plain.frames and np.array_equal(packed.pixels, plain.pixels)


def test_a_damaged_file_is_a_sentence(tmp_path: Path) -> None:
    data = nifti(np.random.default_rng(2).integers(-9999, 9999, SHAPE).astype(np.int16))
    for length in range(348, len(data), 61):
        for cut in (data[:length], gzip.compress(data[:length]), gzip.compress(data)[: length // 2]):
            with pytest.raises(InputError) as refused:
                study([written(tmp_path, cut)])
            assert str(refused.value).endswith(".")


def test_half_of_a_pair_is_refused(tmp_path: Path) -> None:
    pair = nibabel.Nifti1Pair(marked(), AFFINE)
    with pytest.raises(UnreadableFile, match="half of a NIfTI pair"):
        study([written(tmp_path, pair.header.binaryblock + bytes(4))])

"""PNG, JPEG, TIFF, WebP, BMP and GIF: every depth and colour is shown whole, upright and said in words."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from chat_app.errors import FrameNeeded, TooLarge, UnreadableFile
from chat_app.imaging import Limits, frames, read
from chat_app.imaging.content import Content
from chat_app.imaging.raster import RasterFile
from chat_app.records import Image, Plane

RAMP = np.arange(4096, dtype=np.uint16).reshape(64, 64)
GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)
RGB = np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8)
ORIENTATION = 0x0112


def saved(folder: Path, picture: PILImage.Image | NDArray[Any], kind: str = "PNG", **options: Any) -> Path:
    """The picture as a file whose name says nothing."""
    path = folder / "upload"
    image = picture if isinstance(picture, PILImage.Image) else PILImage.fromarray(picture)
    image.save(path, format=kind, **options)
    return path


def shown(path: Path, frame: int | None = None) -> Image:
    return read(path, name="image 1", frame=frame)


def stretched(values: NDArray[Any]) -> NDArray[Any]:
    low, high = np.percentile(values, (1, 99))
    return np.floor(np.clip((values - low) / (high - low) * 255, 0, 255) + 0.5)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_12_bit_ramp_in_16_bits_is_scaled_and_not_clipped(tmp_path: Path, kind: str) -> None:
    image = shown(saved(tmp_path, RAMP, kind))
    assert image.pixels.dtype == np.uint8
    np.testing.assert_array_equal(image.pixels, stretched(RAMP))
    assert np.mean(image.pixels == 255) < 0.02
    assert "1st to 99th percentile" in image.notes[0]


@pytest.mark.parametrize("kind", ["I", "F"])
def test_32_bits_are_scaled_like_16(tmp_path: Path, kind: str) -> None:
    values = RAMP.astype(np.int32 if kind == "I" else np.float32) * 50 - 1000
    np.testing.assert_array_equal(shown(saved(tmp_path, values, "TIFF")).pixels, stretched(values))


def test_what_is_not_a_number_is_black_and_does_not_decide(tmp_path: Path) -> None:
    values = RAMP.astype(np.float32)
    values[0, :3] = np.nan, np.inf, -np.inf
    pixels = shown(saved(tmp_path, values, "TIFF")).pixels
    assert pixels[0, :3].tolist() == [0, 255, 0]
    assert abs(int(pixels[32, 0]) - 128) <= 1


def test_a_constant_16_bit_picture_is_said_to_be_constant(tmp_path: Path) -> None:
    image = shown(saved(tmp_path, np.full((4, 4), 900, np.uint16)))
    assert image.pixels.max() == 0 and "same value" in image.notes[0]


def test_a_16_bit_tiff_whose_white_is_zero_is_turned_round(tmp_path: Path) -> None:
    tags = ImageFileDirectory_v2()
    tags[262] = 0
    path = tmp_path / "upload"
    PILImage.fromarray(RAMP).save(path, format="TIFF", tiffinfo=tags)
    if PILImage.open(path).tag_v2[262] != 0:  # Pillow writes its own value over ours
        data = path.read_bytes()
        entry = struct.pack("<HHIHH", 262, 3, 1, 1, 0)
        path.write_bytes(data.replace(entry, struct.pack("<HHIHH", 262, 3, 1, 0, 0)))
    assert PILImage.open(path).tag_v2[262] == 0
    np.testing.assert_array_equal(shown(path).pixels, 255 - stretched(RAMP))


def test_16_bit_colour_keeps_its_upper_byte_and_says_so(tmp_path: Path) -> None:
    wide = RGB.astype(">u2") * 257
    rows = b"".join(b"\0" + row.tobytes() for row in wide)
    header = struct.pack(">IIBBBBB", RGB.shape[1], RGB.shape[0], 16, 2, 0, 0, 0)
    path = tmp_path / "upload"
    path.write_bytes(png_file((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")))
    image = shown(path)
    np.testing.assert_array_equal(image.pixels, RGB)
    assert "upper 8 of 16 bits" in image.notes[0]


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF"])
def test_8_bit_grey_is_kept_as_it_is(tmp_path: Path, kind: str) -> None:
    image = shown(saved(tmp_path, GREY, kind))
    grey = image.pixels if image.pixels.ndim == 2 else image.pixels[..., 0]
    np.testing.assert_array_equal(grey, GREY)
    assert image.format == kind and image.notes == ()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_colour_is_kept_as_it_is(tmp_path: Path, kind: str) -> None:
    np.testing.assert_array_equal(shown(saved(tmp_path, RGB, kind)).pixels, RGB)


def test_lossless_webp_is_kept_as_it_is(tmp_path: Path) -> None:
    image = shown(saved(tmp_path, RGB, "WEBP", lossless=True))
    np.testing.assert_array_equal(image.pixels, RGB)
    assert image.format == "WebP"


def test_jpeg_is_near_what_was_saved(tmp_path: Path) -> None:
    smooth = np.stack([np.tile(np.arange(0, 240, 5, dtype=np.uint8), (48, 1))] * 3, axis=-1)
    image = shown(saved(tmp_path, smooth, "JPEG", quality=95))
    assert image.format == "JPEG"
    assert np.abs(image.pixels.astype(int) - smooth).max() < 8


def test_one_bit_is_black_and_white(tmp_path: Path) -> None:
    bits = np.indices((8, 8)).sum(axis=0) % 2 == 1
    np.testing.assert_array_equal(shown(saved(tmp_path, bits)).pixels, bits * 255)


def test_a_palette_becomes_its_colours(tmp_path: Path) -> None:
    picture = PILImage.fromarray(np.array([[0, 1], [2, 1]], np.uint8), mode="P")
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    expected = [[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [0, 255, 0]]]
    assert shown(saved(tmp_path, picture)).pixels.tolist() == expected


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_parts_are_black_and_it_is_said(tmp_path: Path, mode: str) -> None:
    picture = PILImage.new(mode, (2, 1), (200, 200, 200, 255) if mode == "RGBA" else (200, 255))
    picture.putpixel((1, 0), (200, 200, 200, 0) if mode == "RGBA" else (200, 0))
    image = shown(saved(tmp_path, picture))
    assert image.pixels.tolist() == [[[200, 200, 200], [0, 0, 0]]]
    assert image.notes == ("Transparent parts are shown black.",)


def test_an_opaque_alpha_channel_needs_no_word(tmp_path: Path) -> None:
    assert shown(saved(tmp_path, PILImage.fromarray(RGB).convert("RGBA"))).notes == ()


def test_cmyk_is_shown_as_colour(tmp_path: Path) -> None:
    image = shown(saved(tmp_path, PILImage.new("CMYK", (8, 8), (0, 255, 255, 0)), "TIFF"))
    assert image.pixels[0, 0].tolist() == [255, 0, 0]
    assert "approximately" in image.notes[0]


def test_a_colour_space_that_is_not_opened_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="colour space"):
        shown(saved(tmp_path, PILImage.new("LAB", (4, 4)), "TIFF"))


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (6, 3), (3, 2), (8, 1)])
def test_a_photograph_is_turned_upright(tmp_path: Path, orientation: int, turns: int) -> None:
    exif = PILImage.Exif()
    exif[ORIENTATION] = orientation
    image = shown(saved(tmp_path, GREY[:, :10], "PNG", exif=exif))
    np.testing.assert_array_equal(image.pixels, np.rot90(GREY[:, :10], turns))
    assert bool(image.notes) is (orientation != 1)


def test_a_mirrored_photograph_is_mirrored_back(tmp_path: Path) -> None:
    exif = PILImage.Exif()
    exif[ORIENTATION] = 2
    np.testing.assert_array_equal(shown(saved(tmp_path, GREY, "PNG", exif=exif)).pixels, GREY[:, ::-1])


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "WEBP", "PNG"])
def test_of_several_pictures_one_is_chosen(tmp_path: Path, kind: str) -> None:
    pages = [PILImage.new("L", (6, 4), value) for value in (40, 90, 160)]
    options = {"lossless": True} if kind == "WEBP" else {}
    path = saved(tmp_path, pages[0], kind, save_all=True, append_images=pages[1:], **options)
    assert frames(path) == 3
    with pytest.raises(FrameNeeded, match="3 frames"):
        shown(path)
    for number, value in ((3, 160), (1, 40), (2, 90)):
        image = shown(path, number)
        assert (image.frame, image.frames) == (number, 3)
        assert (image.pixels == value).all()


def test_a_telephones_hidden_second_picture_is_no_frame(tmp_path: Path) -> None:
    pages = [PILImage.new("RGB", (16, 16), value) for value in ("red", "blue")]
    path = saved(tmp_path, pages[0], "MPO", save_all=True, append_images=pages[1:])
    image = shown(path)
    assert (image.frames, image.format) == (1, "JPEG")
    assert image.pixels[8, 8, 0] > 240


def png_file(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG file of these chunks, each with its length and checksum."""
    parts = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_a_header_of_60000_by_60000_is_refused_unopened(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0)
    path = tmp_path / "upload"
    path.write_bytes(png_file((b"IHDR", header), (b"IDAT", zlib.compress(b"\0")), (b"IEND", b"")))
    with pytest.raises(TooLarge) as refused:
        shown(path)
    assert "\n" not in str(refused.value)


def test_the_limit_on_pixels_is_ours_before_it_is_pillows(tmp_path: Path) -> None:
    path = saved(tmp_path, np.zeros((100, 101), np.uint8))
    with pytest.raises(TooLarge, match="101 x 100"):
        read(path, name="image 1", limits=Limits(pixels=10_000))
    assert Limits().pixels < (PILImage.MAX_IMAGE_PIXELS or 0)


def test_the_limit_on_frames_holds(tmp_path: Path) -> None:
    pages = [PILImage.new("L", (2, 2), value) for value in range(0, 60, 10)]
    path = saved(tmp_path, pages[0], "TIFF", save_all=True, append_images=pages[1:])
    with pytest.raises(TooLarge, match="6 frames"):
        read(path, name="image 1", frame=1, limits=Limits(frames=5))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF"])
def test_a_picture_cut_in_half_is_refused(tmp_path: Path, kind: str) -> None:
    path = saved(tmp_path, RGB, kind)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UnreadableFile, match="damaged or incomplete"):
        shown(path)


def test_a_file_called_by_another_formats_name_is_read_by_content(tmp_path: Path) -> None:
    stream = io.BytesIO()
    PILImage.fromarray(GREY).save(stream, format="PNG")
    path = tmp_path / "brain_t1_flair.nii.gz"
    path.write_bytes(stream.getvalue())
    image = shown(path)
    assert (image.format, image.modality, image.body_part, image.facts) == ("PNG", "", "", {})


def test_a_raster_frame_keeps_its_depth_and_knows_of_no_plane(tmp_path: Path) -> None:
    path = saved(tmp_path, RAMP, "PNG")
    file = RasterFile.open(path.read_bytes(), Content.PNG, Limits())
    frame = file.frame(1)
    np.testing.assert_array_equal(frame.values, RAMP)
    assert frame.values.dtype == np.uint16 and frame.looks[0].name == "1st to 99th percentile"
    assert (file.frames, file.plane(1), file.describe()) == (1, Plane(), {"format": "PNG"})


def test_colour_of_a_raster_file_has_no_windows(tmp_path: Path) -> None:
    file = RasterFile.open(saved(tmp_path, RGB, "BMP").read_bytes(), Content.BMP, Limits())
    frame = file.frame(1)
    np.testing.assert_array_equal(frame.values, RGB)
    assert frame.looks == () and frame.values.dtype == np.uint8

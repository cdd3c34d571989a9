"""What lies around the pixels of a file is gone, and the pixels are as they were."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from dicoms import dicom
from identifiers import residue, saved, seeded
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageCms
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from chat_app.imaging import deidentify, slack

KEY = b"a key of this test, 32 bytes long"
HIDDEN = b"Zqhidden"
RAMP = np.tile(np.arange(64, dtype=np.uint8), (64, 1))


def cleaned(dataset: Dataset) -> FileDataset:
    return dcmread(io.BytesIO(saved(deidentify.clean(dataset, KEY).dataset)))


def hides(dataset: Dataset) -> bool:
    return bool(residue(saved(dataset), {"hidden": HIDDEN.decode()}))  # type: ignore[arg-type]


def plain(pixels: NDArray[Any] = RAMP) -> FileDataset:
    return dcmread(io.BytesIO(dicom(pixels, BitsStored=8)))


def coded(form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    Pillow.fromarray(RAMP).save(stream, form, **options)
    return stream.getvalue()


def holding(syntax: UID, *fragments: bytes) -> FileDataset:
    dataset = plain()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate(list(fragments), has_bot=False)
    dataset["PixelData"].is_undefined_length = True
    return dataset


def of(dataset: FileDataset) -> bytes:
    return next(generate_frames(dataset.PixelData, number_of_frames=1))


def compressed(syntax: UID, plugin: str) -> FileDataset:
    dataset = plain()
    dataset.compress(syntax, encoding_plugin=plugin, generate_instance_uid=False)
    return dataset


def between_scans(stream: bytes) -> bytes:
    """A progressive JPEG with a comment before its last scan."""
    place = stream.rfind(b"\xff\xda")
    return stream[:place] + b"\xff\xfe\x00\x0a" + HIDDEN + stream[place:]


RLE = compressed(RLELossless, "pydicom")
JPEG_LS = compressed(JPEGLSLossless, "pyjpegls")
STREAMS: dict[str, FileDataset] = {
    "a comment": holding(JPEGBaseline8Bit, coded("JPEG", comment=HIDDEN)),
    "a thumbnail's segment": holding(JPEGBaseline8Bit, coded("JPEG", exif=b"Exif\0\0" + HIDDEN)),
    "behind the end of a JPEG": holding(JPEGBaseline8Bit, coded("JPEG") + HIDDEN),
    "behind the end of a JPEG-LS": holding(JPEGLSLossless, of(JPEG_LS) + HIDDEN),
    "between two scans": holding(JPEGBaseline8Bit, between_scans(coded("JPEG", progressive=True))),
    "behind an end of many scans": holding(JPEGBaseline8Bit, coded("JPEG", progressive=True) + HIDDEN),
    "a JPEG 2000 comment": holding(JPEG2000Lossless, coded("JPEG2000", no_jp2=True, comment=HIDDEN)),
    "behind the end of a JPEG 2000": holding(JPEG2000Lossless, coded("JPEG2000", no_jp2=True) + HIDDEN),
    "behind the boxes of a JP2": holding(JPEG2000Lossless, coded("JPEG2000") + HIDDEN * 3),
    "behind the runs of an RLE": holding(RLELossless, of(RLE) + HIDDEN),
}


@pytest.mark.parametrize("place", STREAMS)
def test_what_a_compressed_stream_hides_is_blanked_and_the_picture_stays(place: str) -> None:
    source = STREAMS[place]
    result = cleaned(source)
    assert hides(source) and not hides(result)
    assert np.array_equal(result.pixel_array, source.pixel_array)


def test_a_box_of_a_jp2_that_is_no_picture_is_blanked() -> None:
    stream = coded("JPEG2000")
    place = stream.find(b"jp2c") - 4
    box = (8 + len(HIDDEN)).to_bytes(4, "big") + b"xml " + HIDDEN
    source = holding(JPEG2000Lossless, stream[:place] + box + stream[place:])
    assert hides(source) and not hides(cleaned(source))
    assert np.array_equal(cleaned(source).pixel_array, RAMP)


def test_what_follows_the_items_is_cut_off() -> None:
    source = holding(JPEGBaseline8Bit, coded("JPEG"))
    source.PixelData += HIDDEN
    assert not hides(deidentify.clean(source, KEY).dataset)


def test_a_frame_in_two_fragments_is_blanked_to_its_end() -> None:
    stream = coded("JPEG")
    half = len(stream) // 2 // 2 * 2
    source = holding(JPEGBaseline8Bit, stream[:half], stream[half:] + HIDDEN, HIDDEN)
    result = cleaned(source)
    assert hides(source) and not hides(result)
    parts = b"".join(generate_frames(result.PixelData, number_of_frames=1))
    assert np.array_equal(np.asarray(Pillow.open(io.BytesIO(parts))), source.pixel_array)


@pytest.mark.parametrize("keyword", ["FloatPixelData", "DoubleFloatPixelData"])
def test_padding_behind_real_numbers_is_cut_off(keyword: str) -> None:
    source, kind = plain(), np.float32 if keyword[0] == "F" else np.float64
    del source.PixelData
    values = RAMP.astype(kind).tobytes()
    source.BitsAllocated = 8 * kind().itemsize
    setattr(source, keyword, values + HIDDEN)
    assert hides(source) and cleaned(source)[keyword].value == values


@pytest.mark.parametrize("keyword", [*slack.PIXELS[1:], *slack.OFFSETS])
def test_a_second_picture_or_table_that_no_viewer_reads_is_dropped(keyword: str) -> None:
    source = plain()
    setattr(source, keyword, HIDDEN * 2)
    assert hides(source) and keyword not in cleaned(source)


@pytest.mark.parametrize("keyword", [*slack.PIXELS, *slack.OFFSETS])
def test_a_picture_within_a_sequence_is_dropped(keyword: str) -> None:
    source, item = seeded(), Dataset()
    setattr(item, keyword, HIDDEN * 2)
    item[keyword].VR = "OB" if keyword == "PixelData" else item[keyword].VR
    source.SharedFunctionalGroupsSequence = Sequence([item])
    result = deidentify.clean(source, KEY)
    assert hides(source) and not hides(result.dataset) and keyword in result.withheld


def test_a_palette_is_cut_to_its_entries_and_keeps_them() -> None:
    source = plain()
    source.add_new("RedPaletteColorLookupTableDescriptor", "US", [256, 0, 16])
    entries = np.arange(256, dtype="<u2").tobytes()
    source.RedPaletteColorLookupTableData = entries + HIDDEN
    assert hides(source) and cleaned(source).RedPaletteColorLookupTableData == entries


def test_a_table_without_a_descriptor_is_dropped() -> None:
    source = plain()
    source.GreenPaletteColorLookupTableData = HIDDEN
    assert hides(source) and "GreenPaletteColorLookupTableData" not in cleaned(source)


def test_a_colour_profile_keeps_its_colours_and_loses_its_texts() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    source, colours = (
        plain(),
        Pillow.fromarray(np.random.default_rng(0).integers(0, 255, (9, 9, 3), np.uint8)),
    )
    source.ICCProfile = profile
    kept = cleaned(source).ICCProfile
    assert b"s\0R\0G\0B" in profile and b"s\0R\0G\0B" not in kept and len(kept) == len(profile)
    lab = ImageCms.createProfile("LAB")
    shown = [
        np.asarray(ImageCms.profileToProfile(colours, io.BytesIO(each), lab, outputMode="LAB"))
        for each in (profile, kept)
    ]
    assert np.array_equal(*shown)


def test_what_is_no_colour_profile_is_dropped() -> None:
    source = plain()
    source.ICCProfile = HIDDEN * 40
    assert hides(source) and "ICCProfile" not in cleaned(source)


@pytest.mark.parametrize(("high", "group"), [(11, 0x6002), (15, 0x6000)])
def test_a_drawing_among_the_bits_is_gone_wherever_it_lies(high: int, group: int) -> None:
    """Of another overlay group than the first, and below values that lie above the lowest bits."""
    lowest = high - 11
    drawn = 12 if lowest == 0 else 0
    values = (np.arange(64, dtype=np.uint16).reshape(8, 8) << lowest) | np.uint16(1 << drawn)
    source = dcmread(io.BytesIO(dicom(values, BitsStored=12, HighBit=high)))
    source.add_new((group, 0x0010), "US", 8)
    source.add_new((group, 0x0011), "US", 8)
    source.add_new((group, 0x0100), "US", 16)
    source.add_new((group, 0x0102), "US", drawn)
    cleaned = deidentify.clean(source, bytes(32)).dataset
    left = np.frombuffer(cleaned.PixelData, np.uint16)[:64].reshape(8, 8)
    np.testing.assert_array_equal(left, np.arange(64).reshape(8, 8) << lowest)

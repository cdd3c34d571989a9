"""DICOM files: frames are chosen, encodings make no difference, and what holds no picture is refused."""

from __future__ import annotations

import inspect
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pydicom.errors
import pytest
from dicoms import RAMP, Opener, deflated_bomb, deflated_meta, dicom, written
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import (
    MPEG2MPML,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
)

from chat_app.errors import FrameNeeded, InputError, TooLarge, UnreadableFile
from chat_app.imaging import Limits, frames, read
from chat_app.imaging import dicom as dicom_module
from chat_app.imaging.dicom import DicomFile
from chat_app.imaging.render import rendered
from chat_app.records import Window

pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning:pydicom")

REAL = Path(get_testdata_file("CT_small.dcm", download=False)).parent
BYTES = np.arange(256, dtype=np.uint8).reshape(16, 16)
STACK = np.stack([np.full((4, 5), value, np.uint8) for value in (10, 20, 30)])


@pytest.fixture
def opened(tmp_path: Path) -> Opener:
    return Opener(tmp_path)


def test_several_frames_need_a_choice(opened: Opener, tmp_path: Path) -> None:
    with pytest.raises(FrameNeeded, match="3 frames") as refused:
        opened(STACK)
    assert refused.value.frames == frames(written(tmp_path, dicom(STACK))) == 3


def test_the_chosen_frame_is_the_one_shown(opened: Opener) -> None:
    for number in (1, 2, 3):
        image = opened(STACK, frame=number)
        assert (image.frame, image.frames) == (number, 3)
        assert (image.pixels == number * 10).all()


@pytest.mark.parametrize("frame", [0, -1, 4])
def test_a_frame_that_is_not_there_is_refused(opened: Opener, frame: int) -> None:
    with pytest.raises(InputError, match="from 1 to 3"):
        opened(STACK, frame=frame)


def test_a_frame_may_have_its_own_window() -> None:
    groups = []
    for center in (100, 200):
        voi, group = Dataset(), Dataset()
        voi.WindowCenter, voi.WindowWidth = center, 50
        group.FrameVOILUTSequence = [voi]
        groups.append(group)
    tags = {"WindowCenter": 1, "WindowWidth": 2, "PerFrameFunctionalGroupsSequence": groups}
    second = rendered(DicomFile.open(dicom(np.stack([RAMP, RAMP]), **tags), Limits()).frame(2))
    assert second.window == Window(200, 50)
    assert second.pixels[2, 46] == 0 and second.pixels[3, 33] == 255  # 174 and 225, the edges


@pytest.mark.parametrize("count", [100_000, 5, -1])
def test_a_lying_number_of_frames_is_refused(opened: Opener, count: int) -> None:
    with pytest.raises((TooLarge, UnreadableFile)):
        opened(STACK, frame=1, NumberOfFrames=count)


@pytest.mark.parametrize(
    "syntax",
    [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian],
    ids=lambda s: s.name,
)
def test_every_way_of_writing_shows_the_same_pixels(tmp_path: Path, syntax: UID) -> None:
    dataset = pydicom.dcmread(REAL / "MR_small.dcm")
    if syntax == ExplicitVRBigEndian:
        path = REAL / "MR_small_bigendian.dcm"
    else:
        path = tmp_path / "same"
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.save_as(path, implicit_vr=syntax.is_implicit_VR, little_endian=True)
    plain = read(REAL / "MR_small.dcm", name="image 1")
    np.testing.assert_array_equal(read(path, name="image 1").pixels, plain.pixels)


def test_a_file_without_preamble_is_known_by_its_first_tag(tmp_path: Path) -> None:
    stream = pydicom.filebase.DicomBytesIO()
    dataset = pydicom.dcmread(REAL / "MR_small_implicit.dcm")
    del dataset.file_meta
    pydicom.dcmwrite(stream, dataset, implicit_vr=True, little_endian=True)
    image = read(written(tmp_path, stream.getvalue()), name="image 1")
    assert (image.format, image.modality, image.pixels.shape) == ("DICOM", "MR", (64, 64))


def test_a_deflate_bomb_is_refused_and_takes_no_memory(tmp_path: Path) -> None:
    path = written(tmp_path, deflated_bomb(64 * 2**20))
    assert path.stat().st_size < 100_000
    tracemalloc.start()
    with pytest.raises(TooLarge, match="8 MB"):
        read(path, name="image 1", limits=Limits(file_bytes=8_000_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 24_000_000


def test_a_deflated_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="header"):
        read(written(tmp_path, deflated_bomb(2**20)[:-200]), name="image 1")


def test_a_deflated_part_cannot_hide_a_second_one(tmp_path: Path) -> None:
    # Once inflated it opens with file meta information of its own, which pydicom would follow.
    inner = deflated_bomb(64 * 2**20)[132:]
    squeeze = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    outer = deflated_meta() + squeeze.compress(inner) + squeeze.flush()
    path = written(tmp_path, outer)
    tracemalloc.start()
    with pytest.raises(UnreadableFile, match="header"):
        read(path, name="image 1", limits=Limits(file_bytes=8_000_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 24_000_000


def test_sequences_nested_without_end_are_refused(tmp_path: Path) -> None:
    opening = b"\x40\0\x75\x02SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff"
    data = dicom()
    with pytest.raises(UnreadableFile, match="header"):
        read(written(tmp_path, data[: data.index(b"\x28\0\x02\0US")] + opening * 3000), name="image 1")


def test_a_header_of_too_many_parts_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = dicom()
    place = data.index(b"\x28\0\x02\0US")
    many = b"".join(b"\x09\0" + number.to_bytes(2, "little") + b"LO\0\0" for number in range(0x1010, 0x2000))
    path = written(tmp_path, data[:place] + many + data[place:])
    assert read(path, name="image 1").pixels.shape == (64, 64)
    monkeypatch.setattr(dicom_module, "MOST_READS", 2000)
    with pytest.raises(TooLarge, match="too many parts"):
        DicomFile.open(path.read_bytes(), Limits())


def test_a_header_that_takes_too_long_is_refused() -> None:
    with pytest.raises(TooLarge, match="too many parts"):
        DicomFile.open(dicom(), Limits(seconds=0))


@pytest.mark.parametrize("samples", [0, 2, 4, 60000])
def test_pixels_of_another_number_of_samples_are_refused(opened: Opener, samples: int) -> None:
    with pytest.raises(UnreadableFile, match="neither grey nor of three colours"):
        opened(SamplesPerPixel=samples)


def test_rows_and_columns_are_held_to_the_limit_before_decoding(opened: Opener) -> None:
    with pytest.raises(TooLarge, match="60000 x 60000"):
        opened(Rows=60000, Columns=60000)


def test_a_small_header_around_a_huge_codestream_is_refused(tmp_path: Path) -> None:
    dataset = pydicom.dcmread(REAL / "MR_small_jp2klossless.dcm")
    size = dataset.PixelData.index(b"\xff\x4f\xff\x51") + 8
    huge = (60000).to_bytes(4, "big")
    dataset.PixelData = dataset.PixelData[:size] + huge + huge + dataset.PixelData[size + 8 :]
    dataset.save_as(tmp_path / "huge")
    with pytest.raises(UnreadableFile, match="not of the size"):
        read(tmp_path / "huge", name="image 1")


@pytest.mark.parametrize(
    ("syntax", "named"), [(MPEG2MPML, "MPEG2 Main Profile"), (UID("1.2.3.4"), "a private transfer syntax")]
)
def test_a_compression_that_is_not_known_is_named(opened: Opener, syntax: UID, named: str) -> None:
    pixels = pydicom.encaps.encapsulate([b"\0\0\1\xba" * 8])
    with pytest.raises(UnreadableFile, match=named):
        opened(BYTES, syntax=syntax, PixelData=pixels)


def test_pixel_data_that_do_not_decode_are_refused_by_name(opened: Opener) -> None:
    broken = pydicom.encaps.encapsulate([b"\xff\x4f\xff\x51" + bytes(60)])
    with pytest.raises(UnreadableFile, match="size"):
        opened(BYTES, syntax=JPEG2000Lossless, PixelData=broken)
    path = REAL / "JPEG-lossy.dcm"
    with pytest.raises(UnreadableFile, match="JPEG Extended"):
        read(path, name="image 1")


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("test-SR.dcm", "Comprehensive SR"),
        ("reportsi.dcm", "Basic Text SR"),
        ("rtplan.dcm", "RT Plan"),
        ("rtstruct.dcm", "RT Structure Set"),
        ("waveform_ecg.dcm", "12-lead ECG Waveform"),
    ],
)
def test_an_object_without_a_picture_is_named(file: str, kind: str) -> None:
    with pytest.raises(UnreadableFile, match=f"{kind}.* holds no picture"):
        read(REAL / file, name="image 1")


def test_missing_pixel_data_are_not_called_another_kind(opened: Opener) -> None:
    with pytest.raises(UnreadableFile, match="missing or cut off"):
        opened(PixelData=None)


@pytest.mark.parametrize(
    "tags",
    [
        {"Rows": None},
        {"Rows": 0},
        {"BitsAllocated": 7},
        {"SamplesPerPixel": 2},
        {"PixelRepresentation": None},
    ],
    ids=str,
)
def test_a_damaged_header_is_refused(opened: Opener, tags: dict[str, Any]) -> None:
    with pytest.raises(UnreadableFile):
        opened(**tags)


def test_an_unknown_colour_space_is_refused_without_repeating_it(opened: Opener) -> None:
    with pytest.raises(UnreadableFile, match="colour space") as refused:
        opened(PhotometricInterpretation="HSV")
    assert "HSV" not in str(refused.value)


def test_every_error_of_pydicom_is_mapped() -> None:
    own = [
        kind for _, kind in inspect.getmembers(pydicom.errors, inspect.isclass) if issubclass(kind, Exception)
    ]
    assert len(own) >= 2
    for kind in own:
        assert issubclass(kind, dicom_module.DAMAGE), kind
        with pytest.raises(UnreadableFile, match="one sentence"), dicom_module.mapped("one sentence."):
            raise kind("a sentence that names a patient")

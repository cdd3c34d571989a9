"""Whatever is dropped becomes pictures, or sentences about what is none."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from dicoms import RAMP, ct, dicom, series, written
from PIL import Image as PILImage
from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage

from chat_app.errors import InputError, UnreadableFile
from chat_app.imaging import Limits, Opened, read, study
from chat_app.records import Image, Study

# pydicom warns of values out of form; the program silences that, pytest makes it heard again.
pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning:pydicom")

UP = [0.0, 5.0, 10.0, 15.0]


def png() -> bytes:
    stream = io.BytesIO()
    PILImage.fromarray(np.arange(100, dtype=np.uint8).reshape(10, 10)).save(stream, "PNG")
    return stream.getvalue()


def dicomdir() -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    stream = DicomBytesIO()
    stream.write(b"\0" * 128 + b"DICM")
    write_file_meta_info(stream, meta, enforce_standard=True)
    return stream.getvalue() + b"\x04\0\x00\x14UL\x04\0\0\0\0\0"


def test_files_folders_and_pictures_come_together(tmp_path: Path) -> None:
    folder = series(tmp_path / "ct", UP)
    loose = written(tmp_path, png(), "photo")
    film = written(tmp_path, dicom(Modality="CR"), "film")
    opened = study([loose, folder, film], first=3)
    assert [image.name for image in opened.images] == ["image 3", "image 4", "image 5"]
    assert sorted((image.format, image.modality, image.frames) for image in opened.images) == [
        ("DICOM", "CR", 1),
        ("DICOM", "CT", 4),
        ("PNG", "", 1),
    ]
    assert opened.refused == ()


def test_a_lone_file_is_the_same_as_read(tmp_path: Path) -> None:
    path = written(tmp_path, dicom(RAMP, Modality="CR", WindowCenter=2000, WindowWidth=1000))
    (image,) = study([path]).images
    alone = read(path, name="image 1")
    assert np.array_equal(image.pixels, alone.pixels)
    fields = ("name", "sha256", "format", "modality", "facts", "notes", "plane", "window", "withheld")
    assert all(getattr(image, field) == getattr(alone, field) for field in fields)
    assert image.stack is not None and alone.stack is not None


def test_a_slice_has_a_name_in_the_study(tmp_path: Path) -> None:
    (image,) = study([series(tmp_path, UP)]).images
    found = Study((image,)).named("image 1, slice 4")
    assert (found.frame, found.place) == (4, "image 1, slice 4")
    assert found.at(2).at(4).pixels.tolist() == found.pixels.tolist()
    with pytest.raises(InputError, match="slice 5"):
        Study((image,)).named("image 1, slice 5")


def test_a_hash_of_a_series_is_of_its_instances(tmp_path: Path) -> None:
    folder = series(tmp_path / "a", UP)
    shutil.copytree(folder, tmp_path / "b")
    for path in (tmp_path / "b").iterdir():
        path.rename(path.with_name("x" + path.name))
    first, second = (study([place]).images[0].sha256 for place in (folder, tmp_path / "b"))
    assert first == second != study([series(tmp_path / "c", UP)]).images[0].sha256


def test_what_is_refused_is_said_once_for_all_alike(tmp_path: Path) -> None:
    folder = series(tmp_path, UP)
    for number in range(3):
        written(folder, b"Findings: none.\n" * 9, f"report{number}")
    written(folder, b"%PDF-1.7", "a.pdf")
    opened = study([folder])
    assert [image.frames for image in opened.images] == [4]
    assert len(opened.refused) == 2
    assert any(text.startswith("3 files: This is text") for text in opened.refused)
    assert any(text.startswith("File 5 of 8: This is a PDF document") for text in opened.refused)
    assert not any("report" in text or str(tmp_path) in text for text in opened.refused)


def test_one_thing_that_is_no_picture_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="text"):
        study([written(tmp_path, b"Findings: none.\n" * 9)])
    with pytest.raises(UnreadableFile, match="no such file"):
        study([tmp_path / "nothing"])
    with pytest.raises(InputError, match="no file"):
        study([])


def test_several_things_that_are_no_pictures_are_sentences(tmp_path: Path) -> None:
    opened = study([written(tmp_path, b"Findings.\n" * 9, "a"), written(tmp_path, b"%PDF", "b")])
    assert opened.images == () and len(opened.refused) == 2


def test_a_dicomdir_is_passed_over_beside_its_files_and_named_alone(tmp_path: Path) -> None:
    folder = series(tmp_path, UP)
    path = written(folder, dicomdir(), "DICOMDIR")
    opened = study([folder])
    assert [image.frames for image in opened.images] == [4]
    assert opened.refused == ()
    with pytest.raises(UnreadableFile, match="DICOMDIR"):
        study([path])


def test_a_cut_off_slice_does_not_stop_the_others(tmp_path: Path) -> None:
    folder = series(tmp_path, UP)
    written(folder, ct(20.0, np.zeros((64, 64), np.int16))[:-3000], "short")
    opened = study([folder])
    assert [image.frames for image in opened.images] == [4]
    assert "shorter than its header says" in opened.refused[0]


def test_long_work_is_told(tmp_path: Path) -> None:
    said: list[str] = []
    study([series(tmp_path, [float(z) for z in range(60)])], say=said.append)
    assert said == ["Looking at file 50 ...", "Opening picture 1 ..."]


def test_a_header_longer_than_the_first_read_is_read(tmp_path: Path) -> None:
    path = written(
        tmp_path, dicom(RAMP, ImageComments="x" * 9000, PatientComments="x" * 9000, TextValue="x" * 90000)
    )
    assert np.array_equal(study([path]).images[0].pixels, read(path, name="image 1").pixels)


def test_wrong_bytes_among_slices_are_pictures_or_sentences(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    for _ in range(60):
        for number in range(4):
            data = bytearray(ct(5.0 * number, InstanceNumber=number, StudyDate="20240101", EchoTime=3))
            for place in random.integers(132, len(data), random.integers(9)):
                data[place] = random.integers(256)
            written(tmp_path, bytes(data), f"{number}")
        try:
            opened = study([tmp_path])
        except InputError as error:
            assert str(error).endswith(".")
        else:
            assert opened.images or opened.refused


def test_every_real_file_opens_or_is_refused(shared_data: Path) -> None:
    files = [path for path in (shared_data / "dicom").rglob("*") if path.is_file()]
    opened = study([shared_data / "dicom"])
    assert len(files) >= 111
    assert shown(opened) + refused(opened) + copies(opened) + 1 == len(files)  # and the DICOMDIR
    assert len(opened.images) > 35
    assert all(text.endswith(".") and "/" not in text for text in opened.refused)


def shown(opened: Opened) -> int:
    """Files behind the pictures: one for each slice of a series, and one for all frames of a multi-frame."""
    return len({place.source for image in opened.images for place in image.stack.places})  # type: ignore[union-attr]


def refused(opened: Opened) -> int:
    counts = [text.split()[0] for text in opened.refused]
    return sum(int(count) if count.isdecimal() else 1 for count in counts)


def copies(opened: Opened) -> int:
    return sum(int(note.split()[0]) for note in opened.notes if "copies" in note)


@pytest.mark.slow
def test_every_real_picture_is_the_same_as_read_alone(shared_data: Path) -> None:
    def same(path: Path, image: Image) -> bool:
        return np.array_equal(image.pixels, read(path, name="image 1", frame=image.frame).pixels)

    sorted_otherwise = ("enhanced", "rtdose", "seg")
    paths = [
        path for path in (shared_data / "dicom").glob("*.dcm") if not path.name.startswith(sorted_otherwise)
    ]
    compared = 0
    for path in paths:
        try:
            image = study([path], limits=Limits()).images[0]
        except InputError:
            continue
        compared += 1
        assert same(path, image), path.name
    assert compared > 40

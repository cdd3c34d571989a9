"""A file is what its bytes say, and whatever it is, it becomes a picture or one clear sentence."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import os
from pathlib import Path

import numpy as np
import pytest
from dicoms import RAMP, dicom, written
from PIL import Image as PILImage
from pydicom.data import get_testdata_file

from chat_app.errors import FrameNeeded, InputError, TooLarge, UnreadableFile
from chat_app.imaging import frames, read

# pydicom warns of every oddity of a damaged file; the program silences that, pytest makes it heard again.
pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning:pydicom")

REAL = Path(get_testdata_file("CT_small.dcm", download=False)).parent


def png() -> bytes:
    stream = io.BytesIO()
    PILImage.fromarray(np.random.default_rng(1).integers(0, 256, (40, 40), np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def nifti() -> bytes:
    return (348).to_bytes(4, "little") + bytes(340) + b"n+1\0" + bytes(200)


NAMELESS = "Patient Jane Doe MRN 1234567"
REFUSED = {
    "empty": (b"", "empty"),
    "text": (b"Findings: none.\n" * 40, "text"),
    "text that opens like a bitmap": (b"BMI of the patient: 24.\n", "text"),
    "utf-16 text": ("Findings: none.".encode("utf-16"), "text"),
    "utf-8 text": ("Größe, 王小东\n".encode() * 40, "text"),
    "html": (b"<!DOCTYPE html><html><body>hello</body></html>", "text"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", "text"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3" + bytes(200), "PDF"),
    "zip": (b"PK\x03\x04" + bytes(200), "ZIP"),
    "gzip": (gzip.compress(bytes(4000)), "gzip"),
    "nifti of nothing": (nifti(), "NIfTI file is damaged"),
    "gzipped nifti of nothing": (gzip.compress(nifti() * 20), "NIfTI file is damaged"),
    "heic": (b"\0\0\0\x18ftypheic" + bytes(100), "HEIC"),
    "noise": (bytes(range(128, 256)) * 20, "not a picture of a known kind"),
    "zeros": (bytes(4096), "not a picture of a known kind"),
    "only a signature": (b"\x89PNG\r\n\x1a\n", "damaged or incomplete"),
    "only a preamble": (bytes(128) + b"DICM", "holds no picture"),
}


@pytest.mark.parametrize(("data", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_picture_gets_one_sentence(tmp_path: Path, data: bytes, words: str) -> None:
    path = written(tmp_path, data, NAMELESS)
    for attempt in (lambda: read(path, name="image 1"), lambda: frames(path)):
        with pytest.raises(UnreadableFile, match=words) as refused:
            attempt()
        is_one_nameless_sentence(refused.value, path)


def is_one_nameless_sentence(error: InputError, path: Path) -> None:
    text = str(error)
    assert text.endswith(".") and "\n" not in text and len(text) < 250
    assert path.name not in text or path.name == "DICOMDIR"  # which is what it is
    assert str(path.parent) not in text


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path, words in ((tmp_path / NAMELESS, "no such file"), (tmp_path, "folder")):
        with pytest.raises(UnreadableFile, match=words) as refused:
            read(path, name="image 1")
        is_one_nameless_sentence(refused.value, path)


@pytest.mark.parametrize("name", ["x" * 5000, "nul\0byte"])
def test_a_name_no_disk_can_hold_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnreadableFile):
        read(tmp_path / name, name="image 1")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnreadableFile, match="no such file"):
        read(tmp_path / "pipe", name="image 1")


def test_a_file_over_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as stream:
        stream.truncate(50 * 10**9)
    with pytest.raises(TooLarge, match="200 MB"):
        read(path, name="image 1")


@pytest.mark.parametrize("name", ["IM000001", "cxr.png", "brain_t1_flair.nii.gz", "chest.dcm", "x"])
def test_a_dicom_file_is_known_under_any_name(tmp_path: Path, name: str) -> None:
    image = read(written(tmp_path, dicom(Modality="MR"), name), name="image 1")
    assert (image.format, image.modality, image.name) == ("DICOM", "MR", "image 1")


def test_the_hash_is_of_the_files_bytes_and_not_of_its_name(tmp_path: Path) -> None:
    first = read(written(tmp_path, png(), "a.png"), name="image 1")
    second = read(written(tmp_path, png(), "b"), name="image 2")
    assert first.sha256 == second.sha256 == hashlib.sha256(png()).hexdigest()


def test_two_files_of_one_name_are_two_pictures(tmp_path: Path) -> None:
    for folder in ("alice", "bob"):
        (tmp_path / folder).mkdir()
    alice = written(tmp_path / "alice", png(), "cxr.png")
    bob = written(tmp_path / "bob", dicom(), "cxr.png")
    assert read(alice, name="image 1").pixels.shape == (40, 40)
    assert read(bob, name="image 1").pixels.shape == (64, 64)


def test_a_frame_of_a_single_picture_may_be_named(tmp_path: Path) -> None:
    path = written(tmp_path, png())
    assert read(path, name="image 1", frame=1).frames == frames(path) == 1
    with pytest.raises(InputError, match="no frame 2"):
        read(path, name="image 1", frame=2)


SAMPLES = {
    "png": png,
    "dicom": lambda: dicom(RAMP, WindowCenter=[1, 2], WindowWidth=[3, 4]),
    "compressed": (REAL / "MR_small_jp2klossless.dcm").read_bytes,
    "multi-frame": (REAL / "rtdose_rle.dcm").read_bytes,
    "deflated": (REAL / "image_dfl.dcm").read_bytes,
}


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_file_cut_off_anywhere_is_a_picture_or_a_sentence(tmp_path: Path, sample: str) -> None:
    data = SAMPLES[sample]()
    for length in {*range(0, 200, 20), *np.linspace(0, len(data), 40, dtype=int).tolist()}:
        picture_or_sentence(written(tmp_path, data[:length]))


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_file_with_wrong_bytes_is_a_picture_or_a_sentence(tmp_path: Path, sample: str) -> None:
    data, random = SAMPLES[sample](), np.random.default_rng(2)
    for _ in range(60):
        damaged = bytearray(data)
        for place in random.integers(0, min(len(data), 3000), 8):
            damaged[place] = random.integers(256)
        picture_or_sentence(written(tmp_path, bytes(damaged)))


def picture_or_sentence(path: Path) -> bool:
    """Whether the file opened; any fault but an InputError of one sentence is a failure of the test."""
    try:
        image = read(path, name="image 1", frame=1)
    except InputError as error:
        is_one_nameless_sentence(error, path)
        return False
    assert image.pixels.dtype == np.uint8
    assert image.pixels.shape in ((image.rows, image.columns), (image.rows, image.columns, 3))
    return True


def test_every_file_inside_pydicom_opens_or_is_refused_in_a_sentence() -> None:
    files = [path for path in REAL.rglob("*") if path.is_file() and "TINY_ALPHA" not in path.parts]
    assert len(files) > 100
    assert sum(picture_or_sentence(path) for path in files) > 80


def manifest(shared_data: Path) -> list[dict[str, str]]:
    """The rows of shared/data/dicom/MANIFEST.tsv, by column name."""
    with (shared_data / "dicom" / "MANIFEST.tsv").open(newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def test_every_real_dicom_file_opens_or_is_refused_in_a_sentence(shared_data: Path) -> None:
    rows = [row for row in manifest(shared_data) if not row["file"].startswith("series")]
    failed = {row["file"] for row in rows if not picture_or_sentence(shared_data / "dicom" / row["file"])}
    readable = {row["file"] for row in rows if row["decode"].startswith("ok")}
    # What only gdcm and pylibjpeg read, where they are not installed; and 12 bits in lossy JPEG, which no
    # permissively licensed decoder reads.
    excused = {
        "ct1_jpeg_lossless.dcm",
        "us_jpeg_lossless_sv1.dcm",
        "sc_htj2k_rgb.dcm",
        "nm_jpeg_extended.dcm",
    }
    assert len(readable) > 40
    assert failed & readable <= excused


@pytest.mark.slow
def test_every_slice_of_the_real_series_opens(shared_data: Path) -> None:
    pytest.importorskip("gdcm", reason="python-gdcm is not installed")
    rows = [row for row in manifest(shared_data) if row["file"].startswith("series")]
    assert len(rows) > 40
    assert all(picture_or_sentence(shared_data / "dicom" / row["file"]) for row in rows)


def test_a_real_multi_frame_file_is_never_opened_at_its_first_frame(shared_data: Path) -> None:
    with pytest.raises(FrameNeeded) as refused:
        read(shared_data / "dicom" / "us_cine_ybr422_30frames.dcm", name="image 1")
    assert refused.value.frames == 30

"""Lossless JPEG is decoded in a process of its own, and its end is not ours."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels.utils import pixel_array

from chat_app.errors import UnreadableFile
from chat_app.imaging import apart, read
from chat_app.imaging import dicom as dicom_module

REAL = Path(get_testdata_file("CT_small.dcm", download=False)).parent
LOSSLESS = REAL / "SC_rgb_jpeg_gdcm.dcm"


def test_lossless_jpeg_shows_what_another_compression_shows() -> None:
    pytest.importorskip("gdcm", reason="python-gdcm is not installed")
    image = read(LOSSLESS, name="image 1")
    np.testing.assert_array_equal(image.pixels, read(REAL / "SC_rgb_rle.dcm", name="image 1").pixels)


def test_damaged_lossless_jpeg_is_a_sentence(tmp_path: Path) -> None:
    pytest.importorskip("gdcm", reason="python-gdcm is not installed")
    dataset = pydicom.dcmread(LOSSLESS)
    stream = bytearray(get_frame(dataset.PixelData, 0, number_of_frames=1))
    stream[stream.index(b"\xff\xc3") + 4] = 122  # bits a sample; gdcm takes this to a segmentation fault
    dataset.PixelData = encapsulate([bytes(stream)])
    dataset.save_as(tmp_path / "damaged")
    with pytest.raises(UnreadableFile, match="JPEG Lossless"):
        read(tmp_path / "damaged", name="image 1")


def test_a_child_that_is_killed_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "__file__", "/dev/null/no such script")
    with pytest.raises(RuntimeError, match="ended over it"):
        apart.decode(pydicom.dcmread(LOSSLESS), b"\xff\xd8")


def test_nothing_that_names_a_patient_goes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []

    def run(command: list[str], *, input: bytes, **_: Any) -> subprocess.CompletedProcess[bytes]:
        sent.append(input)
        answer = io.BytesIO()
        np.save(answer, np.zeros((100, 100, 3), np.uint8))
        return subprocess.CompletedProcess(command, 0, answer.getvalue(), b"")

    monkeypatch.setattr(subprocess, "run", run)
    dataset = pydicom.dcmread(LOSSLESS)
    dataset.PatientName, dataset.PatientID = "Doe^Jane", "MRN-1234567"
    assert apart.decode(dataset, b"\xff\xd8").shape == (100, 100, 3)
    assert b"Doe" not in sent[0] and b"1234567" not in sent[0]


def test_gdcm_is_never_asked_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[str] = set()

    def record(dataset: Dataset, *, index: int, decoding_plugin: str = "") -> NDArray[Any]:
        if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
            asked.add(decoding_plugin)
        return pixel_array(dataset, index=index, decoding_plugin=decoding_plugin)

    monkeypatch.setattr(dicom_module, "pixel_array", record)
    for file in ("MR_small_jp2klossless", "MR_small_jpeg_ls_lossless", "MR_small_RLE", "SC_rgb_jpeg_dcmtk"):
        assert read(REAL / f"{file}.dcm", name="image 1").pixels.any()
    assert {"pydicom", "pyjpegls", "pillow"} <= asked
    assert asked <= set(dicom_module.DECODERS) and "gdcm" not in dicom_module.DECODERS

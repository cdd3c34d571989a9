"""What several test files need: settings, a scripted model, files made on the spot, the shared data."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from orthanc import Orthanc, running
from PIL import Image as Pillow
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid

from chat_app import settings as settings_module
from chat_app.models.scripted import Scripted
from chat_app.settings import Settings

ROOT = Path(__file__).parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"

MakeFile = Callable[..., Path]


@pytest.fixture(autouse=True)
def clean_environ(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test depends on the LIGHTBOX_ variables of whoever runs it, or keeps anything of theirs."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.getbasetemp() / "data"))
    for name in os.environ:
        if name.startswith(settings_module.PREFIX):
            monkeypatch.delenv(name)


@pytest.fixture
def settings() -> Settings:
    return settings_module.load(environ={})


@pytest.fixture
def scripted() -> Scripted:
    """A model that answers what the test enqueues and keeps what it was sent in `.history`."""
    return Scripted()


@pytest.fixture
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        pytest.skip("shared data is not beside this checkout")
    return SHARED_DATA


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """A real picture archive, shared by the tests that need one."""
    with running(tmp_path_factory.mktemp("orthanc")) as server:
        yield server


def ramp(rows: int = 40, columns: int = 60, most: int = 255) -> np.ndarray[Any, Any]:
    """Grey from black at the left to `most` at the right; uint8 when it fits, else uint16."""
    line = np.linspace(0, most, columns)
    return np.tile(line, (rows, 1)).astype(np.uint8 if most < 256 else np.uint16)


@pytest.fixture
def picture(tmp_path: Path) -> MakeFile:
    """Writes an array (a grey ramp by default) as a picture file and gives its path."""

    def make(name: str = "picture.png", pixels: np.ndarray[Any, Any] | None = None) -> Path:
        path = tmp_path / name
        Pillow.fromarray(ramp() if pixels is None else pixels).save(path)
        return path

    return make


@pytest.fixture
def dicom(tmp_path: Path) -> MakeFile:
    """Writes a DICOM file (a 12-bit MONOCHROME2 ramp by default) and gives its path.

    `pixels` is (rows, columns), (frames, rows, columns) or (rows, columns, 3); every other keyword is a DICOM
    keyword that is set last, and one whose value is None is left out of the file.
    """

    def make(name: str = "file.dcm", pixels: np.ndarray[Any, Any] | None = None, **tags: Any) -> Path:
        pixels = ramp(most=4095) if pixels is None else pixels
        path = tmp_path / name
        dataset = _dataset(pixels, tags)
        dataset.save_as(path, enforce_file_format=True)
        return path

    return make


def _dataset(pixels: np.ndarray[Any, Any], tags: dict[str, Any]) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = meta.MediaStorageSOPClassUID
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.PatientName, dataset.PatientID = "Doe^Jane", "12345"
    dataset.Modality, dataset.BodyPartExamined = "CR", "CHEST"
    dataset.SamplesPerPixel = 3 if pixels.shape[-1] == 3 else 1
    dataset.PhotometricInterpretation = "RGB" if dataset.SamplesPerPixel == 3 else "MONOCHROME2"
    if dataset.SamplesPerPixel == 3:
        dataset.PlanarConfiguration = 0
    elif pixels.ndim == 3:
        dataset.NumberOfFrames = pixels.shape[0]
    dataset.Rows, dataset.Columns = pixels.shape[-3:-1] if dataset.SamplesPerPixel == 3 else pixels.shape[-2:]
    dataset.BitsAllocated = pixels.dtype.itemsize * 8
    dataset.BitsStored = 8 if dataset.BitsAllocated == 8 else 12
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(np.issubdtype(pixels.dtype, np.signedinteger))
    dataset.PixelData = pixels.tobytes()
    for keyword, value in tags.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset


@pytest.fixture
def where(tmp_path: Path) -> Settings:
    """Settings that keep cases in a folder of this test alone."""
    return Settings(data=str(tmp_path / "data"))


@pytest.fixture
def kept(where: Settings) -> Iterator[Any]:
    """An open store, as `where` says."""
    from chat_app import store

    opened = store.open(where)
    assert not isinstance(opened, store.Ephemeral)
    yield opened
    opened.close()

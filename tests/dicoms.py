"""Real DICOM files made on the spot: what a scanner, a careless archive or an attacker might send."""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from chat_app.imaging import read
from chat_app.records import Image

SOP_INSTANCE = "1.2.826.0.1.3680043.8.498.1"
RAMP = np.arange(4096, dtype=np.uint16).reshape(64, 64)


def dicom(pixels: NDArray[Any] = RAMP, *, syntax: str = ExplicitVRLittleEndian, **tags: Any) -> bytes:
    """A file of these stored values: (rows, columns), (rows, columns, 3), or (frames, rows, columns).

    tags: by DICOM keyword, set last, so that they may contradict the pixels; None leaves the tag out.
    """
    dataset = FileDataset("", {}, file_meta=FileMetaDataset(), preamble=b"\0" * 128)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = SOP_INSTANCE
    dataset.Modality = "OT"
    _describe(dataset, pixels)
    for keyword, value in tags.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def table(entries: NDArray[np.uint16], *, first: int = 0, bits: int = 16) -> Dataset:
    """One item of a modality or VOI LUT sequence."""
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries) % 2**16, first, bits])
    item.add_new("LUTData", "OW", entries.tobytes())
    item.ModalityLUTType = "US"
    return item


def deflated_meta() -> bytes:
    """Preamble and file meta information of a deflated file, which end where its deflated part begins."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = SOP_INSTANCE
    stream = DicomBytesIO()
    stream.write(b"\0" * 128 + b"DICM")
    write_file_meta_info(stream, meta, enforce_standard=True)
    return stream.getvalue()


def deflated_bomb(inflated: int) -> bytes:
    """A small file whose deflated part holds one private element of `inflated` zeros."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    parts = [squeeze.compress(b"\x09\0\x10\x10OB\0\0" + inflated.to_bytes(4, "little"))]
    parts += [squeeze.compress(bytes(2**20)) for _ in range(inflated // 2**20)]
    return deflated_meta() + b"".join(parts) + squeeze.flush()


def written(folder: Path, data: bytes, name: str = "IM000001") -> Path:
    """The file on disk, by default under a name that says nothing of its kind."""
    path = folder / name
    path.write_bytes(data)
    return path


class Opener:
    """Makes a file in a folder and reads it: `opened(pixels, frame=2, WindowCenter=40)`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, pixels: NDArray[Any] = RAMP, *, frame: int | None = None, **tags: Any) -> Image:
        return read(written(self.folder, dicom(pixels, **tags)), name="image 1", frame=frame)


def _describe(dataset: Dataset, pixels: NDArray[Any]) -> None:
    """The image pixel module (PS3.3 C.7.6.3) that fits the array."""
    is_colour = pixels.ndim == 3 and pixels.shape[-1] == 3
    bits = pixels.dtype.itemsize * 8
    dataset.SamplesPerPixel = 3 if is_colour else 1
    dataset.PhotometricInterpretation = "RGB" if is_colour else "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape[:2] if is_colour else pixels.shape[-2:]
    if is_colour:
        dataset.PlanarConfiguration = 0
    elif pixels.ndim == 3:
        dataset.NumberOfFrames = len(pixels)
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)


AXIAL = [1, 0, 0, 0, 1, 0]
CORONAL = [1, 0, 0, 0, 0, -1]
SAGITTAL = [0, 1, 0, 0, 0, -1]


def ct(z: float = 0.0, pixels: NDArray[Any] | None = None, **tags: Any) -> bytes:
    """One axial CT slice at a height in mm; tags win, and one that is None is left out."""
    plain = {
        "Modality": "CT",
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": generate_uid(),
        "StudyInstanceUID": "1.2.3",
        "SeriesInstanceUID": "1.2.3.1",
        "SeriesNumber": 1,
        "ImageOrientationPatient": AXIAL,
        "ImagePositionPatient": [-10.0, -20.0, z],
        "PixelSpacing": [0.5, 0.5],
        "RescaleSlope": 1,
        "RescaleIntercept": -1024,
        "WindowCenter": 40,
        "WindowWidth": 400,
    }
    values = np.full((8, 10), 1000, np.int16) if pixels is None else pixels
    wanted = {keyword: value for keyword, value in {**plain, **tags}.items() if value is not None}
    return dicom(values, **wanted)


def series(folder: Path, heights: Sequence[float], **tags: Any) -> Path:
    """A folder of CT slices at these heights, under names and instance numbers that say nothing of them."""
    folder.mkdir(parents=True, exist_ok=True)
    order = np.random.default_rng(3).permutation(len(heights)).tolist()
    for place, z in zip(order, heights, strict=True):
        pixels = np.full((8, 10), round(z), np.int16)
        written(folder, ct(z, pixels, **{"InstanceNumber": place + 1, **tags}), f"IM{place:04d}")
    return folder


def enhanced(frames: Sequence[dict[str, Any]], **tags: Any) -> bytes:
    """An enhanced MR file of axial frames, each of its own grey: 10, 20, 30 and so on.

    Of each frame `z` in mm and, where given, by the names of their sequences what its functional groups say.
    """
    own = [
        _group(PlanePositionSequence={"ImagePositionPatient": [0, 0, each["z"]]}, **each) for each in frames
    ]
    shared = _group(
        PlaneOrientationSequence={"ImageOrientationPatient": AXIAL},
        PixelMeasuresSequence={"PixelSpacing": [0.5, 0.5], "SliceThickness": 1},
    )
    pixels = np.stack([np.full((8, 10), 10 * number, np.uint16) for number in range(1, len(frames) + 1)])
    plain = {
        "Modality": "MR",
        "SOPClassUID": EnhancedMRImageStorage,
        "StudyInstanceUID": "1.2.3",
        "SeriesInstanceUID": "1.2.3.9",
        "SharedFunctionalGroupsSequence": [shared],
        "PerFrameFunctionalGroupsSequence": own,
    }
    return dicom(pixels, **{**plain, **tags})


def _group(*, z: float = 0.0, **macros: dict[str, Any]) -> Dataset:
    """One functional group: of each macro its only item."""
    group = Dataset()
    for name, values in macros.items():
        item = Dataset()
        for keyword, value in values.items():
            setattr(item, keyword, value)
        setattr(group, name, [item])
    return group

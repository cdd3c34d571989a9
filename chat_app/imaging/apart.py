"""Decodes one frame with gdcm in a process of its own.

Only gdcm decodes lossless JPEG, the usual compression of CT archives, and it ends the whole process on
damaged data. Nothing but the pixel description and the compressed frame goes over: no name, no identifier.
"""

from __future__ import annotations

import io
import subprocess
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.utils import pixel_array

SECONDS = 60
PIXEL_MODULE = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
)


def decode(dataset: FileDataset, stream: bytes) -> NDArray[Any]:
    """Stored values of the frame that `stream` holds, (rows, columns) or (rows, columns, 3).

    Raises:
        RuntimeError: the decoder refused the frame, or ended over it.
    """
    lone = Dataset()
    for keyword in PIXEL_MODULE:
        if keyword in dataset:
            lone[keyword] = dataset[keyword]
    lone.PixelData = encapsulate([stream])
    lone.file_meta = FileMetaDataset()
    lone.file_meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    file = io.BytesIO()
    lone.save_as(file, enforce_file_format=False)
    # -P: without it this folder would stand on the path, and its names before those of installed packages.
    command = [sys.executable, "-P", __file__]
    try:
        done = subprocess.run(
            command, input=file.getvalue(), capture_output=True, timeout=SECONDS, check=True
        )
    except subprocess.SubprocessError as error:
        raise RuntimeError("the decoder refused the frame or ended over it") from error
    return np.asarray(np.load(io.BytesIO(done.stdout), allow_pickle=False))


def main() -> None:
    """A DICOM file of one frame from standard input; its stored values to standard output as an NPY file."""
    dataset = dcmread(io.BytesIO(sys.stdin.buffer.read()), force=True)
    np.save(sys.stdout.buffer, pixel_array(dataset, decoding_plugin="gdcm"))


if __name__ == "__main__":
    main()

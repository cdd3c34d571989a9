"""DICOM files: the header is read and held to the limits, then one frame is decoded; render shows it.

pydicom parses and decodes. Its faults, and those of the decoders behind it, are put in our words here.
"""

from __future__ import annotations

import io
import logging
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import get_frame
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_file_meta_info
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from chat_app.errors import TooLarge, UnreadableFile
from chat_app.imaging import burned, codestream, geometry, render, shifted
from chat_app.imaging.decode import decode
from chat_app.imaging.facts import body_part, facts, modality, withheld
from chat_app.imaging.limits import Limits
from chat_app.imaging.slack import PIXELS
from chat_app.records import Frame, Plane

# pydicom's warnings quote the value they complain of, which may be a patient's name, on stderr and in the
# log; every fault that matters comes as an exception.
warnings.filterwarnings("ignore", module=r"pydicom\.")
logging.getLogger("pydicom").setLevel(logging.CRITICAL)

DAMAGE = (
    InvalidDicomError,
    BytesLengthException,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    EOFError,
    OSError,
    struct.error,
    zlib.error,
)
SHOWING = "What this DICOM file says of how to show its pixels is damaged: export it again."
PHOTOMETRIC = (
    "MONOCHROME1",
    "MONOCHROME2",
    "PALETTE COLOR",
    "RGB",
    "YBR_FULL",
    "YBR_FULL_422",
    "YBR_ICT",
    "YBR_RCT",
)
# How pixels are stored (PS3.3 C.7.6.3), as pydicom's decoders call it.
DESCRIPTION = {
    "rows": "Rows",
    "columns": "Columns",
    "samples_per_pixel": "SamplesPerPixel",
    "bits_allocated": "BitsAllocated",
    "bits_stored": "BitsStored",
    "pixel_representation": "PixelRepresentation",
    "planar_configuration": "PlanarConfiguration",
}
MOST_READS = 1_000_000  # an enhanced multi-frame is read in up to 300 parts a frame
PIECE = 4096  # bytes of a deflate stream; they become 4 MB at most
GE_SWAPPED = "1.2.840.113619.5.2"  # a private syntax: implicit little-endian with big-endian pixels
PREAMBLE = b"\0" * 128 + b"DICM"


@dataclass(frozen=True, eq=False)
class DicomFile:
    """A DICOM object that holds pictures within the limits; none of them is decoded yet."""

    dataset: FileDataset
    frames: int
    limits: Limits

    @classmethod
    def open(cls, data: bytes, limits: Limits) -> DicomFile:
        """Header, kind and size; raises UnreadableFile or TooLarge before a pixel is decoded."""
        with mapped("The header of this DICOM file is damaged or incomplete: export it again."):
            dataset = _parse(data, limits)
            _check_picture(dataset)
            _check_decoder(dataset)
            frames = int(dataset.get("NumberOfFrames") or 1)
            limits.check_frame(int(dataset.Rows), int(dataset.Columns))
            limits.check_frames(frames)
            if int(dataset.SamplesPerPixel) not in (1, 3):
                raise UnreadableFile(
                    "The pixels of this file are neither grey nor of three colours: export it again."
                )
            _check_length(dataset, frames)
        return cls(dataset, frames, limits)

    def frame(self, number: int) -> Frame:
        """One frame, decoded, before any window; from 1.

        Raises:
            UnreadableFile: it cannot be decoded, or not in time, or how to show it is not known.
            TooLarge: it needs more memory than is allowed.
        """
        with mapped(_undecodable(self.dataset)):
            stored = self._stored(number)
        with mapped(SHOWING):
            return render.frame(self.dataset, number, stored)

    def plane(self, number: int) -> Plane:
        """How one frame lies in the patient, as far as the file says; from 1."""
        with mapped("What this DICOM file says of where its pixels lie is damaged: export it again."):
            return geometry.plane(self.dataset, number)

    def describe(self) -> dict[str, Any]:
        """What an Image says of the file, by the names of its fields."""
        from chat_app.imaging.header import origin  # which opens files through this one

        with mapped(SHOWING):
            return {
                "format": "DICOM",
                "modality": modality(self.dataset),
                "body_part": body_part(self.dataset),
                "facts": facts(self.dataset),
                "origin": origin(self.dataset),
                "withheld": withheld(self.dataset),
                "caution": burned.caution(self.dataset),
            }

    def _stored(self, number: int) -> NDArray[Any]:
        """Stored values of one frame, the only one decoded: (rows, columns), or (rows, columns, 3) in RGB."""
        dataset = self.dataset
        lifted = shifted.bits(dataset)
        words: dict[str, Any] = {} if lifted is None else lifted.whole
        if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
            stored = _decompressed(dataset, self._stream(number), self.limits, **words)
        else:
            stored = pixel_array(dataset, index=number - 1, **words)
        if lifted is not None:
            stored = lifted.values(stored)
        if stored.shape not in ((dataset.Rows, dataset.Columns), (dataset.Rows, dataset.Columns, 3)):
            raise ValueError(f"a frame of shape {stored.shape} is no picture")
        return stored

    def _stream(self, number: int) -> bytes:
        """One compressed frame; raises UnreadableFile when it is not of the size that the header says."""
        offsets = self.dataset.get("ExtendedOffsetTable"), self.dataset.get("ExtendedOffsetTableLengths")
        stream = get_frame(
            self.dataset.PixelData,
            number - 1,
            number_of_frames=self.frames,
            extended_offsets=None if None in offsets else offsets,
        )
        if codestream.size(stream) not in (None, (self.dataset.Columns, self.dataset.Rows)):
            raise UnreadableFile(
                "The compressed picture is not of the size its header says: export it again."
            )
        return stream


def _parse(data: bytes, limits: Limits) -> FileDataset:
    dataset = dcmread(Watched(_inflated(data, limits), limits.seconds), force=True)
    if "TransferSyntaxUID" not in dataset.file_meta:
        is_implicit, is_little = dataset.original_encoding
        bare = ImplicitVRLittleEndian if is_implicit else ExplicitVRLittleEndian
        dataset.file_meta.TransferSyntaxUID = bare if is_little else ExplicitVRBigEndian
    if dataset.file_meta.TransferSyntaxUID == GE_SWAPPED and "PixelData" in dataset:
        _swap(dataset)
    return dataset


def _swap(dataset: FileDataset) -> None:
    """Makes pixels little-endian as the rest of the file is."""
    if dataset.BitsAllocated == 16:
        dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").byteswap().tobytes()
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian


class Watched(io.BytesIO):
    """A file whose reading ends after so many parts or seconds: 200 MB of empty elements become 10 GB."""

    def __init__(self, data: bytes, seconds: float) -> None:
        super().__init__(data)
        self.reads, self.end = 0, monotonic() + seconds

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        if self.reads > MOST_READS or monotonic() > self.end:
            raise TooLarge(
                "The header of this DICOM file has too many parts: export its pictures one by one."
            )
        return super().read(size)


def _inflated(data: bytes, limits: Limits) -> bytes:
    """The same file with its deflated part inflated, as far as the limit on bytes goes (PS3.5 section A.5).

    pydicom would inflate all of it before any tag can be looked at: 300 KB become 600 MB.
    """
    stream = io.BytesIO(data)
    stream.seek(132 if data[128:132] == b"DICM" else 0)
    meta = read_dataset(stream, False, True, stop_when=lambda tag, _vr, _length: tag >> 16 != 2)
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return data
    body = _inflate(data[stream.tell() :], limits)
    if body.startswith(b"\x02\0"):
        raise ValueError("a second file meta information, which could name another compression")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    plain = DicomBytesIO()
    plain.write(PREAMBLE)
    write_file_meta_info(plain, FileMetaDataset(meta), enforce_standard=False)
    return plain.getvalue() + body


def _inflate(deflated: bytes, limits: Limits) -> bytes:
    """Piece by piece, so that no more than the limit and one piece is ever held."""
    inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    pieces, size = [], 0
    for start in range(0, len(deflated), PIECE):
        pieces.append(inflater.decompress(deflated[start : start + PIECE]))
        size += len(pieces[-1])
        limits.check_bytes(size)
    if not inflater.eof:
        raise EOFError("the deflated part is cut off")
    return b"".join(pieces)


def _check_picture(dataset: FileDataset) -> None:
    """Raises: UnreadableFile, which names what the object is, when it holds no picture."""
    if any(keyword in dataset for keyword in PIXELS):
        return
    sop_class = UID(str(dataset.get("SOPClassUID") or dataset.file_meta.get("MediaStorageSOPClassUID") or ""))
    kind = sop_class.name.removesuffix(" Storage") if sop_class.name != sop_class else ""
    if "Rows" in dataset or kind.endswith("Image"):
        raise UnreadableFile("The pixel data of this DICOM file is missing or cut off: export it again.")
    named = f" ({kind})" if kind else ""
    raise UnreadableFile(f"This DICOM file{named} holds no picture: open an image of the study instead.")


def _check_decoder(dataset: FileDataset) -> None:
    """Raises: UnreadableFile, which names the transfer syntax, when nothing installed decodes it."""
    try:
        is_known = get_decoder(dataset.file_meta.TransferSyntaxUID).is_available
    except NotImplementedError:
        is_known = False
    if not is_known:
        raise UnreadableFile(f"No decoder is installed for {_syntax(dataset)}: export the file uncompressed.")


def _check_length(dataset: FileDataset, frames: int) -> None:
    """Raises: UnreadableFile, when uncompressed pixel data is shorter than the header promises."""
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated or "PixelData" not in dataset:
        return
    samples = dataset.Rows * dataset.Columns * dataset.SamplesPerPixel
    if dataset.PhotometricInterpretation == "YBR_FULL_422":
        samples = samples * 2 // 3
    if len(dataset.PixelData) * 8 < frames * samples * dataset.BitsAllocated:
        raise UnreadableFile(
            "The pixel data of this DICOM file is shorter than its header says: export it again."
        )


def _decompressed(dataset: FileDataset, stream: bytes, limits: Limits, **words: Any) -> NDArray[Any]:
    """What a worker makes of one compressed frame; of the header only how it is stored goes over.

    words: what is told otherwise than the header says.
    """
    photometric = str(dataset.PhotometricInterpretation)
    description = {word: int(dataset.get(keyword) or 0) for word, keyword in DESCRIPTION.items()}
    return decode(
        "dicom",
        stream,
        limits,
        syntax=str(dataset.file_meta.TransferSyntaxUID),
        photometric_interpretation=photometric if photometric in PHOTOMETRIC else "MONOCHROME2",
        **description | words,
    ).values


def _undecodable(dataset: FileDataset) -> str:
    if not dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        return "The pixel data of this DICOM file does not fit its header: export it again."
    return f"The pixel data ({_syntax(dataset)}) cannot be decoded: export it uncompressed."


def _syntax(dataset: FileDataset) -> str:
    """The transfer syntax by its name in the standard; a private one has none."""
    syntax = UID(str(dataset.file_meta.TransferSyntaxUID))
    return syntax.name if syntax.name != syntax else "a private transfer syntax"


@contextmanager
def mapped(sentence: str) -> Iterator[None]:
    """Faults of pydicom, highdicom and the decoders in our words.

    Theirs are not shown as the cause, for they quote values: some the whole header.
    """
    try:
        yield
    except MemoryError:
        raise TooLarge("This picture needs more memory than there is: export it smaller.") from None
    except DAMAGE:
        raise UnreadableFile(sentence) from None

"""NIfTI volumes: the header through nibabel and within the limits, then the voxels of the first volume.

It states no modality and none is guessed; its free text (name, description, other files) is not read.
"""

from __future__ import annotations

import hashlib
import io
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from chat_app.errors import TooLarge, UnreadableFile
from chat_app.imaging import render, voi
from chat_app.imaging.archive import Item
from chat_app.imaging.geometry import Grid
from chat_app.imaging.limits import Limits
from chat_app.imaging.volume import Cut, Volume, Voxels, check_bytes
from chat_app.records import Look

GZIP = b"\x1f\x8b"
HEADER_BYTES = 544  # of NIfTI-2 with the extension flag; NIfTI-1 is shorter
PIECE = 2**20
SAMPLED = 1_000_000  # voxels that the percentiles are taken of
MILLIMETRES = {"meter": 1000.0, "mm": 1.0, "micron": 0.001}
TO_LPS = np.diag([-1.0, -1.0, 1.0])  # NIfTI counts towards the right and the front's opposite of DICOM
PAIR = "This is one half of a NIfTI pair: convert it to one .nii file."
UNPLACED = "The file does not say how it lies in the patient: shown as stored."


@dataclass(frozen=True, eq=False)
class NiftiFile:
    """A NIfTI file whose header was read and is within the limits."""

    item: Item
    limits: Limits
    header: Nifti1Header
    kind: np.dtype[Any]
    shape: tuple[int, int, int]
    volumes: int

    @classmethod
    def open(cls, item: Item, limits: Limits) -> NiftiFile:
        """Raises UnreadableFile or TooLarge before a voxel is read."""
        with mapped():
            head = inflated(item, HEADER_BYTES)
            header = _header(head)
            kind, dims = header.get_data_dtype(), [int(size) for size in header.get_data_shape()]
            if not dims or min(dims) < 1:
                raise ValueError("a side without a voxel")
            if kind.kind not in "iuf" and not kind.names:
                raise UnreadableFile("This NIfTI file holds no grey or colour picture: export it as one.")
            columns, rows, slices = (*dims, 1, 1)[:3]
        limits.check_frame(rows, columns)
        limits.check_frames(slices)
        check_bytes((slices, rows, columns), max(kind.itemsize, 4), limits.memory_bytes)
        return cls(item, limits, header, kind, (slices, rows, columns), math.prod(dims[3:]))

    @property
    def stack(self) -> Cut:
        """Its slices along its third axis; of several volumes those of the first."""
        return Volume(
            self._voxels,
            self.shape,
            self._grid,
            looks=_looks,
            sha256=lambda: self._sha256,
            described=lambda: {"format": "NIfTI"},
            notes=self._notes,
            is_metric=self._unit_mm is not None,
        ).as_stored()

    def _voxels(self) -> Voxels:
        with mapped():
            start = int(self.header.get_data_offset())
            count = math.prod(self.shape) * self.kind.itemsize
            data = inflated(self.item, start + count)
            raw = np.frombuffer(data, self.kind, math.prod(self.shape), start).reshape(self.shape)
            if self.kind.names:
                return Voxels(_colour(raw))
            slope, intercept = self.header.get_slope_inter()
        return Voxels(render.narrow(raw), 1.0 if slope is None else float(slope), float(intercept or 0.0))

    @cached_property
    def _sha256(self) -> str:
        return hashlib.sha256(self.item.read(0, self.item.size)).hexdigest()

    @property
    def _unit_mm(self) -> float | None:
        return MILLIMETRES.get(self.header.get_xyzt_units()[0])

    @property
    def _is_placed(self) -> bool:
        return bool(self.header["sform_code"] > 0 or self.header["qform_code"] > 0)

    @property
    def _grid(self) -> Grid | None:
        if not self._is_placed:
            return None
        with mapped():
            affine = np.asarray(self.header.get_best_affine(), np.float64)
        turned = TO_LPS @ affine[:3] * (self._unit_mm or 1.0)
        if not np.isfinite(turned).all() or abs(np.linalg.det(turned[:, :3])) < 1e-9:
            return None
        return Grid(turned[:, 3], (turned[:, 2], turned[:, 1], turned[:, 0]))

    @property
    def _notes(self) -> tuple[str, ...]:
        several = f"The file holds {self.volumes} volumes: the first is shown." if self.volumes > 1 else ""
        return tuple(note for note in (several, "" if self._grid else UNPLACED) if note)


def _looks(volume: Volume) -> tuple[Look, ...]:
    """Percentiles of the whole volume, since nothing says how to show it; none for colour."""
    voxels = volume.voxels
    if voxels.values.ndim == 4:
        return ()
    step = max(1, round((voxels.values.size / SAMPLED) ** (1 / 3)))
    return (voi.percentiles(voxels.values[::step, ::step, ::step], voxels.slope, voxels.intercept),)


def inflated(item: Item, most: int) -> bytes:
    """The first `most` bytes of a file, gzipped or not; no more than those are ever unpacked."""
    if item.read(0, 2) != GZIP:
        return item.read(0, most)
    inflater, size = zlib.decompressobj(wbits=31), 0
    pieces: list[bytes] = []
    for packed in _packed(item):
        while packed and size < most:
            if inflater.eof:  # pigz and bgzip write several members, and some programs what is none
                if not GZIP.startswith(packed[:2]):
                    return b"".join(pieces)
                inflater = zlib.decompressobj(wbits=31)
            pieces.append(inflater.decompress(packed, most - size))
            size += len(pieces[-1])
            packed = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
        if size >= most:
            break
    return b"".join(pieces)


def _packed(item: Item) -> Iterator[bytes]:
    """The file piece by piece."""
    offset = 0
    while packed := item.read(offset, PIECE):
        offset += len(packed)
        yield packed


def _header(head: bytes) -> Nifti1Header:
    is_second = head[4:8] in (b"n+2\0", b"ni2\0")
    if (head[4:8] if is_second else head[344:348]) in (b"ni1\0", b"ni2\0"):
        raise UnreadableFile(PAIR)
    kind = Nifti2Header if is_second else Nifti1Header
    header: Nifti1Header = kind.from_fileobj(io.BytesIO(head), check=False)
    return header


def _colour(raw: NDArray[Any]) -> NDArray[np.uint8]:
    """RGB of voxels that are red, green, blue, and perhaps alpha."""
    return np.stack([raw[colour] for colour in ("R", "G", "B")], axis=-1)


@contextmanager
def mapped() -> Iterator[None]:
    """Faults of nibabel and of the bytes in our words."""
    try:
        yield
    except MemoryError as error:
        raise TooLarge("This volume needs more memory than there is: export it smaller.") from error
    except (
        HeaderDataError,
        ValueError,
        TypeError,
        LookupError,
        OSError,
        ArithmeticError,
        zlib.error,
    ) as error:
        raise UnreadableFile("This NIfTI file is damaged or incomplete: export it again.") from error

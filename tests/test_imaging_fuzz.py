"""Files damaged on purpose: each opens or is refused in a sentence; nothing crashes, hangs or swells.

A mutation is a pure function of its number, so that one that fails can be looked at again by itself.
"""

from __future__ import annotations

import io
import os
import resource
import struct
import time
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage
from pydicom.data import get_testdata_file

from chat_app.errors import ChatAppError
from chat_app.imaging import Limits, decode, read, study

pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning")

REAL = Path(get_testdata_file("CT_small.dcm", download=False)).parent
LIMITS = Limits(seconds=5, memory_bytes=1_000_000_000)
# Of every compression and kind one, and small, so that a mutation is likely to hit something that matters.
DICOM = (
    "CT_small.dcm",
    "MR_small_RLE.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_implicit.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "JPEG2000.dcm",
    "SC_rgb_dcmtk_+eb+cy+s4.dcm",
    "SC_rgb_jpeg_gdcm.dcm",
    "SC_rgb_jls_lossy_line.dcm",
    "SC_rgb_rle_2frame.dcm",
    "dicomdirtests/77654033/CR1/6154",
    "examples_palette.dcm",
    "examples_ybr_color.dcm",
    "image_dfl.dcm",
    "liver_1frame.dcm",
    "rtdose_rle.dcm",
)
RASTER = ("PNG", "TIFF", "JPEG", "GIF", "WEBP", "BMP")


@cache
def seeds() -> tuple[bytes, ...]:
    """Whole files of every kind that is opened."""
    ramp = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    grey, deep = PILImage.fromarray((ramp >> 4).astype(np.uint8)), PILImage.fromarray(ramp)
    rasters = [encoded(grey, kind) for kind in RASTER] + [encoded(deep, "PNG"), encoded(deep, "TIFF")]
    pages = {"save_all": True, "append_images": [grey, grey]}
    rasters += [encoded(grey.convert("RGB"), kind, **pages) for kind in ("GIF", "TIFF", "WEBP")]
    rasters += [encoded(deep, "TIFF", compression="tiff_lzw")]
    return (*((REAL / name).read_bytes() for name in DICOM), *rasters, nifti(), archive())


def encoded(picture: PILImage.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def nifti() -> bytes:
    """A volume of 8 x 8 x 4 signed values of 16 bits, as NIfTI-1 writes it."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, 8, 8, 4, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, 4, 16)
    struct.pack_into("<9f", header, 76, 1, 1, 1, 1, 0, 0, 0, 0, 352)
    header[344:348] = b"n+1\0"
    return bytes(header) + np.arange(256, dtype="<i2").tobytes()


def archive() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in ("MR_small.dcm", "CT_small.dcm"):
            packed.writestr(name, (REAL / name).read_bytes())
    return stream.getvalue()


def mutation(number: int) -> bytes:
    """A seed with one to three things done to it."""
    random = np.random.default_rng(number)
    data = bytearray(seeds()[random.integers(len(seeds()))])
    for _ in range(random.choice([1, 1, 2, 3])):
        data = WAYS[random.integers(len(WAYS))](data, random)
    return bytes(data)


def flipped(data: bytearray, random: np.random.Generator) -> bytearray:
    """A few bytes changed, half of them near the beginning, where the headers are."""
    for _ in range(random.integers(1, 5)):
        if data:
            data[place(data, random)] = random.integers(256)
    return data


def described(data: bytearray, random: np.random.Generator) -> bytearray:
    """A wrong number in group 0028, which says how the pixels are stored and shown."""
    starts = [at for at in range(min(len(data), 8000)) if data[at : at + 2] in (b"\x28\0", b"\0\x28")]
    if starts:
        start = int(random.choice(starts)) + 8
        number = random.choice([0, 1, 2, 3, 7, 8, 12, 16, 32, 64, 512, 65535])
        data[start : start + 2] = struct.pack("<H", number)
    return data


def cut(data: bytearray, random: np.random.Generator) -> bytearray:
    return data[: random.integers(len(data) + 1)]


def lied(data: bytearray, random: np.random.Generator) -> bytearray:
    """A number of 2 or 4 bytes put over what stands there: a length, a count or an offset that is not so."""
    start = place(data, random)
    number = random.choice([0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0xFFFFFFFE])
    lie = struct.pack(random.choice(["<I", ">I"]), number)
    data[start : start + len(lie)] = lie[: random.choice([2, 4])]
    return data


def repeated(data: bytearray, random: np.random.Generator) -> bytearray:
    start = place(data, random)
    chunk = data[start : start + random.integers(1, 2000)]
    return data[:start] + chunk * int(random.integers(2, 20)) + data[start:]


def removed(data: bytearray, random: np.random.Generator) -> bytearray:
    start = place(data, random)
    return data[:start] + data[start + random.integers(1, 300) :]


def spliced(data: bytearray, random: np.random.Generator) -> bytearray:
    """The beginning of this file before the end of another."""
    other = seeds()[random.integers(len(seeds()))]
    return data[: place(data, random)] + other[place(other, random) :]


def place(data: bytes | bytearray, random: np.random.Generator) -> int:
    most = len(data) if random.random() < 0.5 else min(len(data), 1500)
    return int(random.integers(max(1, most)))


WAYS = (flipped, flipped, flipped, described, described, lied, lied, cut, repeated, removed, spliced)


def holds(folder: Path, number: int) -> bool:
    """Whether the mutation opened; any fault but a sentence, and any delay, fails the test."""
    path = folder / "upload"
    path.write_bytes(mutation(number))
    start = time.monotonic()
    opened = True
    try:
        pictures(path)
    except ChatAppError as error:
        assert str(error).endswith("."), number
        opened = False
    assert time.monotonic() - start < LIMITS.seconds + 1, f"mutation {number} takes too long"
    return opened


def pictures(path: Path) -> None:
    """Opens the file the way a person would: an archive as a study, and all else for its first frame."""
    if zipfile.is_zipfile(path):
        images = study([path], limits=LIMITS).images
    else:
        images = (read(path, name="image 1", frame=1, limits=LIMITS),)
    for image in images:
        assert image.pixels.dtype == np.uint8 and image.pixels.size


def workers_memory() -> int:
    """Bytes that the workers hold at most, as far as the system tells."""
    peaks = [0]
    for worker in list(decode.POOL._idle):
        status = Path(f"/proc/{worker.process.pid}/status")
        if status.exists():
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
            peaks.append(int(lines["VmHWM"].split()[0]) * 1024)
    return max(peaks)


def test_damaged_files_open_or_are_refused_in_a_sentence(tmp_path: Path) -> None:
    opened = [holds(tmp_path, number) for number in range(400)]
    assert 40 < sum(opened) < 360
    assert workers_memory() < LIMITS.memory_bytes


@pytest.mark.slow
def test_ten_thousand_damaged_files_open_or_are_refused_in_a_sentence(tmp_path: Path) -> None:
    before = peak_bytes()
    opened = [holds(tmp_path, number) for number in range(10_000)]
    assert 1000 < sum(opened) < 9000
    assert workers_memory() < LIMITS.memory_bytes
    assert peak_bytes() - before < LIMITS.memory_bytes


def peak_bytes() -> int:
    """The most memory this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1024 if os.uname().sysname == "Linux" else 1)

"""How fast studies are read, beside pydicom, Pillow and SimpleITK: `python benchmarks/imaging.py`.

Needs SimpleITK (`pip install SimpleITK`), which Lightbox itself does not. The files are made on the spot:
500 CT slices of 512 x 512, 100 of them as lossless JPEG 2000, and a colour ultrasound of 60 JPEG frames. The
peers take turns within each round, so that a busy moment falls on all of them alike; figures are medians.
Prints one JSON object: seconds, ratios to a peer, and the most that each ratio should be.
"""

from __future__ import annotations

import gc
import io
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK
from PIL import Image as Pillow
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    UltrasoundMultiFrameImageStorage,
    generate_uid,
)

from chat_app import imaging

SLICES, COMPRESSED, CINE, SIDE, ROUNDS = 500, 100, 60, 512, 5


def slice_of_ct(number: int, series: str) -> FileDataset:
    """A slice with a body's smoothness, a scanner's noise, and the header of a real scanner's file."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    body = np.where((x / 220) ** 2 + (y / 160) ** 2 < 1, 1050 + 40 * np.sin(x / 30 + number / 20), 24)
    dataset = dcmread(str(get_testdata_file("CT_small.dcm")))
    uid = generate_uid()
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3", series
    dataset.Modality, dataset.PatientID, dataset.InstanceNumber = "CT", "1", number + 1
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.ImagePositionPatient = [-180, -180, number * 1.25]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing, dataset.SliceThickness = [0.7, 0.7], 1.25
    dataset.Rows = dataset.Columns = SIDE
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
    dataset.WindowCenter, dataset.WindowWidth = 40, 400
    dataset.PixelData = (body + rng.normal(0, 12, body.shape)).astype(np.int16).tobytes()
    return dataset


def series_of_ct(folder: Path, count: int, *, compressed: bool = False) -> list[Path]:
    folder.mkdir()
    uid, paths = str(generate_uid()), []
    for number in range(count):
        dataset = slice_of_ct(number, uid)
        if compressed:
            dataset.compress(JPEG2000Lossless, encoding_plugin="pylibjpeg", generate_instance_uid=False)
        paths.append(folder / f"IM{number:05d}")
        dataset.save_as(paths[-1], enforce_file_format=True)
    return paths


def cine_of_ultrasound(path: Path) -> Path:
    dataset = slice_of_ct(0, "1.2.4")
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = UltrasoundMultiFrameImageStorage
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.Modality, dataset.NumberOfFrames, dataset.FrameTime = "US", CINE, 33
    dataset.Rows, dataset.Columns = 768, 1024
    dataset.SamplesPerPixel, dataset.PlanarConfiguration = 3, 0
    dataset.PhotometricInterpretation = "YBR_FULL_422"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelRepresentation = 0
    for keyword in ("RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth"):
        delattr(dataset, keyword)
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        delattr(dataset, keyword)
    dataset.PixelData = encapsulate([jpeg(number) for number in range(CINE)])
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path, enforce_file_format=True)
    return path


def jpeg(number: int) -> bytes:
    rng = np.random.default_rng(number)
    speckle = rng.rayleigh(40, (192, 256, 3)).clip(0, 255).astype(np.uint8)
    stream = io.BytesIO()
    Pillow.fromarray(speckle).resize((1024, 768)).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def only(places: list[Path]) -> Any:
    """The one picture that Lightbox makes of these files, with nothing of it decoded before."""
    (image,) = imaging.study(places).images
    return image


def headers(paths: list[Path]) -> None:
    for path in paths:
        dcmread(path, stop_before_pixels=True)


def whole(image: Any) -> None:
    for _ in image.stack.every():
        pass


def by_simpleitk(folder: Path) -> None:
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    SimpleITK.GetArrayFromImage(reader.Execute())


def by_pydicom(paths: list[Path], plugin: str = "") -> None:
    np.stack([pixel_array(path, decoding_plugin=plugin) for path in paths])


def one_slice(folder: Path) -> float:
    """Seconds until a slice of an opened series that was not asked for yet is a picture."""
    taken = []
    for number in range(ROUNDS):
        image = only([folder])
        began = time.perf_counter()
        image.at(SLICES // 4 + number)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def timed(work: Callable[[], Any]) -> float:
    gc.collect()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def rounds(**works: Callable[[], Any]) -> dict[str, float]:
    """The median seconds of each, taken in turns after one round that is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for number in range(ROUNDS + 1):
        for name, work in works.items():
            seconds = timed(work)
            if number:
                taken[name].append(seconds)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def measured(folder: Path) -> dict[str, Any]:
    plain, packed = folder / "plain", folder / "packed"
    paths, squeezed = series_of_ct(plain, SLICES), series_of_ct(packed, COMPRESSED, compressed=True)
    cine = cine_of_ultrasound(folder / "cine")
    index = rounds(lightbox=lambda: only([plain]), pydicom=lambda: headers(paths))
    shown = one_slice(plain)
    volume = rounds(
        lightbox=lambda: whole(only([plain])),
        simpleitk=lambda: by_simpleitk(plain),
        pydicom=lambda: by_pydicom(paths),
    )
    j2k = rounds(
        lightbox=lambda: whole(only([packed])),
        pylibjpeg=lambda: by_pydicom(squeezed, "pylibjpeg"),
        pillow=lambda: by_pydicom(squeezed, "pillow"),
    )
    ultrasound = rounds(lightbox=lambda: whole(only([cine])), pydicom=lambda: pixel_array(cine))
    return {
        "index of 500 slices": index | ratio(index, "pydicom", 1.2),
        "one slice against the whole volume": {
            "one slice": shown,
            "ratio": shown / volume["lightbox"],
            "goal": 0.05,
        },
        "volume of 500 slices": volume | ratio(volume, "simpleitk", 1.0),
        "100 slices of JPEG 2000": j2k
        | ratio(j2k, "pylibjpeg", 0.6)
        | {"ratio to pillow": j2k["lightbox"] / j2k["pillow"], "goal to pillow": 0.3},
        "60 frames of JPEG ultrasound": ultrasound | ratio(ultrasound, "pydicom", 0.1),
    }


def ratio(seconds: dict[str, float], peer: str, goal: float) -> dict[str, Any]:
    return {"ratio": seconds["lightbox"] / seconds[peer], "goal": goal}


def rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        figures = measured(Path(folder))
    machine = {"cores": os.cpu_count(), "load": round(os.getloadavg()[0], 2), "rounds": ROUNDS}
    print(json.dumps(rounded(figures) | {"machine": machine}, indent=2))


if __name__ == "__main__":
    main()

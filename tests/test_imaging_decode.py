"""Pictures are decoded in processes that may be killed: no name goes over and nothing stays behind."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicoms import written
from PIL import Image as PILImage
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, get_frame

from chat_app.errors import SetupError, TooLarge, UnreadableFile
from chat_app.imaging import Limits, decode, read
from chat_app.imaging.decode import Pool, Undecodable

REAL = Path(get_testdata_file("CT_small.dcm", download=False)).parent
ROOT = Path(__file__).parent.parent
COMPRESSED = {
    "JPEG-LS": "MR_small_jpeg_ls_lossless.dcm",
    "JPEG 2000": "MR_small_jp2klossless.dcm",
    "RLE": "MR_small_RLE.dcm",
}


def png(columns: int = 40) -> bytes:
    stream = io.BytesIO()
    PILImage.fromarray(np.tile(np.arange(columns, dtype=np.uint8), (30, 1))).save(stream, "PNG")
    return stream.getvalue()


def order(**more: Any) -> dict[str, Any]:
    return {"task": "raster", "memory": Limits().memory_bytes, "formats": ["PNG"], "frame": 1} | more


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool(2)
    yield pool
    pool.close()


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, pool: Pool) -> Pool:
    """A pool of the test's own in the place of the program's."""
    monkeypatch.setattr(decode, "POOL", pool)
    return pool


def processes(pool: Pool) -> list[int]:
    return [worker.process.pid for worker in pool._idle]


@pytest.mark.parametrize("file", COMPRESSED.values(), ids=COMPRESSED)
def test_every_compression_gives_the_stored_values_of_the_uncompressed_file(file: str) -> None:
    plain = read(REAL / "MR_small.dcm", name="image 1")
    np.testing.assert_array_equal(read(REAL / file, name="image 1").pixels, plain.pixels)


def test_lossless_jpeg_shows_what_another_compression_shows() -> None:
    image = read(REAL / "SC_rgb_jpeg_gdcm.dcm", name="image 1")
    np.testing.assert_array_equal(image.pixels, read(REAL / "SC_rgb_rle.dcm", name="image 1").pixels)


def test_colour_of_a_cine_is_within_two_greys_of_pydicoms() -> None:
    path = REAL / "examples_ybr_color.dcm"
    for number in (1, 30):
        theirs = pydicom.pixels.pixel_array(path, index=number - 1).astype(int)
        assert np.abs(read(path, name="image 1", frame=number).pixels - theirs).max() <= 2


def test_damaged_lossless_jpeg_is_a_sentence_and_the_next_picture_opens(tmp_path: Path) -> None:
    source = REAL / "SC_rgb_jpeg_gdcm.dcm"
    dataset = pydicom.dcmread(source)
    stream = bytearray(get_frame(dataset.PixelData, 0, number_of_frames=1))
    stream[stream.index(b"\xff\xc3") + 4] = 122  # bits a sample; gdcm takes this to a segmentation fault
    dataset.PixelData = encapsulate([bytes(stream)])
    dataset.save_as(tmp_path / "damaged")
    for _ in range(3):
        with pytest.raises(UnreadableFile, match="JPEG Lossless"):
            read(tmp_path / "damaged", name="image 1")
    assert read(source, name="image 1").pixels.any()


def test_one_worker_serves_one_thread_after_the_other(pool: Pool) -> None:
    for _ in range(3):
        pool.ask(order(), png(), Limits())
    assert len(processes(pool)) == 1


def test_several_threads_use_several_workers_and_no_more_than_allowed(pool: Pool) -> None:
    with ThreadPoolExecutor(6) as threads:
        shapes = list(threads.map(lambda n: pool.ask(order(), png(n), Limits()).values.shape, range(20, 60)))
    assert shapes == [(30, columns) for columns in range(20, 60)]
    assert 1 <= len(processes(pool)) <= 2


def test_a_worker_that_was_killed_is_replaced(pool: Pool) -> None:
    pool.ask(order(), png(), Limits())
    (first,) = processes(pool)
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert pool.ask(order(), png(), Limits()).values.shape == (30, 40)
    assert processes(pool) != [first]


def test_a_worker_that_ends_over_a_picture_is_a_fault_of_the_picture(
    alone: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(decode, "PROGRAM", written(tmp_path, b"import os\nos.abort()\n"))
        with pytest.raises(Undecodable, match="ended over"):
            alone.ask(order(), png(), Limits())
    assert alone.ask(order(), png(), Limits()).values.shape == (30, 40)


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense that is no answer",
        decode.SIZES.pack(2, 2**50) + b"{}",
        decode.SIZES.pack(2**31, 0),
        decode.SIZES.pack(2, 0) + b"{!",
        decode.SIZES.pack(28, 2) + b'{"dtype": "|O", "number": 1}\0\0',
        decode.SIZES.pack(29, 8) + b'{"shape": [4,4], "number": 1}' + bytes(8),
        decode.SIZES.pack(2, 0) + b"[]",
        decode.SIZES.pack(2**15, 0) + b"[" * 2**15,
        decode.SIZES.pack(13, 0) + b'{"number": 7}',
    ],
    ids=["text", "huge", "long", "no json", "objects", "wrong shape", "a list", "nested", "another order"],
)
def test_an_answer_that_makes_no_sense_is_not_believed(
    alone: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    program = f"import sys, time\nsys.stdout.buffer.write({answer!r})\nsys.stdout.flush()\ntime.sleep(9)\n"
    monkeypatch.setattr(decode, "PROGRAM", written(tmp_path, program.encode()))
    with pytest.raises(Undecodable):
        alone.ask(order(), png(), Limits(seconds=5))
    assert processes(alone) == []


def test_a_decoder_that_never_stops_is_stopped(
    alone: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loops = "import sys, time\nsys.stdin.buffer.read(12)\ntime.sleep(60)\n"
    monkeypatch.setattr(decode, "PROGRAM", written(tmp_path, loops.encode()))
    start = time.monotonic()
    with pytest.raises(UnreadableFile, match=r"within 0\.5 seconds"):
        decode.decode("raster", png(), Limits(seconds=0.5), formats=["PNG"], frame=1)
    assert time.monotonic() - start < 5
    assert processes(alone) == []


def test_a_system_that_starts_no_process_is_said_to(alone: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise BlockingIOError("fork: resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refused)
    with pytest.raises(SetupError, match="No process can be started"):
        read(REAL / "MR_small_RLE.dcm", name="image 1")


def test_a_picture_that_needs_too_much_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "white"
    PILImage.new("RGB", (6000, 6000)).save(path, "PNG")
    with pytest.raises(TooLarge, match="more memory"):
        read(path, name="image 1", limits=Limits(memory_bytes=350_000_000))
    assert read(path, name="image 1").pixels.shape == (6000, 6000, 3)


def test_a_worker_that_may_still_owe_an_answer_is_not_asked_again(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its late answer would be taken for the next picture, which may be another patient's.
    pool.ask(order(), png(20), Limits())
    (first,) = processes(pool)
    with monkeypatch.context() as patch:
        patch.setattr(decode, "_read", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pool.ask(order(), png(30), Limits())
    assert processes(pool) == []
    assert pool.ask(order(), png(50), Limits()).values.shape == (30, 50)
    assert processes(pool) != [first]


def interrupted(*_: Any) -> None:
    raise KeyboardInterrupt


def test_closing_leaves_no_process_behind(pool: Pool) -> None:
    pool.ask(order(), png(), Limits())
    (process,) = processes(pool)
    pool.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_a_worker_ends_with_the_program_that_started_it() -> None:
    code = (
        "import os, sys; from chat_app.imaging import decode, Limits;"
        "decode.decode('header', sys.stdin.buffer.read(), Limits(), formats=['PNG']);"
        "print(decode.POOL._idle[0].process.pid, flush=True); os._exit(1)"
    )
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, input=png(), capture_output=True, cwd=ROOT, check=False)
    process, end = int(ran.stdout), time.monotonic() + 5
    while Path(f"/proc/{process}").exists() and time.monotonic() < end:
        time.sleep(0.02)
    assert not Path(f"/proc/{process}").exists()


def test_nothing_that_names_a_patient_goes_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    ask = decode.POOL.ask

    def recorded(order: dict[str, Any], data: bytes, limits: Limits) -> decode.Decoded:
        sent.append(repr(order) + repr(data))
        return ask(order, data, limits)

    monkeypatch.setattr(decode.POOL, "ask", recorded)
    dataset = pydicom.dcmread(REAL / "MR_small_jp2klossless.dcm")
    dataset.PatientName, dataset.PatientID = "Doe^Jane", "MRN-1234567"
    dataset.save_as(tmp_path / "Jane_Doe")
    assert read(tmp_path / "Jane_Doe", name="image 1").pixels.any()
    assert len(sent) == 1
    for identifier in ("Doe", "Jane", "1234567", dataset.SOPInstanceUID, dataset.StudyInstanceUID):
        assert identifier not in sent[0]

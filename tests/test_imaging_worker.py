"""What a worker answers, asked in this process with pictures that do no harm."""

from __future__ import annotations

import io
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PILImage

from chat_app.imaging import worker

MEMORY = 64 * 10**9
SMOOTH = np.stack(
    [np.tile(np.arange(0, 240, 5, dtype=np.uint8) + shift, (48, 1)) for shift in (0, 8, 15)], -1
)
BASELINE = "1.2.840.10008.1.2.4.50"


@pytest.fixture(autouse=True)
def memory_is_given_back() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_AS)
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def saved(picture: PILImage.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def asked(task: str, data: bytes, **order: Any) -> tuple[dict[str, Any], bytes]:
    description, pixels = worker.answer({"task": task, "memory": MEMORY, **order}, data)
    return description, bytes(pixels)


def colours(data: bytes, photometric: str) -> NDArray[np.uint8]:
    description, pixels = asked(
        "dicom", data, syntax=BASELINE, samples_per_pixel=3, photometric_interpretation=photometric
    )
    return np.frombuffer(pixels, description["dtype"]).reshape(description["shape"])


def without_marker(data: bytes) -> bytes:
    """The same JPEG without the JFIF segment, which says that its colours are YCbCr."""
    start = data.index(b"\xff\xe0")
    return data[:start] + data[start + 2 + int.from_bytes(data[start + 2 : start + 4], "big") :]


def test_a_header_tells_size_and_frames_and_decodes_nothing() -> None:
    page = PILImage.new("L", (7, 5))
    data = saved(page, "TIFF", save_all=True, append_images=[page, page])
    assert asked("header", data, formats=["TIFF"]) == (
        {"columns": 7, "rows": 5, "frames": 3, "mode": "L"},
        b"",
    )


def test_a_jpeg_says_itself_how_its_colours_are_stored() -> None:
    jfif = saved(PILImage.fromarray(SMOOTH), "JPEG", quality=95)
    for photometric in ("RGB", "YBR_FULL_422"):
        assert np.abs(colours(jfif, photometric).astype(int) - SMOOTH).max() < 10


def test_where_a_jpeg_says_nothing_of_its_colours_the_header_decides() -> None:
    bare = without_marker(saved(PILImage.fromarray(SMOOTH), "JPEG", quality=95))
    ybr = colours(bare, "YBR_FULL")
    assert np.abs(ybr.astype(int) - SMOOTH).max() < 10
    expected = PILImage.fromarray(SMOOTH).convert("YCbCr")
    assert np.abs(colours(bare, "RGB").astype(int) - np.asarray(expected)).max() < 10


def test_a_grey_stream_in_a_colour_file_is_damage() -> None:
    grey = saved(PILImage.new("L", (8, 8)), "JPEG")
    order = {"syntax": BASELINE, "samples_per_pixel": 3, "photometric_interpretation": "RGB"}
    assert asked("dicom", grey, **order) == ({"fault": "damage"}, b"")


@pytest.mark.parametrize("fault", worker.DAMAGE)
def test_every_fault_of_a_decoder_is_damage(monkeypatch: pytest.MonkeyPatch, fault: type[Exception]) -> None:
    def broken(data: bytes) -> worker.Described:
        raise fault("something with a name in it")

    monkeypatch.setitem(worker.TASKS, "header", broken)
    assert asked("header", b"") == ({"fault": "damage"}, b"")


def test_a_lack_of_memory_is_told_from_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    def hungry(data: bytes) -> worker.Described:
        raise MemoryError

    monkeypatch.setitem(worker.TASKS, "header", hungry)
    assert asked("header", b"") == ({"fault": "memory"}, b"")


def test_the_worker_needs_nothing_of_the_program() -> None:
    assert "chat_app" not in Path(worker.__file__).read_text(encoding="utf-8")

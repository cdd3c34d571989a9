"""Pictures at one click: real DICOM files inside the installed pydicom, and open ones fetched when asked for.

A fetched file is read only when its bytes have the SHA-256 that stands here.
"""

from __future__ import annotations

import hashlib
import socket
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from pydicom.data import get_testdata_file

from chat_app.errors import InputError
from chat_app.ui import intake
from chat_app.ui.desk import Desk
from chat_app.ui.faults import told

SECONDS = 5.0
MOST_BYTES = 20_000_000


@dataclass(frozen=True)
class Example:
    """A picture under a label. file: its name inside pydicom; or address and sha256 of one to be fetched."""

    label: str
    file: str = ""
    address: str = ""
    sha256: str = ""
    credit: str = ""
    licence: str = ""


Shelf = Sequence[Example]

INSTALLED: Shelf = (
    Example("Abdomen, MR", "examples_overlay.dcm"),
    Example("Head, CT", "J2K_pixelrep_mismatch.dcm"),
    Example("Spine, CT", "CT_small.dcm"),
    Example("Bone scan", "JPEG2000.dcm"),
    Example("Heart, ultrasound, 30 frames", "examples_ybr_color.dcm"),
)

# The address names a commit, so what lies there cannot change; the hashes are also in pydicom's own list.
PYDICOM_DATA = "https://github.com/pydicom/pydicom-data/raw/39a2eb31815eec435dc26c322c27aec5cfcbddb6/data"

FETCHED: Shelf = (
    Example(
        "Chest film (fetched)",
        address=f"{PYDICOM_DATA}/RG1_J2KI.dcm",
        sha256="744d01372fdda4e21b507bb7f97329065de961f4f263342079b369b430064d65",
        credit="pydicom-data, from the WG-04 compression samples of DICOM",
        licence="MIT",
    ),
)


def row(label: str, shelf: Shelf, **looks: Any) -> gr.Dataset:
    """A row of buttons, one an example; a click gives its number."""
    samples = [[each.label] for each in shelf]
    return gr.Dataset(
        components=["textbox"], samples=samples, label=label, type="index", layout="gallery", **looks
    )


def place(desk: Desk, example: Example) -> None:
    """Puts the example on the desk as if its file had been dropped."""
    with told():
        if example.file:
            intake.place(desk, [installed(example)])
            return
        with fetched(example) as path:
            intake.take(desk, [path])


def installed(example: Example) -> Path:
    """Where the file lies inside pydicom; nothing is downloaded for it."""
    path = get_testdata_file(example.file, download=False)
    if path is None:
        raise InputError(f"This pydicom brings no file for {example.label!r}: take another example.")
    return Path(str(path))


@contextmanager
def fetched(example: Example, seconds: float = SECONDS) -> Iterator[Path]:
    """The example's file, fetched and verified, deleted afterwards.

    Raises:
        InputError: it cannot be had, or is not the file it should be.
    """
    try:
        with urllib.request.urlopen(example.address, timeout=seconds) as answer:
            data = answer.read(MOST_BYTES + 1)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise InputError("This example could not be fetched: take another, or drop a file.") from error
    if hashlib.sha256(data).hexdigest() != example.sha256:
        raise InputError("What was fetched is not the file named here and was not opened: take another.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "picture")
        path.write_bytes(data)
        yield path


class Network:
    """Whether the fetched examples can be had, found out once in the background; until then, no.

    Only their host's name is looked up: nothing is asked of the host itself before a click.
    """

    def __init__(self, address: str = FETCHED[0].address) -> None:
        self.reached = False
        self.ended = False
        self._host = urllib.parse.urlsplit(address).hostname or ""

    def start(self) -> None:
        threading.Thread(target=self._look, name="network", daemon=True).start()

    def _look(self) -> None:
        try:
            self.reached = bool(socket.getaddrinfo(self._host, 443))
        except OSError:
            self.reached = False
        self.ended = True

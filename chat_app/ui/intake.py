"""Files become pictures on a desk: each gets a name, a file of several frames waits for a choice."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from chat_app import imaging
from chat_app.errors import FrameNeeded, TooLarge
from chat_app.records import Image
from chat_app.ui.components import Drop
from chat_app.ui.desk import Desk, Pending
from chat_app.ui.faults import say, told

MOST_PICTURES = 16
LIMITS = imaging.Limits()


def take(desk: Desk, paths: Sequence[Path], limits: imaging.Limits = LIMITS) -> None:
    """Reads each file onto the desk; one that cannot be read is said, and the others are still read."""
    for path in paths:
        with told():
            try:
                place(desk, path, limits=limits)
            except FrameNeeded as need:
                desk.pending = (*desk.pending, Pending(_kept(path), need.frames))


def choose(desk: Desk, frame: int, limits: imaging.Limits = LIMITS) -> None:
    """Reads that frame of the first waiting file."""
    pending = desk.pending[0]
    place(desk, pending.path, frame, limits)
    drop(desk)


def drop(desk: Desk) -> None:
    """Lets go of the first waiting file and deletes it."""
    first, *desk.pending = desk.pending  # type: ignore[assignment]
    first.path.unlink(missing_ok=True)


def place(desk: Desk, path: Path, frame: int | None = None, limits: imaging.Limits = LIMITS) -> None:
    """Reads one picture and puts it on the desk, unless it lies there already: then that one is shown.

    Raises:
        InputError: it cannot be read, or the desk is full.
    """
    if len(desk.names) >= MOST_PICTURES:
        raise TooLarge(f"A conversation holds at most {MOST_PICTURES} pictures: clear it to begin another.")
    image = imaging.read(path, name=desk.conversation.study.next_name, frame=frame, limits=limits)
    if known := _known(desk, image):
        desk.shown = known
        say(f"This is {known} again: it is already open.")
    else:
        desk.add(image)


def _known(desk: Desk, image: Image) -> str:
    for each in desk.conversation.study.images:
        if (each.sha256, each.frame) == (image.sha256, image.frame):
            return each.name
    return ""


def _kept(path: Path) -> Path:
    """A copy under no one's name, among the uploads: those go within a minute, a choice may take longer."""
    folder = get_upload_folder()
    Path(folder).mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as copy, path.open("rb") as stream:
        shutil.copyfileobj(stream, copy)
    return Path(copy.name)


class Pane:
    """Where files are dropped, and where a frame is chosen."""

    def __init__(self) -> None:
        self.drop = Drop(
            label="Drop pictures: DICOM, PNG, JPEG, TIFF, WebP, BMP",
            file_count="multiple",
            height=110,
            elem_id="drop",
        )
        with gr.Group(visible=False, elem_id="frames") as self.frames:
            self.ask = gr.Markdown()
            with gr.Row(equal_height=True):
                self.frame = gr.Number(1, label="Frame", minimum=1, precision=0, min_width=80)
                self.choose = gr.Button("Show this frame", variant="primary", min_width=80)
                self.leave = gr.Button("Leave it out", min_width=80)

    def render(self, desk: Desk) -> dict[Any, Any]:
        """The drop area emptied, and the question for a frame while a file waits for one."""
        frames = desk.pending[0].frames if desk.pending else 1
        words = f"This file holds {frames} frames: which one shall be opened?" if desk.pending else ""
        return {
            self.drop: None,
            self.frames: gr.Group(visible=bool(desk.pending)),
            self.ask: words,
            self.frame: gr.Number(maximum=frames, label=f"Frame, 1 to {frames}"),
        }

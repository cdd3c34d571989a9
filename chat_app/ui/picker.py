"""Where a study is sought on the hospital's DICOMweb server and opened; hidden when no server is named.

The browser is shown whose studies they are, as any worklist does, and is never given their UIDs: it has a
random key for each line, and the lines lie on the desk until one was opened or another search made.
"""

from __future__ import annotations

import secrets
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from chat_app.dicomweb import Found, Server
from chat_app.errors import InputError, SetupError
from chat_app.imaging.limits import Limits
from chat_app.ui import intake
from chat_app.ui.desk import Desk
from chat_app.ui.faults import told

Update = dict[Any, Any]

MOST_STUDIES = 50

# Seconds between two words of progress: more often than that no eye follows, and each is an answer to send.
PAUSE = 0.25


class Pane:
    """A search box, the studies found as plain text, a button to open one; all of a user is on the desk."""

    def __init__(self, server: Server | None) -> None:
        self._server = server
        with gr.Accordion(
            "Open a study from the archive", open=False, visible=server is not None, elem_id="picker"
        ) as self.whole:
            gr.Markdown(f"⚠ {server.warning}" if server else "", visible=bool(server and server.warning))
            self.text = gr.Textbox(
                label="Patient's name, patient ID or accession number",
                submit_btn="Search",
                max_length=200,
                max_lines=1,
                elem_id="patient",
            )
            self.studies = gr.Radio([], label="Studies, newest first", visible=False, elem_id="studies")
            self.words = gr.Markdown("", elem_id="picker-words")
            with gr.Row():
                self.open = gr.Button(
                    "Open this study", variant="primary", visible=False, elem_id="open-study"
                )
                self.halt = gr.Button("Stop", visible=False, elem_id="stop-study")

    def search(self, desk: Desk, text: str) -> Update:
        """Puts the studies that fit onto the desk; those of an earlier search go."""
        desk.found = {}
        words = ""
        with told():
            found = self._asked().search(text, limit=MOST_STUDIES)
            desk.found = {secrets.token_hex(8): each for each in found}
            words = _count(len(found))
        return self._list(desk) | {self.words: words}

    def fetch(self, desk: Desk, key: str | None, limits: Limits = intake.LIMITS) -> Iterator[Update]:
        """Fetches the chosen study and puts its pictures on the desk; what was found is then forgotten."""
        with told(), desk.working("study") as stop, _private() as folder:
            study = desk.found.get(key or "")
            if study is None:
                raise InputError("No study is chosen: search, and choose one of those found.")
            yield {self.open: gr.Button(interactive=False), self.halt: gr.Button(visible=True)}
            for words in self._received(study, folder, stop, limits):
                yield {self.words: words}
            if not stop.is_set():
                desk.found = {}
                yield {self.words: "Opening …"}
                intake.take(desk, sorted(folder.iterdir()), limits)
        yield self.render(desk)

    def stop(self, desk: Desk) -> None:
        desk.stop("study")

    def render(self, desk: Desk) -> Update:
        """Every component of the pane as this desk has it, with no progress and nothing typed in it."""
        return self._list(desk) | {self.text: "", self.words: "", self.halt: gr.Button(visible=False)}

    def _received(self, study: Found, folder: Path, stop: threading.Event, limits: Limits) -> Iterator[str]:
        """Words of progress until all files of the study are in the folder, or it was stopped."""
        said = 0.0
        of = f" of {study.instances}" if study.instances else ""
        with closing(self._asked().receive(study.study_uid, folder, limits=limits)) as arriving:
            for number, _ in enumerate(arriving, 1):
                if stop.is_set():
                    return
                if time.monotonic() - said > PAUSE:
                    said = time.monotonic()
                    yield f"Receiving file {number}{of} …"

    def _asked(self) -> Server:
        if self._server is None:
            raise SetupError("No DICOMweb server is named: start Lightbox with LIGHTBOX_DICOMWEB set.")
        return self._server

    def _list(self, desk: Desk) -> Update:
        choices = [(study.words, key) for key, study in desk.found.items()]
        return {
            self.studies: gr.Radio(choices=choices, value=None, visible=bool(choices)),
            self.open: gr.Button(visible=bool(choices), interactive=True),
        }


def _count(found: int) -> str:
    if not found:
        return "No study was found: try another part of the name, or the patient ID."
    if found >= MOST_STUDIES:
        return f"{found} studies are shown and there may be more: give more of the name."
    return ""


@contextmanager
def _private() -> Iterator[Path]:
    """A folder for one transfer, closed to other users of the machine and gone after it."""
    Path(get_upload_folder()).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="study-", dir=get_upload_folder()) as folder:
        yield Path(folder)

"""Files, folders and zips become pictures on a desk; their files stay as long as the desk needs them."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder

from chat_app import imaging
from chat_app.errors import TooLarge
from chat_app.imaging import burned
from chat_app.records import Image
from chat_app.ui.components import Drop, Folder
from chat_app.ui.desk import Desk
from chat_app.ui.faults import say, told

MOST_PICTURES = 16
SEARCHING = "It is being searched for names in its pixels: ask again in a moment."
LIMITS = imaging.Limits()

# Held for a moment while a picture gets its name: two drops of one person may be opened at once.
NAMING = threading.Lock()

UNSEARCHED = "It could not be searched for names: look at it before it is asked about."


def take(desk: Desk, paths: Sequence[Path], limits: imaging.Limits = LIMITS) -> None:
    """Opens uploads onto the desk, which keeps files of its own: those of gradio go within a minute."""
    with told():
        place(desk, [_kept(desk, path) for path in paths], limits)


def place(desk: Desk, paths: Sequence[Path], limits: imaging.Limits = LIMITS) -> None:
    """Opens everything in these files, folders and zips; what cannot be opened is said.

    Raises:
        InputError: there is one thing only and it cannot be opened, or the desk is full.
    """
    opened = imaging.study(paths, first=desk.next_number, limits=limits)
    desk.notes = opened.notes
    if opened.refused:
        say(" ".join(opened.refused))
    for image in opened.images:
        add(desk, image)


def add(desk: Desk, image: Image) -> None:
    """Puts a picture on the desk under the next name, unless it lies there already: then that one is shown.

    Raises:
        TooLarge: the desk is full.
    """
    with NAMING:
        if known := next((each.name for each in desk.images if _is_same(each, image)), ""):
            desk.show(known)
            say(f"This is {known} again: it is already open.")
            return
        if len(desk.names) >= MOST_PICTURES:
            raise TooLarge(
                f"A conversation holds at most {MOST_PICTURES} pictures: clear it to begin another."
            )
        image = replace(image, name=f"image {desk.next_number}")
        if burned.is_worth_a_search(image):
            desk.unsearched[image.name] = image
            image = replace(image, caution=SEARCHING)
        desk.add(image)


def search(desk: Desk) -> Iterator[str]:
    """Looks for names in the pixels of what was opened, one picture after another; gives who is next.

    One that cannot be searched waits for a person, as one of a risky kind does.
    """
    for name, image in list(desk.unsearched.items()):
        if desk.unsearched.get(name) is not image:
            continue  # left out, cleared away, or searched meanwhile
        yield name
        found = replace(image, caution=image.caution or UNSEARCHED)
        try:
            found = imaging.checked(image)
        finally:
            if desk.unsearched.get(name) is image:
                desk.searched(found)


def _is_same(one: Image, other: Image) -> bool:
    return (one.sha256, one.frame, one.frames) == (other.sha256, other.frame, other.frames)


def _kept(desk: Desk, path: Path) -> Path:
    """The upload under a random name in a folder of the desk, which is closed to other users."""
    if desk.folder is None:
        Path(get_upload_folder()).mkdir(parents=True, exist_ok=True)
        desk.folder = tempfile.TemporaryDirectory(prefix="desk-", dir=get_upload_folder())
    kept = Path(desk.folder.name, secrets.token_hex(16))
    try:
        os.link(path, kept)
    except OSError:
        # Another file system, or one without links.
        shutil.copyfile(path, kept)
    return kept


class Pane:
    """Where files are dropped and a folder is opened; gradio has no field that takes both."""

    def __init__(self) -> None:
        self.drop = Drop(
            label="Drop files or a zip: DICOM, NIfTI, PNG, JPEG, TIFF, WebP, BMP",
            file_count="multiple",
            height=110,
            elem_id="drop",
        )
        self.folder = Folder("Open a folder", file_count="directory", size="sm", elem_id="folder")

    def render(self, desk: Desk) -> dict[Any, Any]:
        """The drop area emptied."""
        return {self.drop: None, self.folder: None}

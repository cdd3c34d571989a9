"""The real page over an assistant, on a port of its own, with the network left alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image as Pillow

from benchmarks.ports import free_port
from chat_app.assistant import Assistant
from chat_app.records import Image
from chat_app.settings import Settings
from chat_app.ui import examples
from chat_app.ui.page import Page


class Offline(examples.Network):
    """No example is fetched."""

    def start(self) -> None:
        self.ended = True


@contextmanager
def opened(assistant: Assistant) -> Iterator[str]:
    """The page's address."""
    page = Page(assistant, Settings(port=free_port()), Offline())
    yield page.listen()
    page.demo.close()


def written(image: Image, folder: Path) -> Path:
    """The picture as a file that can be dropped on the page."""
    path = folder / "film.png"
    Pillow.fromarray(image.pixels).save(path)
    return path

"""Some of gradio's components with a method of ours each: pixels leave no file, an upload leaves one."""

from __future__ import annotations

import base64
import io
from abc import ABCMeta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.data_classes import Base64ImageData, FileData, ListFiles
from PIL import Image as Pillow

if TYPE_CHECKING:
    from chat_app.records import Pixels


def data_url(pixels: Pixels) -> str:
    """A PNG of the pixels, (rows, columns) or (rows, columns, 3) of uint8, as a data: address."""
    stream = io.BytesIO()
    Pillow.fromarray(pixels).save(stream, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def _inline(_: gr.Image, pixels: Pixels | None) -> Base64ImageData | None:
    return None if pixels is None else Base64ImageData(url=data_url(pixels))


def _paths(_: gr.File, uploads: ListFiles | FileData | None) -> list[Path]:
    files = uploads.root if isinstance(uploads, ListFiles) else [uploads] if uploads else []
    return [Path(file.path) for file in files]


def changed(base: Any, name: str, **methods: Any) -> Any:
    """The component of that base with these methods in the place of its own."""
    # A class statement would make gradio's metaclass write a .pyi file beside this one.
    body = {"is_template": True, "__module__": __name__, **methods}
    return ABCMeta.__new__(type(base), name, (base,), body)


# A `gr.Image` that shows an array of pixels inside the answer itself and puts no file of it on the disk.
Picture = changed(gr.Image, "Picture", postprocess=_inline)

# A `gr.File` that gives the paths of the uploads; gradio's own leaves a second, empty file beside each.
Drop = changed(gr.File, "Drop", preprocess=_paths)

# The same for a `gr.UploadButton`.
Folder = changed(gr.UploadButton, "Folder", preprocess=_paths)

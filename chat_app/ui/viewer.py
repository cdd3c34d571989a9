"""The pictures on the page: the one on show with its numbered boxes, and what the model saw of it.

Boxes are drawn into the pixels, so no text ever reaches the browser as markup, and pictures travel inside the
answer of the server, so none is written to its disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from chat_app.exporters.markdown import inert
from chat_app.records import Box, Image, View
from chat_app.ui.components import Picture
from chat_app.ui.desk import Desk

if TYPE_CHECKING:
    from chat_app.records import Pixels

# Longest side on the page: large enough for a legible number on a 64 x 64 slice, small enough to send.
SHORTEST, LONGEST = 720, 1440
AMBER, BLACK = (255, 190, 60), (0, 0, 0)


def drawn(image: Image, boxes: Sequence[Box] = ()) -> Pixels:
    """The picture as RGB with those of the boxes that lie on it; box number 1 is boxes[0], as in the text."""
    scale = _scale(max(image.rows, image.columns))
    size = (max(1, round(image.columns * scale)), max(1, round(image.rows * scale)))
    picture = Pillow.fromarray(image.pixels).convert("RGB").resize(size, Pillow.Resampling.BICUBIC)
    brush = ImageDraw.Draw(picture)
    for number, box in enumerate(boxes, start=1):
        if box.image == image.name:
            _frame(brush, [corner * scale for corner in box.corners], str(number), max(size) / 360)
    return np.asarray(picture)


def side_by_side(views: Sequence[View]) -> Pixels | None:
    """The views of one answer in the order the model got them, one strip."""
    return np.concatenate([view.pixels for view in views], axis=1) if views else None


def caption(image: Image) -> str:
    """What the file says this is; what it does not say is not guessed."""
    kind = " ".join(filter(None, (image.modality, image.body_part))) or "kind not stated in the file"
    frame = f" · frame {image.frame} of {image.frames}" if image.frames > 1 else ""
    return f"{image.name} · {kind} · {image.columns} x {image.rows}{frame}"


def _scale(longest: int) -> float:
    return min(max(longest, SHORTEST), LONGEST) / longest


def _frame(brush: ImageDraw.ImageDraw, corners: Sequence[float], number: str, unit: float) -> None:
    left, top, right, bottom = corners
    brush.rectangle([left, top, right - 1, bottom - 1], outline=BLACK, width=round(3 * unit))
    brush.rectangle([left, top, right - 1, bottom - 1], outline=AMBER, width=round(1.5 * unit))
    font = ImageFont.load_default(size=round(13 * unit))
    width, height = brush.textbbox((0, 0), number, font=font)[2:]
    tag = [left, top, left + width + 6 * unit, top + height + 4 * unit]
    brush.rectangle(tag, fill=AMBER)
    brush.text((left + 3 * unit, top + 1 * unit), number, font=font, fill=BLACK)


class Pane:
    """The left of the page: the picture on show, the choice among several, and what the model saw."""

    def __init__(self) -> None:
        self.picture = Picture(
            label="Picture", interactive=False, height=380, buttons=["fullscreen"], elem_id="picture"
        )
        self.caption = gr.Markdown(elem_id="caption")
        self.choice = gr.Radio([], label="On show", visible=False, elem_id="choice")

    def seen(self) -> None:
        """Lays out what the model saw; called where it belongs on the page."""
        with gr.Accordion("What the model saw", open=False, elem_id="seen"):
            self.views = Picture(show_label=False, interactive=False, height=224, buttons=[])
            self.words = gr.Textbox(show_label=False, interactive=False, max_lines=12, elem_id="seen-words")

    def render(self, desk: Desk) -> dict[Any, Any]:
        """Every component of the pane as this desk has it."""
        image, names = desk.image, list(desk.names)
        return {
            self.picture: drawn(image, desk.boxes) if image else None,
            self.caption: inert(caption(image)) if image else "",
            self.choice: gr.Radio(names, value=desk.shown or None, visible=len(names) > 1),
            self.views: side_by_side(desk.answer.views if desk.answer else ()),
            self.words: "\n".join(seen(desk)),
        }


def seen(desk: Desk) -> list[str]:
    """A line for each view behind the last answer, each thing done to show it, and the memory's meter."""
    views = desk.answer.views if desk.answer else ()
    notes = desk.image.notes if desk.image else ()
    lines = [*(view.description for view in views), *(f"{desk.shown}: {note}" for note in notes)]
    return (
        [*lines, f"Memory: {desk.answer.fullness:.0%} of what the model can hold"] if desk.answer else lines
    )

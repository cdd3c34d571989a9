"""The strip over the question box while a person has to look at a picture before it may go to a model."""

from __future__ import annotations

from typing import Any

import gradio as gr

from chat_app.exporters.markdown import inert
from chat_app.ui.desk import Desk

LOOKED = "I have looked: no name is visible"


class Pane:
    """Why the picture is held back, and the two ways on."""

    def __init__(self) -> None:
        with gr.Column(visible=False, variant="panel", elem_id="caution") as self.strip:
            self.words = gr.Markdown(latex_delimiters=[])
            with gr.Row():
                self.look = gr.Button(LOOKED, size="sm", elem_id="looked")
                self.leave = gr.Button("Leave it out", size="sm", elem_id="leave")

    def name(self, desk: Desk) -> str:
        """The picture the strip is about: the one on show if it needs a look, else the first that does."""
        held = [image.name for image in desk.images if image.caution and image.name not in desk.unsearched]
        return desk.shown if desk.shown in held else next(iter(held), "")

    def looked(self, desk: Desk) -> None:
        """Lets the picture go to the model; one that is not on show is shown first: nobody has seen it."""
        name = self.name(desk)
        if name and name == desk.shown:
            desk.clear_caution(name)
        elif name:
            desk.show(name)

    def left_out(self, desk: Desk) -> None:
        if name := self.name(desk):
            desk.leave_out(name)

    def render(self, desk: Desk) -> dict[Any, Any]:
        """Every component of the pane as this desk has it."""
        name = self.name(desk)
        words = f"**{name.capitalize()} is held back.** {inert(desk.picture(name).caution)}" if name else ""
        return {
            self.strip: gr.Column(visible=bool(name)),
            self.words: words,
            self.look: gr.Button(LOOKED if name == desk.shown else f"Show {name}"),
        }

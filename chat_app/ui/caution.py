"""The strip over the question box while a person has to look at a picture before it may go to a model."""

from __future__ import annotations

from typing import Any

import gradio as gr

from chat_app.exporters.markdown import inert
from chat_app.ui.desk import Desk


class Pane:
    """Why the picture is held back, and the two ways on."""

    def __init__(self) -> None:
        with gr.Column(visible=False, variant="panel", elem_id="caution") as self.strip:
            self.words = gr.Markdown(latex_delimiters=[])
            with gr.Row():
                self.looked = gr.Button("I have looked: no name is visible", size="sm", elem_id="looked")
                self.leave = gr.Button("Leave it out", size="sm", elem_id="leave")

    def name(self, desk: Desk) -> str:
        """The picture the strip is about: the first that needs a look."""
        return next((image.name for image in desk.images if image.caution), "")

    def turn(self, desk: Desk) -> None:
        """Puts that picture on show: nobody can have looked at one that is not there."""
        if name := self.name(desk):
            desk.show(name)

    def render(self, desk: Desk) -> dict[Any, Any]:
        """Every component of the pane as this desk has it."""
        name = self.name(desk)
        words = f"**{name.capitalize()} is held back.** {inert(desk.picture(name).caution)}" if name else ""
        return {self.strip: gr.Column(visible=bool(name)), self.words: words}

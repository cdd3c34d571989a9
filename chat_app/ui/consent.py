"""The strip that asks before anything leaves this machine for a model that runs on another one."""

from __future__ import annotations

from typing import Any

import gradio as gr

from chat_app.exporters.markdown import inert
from chat_app.models import remote
from chat_app.ui.desk import Desk

AGREE = "I agree: send them there"


class Pane:
    """Where the conversation would be sent and what of it; shown until the person agrees.

    host: the machine that the model runs on, "" for this one. model: the name it was chosen by.
    """

    def __init__(self, host: str, model: str) -> None:
        self.host = host
        warning = remote.warning(model) if host else ""
        with gr.Column(visible=bool(host), variant="panel", elem_id="consent") as self.strip:
            gr.Markdown(
                f"**This model runs on another machine, {inert(host)}.** The pictures you ask about are sent "
                "there as they are shown to the model, without what their files say of the patient; so are "
                "every word you type and the passages found for it in your documents. "
                f"Type no name, number or date of a patient. {inert(warning)}",
                latex_delimiters=[],
            )
            self.button = gr.Button(AGREE, size="sm", elem_id="agree")

    def agree(self, desk: Desk) -> dict[Any, Any]:
        desk.agree(self.host)
        return self.render(desk)

    def render(self, desk: Desk) -> dict[Any, Any]:
        """Every component of the pane as this desk has it."""
        return {self.strip: gr.Column(visible=bool(self.host) and self.host not in desk.conversation.agreed)}

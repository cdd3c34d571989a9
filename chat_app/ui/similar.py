"""Past cases that look like the picture on show: thumbnails with their reports, from libraries of one's own.

That two pictures look alike to a vision tower says nothing of the disease, and the pane says so.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from chat_app import retrieval
from chat_app.errors import InputError
from chat_app.records import Similar
from chat_app.ui.desk import Desk
from chat_app.ui.faults import told
from chat_app.ui.keeping import Keeper

if TYPE_CHECKING:
    from chat_app.assistant import Assistant

Update = dict[Any, Any]

STANDING = "Alike to the model's vision tower; that says nothing of the disease."
NOTHING = "No similar case was found."
EMPTY = "There is no picture to compare: open one first."
LOOKING = "Comparing …"
NO_REPORT = "No report."


class Pane:
    """A fold that shows where there is a library of whoever sits at the desk."""

    def __init__(self, assistant: Assistant, keeper: Keeper) -> None:
        self.assistant, self.keeper = assistant, keeper
        self.fold = gr.Accordion("Similar cases", open=False, visible=False, elem_id="similar")
        with self.fold:
            self.button = gr.Button("Find cases like the picture on show", size="sm", elem_id="alike")
            self.cases = gr.HTML()

    def find(self, desk: Desk) -> Iterator[Update]:
        """Looks through every library of this desk's owner."""
        yield {self.cases: LOOKING}
        shown: Update = {self.cases: ""}
        with told():
            shown = {self.cases: cards(self._found(desk))}
        yield shown

    def render(self, desk: Desk) -> Update:
        """Every component of the pane as this desk has it; what was found before is of another picture."""
        return {self.fold: gr.Accordion(visible=bool(self._libraries(desk))), self.cases: ""}

    def _libraries(self, desk: Desk) -> tuple[str, ...]:
        """Nobody's where it is not known who sits there, or nothing is kept."""
        settings, owner = self.assistant.settings, self.keeper.owner(desk)
        if not owner or not retrieval.has_libraries(settings):
            return ()
        from chat_app.retrieval import cases

        return cases.libraries(settings, owner)

    def _found(self, desk: Desk) -> tuple[Similar, ...]:
        from chat_app.retrieval import cases

        if not desk.shown:
            raise InputError(EMPTY)
        picture = desk.conversation.study.named(desk.place(desk.shown))
        if picture.caution:
            raise InputError(f"{picture.name.capitalize()} cannot be compared yet. {picture.caution}")
        settings, owner = self.assistant.settings, self.keeper.owner(desk)
        return cases.similar(picture, self.assistant.tower, settings, owner, self._libraries(desk))


def cards(found: Sequence[Similar]) -> str:
    """The cases as HTML, best first; reports are other people's text and stay text."""
    if not found:
        return f"<p>{NOTHING}</p>"
    return f"<p>{STANDING}</p>" + "".join(map(_card, found))


def _card(case: Similar) -> str:
    picture = base64.b64encode(case.thumbnail).decode("ascii")
    return (
        f'<figure><img src="data:image/png;base64,{picture}" alt="">'
        f"<figcaption><b>{html.escape(case.label)}</b>\n{html.escape(case.report or NO_REPORT)}"
        "</figcaption></figure>"
    )

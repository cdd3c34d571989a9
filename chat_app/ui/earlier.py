"""The strip of earlier cases: listed, opened again, deleted by two clicks; hidden where there are none.

A tab that is loaded again goes on with the case it had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import gradio as gr

from chat_app.errors import InputError
from chat_app.store import Case
from chat_app.ui.desk import Desk
from chat_app.ui.faults import told
from chat_app.ui.keeping import Keeper

Update = dict[Any, Any]

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
CHOOSE = "No case is chosen: choose one of those listed."
DELETE, SURELY = "Delete", "Delete for good"

# Which case a tab has open is known to that tab alone (sessionStorage). At a workstation that several people
# use, a reload shows again what was on the screen a moment before; a new tab shows nobody's pictures, only
# the list, and nothing outlives the closing of the tab.
REMEMBER = """(number) => {
  if (number) sessionStorage.setItem("lightbox-case", number);
  else sessionStorage.removeItem("lightbox-case");
}"""
RECALL = """(desk, number, ...rest) => [desk, sessionStorage.getItem("lightbox-case") || "", ...rest]"""


class Pane:
    """The strip, and what a browser remembers; all of a user is on the desk.

    render: the whole page as a desk has it. empty: what leaves a desk empty, its case kept.
    """

    def __init__(
        self, keeper: Keeper, render: Callable[[Desk], Update], empty: Callable[[Desk], None]
    ) -> None:
        self.keeper, self._render, self._empty = keeper, render, empty
        with gr.Accordion("Earlier cases", open=False, visible=False, elem_id="earlier") as self.strip:
            self.choice = gr.Radio([], label="Newest first", elem_id="cases")
            with gr.Row():
                self.open = gr.Button("Open", size="sm", elem_id="open-case")
                self.delete = gr.Button(DELETE, size="sm", elem_id="delete-case")
        self.number = gr.Textbox(visible="hidden", label="The case on the page", elem_id="case")
        self.browser = (
            gr.BrowserState("", storage_key="lightbox-browser", secret=keeper.key)
            if keeper.is_shared
            else None
        )

    def listed(self, desk: Desk) -> Update:
        """The strip as the store has it now, nothing chosen."""
        desk.doomed = ""
        cases = self._cases(desk)
        choices = [(line(each, desk), each.id) for each in cases]
        return {
            self.strip: gr.Accordion(visible=bool(cases)),
            self.choice: gr.Radio(choices=choices, value=None),
            self.delete: gr.Button(DELETE, variant="secondary"),
        }

    def current(self, desk: Desk) -> Update:
        """What the tab is to remember."""
        return {self.number: desk.case}

    def come(self, desk: Desk, case: str, secret: str = "") -> Iterator[Update]:
        """A tab was loaded: says whose cases these are, and brings back the one that this tab had open."""
        known: Update = {self.browser: self.keeper.greet(desk, str(secret))} if self.browser else {}
        if desk.images or desk.conversation.turns:  # something was dropped meanwhile
            self.keeper.keep_pictures(desk)
            self.keeper.keep(desk)
        elif case in [each.id for each in self._cases(desk)]:
            yield from self.reopen(desk, case)
        yield known | {**self.current(desk), **self.listed(desk)}

    def _cases(self, desk: Desk) -> tuple[Case, ...]:
        """None, too, after a fault, which is told."""
        cases: tuple[Case, ...] = ()
        with told():
            cases = self.keeper.cases(desk)
        return cases

    def reopen(self, desk: Desk, case: str | None) -> Iterator[Update]:
        """Puts a case onto the desk in the place of what is there, which is kept."""
        with told():
            if not case:
                raise InputError(CHOOSE)
            if case != desk.case:
                brought = self.keeper.bring_back(desk, case)
                self._empty(desk)
                desk.bring_back(*brought)
        yield self._render(desk) | self.listed(desk)

    def choose(self, desk: Desk) -> Update:
        """Another case than the one that a click was meant to delete."""
        desk.doomed = ""
        return {self.delete: gr.Button(DELETE, variant="secondary")}

    def discard(self, desk: Desk, case: str | None) -> Iterator[Update]:
        """Asks once more at the first click, and deletes the case at the second, from the page too."""
        if case and desk.doomed != case:
            desk.doomed = case
            yield {self.delete: gr.Button(SURELY, variant="stop")}
            return
        with told():
            if not case:
                raise InputError(CHOOSE)
            self.keeper.delete(desk, case)
            if desk.case == case:
                self._empty(desk)
        yield self._render(desk) | self.listed(desk)

    def wire(self, demo: gr.Blocks, desk: gr.State, whole: list[Any]) -> None:
        """Called inside the layout, once all components are there; whole: all of them."""
        strip = [self.strip, self.choice, self.delete]
        coming = [desk, self.number, *([self.browser] if self.browser else [])]
        demo.load(self.come, coming, [*whole, *coming[2:]], js=RECALL, **QUIET)
        self.number.change(None, self.number, None, js=REMEMBER)
        self.strip.expand(self.listed, desk, strip, **QUIET)
        self.choice.input(self.choose, desk, self.delete, **QUIET)
        self.open.click(self.reopen, [desk, self.choice], whole, **QUIET)
        self.delete.click(self.discard, [desk, self.choice], whole, **QUIET)


def line(case: Case, desk: Desk) -> str:
    """When it began, by the clock of the machine the page runs on; what is in it; how far its report is."""
    when = f"{datetime.fromisoformat(case.made).astimezone():%Y-%m-%d %H:%M}"
    turns = f"{case.turns} question{'' if case.turns == 1 else 's'}"
    report = f"report: {case.status}" if case.status else "no report"
    here = ["on the page now"] if case.id == desk.case else []
    return " · ".join((when, case.title or "no picture", turns, report, *here))

"""What a hand does on the pictures and in the draft, done to the desk: frames, regions, boxes, decisions.

The browser only says what was done; every picture, frame and statement it names is looked up on the desk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from chat_app.ui import chat, report, viewer
from chat_app.ui.desk import Desk
from chat_app.ui.faults import told

Update = dict[Any, Any]

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
# Past gradio's queue, where nothing is to be told: only what is queued can warn.
AT_ONCE: dict[str, Any] = {**QUIET, "queue": False}


class Hand:
    """The three panes that such events change; everything of a user is on the desk."""

    def __init__(self, pictures: viewer.Pane, talk: chat.Pane, draft: report.Pane) -> None:
        self.viewer, self.chat, self.report = pictures, talk, draft

    def turned(self, desk: Desk) -> Update:
        """What changes with the picture on show."""
        return self.viewer.render(desk) | self.chat.caution.render(desk)

    def show(self, desk: Desk, name: str) -> Update:
        if name in desk.names:
            desk.show(name)
        return self.turned(desk)

    def view(self, desk: Desk, event: gr.EventData) -> None:
        """Which frame is looked at: a question is about that one. A cut anew has no frame of the file."""
        said = viewer.said(event)
        with told():
            if not said.get("cut"):
                image, frame = viewer.place(desk, said)
                desk.frames[image.name] = frame

    def region(self, desk: Desk, event: gr.EventData) -> Update:
        """Takes over what was drawn, or takes it away."""
        said = viewer.said(event)
        with told():
            desk.region = viewer.region(desk, said) if said else None
        return {self.viewer.picture: self.viewer.value(desk), self.chat.region: self.chat.drawn(desk)}

    def mark(self, desk: Desk, event: gr.EventData) -> Update:
        with told():
            image, frame = viewer.place(desk, viewer.said(event))
            desk.mark(image.name, frame)
        return {self.viewer.picture: self.viewer.value(desk)}

    def visit(self, desk: Desk, event: gr.EventData) -> Update:
        """Shows a key image of another picture."""
        with told():
            image, frame = viewer.place(desk, viewer.said(event))
            desk.show(image.name, frame)
        return self.turned(desk)

    def cut(self, desk: Desk, event: gr.EventData) -> Update:
        self.viewer.cut(desk, str(viewer.said(event).get("name")))
        return {self.viewer.picture: self.viewer.value(desk)}

    def compare(self, desk: Desk, event: gr.EventData) -> Update:
        name = viewer.said(event).get("item")
        desk.beside = name if name in desk.names and name != desk.shown else ""
        return {self.viewer.picture: self.viewer.value(desk)}

    def renew(self, desk: Desk) -> Update:
        """The viewer once more, under new addresses where the old ones have expired."""
        return {self.viewer.picture: self.viewer.value(desk)}

    def changing(self, name: str, make: report.Change) -> Callable[[Desk, gr.EventData], Update]:
        """What takes over a decision about the draft; its boxes on the picture may be others then."""

        def change(desk: Desk, event: gr.EventData) -> Update:
            changed = self.report.change(desk, viewer.said(event), make, report.action(name))
            return changed | {self.viewer.picture: self.viewer.value(desk)}

        return change

    def take(self, desk: Desk, event: gr.EventData) -> Update:
        changed = self.report.take(desk, viewer.said(event))
        return changed | {self.viewer.picture: self.viewer.value(desk)}

    def leave(self, desk: Desk, event: gr.EventData) -> Update:
        return self.report.leave(desk, viewer.said(event))

    def sign(self, desk: Desk, event: gr.EventData) -> Update:
        return self.report.sign(desk, viewer.said(event))

    def point(self, desk: Desk, event: gr.EventData) -> Update:
        """Shows what a statement of the draft was seen in."""
        self.report.show(desk, viewer.said(event))
        return self.turned(desk) | self.report.written(desk)

    def box(self, desk: Desk, event: gr.EventData) -> Update:
        """Shows which statement of the draft a box on the picture belongs to."""
        desk.press(viewer.said(event).get("number"))
        return self.report.written(desk)

    def wire(self, desk: gr.State, turning: list[Any]) -> None:
        """Called inside the layout, once all components are there; turning: what `turned` changes."""
        picture, sheet = self.viewer.picture, self.report.sheet
        choice = self.viewer.choice
        choice.input(self.show, [desk, choice], turning, **QUIET)
        picture.view(self.view, desk, None, **AT_ONCE)
        picture.region(self.region, desk, [picture, self.chat.region], **QUIET)
        picture.mark(self.mark, desk, picture, **QUIET)
        picture.plane(self.cut, desk, picture, **QUIET)
        picture.compare(self.compare, desk, picture, **AT_ONCE)
        picture.visit(self.visit, desk, turning, **QUIET)
        picture.expired(self.renew, desk, picture, **AT_ONCE)
        picture.box(self.box, desk, sheet, **AT_ONCE)
        for event, make in report.CHANGES.items():
            getattr(sheet, event)(self.changing(event, make), desk, [sheet, picture], **QUIET)
        sheet.take(self.take, desk, [sheet, picture], **QUIET)
        sheet.leave(self.leave, desk, sheet, **QUIET)
        sheet.sign(self.sign, desk, sheet, **QUIET)
        sheet.show(self.point, desk, [*turning, sheet], **QUIET)

"""The pictures on the page: the viewer, what its browser half is told and tells, and what the model saw.

The browser gets data only, which it draws as text or as pixels; what it says is checked against the desk.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np

from chat_app.errors import InputError
from chat_app.exporters.markdown import inert
from chat_app.records import Box, Image, Look, View
from chat_app.ui.components import Picture, changed
from chat_app.ui.desk import Desk, whose
from chat_app.ui.faults import told
from chat_app.ui.slices import Lease, Lending, Single

if TYPE_CHECKING:
    from chat_app.records import Pixels

CANVAS = resources.files("chat_app.ui") / "canvas"
SCRIPTS = ("geometry.js", "slices.js", "draw.js", "port.js", "hand.js", "viewer.js")
PLANES = ("axial", "coronal", "sagittal")
REGION = "your region"
NOTHING: dict[str, Any] = {
    **dict.fromkeys(("item", "beside", "region")),
    **dict.fromkeys(("boxes", "keys", "others", "planes"), ()),
    "earlier": "",
    "aligned": False,
    "moves": 0,
    "pressed": 0,
}


def script() -> str:
    """The browser half as one text; gradio finds the names of its events in it."""
    return "\n".join((CANVAS / name).read_text(encoding="utf-8") for name in SCRIPTS)


# A `gr.HTML` whose value is data: as it stands, gradio's own expects a text of markup.
Viewer = changed(
    gr.HTML,
    "Viewer",
    preprocess=lambda _, value: value,
    postprocess=lambda _, value: value,
    api_info=lambda _: {"type": "object"},
)


def side_by_side(views: Sequence[View]) -> Pixels | None:
    """The views of one answer in the order the model got them, one strip."""
    return np.concatenate([view.pixels for view in views], axis=1) if views else None


def caption(image: Image) -> str:
    """What the file says this is; what it does not say is not guessed."""
    kind = " ".join(filter(None, (image.modality, image.body_part))) or "kind not stated in the file"
    frames = f" · {image.frames} {image.unit}s" if image.frames > 1 else ""
    return f"{image.name} · {kind} · {image.columns} x {image.rows}{frames}"


def withheld(image: Image) -> str:
    """One line on what the file says of the patient and is kept back."""
    first, rest = image.withheld[:2], len(image.withheld) - 2
    return "Kept back: " + ", ".join(first) + (f" and {rest} more" if rest > 0 else "")


def earlier(image: Image, other: Image) -> str:
    """How another picture relates to the one on show, as far as both files say; never a date."""
    words = [other.name]
    if image.origin.patient and other.origin.patient and image.origin.patient != other.origin.patient:
        words.append("different patient?")
    if image.origin.day is not None and other.origin.day is not None:
        words.append(_days(image.origin.day - other.origin.day))
    return " · ".join(words)


def _days(days: int) -> str:
    if not days:
        return "same day"
    return f"{abs(days)} day{'s' if abs(days) > 1 else ''} {'earlier' if days > 0 else 'later'}"


class Pane:
    """The left of the page: the picture on show, the choice among several, and what the model saw."""

    def __init__(self) -> None:
        self.lending = Lending()
        self.picture = Viewer(
            html_template=(CANVAS / "viewer.html").read_text(encoding="utf-8"),
            css_template=(CANVAS / "viewer.css").read_text(encoding="utf-8"),
            js_on_load=script(),
            apply_default_css=False,
            elem_id="picture",
        )
        self.caption = gr.Markdown(elem_id="caption")
        self.choice = gr.Radio([], label="On show", visible=False, elem_id="choice")
        with gr.Accordion("Kept back", open=False, visible=False, elem_id="withheld") as self.withheld:
            self.kept = gr.Markdown()

    def seen(self) -> None:
        """Lays out what the model saw; called where it belongs on the page."""
        with gr.Accordion("What the model saw", open=False, elem_id="seen"):
            self.views = Picture(show_label=False, interactive=False, height=224, buttons=[])
            self.words = gr.Textbox(show_label=False, interactive=False, max_lines=12, elem_id="seen-words")

    def render(self, desk: Desk) -> dict[Any, Any]:
        """Every component of the pane as this desk has it."""
        image, names = desk.image, list(desk.names)
        kept = image.withheld if image else ()
        return {
            self.picture: self.value(desk),
            self.caption: _lines([caption(image), *desk.notes]) if image else "",
            self.choice: gr.Radio(names, value=desk.shown or None, visible=len(names) > 1),
            self.withheld: gr.Accordion(label=withheld(image) if image else "", visible=bool(kept)),
            self.kept: ", ".join(map(inert, kept)),
            self.views: side_by_side(desk.answer.views if desk.answer else ()),
            self.words: "\n".join(seen(desk)),
        }

    def value(self, desk: Desk) -> dict[str, Any]:
        """What the browser half shows: see Value in canvas/viewer.js."""
        # First of all: what is read from the desk after this moment is at least as new as it says.
        made = time.monotonic_ns() // 1000
        image = desk.image
        if image is None:
            return {**NOTHING, "made": made}
        other = desk.picture(desk.beside) if desk.beside else None
        is_volume = image.unit == "slice" and image.frames > 1
        return {
            "item": self._item(desk, image, desk.cut),
            "beside": self._item(desk, other, "") if other else None,
            "earlier": earlier(image, other) if other else "",
            "aligned": bool(other and image.origin.study and image.origin.study == other.origin.study),
            "others": [name for name in desk.names if name != image.name],
            "planes": list(PLANES) if is_volume else [],
            "boxes": [each for n, box in enumerate(desk.boxes, 1) if (each := _box(desk, box, n))],
            "region": _box(desk, desk.region, 0) if desk.region else None,
            "keys": [{"image": whose(key), "frame": desk.frame_of(key), "words": key} for key in desk.keys],
            "moves": desk.moves,
            "pressed": desk.pressed,
            "made": made,
        }

    def _item(self, desk: Desk, image: Image, cut: str) -> dict[str, Any]:
        lease = self.lease(desk, image, cut)
        stack = lease.stack
        return {
            "name": image.name,
            "base": f"viewer/{lease.token}/",
            "unit": stack.unit,
            "frames": stack.frames,
            "frame": desk.frame(image.name) if not cut else (stack.frames + 1) // 2,
            "looks": [_look(look) for look in stack.looks],
            "positions": lease.positions,
            "cut": cut,
        }

    def lease(self, desk: Desk, image: Image, cut: str) -> Lease:
        """What the browser is lent of a picture; raises InputError where it cannot be cut in that plane."""
        lease = desk.leases.get((image.name, cut))
        if lease is None or not self.lending.is_live(lease):
            stack = lease.stack if lease else image.stack or Single(image)
            stack = stack.reformat(cut) if cut and lease is None else stack
            lease = desk.leases[image.name, cut] = self.lending.lend(stack)
        return lease

    def cut(self, desk: Desk, name: str) -> None:
        """Cuts the picture on show in another plane, or shows it as it came; a fault is told."""
        if desk.image is None or name not in ("", *PLANES):
            return
        with told():
            self.lease(desk, desk.image, name)
            desk.cut = name


def said(event: gr.EventData) -> Mapping[str, Any]:
    """What the browser sent with an event; nothing, if it is no record."""
    data = event._data
    return data if isinstance(data, dict) else {}


def place(desk: Desk, said: Mapping[str, Any]) -> tuple[Image, int]:
    """The picture and the frame the browser speaks of.

    Raises:
        InputError: this desk has no such picture, or it has no such frame.
    """
    name, frame = said.get("item"), said.get("frame")
    if name not in desk.names or not isinstance(frame, int):
        raise InputError("That picture is not open here: choose one of those on the page.")
    image = desk.picture(str(name))
    if not 1 <= frame <= image.frames:
        raise InputError(
            f"{image.name.capitalize()} has no {image.unit} {frame}: choose one from 1 to {image.frames}."
        )
    return image, frame


def region(desk: Desk, said: Mapping[str, Any]) -> Box:
    """The region the browser speaks of, clamped to its picture.

    Raises:
        InputError: it lies on no picture of this desk, or nothing of it lies inside.
    """
    image, frame = place(desk, said)
    corners = [said.get(key) for key in ("x0", "y0", "x1", "y1")]
    most = (image.columns, image.rows) * 2
    x0, y0, x1, y1 = (_clamped(value, limit) for value, limit in zip(corners, most, strict=True))
    if x0 >= x1 or y0 >= y1:
        raise InputError("That region holds no pixel of the picture: draw it again.")
    return Box(x0, y0, x1, y1, REGION, desk.place(image.name, frame))


def _box(desk: Desk, box: Box, number: int) -> dict[str, Any]:
    """A box with the frame it belongs to; nothing when its picture is not on the desk any more."""
    if whose(box.image) not in desk.names:
        return {}
    corners = dict(zip(("x0", "y0", "x1", "y1"), box.corners, strict=True))
    place = {"image": whose(box.image), "frame": desk.frame_of(box.image)}
    return {"number": number, "label": box.label, **place, **corners}


def _clamped(value: Any, most: int) -> int:
    return min(most, max(0, value)) if isinstance(value, int) else 0


def _look(look: Look) -> dict[str, Any]:
    window = {"center": look.window.center, "width": look.window.width}
    table = base64.b64encode(look.table.tobytes()).decode("ascii") if look.table is not None else None
    return {"name": look.name, "function": look.function, "table": table, "first": look.first, **window}


def _lines(sentences: Sequence[str]) -> str:
    return "\n\n".join(inert(each) for each in sentences)


def seen(desk: Desk) -> list[str]:
    """A line for each view behind the last answer, each thing done to show it, and the memory's meter."""
    views = desk.answer.views if desk.answer else ()
    notes = desk.image.notes if desk.image else ()
    lines = [*(view.description for view in views), *(f"{desk.shown}: {note}" for note in notes)]
    return (
        [*lines, f"Memory: {desk.answer.fullness:.0%} of what the model can hold"] if desk.answer else lines
    )

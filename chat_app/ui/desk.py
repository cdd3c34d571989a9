"""What one browser session has on its desk: its conversation, its draft, and the work in hand.

It knows nothing of gradio; one lives in each session's `gr.State` and nowhere else.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path

from chat_app.records import Answer, Box, Conversation, Image, Report, Turn


@dataclass(frozen=True)
class Pending:
    """A file of several frames, kept until one is chosen."""

    path: Path
    frames: int


@dataclass(eq=False)
class Desk:
    """One session's own things. Handlers change it in place, so no late answer can undo a fresh upload.

    fresh: names of the pictures that came since the last question. shown: the name of the one on show.
    work: one event for each thing being generated; setting it ends the generation.
    """

    conversation: Conversation = field(default_factory=Conversation)
    report: Report | None = None
    pending: tuple[Pending, ...] = ()
    fresh: tuple[str, ...] = ()
    shown: str = ""
    work: dict[str, threading.Event] = field(default_factory=dict)

    @contextmanager
    def working(self, kind: str) -> Iterator[threading.Event]:
        """The event that stops this piece of work; an older piece of the same kind is stopped first.

        It is set when the block ends in whatever way, a closed tab included.
        """
        self.halt(kind)
        stop = self.work[kind] = threading.Event()
        try:
            yield stop
        finally:
            stop.set()
            if self.work.get(kind) is stop:
                del self.work[kind]

    def halt(self, *kinds: str) -> None:
        """Ends the work of these kinds, or all of it; what it still gives is not for this desk any more."""
        for kind in kinds or tuple(self.work):
            if stop := self.work.pop(kind, None):
                stop.set()

    def stop(self, kind: str) -> None:
        """Asks the work of this kind to end; what it has given so far is kept."""
        if stop := self.work.get(kind):
            stop.set()

    def owns(self, kind: str, stop: threading.Event) -> bool:
        """Whether the work that `stop` belongs to is still wanted here."""
        return self.work.get(kind) is stop

    def add(self, image: Image) -> None:
        self.conversation = self.conversation.with_image(image)
        self.fresh = (*self.fresh, image.name)
        self.shown = image.name

    def record(self, turn: Turn, number: int) -> None:
        """Makes this the turn of that number (from 0); whatever came after it is gone."""
        self.conversation = self.conversation.before(number).with_turn(turn)
        self.fresh = ()
        boxed = {box.image for box in turn.answer.boxes} & set(self.names)
        if boxed and self.shown not in boxed:
            self.shown = min(boxed, key=self.names.index)

    def clear(self) -> None:
        """An empty desk; what was being generated ends, and files that waited for a frame are deleted."""
        self.halt()
        for pending in self.pending:
            pending.path.unlink(missing_ok=True)
        empty = Desk()
        for each in fields(self):
            setattr(self, each.name, getattr(empty, each.name))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(image.name for image in self.conversation.study.images)

    @property
    def image(self) -> Image | None:
        return self.conversation.study.named(self.shown) if self.shown else None

    @property
    def answer(self) -> Answer | None:
        turns = self.conversation.turns
        return turns[-1].answer if turns else None

    @property
    def about(self) -> tuple[str, ...]:
        """The pictures the next question is about unless the user says otherwise."""
        turns = self.conversation.turns
        return self.fresh or (turns[-1].images if turns else self.names)

    @property
    def boxes(self) -> tuple[Box, ...]:
        """The last answer's boxes, in the order of their numbers."""
        return self.answer.boxes if self.answer else ()

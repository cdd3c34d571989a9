"""For the page's tests: an assistant that echoes which picture it was given, and a page to open over it."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from chat_app import imaging, prompts
from chat_app.errors import BadQuestion
from chat_app.imaging.view import look
from chat_app.records import (
    Answer,
    Box,
    Contract,
    Conversation,
    Image,
    ModelId,
    Report,
    Section,
    Source,
    Statement,
    Waiting,
)
from chat_app.settings import NOWHERE, Settings
from chat_app.ui import examples, keeping
from chat_app.ui.page import Page

CONTRACT = Contract(size=64, most_images=4)
MODEL = ModelId("echo", "0" * 64, "for tests")


def digest(image: Image) -> str:
    """Eight digits that only these pixels have."""
    return hashlib.sha256(image.pixels.tobytes()).hexdigest()[:8]


def digest_of(path: Path) -> str:
    return digest(imaging.read(path, name="image 1"))


def _half(image: Image, side: int, label: str) -> Box:
    """The upper left (0) or right (1) quarter of a picture."""
    half = image.columns / 2
    return Box(side * half, 0, side * half + half, image.rows / 2, label, image.place)


@dataclass
class Echo:
    """Answers "image 1 is <digest>, turn 1: <question>", word by word with a pause after each.

    reply: what it says instead, when given. label: of its box. left: how many answers nobody waited for.
    waits: how many questions it says come first, before it answers. host: where it would run. adapters: what
    it can speak with; spoken: what it was told to. owners: whose conversations came; forgotten: who left.
    """

    pause: float = 0.0
    reply: str = ""
    label: str = "half"
    gate: threading.Event | None = None
    left: int = 0
    host: str = ""
    adapters: tuple[str, ...] = ()
    settings: Settings = field(default_factory=Settings)
    forgotten: list[str] = field(default_factory=list)
    spoken: list[str | None] = field(default_factory=list)
    owners: list[str] = field(default_factory=list)
    waits: tuple[int, ...] = ()
    contract: Contract = CONTRACT

    @property
    def card(self) -> SimpleNamespace:
        return SimpleNamespace(name="echo", label="for tests", contract=self.contract, host=self.host)

    def load(self, progress: Callable[[str], None] | None = None) -> None:
        if self.gate:
            if progress:
                progress("Loading the echo …")
            self.gate.wait(30)

    def forget(self, owner: str) -> None:
        self.forgotten.append(owner)

    def ask(
        self,
        conversation: Conversation,
        question: str,
        *,
        images: Sequence[str] = (),
        region: Box | None = None,
        adapter: str | None = None,
        corpora: Sequence[str] | None = None,
        stop: threading.Event | None = None,
    ) -> Iterator[str | Waiting | Answer]:
        self.spoken.append(adapter)
        self.owners.append(conversation.owner)
        yield from map(Waiting, self.waits)
        if not question.strip():
            raise BadQuestion("The question is empty: type one.")
        pictures = [conversation.study.named(name) for name in images]
        turn = len(conversation.turns) + 1
        asked = f"{question} in {region.corners} of {region.image}" if region else question
        text = self.reply or f"{self._digests(pictures)}, turn {turn}: {asked}"
        said, stopped = "", False
        try:
            for word in text.split(" "):
                stopped = bool(stop and stop.wait(self.pause))
                if stopped:
                    break
                said += f"{word} "
                yield f"{word} "
        except GeneratorExit:
            self.left += 1
            raise
        boxes = [Box(0, 0, each.columns / 2, each.rows / 2, self.label, each.place) for each in pictures[:1]]
        yield Answer(
            said.strip(),
            MODEL,
            "p",
            0,
            statements=tuple(Statement(said.strip(), Source.SEEN, f"seen in {name}") for name in images[:1]),
            boxes=tuple(boxes),
            views=tuple(look(each, self.contract) for each in pictures),
            stopped=stopped,
        )

    def draft(
        self,
        conversation: Conversation,
        template: str,
        *,
        told: Mapping[str, str] | None = None,
        images: Sequence[str] = (),
        adapter: str | None = None,
        stop: threading.Event | None = None,
    ) -> Iterator[Section | Report]:
        pictures = [conversation.study.named(name) for name in images]
        wanted, sections = prompts.template(template), []
        for each in wanted.sections:
            time.sleep(self.pause)
            words = self.reply or f"{each.title} of {self._digests(pictures)}."
            seen = pictures[:1] if each.source == "model" else []
            boxes = tuple(_half(one, len(sections) % 2, self.label) for one in seen)
            statement = Statement(words, Source.SEEN, "seen in image 1", boxes)
            if told and each.name in told:
                statement = Statement(told[each.name], Source.TOLD, "told by you")
            sections.append(Section(each.name, each.title, (statement,), each.code, each.source == "model"))
            yield sections[-1]
        yield Report(template, wanted.title, tuple(sections), MODEL, "p", 0, images=tuple(images))

    def _digests(self, pictures: Sequence[Image]) -> str:
        return " and ".join(f"{each.place} is {digest(each)}" for each in pictures) or "no picture"


class NoNetwork(examples.Network):
    """As on a machine without one: nothing is asked."""

    def start(self) -> None:
        self.ended = True


@contextmanager
def opened(assistant: Any, chosen: Settings | None = None) -> Iterator[str]:
    """The address of a page over this assistant, on a port of its own. It keeps nothing unless told to."""
    chosen = replace(chosen or Settings(store=NOWHERE), port=free_port())
    page = Page(assistant, chosen, NoNetwork(), keeping.opened(chosen))
    yield page.listen()
    page.demo.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

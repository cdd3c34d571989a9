"""One conversation about one picture: its questions, its film, and how it is held with Lightbox itself."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from benchmarks import models
from chat_app.assistant import Assistant
from chat_app.imaging.view import block, look
from chat_app.models.cards import Card, Weights
from chat_app.models.local.chat import LocalModel
from chat_app.records import Answer, Contract, Conversation, Image, Turn
from chat_app.settings import Settings

# About 44 tokens each: with the answer before and the template, every turn makes the prompt 65 longer.
QUESTIONS = (
    "What kind of picture is this, and which part of the body does it show? Say also whether both lungs are "
    "in the picture from top to bottom, and whether anything in it is cut off.",
    "Is the heart larger than it should be for this kind of picture? Answer the question first, then say "
    "what in the picture your answer rests on, and how certain that makes it.",
    "Look at the right lung again, from the top down to the lowest part. Is there anything there that is not "
    "there on the left side, where does it lie, and how large is it beside the heart?",
    "Does the picture show any fluid beside the lungs, on one side or on both? When the picture does not "
    "show it, say that you cannot tell, and say which other picture would show it.",
    "Are the bones that the picture shows whole, the ribs and the shoulders? Name every one that is not, "
    "with the side on which it lies and the number of the picture that shows it.",
    "Are there any tubes, lines or wires in the picture? Say for each where it begins, where it ends, and "
    "whether that is where it should be. Leave out what lies outside the body.",
    "What would you write under Impression in a report of this picture? Two sentences at the most, and "
    "nothing that the picture does not show. Leave out what you have no answer to.",
    "Which of your answers are you least certain of, and what other picture of the same part of the body "
    "would be needed to be certain of it? Answer in one sentence for each.",
)
OTHER = (
    "Is this picture good enough to be read: is it sharp, is nothing cut off, and is the person in it "
    "turned to one side?"
)
TOKENS = 16


@dataclass
class Asked:
    """What came of a question: seconds to its first text and to its end, and tokens of its prompt.

    read: all of the prompt's. kept: those of them that had been read before.
    """

    first: float = 0.0
    total: float = 0.0
    text: str = ""
    read: int = 0
    kept: int = 0
    answer: Answer | None = None


class Talker(Protocol):
    """Somebody a conversation can be held with."""

    def begin(self, *, again: bool = False) -> None:
        """A new conversation; `again`: by the same person about the same picture."""

    def ask(self, question: str) -> Asked: ...


def card(size: str) -> Card:
    """How such a model must be fed; `lightbox` would know it by this."""
    shape = models.SHAPES[size]
    return Card(
        name=f"random-{size}",
        label="random weights; for measuring only",
        licence="none",
        about="Says words that mean nothing.",
        contract=Contract(size=shape.side, resize="pad", context=models.CONTEXT),
        image_tokens=models.pictured(shape),
        weights=Weights("none/none", "LlavaForConditionalGeneration", 0, 0, 0, ()),
    )


@functools.cache
def film(seed: int = 0, rows: int = 2500, columns: int = 2048) -> Image:
    """A picture of a radiograph's size, with its smoothness and its noise."""
    y, x = np.ogrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    body = 200 * np.exp(-2 * (x * x + y * y)) + 20 * np.sin(9 * x + seed) * np.cos(7 * y)
    noise = np.random.default_rng(seed).normal(0, 4, (rows, columns))
    pixels = (body + noise).clip(0, 255).astype(np.uint8)
    return Image("image 1", pixels, f"{seed:064x}", "DICOM", modality="CR", body_part="CHEST")


@dataclass
class Product:
    """Lightbox as its page asks it: from the picture and the words to the first piece of text."""

    assistant: Assistant
    image: Image
    conversation: Conversation = field(default_factory=Conversation)

    def begin(self, *, again: bool = False) -> None:
        if again:
            self.conversation = self.conversation.before(0)
        else:
            self.assistant.forget(self.conversation.owner)
            # A picture opened anew, as somebody else would.
            self.conversation = Conversation().with_image(replace(self.image))

    def ask(self, question: str) -> Asked:
        asked, began = Asked(), time.perf_counter()
        for piece in self.assistant.ask(self.conversation, question):
            if isinstance(piece, str):
                asked.first = asked.first or time.perf_counter() - began
            elif isinstance(piece, Answer):
                asked.answer, asked.text = piece, piece.raw
        asked.total = time.perf_counter() - began
        assert asked.answer
        self.conversation = self.conversation.with_turn(Turn(question, asked.answer.images, asked.answer))
        return asked


def seen(image: Image, size: str) -> dict[str, Any]:
    """The picture as the assistant would send it."""
    return block(image, look(image, card(size).contract))


def product(model: LocalModel, size: str) -> Assistant:
    """The assistant over that model, as `lightbox` would set it up."""
    return Assistant(Settings(max_new_tokens=model.max_new_tokens), model=model, card=card(size))

"""What is asked and answered about pictures, as frozen records."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from chat_app.records.models import ModelId
from chat_app.records.passages import Citation, Passage
from chat_app.records.pictures import Box, Image, Study, View
from chat_app.records.report import Statement


@dataclass(frozen=True)
class Waiting:
    """Nothing was written just now. before: how many questions come first; 0 once this one is being read."""

    before: int


@dataclass(frozen=True, eq=False)
class Answer:
    """What came back for one question, with all that is needed to reproduce it.

    text: readable, each box replaced by its number ("[1]" is boxes[0]). timings: seconds by name.
    images: the names of the pictures it is about. asked: the question as the model read it, where that is
    more than the user's own words. logprobs: natural log-probability of each generated token, in order.
    stopped: the user cut it short. next: what might be asked now.
    fullness: share of the model's context in use, 0 to 1, for the meter. corpora: the documents that were
    searched for it; passages: what was found there, "[P1]" is passages[0]; citations: every one in the text,
    checked. unread: the passages are for the reader, the model was not given them. without: what the model
    says without the passages, where it was unsure with them and says otherwise.
    """

    text: str
    model: ModelId
    prompt: str
    seed: int
    statements: tuple[Statement, ...] = ()
    boxes: tuple[Box, ...] = ()
    warnings: tuple[str, ...] = ()
    views: tuple[View, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    logprobs: tuple[float, ...] = ()
    raw: str = ""
    stopped: bool = False
    fullness: float = 0.0
    images: tuple[str, ...] = ()
    asked: str = ""
    next: tuple[str, ...] = ()
    corpora: tuple[str, ...] = ()
    passages: tuple[Passage, ...] = ()
    citations: tuple[Citation, ...] = ()
    unread: bool = False
    without: str = ""


@dataclass(frozen=True, eq=False)
class Turn:
    """One question with the names of the pictures it was about, and its answer.

    region: what the user drew on a picture and asked about.
    """

    question: str
    images: tuple[str, ...]
    answer: Answer
    region: Box | None = None

    @property
    def asked(self) -> str:
        """The question as the model read it."""
        return self.answer.asked or self.question


@dataclass(frozen=True)
class Conversation:
    """One user's pictures and turns; never shared, never on the Assistant.

    owner: whose it is, a secret that means nothing: only conversations of one owner share what a model keeps
    of what it read. agreed: the machines to which this person lets it be sent.
    """

    study: Study = field(default_factory=Study)
    turns: tuple[Turn, ...] = ()
    owner: str = field(default_factory=lambda: secrets.token_hex(16), repr=False, compare=False)
    agreed: tuple[str, ...] = ()

    def with_image(self, image: Image) -> Conversation:
        return replace(self, study=self.study.with_image(image))

    def with_turn(self, turn: Turn) -> Conversation:
        return replace(self, turns=(*self.turns, turn))

    def before(self, turn: int) -> Conversation:
        """The same pictures, with only the turns before number `turn` (from 0): for Undo, Retry and Edit."""
        return replace(self, turns=self.turns[:turn])
